"""The score of what is unlike the training set, against slow direct formulas and planted outliers."""

from dataclasses import replace

import numpy as np
import pytest

from agez.errors import AgezError
from agez.models.features import normalised
from agez.novelty.expected_photometry import AMPLITUDE_WIDTH, COEFFICIENT_WIDTH, expected
from agez.novelty.novelty_score import (
    FEW_BANDS,
    LEAST_STAR_PREFERENCE,
    LOOSENESS,
    Novelty,
    score,
    standardised,
    statistics,
)
from agez.novelty.sed_subspace import (
    SedSubspace,
    eliminate,
    fit_chi2,
    normal_matrix,
    rows_of_nodes,
    subspace_products,
    weigh,
)
from agez.novelty.threshold_surface import conditions
from agez.photometry.filters import load_filters
from agez.spectra.templates import made_up_grid
from agez.training.band_scatter import band_scatter
from agez.training.learn_novelty import CHUNK_OF_SEDS, _drawn_together, learn_novelty, recalibrated
from agez.training.sed_subspaces import fit_subspace, redshift_nodes
from agez.training.star_subspace import star_seds
from agez.training_seds import seds as sky_seds
from agez.training_seds.libraries import library_of
from agez.training_seds.observe import Survey, observe, observe_redshift
from agez.training_seds.outliers import stars as seen_stars

RANGE = (0.0, 0.02)


@pytest.fixture(scope="module")
def sky(filters):
    with pytest.MonkeyPatch.context() as patch:
        # galaxies of one chunk share redshift and velocity dispersion: many small ones, for few galaxies to be diverse
        patch.setattr(sky_seds, "CHUNK", 25)
        libraries = [library_of(made_up_grid())]
        return sky_seds.make_training_seds(filters, libraries, 7000, np.random.default_rng(0), redshift_range=RANGE)


@pytest.fixture(scope="module")
def filters():
    filters = load_filters("jpas")
    return filters.select([name for name in filters.names if "SDSS" not in name])


@pytest.fixture(scope="module")
def typical(sky, filters):
    stars = star_seds(filters, np.random.default_rng(2), n=1000)
    return learn_novelty(sky.take(slice(0, 6000)), np.random.default_rng(1), redshift_range=RANGE, stars=stars)


def rows_seen(sky, rng, n=400, **survey):
    rows = sky.take(slice(6000, 6000 + n))
    seen = observe(rows.flux, rows.present, np.array(sky.bands.pivot_angstrom), rng, survey=Survey(**survey))
    return seen, rows.redshift


def test_chi2_of_a_plane_is_that_of_the_dense_covariance(sky, typical, rng):
    seds = normalised(*rows_seen(sky, rng, n=12)[0])
    planes = typical.subspaces
    basis, left = planes.basis[1], planes.residual_variance[1]
    covered = seds.covered & np.isfinite(left)
    weighed = weigh(seds.flux, seds.flux_err, covered, basis[-1], left)
    fast = fit_chi2(normal_matrix(subspace_products(basis), weighed), LOOSENESS).chi2
    for i in range(12):
        use = covered[i]
        components = LOOSENESS * basis[:-1, use].astype(float)
        covariance = components.T @ components + np.diag(1 / weighed.weight[use, i].astype(float))
        inverse = np.linalg.inv(covariance)
        residual, mean = weighed.residual[use, i].astype(float), basis[-1, use].astype(float)
        slow = residual @ inverse @ residual - (mean @ inverse @ residual) ** 2 / (mean @ inverse @ mean)
        assert fast[i] == pytest.approx(slow, rel=2e-3, abs=2e-3)


def test_eliminate_is_the_schur_complement(rng):
    a = rng.standard_normal((5, 7, 9))
    matrix = np.einsum("nij,nkj->ikn", a, a)
    rest, log_det = (part[..., 0] for part in eliminate(matrix[:, :, :1].copy(), 2))
    m = matrix[:, :, 0]
    np.testing.assert_allclose(rest, m[2:, 2:] - m[2:, :2] @ np.linalg.inv(m[:2, :2]) @ m[:2, 2:])
    assert log_det == pytest.approx(np.linalg.slogdet(m[:2, :2])[1])


def test_what_other_bands_say_is_the_conditional_mean_of_the_joint_gaussian(sky, typical, rng):
    seen, z = rows_seen(sky, rng, n=8, snr=(20, 60))
    seds = normalised(*seen)
    flux, err = expected(typical, seds, z, np.zeros(8))
    node = score(typical, seds, z, np.zeros(8)).node
    for i in range(8):
        basis, left = (
            typical.subspaces.basis[node[i]].astype(float),
            typical.subspaces.residual_variance[node[i]].astype(float),
        )
        ok = np.isfinite(left)
        covered = seds.covered & ok
        weighed = weigh(seds.flux[[i]], seds.flux_err[[i]], covered[[i]], basis[-1], left)
        widths = np.append(np.full(len(basis) - 1, COEFFICIENT_WIDTH), AMPLITUDE_WIDTH)
        signal = (basis.T * widths**2) @ basis
        for band in np.flatnonzero(ok):
            others = covered[i].copy()
            others[band] = False
            noise = np.diag(1 / weighed.weight[others, 0])
            gain = signal[band, others] @ np.linalg.inv(signal[np.ix_(others, others)] + noise)
            mean = basis[-1, band] + gain @ weighed.residual[others, 0]
            variance = signal[band, band] - gain @ signal[others, band] + left[band]
            amplitude = weighed.amplitude[0]
            assert flux[i, band] == pytest.approx(amplitude * mean, rel=1e-4, abs=1e-5)
            assert err[i, band] == pytest.approx(amplitude * np.sqrt(variance), rel=1e-3)
        assert np.isnan(flux[i, ~ok]).all()
        assert np.isnan(err[i, ~ok]).all()


def test_a_missing_band_is_one_of_infinite_error(sky, typical, rng):
    (flux, error, covered), z = rows_seen(sky, rng, n=50, complete=1.0)
    gone = covered & (rng.uniform(size=covered.shape) < 0.3)
    base = normalised(flux, error, covered & ~gone)
    huge = base._replace(
        flux=np.where(gone, 7.0, base.flux), flux_err=np.where(gone, 1e9, base.flux_err), covered=covered
    )
    a, b = score(typical, base, z, np.zeros(50)), score(typical, huge, z, np.zeros(50))
    free = lambda s: (s.covered & np.isfinite(s.flux)).sum(axis=1) - 1  # noqa: E731
    np.testing.assert_allclose(a.chi2 * free(base), b.chi2 * free(huge), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(a.nearest * free(base), b.nearest * free(huge), rtol=1e-3, atol=1e-3)


def test_neither_the_unit_nor_the_neighbours_matter(sky, typical, rng):
    (flux, error, covered), z = rows_seen(sky, rng, n=100)
    z = np.where(np.arange(100) % 5 == 0, np.nan, z)
    err = np.where(np.arange(100) % 3 == 0, 0.003, 0.0)
    one = score(typical, normalised(flux, error, covered), z, err)
    other = score(typical, normalised(flux * 1e4, error * 1e4, covered), z, err)
    np.testing.assert_allclose(one.ood, other.ood, rtol=1e-3, atol=2e-3)
    few = np.array([3, 40, 41, 99])
    alone = score(typical, normalised(flux[few], error[few], covered[few]), z[few], err[few])
    np.testing.assert_allclose(one.ood[few], alone.ood, rtol=1e-3, atol=2e-3)


def test_one_ordinary_row_in_twenty_is_flagged_whatever_its_noise_and_bands(sky, typical, rng):
    ood, snr, count = [], [], []
    for _ in range(4):
        seen, z = rows_seen(sky, rng, n=1000)
        seds = normalised(*seen)
        z, err = observe_redshift(z, RANGE, rng)
        ood.append(score(typical, seds, z, err).ood)
        snr.append(np.exp(-np.where(seds.covered, np.log(seds.flux_err), 0).sum(axis=1) / seds.covered.sum(axis=1)))
        count.append(seds.covered.sum(axis=1))
    flagged, snr, count = np.concatenate(ood) > 1, np.concatenate(snr), np.concatenate(count)
    assert 0.035 < flagged.mean() < 0.075
    for chosen in (
        snr < 10,
        (snr >= 10) & (snr < 60),
        snr >= 60,
        count < 20,
        (count >= 20) & (count < 40),
        count >= 40,
    ):
        assert 0.02 < flagged[chosen].mean() < 0.10


def test_planted_outliers_are_flagged_and_small_calibration_errors_are_not(sky, typical, rng):
    seen, z = rows_seen(sky, rng, n=300, snr=(30, 30.1), complete=1.0)
    zero = np.zeros(300)
    upside_down = normalised(seen.flux[:, ::-1], seen.flux_err, seen.covered)
    assert (score(typical, upside_down, z, zero).ood > 1).mean() > 0.9
    factor = np.ones(seen.flux.shape)
    factor[:, [5, 12, 20, 28, 33]] = 1.3
    assert (score(typical, normalised(seen.flux * factor, seen.flux_err, seen.covered), z, zero).ood > 1).mean() > 0.9
    factor[factor > 1] = 1.02
    assert (score(typical, normalised(seen.flux * factor, seen.flux_err, seen.covered), z, zero).ood > 1).mean() < 0.15


def test_stars_are_told_from_galaxies(sky, filters, typical, rng):
    seen = seen_stars(filters, 300, rng, 30)
    seds = normalised(seen.flux, seen.flux_err, seen.covered)
    z = rng.uniform(*RANGE, 300)
    with_stars = (score(typical, seds, z, np.zeros(300)).ood > 1).mean()
    assert with_stars > 0.9


def test_a_row_of_few_bands_needs_better_evidence_to_be_a_star(filters, typical, rng):
    seen = seen_stars(filters, 600, rng, 20)
    z, zero = rng.uniform(*RANGE, 600), np.zeros(600)
    few = seen.covered & (np.arange(seen.covered.shape[1]) < seen.covered.shape[1] // 3)
    seds = normalised(np.where(few, seen.flux, np.nan), np.where(few, seen.flux_err, np.nan), few)
    stats = statistics(typical, seds, z, zero)
    without = replace(typical, stars=None, star_centroids=None)
    with_stars, alone = score(typical, seds, z, zero).ood, score(without, seds, z, zero).ood
    unsure = stats.star_preference < LEAST_STAR_PREFERENCE
    assert 50 < unsure.sum() < 550
    assert ((with_stars[unsure] <= 1) | (with_stars[unsure] <= alone[unsure] + 1e-6)).all()
    assert (with_stars[~unsure] > alone[~unsure]).mean() > 0.5
    # with most bands the threshold alone decides
    many = normalised(seen.flux, seen.flux_err, seen.covered)
    stats = statistics(typical, many, z, zero)
    unsure = stats.star_preference < LEAST_STAR_PREFERENCE
    excess_of_star = standardised(typical, stats, typical.thresholds)[-1] / np.maximum(
        stats.conditions @ typical.thresholds[-1], 0.1
    )
    got = score(typical, many, z, zero).ood
    assert (got[unsure] >= excess_of_star[unsure] - 1e-6).all()


def test_thresholds_of_older_files_say_the_same(typical, sky, rng):
    """They had no redshift, and one coefficient at each number of nodes and S/N for all numbers of bands."""
    seen, z = rows_seen(sky, rng, n=300)
    seen = seen._replace(covered=seen.covered & (rng.random(seen.covered.shape) < rng.uniform(0.1, 1, (300, 1))))
    stats = statistics(typical, seen, z, rng.choice([0.0, 0.002, np.inf], 300))
    coarse, rest = stats.conditions[:, :36], stats.conditions[:, 36:].reshape(300, 3, 4, 2)
    older = np.concatenate([coarse, rest[:, :, :3].sum(axis=3).reshape(300, -1)], axis=1)
    lines = rng.standard_normal((7, 45))
    arrays = typical.to_arrays() | {"ordinary_thresholds": lines}
    with pytest.raises(AgezError, match="thresholds of 44 conditions"):
        Novelty.from_arrays(arrays | {"ordinary_thresholds": lines[:, 1:]})
    np.testing.assert_allclose(
        stats.conditions @ Novelty.from_arrays(arrays).thresholds.T, older @ lines.T, rtol=1e-9, atol=1e-12
    )
    assert np.ptp(rest[:, :, :3].sum(axis=(1, 2, 3))) == pytest.approx(1)  # known and unknown redshifts


def test_conditions_of_thresholds_tell_near_galaxies_from_far_ones():
    near, far = (conditions(np.full(1, 30.0), np.full(1, 40), np.ones(1), np.full(1, z))[0] for z in (0.02, 0.5))
    differ = near != far
    assert differ.sum() == 4  # two knots of S/N, two of the number of bands
    assert not near[differ].any()
    np.testing.assert_allclose([far[differ].sum(), near.sum()], 1)


def test_worst_bands_do_not_count_in_rows_of_few_bands(typical, sky, rng):
    seen, z = rows_seen(sky, rng, n=60)
    flux, error, covered = seen
    rows = np.arange(len(z))
    few = covered & (np.cumsum(covered, axis=1) <= FEW_BANDS)
    spoilt = flux.copy()
    for band in (3, 9):  # two, for one may be left out
        spoilt[rows, band] *= 3
    for kept, counts in ((covered, True), (few, False)):
        seds = normalised(np.where(kept, spoilt, np.nan), np.where(kept, error, np.nan), kept)
        stats = statistics(typical, seds, z, np.zeros(len(z)))
        each = standardised(typical, stats, typical.thresholds)
        np.testing.assert_array_equal(np.isfinite(each[1]), kept.sum(axis=1) > FEW_BANDS)
        assert np.isfinite(each[1]).any() == counts
        assert np.isfinite(score(typical, seds, z, np.zeros(len(z))).ood).all()


def test_without_stars_it_works_as_well(sky, rng):
    typical = learn_novelty(sky.take(slice(0, 1000)), np.random.default_rng(1), redshift_range=RANGE)
    assert not any(name.startswith("star_") for name in typical.to_arrays())
    again = Novelty.from_arrays(typical.to_arrays())
    seen, z = rows_seen(sky, rng, n=300)
    ood = score(again, normalised(*seen), z, np.zeros(300)).ood
    assert 0.01 < (ood > 1).mean() < 0.13


def test_files_with_one_statistic_more_and_no_scatter_are_read(typical, sky, rng):
    """As models were made until the misfit of the nearest training SED was left out."""
    arrays = typical.to_arrays()
    mine = arrays["ordinary_thresholds"]
    assert len(mine) == 7
    older = {**arrays, "ordinary_thresholds": np.insert(mine, [2, 2], np.full((2, mine.shape[1]), 9.0), axis=0)}
    del older["band_scatter"]
    again = Novelty.from_arrays(older)
    np.testing.assert_array_equal(again.thresholds, mine)
    assert not again.band_scatter.any()
    bare = {name: array for name, array in older.items() if not name.startswith("star_")}
    without_stars = {**bare, "ordinary_thresholds": np.delete(older["ordinary_thresholds"], (6, 7), axis=0)}
    np.testing.assert_array_equal(Novelty.from_arrays(without_stars).thresholds, np.delete(mine, (4, 5), axis=0))
    seen, z = rows_seen(sky, rng, n=50)
    alike = replace(typical, band_scatter=np.zeros_like(typical.band_scatter))
    zero = np.zeros(50)
    np.testing.assert_array_equal(score(again, normalised(*seen), z, zero), score(alike, normalised(*seen), z, zero))


def test_the_scatter_is_that_of_bands_which_others_do_not_tell(sky):
    """A line that half of the galaxies have, of strengths that nothing else tells, in one band of twelve."""
    rng, n, b = np.random.default_rng(8), 4000, 12
    flux = 1 + 0.2 * rng.standard_normal((n, 1)) * np.linspace(-1, 1, b)
    width = 0.05
    flux[:, 7] += width * rng.standard_normal(n)
    basis = np.stack([0.2 * np.linspace(-1, 1, b), np.ones(b)])[None].astype(np.float32)
    planes = SedSubspace(np.zeros(1), np.repeat(basis, 2, axis=0), np.full((2, b), 1e-6, np.float32))
    rows = replace(
        sky.take(np.arange(n) % len(sky)), flux=flux.astype(np.float32), present=np.ones((n, b), bool),
        redshift=np.zeros(n),
    )  # fmt: skip
    common, rest = band_scatter(planes, rows)
    # half of the 90 % quantile of a Gaussian is 0.82 of its width
    assert common[7] == pytest.approx(0.82 * width, rel=0.1)
    assert np.delete(common, 7).max() < 0.2 * width
    assert not rest.any()  # no SED is of the second cluster, which costs more and is the same
    few = band_scatter(planes, rows.take(slice(0, 20)))
    assert not few.any()


def test_rows_that_cannot_be_judged_are_nan_and_spoil_nothing(sky, typical, rng):
    (flux, error, covered), z = rows_seen(sky, rng, n=20)
    clean = score(typical, normalised(flux, error, covered), z, np.zeros(20))
    flux, error, covered = flux.copy(), error.copy(), covered.copy()
    covered[0] = False
    covered[1] = np.arange(covered.shape[1]) == 10
    flux[2, 4:] = np.nan
    covered[2] = True
    covered[2, :3] = False
    error[3] = np.nan
    seds = normalised(np.where(np.isfinite(flux), flux, 0), error, covered)
    seds = seds._replace(flux=np.where(np.isfinite(flux), seds.flux, np.nan))
    dirty = score(typical, seds, np.where(np.arange(20) == 4, np.nan, z), np.full(20, np.nan))
    assert np.isnan(dirty.ood[:3]).all()
    assert (dirty.node[:3] == -1).all()
    assert np.isfinite(dirty.ood[3:]).all()
    np.testing.assert_allclose(dirty.ood[5:], clean.ood[5:], rtol=1e-3, atol=2e-3)
    flux_expected, _ = expected(typical, seds, z, np.zeros(20))
    assert np.isnan(flux_expected[:3]).all()


def test_redshifts_with_errors_are_looked_for_among_all_that_may_be(typical):
    nodes = typical.subspaces.redshift
    assert np.allclose(np.diff(nodes), nodes[1] - nodes[0])
    z = np.array([nodes[2], np.nan, nodes[2], 0.5])
    err = np.array([0.0, np.nan, 0.02, 0.0])
    seen = np.zeros((len(nodes), 4), bool)
    for k, rows, penalty in rows_of_nodes(typical.subspaces, z, err):
        seen[k, rows] = True
        assert (penalty >= 0).all()
    assert list(np.flatnonzero(seen[:, 0])) == [2]
    assert seen[:, 1:3].all()
    assert list(np.flatnonzero(seen[:, 3])) == [len(nodes) - 1]


def test_saved_arrays_come_back_bit_for_bit(sky, typical, rng):
    arrays = typical.to_arrays()
    again = Novelty.from_arrays({name: np.array(value) for name, value in arrays.items()})
    for name, value in again.to_arrays().items():
        assert value.dtype == arrays[name].dtype
        np.testing.assert_array_equal(value, arrays[name])
    seen, z = rows_seen(sky, rng, n=30)
    a, b = (score(t, normalised(*seen), z, np.zeros(30)) for t in (typical, again))
    np.testing.assert_array_equal(a.ood, b.ood)


def test_recalibrated_flags_one_in_twenty_of_a_users_rows(typical, sky, rng):
    seen, z = rows_seen(sky, rng, n=400)
    ood = score(typical, normalised(*seen), z, np.zeros(400)).ood * 3
    moved = recalibrated(typical, ood, np.arange(400))
    assert (ood / moved.threshold > 1).mean() == pytest.approx(0.05, abs=0.003)
    # a galaxy of many odd spaxels counts as one
    many = np.concatenate([np.full(2000, 50.0), ood])
    galaxy = np.concatenate([np.full(2000, -1), np.arange(400)])
    assert recalibrated(typical, many, galaxy).threshold == pytest.approx(moved.threshold, rel=0.2)
    with pytest.raises(AgezError, match="at least 20"):
        recalibrated(typical, ood[:10], np.arange(10))


def test_too_few_galaxies_are_refused(sky):
    with pytest.raises(AgezError, match="at least 200"):
        learn_novelty(sky.take(slice(0, 100)), np.random.default_rng(0), redshift_range=RANGE)


def test_a_plane_is_found_though_bands_are_absent_from_some(rng):
    pivot = np.linspace(4000, 8000, 20)
    true = np.concatenate([rng.standard_normal((3, 20)) * 0.2, np.ones((1, 20))])
    flux = np.concatenate([rng.standard_normal((600, 3)), np.ones((600, 1))], axis=1) @ true
    present = np.ones(flux.shape, bool)
    present[:300, :4] = False
    present[:, 19] = False
    basis, left, _ = fit_subspace(np.where(present, flux, 0), present, pivot, rng)
    assert left.shape == (20,)
    assert np.isinf(left[19])
    assert (left[:19] < 0.03**2).all()
    covariance = basis[:-1].T @ basis[:-1]
    np.testing.assert_allclose(np.sqrt(np.diag(covariance))[4:19], flux[:, 4:19].std(axis=0), rtol=0.25)


def test_nodes_span_the_range():
    assert list(redshift_nodes((0.03, 0.03))) == [0.03]
    nodes = redshift_nodes((0.0, 0.1))
    assert nodes[0] == 0
    assert nodes[-1] == 0.1
    assert len(nodes) == 21


def test_rows_of_one_redshift_are_held_out_a_draw_at_a_time():
    redshift = np.repeat([0.03, 0.0, 0.05], [CHUNK_OF_SEDS, 3 * CHUNK_OF_SEDS, 10])
    group = _drawn_together(redshift)
    assert len(np.unique(group)) == 5
    for start in range(0, 4 * CHUNK_OF_SEDS, CHUNK_OF_SEDS):
        assert len(np.unique(group[start : start + CHUNK_OF_SEDS])) == 1
    shuffled = np.random.default_rng(1).permutation(len(redshift))
    counts = np.unique(_drawn_together(redshift[shuffled]), return_counts=True)[1]
    assert sorted(counts) == [10, *[CHUNK_OF_SEDS] * 4]
