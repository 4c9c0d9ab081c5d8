"""Emission lines taken out of spectra: each line's flux, place and width against direct integrals."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_labels import made_up_labels

from agez.errors import AgezError
from agez.spectra.gas import DEFAULT_SIGMA_KMS
from agez.spectra.lines import SPEED_OF_LIGHT_KMS, line
from agez.spectra.subtraction import line_spectra, subtract_lines
from agez.types import Rows, Spectra

WAVE = np.arange(3700.0, 7300.0, 2.0)


def flat_spectra(labels, *, redshift=0.01, medium="air", fwhm=None, dtype=np.float32):
    n = len(labels)
    return Spectra(
        wave_angstrom=WAVE,
        flux=np.ones((n, len(WAVE)), dtype),
        flux_err=np.full((n, len(WAVE)), 0.1, dtype),
        mask=np.zeros((n, len(WAVE)), dtype=bool),
        medium=medium,
        rows=Rows(labels.rows.spec_id, labels.rows.galaxy_id, labels.rows.x, labels.rows.y),
        redshift=np.full(n, redshift),
        fwhm_angstrom=np.full(len(WAVE), 6.0) if fwhm is None else fwhm,
        flux_unit="1e-16 erg / (s cm2 Angstrom)",
        flags=np.zeros(n, dtype=np.int32),
        meta={"source": "flat"},
    )


@pytest.fixture
def labels(rng):
    made = made_up_labels(rng)
    return replace(made, velocity_kms=np.array([10.0, np.nan, -80.0, 5.0, 0.0]))


@pytest.mark.parametrize("medium", ["air", "vacuum"])
def test_a_line_is_a_gaussian_integrated_over_pixels(labels, medium):
    """Against a sum over 400 points a pixel, in every row, resolution growing with wavelength."""
    fwhm = WAVE / 900.0
    only = replace(labels.lines, flux=np.where(np.array(labels.lines.names) == "OIII5007", labels.lines.flux, 0.0))
    labels = replace(labels, lines=only)
    model = line_spectra(flat_spectra(labels, medium=medium, fwhm=fwhm), labels)
    at = labels.lines.names.index("OIII5007")
    for row in range(5):
        flux = labels.lines.flux[row, at]
        if not np.isfinite(flux):
            assert not model[row].any()
            continue
        velocity = labels.lines.velocity_kms[row] if row != 2 else labels.velocity_kms[2]
        sigma = labels.lines.sigma_kms[row] if row != 2 else DEFAULT_SIGMA_KMS
        centre = line("OIII5007").wave_angstrom(medium) * 1.01 * np.exp(velocity / SPEED_OF_LIGHT_KMS)
        instrument = np.interp(centre, WAVE, fwhm) / 2.354820
        width = np.sqrt((centre * sigma / SPEED_OF_LIGHT_KMS) ** 2 + instrument**2 - 2.0**2 / 12)
        fine = WAVE[:, None] + (np.arange(400) + 0.5) / 200.0 - 1.0
        gauss = np.exp(-0.5 * ((fine - centre) / width) ** 2) / (width * np.sqrt(2 * np.pi))
        np.testing.assert_allclose(model[row], flux * gauss.mean(axis=1), atol=2e-5 * abs(flux))
        np.testing.assert_allclose(model[row].sum() * 2.0, flux, rtol=1e-6)


def test_lines_of_the_stated_resolution_are_taken_out_whole(labels):
    """Data whose lines have the FWHM that their header says, as they are sampled: nothing is left of them."""
    spectra = flat_spectra(labels, dtype=float)
    lines = labels.lines
    only = replace(lines, flux=np.where(np.array(lines.names) == "Halpha", 5.0, 0.0) * np.ones((5, 1)))
    labels = replace(labels, lines=replace(only, velocity_kms=np.zeros(5), sigma_kms=np.full(5, 60.0)))
    centre = line("Halpha").air_angstrom * 1.01
    width = np.hypot(6.0 / 2.354820, centre * 60.0 / SPEED_OF_LIGHT_KMS)
    sampled = 5.0 * np.exp(-0.5 * ((WAVE - centre) / width) ** 2) / width / np.sqrt(2 * np.pi)
    left = subtract_lines(replace(spectra, flux=spectra.flux + sampled), labels).flux - 1.0
    assert np.abs(left).max() < 1e-3 * sampled.max()


def test_the_sum_of_all_lines_is_the_sum_of_their_fluxes(labels):
    model = line_spectra(flat_spectra(labels), labels)
    inside = np.nansum(labels.lines.flux, axis=1)
    np.testing.assert_allclose(model.sum(axis=1) * 2.0, inside, rtol=1e-6, atol=1e-9)


def test_adding_lines_and_subtracting_them_gives_the_stars(labels):
    spectra = flat_spectra(labels, dtype=float)
    with_lines = replace(spectra, flux=spectra.flux + line_spectra(spectra, labels))
    without = subtract_lines(with_lines, labels)
    np.testing.assert_allclose(without.flux, 1.0, rtol=1e-12)
    assert without.meta["emission_lines"] == "subtracted"
    assert "emission_lines" not in with_lines.meta


def test_masked_pixels_are_left_alone_and_others_do_not_care(labels):
    spectra = flat_spectra(labels)
    at = int(np.argmin(np.abs(WAVE - 5007 * 1.01)))
    mask, flux = spectra.mask.copy(), spectra.flux.copy()
    mask[:, at], flux[:, at] = True, 0.0
    found = subtract_lines(replace(spectra, mask=mask, flux=flux), labels).flux
    assert (found[:, at] == 0).all()
    others = np.delete(np.arange(len(WAVE)), at)
    np.testing.assert_array_equal(found[:, others], subtract_lines(spectra, labels).flux[:, others])
    assert found.dtype == np.float32


def test_lines_outside_the_spectrum_and_unknown_resolution(labels):
    spectra = flat_spectra(labels, redshift=2.0, fwhm=np.full(len(WAVE), np.nan))
    assert np.isfinite(line_spectra(spectra, labels)).all()
    far = line_spectra(flat_spectra(labels, redshift=9.0), labels)
    assert not far.any()
    unknown = line_spectra(flat_spectra(labels, fwhm=np.full(len(WAVE), np.nan)), labels)
    np.testing.assert_array_equal(unknown, line_spectra(flat_spectra(labels, fwhm=np.full(len(WAVE), 4.0)), labels))


def test_labels_of_other_spectra_are_refused(labels):
    spectra = flat_spectra(labels)
    with pytest.raises(AgezError, match="hold no emission lines"):
        subtract_lines(spectra, replace(labels, lines=None))
    with pytest.raises(AgezError, match="of other spectra"):
        subtract_lines(spectra, labels.take([0, 1, 2, 4, 3]))
    with pytest.raises(AgezError, match="of other spectra"):
        subtract_lines(spectra.take(slice(3)), labels)
