"""Pictures of a galaxy's maps: colours, ages, metallicities, their errors, what is flagged, and radial profiles."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from agez.flags import FAULTS, has_flag
from agez.images.colour_picture import colour_image, three_bands
from agez.mapping.map_files import profile_table
from agez.mapping.map_galaxy import GalaxyMaps
from agez.report.style import BLUE, QUANTITY, VERMILLION, figure, margins, note, value_limits
from agez.runtime.files import make_folder
from agez.targets import KNOWN_TARGETS, PAPER_TARGETS
from agez.types import Floats

if TYPE_CHECKING:
    from agez.images.image_set import ImageSet

#: Colour map of errors; as those of the targets, it is even in lightness, for all eyes.
ERROR_COLOURS = "magma"
_UNUSED = "0.85"


def draw_maps(maps: GalaxyMaps, folder: str | os.PathLike[str], *, images: ImageSet | None = None) -> list[Path]:
    """Draw ``NAME_maps.png`` and ``NAME_profiles.png``; the paths.

    Parameters
    ----------
    images : ImageSet, optional
        For the colour image; without them the first panel has the signal-to-noise ratio.
    """
    folder = make_folder(folder)
    name = re.sub(r"[^\w.+-]", "_", str(maps.meta["galaxy"])) or "galaxy"
    return [_maps(folder / f"{name}_maps.png", maps, images), _profiles(folder / f"{name}_profiles.png", maps)]


def _maps(path: Path, maps: GalaxyMaps, images: ImageSet | None) -> Path:
    frame, prediction = maps.frame, maps.prediction
    window = window_of(frame.bin_id >= 0)
    extent, (x_words, y_words) = axes_of(frame.offsets, window)
    with figure(path, width=11.0, height=7.4) as page:
        grid = margins(page, left=0.75, right=0.35, bottom=0.65, top=0.75, wspace=0.34, hspace=0.28)
        panels = page.subplots(2, 3, gridspec_kw=grid, squeeze=False)
        title = [str(maps.meta["galaxy"]) or "galaxy", f"z = {maps.meta['redshift']:.4f}"]
        title += [f"{len(prediction)} regions", f"model {maps.meta['model']}"]
        page.suptitle(", ".join(title), y=0.985, fontsize=12, parse_math=False)  # a name may have a $
        _first_panel(page, panels[0, 0], maps, images, window, extent)
        for row, target in enumerate(PAPER_TARGETS):
            value, err = getattr(prediction, target), getattr(prediction, f"{target}_err")
            low, high = value_limits(value, err)
            colours = KNOWN_TARGETS[target].colour_map
            shown = frame.painted(value)[window]
            map_panel(page, panels[row, 1], shown, extent, QUANTITY[target], colours, low=low, high=high)
            label = "error of " + QUANTITY[target].replace(" [log$_{10}$ yr]", " [dex]")
            map_panel(page, panels[row, 2], frame.painted(err)[window], extent, label, ERROR_COLOURS, low=0.0)
        _unlike(page, panels[1, 0], maps, window, extent)
        for axes in panels[1]:
            axes.set_xlabel(x_words)
        for axes in panels[:, 0]:
            axes.set_ylabel(y_words)
        _compass(panels[0, 0], extent, frame.offsets)
    return path


def _first_panel(page: Any, axes: Any, maps: GalaxyMaps, images: ImageSet | None, window: Any, extent: Any) -> None:
    if images is None:
        snr = maps.frame.snr
        shown = np.full(maps.frame.bin_id.shape, np.nan) if snr is None else np.asarray(snr, float)
        map_panel(page, axes, shown[window], extent, f"S/N of a spaxel {maps.frame.snr_of}", "gray_r", low=0.0)
        return
    blue, green, red = three_bands(images)
    axes.imshow(
        colour_image(images, (red, green, blue))[window], origin="lower", extent=extent, interpolation="nearest"
    )
    red_name, green_name, blue_name = (images.bands.names[b] for b in (red, green, blue))
    axes.set_title(f"{red_name}, {green_name}, {blue_name} as R, G, B", fontsize=9)


def _unlike(page: Any, axes: Any, maps: GalaxyMaps, window: Any, extent: Any) -> None:
    ood = maps.frame.painted(maps.prediction.ood)[window]
    threshold = float(maps.prediction.meta.get("ood_threshold", 1.0))
    label = f"unlike the training set (flagged above {threshold:g})"
    map_panel(page, axes, ood, extent, label, "Purples", low=0.0, high=max(2.0 * threshold, _top(ood)))
    flagged = maps.frame.painted(has_flag(maps.prediction.flags, FAULTS).astype(float))[window]
    if np.nanmax(flagged, initial=0) > 0:
        # regions to be used with care are hatched
        ny, nx = flagged.shape
        x = extent[0] + (np.arange(nx) + 0.5) / nx * (extent[1] - extent[0])
        y = extent[2] + (np.arange(ny) + 0.5) / ny * (extent[3] - extent[2])
        with matplotlib.rc_context({"hatch.color": VERMILLION, "hatch.linewidth": 0.6}):
            axes.contourf(x, y, np.nan_to_num(flagged), levels=[0.5, 1.5], colors="none", hatches=["///"])
        share = float(has_flag(maps.prediction.flags, FAULTS).mean())
        note(axes, f"hatched: flagged, {100 * share:.0f} % of regions", where="lower left")


def _top(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.quantile(known, 0.98)) if known.size else 1.0


def map_panel(
    page: Any, axes: Any, image: Floats, extent: Any, label: str, colours: str, *, low: float | None = None,
    high: float | None = None,
) -> None:  # fmt: skip
    """An image with its colour bar; grey where there is none."""
    known = image[np.isfinite(image)]
    bottom, top = np.quantile(known, [0.02, 0.98]) if known.size else (0.0, 1.0)
    bottom, top = (bottom if low is None else low), (top if high is None else high)
    top = top if top > bottom else bottom + max(0.1 * abs(bottom), 1e-3)
    axes.set_facecolor(_UNUSED)
    shown = axes.imshow(
        image, origin="lower", extent=extent, norm=Normalize(bottom, top), cmap=colours, interpolation="nearest"
    )
    beyond = {(True, True): "both", (True, False): "min", (False, True): "max"}
    outside = bool((known < bottom).any()), bool((known > top).any())
    bar = page.colorbar(
        shown, ax=axes, location="top", pad=0.02, fraction=0.055, aspect=28, extend=beyond.get(outside, "neither")
    )
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.ax.xaxis.set_major_locator(MaxNLocator(5))


def window_of(used: Any) -> tuple[slice, slice]:
    """The part of the image that is used, and a margin of a tenth."""
    y, x = np.nonzero(used)
    out = []
    for at, n in ((y, used.shape[0]), (x, used.shape[1])):
        pad = max(2, round(0.08 * (at.max() - at.min() + 1)))
        out.append(slice(max(0, int(at.min()) - pad), min(n, int(at.max()) + pad + 1)))
    return out[0], out[1]


def axes_of(offsets: Floats | None, window: tuple[slice, slice]) -> tuple[Any, tuple[str, str]]:
    """Left, right, bottom, top of the window, and what the axes are.

    Offsets to the east and to the north [arcsec] where the image's axes are those; else arcsec along the image's axes.
    """
    left, right, bottom, top = (
        window[1].start - 0.5, window[1].stop - 0.5, window[0].start - 0.5, window[0].stop - 0.5,
    )  # fmt: skip
    if offsets is None:
        return (left, right, bottom, top), ("x [pixel]", "y [pixel]")
    east, north = -offsets[0], offsets[1]
    y0, x0 = np.unravel_index(int(np.argmin(np.hypot(east, north))), east.shape)
    (east_x, east_y), (north_x, north_y) = _direction(east), _direction(north)
    scale = float(np.hypot(north_x, north_y))
    words = "along x [arcsec]", "along y [arcsec]"
    across, up = scale, scale
    if max(abs(east_y), abs(north_x)) < 0.05 * scale:
        words = "offset to the east [arcsec]", "offset to the north [arcsec]"
        across, up = east_x, north_y
    x_0, y_0 = x0 + east[y0, x0] / -across, y0 - north[y0, x0] / up
    if words[0].startswith("along"):
        x_0, y_0 = float(x0), float(y0)
    return ((left - x_0) * across, (right - x_0) * across, (bottom - y_0) * up, (top - y_0) * up), words


def _direction(offset: Floats) -> tuple[float, float]:
    """Mean change of an offset [arcsec] from one pixel to the next, along x and along y."""
    ny, nx = offset.shape
    along_x = np.mean(offset[:, -1] - offset[:, 0]) / max(nx - 1, 1)
    along_y = np.mean(offset[-1] - offset[0]) / max(ny - 1, 1)
    return float(along_x), float(along_y)


def _compass(axes: Any, extent: Any, offsets: Floats | None) -> None:
    """Arrows to the north and to the east, and a bar of round length."""
    if offsets is None:
        return
    edge = [withStroke(linewidth=3, foreground="black")]
    for name, offset in (("N", offsets[1]), ("E", -offsets[0])):
        step = np.array(_direction(offset))
        step *= 0.1 / max(float(np.hypot(*step)), 1e-9)
        start = np.array([0.86, 0.80])
        arrow = {"arrowstyle": "-|>", "color": "white", "lw": 1.5, "path_effects": edge}
        axes.annotate("", start + step, start, xycoords="axes fraction", textcoords="axes fraction", arrowprops=arrow)
        at = start + 1.35 * step
        axes.text(*at, name, transform=axes.transAxes, color="white", ha="center", va="center", path_effects=edge)
    width = abs(extent[1] - extent[0])
    length = max(step for step in (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300) if step <= max(width / 4, 0.5))
    begin = 0.06
    axes.plot(
        [begin, begin + length / width], [0.07, 0.07], color="white", lw=2.5, solid_capstyle="butt",
        transform=axes.transAxes, path_effects=[withStroke(linewidth=5, foreground="black")],
    )  # fmt: skip
    axes.text(
        begin + length / width / 2, 0.095, f'{length:g}"', ha="center", va="bottom", color="white",
        transform=axes.transAxes, path_effects=edge,
    )  # fmt: skip


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
            each = {"fmt": "o", "ms": 3, "color": "0.65", "elinewidth": 0.5, "zorder": 1, "label": "regions, 68 %"}
            axes.errorbar(radius[good], value[good], err[good], **each)
            rings = {"fmt": "s", "ms": 5, "color": BLUE, "capsize": 3, "zorder": 3, "label": "medians of rings, 68 %"}
            axes.errorbar(middle, table[target], table[f"{target}_err"], **rings)
            one = gradients.get(target, {})
            if one.get("slope") is not None:
                line = np.array([0.0, 1.0])
                told = f"{one['slope']:+.3f} $\\pm$ {one['slope_err']:.3f} dex / $R_e$"
                axes.plot(line, one["intercept"] + one["slope"] * line, color=VERMILLION, lw=2, zorder=4, label=told)
            axes.set_xlabel(words)
            axes.set_ylabel(QUANTITY[target])
            with_room(axes, value_limits(value[good], err[good], keep=1.0))
            axes.legend(loc="upper right")
        page.suptitle(str(maps.meta["galaxy"]) or "galaxy", y=0.98, fontsize=11, parse_math=False)
    return path
