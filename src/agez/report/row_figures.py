"""Figures of predictions: one row seen (SED, expectation, residuals, posterior), its corner plot, and many rows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from agez.arrays import check
from agez.engine.tally import tally
from agez.errors import AgezError
from agez.flags import FAULTS, MEANING, Flag, count_flags, has_flag
from agez.models.predict import expected_of
from agez.report.catalogue_picture import catalogue_picture
from agez.report.posterior_density import RowPosterior, levels
from agez.report.style import BLUE, QUANTITY, VERMILLION, Page, figure, margins, note, value_limits
from agez.targets import PAPER_TARGETS, Target
from agez.types import Floats, Prediction

#: Up to so many rows each is a point with its errors; more are counted in bins.
MOST_POINTS = 300
#: Targets of a corner plot, where none are named; quantities that are listed beside a row's SED.
MOST_CORNER, MOST_LISTED = 5, 14
#: Bands are named one by one up to so many; of more, the broad ones and the worst.
MOST_NAMED, BROAD_ANGSTROM = 24, 600.0
#: Residuals that are drawn, in sigma.
_SIGMAS = 5.0
_Path = str | os.PathLike[str]


def row_number(prediction: Prediction, row: int | str) -> int:
    """The number of a row that is given by its number, or its identifier.

    Raises
    ------
    AgezError
        If there is none, or several rows have the identifier.
    """
    n = len(prediction)
    check(n > 0, "this prediction has no rows")
    if isinstance(row, int | np.integer) and not isinstance(row, bool):
        check(-n <= row < n, f"row {row}: this prediction has {n} rows, numbered from 0 to {n - 1}")
        return int(row) % n
    if not isinstance(row, str):
        raise AgezError(f"row is {row!r}; expected the number of a row, or its identifier as text")
    (at,) = np.nonzero(prediction.rows.spec_id == row)
    some = ", ".join(prediction.rows.spec_id[:5].tolist()) + (", ..." if n > 5 else "")
    check(len(at) > 0, f"no row is called {row!r}; there are {some}")
    check(len(at) < 2, f"{len(at)} rows are called {row!r}; give the number of one: {', '.join(map(str, at[:5]))}")
    return int(at[0])


def figure_row(prediction: Prediction, row: int | str, path: _Path | None = None) -> Page:
    """See :meth:`agez.Prediction.show`."""
    one = prediction[row_number(prediction, row)]
    expected, expected_err = _expected(one)
    assert one.input is not None
    with figure(path, width=12.5, height=6.8) as page:
        grid = margins(page, left=0.75, right=4.95, bottom=0.6, top=0.85, hspace=0.06)
        sed, below = page.subplots(2, 1, sharex=True, height_ratios=(3, 1.15), gridspec_kw=grid)
        _sed(sed, one, expected, expected_err)
        _residuals(below, one, expected, expected_err)
        title = _title(one)
        size = 12 if len(title) < 110 else 12 * 110 / len(title)  # names of survey objects are long
        page.suptitle(title, x=0.06, ha="left", y=0.985, fontsize=size, parse_math=False)
        page.text(0.06, 0.935, _flag_words(one), ha="left", va="top", fontsize=9, wrap=False)
        names = _leading(one)
        if names:
            box = (8.45 / 12.5, 2.6 / 6.8, 3.9 / 12.5, 3.35 / 6.8)
            _corner(page, one, names, box)
        _numbers(page, one, at=(8.0 / 12.5, 1.95 / 6.8))
    return page


def figure_corner(
    prediction: Prediction, row: int | str, path: _Path | None = None, *, targets: Sequence[str] | None = None
) -> Page:
    """See :meth:`agez.Prediction.corner`."""
    one = prediction[row_number(prediction, row)]
    names = tuple([targets] if isinstance(targets, str) else targets or ())
    names = names or tuple(target.name for target in one.targets)[:MOST_CORNER]
    check(one.mixture is not None, "this prediction has no distribution to draw: its model gives none")
    RowPosterior(one, 0, names)  # says which name is none
    size = max(3.6, 1.75 * len(names) + 1.2)
    with figure(path, width=size, height=size) as page:
        title = _title(one)
        page.suptitle(title, y=0.99, fontsize=min(10.0, 72 * 0.95 * size / (0.55 * len(title))), parse_math=False)
        _corner(page, one, names, (0.85 / size, 0.7 / size, 1 - 1.05 / size, 1 - 1.35 / size))
    return page


def figure_rows(prediction: Prediction, path: _Path | None = None) -> Page:
    """See :meth:`agez.Prediction.plot`."""
    names = _leading(prediction)
    if len(names) < 2:
        told = ", ".join(names) or "none"
        raise AgezError(
            f"agez.Prediction.plot draws two quantities, and this prediction has {told}: name another in columns"
        )
    model = str(prediction.meta.get("model", ""))
    title = f"{len(prediction)} rows" + (f", model {model}" if model else "")
    if len(prediction) > MOST_POINTS and names == PAPER_TARGETS:
        z = np.full(len(prediction), np.nan) if prediction.input is None else prediction.input.photometry.redshift
        flags = count_flags(prediction.flags)
        return catalogue_picture(path, tally(prediction, z), flags, n_rows=len(prediction), title=title)
    (x, y), (x_err, y_err) = ([getattr(prediction, name + end) for name in names] for end in ("", "_err"))
    faulty = has_flag(prediction.flags, FAULTS)
    with figure(path, width=6.4, height=5.2) as page:
        axes = page.subplots(gridspec_kw=margins(page, left=0.8, right=0.2, bottom=0.6, top=0.5))
        for rows, colour, words in ((~faulty, BLUE, "good"), (faulty, "0.6", "flagged")):
            if (rows & np.isfinite(x)).any():
                many = len(prediction) > MOST_POINTS  # errors would cover all
                axes.errorbar(
                    x[rows], y[rows], None if many else y_err[rows], None if many else x_err[rows], fmt="o",
                    ms=1 if many else 4, color=colour, elinewidth=0.7, ecolor=(*to_rgb(colour), 0.35),
                    label=f"{words}: {int((rows & np.isfinite(x)).sum())}",
                )  # fmt: skip
        symbols = {target.name: target.symbol for target in prediction.targets}
        x_words, y_words = (QUANTITY.get(name) or symbols[name] or name for name in names)
        axes.set(
            xlabel=x_words, ylabel=y_words, title=title if len(prediction) > MOST_POINTS else f"{title}; errors 68 %"
        )
        if axes.has_data():
            axes.legend(loc="best")
        else:
            note(axes, "no row was answered")
    return page


def _expected(one: Prediction) -> tuple[Floats, Floats]:
    """What the model expects of the row's bands; NaN where a model predicts no SEDs, or nothing was answered."""
    check(
        one.input is not None,
        "this prediction does not know its photometry: it was read from a file; answer again: agez.predict(INPUT)",
    )
    assert one.input is not None
    try:
        flux, err = expected_of(one)
    except AgezError:
        if one.mixture is not None:
            raise
        nothing = np.full(len(one.input.photometry.bands), np.nan)  # of the paper's networks
        return nothing, nothing
    return flux[0], err[0]


def _sed(axes: Axes, one: Prediction, expected: Floats, expected_err: Floats) -> None:
    assert one.input is not None
    photometry = one.input.photometry
    bands, flux, error = photometry.bands, photometry.flux[0], photometry.flux_err[0]
    wave, width = np.array(bands.pivot_angstrom), np.array(bands.fwhm_angstrom)
    order = np.argsort(wave)
    known = order[np.isfinite(expected[order])]
    if len(known):
        label = "expected from the other bands, 68 %"
        axes.errorbar(
            wave[known], expected[known], expected_err[known], fmt="s", ms=6, mfc="none", color=VERMILLION, lw=1.2,
            capsize=0, zorder=3, label=label,
        )  # fmt: skip
    seen = np.isfinite(flux)
    narrow = len(bands) > MOST_NAMED
    axes.errorbar(
        wave[seen], flux[seen], np.nan_to_num(error[seen]), None if narrow else width[seen] / 2, fmt="o", ms=4,
        color="black", lw=1, zorder=4, label="measured",
    )  # fmt: skip
    told = seen & np.isfinite(error)
    width_of_error = float(np.median(error[told])) if told.any() else 0.0
    low, high = value_limits(np.concatenate([flux[seen], expected[known]]), width_of_error, keep=1.0)
    room = high - low
    axes.set_ylim(low - 0.08 * room, high + (0.33 if not narrow else 0.2) * room)
    axes.set_ylabel("$f_\\nu$ [$\\mu$Jy]")
    if low < 0:
        axes.axhline(0, color="0.7", lw=0.8, zorder=0)
    worst = _worst(one, flux, error, expected, expected_err)[0]
    for b, name in enumerate(bands.names):
        if narrow and width[b] < BROAD_ANGSTROM and b != worst:
            continue
        colour = VERMILLION if b == worst else "0.3" if seen[b] else "0.65"
        axes.text(
            wave[b], 0.985, name if seen[b] else f"{name} (none)", transform=axes.get_xaxis_transform(), rotation=90,
            ha="center", va="top", fontsize=8, color=colour, parse_math=False,
        )  # fmt: skip
    axes.set_xlim(wave.min() - width[wave.argmin()], wave.max() + width[wave.argmax()])
    axes.legend(loc="lower right")


def _worst(
    one: Prediction, flux: Floats, error: Floats, expected: Floats, expected_err: Floats
) -> tuple[int | None, float]:
    """The band that is furthest off, by what the answer says of it, else by the residuals; and by how many sigma."""
    residual = (flux - expected) / np.hypot(error, expected_err)
    name = "" if one.worst_band is None else str(one.worst_band[0])
    assert one.input is not None
    bands = one.input.photometry.bands
    if name and name in bands.names and one.worst_band_sigma is not None:
        return bands.names.index(name), float(one.worst_band_sigma[0])
    if not np.isfinite(residual).any():
        return None, np.nan
    b = int(np.nanargmax(np.abs(residual)))
    return b, float(residual[b])  # worst_band_sigma may be of another band, which nothing names


def _residuals(axes: Axes, one: Prediction, expected: Floats, expected_err: Floats) -> None:
    assert one.input is not None
    photometry = one.input.photometry
    flux, error = photometry.flux[0], photometry.flux_err[0]
    wave = np.array(photometry.bands.pivot_angstrom)
    residual = (flux - expected) / np.hypot(error, expected_err)
    axes.axhspan(-1, 1, color="0.92", lw=0, zorder=0)
    axes.axhline(0, color=VERMILLION, lw=1, zorder=1)
    for sign in (-3, 3):
        axes.axhline(sign, color="0.6", lw=0.7, ls=":", zorder=1)
    drawn = np.clip(residual, -_SIGMAS, _SIGMAS)
    inside = np.abs(residual) <= _SIGMAS
    axes.plot(wave[inside], residual[inside], "o", ms=4, color="black", zorder=3)
    for sign, marker in ((1, "^"), (-1, "v")):
        beyond = ~inside & (np.sign(residual) == sign)
        axes.plot(wave[beyond], 0.93 * drawn[beyond], marker, ms=6, color=VERMILLION, zorder=3)
    worst, sigma = _worst(one, flux, error, expected, expected_err)
    if worst is not None:
        words = f"worst band: {photometry.bands.names[worst]} {sigma:+.1f} $\\sigma$"
        out = one.worst_band is not None and str(one.worst_band[0]) != ""
        note(axes, words + (", left out of the answer" if out else ""), where="lower right")
    else:
        note(axes, "this model expects no fluxes", where="lower right")
    axes.set_ylim(-_SIGMAS, _SIGMAS)
    axes.set_ylabel("residual [$\\sigma$]")
    axes.set_xlabel("observed wavelength [$\\mathrm{\\AA}$]")


def _leading(prediction: Prediction) -> tuple[str, ...]:
    """The two quantities that are drawn: age and [M/H], or else the first of a model of other labels."""
    names = [target.name for target in prediction.targets]
    known = [name for name in PAPER_TARGETS if name in names]
    return tuple([*known, *(name for name in names if name not in known)][:2])


def _title(one: Prediction) -> str:
    name = f"{one.rows.galaxy_id[0]} {one.rows.spec_id[0]}".strip()
    parts = [name or "row"]
    if one.input is not None:
        z, error = float(one.input.photometry.redshift[0]), float(one.input.photometry.redshift_err[0])
        parts.append("redshift unknown" if np.isnan(z) else f"z = {z:.4f}" + (f" ± {error:.4f}" if error > 0 else ""))
    if one.meta.get("model"):
        parts.append(f"model {one.meta['model']}")
    if one.chi2 is not None and np.isfinite(one.chi2[0]):
        parts.append(f"reduced chi2 {one.chi2[0]:.2f}")
    if np.isfinite(one.ood[0]):
        parts.append(f"unlike the training set {one.ood[0]:.2f} (flagged above {one.meta.get('ood_threshold', 1):g})")
    return ", ".join(parts)


def _flag_words(one: Prediction) -> str:
    """Flags with the beginning of their meaning, at most two lines."""
    names = [flag for flag in Flag if int(one.flags[0]) & int(flag)]
    if not names:
        return "no flag"
    words = [f"{flag.name}: {MEANING[flag].split(';')[0].split(' (')[0].split(':')[0]}" for flag in names]
    more = f"   and {len(words) - 2} more" if len(words) > 2 else ""
    return "\n".join(one if len(one) < 115 else one[:112] + "..." for one in words[:2]) + more


def _interval(one: Prediction, target: Target, *, symbol: bool = True) -> str:
    """``log age = 9.53 ± 0.12``: the numbers of the table's columns NAME and NAME_err."""
    value, error = float(getattr(one, target.name)[0]), float(getattr(one, f"{target.name}_err")[0])
    digits = 2 if abs(value) < 1000 else 0
    if np.isfinite(error) and 0 < error < 0.02:
        digits = 4
    text = f"{value:.{digits}f} $\\pm$ {error:.{digits}f}" if np.isfinite(value) else "no answer"
    return f"{target.symbol_alone} = {text}" if symbol else text


def _numbers(page: Any, one: Prediction, *, at: tuple[float, float]) -> None:
    """Age and [M/H] with their 68 % intervals, then the other quantities in two columns."""
    targets = {target.name: target for target in one.targets}
    lines = []
    names = _leading(one)
    for name in names:
        low, high = (float(getattr(one, f"{name}_{end}")[0]) for end in ("p16", "p84"))
        lines.append(f"{_interval(one, targets[name])}   (68 %: {low:.2f} to {high:.2f})")
    page.text(*at, "\n".join(lines), va="top", fontsize=10)
    others = [target for name, target in targets.items() if name not in names]
    shown = [_interval(one, target) for target in others[:MOST_LISTED]]
    if len(others) > MOST_LISTED:
        shown.append(f"and {len(others) - MOST_LISTED} more")
    half = -(-len(shown) // 2)
    y = at[1] - 0.075
    for column, some in enumerate((shown[:half], shown[half:])):
        page.text(at[0] + 0.178 * column, y, "\n".join(some), va="top", fontsize=8.5, linespacing=1.35)


def _corner(page: Any, one: Prediction, names: tuple[str, ...], box: tuple[float, float, float, float]) -> None:
    """A triangle of panels in ``box`` (left, bottom, width, height in parts of the page)."""
    targets = {target.name: target for target in one.targets}
    d = len(names)
    grid = page.add_gridspec(
        d, d, left=box[0], bottom=box[1], right=box[0] + box[2], top=box[1] + box[3], wspace=0.07, hspace=0.07
    )
    posterior = None if one.mixture is None else RowPosterior(one, 0, names)
    if not np.isfinite(getattr(one, names[0])[0]) or (posterior is not None and not posterior.known):
        note(page.add_subplot(grid[:, :]), "this row has no answer")
        return
    for i, name in enumerate(names):
        axes = page.add_subplot(grid[i, i])
        limits = _limits(one, name, posterior, i)
        _marginal(axes, one, targets[name], posterior, i)
        _label(axes, targets[name], None, last=i == d - 1, first=False)
        axes.set(xlim=limits, yticks=[])
        axes.set_title(_interval(one, targets[name], symbol=d > 2), fontsize=9)
        for j in range(i):
            pair = page.add_subplot(grid[i, j])
            _pair(pair, one, names, posterior, j, i)
            _label(pair, targets[names[j]], targets[name], last=i == d - 1, first=j == 0)
            pair.set(xlim=_limits(one, names[j], posterior, j), ylim=limits)


def _label(axes: Axes, x: Target, y: Target | None, *, last: bool, first: bool) -> None:
    axes.tick_params(labelsize=8, labelbottom=last, labelleft=first and y is not None)
    for target, axis, set_scale in ((x, axes.xaxis, axes.set_xscale), (y, axes.yaxis, axes.set_yscale)):
        if target is not None and target.scale == "arcsinh":
            set_scale("asinh", linear_width=1.0)
            axis.set_major_locator(FixedLocator([-100, -10, -1, 0, 1, 10, 100, 1000]))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_locator(NullLocator())
        elif target is not None:
            axis.set_major_locator(MaxNLocator(4))
    if last:
        axes.set_xlabel(x.symbol, fontsize=9)
    if first and y is not None:
        axes.set_ylabel(y.symbol, fontsize=9)


def _limits(one: Prediction, name: str, posterior: RowPosterior | None, i: int) -> tuple[float, float]:
    """Where all but a thousandth of the probability is on either side."""
    if posterior is None:
        value, error = float(getattr(one, name)[0]), float(getattr(one, f"{name}_err")[0])
        return value - 3.5 * max(error, 1e-3), value + 3.5 * max(error, 1e-3)
    x, density = posterior.marginal(i)
    mass = np.cumsum(density)  # the points are even in what the density is of
    low, high = np.interp([0.001 * mass[-1], 0.999 * mass[-1]], mass, x)
    return float(low), float(max(high, low + 1e-6))


def _marginal(axes: Axes, one: Prediction, target: Target, posterior: RowPosterior | None, i: int) -> None:
    """Density with the 68 % interval of the table shaded and its mean as a line."""
    low, high, mean = (float(getattr(one, target.name + end)[0]) for end in ("_p16", "_p84", ""))
    if posterior is None:  # the paper's networks: a Gaussian of the error
        error = max(float(getattr(one, f"{target.name}_err")[0]), 1e-6)
        x: Floats = np.linspace(mean - 4 * error, mean + 4 * error, 200)
        density: Floats = np.exp(-0.5 * ((x - mean) / error) ** 2)
    else:
        x, density = posterior.marginal(i)
    axes.plot(x, density, color=BLUE, lw=1.4)
    axes.fill_between(x, 0, density, where=((x >= low) & (x <= high)).tolist(), color=BLUE, alpha=0.25, lw=0)
    axes.axvline(mean, color=VERMILLION, lw=1.2)
    axes.set_ylim(0, 1.12 * float(density.max()))


def _pair(axes: Axes, one: Prediction, names: Sequence[str], posterior: RowPosterior | None, j: int, i: int) -> None:
    """Contours of 39 and 86 % of two targets: 1 and 2 sigma."""
    x_mean, y_mean = (float(getattr(one, names[k])[0]) for k in (j, i))
    if posterior is None:
        x_err, y_err = (float(getattr(one, f"{names[k]}_err")[0]) for k in (j, i))
        axes.errorbar([x_mean], [y_mean], [y_err], [x_err], fmt="o", ms=4, color=BLUE)
    else:
        x, y, probability = posterior.joint(j, i)
        outer, inner = levels(probability)
        top = float(probability.max())
        axes.contourf(x, y, probability, [outer, inner, 1.001 * top], colors=[BLUE], alpha=0.25)
        axes.contour(x, y, probability, [outer, inner], colors=BLUE, linewidths=1.0)
    axes.plot([x_mean], [y_mean], "+", color=VERMILLION, ms=9, mew=1.5)
