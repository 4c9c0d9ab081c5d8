"""Real files: CALIFA's NGC 2691, the SDSS spectra that ppxf carries, the MaNGA spectra that sdss-mangadap carries."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import curve_fit

from agez.flags import Flag
from agez.spectra.readers import read_spectra
from agez.types import Spectra

#: Vacuum rest wavelengths [Angstrom] (NIST): [OIII], H alpha, [NII].
VACUUM_LINES = (5008.24, 6564.61, 6585.27)


def package_file(package: str, path: str) -> Path:
    """A file inside an installed package; the test is skipped where there is none."""
    found = find_spec(package)
    if found is None or not found.origin:
        pytest.skip(f"{package} is not installed")
    file = Path(found.origin).parent / path
    if not file.exists():
        pytest.skip(f"this {package} has no {path}")
    return file


def snr(spectra: Spectra, row: int) -> float:
    good = ~spectra.mask[row]
    return float(np.median(spectra.flux[row][good] / spectra.flux_err[row][good]))


def line_velocity(spectra: Spectra, row: int, line: float) -> float:
    """Velocity [km/s] of the emission line's centroid against the redshift, wavelengths as they are in the file."""
    rest = spectra.wave_angstrom / (1 + spectra.redshift[row])
    near = (np.abs(rest - line) < 14) & ~spectra.mask[row]

    def shape(x, height, centre, width, level, slope):
        return level + slope * (x - line) + height * np.exp(-0.5 * ((x - centre) / width) ** 2)

    flux = spectra.flux[row][near].astype(float)
    flux = flux / np.median(flux)
    fit, _ = curve_fit(shape, rest[near], flux, p0=(0.3, line, 2.0, 1.0, 0.0))
    return float((fit[1] / line - 1) * 299792.458)


def check_guarantees(spectra: Spectra) -> None:
    assert np.isfinite(spectra.flux).all()
    assert np.isfinite(spectra.flux_err).all()
    assert (spectra.flux_err > 0).all()
    assert np.isfinite(spectra.fwhm_angstrom).all()


def test_ngc2691(shared_data):
    spectra = read_spectra(shared_data / "califa" / "NGC2691.COMB.RSS.fits", redshift=0.01313)
    check_guarantees(spectra)
    assert spectra.flux.shape == (3, 1901)
    assert spectra.wave_angstrom[[0, -1]].tolist() == [3701.0, 7501.0]
    assert spectra.mask.sum(axis=1).tolist() == [202, 12, 9]
    assert not spectra.flags.any()
    assert spectra.meta["setup"] == "COMB"
    assert spectra.meta["assumed"] == ("medium", "fwhm", "flux_unit")
    np.testing.assert_allclose([snr(spectra, i) for i in range(3)], [74.9, 14.6, 0.8], atol=0.1)
    # H alpha and [NII] where this redshift puts them, within the rotation of the galaxy
    for line in VACUUM_LINES[1:]:
        assert abs(line_velocity(spectra, 0, line)) < 150


@pytest.mark.parametrize(
    ("name", "n", "redshift", "expected_snr"),
    [
        ("NGC3073_SDSS_DR8.fits", 3856, 0.00376266, 52.5),
        ("NGC3522_SDSS_DR8.fits", 3847, 0.00401801, 47.8),
        ("NGC4636_SDSS_DR12.fits", 3838, 0.00302509, 50.4),
    ],
)
def test_sdss_of_ppxf(name, n, redshift, expected_snr):
    spectra = read_spectra(package_file("ppxf", f"spectra/{name}"))
    check_guarantees(spectra)
    assert spectra.meta["format"] == "sdss"
    assert spectra.flux.shape == (1, n)
    np.testing.assert_allclose(spectra.redshift, redshift, rtol=1e-6)
    assert spectra.medium == "vacuum"
    assert "medium" not in spectra.meta["assumed"]
    assert abs(snr(spectra, 0) - expected_snr) < 0.1
    assert 2.2 < np.interp(5500, spectra.wave_angstrom, spectra.fwhm_angstrom) < 3.0
    if not name.startswith("NGC4636"):
        # Vacuum is what fits: read as air, the lines would stand off by 83 km/s more.
        velocity = np.median([line_velocity(spectra, 0, line) for line in VACUUM_LINES])
        assert abs(velocity) < 41


def test_manga_of_mangadap():
    spectra = read_spectra(package_file("mangadap", "data/tests/MaNGA_test_spectra.fits.gz"))
    check_guarantees(spectra)
    assert spectra.meta["format"] == "manga-stack"
    assert spectra.flux.shape == (8, 4563)
    expected = [0.0495282, 0.050231, 0.04935, 0.027447, 0.030805, 0.0171611, 0.0171611, 0.0181699]
    np.testing.assert_allclose(spectra.redshift, expected, rtol=1e-6)
    assert spectra.medium == "vacuum"
    assert spectra.flags.tolist() == [0, 0, 0, 0, 0, int(Flag.NO_DATA), 0, 0]  # the sixth is masked throughout
    np.testing.assert_allclose(snr(spectra, 0), 116.3, atol=0.1)
    assert 2.0 < np.interp(5500, spectra.wave_angstrom, spectra.fwhm_angstrom) < 3.0
