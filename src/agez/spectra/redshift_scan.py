"""How well galaxies at every redshift fit a spectrum: least squares at all shifts at once, by Fourier transforms."""

from __future__ import annotations

import numpy as np
from scipy import fft

from agez.spectra.lines import SPEED_OF_LIGHT_KMS
from agez.spectra.redshift_basis import STEP_KMS, RedshiftBasis
from agez.spectra.redshift_inputs import ReadySpectra
from agez.types import Floats, Ints

#: A line that came out negative is left out by this precision, in units of the column's own.
_LEFT_OUT = 1e12
#: Least precision of lines' amplitudes, in units of the largest of any shift: a line that is nowhere is determined.
_LEAST = 1e-9
_PASSES = 3


def shifts_of(low: float, high: float) -> Ints:
    """All shifts [pixels] between two redshifts, one more at either end."""
    places = np.log1p(np.array([low, high])) * SPEED_OF_LIGHT_KMS / STEP_KMS
    return np.arange(int(np.floor(places[0])) - 1, int(np.ceil(places[1])) + 2)


def scan(ready: ReadySpectra, basis: RedshiftBasis, shifts: Ints) -> Floats:
    """By how much chi2 falls below that of a featureless continuum, for each spectrum and shift (n, m).

    At each shift s the features are the continuum times sum_k a_k S_k(x - s), plus sum_l b_l E_l(x - s) with b_l >= 0
    (:func:`explained`); chi2 holds the prior on a.  All sums over pixels are correlations, so
    that a transform gives them at all shifts (Tonry & Davis 1979, AJ 84, 1511, with the weights of Bolton et al. 2012,
    AJ 144, 144).

    Parameters
    ----------
    shifts : (m,) int
        In a row: pixel i + shift of the spectra against pixel i of the basis.
    """
    k, count = len(basis.stars), len(basis.stars) + len(basis.lines)
    n, q = ready.residual.shape
    # what lies outside of every shift is never looked at
    begin = ready.first - int(shifts[-1])
    length = q + len(shifts) - 1
    columns = np.zeros((count, length))
    source = np.arange(length) + begin - basis.first
    inside = (source >= 0) & (source < basis.stars.shape[1])
    columns[:, inside] = np.concatenate([basis.stars, basis.lines])[:, source[inside]]
    size = fft.next_fast_len(length, real=True)
    pairs = [(i, j) for i in range(count) for j in range(i, count)]
    of_columns = fft.rfft(columns, n=size, axis=1)
    of_pairs = fft.rfft(np.stack([columns[i] * columns[j] for i, j in pairs]), n=size, axis=1)
    # a column's factor is the continuum for stars and 1 for lines: how many of a pair are stars'
    powers = np.array([(i < k) + (j < k) for i, j in pairs])
    weights = [ready.weight * ready.continuum**power for power in range(3)]
    of_weights = np.conj([fft.rfft(weight, n=size, axis=1) for weight in weights])
    of_right = np.conj([fft.rfft(weight * ready.residual, n=size, axis=1) for weight in weights[1::-1]])
    is_line = (np.arange(count) >= k).astype(int)
    last = len(shifts) - 1  # the largest shift comes first
    out = np.empty((n, len(shifts)))
    matrix = np.empty((count, count, len(shifts)))
    for row in range(n):
        vector = fft.irfft(of_columns * of_right[is_line, row], n=size, axis=1)[:, last::-1]
        products = fft.irfft(of_pairs * of_weights[powers, row], n=size, axis=1)[:, last::-1]
        for (i, j), values in zip(pairs, products, strict=True):
            matrix[i, j] = matrix[j, i] = values
        out[row], _ = explained(matrix, vector, basis)
    return out


def gain_by_pixel(ready: ReadySpectra, basis: RedshiftBasis, shift: Ints) -> tuple[Floats, Floats]:
    """What :func:`scan` gives, at one shift a spectrum (n,), and what each pixel has of it, without the prior."""
    source = np.arange(ready.residual.shape[1]) + (ready.first - basis.first - shift)[:, None]
    inside = (source >= 0) & (source < basis.stars.shape[1])
    columns = np.concatenate([basis.stars, basis.lines])[:, np.where(inside, source, 0)] * inside  # (c, n, q)
    columns[: len(basis.stars)] *= ready.continuum
    heavy = columns * ready.weight
    matrix, vector = np.einsum("inq,jnq->ijn", heavy, columns, optimize=True), np.sum(heavy * ready.residual, axis=2)
    gain, amplitudes = explained(matrix, vector, basis)
    model = np.einsum("in,inq->nq", amplitudes, columns)
    return gain, np.asarray(ready.weight * model * (2.0 * ready.residual - model))


def explained(matrix: Floats, vector: Floats, basis: RedshiftBasis) -> tuple[Floats, Floats]:
    """What the best combination takes off chi2 (m,), and its amplitudes (c, m).

    From normal matrices (c, c, m) and right-hand sides (c, m), to which the stars' prior is added here.  Lines that
    come out negative are left out, and taken up again where they would help, in a few passes over what is not settled
    (block pivoting, Portugal, Judice & Vicente 1994, Math. Comp. 63, 625).
    """
    k, m = len(basis.stars), matrix.shape[2]
    matrix, vector = matrix.copy(), vector.copy()
    for i in range(len(matrix)):
        if i < k:
            matrix[i, i] += basis.prior_precision[i]
            vector[i] += basis.prior_precision[i] * basis.prior_mean[i]
        else:
            matrix[i, i] += _LEAST * max(float(matrix[i, i].max()), 1e-30)
    constant = float(np.sum(basis.prior_precision * basis.prior_mean**2))
    out = np.zeros((len(matrix) - k, m), dtype=bool)
    amplitudes = _solve(matrix, vector)
    for _ in range(_PASSES):
        wrong = amplitudes[k:] < 0
        if out.any():  # nothing is to be taken up before something was left out
            slope = vector[k:] - np.einsum("ijm,jm->im", matrix[k:], amplitudes)
            wrong = np.where(out, slope > 0, wrong)
        todo = np.flatnonzero(wrong.any(axis=0))
        if not len(todo):
            break
        out ^= wrong
        part = matrix[:, :, todo]
        for i, left in enumerate(out[:, todo]):
            part[k + i, k + i] *= np.where(left, _LEFT_OUT, 1.0)
        solution = _solve(part, vector[:, todo])
        solution[k:][out[:, todo]] = 0.0
        amplitudes[:, todo] = solution
    gain = np.einsum("im,im->m", vector, amplitudes)  # of the best combination
    late = np.flatnonzero((amplitudes[k:] < 0).any(axis=0))
    if len(late):  # of any combination, so that what is cut off is not counted
        cut = amplitudes[:, late]
        cut[k:] = np.maximum(cut[k:], 0.0)
        amplitudes[:, late] = cut
        product = np.einsum("ijm,jm->im", matrix[:, :, late], cut)
        gain[late] = np.einsum("im,im->m", cut, 2.0 * vector[:, late] - product)
    return gain - constant, amplitudes


def _solve(matrix: Floats, vector: Floats) -> Floats:
    """Solutions (c, m) of positive definite systems (c, c, m), all at once by elimination without pivots."""
    left, right = matrix.copy(), vector.copy()
    size = len(left)
    for j in range(size):
        # columns that are nearly the same: rounding must not make a pivot of a negative number
        left[j, j] = np.maximum(left[j, j], 1e-10 * matrix[j, j])
        factor = left[j, j + 1 :] / left[j, j]
        for i in range(j + 1, size):
            left[i, i:] -= factor[i - j - 1] * left[j, i:]
        right[j + 1 :] -= factor * right[j]
    out = right
    for j in reversed(range(size)):
        out[j] = (right[j] - np.sum(left[j, j + 1 :] * out[j + 1 :], axis=0)) / left[j, j]
    return out
