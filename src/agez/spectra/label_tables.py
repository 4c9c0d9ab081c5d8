"""The tables beside LABELS in a file of labels: lines, histories, fitted spectra, and the template grid."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import Table

from agez.analysis.age_bins import log_bin_edges
from agez.errors import AgezError
from agez.label_types import FittedSpectra, HistoryErrors, Lines
from agez.spectra.histories import Histories, histories
from agez.spectra.templates import SSPGrid
from agez.tables.column_metadata import Words, describe_columns
from agez.tables.maps_files import fits_unit
from agez.tables.table_columns import native
from agez.tables.table_files import hdu_to_table, open_fits, table_hdu
from agez.types import Floats, Rows

#: Names of the extensions.
LINES, HISTORY, SFH, GRID, FIT, FIT_WAVE = "LINES", "HISTORY", "SFH", "GRID", "FIT", "FIT_WAVE"
#: Column, attribute, comment and UCD.
_GAS = {
    "gas_velocity_kms": ("velocity_kms", "velocity of the gas relative to the redshift", "spect.dopplerVeloc.opt"),
    "gas_sigma_kms": ("sigma_kms", "dispersion of the gas, without the instrument's", "phys.veloc.dispersion"),
}
_FIT_COLUMNS = {
    "flux": ("observed, in units of the spectrum's median", "phot.flux.density"),
    "flux_err": ("its 1-sigma error", "stat.error;phot.flux.density"),
    "stars": ("stars of the model, in the same unit", "phot.flux.density;meta.modelled"),
    "gas": ("emission lines of the model, in the same unit", "phot.flux.density;meta.modelled"),
    "used": ("true where the fit used the pixel", "meta.code.status"),
}

#: What the table of histories has under names that mean another thing in others.
_OF_HISTORIES = {
    "log_age": Words("dex", "log10(age/yr) of the nodes: the same in each row", "time.age"),
    "mh": Words("dex", "mean [M/H] by mass; NaN: too little light", "phys.abund.Z;stat.mean"),
}
_QUANTILES = ("_p16", "_p50", "_p84")


def _described(table: Table, name: str, values: Any, comment: str, ucd: str, unit: str | None = None) -> None:
    table[name] = values
    table[name].description = comment
    table[name].meta["ucd"] = ucd
    if unit:
        table[name].unit = unit


def _standard(unit: str) -> str | None:
    """The unit if the FITS standard knows it: another one (counts) would make readers complain of every column."""
    try:
        u.Unit(unit, format="fits")
    except ValueError:
        return None
    return unit


def _identity(rows: Rows) -> Table:
    return Table({"spec_id": rows.spec_id, "galaxy_id": rows.galaxy_id})


# ---------------------------------------------------------------- emission lines


def lines_hdu(rows: Rows, lines: Lines) -> fits.BinTableHDU:
    """Table LINES: the gas' motion, and for each line ``flux_<line>``, ``flux_<line>_err``, ``ew_<line>``."""
    table = _identity(rows)
    for name, (attribute, comment, ucd) in _GAS.items():
        _described(table, name, getattr(lines, attribute), comment, ucd, "km/s")
        error = getattr(lines, f"{attribute}_err")
        _described(table, f"{name}_err", error, f"1-sigma error of {name}", f"stat.error;{ucd}", "km/s")
    unit = _standard(fits_unit(lines.flux_unit))
    for k, line in enumerate(lines.names):
        flux, error, width = lines.flux[:, k], lines.flux_err[:, k], lines.ew_angstrom[:, k]
        ucd = "spect.line.intensity"
        _described(table, f"flux_{line}", flux, f"flux of {line}, as observed", ucd, unit)
        _described(table, f"flux_{line}_err", error, f"1-sigma error of flux_{line}", f"stat.error;{ucd}", unit)
        words = f"equivalent width of {line}, rest frame"
        _described(table, f"ew_{line}", width, words, "spect.line.eqWidth", "Angstrom")
    return table_hdu(table, name=LINES, header={"FLUXUNIT": (lines.flux_unit, "of the lines' fluxes")})


def read_lines(hdus: fits.HDUList, path: str | os.PathLike[str]) -> Lines | None:
    """What :func:`lines_hdu` made; None if the file has no such table."""
    if LINES not in hdus:
        return None
    table = hdu_to_table(hdus[LINES])
    names = [
        name.removeprefix("flux_")
        for name in table.colnames
        if name.startswith("flux_") and not name.endswith("_err") and f"{name}_err" in table.colnames
    ]
    _need(table, [*(name for gas in _GAS for name in (gas, f"{gas}_err")), *(f"ew_{one}" for one in names)], path)

    def stacked(form: str) -> Floats:
        columns = [np.asarray(native(table[form.format(name)].data), dtype=float) for name in names]
        return np.stack(columns, axis=1) if columns else np.empty((len(table), 0))

    motion = {
        attribute + end: np.asarray(native(table[name + end].data), dtype=float)
        for name, (attribute, _, _) in _GAS.items()
        for end in ("", "_err")
    }
    return Lines(
        names=tuple(names),
        flux=stacked("flux_{}"),
        flux_err=stacked("flux_{}_err"),
        ew_angstrom=stacked("ew_{}"),
        flux_unit=str(table.meta.get("FLUXUNIT", "")),
        **motion,
    )


def _need(table: Table, names: list[str], path: str | os.PathLike[str]) -> None:
    missing = [name for name in names if name not in table.colnames]
    if missing:
        raise AgezError(f"{path}, table {table.meta.get('EXTNAME', '')}: column(s) {', '.join(missing)} missing")


# ---------------------------------------------------------------- histories


def history_hdus(rows: Rows, weights: Floats, grid: SSPGrid | None, errors: HistoryErrors | None = None) -> list[Any]:
    """Image HISTORY (light fractions), and, where the grid is known, tables SFH and GRID."""
    image = fits.ImageHDU(np.asarray(weights, dtype=np.float32), name=HISTORY)
    image.header["BUNIT"] = ("", "fraction of the light in the normalisation band")
    image.header["AXES"] = "row of LABELS, age, [M/H]"
    if grid is None:
        return [image]
    found = histories(weights, grid, errors)
    table = _identity(rows)
    for name, values in (("log_age", found.log_age), ("log_age_edge", log_bin_edges(found.log_age)[:-1])):
        table[name] = np.repeat(values[None, :].astype(np.float32), len(rows), axis=0)
    table["light_fraction"] = np.float32(found.light_fraction)
    for name in HistoryErrors._row_fields:
        table[name] = np.float32(getattr(found, name))
        if errors is not None:
            table[f"{name}_err"] = getattr(errors, name)
            for end, values in zip(_QUANTILES, found.quantiles(name), strict=True):
                table[name + end] = np.float32(values)
    for share in (50, 90):
        quantiles = found.log_lookback(share / 100)
        table[f"log_t{share}"] = quantiles[1]
        if errors is not None:
            table[f"log_t{share}_err"] = 0.5 * (quantiles[2] - quantiles[0])
            for end, values in zip(_QUANTILES, quantiles, strict=True):
                table[f"log_t{share}{end}"] = values
    describe_columns(table, special=_OF_HISTORIES)
    age, mh = np.meshgrid(grid.log_age, grid.mh, indexing="ij")
    nodes = Table({"log_age": age.ravel(), "mh": mh.ravel(), "light_per_mass": grid.light.ravel()})
    return [image, table_hdu(table, name=SFH), table_hdu(nodes, name=GRID, header={"TEMPLATE": grid.name})]


def read_history_errors(hdus: fits.HDUList) -> HistoryErrors | None:
    """The errors in table SFH; None if the file has none."""
    names = HistoryErrors._row_fields
    if SFH not in hdus or any(f"{name}_err" not in hdus[SFH].columns.names for name in names):
        return None
    return HistoryErrors(*(np.atleast_2d(native(hdus[SFH].data[f"{name}_err"])) for name in names))


def read_history(path: str | os.PathLike[str], row: int) -> tuple[Histories, Floats] | None:
    """The history of one row of a label file, and [M/H] of the template grid; None if the file has no table SFH."""
    with open_fits(path) as hdus:
        if SFH not in hdus or GRID not in hdus:
            return None
        table, nodes = hdu_to_table(hdus[SFH]), native(hdus[GRID].data["mh"])
        errors = read_history_errors(hdus)
    _need(table, ["log_age", "mass_fraction", "light_fraction", "mh"], path)
    parts = ("log_age", "mass_fraction", "light_fraction", "mh")
    log_age, mass, light, mh = (np.atleast_2d(native(table[name].data))[[row]].astype(float) for name in parts)
    own = None if errors is None else errors.take([row])
    return Histories(log_age[0], mass, light, mh, own), np.unique(nodes)


# ---------------------------------------------------------------- fitted spectra


def fit_hdus(rows: Rows, fitted: FittedSpectra) -> list[fits.BinTableHDU]:
    """Table FIT, a row a spectrum with vector columns, and table FIT_WAVE with the wavelengths of their pixels."""
    table = _identity(rows)
    for name, (comment, ucd) in _FIT_COLUMNS.items():
        _described(table, name, getattr(fitted, name), comment, ucd)
        table[name].unit = u.dimensionless_unscaled  # not the microjansky of photometry
    wave = Table()
    _described(
        wave,
        "wave_angstrom",
        fitted.wave_angstrom,
        "rest frame of redshift and velocity",
        "em.wl",
        "Angstrom",
    )
    return [table_hdu(table, name=FIT), table_hdu(wave, name=FIT_WAVE)]


def read_fit(hdus: fits.HDUList, path: str | os.PathLike[str]) -> FittedSpectra | None:
    """What :func:`fit_hdus` made; None if the file has no such tables."""
    if FIT not in hdus or FIT_WAVE not in hdus:
        return None
    table, wave = hdu_to_table(hdus[FIT]), hdu_to_table(hdus[FIT_WAVE])
    _need(table, list(_FIT_COLUMNS), path)
    _need(wave, ["wave_angstrom"], path)
    columns = {name: np.atleast_2d(native(table[name].data)) for name in _FIT_COLUMNS}
    columns["used"] = columns["used"].astype(bool)
    return FittedSpectra(wave_angstrom=native(wave["wave_angstrom"].data), **columns)
