"""One self-contained page that shows answers: maps, each region's SED and fit, distributions, a table of all rows.

Plain SVG and canvas: 25 kB of script that no library's next version breaks, where Bokeh's would be a megabyte.  The
page asks nothing of any network (its policy forbids it) and opens from disk.
"""

from __future__ import annotations

import base64
import json
import os
import re
import tomllib
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from agez import __version__
from agez.distributions.mixture import clean, marginal_of
from agez.errors import AgezError
from agez.flags import FAULTS, MEANING, Flag
from agez.report.page_content import PageContent, PageMap
from agez.runtime.files import check_output, whole_file
from agez.targets import Target, plain_label
from agez.types import Floats, Prediction

#: Parts of the page, in their order.
_SCRIPTS = ("data.js", "draw.js", "maps.js", "panels.js", "table.js", "main.js")
#: Targets of which the joint distribution is drawn.
_JOINT = ("log_age_lw", "mh_lw")


def check_page(path: str | os.PathLike[str]) -> Path:
    """The path of a page that can be written; to be called before long work."""
    if Path(path).suffix.lower() not in (".html", ".htm"):
        raise AgezError(f"--page {path}: a page is HTML; give a name that ends in .html")
    return check_output(path, option="--page")


def write_answer_page(path: str | os.PathLike[str], content: PageContent) -> None:
    """Write the page; whole or not at all.

    Parameters
    ----------
    path : path of an HTML file
    content : PageContent
        As :func:`agez.report.page_content.content_of_maps` or :func:`~agez.report.page_content.content_of_rows` make
        it.
    """
    folder = files("agez") / "report/data/page"
    data = json.dumps(page_data(content), allow_nan=False, separators=(",", ":")).replace("<", r"\u003c")
    scripts = "\n".join((folder / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    page = (folder / "page.html").read_text(encoding="utf-8")
    parts = {
        "TITLE": escape(content.title), "STYLE": (folder / "page.css").read_text(encoding="utf-8"), "DATA": data,
        "SCRIPT": scripts,
    }  # fmt: skip
    page = re.sub("@(TITLE|STYLE|DATA|SCRIPT)@", lambda found: parts[found[1]], page)
    with whole_file(path) as part:
        part.write_text(page, encoding="utf-8")


def page_data(content: PageContent) -> dict[str, Any]:
    """What the page's script reads, JSON-able.

    Arrays of many numbers are base64 of little-endian float32: ``answers`` (n, d, 7) are mean, error and the quantiles
    p16, p50, p84 and the ends p025 and p975 of the 95 % interval where the model gives them.
    """
    prediction, photometry = content.prediction, content.photometry
    sed = [photometry.flux, photometry.flux_err, content.expected, content.expected_err]
    return {
        "title": content.title,
        "noun": content.noun,
        "version": __version__,
        "model": content.model,
        "notes": list(content.notes),
        "bands": {"names": list(photometry.bands.names), "pivot": list(photometry.bands.pivot_angstrom)},
        "targets": [_target(one, prediction, k) for k, one in enumerate(prediction.targets)],
        "flags": [
            {"bit": int(flag), "name": flag.name, "meaning": MEANING[flag], "fault": bool(flag & FAULTS)}
            for flag in Flag
        ],
        "rows": _rows(content),
        "columns": {name: _numbers(values) for name, values in content.columns.items()},
        "answers": _packed(_answers(prediction)),
        "sed": _packed(np.stack(sed, axis=2)),
        "joint": _joint(prediction),
        "map": None if content.map is None else _map(content.map),
        "scales": tomllib.loads((files("agez") / "report/data/colour_scales.toml").read_text(encoding="utf-8")),
        "ood_threshold": float(prediction.meta.get("ood_threshold", 1.0)),
    }


def _rows(content: PageContent) -> dict[str, Any]:
    prediction = content.prediction
    worst = prediction.worst_band
    sigma = prediction.worst_band_sigma
    n = len(prediction)
    return {
        "id": [str(name) for name in prediction.rows.spec_id],
        "flags": [int(flag) for flag in prediction.flags],
        "ood": _numbers(prediction.ood),
        "chi2": _numbers(np.full(n, np.nan) if prediction.chi2 is None else prediction.chi2),
        "worst_band": [""] * n if worst is None else [str(name) for name in worst],
        "worst_band_sigma": _numbers(np.full(n, np.nan) if sigma is None else sigma),
        "redshift": _numbers(content.photometry.redshift),
    }


def _answers(prediction: Prediction) -> Floats:
    """(n, d, 7): mean, error, p16, p50, p84, p025, p975; NaN where the model gives no 95 % interval."""
    n, d, q = prediction.quantiles.shape
    error = np.stack([getattr(prediction, f"{one.name}_err") for one in prediction.targets], axis=1)
    out = np.full((n, d, 7), np.nan)
    out[..., 0], out[..., 1], out[..., 2 : 2 + q] = prediction.mean, error, prediction.quantiles
    return out


def _joint(prediction: Prediction) -> dict[str, Any] | None:
    """Weights, means and covariances of age and metallicity, (n, k, 6); None without a distribution of both."""
    names = [one.name for one in prediction.targets]
    if prediction.mixture is None or not set(_JOINT) <= set(names):
        return None
    m = clean(marginal_of(prediction.mixture, [names.index(name) for name in _JOINT]))
    packed = np.concatenate([m.weights[..., None], m.mean, m.covariance], axis=-1)
    return {"targets": [names.index(name) for name in _JOINT], "n_components": m.n_components, "data": _packed(packed)}


def _map(place: PageMap) -> dict[str, Any]:
    ny, nx = place.region.shape
    return {
        "nx": nx,
        "ny": ny,
        "region": base64.b64encode(np.ascontiguousarray(place.region, "<i4").tobytes()).decode(),
        "pixel_arcsec": place.pixel_arcsec if np.isfinite(place.pixel_arcsec) else None,
        "colour": None if place.colour is None else base64.b64encode(place.colour.tobytes()).decode(),
        "colour_bands": list(place.colour_bands),
        "profile": {name: _numbers(np.asarray(values)) for name, values in place.profile.items()},
    }


def _target(target: Target, prediction: Prediction, k: int) -> dict[str, Any]:
    ends = prediction.quantiles[:, k, [3, 4] if prediction.quantiles.shape[2] == 5 else [0, 2]]
    ends = ends[np.isfinite(ends).all(axis=1)]
    low, high = (0.0, 1.0) if not len(ends) else (np.quantile(ends[:, 0], 0.05), np.quantile(ends[:, 1], 0.95))
    return {
        "name": target.name, "label": _label(target), "unit": target.unit or "", "word": target.word,
        "description": target.description, "scale": target.colour_map, "range": [float(low), float(high)],
    }  # fmt: skip


def _label(target: Target) -> list[list[str]]:
    """Its axis label; redshifts are the model's, beside those that rows were given."""
    return plain_label(f"{target.symbol} (model)" if target.scale == "redshift" else target.symbol)


def _packed(values: Floats) -> str:
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()


def _numbers(values: Floats) -> list[float | None]:
    """Seven digits of each number; None where it is not finite."""
    return [float(f"{value:.7g}") if np.isfinite(value) else None for value in np.asarray(values, float)]
