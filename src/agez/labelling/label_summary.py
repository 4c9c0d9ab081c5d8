"""The summary of labels: a row a galaxy, with the means and gradients of its spectra or bins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.table import Table

from agez.analysis.geometry import face_on_radius
from agez.analysis.gradients import gradients_with_errors
from agez.analysis.region_errors import shared_errors
from agez.label_types import Labels
from agez.samples.galaxy_facts import GalaxyTable
from agez.tables.column_metadata import describe_columns
from agez.tables.maps import MapFrame
from agez.tables.summaries import OF_SUMMARIES, join_rows, slope_columns
from agez.types import LABEL_NAMES, Floats, Ints

#: Seed of the subsets of ``slope_scatter``, as of ``agez gradient``.
_SEED = 1


def label_summary(labels: Labels, *, frame: MapFrame | None = None, galaxies: GalaxyTable | None = None) -> Table:
    """A row for each galaxy of the labels.

    Labels are means over the rows without a fault: by the light of a cube's bins, where ``frame`` says it
    (``weighted_by_light`` is true), else all alike.  With the weights w, the error of a mean is sqrt(w C w), and C
    knows what a galaxy's rows share (:mod:`agez.analysis.region_errors`).

    Parameters
    ----------
    frame : MapFrame, optional
        Where the bins lie, of labels of a cube.
    galaxies : GalaxyTable, optional
        Effective radii and tilts: with them there are gradients.
    """
    names = labels.rows.galaxy_id
    light = None if frame is None or frame.mean_flux is None else _light_of_bins(frame, len(labels))
    rows = [
        _row(labels, str(name), np.flatnonzero(names == name), light, galaxies)
        for name in dict.fromkeys(names.tolist())
    ]
    table = join_rows(rows)
    table.meta = {"TEMPLATE": str(labels.meta.get("templates", ""))[:60]}
    return describe_columns(table, special=OF_SUMMARIES)


def _light_of_bins(frame: MapFrame, n: int) -> Floats:
    """(n,) light of each bin, in the precision of the file."""
    inside = frame.bin_id >= 0
    flux = np.nan_to_num(np.asarray(frame.mean_flux, np.float32)[inside].astype(float))
    return np.asarray(np.bincount(frame.bin_id[inside], weights=np.maximum(flux, 0.0), minlength=n), float)


def _row(labels: Labels, name: str, of_it: Ints, light: Floats | None, galaxies: GalaxyTable | None) -> Table:
    own = labels.take(of_it)
    # a table of galaxies may name a file that holds one galaxy by the file's name, as the fit has it
    file_name = Path(str(labels.meta.get("source", ""))).name.split(".")[0] if len(own) == len(labels) else ""
    radius, shape = _radii(own, name, file_name, galaxies)
    table = Table({"name": [name], "redshift": [_median(own.redshift)]})
    table["n_spectra"], table["n_spectra_good"] = [len(own)], [int(own.good.sum())]
    for column in ("snr", "chi2", "sigma_kms", "av"):
        table[column] = [_median(getattr(own, column)[own.good])]
    weight = np.ones(len(own)) if light is None else light[of_it]
    table["weighted_by_light"] = [light is not None]
    for label in LABEL_NAMES:
        value, err = getattr(own, label), getattr(own, f"{label}_err")
        used = own.good & np.isfinite(value) & np.isfinite(err) & (err > 0) & (weight > 0)
        mean, error = np.nan, np.nan
        if used.any():
            w = weight[used] / weight[used].sum()
            mean = float(w @ value[used])
            covariance = shared_errors(label, kind="labels").covariance(err[used], np.nan_to_num(radius[used]))
            error = float(np.sqrt(w @ covariance @ w))
        table[label], table[f"{label}_err"] = [mean], [error]
    for column, value in shape.items():
        table[column] = [value]
    values, errors = (np.stack([getattr(own, label + end) for label in LABEL_NAMES], axis=1) for end in ("", "_err"))
    gradients = []
    if np.isfinite(radius).any():
        gradients = gradients_with_errors(
            own.rows.galaxy_id, radius, np.where(own.good[:, None], values, np.nan), errors, names=LABEL_NAMES,
            rng=np.random.default_rng(_SEED), kind="labels",
        ).to_json()  # fmt: skip
    for label in LABEL_NAMES:
        for column, slope in slope_columns(label, gradients).items():
            table[column] = slope
    table["good"] = [bool(np.isfinite(table["log_age_lw"][0]))]
    return table


def _radii(own: Labels, name: str, file_name: str, galaxies: GalaxyTable | None) -> tuple[Floats, dict[str, float]]:
    """(n,) radius over the effective radius, face-on where the tilt is not known, and the disc; NaN where unknown."""
    shape = {"re_arcsec": np.nan, "inclination": np.nan, "pa": np.nan}
    facts = None if galaxies is None else galaxies.of(name, file_name)
    if facts is None:
        return np.full(len(own), np.nan), shape
    shape = {"re_arcsec": facts.re_arcsec, "inclination": facts.inclination_deg, "pa": facts.pa_deg}
    tilt = (shape["inclination"], shape["pa"]) if np.isfinite([shape["inclination"], shape["pa"]]).all() else (0.0, 0.0)
    if not shape["re_arcsec"] > 0 or not 0 <= tilt[0] < 90:
        return np.full(len(own), np.nan), shape
    radius = face_on_radius(
        own.rows.x, own.rows.y, re_arcsec=shape["re_arcsec"], inclination_deg=tilt[0], pa_deg=tilt[1]
    )
    return np.asarray(radius), shape


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")
