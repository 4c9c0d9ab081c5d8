"""Zero points: planted ones come back to their errors, and what cannot be known is not claimed."""

import json
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table

from agez.errors import AgezError
from agez.photometry.zero_point_files import read_zero_points, write_zero_points
from agez.photometry.zero_points import ZeroPoints, apply_zero_points, estimate_zero_points, iterate_zero_points
from agez.types import Bands, Photometry, Rows

N_BANDS, NOISE = 16, 0.02
WAVE = np.linspace(3800.0, 7400.0, N_BANDS)
T = (WAVE - 5500) / 2000
#: How ln(flux) of the family's SEDs varies: slope, break, absorption, curvature; and how much, 1 sigma.
PATTERNS = np.stack([T, 0.5 * np.tanh((T + 0.6) / 0.15), 0.3 * np.exp(-((T - 0.2) ** 2) / 0.02), T**2])
WIDTH = np.array([0.4, 0.3, 0.2, 0.1])
BANDS = Bands(tuple(f"B{i}" for i in range(N_BANDS)), tuple(WAVE), tuple(np.full(N_BANDS, 145.0)), "made-up")
IMITATED = np.vstack([np.ones(N_BANDS), PATTERNS])


def family(rng, *, n=300, n_galaxies=60, offset=0.0, named=True):
    """SEDs of galaxies, of some spectra each, whose bands are off by ``offset`` in ln(flux)."""
    galaxy = rng.integers(0, n_galaxies, n)
    parts = 0.9 * rng.normal(size=(n_galaxies, 4))[galaxy] + 0.4 * rng.normal(size=(n, 4))
    flux = np.exp(rng.normal(3, 0.5, (n, 1)) + (parts * WIDTH) @ PATTERNS)
    flux_err = NOISE * flux
    flux = (flux + flux_err * rng.normal(size=flux.shape)) * np.exp(offset)
    ids = np.array([f"G{g}" if named else "" for g in galaxy])
    rows = Rows(np.arange(n).astype(str), ids, np.zeros(n), np.zeros(n))
    return Photometry(
        BANDS, flux, flux_err * np.exp(offset), np.ones(flux.shape, bool), rows, np.zeros(n), np.zeros(n, np.int32)
    )


def expect(photometry):
    """What the family expects of each band given the others: the conditional mean of a Gaussian in ln(flux)."""
    covariance = (PATTERNS.T * WIDTH**2) @ PATTERNS + 100.0 + NOISE**2 * np.eye(N_BANDS)
    precision = np.linalg.inv(covariance)
    variance = 1 / np.diag(precision)
    log_flux = np.log(np.maximum(photometry.flux, 1e-3)) - 3
    expected = np.exp(3 + log_flux - (log_flux @ precision) * variance)
    return expected, expected * np.sqrt(np.maximum(variance - NOISE**2, 0))


def without_imitated(offset):
    """What is left of a pattern over the bands when all that galaxies can imitate is taken out."""
    return offset - IMITATED.T @ np.linalg.lstsq(IMITATED.T, offset, rcond=None)[0]


def planted(rng):
    return without_imitated(rng.normal(0, 0.05, N_BANDS))


def test_planted_offsets_are_recovered_to_their_errors():
    pulls, left = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        offset = planted(rng)
        found = iterate_zero_points(family(rng, offset=offset), expect)
        assert found.meta["converged"]
        assert 2 <= found.meta["iterations"] <= 8
        wrong = np.log(found.factor) + offset
        pulls.append(without_imitated(wrong) / (found.factor_err / found.factor))
        left.append(wrong)
        assert (found.factor_err < 0.004).all()
    pulls = np.array(pulls)
    assert 0.4 < pulls.std() < 1.2
    assert np.abs(pulls).max() < 4
    assert np.std(left) < 0.05 / 10  # with what galaxies can imitate


def test_where_nothing_is_wrong_nothing_is_found():
    pulls = []
    for seed in range(8):
        found = iterate_zero_points(family(np.random.default_rng(100 + seed)), expect)
        assert found.meta["iterations"] <= 2
        pulls.append(np.log(found.factor) * found.factor / found.factor_err)
    assert np.std(pulls) < 1.3


def test_one_band_off_by_a_fifth():
    rng = np.random.default_rng(3)
    offset = np.zeros(N_BANDS)
    offset[5] = np.log(1.2)
    found = iterate_zero_points(family(rng, offset=offset), expect)
    assert np.argmax(np.abs(np.log(found.factor))) == 5
    relative = found.magnitude_offset - np.delete(found.magnitude_offset, 5).mean()
    assert relative[5] == pytest.approx(2.5 * np.log10(1.2), rel=0.2)  # galaxies imitate the rest


def test_grey_offsets_and_those_like_a_galaxy_cannot_be_known():
    assert np.log(iterate_zero_points(family(np.random.default_rng(4), offset=0.3), expect).factor) == pytest.approx(
        np.zeros(N_BANDS), abs=0.008
    )
    like_dust = family(np.random.default_rng(4), offset=0.05 * T)
    found = np.log(iterate_zero_points(like_dust, expect).factor)
    assert np.abs(found @ T / (T @ T)) < 0.02  # of a slope of 0.05
    assert found.mean() == pytest.approx(0, abs=1e-12)


def test_outliers_and_bad_galaxies_do_not_decide(rng):
    offset = planted(rng)
    photometry = family(rng, offset=offset)
    expected, expected_err = expect(photometry)
    clean = estimate_zero_points(photometry, expected, expected_err)
    flux = photometry.flux.copy()
    flux[::7, 3] *= 4.0
    flux[1::7, 8] *= -1.0
    spoiled = estimate_zero_points(replace(photometry, flux=flux), expected, expected_err)
    assert np.abs(spoiled.magnitude_offset - clean.magnitude_offset).max() < 4 * clean.magnitude_offset_err.max()


def test_errors_count_galaxies_not_rows():
    """Rows that are copies of each other add nothing, if they say that they are of one galaxy."""
    photometry = family(np.random.default_rng(5), n=60, n_galaxies=60, named=False)
    one_each = replace(photometry, rows=replace(photometry.rows, galaxy_id=np.arange(60).astype(str)))
    twice, anonymous = Photometry.concatenate([one_each] * 4), Photometry.concatenate([photometry] * 4)
    once = estimate_zero_points(photometry, *expect(photometry))
    by_galaxy = estimate_zero_points(twice, *expect(twice))
    by_row = estimate_zero_points(anonymous, *expect(anonymous))
    np.testing.assert_allclose(by_galaxy.factor, once.factor, rtol=1e-3)
    np.testing.assert_allclose(by_galaxy.factor_err, once.factor_err, rtol=0.05)
    np.testing.assert_allclose(by_row.factor_err, once.factor_err / 2, rtol=0.05)
    assert (once.meta["n_galaxies"], by_galaxy.meta["n_galaxies"], by_row.meta["n_galaxies"]) == (60, 60, 240)
    one = replace(photometry, rows=replace(photometry.rows, galaxy_id=np.full(60, "M31")))
    assert np.isnan(estimate_zero_points(one, *expect(one)).factor_err).all()


def test_bands_with_few_rows_are_left_and_said(rng):
    photometry = family(rng, offset=planted(rng))
    covered = photometry.covered.copy()
    covered[20:, 2] = False
    flux = np.where(covered, photometry.flux, np.nan)
    expected, expected_err = expect(photometry)
    expected[10:, 7] = np.nan
    found = estimate_zero_points(replace(photometry, flux=flux, covered=covered), expected, expected_err)
    assert found.meta["too_few"] == ["B2", "B7"]
    assert found.n[[2, 7]].tolist() == [20, 10]
    assert found.factor[[2, 7]].tolist() == [1.0, 1.0]
    assert np.isnan(found.factor_err[[2, 7]]).all()
    assert np.log(found.factor).mean() == pytest.approx(0, abs=1e-12)


def test_unknown_errors_are_no_obstacle(rng):
    photometry = family(rng, offset=planted(rng))
    nan = np.full(photometry.flux.shape, np.nan)
    expected, expected_err = expect(photometry)
    known = estimate_zero_points(photometry, expected, expected_err)
    for err, of_model in ((nan, expected_err), (photometry.flux_err, nan), (nan, nan)):
        found = estimate_zero_points(replace(photometry, flux_err=err), expected, of_model)
        assert np.abs(found.factor - known.factor).max() < 3 * known.factor_err.max()


def test_a_model_that_swings_is_slowed_down(rng):
    """Expectations that repeat a band's own error, reversed and enlarged: full steps would never end."""
    offset = planted(rng)
    photometry = family(rng, offset=offset)
    truth = photometry.flux / np.exp(offset)

    def overdone(corrected):
        return truth * (truth / corrected.flux) ** 1.2, 0.01 * truth

    found = iterate_zero_points(photometry, overdone)
    assert found.meta["converged"]
    np.testing.assert_allclose(found.factor * np.exp(offset), 1, atol=0.005)


def test_apply_is_by_name_and_its_own_inverse(rng):
    photometry = family(rng)
    factor = np.exp(rng.normal(0, 0.1, N_BANDS))
    zero_points = ZeroPoints(BANDS, factor, 0 * factor, np.full(N_BANDS, 9))
    got = apply_zero_points(photometry, zero_points)
    np.testing.assert_allclose(got.flux, photometry.flux * factor)
    np.testing.assert_allclose(got.flux_err, photometry.flux_err * factor)
    magnitudes = -2.5 * np.log10(got.flux / photometry.flux)
    np.testing.assert_allclose(magnitudes, np.broadcast_to(zero_points.magnitude_offset, magnitudes.shape), atol=1e-12)
    some = photometry.select_bands(["B9", "B1"])
    np.testing.assert_allclose(apply_zero_points(some, zero_points).flux, some.flux * factor[[9, 1]])
    fewer = ZeroPoints(BANDS.select(["B1"]), factor[:1], factor[:1], np.ones(1, int))
    with pytest.raises(AgezError, match=r"no zero point for band\(s\) B0, B2"):
        apply_zero_points(photometry.select_bands(["B0", "B1", "B2"]), fewer)


def test_zero_points_of_another_survey_are_refused(rng):
    names = ("J0395", "rSDSS")
    bands = Bands(names, (3950.0, 6200.0), (100.0, 1400.0), "jplus")
    photometry = replace(family(rng).select_bands(["B0", "B9"]), bands=replace(bands, filter_set="splus"))
    zero_points = ZeroPoints(bands, np.ones(2), np.ones(2), np.ones(2, int))
    with pytest.raises(AgezError, match="the zero points are of 'jplus', but the photometry is of 'splus'"):
        apply_zero_points(photometry, zero_points)


@pytest.mark.parametrize("kind", ["ecsv", "fits", "csv"])
def test_files(tmp_path, rng, kind):
    found = iterate_zero_points(family(rng, offset=planted(rng)), expect)
    write_zero_points(tmp_path / f"zp.{kind}", found)
    got = read_zero_points(tmp_path / f"zp.{kind}")
    assert got.bands.names == found.bands.names
    for name in ("factor", "factor_err", "n", "magnitude_offset", "magnitude_offset_err"):
        np.testing.assert_allclose(getattr(got, name), getattr(found, name), rtol=1e-12)
    if kind != "csv":
        assert got.bands == found.bands
        assert got.meta == json.loads(json.dumps(found.meta))


def test_a_table_of_ones_own(tmp_path):
    path = tmp_path / "zp.csv"
    path.write_text("band,magnitude_offset\nJ0378,0.1\nrSDSS,-0.02\n")
    got = read_zero_points(path)
    np.testing.assert_allclose(got.magnitude_offset, [0.1, -0.02])
    assert np.isnan(got.factor_err).all()
    assert got.n.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"band": ["a", "b"]}, "is no table of zero points: expected the columns band, and factor"),
        ({"factor": [1.0, 1.0]}, "is no table of zero points"),
        ({"band": ["a", "a"], "factor": [1.0, 1.0]}, "zp.ecsv: band a occurs twice"),
        ({"band": ["a", "b"], "factor": [1.0, 0.0]}, "zp.ecsv: zero points: the factor of band b is 0.0"),
        ({"band": ["a", "b"], "factor": [np.nan, 1.0]}, "the factor of band a is nan"),
        ({"band": ["a", "b"], "factor": ["1", "one"]}, "column factor, row 2 is 'one'; expected a number"),
    ],
)
def test_bad_files(tmp_path, columns, words):
    Table(columns).write(tmp_path / "zp.ecsv", format="ascii.ecsv")
    with pytest.raises(AgezError, match=words):
        read_zero_points(tmp_path / "zp.ecsv")


def test_bad_arguments(rng):
    photometry = family(rng, n=40)
    expected, expected_err = expect(photometry)
    for arguments, words in (
        ((photometry, expected[:5], expected_err), "expected has shape"),
        ((photometry, expected, expected_err[:, :3]), "expected_err has shape"),
        ((photometry.take(slice(0, 20)), expected[:20], expected_err[:20]), "0 of 16 bands have 30 rows"),
    ):
        with pytest.raises(AgezError, match=words):
            estimate_zero_points(*arguments)


def test_rows_without_any_noise(rng):
    photometry = family(rng)
    truth = photometry.flux.copy()
    offset = np.exp(rng.normal(0, 0.1, N_BANDS))
    spoiled = replace(photometry, flux=truth * offset)
    found = iterate_zero_points(spoiled, lambda given: (truth, 0.01 * truth))
    assert found.meta["converged"]
    np.testing.assert_allclose(found.factor * offset, np.exp(np.log(offset).mean()), rtol=1e-3)
