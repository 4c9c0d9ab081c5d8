"""Masked is missing and quantities are numbers in the right unit, wherever arrays enter from Python."""

from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.utils.masked import Masked

import agez
from agez.analysis.geometry import face_on_radius
from agez.arrays import mask_of, plain_array
from agez.errors import AgezError
from agez.label_types import Galaxies
from agez.photometry.dereddening import deredden
from agez.photometry.tables import photometry_to_table, table_to_photometry
from agez.tables.table_columns import number_column, text_column
from agez.types import Photometry, Rows, Spectra

GAPS = [True, False, False]


def masked_in(how, values, unit=None):
    """The same numbers, the first masked with rubbish beneath, in each way that Python has."""
    values = np.array(values, dtype=float)
    values[0] = -99.0
    if how == "numpy":
        return np.ma.MaskedArray(values, GAPS)
    if how == "column":
        return MaskedColumn(values, mask=GAPS)
    return Masked(values if unit is None else values * u.Unit(unit), mask=GAPS)


def photometry():
    bands = agez.load_filters("jplus").bands.select(["J0378", "gSDSS"])
    flux = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    rows = Rows(np.array(["a", "b", "c"]), np.array(["g"] * 3), np.arange(3.0), np.arange(3.0))
    return Photometry(bands, flux, 0.1 * flux, np.ones((3, 2), bool), rows, np.full(3, 0.01), np.zeros(3, np.int32))


@pytest.mark.parametrize("how", ["numpy", "column", "masked"])
def test_masked_is_missing_in_every_type(how):
    ours = photometry()
    found = replace(ours, redshift=masked_in(how, ours.redshift), redshift_err=masked_in(how, [0.1, 0.1, 0.1]))
    np.testing.assert_array_equal(found.redshift, [np.nan, 0.01, 0.01])
    np.testing.assert_array_equal(found.redshift_err, [np.nan, 0.1, 0.1])
    rows = replace(ours.rows, x=masked_in(how, [0, 1, 2], "arcsec"))
    np.testing.assert_array_equal(rows.x, [np.nan, 1, 2])
    for one in (found.redshift, rows.x):
        assert type(one) is np.ndarray
    number = np.array([1.0, 2.0, 3.0])
    galaxies = Galaxies(np.array(["a", "b", "c"]), *(number for _ in range(9)))
    assert np.isnan(replace(galaxies, re_arcsec=masked_in(how, number)).re_arcsec[0])
    reddened = deredden(ours, masked_in(how, [0.1, 0.1, 0.1]))
    assert np.isnan(reddened.flux[0]).all()
    assert np.isfinite(reddened.flux[1:]).all()


def test_a_masked_flux_is_a_band_that_is_not_covered():
    ours = photometry()
    gaps = np.zeros((3, 2), bool)
    gaps[:, 0] = True
    rubbish = np.where(gaps, -99.0, ours.flux)
    missing = replace(ours, flux=np.where(gaps, np.nan, ours.flux), covered=~gaps)
    for flux in (np.ma.MaskedArray(rubbish, gaps), Masked(rubbish * u.uJy, mask=gaps)):
        for covered in (ours.covered, ~gaps, np.isfinite(flux)):
            found = replace(ours, flux=flux, covered=covered)
            np.testing.assert_array_equal(found.flux, missing.flux)
            np.testing.assert_array_equal(found.covered, missing.covered)
    unknown = replace(ours, flux_err=np.ma.MaskedArray(ours.flux_err, gaps), flags=np.ma.MaskedArray([7, 0, 0], GAPS))
    assert np.isnan(unknown.flux_err[:, 0]).all()
    assert unknown.covered.all()
    assert unknown.flags.dtype == np.int32 or unknown.flags.dtype.kind == "i"
    assert unknown.flags.tolist() == [0, 0, 0]
    with pytest.raises(AgezError, match="finite exactly where covered"):  # without a mask nothing is guessed
        replace(ours, flux=np.where(gaps, np.nan, ours.flux))


def test_masked_pixels_of_spectra_are_not_used():
    wave, flux = np.arange(5000.0, 5003.0), np.ones((1, 3))
    gaps = np.array([[False, True, False]])
    rows = Rows.numbered(1)
    for values in (np.ma.MaskedArray(flux, gaps), Masked(flux, mask=gaps)):
        for name in ("flux", "flux_err"):
            fields = {"flux": flux, "flux_err": flux, name: values}
            found = Spectra(wave * u.AA, fields["flux"], fields["flux_err"], np.zeros((1, 3), bool), "air", rows,
                            np.ma.MaskedArray([0.1], [True]), wave * 0 + 2, "erg / (s cm2 Angstrom)",
                            np.zeros(1, np.int32))  # fmt: skip
            assert found.mask.tolist() == [[False, True, False]]
            assert np.isnan(found.redshift).all()
            assert type(found.wave_angstrom) is np.ndarray
    masked_mask = replace(found, mask=np.ma.MaskedArray(np.zeros((1, 3), bool), gaps))
    assert masked_mask.mask.tolist() == [[False, True, False]]


def test_quantities_come_in_their_fields_unit_or_not_at_all():
    ours = photometry()
    found = replace(ours, flux=ours.flux * 1e-6 * u.Jy, rows=replace(ours.rows, x=[0, 1, 2] * u.arcmin))
    np.testing.assert_allclose(found.flux, ours.flux)
    np.testing.assert_allclose(found.rows.x, [0, 60, 120])
    np.testing.assert_allclose(replace(ours, flux=Column(ours.flux, unit="mJy")).flux, 1e3 * ours.flux)
    with pytest.raises(AgezError, match=r"Photometry\.flux: values are in mag\(AB\); expected uJy"):
        replace(ours, flux=ours.flux * u.ABmag)
    with pytest.raises(AgezError, match=r"Rows\.x: values are in pix; expected arcsec"):
        replace(ours.rows, x=[0, 1, 2] * u.pix)
    with pytest.raises(AgezError, match="expected numbers without a unit"):
        plain_array(np.ones(2) * u.km)
    radius = face_on_radius([1.0] * u.arcmin, [0.0], inclination_deg=0.0, pa_deg=0.0 * u.rad, re_arcsec=30 * u.arcsec)
    np.testing.assert_allclose(radius, [2.0])


def test_text_and_truths_that_are_masked():
    assert plain_array(np.ma.MaskedArray(["a", "b", "c"], GAPS)).tolist() == ["", "b", "c"]
    assert plain_array(np.ma.MaskedArray([True] * 3, GAPS)).tolist() == [False, True, True]
    assert plain_array([1, 2]) == [1, 2]
    assert mask_of(np.ma.MaskedArray([1.0, 2.0], [False, False])) is None
    assert (
        Rows(np.ma.MaskedArray(["a", "b"], [True, False]), *[np.array(["g", "g"])], *[np.zeros(2)] * 2).spec_id[0] == ""
    )


@pytest.mark.parametrize("kind", [Table, QTable])
def test_tables_of_masked_columns_and_quantities(kind):
    ours = photometry()
    table = kind(photometry_to_table(ours), masked=kind is Table)
    table["redshift"] = masked_in("masked" if kind is QTable else "column", [0.01] * 3)
    table["flux_J0378"] = masked_in("masked", ours.flux[:, 0] * 1e3, "nJy") if kind is QTable else masked_in(
        "column", ours.flux[:, 0])  # fmt: skip
    for found in (table_to_photometry(table), agez.read_photometry(table)):
        np.testing.assert_allclose(found.flux[:, 0], [np.nan, 3.0, 5.0])
        assert found.covered[:, 0].tolist() == [False, True, True]
        np.testing.assert_array_equal(found.redshift, [np.nan, 0.01, 0.01])
    column = QTable({"v": masked_in("masked", [1, 2, 3], "km/s"), "t": ["a", "b", "c"]})
    np.testing.assert_array_equal(number_column(column, "v", source="t"), [np.nan, 2, 3])
    assert text_column(column, "t").tolist() == ["a", "b", "c"]


def test_what_is_no_photometry_is_refused_in_one_line():
    model = agez.load_model("jplus")
    table = photometry_to_table(photometry())
    for one in (table, QTable(table), {"flux_J0378": [1.0]}, None):
        with pytest.raises(AgezError, match=f"given a {type(one).__name__}; expected Photometry"):
            model.predict(one)
    for one in ([1.0], 3):
        with pytest.raises(AgezError, match="expected the path of a file, or an astropy Table"):
            agez.read_photometry(one)
