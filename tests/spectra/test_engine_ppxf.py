"""The pPXF engine finds the stars, motion and lines that spectra were made with, and never raises for one row."""

from dataclasses import replace

import numpy as np
import pytest
from spectra_factory import light_fractions, observe

from agez.errors import AgezError
from agez.flags import Flag, has_flag
from agez.spectra.engine_ppxf import fit_labels_ppxf
from agez.spectra.fit_settings import FitSettings
from agez.spectra.fitting import fit_labels
from agez.spectra.lines import LINE_NAMES, SPEED_OF_LIGHT_KMS, line
from agez.spectra.templates import SSPGrid
from agez.types import Spectra

pytest.importorskip("ppxf")

VELOCITY, SIGMA = np.array([80.0, -150.0]), np.array([120.0, 180.0])
GAS_VELOCITY, GAS_SIGMA = 60.0, 70.0
#: Fluxes over the stars' median flux [Angstrom].
LINE_FLUX = {
    "Halpha": 30.0, "Hbeta": 10.0, "OIII5007": 8.0, "OIII4959": 8.0 / 2.98, "NII6583": 12.0, "NII6548": 12.0 / 3.05,
}  # fmt: skip


def with_lines(spectra: Spectra) -> Spectra:
    """The same spectra with emission lines in proportion to their median flux; the resolution has the pixel in it."""
    wave, z = spectra.wave_angstrom, float(spectra.redshift[0])
    level = np.median(spectra.flux, axis=1)[:, None]
    added = np.zeros(len(wave))
    for name, flux in LINE_FLUX.items():
        centre = line(name).air_angstrom * (1 + z) * np.exp(GAS_VELOCITY / SPEED_OF_LIGHT_KMS)
        width = np.hypot(spectra.fwhm_angstrom[0] / 2.3548, centre * GAS_SIGMA / SPEED_OF_LIGHT_KMS)
        added += flux * np.exp(-0.5 * ((wave - centre) / width) ** 2) / width / np.sqrt(2 * np.pi)
    return replace(spectra, flux=(spectra.flux + level * added).astype(np.float32))


@pytest.fixture(scope="module")
def grid(toy_grid: SSPGrid) -> SSPGrid:
    """The invented templates, taken to have CALIFA's resolution: lines must be sampled by its pixels of 2 A."""
    return replace(toy_grid, fwhm_angstrom=6.0)


@pytest.fixture(scope="module")
def case(grid: SSPGrid):
    """Two spectra of S/N 150 with lines, their light fractions and line fluxes."""
    rng = np.random.default_rng(4)
    fractions = light_fractions(grid, 2, rng)
    plain = observe(grid, fractions, velocity_kms=VELOCITY, sigma_kms=SIGMA, snr=150.0, rng=rng)
    flux = np.array([LINE_FLUX.get(name, 0.0) for name in LINE_NAMES]) * np.median(plain.flux, axis=1)[:, None]
    return with_lines(plain), fractions, flux


@pytest.fixture(scope="module")
def labels(case, grid: SSPGrid):
    settings = FitSettings(fit_range_angstrom=(3750.0, 7000.0), continuum="polynomial")
    return fit_labels_ppxf(case[0], grid, settings=settings, bootstraps=2, regularisation=1.0, keep_fits=True)


def test_ages_and_metallicities_are_those_of_the_stars(case, labels, grid):
    fractions = case[1]
    assert np.abs(labels.log_age_lw - fractions.sum(axis=2) @ grid.log_age).max() < 0.05
    assert np.abs(labels.mh_lw - fractions.sum(axis=1) @ grid.mh).max() < 0.05
    # masses of old stars under young ones are ill-conditioned: the definition is checked, on the fitted weights
    mass = labels.weights / grid.light
    mass = mass / mass.sum(axis=(1, 2), keepdims=True)
    assert labels.log_age_mw == pytest.approx(mass.sum(axis=2) @ grid.log_age, abs=1e-5)
    assert labels.mh_mw == pytest.approx(mass.sum(axis=1) @ grid.mh, abs=1e-5)
    assert np.abs(labels.weights.sum(axis=(1, 2)) - 1).max() < 1e-5
    assert (labels.weights >= 0).all()


def test_motion_is_that_of_stars_and_gas(labels):
    assert np.abs(labels.velocity_kms - VELOCITY).max() < 2.0
    # the factory interpolates templates of 2 A linearly, which broadens them: 25 km/s in quadrature and more
    assert ((labels.sigma_kms > SIGMA - 5.0) & (labels.sigma_kms < SIGMA + 25.0)).all()
    assert np.abs(labels.lines.velocity_kms - GAS_VELOCITY).max() < 2.0
    assert np.abs(labels.lines.sigma_kms - GAS_SIGMA).max() < 5.0
    for one in (labels.velocity_kms_err, labels.sigma_kms_err, labels.log_age_lw_err, labels.mh_lw_err):
        assert (one > 0).all()


def test_line_fluxes_are_those_put_in(case, labels):
    truth = case[2]
    for name in LINE_FLUX:
        k = LINE_NAMES.index(name)
        assert labels.lines.flux[:, k] == pytest.approx(truth[:, k], rel=0.02), name
    # absent lines are nil within a few errors, and doublets keep their ratio
    absent = LINE_NAMES.index("OI6300")
    assert (np.abs(labels.lines.flux[:, absent]) < 0.02 * truth.max(axis=1)).all()
    three, two = LINE_NAMES.index("OIII5007"), LINE_NAMES.index("OIII4959")
    assert labels.lines.flux[:, two] * 2.98 == pytest.approx(labels.lines.flux[:, three])
    # [OII] lies outside the fit's range
    assert np.isnan(labels.lines.flux[:, LINE_NAMES.index("OII3726")]).all()


def test_equivalent_width_is_in_the_rest_frame(case, labels):
    spectra, fluxes = case[0], case[2]
    rest = spectra.wave_angstrom / 1.01
    for name in ("Halpha", "OIII5007"):
        k = LINE_NAMES.index(name)
        near = np.abs(rest / line(name).air_angstrom - 1) < 1350 / SPEED_OF_LIGHT_KMS
        # all the light near the line, less the lines in it, is the stars'
        inside = [LINE_NAMES.index(one) for one in LINE_FLUX if np.abs(line(one).air_angstrom - rest[near]).min() < 2]
        stars = spectra.flux[:, near].mean(axis=1) - fluxes[:, inside].sum(axis=1) / 2.0 / near.sum()
        assert labels.lines.ew_angstrom[:, k] == pytest.approx(fluxes[:, k] / stars / 1.01, rel=0.04), name


def test_both_engines_mean_the_same_by_equivalent_widths(case, labels, grid):
    own = fit_labels(case[0], grid)
    for name in ("Halpha", "Hbeta", "OIII5007"):
        k = LINE_NAMES.index(name)
        assert labels.lines.ew_angstrom[:, k] == pytest.approx(own.lines.ew_angstrom[:, k], rel=0.06), name


def test_the_kept_fit_is_the_data_within_errors(labels):
    fitted = labels.fitted
    pull = np.where(fitted.used, (fitted.flux - fitted.stars - fitted.gas) / fitted.flux, 0.0)
    assert np.abs(pull).max() < 0.04
    assert np.sqrt(np.mean(pull[fitted.used] ** 2)) < 0.01
    assert fitted.gas.max() > 1.0


def test_reduced_chi2_is_one_for_known_noise(grid: SSPGrid):
    rng = np.random.default_rng(5)
    fractions = light_fractions(grid, 1, rng)
    spectra = observe(grid, fractions, velocity_kms=VELOCITY[:1], sigma_kms=SIGMA[:1], snr=30.0, rng=rng)
    found = fit_labels_ppxf(spectra, grid, bootstraps=0)
    assert np.abs(found.chi2 - 1).max() < 0.15
    assert found.snr == pytest.approx(30.0, rel=0.05)
    assert np.isnan(found.log_age_lw_err).all()


def test_masked_lines_and_sky_do_not_count(case, labels, grid: SSPGrid):
    spectra = case[0].take([0])
    flux = spectra.flux.copy()
    sky = (spectra.wave_angstrom >= 5569.0) & (spectra.wave_angstrom <= 5586.0)
    flux[:, sky] *= 30.0
    settings = FitSettings(continuum="polynomial", emission_lines=False, sky_mask_angstrom=((5569.0, 5586.0),))
    found = fit_labels_ppxf(replace(spectra, flux=flux), grid, settings=settings, bootstraps=0, regularisation=1.0)
    assert found.lines is None
    assert found.chi2[0] < 2.0
    assert found.log_age_lw[0] == pytest.approx(labels.log_age_lw[0], abs=0.03)


def test_attenuation_is_recovered(grid: SSPGrid):
    from agez.spectra.dust import attenuation_curve

    rng = np.random.default_rng(6)
    fractions = light_fractions(grid, 1, rng)
    wave = np.arange(3745.0, 7500.1, 2.0)
    dust = 10 ** (-0.4 * 0.8 * attenuation_curve(wave / 1.01, "calzetti"))
    spectra = observe(
        grid, fractions, velocity_kms=VELOCITY[:1], sigma_kms=SIGMA[:1], snr=500.0, rng=rng, continuum=dust
    )
    law = fit_labels_ppxf(spectra, grid, settings=FitSettings(continuum="attenuation"), bootstraps=0)
    assert np.abs(law.av - 0.8).max() < 0.05
    free = fit_labels_ppxf(spectra, grid, settings=FitSettings(continuum="polynomial"), bootstraps=0)
    assert np.abs(free.av - 0.8).max() < 0.3


def test_a_bad_row_is_flagged_and_spoils_no_other(case, labels, grid: SSPGrid):
    good = case[0].take([0])
    rows = replace(good.rows, spec_id=np.array(["bad"]))
    everything_masked = replace(good, mask=np.ones_like(good.mask), rows=rows)
    not_a_number = replace(good, flux=np.full_like(good.flux, np.nan), rows=rows)
    noise = np.random.default_rng(1).normal(size=good.flux.shape).astype(np.float32)
    nothing = replace(good, flux=noise, flux_err=np.ones_like(noise), rows=rows)
    spike = good.flux.copy()
    spike[0, 900] = 1e6
    spiked = replace(good, flux=spike, rows=rows)
    together = Spectra.concatenate([everything_masked, not_a_number, nothing, spiked, good])
    settings = FitSettings(fit_range_angstrom=(3750.0, 7000.0), continuum="polynomial")
    found = fit_labels_ppxf(together, grid, settings=settings, bootstraps=2, regularisation=1.0)
    assert has_flag(found.flags, Flag.NO_DATA).tolist() == [True, True, False, False, False]
    assert has_flag(found.flags, Flag.NON_FINITE).tolist() == [False, True, False, False, False]
    assert has_flag(found.flags, Flag.LOW_SNR).tolist() == [False, False, True, False, False]
    assert np.isnan(found.log_age_lw[:3]).all()
    assert found.log_age_lw[3] == pytest.approx(labels.log_age_lw[0], abs=0.02)
    assert found.log_age_lw[4] == labels.log_age_lw[0]
    assert found.log_age_lw_err[4] == labels.log_age_lw_err[0]


def test_an_exception_inside_ppxf_becomes_a_flag(case, grid: SSPGrid, monkeypatch):
    import agez.spectra.engine_ppxf as engine

    real, calls = engine.fit_one, []

    def fails_once(*arguments):
        calls.append(1)
        if len(calls) == 1:
            raise np.linalg.LinAlgError("did not converge")
        return real(*arguments)

    monkeypatch.setattr(engine, "fit_one", fails_once)
    found = fit_labels_ppxf(case[0].take([0, 1]), grid, bootstraps=0, keep_fits=True)
    assert has_flag(found.flags, Flag.FIT_FAILED).tolist() == [True, False]
    assert np.isnan(found.log_age_lw[0])
    assert np.isfinite(found.log_age_lw[1])
    assert not found.fitted.used[0].any()
    assert np.isnan(found.fitted.stars[0]).all()
    assert np.isfinite(found.fitted.stars[1]).all()


def test_order_of_rows_is_kept_for_mixed_redshifts(case, labels, grid: SSPGrid):
    spectra = case[0]
    moved = replace(spectra, redshift=np.array([0.012, 0.01]))
    found = fit_labels_ppxf(moved, grid, bootstraps=0, regularisation=1.0)
    assert found.rows.spec_id.tolist() == spectra.rows.spec_id.tolist()
    shift = SPEED_OF_LIGHT_KMS * np.log(1.012 / 1.01)
    assert np.abs(found.velocity_kms - (VELOCITY - [shift, 0])).max() < 5.0


def test_the_discrepancy_rule_raises_chi2_by_little(grid: SSPGrid):
    rng = np.random.default_rng(7)
    fractions = light_fractions(grid, 1, rng)
    spectra = observe(grid, fractions, velocity_kms=VELOCITY[:1], sigma_kms=SIGMA[:1], snr=40.0, rng=rng)
    free = fit_labels_ppxf(spectra, grid, bootstraps=0, regularisation=0.0)
    held = fit_labels_ppxf(spectra, grid, bootstraps=0, regularisation="discrepancy")
    assert (free.prior_strength == 0).all()
    assert (held.prior_strength > 1).all()
    n = 1600
    assert (held.chi2 - free.chi2 < 1.5 * np.sqrt(2 * n) / n).all()
    curvature = [np.abs(np.diff(one.weights, 2, axis=1)).sum() for one in (free, held)]
    assert curvature[1] < curvature[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"regularisation": -1.0}, "regularisation is -1.0"),
        ({"regularisation": "strong"}, "regularisation is 'strong'"),
        ({"bootstraps": 1}, "bootstraps is 1"),
        ({"workers": 0}, "workers is 0"),
        ({"settings": FitSettings(continuum="calibrated")}, "cannot fit the continuum 'calibrated'"),
        ({"settings": FitSettings(fit_range_angstrom=(8000.0, 9000.0))}, "outside the fit's range"),
        ({"settings": FitSettings(fit_range_angstrom=(3100.0, 7000.0))}, "covers 3200-9498 A"),
    ],
)
def test_bad_options_are_refused_in_one_line(case, grid: SSPGrid, options, words):
    with pytest.raises(AgezError, match=r"^[^\n]*$") as caught:
        fit_labels_ppxf(case[0], grid, **options)
    assert words in str(caught.value)


def test_no_spectrum_is_refused(case, grid: SSPGrid):
    with pytest.raises(AgezError, match="no spectrum"):
        fit_labels_ppxf(case[0].take([]), grid)
