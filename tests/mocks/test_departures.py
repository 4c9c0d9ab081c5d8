"""What mock galaxies can have beyond the standard ones: each effect alone, with its size, and none by default."""

from dataclasses import replace

import numpy as np
import pytest

from agez.errors import AgezError
from agez.mocks import departures
from agez.mocks.departures import Departures, add_active_nucleus, draw_alpha_fe, sky_residuals, with_abundances
from agez.mocks.galaxies import make_galaxy, noiseless_galaxy
from agez.mocks.observation import WAVE_ANGSTROM, prepare_grid
from agez.mocks.survey import survey_plan
from agez.spectra.lines import line_waves

PLAN = survey_plan(8, 160, seed=11)


def test_none_by_default(toy_grid):
    one, two = make_galaxy(PLAN, 1, toy_grid), make_galaxy(PLAN, 1, toy_grid, departing=Departures())
    for name in ("flux", "flux_err", "mask"):
        np.testing.assert_array_equal(getattr(one.spectra, name), getattr(two.spectra, name))


@pytest.mark.parametrize(
    "departing",
    [Departures(abundances=True), Departures(nebular_continuum=True), Departures(active_share=1.0)],
)
def test_a_galaxy_that_departs_is_otherwise_the_same(toy_grid, departing):
    """Stars, truth and the draws of the noise are those of the standard galaxy."""
    standard, other = make_galaxy(PLAN, 2, toy_grid), make_galaxy(PLAN, 2, toy_grid, departing=departing)
    np.testing.assert_array_equal(standard.mass_weights, other.mass_weights)
    np.testing.assert_array_equal(standard.truth.mh_lw, other.truth.mh_lw)
    np.testing.assert_array_equal(standard.spectra.mask, other.spectra.mask)
    assert np.abs(other.spectra.flux / standard.spectra.flux - 1).max() > 1e-4


def test_abundances_weaken_lines_outside_their_bands_alone(toy_grid):
    prepared = prepare_grid(toy_grid)
    enhanced = with_abundances(prepared, 0.4)
    wave, change = prepared.wave_angstrom, np.log(enhanced.flux / prepared.flux)
    inside = (wave > 5090) & (wave < 5190)
    assert np.abs(change[:, inside]).max() < 1e-5
    # the toy grid's iron-like line at 5270 deepens with [M/H]: a lower [Fe/H] fills it up, most where there is most
    line = np.argmin(np.abs(wave - 5270))
    rich = np.arange(len(change)) % len(toy_grid.mh) > 0
    assert (change[rich, line] > 0).all()
    # the poorest templates have none that is poorer
    np.testing.assert_allclose(change[~rich][:, ~inside], 0, atol=1e-5)
    np.testing.assert_allclose(with_abundances(prepared, 0.0).flux, prepared.flux, rtol=1e-5)


def test_alpha_follows_dispersion_and_type(rng):
    early, late = (
        np.mean([draw_alpha_fe({"log_sigma": np.log10(200.0)}, kind, rng) for _ in range(400)])
        for kind in ("early", "late")
    )
    assert early == pytest.approx(-0.55 + 0.33 * np.log10(200.0), abs=0.02)  # Thomas et al. 2010
    assert late == pytest.approx(early - 0.1, abs=0.02)


def test_twice_the_errors_of_the_calibration(toy_grid):
    """The logarithm of the calibration's factor doubles, pixel by pixel."""
    plan = replace(PLAN)
    kept = {}
    for size in (0.0, 1.0, 2.0):
        galaxy = make_galaxy(plan, 0, toy_grid, departing=Departures(calibration=size))
        kept[size] = np.where(galaxy.spectra.mask, np.nan, np.log(galaxy.spectra.flux_err))
    np.testing.assert_allclose(kept[2.0] - kept[0.0], 2 * (kept[1.0] - kept[0.0]), atol=2e-5)
    assert np.nanstd(kept[1.0] - kept[0.0]) > 0.01


def test_residuals_of_the_sky_have_their_rms_at_the_lines_and_none_elsewhere(rng):
    err = np.full((4000, len(WAVE_ANGSTROM)), 0.02, np.float32)
    found = sky_residuals(err, 2.0, rng)
    at = np.argmin(np.abs(WAVE_ANGSTROM - 4358.3))
    assert np.std(found[:, at]) < 2.2 * 0.02
    # the part that galaxies share is one draw; that from spectrum to spectrum has half of the variance
    assert np.std(found[:, at] - found[:, at].mean()) == pytest.approx(2 * 0.02 * 0.5**0.5, rel=0.08)
    quiet = (WAVE_ANGSTROM > 4700) & (WAVE_ANGSTROM < 5300)
    assert np.abs(found[:, quiet]).max() < 1e-6


def test_nebular_continuum_is_that_of_the_table(toy_grid):
    from agez.mocks.nebular_continuum import continuum_over_halpha
    from agez.photometry.air import air_to_vacuum

    standard = noiseless_galaxy(PLAN, 3, prepare_grid(toy_grid))
    with_it = noiseless_galaxy(PLAN, 3, prepare_grid(toy_grid), Departures(nebular_continuum=True))
    added = (with_it.flux - standard.flux).astype(float)
    z = float(standard.drawn.galaxies.redshift[0])
    halpha = standard.lines[:, 22]
    assert (added > 0).all()
    # at H-alpha dust is divided out: the ratio is the table's, stretched
    observed = line_waves(["Halpha"], medium="air")[0] * (1 + z)
    at = np.argmin(np.abs(WAVE_ANGSTROM - observed))
    expected = continuum_over_halpha(air_to_vacuum(WAVE_ANGSTROM[[at]]) / (1 + z), np.array([1e4]))[0, 0] / (1 + z)
    strong = added[:, at] > 1e-3 * standard.flux[:, at]
    np.testing.assert_allclose(added[strong, at] / halpha[strong], expected, rtol=0.02)


def test_a_nucleus_shines_in_the_centre_and_broad_lines_are_broad(toy_grid, rng, monkeypatch):
    made = noiseless_galaxy(PLAN, 4, prepare_grid(toy_grid))
    z = float(made.drawn.galaxies.redshift[0])
    continuum = np.full(len(made.flux), 1.0)
    added = {}
    for share in (0.0, 1.0):
        monkeypatch.setattr(departures, "TYPE_1", share)
        flux = np.zeros_like(made.flux)
        chance = np.random.default_rng(2)
        add_active_nucleus(flux, made.drawn.spaxels, continuum, redshift=z, fwhm=made.fwhm, rng=chance)
        added[share] = flux
    distance = np.hypot(made.drawn.spaxels.x, made.drawn.spaxels.y)
    centre, edge = np.argmin(distance), np.argmax(distance)
    assert added[1.0][centre].sum() > 20 * added[1.0][edge].sum()
    assert (added[0.0] >= 0).all()
    beside = np.argmin(np.abs(WAVE_ANGSTROM - (1 + z) * 6500.0))  # 3000 km/s from H-alpha: broad lines reach it
    clear = np.argmin(np.abs(WAVE_ANGSTROM - (1 + z) * 5500.0))
    assert added[0.0][centre, beside] < 1e-3
    profile = np.exp(-distance[centre] / departures.NUCLEUS_ARCSEC)
    low, high = (share * profile * made.drawn.spaxels.flux[centre] for share in departures.POWER_LAW_LIGHT)
    assert added[0.0][centre, clear] < 1e-6
    assert low < added[1.0][centre, clear] < high


@pytest.mark.parametrize("wrong", [{"calibration": -1.0}, {"sky_residual": -0.1}, {"active_share": 1.5}])
def test_departures_that_cannot_be(wrong):
    with pytest.raises(AgezError, match="departures of mock galaxies"):
        Departures(**wrong)
