"""Photometry in vector columns: orders, codes, masks, relative errors, and arrays that are written as text."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

import agez
from agez.catalogues.open_catalogue import open_catalogue
from agez.catalogues.read_partition import partition_photometry
from agez.errors import AgezError
from agez.flags import Flag
from agez.surveys.jplus import JPLUS as RECORD

JPLUS = RECORD.vector_orders[0].bands


def magnitudes(n: int = 6) -> Table:
    mag = 20.0 + 0.1 * np.arange(12) + np.arange(n)[:, None]
    err = np.full((n, 12), 0.05)
    mag[0, 3], mag[1, 4], err[1, 4], mag[2, 5], err[2, 5] = -99.0, 99.0, 22.0, 99.0, 99.0
    return Table({"TILE_ID": np.arange(n), "NUMBER": np.arange(n), "MAG_AUTO": mag, "MAG_ERR_AUTO": err})


def one(path: Path, **options: object) -> agez.types.Photometry:
    catalogue = open_catalogue(path, **options)  # type: ignore[arg-type]
    return partition_photometry(catalogue, catalogue.partitions[0])


def flux(mag: float) -> float:
    return float(10 ** (0.4 * (23.9 - mag)))


@pytest.mark.parametrize("kind", ["fits", "parquet", "vot", "csv", "csv-square"])
def test_magnitudes_in_the_order_of_the_survey(tmp_path: Path, kind: str) -> None:
    table, path = magnitudes(), tmp_path / f"MagABDualObj.{kind.partition('-')[0]}"
    if kind.startswith("csv"):
        form = "[{}]" if kind == "csv-square" else "{{{}}}"
        for name in ("MAG_AUTO", "MAG_ERR_AUTO"):
            table[name] = [form.format(",".join(map(str, row))) for row in np.asarray(table[name]).tolist()]
        table.write(path, format="ascii.csv")
    else:
        table.write(path, format="votable") if kind == "vot" else table.write(path)
    catalogue = open_catalogue(path)
    assert catalogue.bands == JPLUS
    assert "taken to be J-PLUS's" in catalogue.remarks[0]
    found = partition_photometry(catalogue, catalogue.partitions[0])
    assert found.bands.filter_set == "jplus"
    for band in JPLUS:
        at = found.bands.names.index(band)
        np.testing.assert_allclose(found.flux[3, at], flux(23.0 + 0.1 * JPLUS.index(band)), rtol=1e-12)
    names = list(found.bands.names)
    assert not found.covered[0, names.index(JPLUS[3])]
    assert found.flux[1, names.index(JPLUS[4])] == 0.0
    np.testing.assert_allclose(found.flux_err[1, names.index(JPLUS[4])], flux(22.0))
    assert not found.covered[2, names.index(JPLUS[5])]


def test_small_tables_are_read_so_too(tmp_path: Path) -> None:
    magnitudes().write(tmp_path / "MagABDualObj.fits")
    whole, part = agez.read_photometry(tmp_path / "MagABDualObj.fits"), one(tmp_path / "MagABDualObj.fits")
    np.testing.assert_array_equal(whole.flux, part.flux)


def test_masks_and_flags_take_a_band_out(tmp_path: Path) -> None:
    table = magnitudes()
    table["FLAGS"], table["MASK_FLAGS"] = np.zeros((6, 12), np.int16), np.zeros((6, 12), np.int32)
    table["FLAGS"][3, 1], table["FLAGS"][4, 1], table["MASK_FLAGS"][5, 2] = 4, 3, 1
    table.write(tmp_path / "MagABDualObj.fits")
    found = one(tmp_path / "MagABDualObj.fits")
    at = [found.bands.names.index(JPLUS[k]) for k in (1, 2)]
    assert found.covered[:, at[0]].tolist() == [True, True, True, False, True, True]
    assert found.covered[:, at[1]].tolist() == [True, True, True, True, True, False]
    assert (found.flags == int(Flag.REDSHIFT_UNKNOWN)).all(), "flags of the survey are not agez's"


def test_relative_errors_and_scales_of_fluxes(tmp_path: Path) -> None:
    table = Table({"FLUX_AUTO": np.full((2, 12), -50.0), "FLUX_RELERR_AUTO": np.full((2, 12), 0.1)})
    table.write(tmp_path / "FNuDualObj.fits")
    found = one(tmp_path / "FNuDualObj.fits")
    np.testing.assert_allclose(found.flux, -5.0)  # 1e-30 erg / (s cm2 Hz) is 0.1 microjansky
    np.testing.assert_allclose(found.flux_err, 0.5)
    table.write(tmp_path / "FLambdaDualObj.fits")
    found = one(tmp_path / "FLambdaDualObj.fits")
    pivot = np.array(found.bands.pivot_angstrom)
    np.testing.assert_allclose(found.flux[0], -50e-19 * pivot**2 / 2.99792458e18 * 1e29, rtol=1e-12)
    table.write(tmp_path / "some.fits")
    with pytest.raises(AgezError, match="says no unit"):
        open_catalogue(tmp_path / "some.fits")


def test_the_table_of_filters_says_the_order(tmp_path: Path) -> None:
    order = Table({"filter_id": np.arange(12)[::-1], "name": JPLUS})
    order.write(tmp_path / "filters.csv")
    magnitudes().write(tmp_path / "t.fits")
    found = one(tmp_path / "t.fits", filter_table=tmp_path / "filters.csv")
    np.testing.assert_allclose(found.flux[3, found.bands.names.index(JPLUS[11])], flux(23.0))
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(magnitudes()), fits.table_to_hdu(order)])
    hdus[2].name = "FILTER"
    hdus.writeto(tmp_path / "with.fits")
    catalogue = open_catalogue(tmp_path / "with.fits")
    assert catalogue.bands == JPLUS[::-1]
    assert catalogue.remarks == ()
    Table({"filter_id": [1], "name": ["rSDSS"]}).write(tmp_path / "one.csv")
    with pytest.raises(AgezError, match="12 values a row, the table of filters 1"):
        open_catalogue(tmp_path / "t.fits", filter_table=tmp_path / "one.csv")


def test_which_magnitudes(tmp_path: Path) -> None:
    table = magnitudes()
    table["MAG_APER_COR_3_0"], table["MAG_ERR_APER_3_0"] = np.asarray(table["MAG_AUTO"]) + 1.0, table["MAG_ERR_AUTO"]
    table.write(tmp_path / "t.fits")
    assert open_catalogue(tmp_path / "t.fits").vectors == ("MAG_AUTO", "MAG_ERR_AUTO")
    catalogue = open_catalogue(tmp_path / "t.fits", photometry="aper_cor_3_0")
    assert catalogue.vectors == ("MAG_APER_COR_3_0", "MAG_ERR_APER_3_0")
    with pytest.raises(AgezError, match="photometry 'PETRO' is not there; there are MAG_AUTO"):
        open_catalogue(tmp_path / "t.fits", photometry="PETRO")


def test_bad_vectors(tmp_path: Path) -> None:
    Table({"MAG_AUTO": np.ones((2, 13)), "MAG_ERR_AUTO": np.ones((2, 13))}).write(tmp_path / "a.fits")
    with pytest.raises(AgezError, match="has 13 values a row, and no survey"):
        open_catalogue(tmp_path / "a.fits")
    (tmp_path / "b.csv").write_text('MAG_AUTO,MAG_ERR_AUTO\n"{1,2}","{1,2}"\n"{1}","{1,2}"\n')
    with pytest.raises(AgezError, match="has 1 values in row 2, 2 in others"):
        open_catalogue(tmp_path / "b.csv")
    Table({"flux_J0400": [1.0]}).write(tmp_path / "c.fits")
    with pytest.raises(AgezError, match="neither vector columns of photometry"):
        open_catalogue(tmp_path / "c.fits", photometry="AUTO")
