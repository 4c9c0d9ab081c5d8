"""Rows that are missing from a wavelength grid: found by their step, and put back as masked pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from agez.errors import AgezError
from agez.types import Bools, Floats, Ints, Spectra

#: A step is compared with so many on either side of it.
_NEIGHBOURS = 12
#: A step this many times that of its neighbours, on both sides, is a gap: one missing pixel makes 2.
_CLEARLY_LARGER = 1.5
#: Where so many of the 25 steps around are below the second factor, these are none: wavelengths may be rounded.
_OFTEN, _MUCH_LARGER = 3, 2.5
#: Where neighbouring steps scatter, a gap exceeds their 75th percentile by so many times the range from the 25th.
_SCATTER = 2.0
#: Steps of a grid are multiples of one step if none is further from that than this part of it.
_REGULAR = 0.05
#: More missing pixels for each that is there are no gap but a wrong wavelength.
_MOST_MISSING = 100


def find_gaps(wave_angstrom: Floats) -> Bools:
    """Which steps (p - 1,) of an increasing grid are gaps: clearly larger than the steps on both sides of them.

    A grid may be linear, logarithmic or uneven, and its step may change from one arm of a spectrograph to the next:
    that is no gap.  Where steps scatter, as in merged orders or rounded wavelengths, a gap must stand out.
    """
    step = np.diff(wave_angstrom)
    large = _exceeds(step, _MUCH_LARGER)
    small = _exceeds(step, _CLEARLY_LARGER) & ~large
    # wavelengths that are rounded have somewhat larger steps again and again
    around = np.convolve(np.pad(small, _NEIGHBOURS), np.ones(2 * _NEIGHBOURS + 1), mode="valid")
    return np.asarray(large | (small & (around < _OFTEN)))


def _exceeds(step: Floats, factor: float) -> Bools:
    limit = np.maximum(_limit_before(step, factor), _limit_before(step[::-1], factor)[::-1])
    return np.asarray(np.isfinite(limit) & (step > limit))


def _limit_before(step: Floats, factor: float) -> Floats:
    """(p - 1,) what a step must exceed to be a gap, by the steps before it; -inf for the first."""
    padded = np.concatenate([np.full(_NEIGHBOURS, np.inf), step])
    window = np.sort(np.lib.stride_tricks.sliding_window_view(padded, _NEIGHBOURS)[: len(step)], axis=1)
    row = np.arange(1, len(step))
    last = np.minimum(row, _NEIGHBOURS) - 1  # of the steps that there are
    # other gaps among the neighbours, up to a quarter of them, do not count
    lower, middle, upper = (window[row, np.round(part * last).astype(int)] for part in (0.25, 0.6, 0.75))
    return np.concatenate([[-np.inf], np.maximum(factor * middle, upper + _SCATTER * (upper - lower))])


def filled_grid(wave_angstrom: Floats, source: str) -> tuple[Floats, Ints]:
    """A grid without gaps: the given pixels, and those that are missing between them.

    On a linear or logarithmic grid the missing pixels get the wavelengths that they had; elsewhere their step goes
    evenly over from that on one side of the gap to that on the other.

    Parameters
    ----------
    wave_angstrom : (p,) float
        Increasing.
    source : str
        For messages.

    Returns
    -------
    wave_angstrom : (q,) float
    origin : (q,) int
        Number of the given pixel; -1 for a missing one.

    Raises
    ------
    AgezError
        If a gap is so wide that a wavelength must be wrong.
    """
    wave = np.asarray(wave_angstrom, dtype=float)
    number = np.arange(len(wave))
    gap = np.flatnonzero(find_gaps(wave)) if len(wave) > 2 else number[:0]
    if not len(gap):
        return wave, number
    parts, origin = [], []
    start, room = 0, _MOST_MISSING * len(wave)
    for at in gap.tolist():
        missing = _missing_pixels(wave, at, room, source)
        room -= len(missing)
        parts += [wave[start : at + 1], missing]
        origin += [number[start : at + 1], np.full(len(missing), -1)]
        start = at + 1
    return np.concatenate([*parts, wave[start:]]), np.concatenate([*origin, number[start:]])


def _missing_pixels(wave: Floats, at: int, room: int, source: str) -> Floats:
    """Wavelengths of the pixels that are missing between pixel ``at`` and the next."""
    low, high = wave[at], wave[at + 1]
    for axis, back in ((wave, np.asarray), (np.log(wave), np.exp)):
        steps = np.diff(axis)
        base = float(np.median(steps))
        times = np.round(steps / base)
        if times[at] <= room and np.all(np.abs(steps - times * base) <= _REGULAR * base) and times.min() >= 1:
            return np.asarray(back(np.linspace(axis[at], axis[at + 1], int(times[at]) + 1)[1:-1]))
    before, after = _step_beside(wave, at, -1), _step_beside(wave, at, 1)
    slope = np.log(after / before)
    # pixel number as a function of wavelength, for a step that grows linearly from `before` to `after`
    count = (high - low) / before * (1.0 if abs(slope) < 1e-6 else slope / np.expm1(slope))
    if not count <= room:
        raise AgezError(
            f"{source}: between pixels {at + 1} ({low:.8g} A) and {at + 2} ({high:.8g} A) some {count:.3g} pixels are "
            "missing; correct the wavelengths, or give the two parts as two files"
        )
    part = np.arange(1, round(count)) / max(round(count), 1)
    place = part if abs(slope) < 1e-6 else np.expm1(part * slope) / np.expm1(slope)
    return np.asarray(low + (high - low) * place)


def _step_beside(wave: Floats, at: int, way: int) -> float:
    """The typical step on one side of a gap; on the other side if there is none."""
    step = np.diff(wave)
    near = step[max(at - _NEIGHBOURS, 0) : at] if way < 0 else step[at + 1 : at + 1 + _NEIGHBOURS]
    return float(np.median(near)) if len(near) else _step_beside(wave, at, -way)


def with_missing_pixels(spectra: Spectra) -> Spectra:
    """The same spectra on a grid without gaps: pixels whose rows are missing are there, masked.

    Whatever takes neighbours in the arrays for neighbours in wavelength is right afterwards.  Spectra on a grid
    without gaps are returned as they are.
    """
    wave, origin = filled_grid(spectra.wave_angstrom, spectra.source)
    if len(wave) == len(spectra.wave_angstrom):
        return spectra
    known = np.isfinite(spectra.fwhm_angstrom)
    fwhm = np.full(len(wave), np.nan)
    if known.any():
        fwhm = np.interp(wave, spectra.wave_angstrom[known], spectra.fwhm_angstrom[known])
        given = origin >= 0
        fwhm[given] = spectra.fwhm_angstrom[origin[given]]
    return replace(
        spectra,
        wave_angstrom=wave,
        flux=with_missing_columns(spectra.flux, origin, 0),
        flux_err=with_missing_columns(spectra.flux_err, origin, 1),
        mask=with_missing_columns(spectra.mask, origin, True),
        fwhm_angstrom=fwhm,
    )


def with_missing_columns(values: NDArray, origin: Ints, empty: float) -> NDArray:  # type: ignore[type-arg]
    """Columns of (n, p) where ``origin`` (q,) says; ``empty`` where it is -1."""
    return np.where(origin >= 0, values[:, origin], values.dtype.type(empty))
