"""The sample's FITS file: tables SPECTRA, GALAXIES and BANDS, as TOPCAT likes them."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Column, Table

import agez
from agez.errors import AgezError
from agez.files import check_input, whole_file
from agez.learn.galaxy_files import galaxies_to_table, table_to_galaxies
from agez.types import Bands, Labels, Photometry, Rows, Sample, Truth

SCHEMA = "agez.sample/1"
_UNITS = {
    "x": "arcsec", "y": "arcsec", "flux": "uJy", "flux_err": "uJy", "velocity_kms": "km/s", "sigma_kms": "km/s",
    "av": "mag", "log_age_lw": "dex(yr)", "log_age_lw_err": "dex", "log_age_mw": "dex(yr)", "log_age_mw_err": "dex",
    "mh_lw": "dex", "mh_lw_err": "dex", "mh_mw": "dex", "mh_mw_err": "dex", "snr": "Angstrom**-0.5",
}  # fmt: skip
_NEEDED = ("spec_id", "galaxy_id", "flux", "covered", "log_age_lw", "mh_lw")


def write_sample(path: str | os.PathLike[str], sample: Sample) -> None:
    """Write a sample, whole or not at all; :func:`read_sample` gives back the same numbers.

    ``flags`` holds all bits of a row; ``photometry_flags`` and ``label_flags`` say which came from where.
    """
    photometry, labels = sample.photometry, sample.labels
    spectra = Table()

    def add(name: str, values: Any, unit: str | None = None) -> None:
        spectra[name] = Column(values, unit=unit or _UNITS.get(name.removeprefix("true_")))

    for name in ("galaxy_id", "spec_id", "x", "y"):
        add(name, getattr(sample.rows, name))
    add("r_re", sample.r_re)
    add("redshift", photometry.redshift)
    for name in ("flux", "flux_err", "covered"):
        add(name, getattr(photometry, name))
    for name in Labels.column_names():
        if name != "flags":
            add(name, getattr(labels, name))
    if sample.truth is not None:
        for name in Truth._row_fields:
            add(f"true_{name}", getattr(sample.truth, name))
    add("flags", (photometry.flags | labels.flags).astype(np.int32))
    add("photometry_flags", photometry.flags.astype(np.int32))
    add("label_flags", labels.flags.astype(np.int32))
    bands = Table()
    bands["name"] = np.array(photometry.bands.names, dtype=str)
    bands["pivot"] = Column(photometry.bands.pivot_angstrom, unit="Angstrom")
    bands["fwhm"] = Column(photometry.bands.fwhm_angstrom, unit="Angstrom")

    primary = fits.PrimaryHDU()
    primary.header["SCHEMA"] = SCHEMA
    primary.header["AGEZVER"] = (agez.__version__, "agez that wrote this file")
    hdus = [primary]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # dex(...) units are beyond the FITS standard; readers take them as text
        for name, table in (("SPECTRA", spectra), ("GALAXIES", galaxies_to_table(sample.galaxies)), ("BANDS", bands)):
            hdus.append(fits.table_to_hdu(table, name=name))
        about = hdus[1].header
        about["AGEZMETA"] = (json.dumps(dict(sample.meta), default=str), "the sample")
        about["LABLMETA"] = (json.dumps(dict(labels.meta), default=str), "how the labels were made")
        about["PHOTMETA"] = (json.dumps(dict(photometry.meta), default=str), "how the photometry was made")
        hdus[3].header["FILTERS"] = photometry.bands.filter_set
        with whole_file(path) as part:
            fits.HDUList(hdus).writeto(part, overwrite=True)


def read_sample(path: str | os.PathLike[str]) -> Sample:
    """Read a sample file; AgezError in one line if it is not one, is damaged, or lacks a needed column."""
    path = check_input(path)
    tables, headers = _read_tables(path)
    spectra, bands = tables["SPECTRA"], tables["BANDS"]
    missing = [name for name in _NEEDED if name not in spectra.colnames]
    if missing:
        raise AgezError(f"{path}: table SPECTRA lacks column(s) {', '.join(missing)}; make the file with 'agez sample'")
    if len(spectra) == 0:
        raise AgezError(f"{path}: table SPECTRA has no rows")
    if not {"name", "pivot", "fwhm"} <= set(bands.colnames):
        raise AgezError(f"{path}: table BANDS needs columns name, pivot, fwhm; found {', '.join(bands.colnames)}")
    n, b = len(spectra), len(bands)
    column = {name: _native(spectra[name]) for name in spectra.colnames}
    for name in ("flux", "covered"):
        if column[name].shape != (n, b):
            raise AgezError(f"{path}: column {name} has shape {column[name].shape}; table BANDS says {(n, b)}")
    blank = np.full(n, np.nan)
    flags = column.get("flags", np.zeros(n, np.int32))
    rows = Rows(column["spec_id"], column["galaxy_id"], column.get("x", blank), column.get("y", blank))
    names = tuple(str(name) for name in _native(bands["name"]))
    filter_set = str(headers["BANDS"].get("FILTERS", ""))
    photometry = Photometry(
        Bands(names, tuple(map(float, bands["pivot"])), tuple(map(float, bands["fwhm"])), filter_set),
        column["flux"], column.get("flux_err", np.full((n, b), np.nan)), column["covered"].astype(bool), rows,
        column.get("redshift", np.zeros(n)), column.get("photometry_flags", flags).astype(np.int32),
        _meta(headers["SPECTRA"], "PHOTMETA"),
    )  # fmt: skip
    values = {name: column.get(name, blank) for name in Labels.column_names() if name != "flags"}
    labels = Labels(
        rows=rows,
        flags=column.get("label_flags", flags).astype(np.int32),
        meta=_meta(headers["SPECTRA"], "LABLMETA"),
        **values,
    )
    truth = None
    if "true_log_age_lw" in column:
        truth = Truth(**{name: column.get(f"true_{name}", blank) for name in Truth._row_fields})
    galaxies = table_to_galaxies(tables["GALAXIES"], source=f"{path}, table GALAXIES")
    return Sample(photometry, labels, column.get("r_re", blank), galaxies, truth, _meta(headers["SPECTRA"], "AGEZMETA"))


def _read_tables(path: Path) -> tuple[dict[str, Table], dict[str, fits.Header]]:
    tables, headers = {}, {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message=".*truncated.*")
            with fits.open(path, memmap=False) as hdus:
                found = [hdu.name for hdu in hdus]
                for name in ("SPECTRA", "GALAXIES", "BANDS"):
                    if name not in found:
                        raise AgezError(f"{path} has no table {name}; it is not a sample that 'agez sample' wrote")
                    tables[name] = Table(hdus[name].data)
                    headers[name] = hdus[name].header
                schema = str(hdus[0].header.get("SCHEMA", SCHEMA))
    except AgezError:
        raise
    except Exception as error:  # astropy raises many types on damaged files
        raise AgezError(f"{path} cannot be read as FITS: {error}; it may be cut short, make it again") from error
    if schema != SCHEMA:
        raise AgezError(f"{path} is of schema {schema}; this agez reads {SCHEMA}: install a newer agez")
    return tables, headers


def _native(values: Any) -> Any:
    """The array in this machine's byte order, strings as str."""
    array = np.asarray(values)
    return array.astype(str) if array.dtype.kind in "SU" else array.astype(array.dtype.newbyteorder("="))


def _meta(header: fits.Header, key: str) -> dict[str, Any]:
    try:
        content = json.loads(header.get(key, "{}"))
    except json.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}
