"""Spaxels: where they lie, and fields that come back when they are measured."""

import numpy as np
import pytest
from scipy.optimize import curve_fit

from agez.analysis.geometry import disc_coordinates, face_on_radius
from agez.mocks import spaxels as module
from agez.mocks.plan import survey_plan
from agez.mocks.relations import rotation_speed
from agez.mocks.spaxels import draw_positions, make_spaxels, radial_shape, smooth_field

GALAXY = {
    "re_arcsec": 15.0, "inclination": 55.0, "pa": 40.0, "log_mass": 10.6, "log_age_lw": 9.2, "av": 0.5,
    "log_ew_ha": 1.1, "ew_gradient": 0.3, "log_sigma": 2.1, "mu_mean": 21.5, "bulge_fraction": 0.2,
}  # fmt: skip


def made(n=400, morphology="late", seed=0, **changes):
    return make_spaxels(n, {**GALAXY, **changes}, morphology, np.random.default_rng(seed))


def test_bins_tile_the_disc_with_the_density_they_claim():
    r, angle, area = draw_positions(3000, 2.0, np.random.default_rng(1))
    assert r.max() <= 2.0
    assert area.sum() == pytest.approx(np.pi * 2.0**2, rel=0.05)
    inside = (1 - 2.3 * np.exp(-1.3)) / (1 - 3.6 * np.exp(-2.6))
    assert (r < 1).mean() == pytest.approx(inside, abs=0.01)
    quarters = np.histogram(angle, bins=4, range=(0, 2 * np.pi))[0]
    assert quarters == pytest.approx(750, abs=40)


def test_radii_are_the_deprojected_radii_of_the_positions():
    s = made()
    again = face_on_radius(s.x, s.y, inclination_deg=55.0, pa_deg=40.0, re_arcsec=15.0)
    assert s.r_re == pytest.approx(again)
    assert 1.5 < s.r_re.max() < 2.6


def test_coverage_is_about_two_re_and_bounded_by_the_field():
    plan = survey_plan(60, 6000, seed=3)
    reach = []
    for index in range(len(plan)):
        one = plan.properties_of(index)
        s = make_spaxels(60, one, str(plan.galaxies.morphology[index]), np.random.default_rng(index))
        reach.append(s.r_re.max())
        assert np.hypot(s.x, s.y).max() < 1.16 * max(module.FIELD_RADIUS_ARCSEC, one["re_arcsec"])
    assert 1.7 < np.median(reach) < 2.3
    assert min(reach) > 1.0


def test_smooth_field_has_zero_mean_unit_rms_and_is_smooth():
    rng = np.random.default_rng(2)
    r, angle, _ = draw_positions(4000, 2.0, rng)
    fields = np.array([smooth_field(r, angle, rng) for _ in range(40)])
    assert np.sqrt((fields**2).mean()) == pytest.approx(1.0, abs=0.05)
    assert fields.mean() == pytest.approx(0.0, abs=0.05)
    near = smooth_field(np.full(2, 1.0), np.array([1.0, 1.001]), rng)
    assert near[0] == pytest.approx(near[1], abs=0.02)


def test_rotation_field_is_recovered():
    amplitudes = []
    for seed in range(12):
        s = made(seed=seed)
        major, minor = disc_coordinates(s.x, s.y, inclination_deg=55.0, pa_deg=40.0)
        angle = np.arctan2(minor, major)

        def curve(at, flat, turnover):
            r, theta = at
            return flat * np.sin(np.radians(55.0)) * np.cos(theta) * np.tanh(r / turnover)

        (flat, turnover), _ = curve_fit(curve, (s.r_re, angle), s.velocity_kms, p0=(150, 0.4))
        residual = s.velocity_kms - curve((s.r_re, angle), flat, turnover)
        assert residual.std() < 9
        assert 0.2 < turnover < 0.7
        amplitudes.append(flat)
    # Tully-Fisher at this mass, 0.05 dex of scatter
    expected = float(rotation_speed(np.array(10.6)))
    assert np.median(amplitudes) == pytest.approx(expected, rel=0.1)
    assert s.velocity_kms[np.argmax(major)] > 0  # recedes towards the position angle


def test_gradients_come_back_with_their_mean_and_scatter():
    slopes = {"log_age": [], "mh": []}
    for seed in range(300):
        s = made(60, seed=seed)
        shape = radial_shape(s.r_re)
        for name in slopes:
            slopes[name].append(np.polyfit(shape, getattr(s, name), 1)[0])
    for name, values in slopes.items():
        mean, scatter = module.GRADIENTS["late"][name]
        assert np.mean(values) == pytest.approx(mean, abs=0.03)
        assert np.std(values) == pytest.approx(scatter, abs=0.04)


def test_values_at_re_scatter_about_those_of_the_galaxy():
    ages, dust, width = [], [], []
    for seed in range(60):
        s = made(100, seed=seed)
        ring = np.abs(s.r_re - 1) < 0.2
        ages.append(s.log_age[ring].mean())
        dust.append(np.log10(s.av[ring]).mean())
        width.append(np.log10(s.ew_ha[ring]).mean())
    assert np.mean(ages) == pytest.approx(9.2, abs=0.02)
    assert np.mean(dust) == pytest.approx(np.log10(0.5), abs=0.03)
    assert np.mean(width) == pytest.approx(1.1, abs=0.05)


def test_signal_to_noise_is_that_of_voronoi_bins():
    rng = np.random.default_rng(3)
    faint, n_spaxels = module.binned_snr(np.full(4000, 1e-3), rng)
    assert np.all(n_spaxels > 1)
    assert np.median(faint) == pytest.approx(module.SNR_TARGET, rel=0.01)
    assert np.std(np.log10(faint)) == pytest.approx(module.SNR_TARGET_SCATTER, rel=0.05)
    brightness = np.geomspace(1e-3, 1e2, 50)
    bright, n_spaxels = module.binned_snr(brightness, rng)
    assert n_spaxels[-1] == 1
    assert bright[-1] == pytest.approx(module.SNR_CEILING, rel=0.01)
    single = bright > 1.5 * module.SNR_TARGET
    assert single.any()
    assert np.all(np.diff(bright[single]) > 0)


def test_brightness_is_that_of_the_galaxy():
    # face-on galaxy with fine bins: the light inside Re over its area is the mean surface brightness
    s = made(800, inclination=0.0, mu_mean=21.0, bulge_fraction=0.01, re_arcsec=30.0)
    inside = s.r_re < 1
    level = 10 ** (-0.4 * (21.0 + 48.6)) * 2.998e18 / 6200**2 / 1e-16
    assert s.flux[inside].sum() / (np.pi * 30.0**2) == pytest.approx(level, rel=0.25)
