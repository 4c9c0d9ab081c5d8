"""The summary of a galaxy's maps: a table of one row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from astropy.table import Table

from agez.mapping.map_galaxy import GalaxyMaps, snr_of_regions
from agez.tables.column_metadata import describe_columns
from agez.tables.prediction_files import prediction_to_table
from agez.tables.summaries import OF_SUMMARIES, slope_columns
from agez.types import LABEL_NAMES


def summary_row(maps: GalaxyMaps) -> Table:
    """One row: the answers to the galaxy's whole light, gradients, and how good the maps are.

    ``flags`` and ``good`` are those of the whole light; slopes are NaN where there is no gradient.
    """
    meta, whole = maps.meta, prediction_to_table(replace(maps.whole, mixture=None))
    table = Table({"name": [str(meta["galaxy"])], "model": [str(meta["model"])], "redshift": [float(meta["redshift"])]})
    table["ra"], table["dec"] = ([float(meta["centre"].get(f"{name}_deg", np.nan))] for name in ("ra", "dec"))
    for name in whole.colnames:
        if name not in ("id", "galaxy_id", "x", "y"):
            table[name] = whole[name]
    gradients = [] if maps.gradients is None else maps.gradients.to_json()
    for label in [name for name in LABEL_NAMES if name in table.colnames]:
        for column, value in slope_columns(label, gradients).items():
            table[column] = value
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
    table["bands_missing"] = [",".join(meta["missing_bands"])]
    table["remarks"] = ["; ".join(meta["remarks"])]
    table.meta = dict(whole.meta)
    return describe_columns(table, special=OF_SUMMARIES)
