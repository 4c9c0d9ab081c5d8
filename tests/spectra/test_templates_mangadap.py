"""Libraries of sdss-mangadap: each naming scheme in made-up folders, what is refused, the real ones if installed."""

import gzip

import numpy as np
import pytest
from astropy.io import fits

from agez.errors import AgezError
from agez.photometry.air import to_medium
from agez.spectra import templates_mangadap
from agez.spectra.templates import MANGADAP_NAMES, load_templates
from agez.spectra.templates_mangadap import MANGADAP_LIBRARIES, mangadap_templates, with_light_of

M11 = "M11_{}_imf_ss_age_{{1}}_z_{{0}}.fits"
#: For each library: file names of 3 ages x 2 metallicities, as the package writes them, ages [Gyr] and [M/H].
NAMES = {
    "miuscat": ("Iun1.30Z{}T{}.fits", ("m0.40", "p0.22"), ("00.0631", "01.0000", "10.0000")),
    "m11-miles": (M11.format("MILES_res2.54"), ("0.01", "0.04"), ("0.10000000", "1.0000000", "10.000000")),
    "m11-stelib": (M11.format("STELIB_res3.40"), ("0.01", "0.04"), ("0.030000000", "1.0000000", "10.000000")),
    "m11-elodie": (M11.format("ELODIE_res0.55"), ("0.01", "0.04"), ("0.0030000000", "1.0000000", "10.000000")),
    "m11-marcs": ("M11_MARCS_res2.7_imf_ss_age_{1}_z_{0}_s.fits", ("-2.2500", "0.3500"), ("3.00", "7.00", "10.00")),
    "mastar": ("MaStar-SSP-A{1}-Z{0}.fits.gz", ("-1.35", "+0.35"), ("00.003", "01.000", "09.000")),
    "bc03": ("BC03_z{}_a{}.fits", ("0.004", "0.050"), ("00.005", "01.434", "10.000")),
    "bpass": ("bin-imf135_300-z{}-T{}.fits", ("008", "030"), ("-1.20", "0.00", "1.00")),
}  # fmt: skip
MHS = {"miuscat": (-0.4, 0.22), "m11-marcs": (-2.25, 0.35), "mastar": (-1.35, 0.35), "bc03": (-0.699, 0.3979),
       "bpass": (-0.3979, 0.1761)}  # fmt: skip
M11_MH = (-0.301, 0.301)
POWER = 1800.0


def write(folder, name, *, skip=(), scale=1.0):
    """Made-up files of one library: flat spectra whose level says which age and metallicity they are."""
    pattern, metals, ages = NAMES[name]
    place = folder / MANGADAP_LIBRARIES[name].folder
    place.mkdir(parents=True, exist_ok=True)
    for i, age in enumerate(ages):
        for j, metal in enumerate(metals):
            if (i, j) in skip:
                continue
            level = scale * 10.0 ** (2 - i) * (2 - j)
            write_one(place / pattern.format(metal, age), 1.0 if name == "mastar" else level, log=name == "mastar")
    return folder


def write_one(path, level, *, log=False):
    hdu = fits.PrimaryHDU(np.full(4000, level))
    hdu.header["CRPIX1"] = 1
    hdu.header["CRVAL1"], hdu.header["CDELT1"] = (3.56, 1e-4) if log else (3600.0, 1.0)
    parts = [hdu]
    if log:
        hdu.header["CTYPE1"] = "WAVE-LOG"
        parts.append(fits.ImageHDU(np.full(4000, POWER), name="SRES"))
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    fits.HDUList(parts).writeto(plain, overwrite=True)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()


def test_the_names_of_both_modules_are_the_same():
    assert set(MANGADAP_NAMES) == set(MANGADAP_LIBRARIES) == set(NAMES)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_file_names_become_ages_and_metallicities(name, tmp_path):
    write(tmp_path, name)
    if name == "mastar":
        write(tmp_path, "bc03")
    grid = mangadap_templates(name, tmp_path)
    texts = NAMES[name][2]
    gyr = 10 ** np.array(texts, dtype=float) if name == "bpass" else np.array(texts, dtype=float)
    np.testing.assert_allclose(grid.log_age, np.log10(gyr) + 9, atol=1e-5)
    np.testing.assert_allclose(grid.mh, MHS.get(name, M11_MH), atol=2e-4)
    low, high = MANGADAP_LIBRARIES[name].keep_angstrom
    assert grid.wave_angstrom[0] >= max(low, 3600)
    assert grid.wave_angstrom[-1] <= high
    if name != "mastar":
        # light per mass is kept, up to one factor for the grid
        expected = np.outer([100.0, 10.0, 1.0], [2.0, 1.0])
        np.testing.assert_allclose(grid.light / grid.light[2, 1], expected, rtol=1e-5)


def test_normalised_files_get_their_light_from_another_library_at_the_same_age_and_metallicity(tmp_path):
    write(tmp_path, "mastar")
    write(tmp_path, "bc03")
    grid, donor = mangadap_templates("mastar", tmp_path), mangadap_templates("bc03", tmp_path)
    assert grid.medium == "vacuum"
    np.testing.assert_allclose(grid.wave_angstrom[:2], 10 ** np.array([3.56, 3.5601]))
    assert grid.fwhm_angstrom == pytest.approx(5500 / POWER, rel=0.05)
    # the donor's light falls by a factor between its ages and another between its metallicities: bilinear in the logs
    age, mh = grid.log_age[1], grid.mh[1]
    at = np.interp(age, donor.log_age, np.log10(donor.light[:, 1]))
    slope = np.log10(donor.light[0, 1] / donor.light[0, 0]) / np.diff(donor.mh)[0]
    assert np.log10(grid.light[1, 1]) == pytest.approx(at + slope * (mh - donor.mh[1]), abs=1e-6)


def test_a_grid_given_its_own_light_is_unchanged(toy_grid):
    again = with_light_of(toy_grid, toy_grid)
    np.testing.assert_allclose(again.flux, toy_grid.flux, rtol=1e-6)


def test_grids_with_holes_become_their_largest_rectangle(tmp_path):
    write(tmp_path, "m11-miles", skip={(0, 1)})
    grid = mangadap_templates("m11-miles", tmp_path)
    assert grid.flux.shape[:2] == (2, 2)
    np.testing.assert_allclose(grid.log_age, [9, 10])


def test_sparser_files_and_strangers_are_passed_over(tmp_path):
    write(tmp_path, "m11-stelib")
    place = tmp_path / "m11_stelib"
    write_one(place / "M11_STELIB_res3.40_imf_ss_age_5.0000000_z_0.01_s.fits", 1.0)
    write_one(place / "something_else.fits", 1.0)
    assert mangadap_templates("m11-stelib", tmp_path).flux.shape[:2] == (3, 2)


def test_what_is_refused(tmp_path):
    with pytest.raises(AgezError, match="'bc03': 0 files found"):
        mangadap_templates("bc03", tmp_path)
    write(tmp_path, "bc03")
    victim = sorted((tmp_path / "bc03_mpajhu").glob("*.fits"))[2]
    whole = victim.read_bytes()
    victim.write_bytes(whole[:4000])
    with pytest.raises(AgezError, match=victim.name.replace(".", r"\.")):
        mangadap_templates("bc03", tmp_path)
    victim.write_bytes(whole)
    with fits.open(victim, mode="update") as hdus:
        hdus[0].header["CRVAL1"] = 3700.0
    with pytest.raises(AgezError, match="another wavelength grid"):
        mangadap_templates("bc03", tmp_path)
    with fits.open(victim, mode="update") as hdus:
        del hdus[0].header["CDELT1"]
    with pytest.raises(AgezError, match=r"cannot be read as a spectrum.*CDELT1"):
        mangadap_templates("bc03", tmp_path)


def test_where_the_package_is_absent_the_line_to_run_is_told(monkeypatch):
    monkeypatch.setattr(templates_mangadap.util, "find_spec", lambda name: None)
    with pytest.raises(AgezError, match="pip install --no-deps sdss-mangadap"):
        templates_mangadap.mangadap_folder()


@pytest.fixture(scope="module")
def installed():
    try:
        return templates_mangadap.mangadap_folder()
    except AgezError as error:
        pytest.skip(str(error))


def mean_flux(grid, centre, half=40.0):
    wave = grid.wave_angstrom
    return grid.flux[..., np.abs(wave - centre) <= half].mean(axis=-1, dtype=float)


def break_4000(grid):
    """Ratio of mean f_nu in 4000-4100 to 3850-3950 A (Balogh et al. 1999, ApJ 527, 54)."""
    return mean_flux(grid, 4050, 50) * 4050**2 / (mean_flux(grid, 3900, 50) * 3900**2)


def nearest(grid, log_age, mh):
    return int(np.argmin(np.abs(grid.log_age - log_age))), int(np.argmin(np.abs(grid.mh - mh)))


@pytest.mark.parametrize("name", sorted(MANGADAP_LIBRARIES))
def test_installed_libraries_behave_as_stars_do(name, installed, emiles):
    grid = load_templates(name)
    assert (grid.flux > 0).all()
    assert (np.diff(grid.light, axis=0) < 0).mean() > 0.95, "populations fade"
    if grid.wave_angstrom[0] < 3850:
        strength = break_4000(grid)
        old = grid.log_age > 9
        assert (np.diff(strength, axis=0)[grid.log_age[1:] > 8.2] > 0).mean() > 0.9
        assert (np.diff(strength[old], axis=1) > 0).mean() > 0.9
    # at equal age and metallicity, colours are those of E-MILES within 0.15 mag (M11 has 0.1), in the middle
    ages = [i for i, age in enumerate(grid.log_age) if 7.8 <= age <= 10.21]
    mhs = [j for j, mh in enumerate(grid.mh) if -1.4 <= mh <= 0.25]
    there = [nearest(emiles, grid.log_age[i], grid.mh[j]) for i in ages for j in mhs]
    for centre in (4200.0, 6500.0):
        ours = (mean_flux(grid, centre) / mean_flux(grid, 5500))[np.ix_(ages, mhs)].ravel()
        theirs = np.array([(mean_flux(emiles, centre) / mean_flux(emiles, 5500))[at] for at in there])
        assert np.median(np.abs(2.5 * np.log10(ours / theirs))) < 0.15


@pytest.mark.parametrize("name", sorted(MANGADAP_LIBRARIES))
def test_installed_libraries_have_the_medium_that_is_told(name, installed, emiles):
    """Lines stand where E-MILES has them: air taken for vacuum would be off by 83 km/s."""
    grid = load_templates(name)
    log_wave = np.arange(np.log(4000), np.log(6600), 2e-5)

    def lines(which, log_age, mh):
        wave = to_medium(which.wave_angstrom, which.medium, "air")
        flux = np.interp(log_wave, np.log(wave), which.flux[nearest(which, log_age, mh)])
        smooth = np.convolve(flux, np.ones(20) / 20, "same")
        return (smooth / np.convolve(flux, np.ones(1000) / 1000, "same") - 1)[1000:-1000]

    ours, theirs = lines(grid, 9.7, 0.0), lines(emiles, 9.7, 0.0)
    lags = np.arange(-20, 21)
    best = lags[np.argmax([ours[30:-30] @ np.roll(theirs, lag)[30:-30] for lag in lags])]
    assert abs(best) * 2e-5 * 299792 < 35  # STELIB's own zero point is off by 22 km/s
