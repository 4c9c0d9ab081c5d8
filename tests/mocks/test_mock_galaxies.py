"""Whole mock galaxies: counts, seeds, order, truth against the weights, and spectra against a slow oracle."""

import numpy as np
import pytest

from agez.errors import AgezError
from agez.mocks.galaxies import observed_starlight
from agez.mocks.observation import WAVE_ANGSTROM, prepare_grid
from agez.mocks.spaxels import Spaxels
from agez.mocks.survey import iterate_survey, make_galaxy, survey_plan
from agez.populations.history import truth_from_weights
from agez.spectra.dust import attenuation_curve
from agez.spectra.lines import EMISSION_LINES, LINE_NAMES, near_lines
from agez.spectra.templates import SSPGrid


@pytest.fixture(scope="module")
def plan():
    """Twelve galaxies."""
    return survey_plan(12, 600, seed=7)


def same_bytes(one, two):
    def arrays(galaxy):
        s = galaxy.spectra
        return (
            s.flux,
            s.flux_err,
            s.mask,
            galaxy.truth.log_age_lw,
            galaxy.mass_weights,
            galaxy.r_re,
            galaxy.line_fluxes,
        )

    return all(a.tobytes() == b.tobytes() for a, b in zip(arrays(one), arrays(two), strict=True))


def test_the_papers_counts_by_default():
    plan = survey_plan()
    assert len(plan) == 190
    assert plan.n_spectra.sum() == 19727
    assert (plan.galaxies.morphology == "early").sum() == 44
    assert plan.galaxies.galaxy_id[0] == "MOCK0001"


@pytest.mark.parametrize(("galaxies", "spectra"), [(1, 1), (5, 5), (7, 100), (250, 12345), (10001, 20000)])
def test_any_size_has_exact_counts_and_the_same_share_of_early_types(galaxies, spectra):
    plan = survey_plan(galaxies, spectra, seed=2)
    assert len(plan) == galaxies
    assert plan.n_spectra.sum() == spectra
    assert plan.n_spectra.min() >= 1
    assert (plan.galaxies.morphology == "early").sum() == round(galaxies * 44 / 190)
    z = plan.galaxies.redshift
    assert ((z >= 0.005) & (z <= 0.03)).all()


@pytest.mark.parametrize(
    ("galaxies", "spectra", "seed", "words"),
    [(0, 10, 1, "--galaxies"), (10, 9, 1, "--spectra"), (10, 10, -1, "--seed")],
)
def test_impossible_surveys_are_refused(galaxies, spectra, seed, words):
    with pytest.raises(AgezError, match=words):
        survey_plan(galaxies, spectra, seed=seed)


def test_same_seed_same_bytes_in_any_order(plan, toy_grid):
    forward = list(iterate_survey(plan, toy_grid, indices=[0, 3, 5]))
    backward = list(iterate_survey(survey_plan(12, 600, seed=7), toy_grid, indices=[5, 3, 0]))[::-1]
    for one, two in zip(forward, backward, strict=True):
        assert same_bytes(one, two)
    other = make_galaxy(survey_plan(12, 600, seed=8), 0, toy_grid)
    assert not np.array_equal(other.spectra.flux[:1], forward[0].spectra.flux[:1])


def test_keeping_the_noiseless_spectra_changes_nothing_else(plan, toy_grid):
    assert same_bytes(make_galaxy(plan, 1, toy_grid), make_galaxy(plan, 1, toy_grid, keep_noiseless=True))


def test_an_index_beyond_the_plan_is_refused(plan, toy_grid):
    with pytest.raises(AgezError, match="0 to 11"):
        make_galaxy(plan, 12, toy_grid)


def test_spectra_are_fit_for_use(plan, toy_grid):
    for one in iterate_survey(plan, toy_grid):
        s = one.spectra
        n = int(plan.n_spectra[plan.galaxies.galaxy_id == one.galaxies.galaxy_id[0]][0])
        assert len(s) == len(one.truth) == len(one.r_re) == n
        assert np.isfinite(s.flux).all()
        assert (s.flux_err > 0).all()
        assert s.medium == "air"
        assert s.fwhm_angstrom == pytest.approx(6.0)
        assert len(np.unique(s.rows.spec_id)) == n
        assert 0.001 < s.mask.mean() < 0.02
        assert (np.median(s.flux, axis=1) > 0).all()


def test_truth_equals_a_slow_sum_over_the_weights(plan, toy_grid):
    one = make_galaxy(plan, 2, toy_grid)
    low, high = 5450.0, 5550.0
    band = (toy_grid.wave_angstrom >= low) & (toy_grid.wave_angstrom <= high)
    for i in range(0, len(one.r_re), 7):
        age_light = mh_light = light_total = age_mass = mh_mass = mass_total = 0.0
        for a, log_age in enumerate(toy_grid.log_age):
            for m, mh in enumerate(toy_grid.mh):
                mass = one.mass_weights[i, a, m]
                light = mass * toy_grid.flux[a, m, band].astype(float).mean()
                age_light, mh_light, light_total = (
                    age_light + light * log_age,
                    mh_light + light * mh,
                    light_total + light,
                )
                age_mass, mh_mass, mass_total = age_mass + mass * log_age, mh_mass + mass * mh, mass_total + mass
        assert mass_total == pytest.approx(1)
        assert one.truth.log_age_lw[i] == pytest.approx(age_light / light_total, abs=1e-9)
        assert one.truth.mh_lw[i] == pytest.approx(mh_light / light_total, abs=1e-9)
        assert one.truth.log_age_mw[i] == pytest.approx(age_mass / mass_total, abs=1e-9)
        assert one.truth.mh_mw[i] == pytest.approx(mh_mass / mass_total, abs=1e-9)


def test_truth_of_a_single_template_is_its_own(toy_grid):
    weights = np.zeros((1, len(toy_grid.log_age), len(toy_grid.mh)))
    weights[0, 3, 1] = 5.0
    truth = truth_from_weights(weights, toy_grid, light=toy_grid.light)
    assert truth["log_age_lw"][0] == pytest.approx(toy_grid.log_age[3]) == truth["log_age_mw"][0]
    assert truth["mh_lw"][0] == pytest.approx(toy_grid.mh[1])


def test_weights_are_masses_that_grow_metal_rich(plan, toy_grid):
    one = make_galaxy(plan, 4, toy_grid)
    assert one.mass_weights.min() >= 0
    assert one.mass_weights.sum(axis=(1, 2)) == pytest.approx(1)
    # mean [M/H] of the oldest stars is below that of the youngest half by mass
    mh = (one.mass_weights * toy_grid.mh).sum(axis=2) / one.mass_weights.sum(axis=2)
    mass = one.mass_weights.sum(axis=2)
    old, young = mh[:, -1], (mh * mass)[:, :-1].sum(axis=1) / mass[:, :-1].sum(axis=1)
    used = mass[:, -1] > 0.05
    assert (old[used] < young[used] + 1e-9).all()


def test_a_single_template_behind_dust_equals_a_direct_calculation(toy_grid):
    """Wide features and no motion: resolution hardly matters, so dust, scale and redshift can be checked by hand."""
    smooth = SSPGrid("smooth", toy_grid.wave_angstrom, np.broadcast_to(
        ((toy_grid.wave_angstrom / 5500.0) ** -1.3).astype(np.float32), toy_grid.flux.shape
    ), toy_grid.log_age, toy_grid.mh, "air", 2.5, "", "")  # fmt: skip
    zero, one = np.zeros(1), np.ones(1)
    spaxel = Spaxels(
        zero, zero, one, one, one, 0.8 * one, one, 150 * one, 100 * one, zero, one, 0.3 * one, 30 * one, one
    )
    weights = np.zeros((1, len(toy_grid.log_age), len(toy_grid.mh)))
    weights[0, 2, 2] = 7.0
    flux, _, _ = observed_starlight(weights, spaxel, law="ccm89", redshift=0.02, prepared=prepare_grid(smooth))
    rest = WAVE_ANGSTROM / 1.02 / (1 + 150 / 299792.458)
    dust = 10 ** (-0.4 * 0.8 * (attenuation_curve(rest, "ccm89") - attenuation_curve(5500.0, "ccm89")))
    expected = 0.3 * (rest / 5500.0) ** -1.3 * dust
    assert flux[0] == pytest.approx(expected, rel=1.5e-3)


def test_noise_has_the_stated_error_and_chi2_of_one(toy_grid):
    plan = survey_plan(6, 900, seed=5)
    chi2, pull = [], []
    for one in iterate_survey(plan, toy_grid, keep_noiseless=True):
        s, good = one.spectra, ~one.spectra.mask
        # the calibration multiplies flux and error alike: take a smooth ratio out of both
        ratio = np.where(good, s.flux / one.noiseless, 0)
        x = np.linspace(-1, 1, len(WAVE_ANGSTROM))
        for i in range(0, len(s), 10):
            weight = np.where(good[i], one.noiseless[i] / s.flux_err[i], 0)
            curve = np.polynomial.chebyshev.chebval(x, np.polynomial.chebyshev.chebfit(x, ratio[i], 9, w=weight))
            residual = ((s.flux[i] - curve * one.noiseless[i]) / s.flux_err[i])[good[i]]
            chi2.append((residual**2).sum() / (len(residual) - 10))
            pull.append(np.abs(residual).max())
    assert np.mean(chi2) == pytest.approx(1.0, abs=0.01)
    assert max(pull) < 6


def test_perfect_spectra_are_the_noiseless_ones(plan, toy_grid):
    one = make_galaxy(plan, 0, toy_grid, perfect=True, keep_noiseless=True)
    assert np.array_equal(one.spectra.flux, one.noiseless)
    assert not one.spectra.mask.any()


def test_line_fluxes_and_equivalent_width_are_measured_back(toy_grid):
    plan = survey_plan(4, 120, seed=11)
    for index in range(4):
        one = make_galaxy(plan, index, toy_grid, keep_noiseless=True)
        z = float(plan.galaxies.redshift[index])
        stars, continuum, _ = observed_starlight(
            one.mass_weights, one.spaxels, law=one.law, redshift=z, prepared=prepare_grid(toy_grid)
        )
        lines = one.noiseless - stars
        names = ("NII6548", "Halpha", "NII6583")
        complex_flux = one.line_fluxes[:, [LINE_NAMES.index(n) for n in names]].sum(axis=1)
        rest = WAVE_ANGSTROM / (1 + z)
        near = (rest > 6500) & (rest < 6640)
        assert lines[:, near].sum(axis=1) * 2 == pytest.approx(complex_flux, rel=5e-3)
        alpha = one.line_fluxes[:, LINE_NAMES.index("Halpha")]
        assert alpha / (1 + z) / continuum == pytest.approx(one.spaxels.ew_ha, rel=1e-4)
        away = ~near_lines(rest, EMISSION_LINES, medium="air", half_width_kms=2500)
        assert np.abs(lines[:, away]).max() < 1e-4 * np.abs(one.noiseless).max()


def test_most_galaxies_can_have_gradients_measured(toy_grid):
    plan = survey_plan(40, 4160, seed=1)
    enough = 0
    for one in iterate_survey(plan, toy_grid):
        enough += ((one.r_re < 1).sum() >= 25) and ((one.r_re > 1).sum() >= 1)
    assert enough >= 34


def test_ages_and_metallicities_on_emiles_are_those_aimed_at(emiles):
    plan = survey_plan(30, 1500, seed=4)
    missed_age, missed_mh, ages = [], [], []
    for one in iterate_survey(plan, emiles):
        missed_age.append(one.truth.log_age_lw - one.spaxels.log_age)
        inside = one.spaxels.mh < 0.1
        missed_mh.append((one.truth.mh_lw - one.spaxels.mh)[inside])
        ages.append(one.truth.log_age_lw)
    missed_age, missed_mh = np.concatenate(missed_age), np.concatenate(missed_mh)
    assert np.median(missed_age) == pytest.approx(0, abs=0.02)
    assert np.median(np.abs(missed_age)) < 0.05  # bursts and what a family cannot reach
    assert np.median(missed_mh) == pytest.approx(0, abs=0.02)
    assert np.median(np.abs(missed_mh)) < 0.02
    assert 8.0 < np.concatenate(ages).min() < np.concatenate(ages).max() < 10.2
