"""Figures of a set of real spectra: networks against the fit, several surveys on one galaxy, the sequence of types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agez.bench.text import WORDS
from agez.report.bench_figures import kind_colours, legend
from agez.report.numbers import floats
from agez.report.style import BLUE, GREEN, ORANGE, QUANTITY, VERMILLION, figure, margins, robust_limits
from agez.types import Floats

_MARKS = "osD^vP*X"
#: Who answers: colour and mark.
_ANSWERS = ("black", BLUE, VERMILLION, GREEN, ORANGE)
#: With fewer spectra a scatter plot says nothing that the table does not.
_LEAST_ROWS = 8


def spectra_figures(folder: Path, block: Mapping[str, Any]) -> dict[str, Path]:
    """All figures of a block, by name."""
    out: dict[str, Path] = {}
    if block["order"] is not None:
        out["order"] = figure_order(folder / f"{block['set']}_order.png", block)
    elif len(block["rows"]) >= _LEAST_ROWS:
        out["fit"] = figure_network_fit(folder / f"{block['set']}_fit.png", block)
        if len(block["models"]) > 1:
            out["surveys"] = figure_surveys(folder / f"{block['set']}_surveys.png", block)
    return out


def _column(rows: Sequence[Mapping[str, Any]], who: str, name: str) -> Floats:
    return floats([row[who][name] for row in rows])


def figure_network_fit(path: Path, block: Mapping[str, Any]) -> Path:
    """The main model on photometry of each spectrum against the fit of the spectrum; open: with a fault in either."""
    who = block["answers"]
    kinds = list(dict.fromkeys(row["kind"] or "other" for row in block["rows"]))
    colours = kind_colours(kinds)
    with figure(path, width=9.2, height=4.7) as page:
        panels = page.subplots(1, 2, gridspec_kw=margins(page, left=0.7, right=0.2, bottom=0.6, top=0.2, wspace=0.26))
        for axes, name in zip(panels, WORDS, strict=True):
            for k, kind in enumerate(kinds):
                rows = [row for row in block["rows"] if (row["kind"] or "other") == kind]
                good = np.array([row["fit"]["good"] and row[who]["good"] for row in rows])
                x, y = _column(rows, "fit", name), _column(rows, who, name)
                x_err, y_err = _column(rows, "fit", f"{name}_err"), _column(rows, who, f"{name}_err")
                axes.errorbar(x, y, xerr=x_err, yerr=y_err, fmt="none", ecolor=colours[kind], elinewidth=0.7, alpha=0.5)
                mark = _MARKS[k % len(_MARKS)]
                axes.plot(x[good], y[good], mark, color=colours[kind], ms=6, label=f"{kind} ({len(rows)})")
                axes.plot(x[~good], y[~good], mark, color=colours[kind], ms=6, mfc="white")
            _diagonal(axes, block["rows"], name, ("fit", who))
            axes.set(xlabel=f"{QUANTITY[name]}, spectral fit", ylabel=f"{QUANTITY[name]}, network ({who})")
        legend(panels[0], "upper left", title="filled: no fault in either")
    return path


def figure_surveys(path: Path, block: Mapping[str, Any]) -> Path:
    """Answers of other surveys' models about the same galaxies against those of the main one; rows without a fault."""
    main, *others = block["models"]
    with figure(path, width=9.2, height=4.7) as page:
        panels = page.subplots(1, 2, gridspec_kw=margins(page, left=0.7, right=0.2, bottom=0.6, top=0.2, wspace=0.26))
        for axes, name in zip(panels, WORDS, strict=True):
            for k, other in enumerate(others):
                rows = [row for row in block["rows"] if row[main]["good"] and row[other]["good"]]
                x, y = _column(rows, main, name), _column(rows, other, name)
                x_err, y_err = _column(rows, main, f"{name}_err"), _column(rows, other, f"{name}_err")
                colour = _ANSWERS[2 + k % 3]
                axes.errorbar(x, y, xerr=x_err, yerr=y_err, fmt="none", ecolor=colour, elinewidth=0.6, alpha=0.35)
                axes.plot(x, y, _MARKS[k], color=colour, ms=5.5, label=f"{other} ({len(rows)} spectra)")
            _diagonal(axes, [row for row in block["rows"] if row[main]["good"]], name, (main, *others))
            axes.set(xlabel=f"{QUANTITY[name]}, {main}", ylabel=f"{QUANTITY[name]}, the other survey")
        legend(panels[0], "upper left")
    return path


def _diagonal(axes: Any, rows: Sequence[Mapping[str, Any]], name: str, who: Sequence[str]) -> None:
    """The line of equality, and limits of all answers on both axes."""
    limits = robust_limits(*(_column(rows, one, name) for one in who), pad=0.12)
    axes.plot(limits, limits, color="0.6", lw=0.9, zorder=0)
    axes.set(xlim=limits, ylim=limits)


def figure_order(path: Path, block: Mapping[str, Any]) -> Path:
    """Ages and dust along the sequence of types: of the fit and of each model; open: with a fault."""
    rows, x = block["rows"], np.arange(len(block["rows"]), dtype=float)
    with figure(path, width=8.2, height=6.2) as page:
        panels = page.subplots(
            2, 1, sharex=True, gridspec_kw=margins(page, left=0.75, right=0.2, bottom=0.95, top=0.2, hspace=0.06)
        )
        for k, who in enumerate(("fit", *block["models"])):
            good = np.array([row[who]["good"] for row in rows])
            for axes, name in zip(panels, ("log_age_lw", "av"), strict=True):
                at, y = x + 0.12 * (k - 1.5), _column(rows, who, name)
                err = _column(rows, who, f"{name}_err") if f"{name}_err" in rows[0][who] else None
                colour = _ANSWERS[k % len(_ANSWERS)]
                axes.errorbar(at, y, yerr=err, fmt="none", ecolor=colour, elinewidth=0.9, alpha=0.7)
                axes.plot(at[good], y[good], _MARKS[k], color=colour, ms=6, label="spectral fit" if k == 0 else who)
                axes.plot(at[~good], y[~good], _MARKS[k], color=colour, ms=6, mfc="white")
        panels[0].set_ylabel(QUANTITY["log_age_lw"])
        panels[1].set_ylabel("$A_V$ of the stars [mag]")
        legend(panels[0], "lower left", title="filled: no fault")
        panels[1].set_xticks(x, [row["name"] for row in rows], rotation=45, ha="right")
    return path
