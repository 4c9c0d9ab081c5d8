"""A figure of one spectral fit: data, model, stars and gas, residuals, and what was left out."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from agez.errors import AgezError
from agez.label_types import Labels
from agez.report.style import BLUE, GREEN, VERMILLION, figure, margins, note, value_limits
from agez.types import Bools, Floats

_SIGMAS = 5.0
_LEFT_OUT = "0.88"


def figure_fit(path: str | os.PathLike[str], labels: Labels, row: int = 0) -> Path:
    """Draw the fit of one row.

    Above: the observed spectrum (grey), the model (vermillion), its stars (blue), its gas (green, on its own zero).
    Below: residuals over their errors.  Shaded: pixels that the fit did not use.

    Parameters
    ----------
    path
        PNG to write.
    labels : Labels
        With ``fitted`` (``fit_labels(..., keep_fits=True)``).

    Raises
    ------
    AgezError
        If the labels do not hold their fitted spectra.
    """
    if labels.fitted is None:
        raise AgezError("these labels hold no fitted spectra; make them with keep_fits (agez label --keep-fits)")
    fitted = labels.fitted
    wave, used = fitted.wave_angstrom, fitted.used[row]
    flux, error = fitted.flux[row].astype(float), fitted.flux_err[row].astype(float)
    stars, gas = fitted.stars[row].astype(float), fitted.gas[row].astype(float)
    known = np.isfinite(flux) & (np.isfinite(error) & (error > 0))
    model = stars + gas
    with np.errstate(invalid="ignore", divide="ignore"):
        residual = np.where(known, (flux - model) / error, np.nan)

    with figure(path, width=10, height=5.8) as page:
        main, below = page.subplots(
            2,
            1,
            sharex=True,
            height_ratios=(3, 1),
            gridspec_kw=margins(page, left=0.8, right=0.15, bottom=0.6, top=0.62, hspace=0.06),
        )
        for axes in (main, below):
            for low, high in _stretches(wave, ~used):
                axes.axvspan(low, high, color=_LEFT_OUT, lw=0, zorder=0)
        main.step(wave, np.where(known, flux, np.nan), where="mid", color="0.45", lw=0.9, label="observed", zorder=2)
        if np.isfinite(model).any():
            main.plot(wave, model, color=VERMILLION, lw=1.1, label="model: stars + gas", zorder=4)
            main.plot(wave, stars, color=BLUE, lw=1.1, ls="--", label="stars", zorder=3)
        low, high = _limits(np.where(used, flux, np.nan), stars, np.where(used, model, np.nan))
        by_errors = value_limits(flux[used & known], error[used & known]) if (used & known).any() else (low, high)
        low, high = min(low, by_errors[0]), max(high, by_errors[1])
        base = low - 0.1 * (high - low)
        if np.isfinite(gas).any():
            main.plot(wave, base + gas, color=GREEN, lw=1.1, label="gas (shifted down)", zorder=3)
        main.set_ylim(base - 0.08 * (high - low), high + 0.22 * (high - low))
        main.set_xlim(wave[0], wave[-1])
        main.set_ylabel("$f_\\lambda$ / median of the spectrum")
        main.set_title(f"{title_of(labels, row)}\n{_numbers(labels, row)}")
        shade = main.fill_between([], [], [], color=_LEFT_OUT, label="not used")
        shade.set_linewidth(0)
        main.legend(loc="upper right", ncols=5)

        below.axhline(0, color=VERMILLION, lw=1)
        for sign in (-1, 1):
            below.axhline(sign, color="0.6", lw=0.7, ls=":")
        below.plot(wave[used], residual[used], ".", ms=2.5, color="0.25")
        below.plot(wave[~used], residual[~used], ".", ms=2.0, color="0.65")
        below.set_ylim(-_SIGMAS, _SIGMAS)
        _say_outside(below, residual[used])
        below.set_ylabel("residual\n[$\\sigma$]")
        below.set_xlabel("rest-frame wavelength [$\\mathrm{\\AA}$]")
    return Path(path)


def write_fit_figures(folder: str | os.PathLike[str], labels: Labels) -> list[Path]:
    """A figure of every row, named by galaxy and spectrum, in a folder that is there."""
    return [figure_fit(Path(folder) / f"{stem_of(labels, row)}.png", labels, row) for row in range(len(labels))]


def stem_of(labels: Labels, row: int) -> str:
    """A file name, without its ending, for the figures of a row."""
    return re.sub(r"[^\w.+-]+", "_", _name(labels, row, "-")) or str(row)


def _stretches(wave: Floats, chosen: Bools) -> list[tuple[float, float]]:
    """First and last edge of every run of chosen pixels."""
    edges = np.concatenate([[wave[0]], np.sqrt(wave[1:] * wave[:-1]), [wave[-1]]])
    change = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(int)))
    return [(float(edges[a]), float(edges[b])) for a, b in change.reshape(-1, 2).tolist()]


def _limits(*values: Floats) -> tuple[float, float]:
    joined = np.concatenate([np.ravel(v) for v in values])
    joined = joined[np.isfinite(joined)]
    if not joined.size:
        return 0.0, 1.0
    low, high = np.quantile(joined, [0.002, 0.998])
    return float(low), float(max(high, low + 1e-3))


def _name(labels: Labels, row: int, between: str) -> str:
    galaxy, name = str(labels.rows.galaxy_id[row]), str(labels.rows.spec_id[row])
    return name if galaxy and name.startswith(galaxy) else f"{galaxy}{between}{name}".strip(between)


def title_of(labels: Labels, row: int) -> str:
    """Name, S/N and reduced chi2 of a row."""
    quality = f"S/N {labels.snr[row]:.0f} per $\\mathrm{{\\AA}}$, reduced $\\chi^2$ {labels.chi2[row]:.2f}"
    return f"{_name(labels, row, ' ')}: {quality}"


def _numbers(labels: Labels, row: int) -> str:
    """The answers, in words."""

    def value(name: str, form: str) -> str:
        number, error = getattr(labels, name)[row], getattr(labels, f"{name}_err")[row]
        return f"{number:{form}}" + (f" $\\pm$ {error:{form.lstrip('+')}}" if np.isfinite(error) else "")

    return (
        f"log age {value('log_age_lw', '.2f')}, [M/H] {value('mh_lw', '+.2f')}, "
        f"V {value('velocity_kms', '+.0f')} km/s, $\\sigma$ {value('sigma_kms', '.0f')} km/s, "
        f"$A_V$ {value('av', '.2f')} mag"
    )


def _say_outside(axes: Axes, residual: Floats) -> None:
    outside = int((np.abs(residual) > _SIGMAS).sum())
    if outside:
        note(axes, f"{outside} beyond {_SIGMAS:.0f} $\\sigma$", where="upper right")
