"""Figure 1: an example spectrum with the responses of the bands and the SED made from it."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from astropy import units as u

from agez.experiments.result import ExampleSpectrum
from agez.photometry.air import air_to_vacuum
from agez.report.style import VERMILLION, figure, margins
from agez.surveys.registry import find_survey


def figure_example(path: Path, example: ExampleSpectrum) -> None:
    """Draw one spectrum at rest frame, the band responses above it, and its SED as points.

    To the PNG ``path``.
    """
    spectrum, sed = example.spectrum, example.photometry
    unit = u.Unit(spectrum.flux_unit)
    z = float(spectrum.redshift[0]) if np.isfinite(spectrum.redshift[0]) else 0.0
    at = float(sed.redshift[0]) if np.isfinite(sed.redshift[0]) else 0.0
    stretch = (1 + z) / (1 + at)  # the SED's frame: only the stretch is applied, as in the synthesis
    wave = spectrum.wave_angstrom if spectrum.medium == "vacuum" else air_to_vacuum(spectrum.wave_angstrom)
    wave = wave / stretch
    flux = np.where(spectrum.mask[0], np.nan, spectrum.flux[0]) * stretch
    pivot, fwhm = np.array(sed.bands.pivot_angstrom), np.array(sed.bands.fwhm_angstrom)
    equivalence = u.spectral_density(pivot * u.AA)
    points = u.Quantity(sed.flux[0], u.uJy).to_value(unit, equivalence)
    errors = np.nan_to_num(u.Quantity(sed.flux_err[0], u.uJy).to_value(unit, equivalence))
    low, high = min(pivot[0] - fwhm[0], wave[0]), max(pivot[-1] + fwhm[-1], wave[-1])

    with figure(path, width=9, height=5.6) as page:
        top, main = page.subplots(
            2,
            1,
            sharex=True,
            height_ratios=(1, 3),
            gridspec_kw=margins(page, left=0.85, right=0.15, bottom=0.6, top=0.4),
        )
        colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(pivot)))
        for (band_wave, response), colour, seen in zip(example.band_curves, colours, sed.covered[0], strict=True):
            top.plot(band_wave, response / np.max(response), color=colour, lw=1.1, ls="-" if seen else ":")
        top.set_ylim(0, 1.15)
        top.set_ylabel("response\n(peak = 1)")
        missing = int((~sed.covered[0]).sum())
        survey = find_survey(sed.bands.filter_set)
        words = f"{len(pivot)} {survey.title if survey else sed.bands.filter_set} bands"
        top.set_title(words + (f"; dotted: {missing} not covered by this spectrum" if missing else ""))

        main.step(wave, flux, where="mid", color="black", lw=0.7, label="spectrum", zorder=1)
        main.errorbar(
            pivot, points, xerr=fwhm / 2, yerr=errors, fmt="o", ms=4.5, color=VERMILLION, elinewidth=1,
            label="synthetic SED: error (vertical), band FWHM (horizontal)", zorder=3,
        )  # fmt: skip
        good = flux[np.isfinite(flux)]
        if good.size:
            bottom, ceiling = np.quantile(good, [0.002, 0.998])
            margin = 0.18 * (ceiling - bottom)
            main.set_ylim(min(bottom - 0.5 * margin, np.nanmin(points, initial=bottom)), ceiling + margin)
        main.set_xlim(low, high)
        frame = "rest-frame wavelength" if at == 0 else f"wavelength at redshift {at:g}"
        main.set_xlabel(f"{frame} in vacuum [$\\mathrm{{\\AA}}$]")
        main.set_ylabel(f"$f_\\lambda$ [{unit.to_string('latex_inline')}]")
        galaxy = str(spectrum.rows.galaxy_id[0])
        main.legend(loc="upper left", title=f"{galaxy + ', ' if galaxy else ''}z = {z:.4f}", alignment="left")
