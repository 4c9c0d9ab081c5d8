"""Answers averaged over redshift distributions: one Gaussian bit for bit, several against the sum by hand."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_posterior import RANGE, small_model, small_photometry

from agez.distributions.marginals import marginal_cdf
from agez.distributions.mixture import Mixture, moments
from agez.distributions.redshift_mixture import RedshiftMixture
from agez.errors import AgezError
from agez.flags import Flag, has_flag
from agez.mixture_network.mixture_kind import COLUMN_PLACES, PROBABILITIES
from agez.mixture_network.row_answers import levels
from agez.models.predict import predict
from agez.photometry.redshift_columns import with_redshifts

COMPILED = pytest.mark.parametrize("compiled", [False, True])
W, MU, S = [0.3, 0.7], [0.004, 0.016], [0.001, 0.0005]


@pytest.fixture(autouse=True)
def _numba(request):
    if "compiled" in request.fixturenames and request.getfixturevalue("compiled"):
        pytest.importorskip("numba")


def columns(prediction):
    for name in prediction._row_fields:
        value = getattr(prediction, name)
        if isinstance(value, Mixture):
            yield from ((one, getattr(value, one)) for one in ("weights", "mean", "covariance"))
        elif isinstance(value, np.ndarray):
            yield name, value


def same(a, b):
    for (name, one), (_, two) in zip(columns(a), columns(b), strict=True):
        np.testing.assert_array_equal(one, two, err_msg=name)


def two_peaks(n, w=W, mu=MU, s=S):
    return RedshiftMixture.mixture(*(np.tile(one, (n, 1)) for one in (w, mu, s)), exact=True)


def at(photometry, z, err):
    n = len(photometry)
    return replace(photometry, redshift=np.full(n, z), redshift_err=np.full(n, err), redshift_mixture=None)


@COMPILED
def test_a_mixture_of_one_gives_the_gaussians_answer_bit_for_bit(compiled):
    photometry, _ = small_photometry(60)
    z, err = np.linspace(0.001, 0.03, 60), np.linspace(0, 0.01, 60)
    gaussian = replace(photometry, redshift=z, redshift_err=err)
    mixture = RedshiftMixture.mixture(np.full((60, 1), 3.0), z[:, None], err[:, None])
    expected = predict(small_model(), gaussian, compiled=compiled)
    same(predict(small_model(), with_redshifts(photometry, mixture), compiled=compiled), expected)
    # also beside a row of two components, whose heavier one takes its place, and with unused ones
    z[59], err[59] = MU[1], S[1]
    expected = predict(small_model(), replace(photometry, redshift=z, redshift_err=err), compiled=compiled)
    wide = RedshiftMixture.concatenate([mixture.take(slice(0, 59)), two_peaks(1)])
    found = predict(small_model(), with_redshifts(photometry, wide), compiled=compiled)
    same(found.take(slice(0, 59)), expected.take(slice(0, 59)))
    assert not np.array_equal(found.mean[59], expected.mean[59])


@COMPILED
def test_two_components_are_the_weighted_sum_of_their_answers(compiled):
    model, (photometry, _) = small_model(), small_photometry(80)
    found = predict(model, with_redshifts(photometry, two_peaks(80)), compiled=compiled)
    parts = [predict(model, at(photometry, z, err), compiled=compiled) for z, err in zip(MU, S, strict=True)]
    np.testing.assert_allclose(found.mean, W[0] * parts[0].mean + W[1] * parts[1].mean, atol=1e-4)
    level = levels(model.kind.leading(model.main_targets), PROBABILITIES)[:, COLUMN_PLACES]
    for t in range(2):
        points = found.quantiles[:, t]
        cdf = sum(w * marginal_cdf(part.mixture, points, t) for w, part in zip(W, parts, strict=True))
        answered = found.answered
        np.testing.assert_allclose(cdf[answered], np.broadcast_to(level[t], cdf.shape)[answered], atol=1e-3)
    # what is kept has mean and covariance of the whole
    mean, sigma, correlation = moments(found.mixture)
    np.testing.assert_allclose(mean, found.mean, atol=1e-6)
    np.testing.assert_allclose(correlation, found.correlation, atol=1e-6)
    each = [moments(part.mixture)[:2] for part in parts]
    variance = sum(w * (s**2 + (m - mean) ** 2) for w, (m, s) in zip(W, each, strict=True))
    np.testing.assert_allclose(sigma, np.sqrt(variance), rtol=1e-3)
    assert found.mixture.n_components == parts[0].mixture.n_components
    assert (found.redshift_inside > 0.999).all()


def test_equal_components_are_the_gaussian():
    model, (photometry, _) = small_model(), small_photometry(40)
    twice = with_redshifts(photometry, two_peaks(40, mu=[0.01, 0.01], s=[0.002, 0.002]))
    found, expected = predict(model, twice), predict(model, at(photometry, 0.01, 0.002))
    for name in ("mean", "quantiles", "ood", "chi2", "redshift_inside", "flags"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-4)


@COMPILED
def test_neighbours_are_not_changed(compiled):
    model, (photometry, _) = small_model(), small_photometry(50)
    mixed = RedshiftMixture.gaussian(photometry.redshift, photometry.redshift_err)
    rows = np.array([3, 17, 40])
    wide = RedshiftMixture.concatenate([mixed, two_peaks(3)])
    order = np.arange(50)
    order[rows] = [50, 51, 52]
    found = predict(model, with_redshifts(photometry, wide.take(order)), compiled=compiled)
    others = np.setdiff1d(np.arange(50), rows)
    z, err = photometry.redshift.copy(), photometry.redshift_err.copy()
    z[rows], err[rows] = MU[1], S[1]
    heavier = predict(model, replace(photometry, redshift=z, redshift_err=err), compiled=compiled)
    same(found.take(others), heavier.take(others))
    alone = predict(model, photometry.take(others), compiled=compiled)
    np.testing.assert_allclose(found.mean[others], alone.mean, atol=1e-5)
    pieces = predict(model, with_redshifts(photometry, wide.take(order)), compiled=compiled, chunk_rows=7)
    np.testing.assert_allclose(pieces.mean, found.mean, atol=1e-5)
    np.testing.assert_allclose(pieces.quantiles, found.quantiles, atol=1e-4)


def test_shares_inside_the_range_are_added_up_and_count():
    """Three quarters of the weight lie beyond the model: the answer is that of the rest, and flagged."""
    model, (photometry, _) = small_model(), small_photometry(30)
    mixture = two_peaks(30, w=[0.25, 0.75], mu=[0.01, 0.5], s=[0.001, 0.01])
    found, inner = predict(model, with_redshifts(photometry, mixture)), predict(model, at(photometry, 0.01, 0.001))
    np.testing.assert_allclose(found.redshift_inside, 0.25)
    assert has_flag(found.flags, Flag.REDSHIFT_OUTSIDE_MODEL).all()
    np.testing.assert_allclose(found.mean, inner.mean, atol=1e-5)
    np.testing.assert_allclose(found.ood, inner.ood, rtol=1e-3)
    little = predict(model, with_redshifts(photometry, two_peaks(30, [0.02, 0.98], [0.01, 0.5], [0.001, 0.01])))
    assert not little.answered.any()
    assert np.isnan(little.mixture.mean).all()
    assert np.isnan(little.ood).all()
    np.testing.assert_allclose(little.redshift_inside, 0.02)
    end = RANGE[1] + model.header["redshift_tolerance"]  # half of a Gaussian there is inside
    edge = predict(model, with_redshifts(photometry, two_peaks(30, [0.5, 0.5], [0.01, end], [0.001, 0.001])))
    np.testing.assert_allclose(edge.redshift_inside, 0.75)


def test_components_of_next_to_no_weight_are_not_answered(monkeypatch):
    model, (photometry, _) = small_model(), small_photometry(20)
    asked = []
    answer = type(model.kind).answer

    def counted(self, seds, **options):
        asked.append(0 if seds.redshift_mixture is not None else len(seds))
        return answer(self, seds, **options)

    monkeypatch.setattr(type(model.kind), "answer", counted)
    found = predict(model, with_redshifts(photometry, two_peaks(20, w=[0.996, 0.004])))
    assert sum(asked) == 20
    np.testing.assert_allclose(found.mean, predict(model, at(photometry, MU[0], S[0])).mean, atol=1e-6)
    asked.clear()
    predict(model, with_redshifts(photometry, two_peaks(20)))
    assert sum(asked) == 40


def test_a_galaxy_is_ordinary_if_it_is_so_at_a_redshift_that_is_believed():
    model, (photometry, _) = small_model(), small_photometry(60)
    parts = [predict(model, at(photometry, z, err)) for z, err in zip(MU, S, strict=True)]
    found = predict(model, with_redshifts(photometry, two_peaks(60)))
    both = np.stack([part.ood for part in parts])
    np.testing.assert_allclose(found.ood, both.min(axis=0), rtol=1e-3, atol=1e-5)
    chosen = np.argmin(both, axis=0)
    chi2 = np.where(chosen == 0, parts[0].chi2, parts[1].chi2)
    np.testing.assert_allclose(found.chi2, chi2, rtol=1e-3)
    lonely = predict(model, with_redshifts(photometry, two_peaks(60, w=[0.05, 0.95])))
    np.testing.assert_allclose(lonely.ood, both[1], rtol=1e-3, atol=1e-5)


def test_rows_without_an_answer_stay_without():
    model, (photometry, _) = small_model(), small_photometry(10)
    covered = photometry.covered.copy()
    covered[4, 2:] = False
    flux, err = (np.where(covered, one, np.nan) for one in (photometry.flux, photometry.flux_err))
    dark = replace(photometry, flux=flux, flux_err=err, covered=covered)
    found = predict(model, with_redshifts(dark, two_peaks(10)))
    assert found.answered.tolist() == [row != 4 for row in range(10)]
    assert has_flag(found.flags, Flag.TOO_FEW_BANDS)[4]


def test_mixtures_go_with_their_rows():
    photometry, _ = small_photometry(6)
    mixture = RedshiftMixture.concatenate([two_peaks(3), RedshiftMixture.gaussian([0.01] * 3, [0.001] * 3)])
    mixed = with_redshifts(photometry, mixture)
    np.testing.assert_allclose(mixed.redshift[:3], W[0] * MU[0] + W[1] * MU[1])
    assert mixed.take([4, 1]).redshift_mixture.n_components.tolist() == [1, 2]
    for parts in ([photometry, mixed], [mixed, photometry]):
        counts = [[1] * 6 if one is photometry else [2, 2, 2, 1, 1, 1] for one in parts]
        joined = type(mixed).concatenate(parts)
        assert joined.redshift_mixture.n_components.tolist() == [*counts[0], *counts[1]]
        np.testing.assert_array_equal(joined.redshift, np.concatenate([one.redshift for one in parts]))
    assert type(mixed).concatenate([photometry, photometry]).redshift_mixture is None
    assert mixed.select_bands(mixed.bands.names[:9]).redshift_mixture is mixed.redshift_mixture
    assert with_redshifts(mixed, mixture.take(slice(3, 6)).take([0, 1, 2, 0, 1, 2])).redshift_mixture is None
    with pytest.raises(AgezError, match="not the mean of redshift_mixture in 3 rows"):
        replace(mixed, redshift=np.full(6, 0.01))
    with pytest.raises(AgezError, match="redshift_mixture has 5 rows; expected 6"):
        replace(mixed, redshift_mixture=mixture.take(slice(0, 5)))
