"""Emission lines on the pixels of a fit: their profiles, the motion of the gas, and what is expected of weak lines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtr

from agez.arrays import PerRow
from agez.spectra.dust import attenuation_curve
from agez.spectra.lines import CASE_B_OVER_HBETA, EMISSION_LINES, SPEED_OF_LIGHT_KMS, Line
from agez.spectra.template_basis import TemplateBasis
from agez.spectra.weighted import solve_ridge
from agez.types import Bools, Floats, Ints

#: Lines that tell the motion of the gas.
STRONG_LINES = (
    "OII3726", "OII3729", "Hbeta", "OIII4959", "OIII5007", "NII6548", "Halpha", "NII6583", "SII6716", "SII6731",
)  # fmt: skip
#: Velocity of the gas relative to the stars that is searched, and the step of the search [km/s].
_SEARCH_KMS, _STEP_KMS = 480.0, 60.0
#: Dispersion of the gas where lines are too weak to tell, its expected scatter, and the range allowed [km/s].
DEFAULT_SIGMA_KMS, _SIGMA_SCATTER_KMS, _SIGMA_RANGE_KMS = 80.0, 80.0, (15.0, 400.0)
#: The lines must improve chi2 by this much for the gas to have a motion of its own: noise reaches 30 in one
#: spectrum in a thousand.
_DETECTION = 35.0
_ITERATIONS = 4
#: Part of a line's profile that must lie on used pixels.
_COVERED = 0.7
#: Lines that are never strong: their largest usual flux over that of H-alpha (or of the strongest line, if stronger),
#: from HII regions to Seyfert galaxies (Osterbrock & Ferland 2006, tables 11.1, 14.2 and 14.4).
_WEAK = {
    "OIII4363": 0.05, "HeI4471": 0.03, "HeII4686": 0.10, "NI5198": 0.05, "NI5200": 0.05, "HeI5876": 0.06,
    "HeI6678": 0.03, "NeIII3869": 0.4,
}  # fmt: skip
#: V-band extinction of the gas for the expected Balmer ratios: middle and half of its usual range [mag].
_GAS_AV, _GAS_AV_HALF = 0.9, 0.9
#: [OII] 3729 / 3726 between the limits of low and high density, 1.5 and 0.35 (Osterbrock & Ferland 2006, fig. 5.8);
#: most galaxies are near the first.
_OII_RATIO, _OII_SCATTER = 1.2, 0.3


@dataclass(frozen=True, eq=False)
class LineWindows:
    """The windows of pixels in which a set of lines lies."""

    names: tuple[str, ...]  #: All lines, those of fixed ratio included; l of them.
    free: tuple[str, ...]  #: Those whose fluxes are free; f of them.
    tie: Floats  #: (f, l) Flux of each line for one unit of each free one.
    pixels: Ints  #: (m,) Pixels of the fit that lie in any window.
    first: Ints  #: (l,) Where in ``pixels`` the window of each line begins.
    edges_kms: Floats  #: (l, k + 1) Edges of the window's pixels, as velocities from the line.
    width_angstrom: Floats  #: (l, k)
    instrument_kms: Floats  #: (l,) Dispersion of the instrument at each line.

    def profiles(self, velocity_kms: Floats, sigma_kms: Floats) -> Floats:
        """Mean flux density (n, l, k) [1/Angstrom] in each pixel of each window, of lines of unit flux."""
        width = np.hypot(self.instrument_kms, sigma_kms[:, None])[:, :, None]
        cumulative = ndtr(((self.edges_kms - velocity_kms[:, None, None]) / width).astype(np.float32))
        return np.diff(cumulative, axis=2) / self.width_angstrom.astype(np.float32)

    def design(self, profiles: Floats) -> Floats:
        """The free lines (n, f, m) on ``pixels``."""
        out = np.zeros((len(profiles), len(self.free), len(self.pixels)), dtype=np.float32)
        size = self.width_angstrom.shape[1]
        for number, first in enumerate(self.first):
            free = int(np.argmax(self.tie[:, number]))
            window = slice(first, first + size)
            out[:, free, window] += np.float32(self.tie[free, number]) * profiles[:, number]
        return out

    def covered(self, profiles: Floats, used: Bools) -> Bools:
        """(n, l) lines most of whose profile lies on used pixels (n, q)."""
        at = self.first[:, None] + np.arange(self.width_angstrom.shape[1])
        share = np.einsum("nlk,lk,nlk->nl", profiles, self.width_angstrom, used[:, self.pixels[at]])
        return np.asarray(share >= _COVERED)


@lru_cache(maxsize=64)
def line_windows(basis: TemplateBasis, names: tuple[str, ...] | None = None) -> LineWindows:
    """Windows of the lines that lie within the fit's range: all known ones, or those of ``names``."""
    medium, edges = basis.medium, basis.edges_angstrom
    step = basis.velocity_step_kms

    def inside(one: Line) -> bool:
        return bool(edges[0] * 1.001 < one.wave_angstrom(medium) < edges[-1] / 1.001)

    lines = [one for one in EMISSION_LINES if (names is None or one.name in names) and inside(one)]
    present = {one.name for one in lines}
    # a line tied to one outside the range stands for itself
    free = [one.name for one in lines if not one.tied_to or one.tied_to not in present]
    tie = np.zeros((len(free), len(lines)))
    for number, one in enumerate(lines):
        if one.name in free:
            tie[free.index(one.name), number] = 1.0
        else:
            tie[free.index(one.tied_to), number] = one.ratio
    instrument = np.array(
        [np.interp(one.wave_angstrom(medium), basis.wave_angstrom, basis.instrument_sigma_kms) for one in lines]
    )
    widest = float(instrument.max()) if lines else 0.0
    half = int(np.ceil((_SEARCH_KMS + 3.5 * np.hypot(widest, 200.0)) / step))
    size = min(2 * half + 1, len(edges) - 1)
    centre = [int(np.searchsorted(edges, one.wave_angstrom(medium))) - 1 for one in lines]
    start = np.clip(np.array(centre, dtype=int) - half, 0, len(edges) - 1 - size)
    windows = start[:, None] + np.arange(size)
    pixels = np.unique(windows)
    at = start[:, None] + np.arange(size + 1)
    wave = np.array([one.wave_angstrom(medium) for one in lines])[:, None]
    return LineWindows(
        names=tuple(one.name for one in lines),
        free=tuple(free),
        tie=tie,
        pixels=pixels,
        first=np.searchsorted(pixels, start),
        edges_kms=SPEED_OF_LIGHT_KMS * np.log(edges[at] / wave),
        width_angstrom=np.diff(edges[at], axis=1),
        instrument_kms=instrument,
    )


@dataclass(frozen=True, eq=False)
class GasMotion(PerRow):
    """Motion of the gas relative to the stars, and the scale of its lines; all (n,).

    Where ``measured`` is false, velocity 0 and the default dispersion stand in.  ``scale`` is an upper estimate of
    the flux of the strongest line that is covered.
    """

    velocity_kms: Floats
    velocity_err_kms: Floats
    sigma_kms: Floats
    sigma_err_kms: Floats
    measured: Bools
    scale: Floats


def fit_gas_motion(basis: TemplateBasis, residual: Floats, weight: Floats) -> GasMotion:
    """Velocity and dispersion shared by all strong lines, in what the stars leave over.

    Whole-step shifts are tried with non-negative fluxes; Gauss-Newton steps in velocity, dispersion and fluxes
    follow from the best.  The dispersion is drawn weakly to its usual value, which matters for weak lines only.

    Parameters
    ----------
    residual, weight : (n, q) float
        Data less stars, and 1/variance (0 where not used), in the frame of the stars.
    """
    n = len(residual)
    windows = line_windows(basis, STRONG_LINES)
    velocity, sigma = np.zeros(n), np.full(n, DEFAULT_SIGMA_KMS)
    nothing = np.full(n, np.nan)
    if not windows.names:
        return GasMotion(velocity, nothing, sigma, nothing, np.zeros(n, dtype=bool), np.ones(n))
    r, w = residual[:, windows.pixels], weight[:, windows.pixels]
    gain, flux, flux_err = np.full(n, -np.inf), np.zeros((n, len(windows.free))), np.zeros((n, len(windows.free)))
    for shift in np.arange(-_SEARCH_KMS, _SEARCH_KMS + 1, _STEP_KMS):
        design = windows.design(windows.profiles(np.full(n, shift), sigma))
        gram, right = _equations(design, r, w)
        answer = _non_negative(gram, right)
        explained = 2 * np.einsum("nf,nf->n", answer, right) - np.einsum("nf,nfg,ng->n", answer, gram, answer)
        better = explained > gain
        gain, velocity = np.where(better, explained, gain), np.where(better, shift, velocity)
        flux[better] = answer[better]
        flux_err[better] = 1.0 / np.sqrt(np.maximum(np.einsum("nff->nf", gram)[better], 1e-30))
    measured = gain > _DETECTION
    scale = np.max(flux + 2.0 * np.where(flux_err < 1e14, flux_err, 0.0), axis=1)
    velocity_err, sigma_err = nothing.copy(), nothing.copy()
    rows = np.flatnonzero(measured)
    if len(rows):
        velocity[rows], velocity_err[rows], sigma[rows], sigma_err[rows] = _refine(
            windows, r[rows], w[rows], velocity[rows], sigma[rows]
        )
        lost = measured & ~((np.abs(velocity) < 1.3 * _SEARCH_KMS) & np.isfinite(velocity + sigma))
        measured = measured & ~lost
    velocity = np.where(measured, velocity, 0.0)
    sigma = np.where(measured, sigma, DEFAULT_SIGMA_KMS)
    return GasMotion(velocity, velocity_err, sigma, sigma_err, measured, np.maximum(scale, 1e-6))


def _equations(design: Floats, residual: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """D W D' (n, f, f) and D W r (n, f)."""
    weighted = design * weight[:, None, :]
    gram = (weighted @ np.swapaxes(design, 1, 2)).astype(float)
    return gram, np.matmul(weighted, residual[:, :, None].astype(np.float32))[..., 0].astype(float)


def _non_negative(gram: Floats, right: Floats, *, sweeps: int = 12) -> Floats:
    """Non-negative solutions (n, f) of small systems, by cyclic descent."""
    answer = np.zeros_like(right)
    diagonal = np.maximum(np.einsum("nff->nf", gram), 1e-30)
    for _ in range(sweeps):
        for f in range(right.shape[1]):
            step = (right[:, f] - np.einsum("ng,ng->n", gram[:, f], answer)) / diagonal[:, f]
            answer[:, f] = np.maximum(answer[:, f] + step, 0.0)
    return answer


def _refine(
    windows: LineWindows, residual: Floats, weight: Floats, velocity: Floats, sigma: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Gauss-Newton in velocity, dispersion and fluxes; the two with their errors, each (n,)."""
    low, high = _SIGMA_RANGE_KMS
    covariance = np.full((len(velocity), 2, 2), np.nan)
    for _ in range(_ITERATIONS):
        design = windows.design(windows.profiles(velocity, sigma))
        gram, right = _equations(design, residual, weight)
        flux = _non_negative(gram, right)[:, None, :].astype(np.float32)
        ahead = windows.design(windows.profiles(velocity + 5.0, sigma))
        wider = windows.design(windows.profiles(velocity, sigma + 5.0))
        slope = np.concatenate([flux @ (ahead - design), flux @ (wider - design)], axis=1) / 5.0  # (n, 2, m)
        model = (flux @ design)[:, 0]
        columns = np.concatenate([slope, design], axis=1)
        gram, right = _equations(columns, residual - model, weight)
        gram[:, 1, 1] += _SIGMA_SCATTER_KMS**-2
        right[:, 1] -= (sigma - DEFAULT_SIGMA_KMS) * _SIGMA_SCATTER_KMS**-2
        step = solve_ridge(gram, right)
        velocity = velocity + np.clip(step[:, 0], -100.0, 100.0)
        sigma = np.clip(sigma + np.clip(step[:, 1], -60.0, 60.0), low, high)
        unit = np.zeros((*right.shape, 2))
        unit[:, 0, 0] = unit[:, 1, 1] = 1.0
        covariance = solve_ridge(gram, unit)[:, :2]
    error = np.sqrt(np.maximum(np.einsum("nii->ni", covariance), 0.0))
    return velocity, error[:, 0], sigma, error[:, 1]


@lru_cache(maxsize=8)
def _expected_balmer() -> tuple[tuple[str, str, float, float], ...]:
    """(line, reference, ratio, its scatter) of the Balmer series for the usual range of extinction.

    Case B under the Milky Way's extinction law (Cardelli et al. 1989) with A_V between 0 and twice the middle.
    """
    wave = {one.name: one.air_angstrom for one in EMISSION_LINES}

    def ratio(name: str, reference: str, av: float) -> float:
        curve = attenuation_curve(np.array([wave[name], wave[reference]]), "ccm89")
        return float(CASE_B_OVER_HBETA[name] / CASE_B_OVER_HBETA[reference] * 10 ** (-0.4 * av * (curve[0] - curve[1])))

    chain = [("Hbeta", "Halpha"), *((name, "Hbeta") for name in CASE_B_OVER_HBETA if name not in ("Halpha", "Hbeta"))]
    out = []
    for name, reference in chain:
        middle = ratio(name, reference, _GAS_AV)
        half = 0.5 * (ratio(name, reference, 0.0) - ratio(name, reference, 2 * _GAS_AV))
        out.append((name, reference, middle, abs(half) + 0.03 * middle))
    return tuple(out)


def doublet_precision(windows: LineWindows, scale: Floats) -> Floats:
    """Precision (n, f, f) that holds the unresolved [OII] doublet to the ratio that densities allow."""
    precision = np.zeros((len(scale), len(windows.free), len(windows.free)))
    _relate(precision, windows, "OII3729", "OII3726", _OII_RATIO, _OII_SCATTER * scale)
    return precision


def expected_precision(windows: LineWindows, scale: Floats) -> Floats:
    """Precision (n, f, f) of a Gaussian prior on the free fluxes, given the ``scale`` (n,) of the strongest line.

    The Balmer series follows H-alpha within what dust does, and lines that are never strong are weak.  In a spectrum
    without lines this keeps the cores of the stars' Balmer lines for the measurement of ages.
    """
    precision = doublet_precision(windows, scale)
    for name, reference, ratio, scatter in _expected_balmer():
        in_reference = scale if reference == "Halpha" else 0.35 * scale
        _relate(precision, windows, name, reference, ratio, scatter * in_reference)
    for name, share in _WEAK.items():
        if name in windows.free:
            at = windows.free.index(name)
            precision[:, at, at] += (share * scale) ** -2
    return precision


def _relate(precision: Floats, windows: LineWindows, name: str, reference: str, ratio: float, scatter: Floats) -> None:
    """Add ((a_name - ratio a_reference) / scatter)^2 where both lines are free."""
    if name not in windows.free or reference not in windows.free:
        return
    i, j = windows.free.index(name), windows.free.index(reference)
    strength = scatter**-2
    precision[:, i, i] += strength
    precision[:, j, j] += ratio**2 * strength
    precision[:, i, j] -= ratio * strength
    precision[:, j, i] -= ratio * strength
