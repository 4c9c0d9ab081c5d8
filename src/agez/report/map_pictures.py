"""Pictures of a galaxy's maps: colours, ages, metallicities, their errors, what is flagged, and radial profiles."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from agez.errors import counted
from agez.flags import FAULTS, has_flag
from agez.mapping.map_files import profile_table, ring_unit
from agez.mapping.map_galaxy import GalaxyMaps
from agez.report.map_panels import (
    SkyWindow,
    bar_room,
    compass,
    draw_image,
    draw_psf,
    map_panel,
    panel_axes,
)
from agez.report.style import (
    BLUE,
    MOST_POINTS,
    QUANTITY,
    VERMILLION,
    draw_band,
    figure,
    margins,
    roomy_ticks,
    value_limits,
    wrapped,
)
from agez.runtime.files import make_folder
from agez.targets import KNOWN_TARGETS, PAPER_TARGETS

#: Colour map of errors; as those of the targets, it is even in lightness, for all eyes.
ERROR_COLOURS = "magma"
#: Room for the page's panels [inch], between them, and around them: left, right, bottom, top.
_WIDEST, _HIGHEST, _GAP = 11.0, 8.5, 0.36
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.8, 0.25, 0.6, 0.6
#: Panels by rows and columns, in each of the layouts; and the narrowest panel under which words fit [inch].
_LAYOUTS = (
    (("light", "log_age_lw", "log_age_lw_err"), ("ood", "mh_lw", "mh_lw_err")),
    (("light", "ood"), ("log_age_lw", "log_age_lw_err"), ("mh_lw", "mh_lw_err")),
    (("light", "log_age_lw", "log_age_lw_err", "mh_lw", "mh_lw_err", "ood"),),
)  # fmt: skip
_NARROWEST = 1.25


def draw_maps(maps: GalaxyMaps, folder: str | os.PathLike[str]) -> list[Path]:
    """Draw ``NAME_maps.png`` and ``NAME_profiles.png``; the paths."""
    folder = make_folder(folder)
    name = re.sub(r"[^\w.+-]", "_", str(maps.meta["galaxy"])) or "galaxy"
    return [_maps(folder / f"{name}_maps.png", maps), _profiles(folder / f"{name}_profiles.png", maps)]


def _layout(aspect: float) -> tuple[tuple[tuple[str, ...], ...], float]:
    """The layout whose panels, of height over width ``aspect``, are the largest; and their width [inch]."""

    def width(rows: tuple[tuple[str, ...], ...]) -> float:
        across, down = len(rows[0]), len(rows)
        beside = (_WIDEST - _LEFT - _RIGHT - (across - 1) * _GAP) / across
        fits = [min(beside, ((_HIGHEST - _TOP - _BOTTOM) / down - bar_room(one)) / aspect) for one in (_WIDEST, 0.0)]
        return max(fits[0] if bar_room(fits[0]) == bar_room(_WIDEST) else fits[1], _NARROWEST)

    best = max(_LAYOUTS, key=width)
    return best, width(best)


def _maps(path: Path, maps: GalaxyMaps) -> Path:
    window = SkyWindow.around(maps.frame.bin_id >= 0, maps.frame.offsets)
    layout, across = _layout(window.aspect)
    up, room = across * window.aspect, bar_room(across)
    width = _LEFT + _RIGHT + len(layout[0]) * (across + _GAP) - _GAP
    height = _TOP + _BOTTOM + len(layout) * (up + room)
    re_arcsec = ring_unit(maps)
    ellipse = window.ellipse(re_arcsec, maps.meta["tilt_deg"])
    with figure(path, width=width, height=height) as page:
        for row, names in enumerate(layout):
            for column, name in enumerate(names):
                left = _LEFT + column * (across + _GAP)
                axes = panel_axes(page, left, height - _TOP - (row + 1) * (up + room), across, window)
                _panel(axes, name, maps, window)
                if ellipse is not None:
                    axes.plot(*ellipse, color="white", lw=2.2, alpha=0.7, zorder=3)
                    axes.plot(*ellipse, color="black", lw=1.0, ls="--", zorder=3)
                axes.tick_params(labelbottom=row == len(layout) - 1, labelleft=column == 0)
                if row == len(layout) - 1:
                    axes.set_xlabel(window.labels[0])
                if column == 0:
                    axes.set_ylabel(window.labels[1])
        _words(page, maps, re_arcsec if ellipse is not None else None, _psf_arcsec(maps, window))
    return path


def _words(page: Any, maps: GalaxyMaps, re_arcsec: float | None, psf: float | None) -> None:
    """The title, and below it what is drawn over the maps."""
    width, height = page.get_size_inches()
    name = str(maps.meta["galaxy"]) or "galaxy"
    name = name if len(name) <= 60 else f"{name[:59]}\N{HORIZONTAL ELLIPSIS}"
    title = [name, f"z = {maps.meta['redshift']:.4f}", counted(len(maps.prediction), "region")]
    title.append(f"model {maps.meta['model']}")
    said = ", ".join(title)
    size = min(12.0, 72 * 0.95 * width / (0.6 * len(said)))
    page.text(0.5, 1 - 0.1 / height, said, ha="center", va="top", fontsize=size, parse_math=False)
    flagged = int(has_flag(maps.prediction.flags, FAULTS).sum())
    drawn = [
        None if re_arcsec is None else f'dashed ellipse: effective radius {re_arcsec:.3g}"',
        None if psf is None else f'white disc: PSF, FWHM {psf:.2g}"',
        f"hatched: flagged, {flagged} of {counted(len(maps.prediction), 'region')}" if flagged else None,
    ]
    words = ";  ".join(one for one in drawn if one is not None)
    page.text(0.5, 1 - 0.34 / height, words, ha="center", va="top", fontsize=9, color="0.3", parse_math=False)


def _panel(axes: Any, name: str, maps: GalaxyMaps, window: SkyWindow) -> None:
    frame, prediction = maps.frame, maps.prediction
    target = name.removesuffix("_err")
    if name == "light":
        _light(axes, maps, window)
    elif name == "ood":
        _unlike(axes, maps, window)
    elif name == target:
        value = getattr(prediction, target)
        low, high = value_limits(value, getattr(prediction, f"{target}_err"))
        colours = KNOWN_TARGETS[target].colour_map
        map_panel(axes, frame.painted(value), window, QUANTITY[target], colours, low=low, high=high)
    else:
        label = f"error of {KNOWN_TARGETS[target].symbol_alone} [dex]"
        map_panel(axes, frame.painted(getattr(prediction, name)), window, label, ERROR_COLOURS, low=0.0)


def _light(axes: Any, maps: GalaxyMaps, window: SkyWindow) -> None:
    """The galaxy in colours; without them its signal-to-noise ratio."""
    frame = maps.frame
    if frame.colour is None:
        snr = np.full(frame.bin_id.shape, np.nan) if frame.snr is None else np.asarray(frame.snr, float)
        map_panel(axes, snr, window, f"S/N of a spaxel {frame.snr_of}", "gray_r", low=0.0)
    else:
        draw_image(axes, np.moveaxis(np.asarray(frame.colour), 0, -1), window)
        width = axes.get_position().width * axes.figure.get_figwidth()
        axes.set_title(wrapped(f"{', '.join(frame.colour_of)} as R, G, B", width, 9.0), fontsize=9)
    compass(axes, window)
    if (psf := _psf_arcsec(maps, window)) is not None:
        draw_psf(axes, window, psf)


def _psf_arcsec(maps: GalaxyMaps, window: SkyWindow) -> float | None:
    """The PSF's FWHM, where it is known and the axes are in arcsec."""
    return None if window.from_sky is None else maps.meta.get("psf_fwhm_arcsec")


def _unlike(axes: Any, maps: GalaxyMaps, window: SkyWindow) -> None:
    ood = maps.frame.painted(maps.prediction.ood)
    threshold = float(maps.prediction.meta.get("ood_threshold", 1.0))
    label = f"unlike training (flagged above {threshold:g})"
    known = ood[np.isfinite(ood)]
    top = max(2.0 * threshold, float(np.quantile(known, 0.98)) if known.size else 1.0)
    map_panel(axes, ood, window, label, "Purples", low=0.0, high=top)
    flagged = maps.frame.painted(has_flag(maps.prediction.flags, FAULTS).astype(float))[window.rows, window.columns]
    if np.nanmax(flagged, initial=0) > 0:
        # regions to be used with care are hatched; a pixel more on each side closes those at an edge
        x, y = (
            low + (np.arange(-1, n + 1) + 0.5) / n * (high - low)
            for n, (low, high) in zip(flagged.shape[::-1], (window.extent[:2], window.extent[2:]), strict=True)
        )
        padded = np.pad(np.nan_to_num(flagged), 1)
        with matplotlib.rc_context({"hatch.color": VERMILLION, "hatch.linewidth": 0.6}):
            axes.contourf(x, y, padded, levels=[0.5, 1.5], colors="none", hatches=["///"])


def with_room(axes: Any, limits: tuple[float, float]) -> None:
    """The y axis as wide as it is drawn, and at least these limits; above is room for the legend."""
    low, high = axes.get_ylim()
    low, high = min(low, limits[0]), max(high, limits[1])
    axes.set_ylim(low, high + 0.3 * (high - low))


def _profiles(path: Path, maps: GalaxyMaps) -> Path:
    table = profile_table(maps)
    radius, words, unit = maps.radius_arcsec, "radius [arcsec]", "radius_arcsec"
    if maps.gradients is not None:
        radius, words, unit = maps.r_re, "radius [$R_e$]", "r_re"
    middle = (np.asarray(table[f"{unit}_inner"]) + np.asarray(table[f"{unit}_outer"])) / 2
    gradients = {} if maps.gradients is None else {one["quantity"]: one for one in maps.gradients.to_json()}
    good = ~has_flag(maps.prediction.flags, FAULTS)
    with figure(path, width=9.5, height=4.0) as page:
        grid = margins(page, left=0.75, right=0.15, bottom=0.6, top=0.45, wspace=0.24)
        for axes, target in zip(page.subplots(1, 2, gridspec_kw=grid), PAPER_TARGETS, strict=True):
            value, err = getattr(maps.prediction, target), getattr(maps.prediction, f"{target}_err")
            known = good & np.isfinite(radius) & np.isfinite(value)
            if known.sum() > MOST_POINTS:
                draw_band(axes, radius[known], value[known], things="regions")
            else:
                each = {"fmt": "o", "ms": 3, "color": "0.65", "elinewidth": 0.5, "zorder": 1}
                label = f"{counted(int(known.sum()), 'region')}, 68 %"
                axes.errorbar(radius[known], value[known], err[known], label=label, **each)
            rings = {"fmt": "s", "ms": 5, "color": BLUE, "capsize": 3, "zorder": 3, "label": "medians of rings, 68 %"}
            axes.errorbar(middle, table[target], table[f"{target}_err"], **rings)
            one = gradients.get(target, {})
            if one.get("slope") is not None:
                line = np.array([0.0, 1.0])
                told = f"{one['slope']:+.3f} $\\pm$ {one['slope_err']:.3f} dex / $R_e$"
                axes.plot(line, one["intercept"] + one["slope"] * line, color=VERMILLION, lw=2, zorder=4, label=told)
            reach = np.concatenate([radius, np.asarray(table[f"{unit}_outer"])])
            axes.set_xlim(0.0, 1.02 * float(np.max(reach, initial=0.0, where=np.isfinite(reach))) or 1.0)
            roomy_ticks(axes)
            axes.set_xlabel(words)
            axes.set_ylabel(QUANTITY[target])
            with_room(axes, value_limits(value[good], err[good], keep=1.0))
            axes.legend(loc="upper right")
        page.suptitle(str(maps.meta["galaxy"]) or "galaxy", y=0.98, fontsize=11, parse_math=False)
    return path
