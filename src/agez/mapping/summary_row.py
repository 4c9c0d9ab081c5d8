"""The summary of a galaxy's maps: a table of one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from astropy.table import Column, Table

from agez.mapping.map_galaxy import GalaxyMaps, snr_of_regions
from agez.tables.column_metadata import Words, describe_columns
from agez.tables.prediction_files import prediction_to_table
from agez.types import LABEL_NAMES

#: Name of the table of one row in a file of maps, and of the table of many in a summary.
EXTENSION = "SUMMARY"
#: Numbers of a gradient, by the end of their column.
SLOPES = {"_slope": "slope", "_slope_err": "slope_err", "_slope_scatter": "slope_scatter"}
#: What columns of a summary mean that mean another thing in other tables.
OF_SUMMARIES = {
    "name": Words(None, "galaxy", "meta.id;meta.main"),
    "n_regions": Words(None, "regions of the map", "meta.number"),
    "snr_band": Words(None, "S/N of a region in the band region_band, median", "stat.snr;stat.median"),
}


def summary_row(maps: GalaxyMaps) -> Table:
    """One row: the answers to the galaxy's whole light, gradients, and how good the maps are.

    ``flags`` and ``good`` are those of the whole light; slopes are NaN where there is no gradient.
    """
    meta, whole = maps.meta, prediction_to_table(replace(maps.whole, mixture=None))
    table = Table({"name": [str(meta["galaxy"])], "model": [str(meta["model"])], "redshift": [float(meta["redshift"])]})
    table["ra"], table["dec"] = ([float(one)] for one in meta.get("centre_deg", (np.nan, np.nan)))
    for name in whole.colnames:
        if name not in ("id", "galaxy_id", "x", "y"):
            table[name] = whole[name]
    slopes = {} if maps.gradients is None else {one["quantity"]: one for one in maps.gradients.to_json()}
    for label in [name for name in LABEL_NAMES if name in table.colnames]:
        of_label = slopes.get(label, {})
        for end, key in SLOPES.items():
            value = of_label.get(key)
            table[label + end] = [np.nan if value is None else float(value)]
    radius = maps.radius_arcsec[maps.r_re > 0] / maps.r_re[maps.r_re > 0]
    table["re_arcsec"] = [float(np.median(radius)) if radius.size else np.nan]
    table["inclination"], table["pa"] = ([float(one)] for one in meta["tilt_deg"])
    bands = maps.photometry.bands.names
    table["n_regions"] = [len(maps.prediction)]
    table["n_regions_good"] = [int(maps.prediction.good.sum())]
    table["n_pixels"] = [int((maps.frame.bin_id >= 0).sum())]
    table["region_band"] = [meta["snr_band"] if meta["snr_band"] in bands else ""]
    snr = snr_of_regions(maps)
    table["snr_band"] = [float(np.median(snr[np.isfinite(snr)])) if np.isfinite(snr).any() else np.nan]
    table["snr_whole"] = [maps.snr_whole]
    table["n_bands"] = [int(maps.photometry.covered.any(axis=0).sum())]
    table["bands_missing"] = [",".join(meta["bands_missing"])]
    table.meta = dict(whole.meta)
    return describe_columns(table, special=OF_SUMMARIES)


def join_rows(rows: Sequence[Table]) -> Table:
    """One table of rows whose columns may differ: what a row lacks is NaN, 0, or ''."""
    first: dict[str, Any] = {}
    for row in rows:
        for name in row.colnames:
            first.setdefault(name, row[name])
    out = Table()
    for name, column in first.items():
        nothing = np.nan if column.dtype.kind == "f" else column.dtype.type()
        values = [row[name][0] if name in row.colnames else nothing for row in rows]
        out[name] = Column(values, unit=column.unit, description=column.description, meta=column.meta)
    alike = rows[0].meta.items() if rows else ()
    out.meta = {key: value for key, value in alike if all(row.meta.get(key) == value for row in rows)}
    return out
