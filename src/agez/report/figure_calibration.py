"""Whether predicted distributions hold what they promise: PIT, coverage against nominal, and coverage in bins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from agez.analysis.calibration_metrics import COVERAGE_LEVELS
from agez.report.numbers import floats, number
from agez.report.style import BLUE, QUANTITY, VERMILLION, figure, margins
from agez.targets import TARGET_WORDS

#: Axis labels of the quantities that calibration is looked at in bins of; another is labelled with its name.
BIN_LABELS = {
    **QUANTITY,
    "snr": "S/N per band",
    "n_bands": "number of bands",
    "av": "$A_V$ [mag]",
    "redshift": "redshift",
    "ood": "distance from the training set",
    "label": "label",
    "prediction": "prediction",
}
#: Quantities with a logarithmic axis.
_LOGARITHMIC = ("snr",)
#: Between the ends of a logarithmic axis; less is drawn linearly.
_LEAST_RATIO = 2.0
_COLUMNS = 3
#: Colour, marker and side: of the two words of the paper, and of any other target, which is drawn alone.
_STYLES = ((BLUE, "o", -1), (VERMILLION, "^", 1))
_OF_WORD = dict(zip(TARGET_WORDS.values(), _STYLES, strict=True))
#: How far coverage may be off [percentage points], drawn as a band: overall, and in a bin.
_ALLOWED_OVERALL, _ALLOWED_IN_BIN = 2.0, 5.0


def figure_calibration(path: Path, block: Mapping[str, Any]) -> None:
    """Draw the PIT histogram, coverage minus nominal, and the coverage of two intervals in bins of each quantity.

    Error bars are standard errors over bootstrap samples of galaxies; bands say how far off coverage may be.

    Parameters
    ----------
    path
        PNG to write.
    block : mapping
        Of :func:`agez.analysis.calibration_metrics.calibration_block`, None instead of NaN::

            {"age" | "metallicity": {
                "overall": {"n", "n_galaxies", "coverage_68": {"value", "err"}, "coverage_95", "crps", "sharpness"},
                "pit": {"edges": [b + 1], "density": [b], "density_err": [b], "departure", "departure_95",
                        "nominal": [c], "coverage": [c], "coverage_err": [c]},
                "bins": {name: {"edges": [m + 1], "centre": [m], "bins": [m like "overall"]}}}}

        One of the two may be absent, or another target stand alone; ``bins`` may be empty.
    """
    targets = list(block)
    names = list(dict.fromkeys(name for target in targets for name in block[target]["bins"]))
    n_rows = -(-(2 + len(names)) // _COLUMNS)
    with figure(path, width=11.4, height=3.15 * n_rows + 1.1) as page:
        room = margins(page, left=0.7, right=0.15, bottom=1.05, top=0.6, wspace=0.24, hspace=0.3)
        panels = page.subplots(n_rows, _COLUMNS, squeeze=False, gridspec_kw=room).ravel()
        for target in targets:
            part = block[target]
            _draw_pit(panels[0], target, part["pit"])
            _draw_coverage(panels[1], target, part["pit"])
            for axes, name in zip(panels[2:], names, strict=False):
                if name in part["bins"]:
                    _draw_bins(axes, target, part["bins"][name])
        _finish_pit(panels[0], [_departure(target, block[target]["pit"]) for target in targets])
        _finish_coverage(panels[1])
        for axes, name in zip(panels[2:], names, strict=False):
            _finish_bins(axes, name)
        for axes in panels[2 + len(names) :]:
            axes.set_visible(False)
        handles = _legend(targets, block)
        page.legend(handles=handles, loc="lower center", ncols=3, frameon=False)


def _style(word: str) -> tuple[str, str, int]:
    return _OF_WORD.get(word, _STYLES[0])


def _title(word: str) -> str:
    return word.capitalize() if word in _OF_WORD else word


def _draw_pit(axes: Any, target: str, pit: Mapping[str, Any]) -> None:
    colour, marker, side = _style(target)
    edges, density, err = (floats(pit[name]) for name in ("edges", "density", "density_err"))
    if not np.isfinite(edges).all():
        return  # nothing was measured
    axes.stairs(density, edges, color=colour, lw=1.5, ls="-" if side < 0 else "--", baseline=None)
    middle = 0.5 * (edges[1:] + edges[:-1]) + 0.12 * side * np.diff(edges)
    axes.errorbar(middle, density, err, fmt=marker, color=colour, ms=3, lw=1, mec="white", mew=0.4)


def _finish_pit(axes: Any, told: list[str]) -> None:
    axes.axhline(1, color="0.25", lw=1, ls=":")
    low, high = axes.get_ylim()
    axes.set(xlim=(0, 1), ylim=(max(0.0, min(low, 0.5)), max(high, 1.5)), xlabel="PIT: predicted CDF at the truth")
    axes.set_ylabel("density")
    axes.set_title("\n".join(["PIT: flat where errors are right", *told]), fontsize=8.5)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(alpha=0.25)


def _departure(target: str, pit: Mapping[str, Any]) -> str:
    far, chance = (number(pit[name], "{:.3f}") for name in ("departure", "departure_95"))
    return f"{_title(target)} departs by {far} (95 % by chance: {chance})"


def _draw_coverage(axes: Any, target: str, pit: Mapping[str, Any]) -> None:
    colour, marker, side = _style(target)
    nominal, coverage, err = (100 * floats(pit[name]) for name in ("nominal", "coverage", "coverage_err"))
    off = coverage - nominal
    axes.fill_between(nominal, off - err, off + err, color=colour, alpha=0.2, lw=0)
    axes.plot(nominal, off, "-" if side < 0 else "--", marker=marker, color=colour, lw=1.5, ms=4.5, mec="white",
              mew=0.5)  # fmt: skip


def _finish_coverage(axes: Any) -> None:
    axes.axhspan(-_ALLOWED_OVERALL, _ALLOWED_OVERALL, color="0.88", lw=0, zorder=0)
    axes.axhline(0, color="0.25", lw=1, ls=":")
    for level in COVERAGE_LEVELS:
        axes.axvline(100 * level, color="0.6", lw=0.8, zorder=0.5)
    reach = max(3.0, *(abs(end) for end in axes.get_ylim()))
    axes.set(xlim=(0, 100), ylim=(-reach, reach), xlabel="nominal probability of the interval [%]")
    axes.set_ylabel("coverage − nominal [% points]", labelpad=0)
    axes.set_title("Coverage: below 0 where errors are too small", fontsize=8.5)
    axes.grid(alpha=0.25)


def _draw_bins(axes: Any, target: str, binned: Mapping[str, Any]) -> None:
    colour, marker, side = _style(target)
    centre, edges = floats(binned["centre"]), floats(binned["edges"])
    # one target a little to the left, the other to the right, so that their error bars stand side by side
    x = centre + 0.08 * side * np.minimum(centre - edges[:-1], edges[1:] - centre)
    for name, face in (("coverage_68", colour), ("coverage_95", "white")):
        value, err = (100 * floats([one[name][part] for one in binned["bins"]]) for part in ("value", "err"))
        axes.errorbar(x, value, np.nan_to_num(err), fmt="none", ecolor=colour, elinewidth=1.3)
        full = face == colour
        axes.plot(x, value, "-" if side < 0 else "--", marker=marker, color=colour, mfc=face, ms=6, lw=1.3,
                  mec="white" if full else colour, mew=0.6 if full else 1.2)  # fmt: skip


def _finish_bins(axes: Any, name: str) -> None:
    for level in COVERAGE_LEVELS:
        axes.axhspan(100 * level - _ALLOWED_IN_BIN, min(100.0, 100 * level + _ALLOWED_IN_BIN), color="0.88", lw=0,
                     zorder=0)  # fmt: skip
        axes.axhline(100 * level, color="0.25", lw=1, ls=":")
    low, _ = axes.get_ylim()
    axes.set(ylim=(min(low, 55.0), 101.0), xlabel=BIN_LABELS.get(name, name))
    axes.set_ylabel("coverage [%]")
    wide = np.isfinite(axes.dataLim.minposx) and axes.dataLim.xmax > _LEAST_RATIO * axes.dataLim.xmin > 0
    if name in _LOGARITHMIC and wide:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.25)


def _legend(targets: list[str], block: Mapping[str, Any]) -> list[Any]:
    handles: list[Any] = []
    for target in targets:
        colour, marker, side = _style(target)
        overall = block[target]["overall"]
        held = {"68.27 %": overall["coverage_68"]["value"], "95.45 %": overall["coverage_95"]["value"]}
        told = ", ".join(f"{title} holds {number(None if value is None else 100 * value, '{:.1f}')} %"
                         for title, value in held.items())  # fmt: skip
        handles.append(
            Line2D([], [], color=colour, marker=marker, ls="-" if side < 0 else "--", label=f"{_title(target)}: {told}")
        )
    handles.append(Line2D([], [], color="0.3", marker="o", ls="", label="full: 68.27 % interval"))
    handles.append(Line2D([], [], color="0.3", marker="o", mfc="white", ls="", label="open: 95.45 % interval"))
    handles.append(Patch(color="0.88", label=f"within {_ALLOWED_OVERALL:g} (all), {_ALLOWED_IN_BIN:g} (bins) % points"))
    return handles
