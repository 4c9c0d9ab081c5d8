"""One picture of a run over a catalogue: ages, metallicities, errors, the unusual, flags, and all by redshift."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm

from agez.engine.tally import EDGES, Tally
from agez.report.style import BLUE, DENSITY, ORANGE, QUANTITY, VERMILLION, Page, figure, margins, note
from agez.runtime.files import check_png
from agez.types import Floats

#: Flags are named one by one up to so many.
_FLAGS = 8
_QUANTILES = 0.16, 0.5, 0.84


def check_picture(path: str | os.PathLike[str]) -> Path:
    """The path of a picture that can be written; to be called before long work."""
    return check_png(path, option="--picture")


def catalogue_picture(
    path: str | os.PathLike[str] | None, counted: Tally, flags: Mapping[str, int], *, n_rows: int, title: str = ""
) -> Page:
    """Draw what a run has counted; the figure.

    Parameters
    ----------
    path : path, optional
        PNG to write.
    flags : mapping of str to int
        How many rows carry each flag.
    n_rows : int
        All rows, answered or not.
    """
    by_redshift = counted.counts["redshift_log_age"].sum() > 0
    with figure(path, width=11.5, height=7.6 if by_redshift else 6.9) as page:
        panels = page.subplots(
            2, 3, gridspec_kw=margins(page, left=0.75, right=0.3, bottom=0.6, top=0.75, wspace=0.36, hspace=0.34)
        )
        answered = int(counted.counts["log_age_mh"].sum())
        name = f"{title}: " if title else ""
        page.suptitle(f"{name}{_count(answered)} of {_count(n_rows)} rows answered", fontsize=12, parse_math=False)
        _density(panels[0, 0], counted)
        _errors(panels[0, 1], counted)
        _unusual(panels[0, 2], counted)
        if by_redshift:
            _trend(panels[1, 0], counted, "log_age", QUANTITY["log_age_lw"], BLUE)
            _trend(panels[1, 1], counted, "mh", QUANTITY["mh_lw"], VERMILLION)
        else:
            _marginal(panels[1, 0], counted, "log_age", QUANTITY["log_age_lw"], BLUE)
            _marginal(panels[1, 1], counted, "mh", QUANTITY["mh_lw"], VERMILLION)
        _flags(panels[1, 2], flags, n_rows)
    return page


def _count(n: int) -> str:
    return f"{n:,}".replace(",", "\u2009")


def _density(axes: Any, counted: Tally) -> None:
    counts = counted.counts["log_age_mh"].T
    axes.set(xlabel=QUANTITY["log_age_lw"], ylabel=QUANTITY["mh_lw"], title="Galaxies per bin")
    if counts.any():
        mesh = axes.pcolormesh(
            EDGES["log_age"], EDGES["mh"], np.ma.masked_equal(counts, 0), cmap=DENSITY,
            norm=LogNorm(1, max(2, counts.max())), rasterized=True,
        )  # fmt: skip
        axes.figure.colorbar(mesh, ax=axes, pad=0.02)
        axes.set_xlim(_value_limits(counted, counts.sum(axis=0), "log_age"))
        axes.set_ylim(_value_limits(counted, counts.sum(axis=1), "mh"))


def _limits(counts: Any, edges: Floats) -> tuple[float, float]:
    """Edges around all that is not empty, with a bin to spare."""
    (at,) = np.nonzero(counts)
    return float(edges[max(at[0] - 1, 0)]), float(edges[min(at[-1] + 2, len(edges) - 1)])


def _value_limits(counted: Tally, counts: Any, quantity: str) -> tuple[float, float]:
    """Edges around all that is not empty, and at least 2 median errors either side of the median."""
    low, high = _limits(counts, EDGES[quantity])
    errors = counted.counts[f"{quantity}_err"]
    if errors.any():
        half = 2 * float(_quantiles(errors[None, :], EDGES["err"])[0, 1])
        middle = float(_quantiles(np.asarray(counts)[None, :], EDGES[quantity])[0, 1])
        low, high = min(low, middle - half), max(high, middle + half)
    return low, high


def _errors(axes: Any, counted: Tally) -> None:
    axes.set(xlabel="error (half of 16 to 84 %) [dex]", ylabel="fraction of rows", title="Errors")
    top = 0.05
    for key, words, colour in (("log_age_err", "log age", BLUE), ("mh_err", "[M/H]", VERMILLION)):
        counts = counted.counts[key]
        if not counts.any():
            continue
        parts = counts / counts.sum()
        median = float(_quantiles(counts[None, :], EDGES["err"])[0, 1])
        axes.stairs(parts, EDGES["err"], color=colour, linewidth=1.6, label=f"{words}: median {median:.2f}")
        top = max(top, _limits(counts, EDGES["err"])[1])
    axes.set_xlim(0, top)
    axes.set_ylim(bottom=0)
    if axes.has_data():
        axes.legend()


def _unusual(axes: Any, counted: Tally) -> None:
    counts, edges = counted.counts["ood"], EDGES["ood"]
    axes.set(xlabel="distance from the training set / threshold", ylabel="rows", title="Unlike the training set")
    axes.axvline(1.0, color="0.4", linestyle="--", linewidth=1)
    axes.set_xlim(0, edges[-1])
    if counts.any():
        beyond = counts[edges[:-1] >= 1.0].sum() / counts.sum()
        axes.stairs(counts, edges, color=ORANGE, fill=True)
        axes.set_yscale("log")
        axes.set_ylim(0.7, 3 * counts.max())
        note(axes, f"{beyond:.1%} beyond", where="upper right")


def _trend(axes: Any, counted: Tally, quantity: str, label: str, colour: str) -> None:
    """Median and 16 to 84 % of a quantity in bins of redshift, over the density of rows."""
    counts = counted.counts[f"redshift_{quantity}"]
    edges = EDGES["redshift"]
    axes.pcolormesh(
        edges, EDGES[quantity], np.ma.masked_equal(counts.T, 0), cmap="Greys",
        norm=LogNorm(1, max(10, 4 * counts.max())), rasterized=True,
    )  # fmt: skip
    low, middle, high = _quantiles(counts, EDGES[quantity]).T
    enough = counts.sum(axis=1) >= 10
    centre = (edges[:-1] + edges[1:]) / 2
    axes.errorbar(
        centre[enough], middle[enough], yerr=[(middle - low)[enough], (high - middle)[enough]], color=colour,
        marker="o", markersize=3.5, linewidth=1.2,
    )  # fmt: skip
    axes.set(xlabel="redshift", ylabel=label, title="Median, 16 to 84 %")
    axes.set_xlim(0, _limits(counts.sum(axis=1), edges)[1])
    axes.set_ylim(_value_limits(counted, counts.sum(axis=0), quantity))


def _marginal(axes: Any, counted: Tally, quantity: str, label: str, colour: str) -> None:
    counts = counted.counts["log_age_mh"].sum(axis=1 if quantity == "log_age" else 0)
    axes.set(xlabel=label, ylabel="rows", title="No redshifts: all rows")
    if counts.any():
        axes.stairs(counts, EDGES[quantity], color=colour, fill=True, alpha=0.8)
        axes.set_xlim(_value_limits(counted, counts, quantity))


def _flags(axes: Any, flags: Mapping[str, int], n_rows: int) -> None:
    shown = sorted(flags.items(), key=lambda item: -item[1])[:_FLAGS]
    axes.set(xlabel="% of the rows", title="Flags")
    if not shown:
        axes.set(xlim=(0, 100), yticks=[])
        note(axes, "no row is flagged")
        return
    names, counts = zip(*reversed(shown), strict=True)
    parts = 100 * np.array(counts) / max(n_rows, 1)
    at = np.arange(len(names))
    axes.barh(at, parts, color=BLUE, alpha=0.35, height=0.8)
    axes.set(yticks=[], xlim=(0, max(1.15 * parts.max(), 1e-3)), ylim=(-0.6, max(len(names), 4) - 0.4))
    for y, name, part, n in zip(at, names, parts, counts, strict=True):
        words = name.replace("_", " ").lower()
        axes.text(0.02, y, f"{words}: {_count(n)} ({part:.2g} %)", transform=axes.get_yaxis_transform(), va="center",
                  fontsize=9)  # fmt: skip


def _quantiles(counts: Any, edges: Floats) -> Floats:
    """16, 50, 84 % of what is counted in each row of ``counts`` (m, b), linear within bins: (m, 3), NaN where empty."""
    found = np.full((len(counts), len(_QUANTILES)), np.nan)
    for k, row in enumerate(counts):
        if row.any():
            below = np.concatenate([[0], np.cumsum(row)]) / row.sum()
            found[k] = np.interp(_QUANTILES, below, edges)
    return found
