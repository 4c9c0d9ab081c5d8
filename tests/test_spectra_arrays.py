"""Spectra of arrays, of quantities in any unit, and of specutils; what is none is refused with what to pass."""

import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import InverseVariance, StdDevUncertainty, UnknownUncertainty, VarianceUncertainty
from astropy.table import Column
from astropy.wcs import WCS
from spectra_factory import light_fractions, observe

import agez
from agez.errors import AgezError
from agez.spectra.formats_specutils import read_with_specutils
from agez.spectra.templates import made_up_grid
from agez.spectra_assembly import Options
from agez.types import Rows

WAVE = np.arange(3800.0, 7200.0, 2.0)
FLUX = 1.0 + 0.3 * np.sin(WAVE / 300.0)
F_LAMBDA = u.Unit("erg / (s cm2 Angstrom)")
PLAIN = agez.Spectra.from_arrays(WAVE, FLUX, 0.1 * FLUX, medium="vacuum")


def same(found, rtol=1e-12):
    np.testing.assert_allclose(found.wave_angstrom, PLAIN.wave_angstrom, rtol=rtol)
    scale = u.Unit(found.flux_unit).to(PLAIN.flux_unit)
    np.testing.assert_allclose(scale * found.flux[0], FLUX, rtol=rtol)
    np.testing.assert_allclose(scale * found.flux_err[0], 0.1 * FLUX, rtol=rtol)


# ---------------------------------------------------------------- arrays and quantities


@pytest.mark.parametrize(
    ("wave", "options"),
    [
        (WAVE, {}),
        (WAVE / 10, {"wave_unit": "nm"}),
        (WAVE * 1e-4, {"wave_unit": "um"}),
        *((WAVE * u.AA.to(unit) * u.Unit(unit), {}) for unit in ("nm", "um", "m", "AA")),
        (np.ma.masked_array(WAVE), {}),
        (Column(WAVE / 10, unit="nm"), {}),
    ],
)
def test_wavelengths_in_any_unit(wave, options):
    same(agez.Spectra.from_arrays(wave, FLUX, 0.1 * FLUX, **options))


@pytest.mark.parametrize("unit", ["THz", "eV", "1 / cm"])
def test_frequencies_and_energies_are_vacuum_and_turned_round(unit):
    wave = (WAVE * u.AA).to(unit, u.spectral())
    same(agez.Spectra.from_arrays(wave, FLUX, 0.1 * FLUX))
    with pytest.raises(AgezError, match="no medium"):
        agez.Spectra.from_arrays(wave, FLUX, 0.1 * FLUX, medium="air")


@pytest.mark.parametrize("unit", ["W / (m2 um)", "1e-17 erg / (s cm2 Angstrom)", "mJy", "uJy", "erg / (s cm2 Hz)"])
def test_fluxes_in_any_unit(unit):
    flux = (FLUX * F_LAMBDA).to(unit, u.spectral_density(WAVE * u.AA))
    same(agez.Spectra.from_arrays(WAVE * u.AA, flux, 0.1 * flux, medium="vacuum"))
    same(agez.Spectra.from_arrays(WAVE, flux.value, 0.1 * flux.value, flux_unit=unit, medium="vacuum"))


@pytest.mark.parametrize(
    "err",
    [
        0.1 * FLUX,
        0.1 * FLUX * F_LAMBDA,
        (0.1 * FLUX * F_LAMBDA).to("W / (m2 um)"),
        StdDevUncertainty(0.1 * FLUX),
        StdDevUncertainty(0.1 * FLUX * F_LAMBDA),
        VarianceUncertainty((0.1 * FLUX) ** 2 * F_LAMBDA**2),
        InverseVariance((0.1 * FLUX) ** -2.0),
    ],
)
def test_errors_of_any_kind(err):
    same(agez.Spectra.from_arrays(WAVE, FLUX * F_LAMBDA, err, medium="vacuum"))


def test_what_cannot_be_used_is_masked_and_the_arrays_stay_as_they_are():
    flux = np.ma.masked_array(np.stack([FLUX, 2 * FLUX]), mask=False)
    flux[0, 3] = np.ma.masked
    flux[1, 5] = np.nan
    err = np.full(flux.shape, 0.1)
    err[1, 6] = -1.0
    mask = np.zeros(len(WAVE), bool)
    mask[9] = True
    before = flux.copy(), err.copy(), mask.copy()
    spectra = agez.Spectra.from_arrays(WAVE, flux, err, mask=mask, redshift=[0.01, np.nan], galaxy_id="NGC 1")
    assert np.argwhere(spectra.mask).tolist() == [[0, 3], [0, 9], [1, 5], [1, 6], [1, 9]]
    assert np.isfinite(spectra.flux).all()
    assert (spectra.flux_err > 0).all()
    np.testing.assert_array_equal(spectra.redshift, [0.01, np.nan])
    assert spectra.rows.galaxy_id.tolist() == ["NGC 1"] * 2
    assert (spectra.medium, spectra.meta["assumed"]) == ("vacuum", ("medium",))
    for was, now in zip(before, (flux, err, mask), strict=True):
        np.testing.assert_array_equal(was, now)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((WAVE, FLUX, None), {}, "no errors; .*give err"),
        ((WAVE / 10, FLUX, 0.1), {}, "without a unit.*wave_unit"),
        ((WAVE * u.km / u.s, FLUX, 0.1), {}, "wavelength unit 'km / s' is not a length"),
        ((WAVE * u.AA, FLUX, 0.1), {"wave_unit": "nm"}, "wave is in Angstrom already"),
        (([*WAVE[::-1][:5].tolist(), 9000.0], FLUX[:6], 0.1), {}, "must increase"),
        ((WAVE[:-1], FLUX, 0.1), {}, r"flux has shape \(1700,\) for 1699 wavelengths"),
        ((WAVE, FLUX * u.mag, 0.1), {}, "a magnitude"),
        ((WAVE, FLUX * u.dimensionless_unscaled, 0.1), {}, "has no unit"),
        ((WAVE, FLUX * F_LAMBDA, 0.1 * FLUX * u.Jy), {}, "give both in one unit"),
        ((WAVE, FLUX, UnknownUncertainty(FLUX)), {}, "without a standard deviation"),
        ((WAVE, FLUX, 0.1 * FLUX[1:]), {}, "err has shape"),
        ((WAVE, FLUX, 0.1), {"mask": np.zeros(3, bool)}, "mask has shape"),
        ((WAVE, ["a"] * len(WAVE), 0.1), {}, "flux holds no numbers"),
        ((WAVE, FLUX, 0.1), {"mask": "yes"}, "mask holds no truths"),
        ((WAVE, FLUX * 1j, 0.1), {}, "flux holds no numbers"),
        ((WAVE, FLUX, 0.1), {"redshift": "high"}, "redshift is 'high'"),
        ((WAVE, FLUX, 0.1), {"medium": "water"}, "expected 'air' or 'vacuum'"),
        ((WAVE, FLUX, 0.1), {"redshift": [0.1, 0.2]}, "redshift has shape"),
        ((WAVE, FLUX, 0.1), {"redshift": -2.0}, "redshift -2"),
        ((WAVE, FLUX, 0.1), {"rows": Rows.numbered(2)}, "2 rows for 1 spectra"),
        ((WAVE, FLUX, 0.1), {"fwhm_angstrom": [1.0, 2.0]}, "fwhm_angstrom has shape"),
        ((np.stack([WAVE, WAVE]), np.stack([FLUX, FLUX]), 0.1), {}, "share one grid"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments, options, words):
    with pytest.raises(AgezError, match=words) as caught:
        agez.Spectra.from_arrays(*arguments, **options)
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------- specutils


@pytest.fixture
def specutils():
    return pytest.importorskip("specutils")


@pytest.fixture
def stars(rng):
    """Two spectra of invented stars on a redshift of 0.01, as agez has them."""
    grid = made_up_grid()
    return observe(
        grid, light_fractions(grid, 2, rng), velocity_kms=np.zeros(2), sigma_kms=np.full(2, 100.0), snr=60.0, rng=rng
    )


def as_specutils(specutils, spectra, row=slice(None), **options):
    unit = u.Unit(spectra.flux_unit)
    meta = {"medium": "air", "header": {"OBJECT": "G1"}}
    return specutils.Spectrum(
        flux=spectra.flux[row] * unit, spectral_axis=spectra.wave_angstrom * u.AA, redshift=0.01, meta=meta,
        uncertainty=StdDevUncertainty(spectra.flux_err[row] * unit), **options,
    )  # fmt: skip


def test_labels_photometry_and_redshifts_of_a_spectrum_of_specutils_are_those_of_spectra(specutils, stars):
    grid = made_up_grid()
    stars = replace(stars, fwhm_angstrom=np.full(len(stars.wave_angstrom), np.nan))
    for row, expected in ((0, stars.take([0])), (slice(None), stars)):
        theirs = as_specutils(specutils, stars, row)
        labels, ours = agez.fit_labels(theirs, grid), agez.fit_labels(expected, grid)
        np.testing.assert_array_equal(labels.log_age_lw, ours.log_age_lw)
        np.testing.assert_array_equal(labels.mh_lw_err, ours.mh_lw_err)
        np.testing.assert_array_equal(agez.synthesize(theirs, "jplus").flux, agez.synthesize(expected, "jplus").flux)
        np.testing.assert_array_equal(
            agez.find_redshift(theirs, grid).redshift, agez.find_redshift(expected, grid).redshift
        )


def test_a_spectrum_in_nanometres_gives_the_same_labels(specutils, stars):
    grid, unit = made_up_grid(), u.Unit(stars.flux_unit)
    error = StdDevUncertainty(stars.flux_err.astype(float) * unit)
    options = {"uncertainty": error, "redshift": 0.01, "meta": {"medium": "air"}}
    angstrom, nm = (
        specutils.Spectrum(
            flux=stars.flux.astype(float) * unit, spectral_axis=(stars.wave_angstrom * u.AA).to(name), **options
        )
        for name in ("AA", "nm")
    )
    one, other = (agez.fit_labels(spectrum, grid) for spectrum in (angstrom, nm))
    for name in ("log_age_lw", "mh_lw", "log_age_mw", "mh_mw", "log_age_lw_err", "chi2"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-10)


@pytest.mark.parametrize("spectral_first", [True, False])
def test_a_cube_of_specutils(specutils, spectral_first):
    p, ny, nx = 300, 3, 4
    header = fits.Header(
        {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CTYPE3": "AWAV", "CUNIT1": "deg", "CUNIT2": "deg", "CUNIT3": "nm",
         "CRVAL1": 10.0, "CRVAL2": 20.0, "CRVAL3": 480.0, "CDELT1": -1 / 3600, "CDELT2": 1 / 3600, "CDELT3": 0.2,
         "CRPIX1": 2.0, "CRPIX2": 1.0, "CRPIX3": 1.0}
    )  # fmt: skip
    values = 1.0 + np.arange(p * ny * nx, dtype=float).reshape(p, ny, nx)
    unit = u.Unit("1e-20 erg / (s cm2 AA)")
    if spectral_first:
        made = specutils.Spectrum(
            flux=values * unit, wcs=WCS(header), uncertainty=VarianceUncertainty(np.ones_like(values) * unit**2)
        )
    else:
        moved = np.moveaxis(values, 0, -1)
        made = specutils.Spectrum(
            flux=moved * unit, spectral_axis=(480.0 + 0.2 * np.arange(p)) * u.nm,
            uncertainty=VarianceUncertainty(np.ones_like(moved) * unit**2),
        )  # fmt: skip
    spectra = agez.Spectra.from_specutils(made, redshift=0.02, medium="air")
    assert spectra.meta["cube_shape"] == (ny, nx)
    assert spectra.rows.spec_id[5] == "1-1"
    np.testing.assert_allclose(spectra.wave_angstrom, 4800 + 2.0 * np.arange(p))
    np.testing.assert_allclose(spectra.flux[5], values[:, 1, 1])
    if spectral_first:
        np.testing.assert_allclose(spectra.rows.x[:4], [-1, 0, 1, 2], atol=1e-6)
        np.testing.assert_allclose(spectra.rows.y[[0, 4, 8]], [0, 1, 2], atol=1e-6)


def test_the_class_of_specutils_1_is_one_too(stars):
    """It has the same attributes but for the place of the spectral axis, which is the last."""

    class Spectrum1D:
        spectral_axis, redshift, wcs, mask = stars.wave_angstrom * u.AA, 0.01 * u.one, None, stars.mask
        flux = stars.flux * u.Unit(stars.flux_unit)
        uncertainty, meta = StdDevUncertainty(stars.flux_err), {"header": {"OBJECT": "M 32", "CTYPE1": "AWAV"}}

    found = agez.Spectra.from_specutils(Spectrum1D())
    np.testing.assert_array_equal(found.flux, stars.flux)
    np.testing.assert_array_equal(found.flux_err, stars.flux_err)
    assert (found.medium, found.rows.galaxy_id[0], found.redshift.tolist()) == ("air", "M 32", [0.01, 0.01])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (FLUX, "a numpy array of shape"),
        ("cube.fits", "the text 'cube.fits'"),
        ({"wave": WAVE}, "a dict of 1"),
        (None, "spectra is None"),
    ],
)
def test_what_is_no_spectra_is_refused_with_what_to_pass(wrong, words):
    for call in (
        lambda: agez.fit_labels(wrong),
        lambda: agez.synthesize(wrong, "jplus"),
        lambda: agez.find_redshift(wrong),
    ):
        with pytest.raises(AgezError, match=f"{words}.*; expected Spectra, as agez.read_spectra") as caught:
            call()
        assert "\n" not in str(caught.value)


def test_a_spectrum_without_errors_is_refused(specutils):
    made = specutils.Spectrum(flux=FLUX * F_LAMBDA, spectral_axis=WAVE * u.AA)
    with pytest.raises(AgezError, match="holds no errors"):
        agez.fit_labels(made)


# ---------------------------------------------------------------- files by way of specutils


def test_specutils_that_is_installed_is_not_said_to_be_missing(specutils, tmp_path):
    path = tmp_path / "odd.fits"
    fits.PrimaryHDU(np.ones((2, 2, 2, 2))).writeto(path)
    with pytest.raises(AgezError, match="specutils, which is installed, cannot read it"):
        agez.read_spectra(path, format="specutils")


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("", "needs specutils, which is not installed; run: pip install specutils"),
        ("raise ImportError('no gwcs')", r"specutils is installed, but cannot be loaded \(no gwcs\)"),
        ("class Spectrum1D:\n    read = classmethod(lambda cls, path: 1 / 0)", "installed, cannot read it .division"),
    ],
)  # fmt: skip
def test_what_is_said_of_specutils(tmp_path, module, words, monkeypatch):
    """With a package of that name in place of the real one: missing, broken, or of version 1."""
    monkeypatch.delitem(sys.modules, "specutils", raising=False)
    if module:
        (tmp_path / "specutils.py").write_text(module)
        monkeypatch.syspath_prepend(tmp_path)
    else:
        monkeypatch.setattr("agez.spectra.formats_specutils.is_installed", lambda name: False)
    spectra, why = read_with_specutils(Options(tmp_path / "x.fits"))
    assert spectra is None
    assert re.search(words, why)


def test_making_spectra_of_arrays_loads_no_specutils():
    code = (
        "import sys, numpy, agez; w = numpy.arange(4000.0, 5000.0); agez.Spectra.from_arrays(w, w, 0.1); "
        "print('specutils' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "False"
