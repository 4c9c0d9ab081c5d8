"""Bad rows among good ones: each ends with a flag, none with a warning, and none changes its neighbours."""

from dataclasses import replace

import numpy as np
import pytest
from spectra_factory import light_fractions, observe

from agez.errors import AgezError
from agez.flags import Flag, has_flag
from agez.label_types import Labels
from agez.spectra.fit_settings import FitSettings
from agez.spectra.fitting import fit_labels
from agez.spectra.templates import made_up_grid
from agez.types import LABEL_NAMES, Spectra

GRID = made_up_grid()
BAD = 1
NO_ANSWER = Flag.NO_DATA | Flag.LOW_SNR | Flag.FIT_FAILED


@pytest.fixture(scope="module")
def good() -> Spectra:
    rng = np.random.default_rng(11)
    fractions = light_fractions(GRID, 3, rng)
    return observe(
        GRID, fractions, velocity_kms=np.array([-60.0, 20.0, 90.0]), sigma_kms=np.full(3, 120.0), snr=30.0, rng=rng
    )


@pytest.fixture(scope="module")
def answers(good) -> Labels:
    """Each row by itself."""
    return Labels.concatenate([fit_labels(good.take([row]), GRID) for row in range(3)])


def _spike(value, at_angstrom):
    def change(wave, flux, error, mask):
        middle = int(np.argmin(np.abs(wave - at_angstrom * 1.01)))
        flux[middle - 2 : middle + 3] = value

    return change


def _block(low, high):
    def change(wave, flux, error, mask):
        mask[(wave > low) & (wave < high)] = True

    return change


def _values(flux_by=1.0, flux_plus=0.0, error_by=1.0):
    def change(wave, flux, error, mask):
        flux[:] = flux * flux_by + flux_plus
        error[:] = error * error_by

    return change


def _sunk(wave, flux, error, mask):
    flux -= 0.95 * np.median(flux)


def _step(wave, flux, error, mask):
    flux[wave > 5500] *= 100


def _only(count):
    def change(wave, flux, error, mask):
        mask[:] = True
        mask[800 : 800 + count] = False

    return change


#: Damage that leaves the rest of the spectrum as good as it was: the answer must stay within four of its errors.
HARMLESS = {
    **{f"spike of {v} at {w}": _spike(v, w) for v in (1e6, -1e6, 1e30, np.inf, np.nan) for w in (3760, 5300, 6563)},
    "nothing in the blue": _block(0, 4700),
    "nothing in the red": _block(6400, 9000),
    "a hole": _block(5000, 5700),
    "another unit": _values(1e-30, 0.0, 1e-30),
    "a large unit": _values(1e25, 0.0, 1e25),
}
#: Damage that makes an answer impossible or wrong: a flag must say so.
HARMFUL = {
    "no flux": (_values(0.0), Flag.LOW_SNR),
    "negative": (_values(-1.0), Flag.LOW_SNR),
    "all NaN": (_values(np.nan), Flag.NO_DATA),
    "errors of 0": (_values(error_by=0.0), Flag.NO_DATA),
    "tiny errors": (_values(error_by=1e-30), Flag.BAD_CHI2),
    "huge errors": (_values(error_by=1e30), Flag.LOW_SNR),
    "median of 0": (_sunk, Flag.LOW_SNR | Flag.FIT_FAILED | Flag.BAD_CHI2),
    "three pixels": (_only(3), Flag.NO_DATA),
    "masked": (_only(0), Flag.NO_DATA),
    "a step": (_step, Flag.BAD_CHI2 | Flag.FIT_FAILED),
}  # fmt: skip


def damaged(spectra: Spectra, change) -> Spectra:
    flux, error, mask = spectra.flux.astype(float), spectra.flux_err.astype(float), spectra.mask.copy()
    with np.errstate(invalid="ignore"):
        change(spectra.wave_angstrom, flux[BAD], error[BAD], mask[BAD])
    return replace(spectra, flux=flux, flux_err=error, mask=mask)


def check(labels: Labels, answers: Labels) -> None:
    """Neighbours as when fitted alone; an answer that is whole or, with a flag, none."""
    for name in LABEL_NAMES:
        for row in (0, 2):
            assert getattr(labels, name)[row] == pytest.approx(getattr(answers, name)[row], abs=1e-3)
    assert labels.flags[[0, 2]].tolist() == answers.flags[[0, 2]].tolist()
    columns = [getattr(labels, name)[BAD] for name in (*LABEL_NAMES, "av", "chi2")]
    errors = np.array([getattr(labels, f"{name}_err")[BAD] for name in (*LABEL_NAMES, "av")])
    if has_flag(labels.flags, NO_ANSWER)[BAD]:
        assert np.isnan([*columns, *errors]).all()
        assert np.isnan(labels.lines.flux[BAD]).all()
    else:
        assert np.isfinite(columns).all()
        assert np.isfinite(errors).all()
        assert (errors > 0).all()
        assert np.array_equal(np.isfinite(labels.lines.flux[BAD]), np.isfinite(labels.lines.flux_err[BAD]))


@pytest.mark.parametrize("name", HARMLESS)
def test_damage_that_leaves_the_answer(good, answers, name):
    labels = fit_labels(damaged(good, HARMLESS[name]), GRID)
    check(labels, answers)
    assert not has_flag(labels.flags, NO_ANSWER | Flag.BAD_CHI2)[BAD]
    for label in ("log_age_lw", "mh_lw"):
        error = max(getattr(labels, f"{label}_err")[BAD], getattr(answers, f"{label}_err")[BAD])
        assert abs(getattr(labels, label)[BAD] - getattr(answers, label)[BAD]) < 4 * error


@pytest.mark.parametrize("name", HARMFUL)
def test_damage_that_a_flag_tells(good, answers, name):
    change, flag = HARMFUL[name]
    labels = fit_labels(damaged(good, change), GRID)
    check(labels, answers)
    assert has_flag(labels.flags, flag)[BAD], labels.flags[BAD]


@pytest.mark.parametrize("shift_kms", [-500, -300, 300, 500])
def test_a_redshift_that_is_a_little_wrong_does_no_harm(good, answers, shift_kms):
    redshift = good.redshift.copy()
    redshift[BAD] += shift_kms / 299792.458 * (1 + redshift[BAD])
    labels = fit_labels(replace(good, redshift=redshift), GRID)
    check(labels, answers)
    assert labels.flags[BAD] == answers.flags[BAD]
    assert labels.velocity_kms[BAD] == pytest.approx(answers.velocity_kms[BAD] - shift_kms, abs=20)
    assert labels.log_age_lw[BAD] == pytest.approx(answers.log_age_lw[BAD], abs=0.02)


@pytest.mark.parametrize("redshift", [np.nan, -0.5, 1.2, 50.0])
def test_a_redshift_that_is_no_good(good, answers, redshift):
    labels = fit_labels(replace(good, redshift=np.where(np.arange(3) == BAD, redshift, good.redshift)), GRID)
    check(labels, answers)
    assert has_flag(labels.flags, Flag.REDSHIFT_FOUND if np.isnan(redshift) else Flag.NO_DATA)[BAD]


@pytest.mark.parametrize(
    ("ages", "metals"), [([0, 5], [0, 1, 2, 3]), ([2], [0, 1, 2, 3]), (list(range(8)), [2]), ([4], [1])]
)
def test_grids_of_few_templates(good, ages, metals):
    grid = replace(
        GRID, flux=GRID.flux[ages][:, metals], log_age=GRID.log_age[ages], mh=GRID.mh[metals]
    )  # fmt: skip
    labels = fit_labels(good, grid)
    for name in LABEL_NAMES:
        nodes = grid.log_age if "age" in name else grid.mh
        values, errors = getattr(labels, name), getattr(labels, f"{name}_err")
        assert (values > nodes[0] - 1e-6).all()
        assert (values < nodes[-1] + 1e-6).all()
        assert np.isfinite(errors).all()
        assert (errors > 0).all()


@pytest.mark.parametrize("order", [0, 30])
def test_polynomials_of_odd_orders(good, order):
    labels = fit_labels(good, GRID, settings=FitSettings(polynomial_order=order))
    assert np.isfinite(labels.log_age_lw).all()
    assert (labels.chi2 < 2).all()


def test_a_range_without_lines(good):
    labels = fit_labels(good, GRID, settings=FitSettings(fit_range_angstrom=(5250.0, 5800.0)))
    assert np.isfinite(labels.log_age_lw).all()
    assert labels.lines is not None
    assert np.isnan(labels.lines.flux).all()


@pytest.mark.parametrize(
    "setting",
    [
        {"polynomial_order": -1}, {"polynomial_order": 3.5}, {"clip_sigma": 0.0}, {"clip_sigma": np.nan},
        {"smoothness_age": np.inf}, {"smoothness_mh": np.nan}, {"line_mask_kms": -1.0}, {"max_chi2": np.nan},
        {"default_sigma_kms": 0.0}, {"fit_range_angstrom": (3700.0, np.inf)}, {"fit_range_angstrom": (5000.0, 5001.0)},
    ],
)  # fmt: skip
def test_settings_that_cannot_be(setting):
    name = next(iter(setting)).split("_")[0]
    with pytest.raises(AgezError, match=name):
        FitSettings(**setting)
