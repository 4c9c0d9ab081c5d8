"""The library fit against one SED and one model at a time, and its library against spectra put together by hand."""

from dataclasses import replace

import numpy as np
import pytest

from agez.errors import AgezError
from agez.experiments.library_fit import band_weights, fit_library
from agez.experiments.population_library import (
    AV_MAG,
    PopulationLibrary,
    draw_histories,
    line_bands,
    make_library,
)
from agez.photometry.filters import PAPER_BANDS, load_filters
from agez.photometry.synthesis import synthesize
from agez.spectra.dust import LAWS, attenuation_curve
from agez.types import Photometry, Rows, Spectra

FILTERS = load_filters("jpas").select(PAPER_BANDS)


def sed(bands, flux, err):
    flux = np.asarray(flux, float)
    n, covered = len(flux), np.isfinite(flux)
    return Photometry(
        bands, flux, np.where(covered, err, np.nan), covered, Rows.numbered(n), np.zeros(n), np.zeros(n, np.int32)
    )


@pytest.fixture(scope="module")
def library(toy_grid):
    return make_library(toy_grid, FILTERS, n_models=300, rng=np.random.default_rng(1))


@pytest.fixture(scope="module")
def observed(toy_grid):
    """SEDs of models that are not in the library, noisy, on all scales, some bands missing."""
    rng = np.random.default_rng(2)
    made = make_library(toy_grid, FILTERS, n_models=70, rng=rng)
    scale = 10 ** rng.uniform(-3, 5, (70, 1))
    err = 0.02 * made.flux * scale
    flux = made.flux * scale + err * rng.normal(size=err.shape)
    flux[rng.random(flux.shape) < 0.1] = np.nan
    return sed(FILTERS.bands, flux, err)


def slow_fit(flux, err, library, floor):
    """The definition, one model at a time: weights of all models, and their chi2."""
    chi2 = []
    for model in library.flux:
        a = b = total = 0.0
        for f, e, m in zip(flux, err, model, strict=True):
            if np.isfinite(f):
                w = 1 / (e**2 + (floor * f) ** 2)
                a, b = a + w * f * m, b + w * m * m
        if a <= 0:
            chi2.append(np.inf)
            continue
        for f, e, m in zip(flux, err, model, strict=True):
            if np.isfinite(f):
                total += (f - a / b * m) ** 2 / (e**2 + (floor * f) ** 2)
        chi2.append(total)
    chi2 = np.array(chi2)
    p = np.exp(-0.5 * (chi2 - chi2.min()))
    return p / p.sum(), chi2


def test_the_posterior_is_that_of_the_slow_calculation(library, observed):
    few = observed.take(np.arange(12))
    fit = fit_library(few, library, floor=0.05)
    for row in range(len(few)):
        p, chi2 = slow_fit(few.flux[row], few.flux_err[row], library, 0.05)
        mean = p @ library.means
        assert fit.mean[row] == pytest.approx(mean, abs=1e-7)
        assert fit.std[row] == pytest.approx(np.sqrt(p @ (library.means - mean) ** 2), abs=1e-6)
        assert fit.chi2[row] == pytest.approx(chi2.min(), rel=1e-6)
        assert fit.n_effective[row] == pytest.approx(1 / (p**2).sum(), rel=1e-6)
    assert (fit.n_bands == few.covered.sum(axis=1)).all()


def test_a_member_of_the_library_comes_back(library):
    fit = fit_library(sed(FILTERS.bands, 7.0 * library.flux, 1e-4 * library.flux), library, floor=0.0)
    assert fit.mean == pytest.approx(library.means, abs=1e-3)
    assert fit.chi2.max() < 1e-3
    assert np.median(fit.n_effective) == pytest.approx(1.0)


def test_errors_hold_the_truth(toy_grid, observed):
    """SEDs drawn from the prior with the noise that the fit assumes: the posterior is calibrated by construction."""
    rng = np.random.default_rng(4)
    made = make_library(toy_grid, FILTERS, n_models=400, rng=rng)
    flux = made.flux * (1 + 0.05 * rng.normal(size=made.flux.shape))
    large = make_library(toy_grid, FILTERS, n_models=6000, rng=rng)
    fit = fit_library(sed(FILTERS.bands, flux, 0.05 * made.flux), large, floor=0.0)
    assert np.median(fit.n_effective) > 20
    pull = (fit.mean - made.means) / fit.std
    assert np.median(pull, axis=0) == pytest.approx([0, 0], abs=0.2)
    assert (np.abs(pull) < 1).mean(axis=0) == pytest.approx([0.68, 0.68], abs=0.08)


def test_the_scale_does_not_matter(library, observed):
    louder = replace(observed, flux=1e6 * observed.flux, flux_err=1e6 * observed.flux_err)
    one, other = fit_library(observed, library), fit_library(louder, library)
    for name in ("mean", "std", "chi2"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-7, abs=1e-7)
    scaled = replace(library, flux=library.flux * np.geomspace(0.01, 100, len(library))[:, None])
    assert fit_library(observed, scaled).mean == pytest.approx(one.mean, abs=1e-7)


def test_a_missing_band_is_a_band_that_is_not_there(library, observed):
    keep = [name for name in PAPER_BANDS if name not in ("J0400", "J0560")]
    at = observed.bands.index(keep)
    without = PopulationLibrary(library.bands.select(keep), library.flux[:, at], library.means)
    less = fit_library(observed.select_bands(keep), without)
    missing = observed.flux.copy()
    missing[:, observed.bands.index(["J0400", "J0560"])] = np.nan
    gone = replace(observed, flux=missing, covered=np.isfinite(missing))
    masked = fit_library(observed, library, masked=("J0400", "J0560"))
    for other in (fit_library(gone, library), masked):
        assert other.mean == pytest.approx(less.mean, abs=1e-7)
        assert (other.n_bands == less.n_bands).all()


def test_without_information_the_prior_comes_back(library):
    fit = fit_library(sed(FILTERS.bands, library.flux[:3], 1e6 * library.flux[:3]), library, floor=0.0)
    assert fit.mean == pytest.approx(np.tile(library.means.mean(axis=0), (3, 1)), abs=1e-6)
    assert fit.std == pytest.approx(np.tile(library.means.std(axis=0), (3, 1)), abs=1e-6)
    assert fit.n_effective == pytest.approx(len(library), rel=1e-6)


def test_rows_that_cannot_be_fitted_spoil_no_others(library, observed):
    flux, err = observed.flux.copy(), observed.flux_err.copy()
    flux[1] = np.nan
    flux[2, 2:] = np.nan  # two bands
    flux[3] = -np.abs(np.where(np.isfinite(flux[3]), flux[3], 1.0))
    flux[4] = np.where(np.isfinite(flux[4]), 0.0, np.nan)
    err[4] = 0.0
    err[5] = np.nan  # unknown: the floor alone
    spoiled = fit_library(sed(observed.bands, flux, err), library)
    assert np.isnan(spoiled.mean[1:5]).all()
    assert (spoiled.n_bands[1:5] == 0).all()
    assert (spoiled.n_effective[1:5] == 0).all()
    assert np.isfinite(spoiled.mean[5]).all()
    whole = fit_library(observed, library)
    others = np.r_[0, 6 : len(observed)]
    assert spoiled.mean[others] == pytest.approx(whole.mean[others], abs=1e-9)


def test_numbers_do_not_depend_on_threads(library, observed):
    one, two = fit_library(observed, library, workers=1), fit_library(observed, library, workers=2)
    for name in ("mean", "std", "chi2", "n_effective", "n_bands"):
        assert np.array_equal(getattr(one, name), getattr(two, name), equal_nan=True)
    assert one.seconds > 0


def test_errors_of_bands(observed):
    weight = band_weights(observed, 0.1)
    seen = observed.covered
    assert (weight[~seen] == 0).all()
    expected = observed.flux_err[seen] ** 2 + (0.1 * observed.flux[seen]) ** 2
    assert 1 / weight[seen] == pytest.approx(expected)


def test_bad_arguments(library, observed):
    with pytest.raises(AgezError, match="make the library with the bands of the SEDs"):
        fit_library(observed.select_bands(PAPER_BANDS[:-1]), library)
    with pytest.raises(AgezError, match="floor is -1"):
        fit_library(observed, library, floor=-1.0)
    with pytest.raises(AgezError, match="J9999"):
        fit_library(observed, library, masked=("J9999",))
    with pytest.raises(AgezError, match="one row a model"):
        PopulationLibrary(library.bands, library.flux, library.means[1:])


def test_models_are_spectra_seen_through_the_bands(toy_grid):
    """Every model made by hand: populations added up, dust pixel by pixel, agez.synthesize."""
    n = 9
    library = make_library(toy_grid, FILTERS, n_models=n, rng=np.random.default_rng(5))
    rng = np.random.default_rng(5)
    weights = draw_histories(toy_grid, n, rng)
    law, av = rng.integers(len(LAWS), size=n), rng.uniform(*AV_MAG, n)
    assert len(set(law)) == len(LAWS)
    flux = np.zeros((n, len(toy_grid.wave_angstrom)))
    for row in range(n):
        light_of_age = light_of_mh = total = 0.0
        for age in range(len(toy_grid.log_age)):
            for mh in range(len(toy_grid.mh)):
                flux[row] += weights[row, age, mh] * toy_grid.flux[age, mh]
                light = weights[row, age, mh] * toy_grid.light[age, mh]
                light_of_age += light * toy_grid.log_age[age]
                light_of_mh += light * toy_grid.mh[mh]
                total += light
        assert library.means[row] == pytest.approx([light_of_age / total, light_of_mh / total])
        flux[row] *= 10 ** (-0.4 * av[row] * attenuation_curve(toy_grid.wave_angstrom, LAWS[law[row]]))
    spectra = Spectra(
        toy_grid.wave_angstrom, flux, 0.01 * flux, np.zeros(flux.shape, bool), "air", Rows.numbered(n), np.zeros(n),
        np.full(flux.shape[1], 2.5), "erg / (s cm2 Angstrom)", np.zeros(n, np.int32),
    )  # fmt: skip
    seen = synthesize(spectra, FILTERS).flux
    assert library.flux == pytest.approx(seen / seen.mean(axis=1, keepdims=True), rel=2e-5)


def test_histories_are_broad(toy_grid):
    weights = draw_histories(toy_grid, 3000, np.random.default_rng(6))
    assert (weights >= 0).all()
    assert weights.sum(axis=(1, 2)) == pytest.approx(np.ones(3000))
    library = make_library(toy_grid, FILTERS, n_models=3000, rng=np.random.default_rng(6))
    low, high = np.percentile(library.means, [2, 98], axis=0)
    assert low[0] < toy_grid.log_age[0] + 0.3
    assert high[0] > toy_grid.log_age[-1] - 0.4
    assert low[1] < toy_grid.mh[0] + 0.2
    assert high[1] > toy_grid.mh[-1] - 0.2
    again = make_library(toy_grid, FILTERS, n_models=3000, rng=np.random.default_rng(6))
    assert np.array_equal(library.flux, again.flux)


def test_bands_with_lines():
    found = line_bands(load_filters("jpas"))
    assert {"J0378", "J0480", "J0490", "J0500", "J0650", "J0660", "J0680"} == set(found) & set(PAPER_BANDS) | {"J0660"}
    assert "gSDSS" not in found
    assert "J0550" not in found


def test_templates_must_cover_the_bands(toy_grid):
    with pytest.raises(AgezError, match="choose other templates or fewer bands"):
        make_library(toy_grid.cut(4000, 7000), FILTERS, n_models=3, rng=np.random.default_rng(0))
    with pytest.raises(AgezError, match="n_models is 0"):
        make_library(toy_grid, FILTERS, n_models=0, rng=np.random.default_rng(0))
