"""Template libraries on the common grid: flux kept, ends kept, and what is of no use refused."""

from dataclasses import replace

import numpy as np
import pytest

from agez.errors import AgezError
from agez.photometry.air import to_medium
from agez.spectra.templates import made_up_grid
from agez.training_seds.complete_library import load_libraries
from agez.training_seds.libraries import NEEDED_ANGSTROM, RANGE_ANGSTROM, common_wave, library_of


def test_the_common_grid_is_logarithmic_and_covers_its_range():
    wave = common_wave()
    step = np.diff(np.log(wave))
    np.testing.assert_allclose(step, step[0], rtol=1e-6)
    assert wave[0] < RANGE_ANGSTROM[0] + 5
    assert wave[-1] > RANGE_ANGSTROM[1] - 10


def test_rebinning_keeps_flux_and_light(toy_grid):
    library = library_of(toy_grid)
    assert library.flux.shape == (*toy_grid.flux.shape[:2], len(common_wave()))
    assert (library.flux >= 0).all()
    np.testing.assert_array_equal(library.light, toy_grid.light)
    wave, fine = common_wave(), to_medium(toy_grid.wave_angstrom, "air", "vacuum")
    for low, high in ((4000, 4400), (5000, 5300), (6000, 9000)):
        inside, own = (wave > low) & (wave < high), (fine > low) & (fine < high)
        coarse = np.trapezoid(library.flux[..., inside], wave[inside])
        slow = np.trapezoid(toy_grid.flux[..., own], fine[own])
        np.testing.assert_allclose(coarse / np.ptp(wave[inside]), slow / np.ptp(fine[own]), rtol=5e-3)


def test_an_absorption_line_stays_where_it_is_in_vacuum(toy_grid):
    """Calcium K of the grid is at 3933 A in air: 3934.1 A in vacuum."""
    library = library_of(toy_grid)
    wave = common_wave()
    near = (wave > 3915) & (wave < 3953)
    depth = library.flux[-1, -1, near].max() - library.flux[-1, -1, near]
    assert (depth * wave[near]).sum() / depth.sum() == pytest.approx(3934.1, abs=1.0)


def test_what_is_not_reached_is_marked_and_zero(toy_grid):
    library = library_of(toy_grid.cut(3800.0, 7400.0))
    wave = common_wave()
    assert not library.reached[(wave < 3790) | (wave > 7410)].any()
    assert library.reached[(wave > 3815) & (wave < 7390)].all()
    assert (library.flux[..., ~library.reached] == 0).all()
    assert (library.flux[..., library.reached] > 0).all()


def test_broadening_keeps_light_and_ends(toy_grid):
    library = library_of(toy_grid.cut(3800.0, 7400.0))
    broad = library.broadened(300.0)
    assert (broad[..., ~library.reached] == 0).all()
    inner = np.flatnonzero(library.reached)[30:-30]
    np.testing.assert_allclose(broad[..., inner].sum(-1), library.flux[..., inner].sum(-1), rtol=2e-3)
    # lines become shallower, and the continuum at the ends does not fall off
    line = np.argmin(np.abs(common_wave() - 3934.1))
    assert (broad[..., line] > library.flux[..., line]).all()
    ends = np.flatnonzero(library.reached)[[0, -1]]
    np.testing.assert_allclose(broad[..., ends], library.flux[..., ends], rtol=0.05)
    assert library.broadened(0.0) is library.flux


def test_the_width_of_a_broadened_line_is_that_of_a_gaussian():
    """A single bright pixel becomes a Gaussian of the velocity dispersion that was asked for."""
    library = library_of(made_up_grid())
    at = int(np.flatnonzero(library.reached).mean())
    flux = np.where(np.arange(library.flux.shape[-1]) == at, 1.0, 0.0) * np.ones_like(library.flux)
    spike = replace(library, flux=flux.astype(np.float32)).broadened(400.0)[0, 0]
    ln_wave = np.log(common_wave())
    centre = (spike * ln_wave).sum() / spike.sum()
    sigma_kms = 299792.458 * np.sqrt((spike * (ln_wave - centre) ** 2).sum() / spike.sum())
    assert spike.sum() == pytest.approx(1, abs=1e-4)
    assert sigma_kms == pytest.approx(400.0, rel=0.01)


def test_libraries_of_no_use_are_refused(toy_grid):
    low, high = NEEDED_ANGSTROM
    for cut in ((low + 100, 9000.0), (3800.0, high - 100)):
        with pytest.raises(AgezError, match=r"covers .* training needs at least 3950-6700 A"):
            library_of(toy_grid.cut(*cut))
    with pytest.raises(AgezError, match="no template library"):
        load_libraries([])


def test_libraries_by_name():
    (one,) = load_libraries(["made-up"])
    assert one.name == "made-up"
    assert one.reference
    assert (one.log_age.shape, one.mh.shape) == (one.flux.shape[:1], one.flux.shape[1:2])
