"""Templates of stars and gas as pPXF takes them: on the data's log grid, at its resolution, reaching beyond it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.interpolate import CubicSpline

from agez.photometry.air import to_medium
from agez.spectra.broadening import broaden_and_bin
from agez.spectra.formats_common import FWHM_PER_SIGMA
from agez.spectra.lines import EMISSION_LINES, SPEED_OF_LIGHT_KMS, Line
from agez.spectra.rebin import log_grid
from agez.spectra.template_basis import RESOLUTION_KNOTS, rounded_fwhm
from agez.spectra.templates import SSPGrid
from agez.types import Floats, Medium

#: Fine pixels in one pixel of the fit while templates are broadened to the data's resolution.
_OVERSAMPLING = 4
#: What templates reach beyond the data on both sides, for shift and broadening [km/s].
MARGIN_KMS = 2900.0


@dataclass(frozen=True, eq=False)
class PpxfTemplates:
    """Stars and gas for one resolution of the data."""

    wave_angstrom: Floats  #: (q,) Centres of the data's pixels, rest frame, in the data's medium; logarithmic.
    edges_angstrom: Floats  #: (q + 1,)
    velocity_step_kms: float
    system_velocity_kms: float  #: Of the first pixel of the templates relative to that of the data (pPXF's ``vsyst``).
    stars: Floats  #: (t, m) SSPs whose mean flux in the normalisation band is 1, age the slow index; t > q.
    #: (t, k) Lines, doublets of fixed ratio in one column; the first line of each has an integral of 1 [Angstrom,
    #: rest].
    gas: Floats
    #: Of each of ``EMISSION_LINES``: its column in ``gas`` (-1: not covered) and its flux over that column's weight.
    lines: tuple[tuple[int, float], ...]
    grid: SSPGrid


def prepare_ppxf_templates(
    grid: SSPGrid,
    *,
    fit_range_angstrom: tuple[float, float],
    velocity_step_kms: float,
    fwhm_rest_angstrom: Floats,
    medium: Medium,
) -> PpxfTemplates:
    """Broaden and rebin the grid and make the lines; cached.

    Where the templates are coarser than the data, they stay as they are.

    Parameters
    ----------
    fwhm_rest_angstrom : (RESOLUTION_KNOTS,) float
        The data's resolution in the rest frame (:func:`agez.spectra.template_basis.resolution_at_rest`); rounded to
        0.02 A, so that galaxies at neighbouring redshifts share templates.
    medium : 'air' or 'vacuum'
        Of the data; the templates' wavelengths are converted to it.

    Raises
    ------
    AgezError
        If the grid does not reach over the range and ``MARGIN_KMS``.
    """
    return _prepare(grid, fit_range_angstrom, round(velocity_step_kms, 1), rounded_fwhm(fwhm_rest_angstrom), medium)


@lru_cache(maxsize=32)
def _prepare(
    grid: SSPGrid, fit_range: tuple[float, float], velocity_step: float, fwhm_knots: tuple[float, ...], medium: Medium
) -> PpxfTemplates:
    wave, edges = log_grid(*fit_range, velocity_step)
    pad = int(np.ceil(MARGIN_KMS / velocity_step))
    step = velocity_step / SPEED_OF_LIGHT_KMS
    log_wave = np.log(wave[0]) + step * np.arange(-pad, len(wave) + pad)
    # fine samples reach over the pixels at both ends, and over the kernels
    spare = 20 * _OVERSAMPLING
    number = _OVERSAMPLING * (len(log_wave) - 1) + 1
    fine_wave = np.exp(log_wave[0] + step / _OVERSAMPLING * np.arange(-spare, number + spare))
    part = grid.cut(float(fine_wave[0]) - 5.0, float(fine_wave[-1]) + 5.0)
    own = to_medium(part.wave_angstrom, part.medium, medium)
    unit_light = (part.flux / grid.light[..., None]).reshape(-1, len(own)).astype(float)
    fine = CubicSpline(own, unit_light, axis=1)(fine_wave)
    knots = np.geomspace(*fit_range, RESOLUTION_KNOTS)
    fwhm = np.interp(np.exp(log_wave), knots, fwhm_knots)
    added = np.maximum(fwhm**2 - grid.fwhm_angstrom**2, 0.0)
    variance = added / (FWHM_PER_SIGMA * np.exp(log_wave) * step / _OVERSAMPLING) ** 2
    (stars,) = broaden_and_bin(fine, variance[None, :], first=spare, factor=_OVERSAMPLING)
    gas, lines = _gas_templates(log_wave, edges, knots, np.array(fwhm_knots), medium)
    return PpxfTemplates(
        wave, edges, velocity_step, -pad * velocity_step, np.ascontiguousarray(stars), gas, lines, grid
    )  # fmt: skip


def without_gas(templates: PpxfTemplates) -> PpxfTemplates:
    """The stars alone, for spectra whose lines are masked."""
    return replace(templates, gas=templates.gas[:, :0], lines=((-1, np.nan),) * len(EMISSION_LINES))


def _gas_templates(
    log_wave: Floats, edges: Floats, nodes: Floats, fwhm: Floats, medium: Medium
) -> tuple[Floats, tuple[tuple[int, float], ...]]:
    """Instrumental profiles of the lines that the data's pixels cover, integrated over pixels (Westfall et al. 2019,
    AJ 158, 231, equations 14 and 15, as pPXF's own), and where each line is found among them."""
    with warnings.catch_warnings(action="ignore"):  # of its plotting
        from ppxf.ppxf_util import gaussian

    columns: list[Floats] = []
    position: dict[str, int] = {}
    lines = []
    step = log_wave[1] - log_wave[0]

    def profile(line: Line) -> Floats:
        centre = line.wave_angstrom(medium)
        width = float(np.interp(centre, nodes, fwhm))
        return gaussian(log_wave, np.array([centre]), width)[:, 0] / (centre * step)

    covered = {one.name for one in EMISSION_LINES if edges[0] <= one.wave_angstrom(medium) <= edges[-1]}
    for one in EMISSION_LINES:  # lines that others are tied to, and free ones
        if one.name in covered and (not one.tied_to or one.tied_to not in covered):
            position[one.name] = len(columns)
            columns.append(profile(one))
    for one in EMISSION_LINES:
        if one.name in position:
            lines.append((position[one.name], 1.0))
        elif one.name in covered:
            columns[position[one.tied_to]] = columns[position[one.tied_to]] + one.ratio * profile(one)
            lines.append((position[one.tied_to], one.ratio))
        else:
            lines.append((-1, np.nan))
    gas = np.stack(columns, axis=1) if columns else np.zeros((len(log_wave), 0))
    return gas, tuple(lines)
