"""Labels out of what pPXF answers: means, continuum, emission lines and models in the words of agez."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.interpolate import CubicSpline

from agez.label_types import FittedSpectra, Labels, Lines
from agez.spectra.dust import attenuation_curve
from agez.spectra.fit_settings import FitSettings
from agez.spectra.kinematics import velocity_stretch
from agez.spectra.label_means import mean_labels
from agez.spectra.lines import EMISSION_LINES, LINE_NAMES, SPEED_OF_LIGHT_KMS, line_waves
from agez.spectra.ppxf_fit import PpxfAnswer
from agez.spectra.ppxf_templates import PpxfTemplates
from agez.spectra.rebin import rebin_rows
from agez.spectral_units import line_flux_unit
from agez.types import LABEL_NAMES, Bools, Floats, Spectra

#: Half of the window around a line in which the stars' mean is what its equivalent width is measured against: that of
#: agez's own engine at CALIFA's resolution (:attr:`agez.spectra.gas.LineWindows.pixels`).
EW_KMS = 1350.0


def columns_of(
    answers: Sequence[PpxfAnswer | None], templates: PpxfTemplates, settings: FitSettings
) -> tuple[dict[str, Floats], Floats]:
    """Columns of Labels without ``snr`` and ``flags``, and light fractions; NaN where there is no answer."""
    n, grid = len(answers), templates.grid
    columns = {name: np.full(n, np.nan) for name in Labels.column_names() if name not in ("flags", "snr")}
    weights = np.full((n, *grid.light.shape), np.nan, dtype=np.float32)
    curve = -0.4 * np.log(10.0) * attenuation_curve(templates.wave_angstrom, settings.attenuation_law)
    curve = curve - curve.mean()
    for i, answer in enumerate(answers):
        if answer is None:
            continue
        weights[i] = answer.weights.reshape(grid.light.shape)
        means, spread = mean_labels(answer.weights[None, :], grid)[0], mean_labels(answer.bootstrap, grid)
        for number, name in enumerate(LABEL_NAMES):
            columns[name][i] = means[number]
            if len(answer.bootstrap):
                columns[f"{name}_err"][i] = np.std(spread[:, number], ddof=1)
        for name in ("velocity_kms", "velocity_kms_err", "sigma_kms", "sigma_kms_err"):
            columns[name][i] = answer.motion[name]
        columns["chi2"][i] = answer.chi2
        columns["prior_strength"][i] = answer.regularisation
        # the law nearest to a free continuum, in the least-squares sense
        free = settings.continuum == "polynomial"
        columns["av"][i] = answer.continuum @ curve / np.sum(curve**2) if free else answer.av
    return columns, weights


def lines_of(
    answers: Sequence[PpxfAnswer | None], templates: PpxfTemplates, scale: Floats, z: Floats, spectra: Spectra
) -> Lines:
    """Fluxes of all lines as observed, and their widths against the fitted stars."""
    n, count = len(answers), len(EMISSION_LINES)
    flux, error, width = (np.full((n, count), np.nan) for _ in range(3))
    motion = {name: np.full(n, np.nan) for name in ("velocity_kms", "sigma_kms", "velocity_kms_err", "sigma_kms_err")}
    centres = line_waves(LINE_NAMES, medium=spectra.medium)
    for i, answer in enumerate(answers):
        if answer is None or not len(answer.gas_flux):
            continue
        for name, values in motion.items():
            values[i] = answer.motion[f"gas_{name}"]
        stretch = float(velocity_stretch(np.array(answer.motion["gas_velocity_kms"])))
        level = _level(answer.stars, templates.wave_angstrom, centres)
        for k, (column, ratio) in enumerate(templates.lines):
            if column >= 0:
                value = answer.gas_flux[column] * ratio * stretch
                # rebinning keeps the flux density, and wavelengths as observed are longer
                flux[i, k] = value * (1 + z[i]) * scale[i]
                error[i, k] = answer.gas_flux_err[column] * ratio * stretch * (1 + z[i]) * scale[i]
                width[i, k] = value / stretch / level[k] if level[k] > 0 else np.nan
    return Lines(
        names=LINE_NAMES, flux=flux, flux_err=error, ew_angstrom=width, flux_unit=line_flux_unit(spectra.flux_unit),
        **motion,
    )  # fmt: skip


def _level(stars: Floats, wave_angstrom: Floats, centres: Floats) -> Floats:
    """Mean of the fitted stars (q,) around each line: what equivalent widths are measured against, in both engines."""
    edge = np.searchsorted(
        wave_angstrom, centres[:, None] * np.exp(np.array([-1.0, 1.0]) * EW_KMS / SPEED_OF_LIGHT_KMS)
    )
    total = np.concatenate([[0.0], np.cumsum(stars)])
    count = edge[:, 1] - edge[:, 0]
    return np.where(count > 0, total[edge[:, 1]] - total[edge[:, 0]], np.nan) / np.maximum(count, 1)


def fitted_of(
    answers: Sequence[PpxfAnswer | None],
    templates: PpxfTemplates,
    edges_in: Floats,
    flux: Floats,
    variance_in: Floats,
    good: Bools,
    z: Floats,
) -> FittedSpectra:
    """Data and model in the rest frame of the fitted velocity; NaN where there is no answer."""
    velocity = np.array([0.0 if a is None else a.motion["velocity_kms"] for a in answers])
    shift = velocity_stretch(velocity)
    data, variance, usable = rebin_rows(edges_in, flux, variance_in, good, templates.edges_angstrom, (1.0 + z) * shift)
    wave, n, q = templates.wave_angstrom, len(answers), len(templates.wave_angstrom)
    stars, gas = np.full((2, n, q), np.nan, dtype=np.float32)
    used = np.zeros((n, q), dtype=bool)
    none = np.array([answer is None for answer in answers])
    for i, answer in enumerate(answers):
        if answer is not None:
            stars[i], gas[i] = CubicSpline(wave, np.stack([answer.stars, answer.gas]), axis=1)(wave * shift[i])
            used[i] = usable[i] & (np.interp(wave * shift[i], wave, answer.used.astype(float)) > 0.5)
    data[none] = np.nan
    return FittedSpectra(wave, data, np.where(usable & ~none[:, None], np.sqrt(variance), np.nan), stars, gas, used)
