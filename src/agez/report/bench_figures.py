"""Figures of a set of real photometry: ages by type, relations with luminosity and mass, half of the bands, bands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from agez.bench.published import ECALIFA, GALLAZZI_2005
from agez.bench.text import WORDS, kind_words
from agez.report.numbers import floats
from agez.report.style import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    QUANTITY,
    SKY,
    VERMILLION,
    figure,
    margins,
    note,
    robust_limits,
    running_quantiles,
)
from agez.types import Bools, Floats

#: Colours of kinds, in order of appearance; old ones warm, young ones cool.
_KNOWN_COLOURS = {"E": VERMILLION, "S": BLUE, "U": "0.55"}
_COLOURS = (GREEN, PURPLE, ORANGE, SKY, BLUE, VERMILLION)
#: Rows from which a running median is drawn, and its bins.
_LEAST_ROWS, _BINS = 15, 12


def kind_colours(kinds: list[str]) -> dict[str, str]:
    """A colour for each kind."""
    others = [kind for kind in kinds if kind not in _KNOWN_COLOURS]
    return _KNOWN_COLOURS | {kind: _COLOURS[k % len(_COLOURS)] for k, kind in enumerate(others)}


def legend(axes: Any, where: str, *, title: str | None = None) -> None:
    """A legend, where anything is drawn that it could name."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc=where, title=title, alignment="left")


def table_figures(folder: Path, block: Mapping[str, Any]) -> dict[str, Path]:
    """All figures of a block, by name."""
    points = block["points"]
    if not np.isfinite(floats(points["log_age_lw"])).any():
        return {}
    kind = np.array(points["kind"], dtype=str)
    kinds = [one for one in np.unique(kind).tolist() if one]
    known = np.isfinite(floats(points["log_age_lw"]))
    masks = {one: known & (kind == one) for one in kinds if (known & (kind == one)).any()} or {"all": known}
    out = {"ages": figure_ages(folder / f"{block['set']}_ages.png", block, masks)}
    for name, draw in (("luminosity", figure_luminosity), ("mass", figure_mass)):
        path = draw(folder / f"{block['set']}_{name}.png", block, masks)
        if path is not None:
            out[name] = path
    if points.get("log_age_lw_real"):
        out["halves"] = figure_halves(folder / f"{block['set']}_halves.png", block)
    if block.get("bands"):
        out["bands"] = figure_bands(folder / f"{block['set']}_bands.png", block)
    return out


def figure_ages(path: Path, block: Mapping[str, Any], masks: Mapping[str, Bools]) -> Path:
    """Histograms of the ages of each kind; bars above: those of ellipticals and spirals of eCALIFA."""
    ages, colours = floats(block["points"]["log_age_lw"]), kind_colours(list(masks))
    edges = np.linspace(7.8, 10.25, 36)
    with figure(path, width=6.4, height=4.4) as page:
        axes = page.subplots(gridspec_kw=margins(page, left=0.75, right=0.2, bottom=0.6, top=0.25))
        top = 0.0
        for kind, where in masks.items():
            counts, _ = np.histogram(ages[where], edges)
            parts = counts / max(where.sum(), 1)
            top = max(top, float(parts.max(initial=0.0)))
            label = f"{kind_words(kind)} ({where.sum()}): median {np.nanmedian(ages[where]):.2f}"
            axes.stairs(parts, edges, color=colours.get(kind, BLUE), lw=1.8, label=label)
        for k, kind in enumerate(kind for kind in masks if kind in ECALIFA):
            low, middle, high = ECALIFA[kind].log_age_lw
            height = top * (1.08 + 0.07 * k)
            words = "eCALIFA, by spectra: median, 16 to 84 %" if k == 0 else None
            axes.plot([low, high], [height, height], color=colours[kind], lw=2.5, label=words)
            axes.plot(middle, height, "o", color=colours[kind], ms=6)
        axes.set(xlabel=QUANTITY["log_age_lw"], ylabel="part of the kind a bin", xlim=(edges[0], edges[-1]))
        axes.set_ylim(0, top * 1.75)
        older = block["older"]
        title = None
        if older is not None and older["age"]["value"] is not None:
            title = f"P(older) = {older['age']['value']:.3f}; by {older['colour_name']} {older['colour']['value']:.3f}"
        legend(axes, "upper left", title=title)
    return path


def figure_luminosity(path: Path, block: Mapping[str, Any], masks: Mapping[str, Bools]) -> Path | None:
    """Ages against absolute magnitude, with running medians."""
    x, y = floats(block["points"]["absmag_r"]), floats(block["points"]["log_age_lw"])
    if not np.isfinite(x).any():
        return None
    with figure(path, width=6.4, height=4.6) as page:
        axes = page.subplots(gridspec_kw=margins(page, left=0.75, right=0.2, bottom=0.6, top=0.2))
        _points(axes, x, y, masks)
        axes.set(xlabel="$M_r$ [mag]", ylabel=QUANTITY["log_age_lw"], ylim=robust_limits(y, keep=0.99))
        axes.set_xlim(*robust_limits(x, keep=0.995)[::-1])  # luminous galaxies to the right, as massive ones
        legend(axes, "lower right")
    return path


def figure_mass(path: Path, block: Mapping[str, Any], masks: Mapping[str, Bools]) -> Path | None:
    """[M/H] against stellar mass, with running medians, the published relation, and what of it answers can show."""
    x, y = floats(block["points"]["log_mass"]), floats(block["points"]["mh_lw"])
    if not (np.isfinite(x) & np.isfinite(y)).any():
        return None
    with figure(path, width=6.4, height=4.6) as page:
        axes = page.subplots(gridspec_kw=margins(page, left=0.75, right=0.2, bottom=0.6, top=0.2))
        _points(axes, x, y, masks)
        mass, mh = np.array(GALLAZZI_2005).T
        axes.plot(mass, mh, color="black", lw=1.8, ls="--", label="Gallazzi et al. (2005), from memory")
        gain = ((block.get("halves") or {}).get("mh_lw") or {}).get("gain")
        if gain and gain["value"] is not None:
            middle = float(np.nanmedian(y))
            centre = float(np.interp(np.nanmedian(x), mass, mh))
            label = f"its shape times the gain of the answers, {gain['value']:.2f}"
            axes.plot(mass, middle + gain["value"] * (mh - centre), color="black", lw=1.8, ls=":", label=label)
        axes.set(xlabel="log stellar mass [solar masses]", ylabel=QUANTITY["mh_lw"])
        axes.set(xlim=robust_limits(x, keep=0.995), ylim=robust_limits(y, keep=0.99))
        legend(axes, "lower right")
    return path


def _points(axes: Any, x: Floats, y: Floats, masks: Mapping[str, Bools]) -> None:
    """Rows as dots, and for each kind the running median with 16 and 84 %."""
    colours = kind_colours(list(masks))
    faint_first = sorted(masks, key=lambda kind: kind != "U")
    for kind in faint_first:
        where = masks[kind] & np.isfinite(x) & np.isfinite(y)
        colour = colours.get(kind, BLUE)
        axes.plot(x[where], y[where], ".", ms=2.5, color=colour, alpha=0.35, rasterized=True, zorder=1)
        if where.sum() < 3 * _LEAST_ROWS:
            continue
        n_bins = min(_BINS, int(where.sum() // _LEAST_ROWS))
        centre, low, middle, high = running_quantiles(x[where], y[where], n_bins)
        axes.fill_between(centre, low, high, color=colour, alpha=0.15, lw=0, zorder=2)
        axes.plot(centre, middle, "-", color="white", lw=4, zorder=3)
        axes.plot(centre, middle, "-", color=colour, lw=2.2, zorder=4, label=f"{kind_words(kind)}: running median")


def figure_halves(path: Path, block: Mapping[str, Any]) -> Path:
    """Answers from half of the bands less those from the other half, over their errors: real rows and matched mocks."""
    edges = np.linspace(-3, 3, 49)
    with figure(path, width=8.4, height=3.9) as page:
        panels = page.subplots(
            1, 2, sharey=True, gridspec_kw=margins(page, left=0.75, right=0.2, bottom=0.6, top=0.4, wspace=0.08)
        )
        for axes, (name, word) in zip(panels, WORDS.items(), strict=True):
            scores = block["halves"][name]
            for which, colour, label in (("real", VERMILLION, "real galaxies"), ("mock", BLUE, "matched mocks")):
                values = floats(block["points"].get(f"{name}_{which}", []))
                if not len(values):
                    continue
                parts = np.histogram(values, edges)[0] / len(values)
                width = scores[which]["value"]
                axes.stairs(parts, edges, color=colour, lw=1.8, label=f"{label}: width {width:.2f}")
            axes.axvline(0, color="0.6", lw=0.8)
            ratio = scores["ratio"]
            if ratio is not None and ratio["value"] is not None:
                note(axes, f"real / mocks\n{ratio['value']:.2f} ± {ratio['err']:.2f}", where="upper left")
            axes.set(xlabel="difference of two halves of the bands / its error", title=word, xlim=(-3, 3))
            legend(axes, "upper right")
        panels[0].set_ylabel("fraction of rows per bin")
        panels[0].set_ylim(0, 1.35 * max(axes.dataLim.y1 for axes in panels))
    return path


def figure_bands(path: Path, block: Mapping[str, Any]) -> Path:
    """Each band against what the others say of it: offset with scatter, and the zero point that the model finds."""
    bands = block["bands"]
    pivot, offset, scatter, zero_point = (
        floats([one[key] for one in bands]) for key in ("pivot_angstrom", "offset_mag", "scatter_mag", "zero_point_mag")
    )
    with figure(path, width=7.4, height=4.2) as page:
        axes = page.subplots(gridspec_kw=margins(page, left=0.8, right=0.2, bottom=0.6, top=0.2))
        axes.axhline(0, color="0.6", lw=0.8)
        axes.errorbar(
            pivot, offset, yerr=scatter, fmt="o", color=BLUE, ms=6, elinewidth=1.2, label="median; bars: robust scatter"
        )
        axes.plot(pivot, -zero_point, "D", color=VERMILLION, ms=5, mfc="none", mew=1.5, label="estimated zero point")
        high = np.nan_to_num(offset + scatter)
        for x, y, one in zip(pivot, high, bands, strict=True):
            axes.annotate(
                one["band"], (x, y), xytext=(0, 4), textcoords="offset points", ha="center", va="bottom", rotation=90,
                fontsize=7.5,
            )  # fmt: skip
        low = float(np.nanmin(offset - scatter))
        axes.set_ylim(min(low, 0) - 0.03, float(high.max()) + 0.13)
        axes.set(xlabel="pivot wavelength [$\\mathrm{\\AA}$]")
        axes.set_ylabel("observed less expected from\nthe other bands [mag] (up: fainter)")
        legend(axes, "lower right")
    return path
