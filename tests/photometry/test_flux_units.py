"""Units of columns: every spelling against astropy, in every format, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable, Table
from hypothesis import given
from hypothesis import strategies as st

import agez
from agez.catalogues.open_catalogue import open_catalogue
from agez.catalogues.read_partition import partition_photometry
from agez.errors import AgezError
from agez.photometry.flux_units import error_factor, scale_of
from agez.photometry.tables import read_photometry, table_to_photometry

BANDS = agez.load_filters("jpas").bands.select(["J0400", "J0500"])
PIVOTS = np.array(BANDS.pivot_angstrom) * u.AA
FLUX, ERROR = np.array([3.0, 40.0]) * u.uJy, np.array([0.1, 2.0]) * u.uJy
F_LAMBDA = "1e-17 erg / (s cm2 Angstrom)"
#: How it is written, and what astropy calls it.
FLUXES = {
    "nJy": u.nJy, "mJy": u.mJy, "microJy": u.uJy, "W m-2 Hz-1": u.W / u.m**2 / u.Hz, "3631 Jy": 3631 * u.Jy,
    "nmgy": 3.6307805 * u.uJy, "nanomaggy": 3.6307805 * u.uJy, "nanomaggies": 3.6307805 * u.uJy,
    "nMgy": 3.6307805 * u.uJy, "maggies": 3630.7805 * u.Jy, "mgy": 3630.7805 * u.Jy,
    F_LAMBDA: u.Unit(F_LAMBDA), "ergs/s/cm^2/A": u.Unit("erg / (s cm2 Angstrom)"),
    "10**(-17)erg/cm2/s/Angstrom": u.Unit(F_LAMBDA), "W m-2 um-1": u.W / u.m**2 / u.um,
}  # fmt: skip
MAGNITUDES = {
    "mag": u.ABmag, "mag(AB)": u.ABmag, "ABmag": u.ABmag, "AB mag": u.ABmag, "mag(ST)": u.STmag, "STmag": u.STmag,
    "mag(Jy)": u.Magnitude(1, u.mag(u.Jy)).unit,
}  # fmt: skip


def scale(unit: str, *, magnitude: bool = False) -> object:
    return scale_of(unit, magnitude=magnitude, source="t", column="c", pivot_angstrom=5000.0)


@pytest.mark.parametrize("unit", FLUXES)
@pytest.mark.parametrize("prefix", ["flux", "mag"])
def test_fluxes_in_any_unit(unit: str, prefix: str) -> None:
    table = Table()
    for k, name in enumerate(BANDS.names):
        one = u.spectral_density(PIVOTS[k])
        table[f"{prefix}_{name}"] = [FLUX[k].to_value(FLUXES[unit], one)]
        table[f"{prefix}_{name}_err"] = [ERROR[k].to_value(FLUXES[unit], one)]
        table[f"{prefix}_{name}"].unit = unit
    found = table_to_photometry(table, redshift=0)
    assert np.allclose(found.flux, FLUX.value, rtol=1e-6)
    assert np.allclose(found.flux_err, ERROR.value, rtol=1e-6)


@pytest.mark.parametrize("unit", MAGNITUDES)
@pytest.mark.parametrize("prefix", ["flux", "mag"])
def test_magnitudes_of_any_zero_point(unit: str, prefix: str) -> None:
    table = Table()
    for k, name in enumerate(BANDS.names):
        table[f"{prefix}_{name}"] = [FLUX[k].to(MAGNITUDES[unit], u.spectral_density(PIVOTS[k])).value, 99.0]
        limit = (1 * u.uJy).to(MAGNITUDES[unit], u.spectral_density(PIVOTS[k])).value
        table[f"{prefix}_{name}_err"] = [2.5 / np.log(10) * (ERROR[k] / FLUX[k]).value, limit]
        table[f"{prefix}_{name}"].unit, table[f"{prefix}_{name}_err"].unit = unit, "mag"
    found = table_to_photometry(table, redshift=0)
    assert np.allclose(found.flux, [FLUX.value, [0, 0]], rtol=1e-6)
    expected = [ERROR.value, [1, 1]] if 10 < limit < 40 else [ERROR.value]
    assert np.allclose(found.flux_err[: len(expected)], expected, rtol=1e-6)


@given(st.floats(-20, 30), st.floats(2000, 20000))
def test_st_magnitudes_as_astropy_has_them(value: float, pivot: float) -> None:
    found = scale_of("mag(ST)", magnitude=True, source="t", column="c", pivot_angstrom=pivot)
    assert np.isclose(value + found.offset, (value * u.STmag).to(u.ABmag, u.spectral_density(pivot * u.AA)).value)


@pytest.mark.parametrize(
    "unit", ["mag(Vega)", "Vega", "VEGAMAG", "ct / s", "adu", "MJy / sr", "nmgy / arcsec2", "erg / (s cm2)", "m",
             "dex(Jy)", "[mJy]", "mag(ct / s)", "zorgle", "mmag", "ph / (s cm2)"],
)  # fmt: skip
@pytest.mark.parametrize("prefix", ["flux", "mag"])
def test_other_units_are_refused_by_name(unit: str, prefix: str) -> None:
    table = Table({f"{prefix}_J0400": [1.0]})
    table[f"{prefix}_J0400"].unit = u.Unit(unit, parse_strict="silent")
    with pytest.raises(AgezError, match=rf"^in.fits: column {prefix}_J0400 is in ") as caught:
        table_to_photometry(table, source="in.fits")
    assert unit.split("(")[0].split(" ")[0].strip("[]")[:3] in str(caught.value)


@pytest.mark.parametrize(
    ("values", "errors", "expected"),
    [("uJy", "nJy", 1e-3), ("Jy", "", 1e6), ("nmgy", "uJy", 1.0), (F_LAMBDA, "uJy", 1.0), ("mag", "mmag", 1e-3),
     ("mag(ST)", "mag(ST)", 1.0), ("mag(AB)", "", 1.0), ("", "uJy", 1.0)],
)  # fmt: skip
def test_errors_have_units_of_their_own(values: str, errors: str, expected: float) -> None:
    options = {"source": "t", "column": "c_err", "pivot_angstrom": 5000.0}
    assert np.isclose(error_factor(errors, scale(values), value_has_unit=bool(values), **options), expected)


@pytest.mark.parametrize(
    ("values", "errors"), [("uJy", "mag"), ("mag", "uJy"), ("uJy", "%"), ("mag", "m"), ("", "nJy")]
)
def test_errors_of_another_quantity_are_refused(values: str, errors: str) -> None:
    table = Table({"flux_J0400": [1.0], "flux_J0400_err": [0.1]})
    table["flux_J0400"].unit, table["flux_J0400_err"].unit = values or None, errors
    with pytest.raises(AgezError, match="column flux_J0400_err is in "):
        table_to_photometry(table)


def test_columns_of_quantities() -> None:
    table = QTable({"mag_J0400": [22.0] * u.ABmag, "flux_J0500": FLUX[1:], "flux_J0500_err": [2000.0] * u.nJy})
    found = table_to_photometry(Table(table), redshift=0)
    assert np.allclose(found.flux, [[10 ** (0.4 * 1.9), 40.0]])
    assert np.allclose(found.flux_err[0, 1], 2.0)


@pytest.mark.parametrize("kind", ["fits", "ecsv", "vot", "parquet"])
@pytest.mark.parametrize("unit", ["nmgy", "mag(ST)", "erg/s/cm2/A"])
def test_units_are_read_from_every_format_on_both_roads(tmp_path: Path, kind: str, unit: str) -> None:
    to = {"nmgy": 3.6307805 * u.uJy, "mag(ST)": u.STmag, "erg/s/cm2/A": u.erg / (u.s * u.cm**2 * u.AA)}[unit]
    table = Table({"id": ["a"]})
    for name, pivot in zip(BANDS.names, PIVOTS, strict=True):
        table[f"flux_{name}"] = [(30 * u.uJy).to(to, u.spectral_density(pivot)).value]
    path = tmp_path / f"t.{kind}"
    if kind == "fits":
        hdu = fits.table_to_hdu(table)
        for number in (2, 3):
            hdu.header[f"TUNIT{number}"] = unit
        hdu.writeto(path)
    elif kind == "parquet":
        pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        fields = [pa.field(n, pa.float64(), metadata={"unit": unit}) for n in table.colnames[1:]]
        arrays = [pa.array(np.asarray(table[n])) for n in table.colnames[1:]]
        parquet.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), path)
    else:
        table.write(path, format={"vot": "votable"}.get(kind, "ascii.ecsv"))
        before, after = {"vot": ('name="flux_', f'unit="{unit}" name="flux_')}.get(
            kind, ("{name: flux_J0400,", f"{{name: flux_J0400, unit: {unit},")
        )
        text = path.read_text().replace(before, after)
        path.write_text(text.replace("{name: flux_J0500,", f"{{name: flux_J0500, unit: {unit},"))
    catalogue = open_catalogue(path)
    assert np.allclose(partition_photometry(catalogue, catalogue.partitions[0]).flux, 30.0, rtol=1e-6)
    assert np.allclose(read_photometry(path).flux, 30.0, rtol=1e-6)
