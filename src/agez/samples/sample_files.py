"""The sample's FITS file: tables SPECTRA, GALAXIES and BANDS, as TOPCAT likes them."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
from astropy.table import Table

import agez
from agez.arguments import takes
from agez.errors import AgezError
from agez.flags import is_good
from agez.label_types import Labels, Sample, Truth
from agez.samples.galaxy_files import galaxies_to_table, table_to_galaxies
from agez.tables.table_columns import (
    integer_column,
    is_missing,
    meta_json,
    native,
    need_columns,
    number_column,
    rows_columns,
    table_rows,
)
from agez.tables.table_files import hdu_to_table, named_hdu, open_fits, table_hdu, write_fits
from agez.types import LABEL_NAMES, Bands, Photometry

SCHEMA = "agez.sample/1"
_MADE_BY = "agez sample"
_NEEDED = ("spec_id", "galaxy_id", "flux", "covered", "log_age_lw", "mh_lw")

#: Columns of labels that have another name here: photometry has its own redshift, at which bands see the object.
_IN_SAMPLES = {"redshift": "label_redshift", "redshift_err": "label_redshift_err"}


@takes(path="path", sample="Sample")
def write_sample(path: str | os.PathLike[str], sample: Sample) -> None:
    """Write a sample, whole or not at all; :func:`read_sample` gives back the same numbers.

    ``flags`` holds all bits of a row; ``photometry_flags`` and ``label_flags`` say which came from where.

    Examples
    --------
    >>> import agez
    >>> from astropy.io import fits
    >>> from agez.mocks.survey import iterate_survey, survey_plan
    >>> grid = agez.load_templates("made-up")
    >>> (mock,) = iterate_survey(survey_plan(n_galaxies=1, n_spectra=5), grid)
    >>> seds, labels = agez.synthesize(mock.spectra, "jpas"), agez.fit_labels(mock.spectra, grid)
    >>> agez.write_sample("sample.fits", agez.make_sample(seds, labels))
    >>> fits.getdata("sample.fits", "BANDS")["name"][:3].tolist()
    ['uJAVA', 'J0378', 'J0390']
    """
    photometry, labels = sample.photometry, sample.labels
    columns: dict[str, Any] = rows_columns(sample.rows, id_name="spec_id")
    columns["r_re"] = sample.r_re
    for name in ("redshift", "flux", "flux_err", "covered"):
        columns[name] = getattr(photometry, name)
    if np.isfinite(photometry.redshift_err).any():
        columns["redshift_err"] = photometry.redshift_err
    for name in Labels.column_names():
        columns[_IN_SAMPLES.get(name, name)] = getattr(labels, name)
    if sample.truth is not None:
        for name in Truth._row_fields:
            columns[f"true_{name}"] = getattr(sample.truth, name)
    columns.pop("flags")  # those of labels: all flags come last
    columns["flags"] = (photometry.flags | labels.flags).astype(np.int32)
    columns["good"] = is_good(columns["flags"])
    columns["photometry_flags"] = photometry.flags.astype(np.int32)
    columns["label_flags"] = labels.flags.astype(np.int32)
    bands = photometry.bands
    about = {
        "AGEZMETA": (json.dumps(dict(sample.meta), default=str), "the sample"),
        "LABLMETA": (json.dumps(dict(labels.meta), default=str), "how the labels were made"),
        "PHOTMETA": (json.dumps(dict(photometry.meta), default=str), "how the photometry was made"),
    }
    band_table = Table(
        {"name": np.array(bands.names, dtype=str), "pivot": bands.pivot_angstrom, "fwhm": bands.fwhm_angstrom}
    )
    write_fits(
        path,
        [
            table_hdu(Table(columns), name="SPECTRA", header=about),
            table_hdu(galaxies_to_table(sample.galaxies), name="GALAXIES"),
            table_hdu(band_table, name="BANDS", header={"FILTERS": bands.filter_set}),
        ],
        header={"SCHEMA": SCHEMA, "AGEZVER": (agez.__version__, "agez that wrote this file")},
    )


@takes(path="path")
def read_sample(path: str | os.PathLike[str]) -> Sample:
    """Read a sample file; AgezError in one line if it is not one, is damaged, or lacks a needed column.

    Examples
    --------
    >>> import agez
    >>> from agez.mocks.survey import iterate_survey, survey_plan
    >>> grid = agez.load_templates("made-up")
    >>> (mock,) = iterate_survey(survey_plan(n_galaxies=1, n_spectra=5), grid)
    >>> seds, labels = agez.synthesize(mock.spectra, "jpas"), agez.fit_labels(mock.spectra, grid)
    >>> agez.write_sample("sample.fits", agez.make_sample(seds, labels))
    >>> len(agez.read_sample("sample.fits"))
    5
    """
    with open_fits(path) as hdus:
        spectra, galaxies, bands = (
            hdu_to_table(named_hdu(hdus, name, path, made_by=_MADE_BY)) for name in ("SPECTRA", "GALAXIES", "BANDS")
        )
        schema = str(hdus[0].header.get("SCHEMA", SCHEMA))
    if schema != SCHEMA:
        raise AgezError(f"{path} is of schema {schema}; this agez reads {SCHEMA}: install a newer agez")
    source = f"{path}, table SPECTRA"
    need_columns(spectra, _NEEDED, source=source, made_by=_MADE_BY)
    need_columns(bands, ("name", "pivot", "fwhm"), source=f"{path}, table BANDS", made_by=_MADE_BY)
    shape = (len(spectra), len(bands))
    for name in ("flux", "flux_err", "covered"):
        if name in spectra.colnames and spectra[name].shape != shape:
            raise AgezError(f"{source}: column {name} has shape {spectra[name].shape}; table BANDS says {shape}")

    def numbers(name: str) -> Any:
        return number_column(spectra, name, source=source)

    def flags(name: str) -> Any:
        return integer_column(spectra, name if name in spectra.colnames else "flags")

    rows = table_rows(spectra, source=source)
    photometry = Photometry(
        Bands(
            tuple(native(bands["name"]).tolist()),
            tuple(map(float, bands["pivot"])),
            tuple(map(float, bands["fwhm"])),
            str(bands.meta.get("FILTERS", "")),
        ),
        native(spectra["flux"]),
        native(spectra["flux_err"]) if "flux_err" in spectra.colnames else np.full(shape, np.nan),
        native(spectra["covered"]).astype(bool),
        rows,
        numbers("redshift"),
        flags("photometry_flags"),
        meta_json(spectra, "PHOTMETA"),
        redshift_err=numbers("redshift_err"),
    )
    values = {name: numbers(_IN_SAMPLES.get(name, name)) for name in Labels.column_names() if name != "flags"}
    for name in LABEL_NAMES:
        values[name] = np.where(is_missing(values[name]), np.nan, values[name])
    labels = Labels(rows=rows, flags=flags("label_flags"), meta=meta_json(spectra, "LABLMETA"), **values)
    truth = None
    if "true_log_age_lw" in spectra.colnames:
        truth = Truth(**{name: numbers(f"true_{name}") for name in Truth._row_fields})
    table = table_to_galaxies(galaxies, source=f"{path}, table GALAXIES")
    return Sample(photometry, labels, numbers("r_re"), table, truth, meta_json(spectra, "AGEZMETA"))
