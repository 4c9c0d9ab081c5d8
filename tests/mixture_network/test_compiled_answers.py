"""The compiled road gives numpy's answers: on rows as surveys have them, and on the oddest that a table may hold."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_mixtures import made_up
from made_up_posterior import RANGE, small_model, small_photometry

from agez.distributions.marginals import quantiles
from agez.errors import AgezError
from agez.flags import Flag
from agez.models import predict as predict_module
from agez.models.model_file import load_model
from agez.models.predict import predict
from agez.novelty.leave_one_band_out import CONTRADICTED_SIGMA
from agez.runtime import optional_packages
from agez.types import Photometry, Rows

pytest.importorskip("numba")

from scipy.special import ndtri

from agez.distributions.compiled_quantiles import quantile_rows

#: What float32 networks leave open [dex], and the scores of typicality as a part of themselves.
DEX, SCORE = 3e-5, 1e-2
#: Of numbers that a score is compared with: closer than this a flag may fall either way.
EDGE = 0.02


def assert_same(fast, slow):
    at_the_edge = np.abs(np.abs(slow.worst_band_sigma) - CONTRADICTED_SIGMA) < EDGE
    assert not ((fast.worst_band != slow.worst_band) & ~at_the_edge).any()
    fast, slow = (one.take(~at_the_edge) for one in (fast, slow))
    for name in slow.column_names():
        if name == "worst_band":
            continue
        one, other = getattr(fast, name), getattr(slow, name)
        np.testing.assert_array_equal(np.isnan(one), np.isnan(other), err_msg=name)
        if name == "flags":
            unlike = one != other
            near = np.abs(slow.ood - slow.meta["ood_threshold"]) < EDGE
            assert not (unlike & ~near).any()
            assert (((one ^ other)[unlike] & ~int(Flag.OUT_OF_DISTRIBUTION)) == 0).all()
        elif name in ("ood", "chi2", "chi2_nearest", "worst_band_sigma"):
            np.testing.assert_allclose(one, other, rtol=SCORE, atol=SCORE, err_msg=name)
        else:
            # near redshift zero masses know no bounds, and above the floor of log_ssfr there is hardly any probability
            far = 10 * DEX if name.startswith("log_mass") else 0.0
            near = 100 * DEX if name.startswith("log_ssfr") else DEX
            np.testing.assert_allclose(one, other, rtol=far, atol=near, err_msg=name)
    for name, far in (("weights", DEX), ("mean", DEX), ("covariance", 3e-4)):
        np.testing.assert_allclose(getattr(fast.mixture, name), getattr(slow.mixture, name), rtol=far, atol=DEX)


def both(model, photometry, **options):
    fast = predict(model, photometry, compiled=True, **options)
    assert_same(fast, predict(model, photometry, compiled=False))
    return fast


def made_up_rows(model, n, seed):
    """Rows of smooth SEDs in the bands of any model, with all that goes wrong in catalogues."""
    rng, b = np.random.default_rng(seed), len(model.bands)
    flux = np.linspace(1, 3, b) * rng.normal(1, 0.05, (n, b)) * np.exp(rng.normal(0, 4, (n, 1)))
    error = np.abs(flux) * 10 ** rng.uniform(-3, 0.5, (n, 1))
    flux += error * rng.standard_normal((n, b))
    covered = rng.uniform(size=(n, b)) < rng.choice([0.1, 0.5, 0.9, 1.0], (n, 1))
    error[rng.uniform(size=(n, b)) < 0.02] = np.nan
    error[rng.uniform(size=(n, b)) < 0.02] = 1e30
    z = np.where(rng.uniform(size=n) < 0.1, np.nan, rng.uniform(-0.01, 1.2 * model.header["redshift_range"][1], n))
    z_err = rng.choice([0.0, np.nan, 1e-4, 0.003, 0.05], n)
    flux[~covered] = np.nan
    return Photometry(
        model.bands, flux, error, covered, Rows.numbered(n), z, np.zeros(n, np.int32), {"source": "tests"}, z_err
    )


def test_thresholds_at_all_conditions():
    """Coefficients of shipped models are small for many conditions: one in another's place would change little."""
    model, key = load_model("jpas"), "typicality.ordinary_thresholds"
    moved = model.arrays[key] + 0.2 * np.random.default_rng(1).standard_normal(model.arrays[key].shape)
    other = replace(model, arrays={**model.arrays, key: moved.astype(np.float32)})
    found = both(other, made_up_rows(model, 400, 2))
    assert np.nanmedian(np.abs(found.ood - predict(model, made_up_rows(model, 400, 2)).ood)) > 0.01


@pytest.mark.parametrize("name", ["small", "splus"])
def test_tables_with_all_that_goes_wrong(name):
    model = small_model() if name == "small" else load_model(name)
    fast = both(model, made_up_rows(model, 1500, seed=3))
    assert np.isfinite(fast.ood).sum() > 300
    seen = np.bitwise_or.reduce(fast.flags)
    for flag in (Flag.REDSHIFT_OUTSIDE_MODEL, Flag.TOO_FEW_BANDS, Flag.LOW_SNR):
        assert seen & int(flag)
    assert seen & int(Flag.REDSHIFT_UNKNOWN if name == "small" else Flag.REDSHIFT_ESTIMATED)


ODD_FLUX = st.one_of(
    st.floats(-1e3, 1e3), st.sampled_from([0.0, -1.0, 1e-300, 1e300, -1e300, 1e38, 5e-324, np.nan]), st.just(1.0)
)
ODD_ERROR = st.one_of(st.floats(1e-6, 1e3), st.sampled_from([0.0, -1.0, np.nan, np.inf, 1e-300, 1e30, 1e300]))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_odd_rows(data):
    model, n = small_model(), data.draw(st.integers(0, 4))
    b = len(model.bands)
    column = lambda values: np.array(data.draw(st.lists(values, min_size=n, max_size=n)), float).reshape(n)  # noqa: E731
    flux = np.array([data.draw(st.lists(ODD_FLUX, min_size=b, max_size=b)) for _ in range(n)], float).reshape(n, b)
    error = np.array([data.draw(st.lists(ODD_ERROR, min_size=b, max_size=b)) for _ in range(n)], float).reshape(n, b)
    z = column(st.sampled_from([0.0, 0.01, RANGE[1], np.nan, -0.5, 0.1234]))
    z_err = column(st.sampled_from([0.0, np.nan, 0.001, 0.3, 1e-9]))
    odd = Photometry(model.bands, flux, error, np.isfinite(flux), Rows.numbered(n), z, np.zeros(n, np.int32), {}, z_err)
    with np.errstate(all="ignore"):
        fast, slow = (predict(model, odd, compiled=compiled) for compiled in (True, False))
    for name in ("rows", "flags", "mixture"):
        assert len(getattr(fast, name)) == n
    # where bands differ by powers of ten or cancel each other, float32 is as good as random in either road
    size = np.nansum(np.abs(flux), axis=1, keepdims=True)
    tame = ((size < 1e6) & (np.nan_to_num(error, nan=np.inf) > 1e-3 * size)).all(axis=1)
    tame &= np.abs(np.nansum(flux, axis=1)) > 1e-3 * size[:, 0]
    assert_same(fast.take(tame), slow.take(tame))


def test_one_row_and_one_band_and_none():
    model = small_model()
    photometry, _ = small_photometry(40)
    for rows in (slice(0, 0), slice(0, 1), slice(7, 8)):
        both(model, photometry.take(rows))
    only = photometry.covered & (np.cumsum(photometry.covered, axis=1) == 1)
    one_band = replace(photometry, flux=np.where(only, photometry.flux, np.nan), covered=only)
    assert (both(model, one_band).flags & int(Flag.TOO_FEW_BANDS)).all()
    negative = replace(photometry, flux=-photometry.flux)
    assert (both(model, negative).flags & int(Flag.NO_DATA)).all()


def test_a_row_does_not_depend_on_its_neighbours_nor_on_chunks_nor_on_threads():
    model = small_model()
    rows = made_up_rows(model, 700, seed=8)
    whole = predict(model, rows, compiled=True, threads=1)
    some = np.random.default_rng(1).permutation(700)[:150]
    for other, part in (
        (predict(model, rows, compiled=True, chunk_rows=90, threads=2), whole),
        (predict(model, rows.take(some), compiled=True), whole.take(some)),
    ):
        for name in whole.column_names():
            one, two = getattr(other, name), getattr(part, name)
            if name == "worst_band":
                np.testing.assert_array_equal(one, two)
                continue
            np.testing.assert_allclose(one, two, rtol=SCORE, atol=SCORE, err_msg=name)
            if name not in ("ood", "chi2", "chi2_nearest", "worst_band_sigma", "flags"):
                np.testing.assert_allclose(one, two, rtol=0, atol=1e-5, err_msg=name)


def test_other_kinds_of_numbers_in_other_orders():
    """float32, big-endian and column by column: what readers of tables hand over."""
    model = small_model()
    photometry, _ = small_photometry(50)
    expected = predict(model, photometry, compiled=True)
    for change in (
        lambda a: np.asfortranarray(a),
        lambda a: a.astype(a.dtype.newbyteorder(">")) if a.dtype != bool else a,
        lambda a: np.repeat(a, 2, axis=0)[::2],
    ):
        names = ("flux", "flux_err", "covered", "redshift", "redshift_err")
        other = replace(photometry, **{name: change(getattr(photometry, name)) for name in names})
        np.testing.assert_array_equal(predict(model, other, compiled=True).log_age_lw, expected.log_age_lw)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 130), k=st.integers(1, 5))
def test_quantiles_of_any_mixture(seed, n, k):
    mixture = made_up(np.random.default_rng(seed), n, k)
    levels = np.array([[1e-6, 0.025, 0.16, 0.5, 0.84, 0.999999]] * 2)
    found = np.empty((2, 6, n))
    quantile_rows(mixture.weights, mixture.mean, mixture.covariance, levels, ndtri(levels), found)
    for t in range(2):
        np.testing.assert_allclose(found[t].T, quantiles(mixture, levels[t], t), rtol=0, atol=2e-6)


def test_compiled_code_is_for_long_tables_and_needs_numba(monkeypatch):
    model, (photometry, _) = small_model(), small_photometry(30)
    monkeypatch.setattr(predict_module, "is_available", lambda: False)
    with pytest.raises(AgezError, match="switched off by NUMBA_DISABLE_JIT"):
        predict(model, photometry, compiled=True)
    with monkeypatch.context() as without:
        without.setattr(optional_packages, "find_spec", lambda package: None)
        with pytest.raises(AgezError, match=r"numba.*pip install 'agez\[fast\]'"):
            predict(model, photometry, compiled=True)
    assert np.isfinite(predict(model, photometry).log_age_lw).any()
