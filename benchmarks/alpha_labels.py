"""What enhanced abundances of alpha elements do to labels and predictions: a table in Markdown.

Spectra of old populations of E-MILES, plain and with the iron lines of a lower [Fe/H] at the same total metallicity
(`agez.mocks.departures.with_abundances`, a stand-in: no library at hand has [alpha/Fe] as a parameter), are fitted with
the templates that they were made of, and given to a network as photometry::

    python benchmarks/alpha_labels.py [--alpha 0.4] [--spectra 60] [--templates emiles] [--model jpas]

The numbers are differences between enhanced and plain spectra with the same noise.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.ndimage import gaussian_filter1d

import agez
from agez.mocks.departures import with_abundances
from agez.mocks.observation import PreparedGrid, prepare_grid
from agez.models.model_file import load_model
from agez.models.predict import predict_spectra
from agez.spectra.lines import SPEED_OF_LIGHT_KMS
from agez.spectra.templates import load_templates
from agez.types import LABEL_NAMES, Floats, Rows, Spectra

#: Ages of the populations [log yr], and [M/H]; their dispersion [km/s]; pixels [Angstrom, air]; S/N per Angstrom.
AGES, METALS, SIGMA_KMS, WAVE, SNR = (9.6, 10.1), (-0.3, 0.15), 200.0, np.arange(3700.0, 7300.0, 2.0), 50.0
#: FWHM of the spectra [Angstrom], as that of CALIFA.
FWHM = 6.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alpha", type=float, default=0.4, help="[alpha/Fe] of the enhanced spectra")
    parser.add_argument("--spectra", type=int, default=60)
    parser.add_argument("--templates", default="emiles")
    parser.add_argument("--model", default="jpas", help="a network that takes photometry in the rest frame")
    parser.add_argument("--seed", type=int, default=2)
    options = parser.parse_args()
    grid = load_templates(options.templates)
    plain = prepare_grid(grid)
    rng = np.random.default_rng(options.seed)
    log_age, mh = rng.uniform(*AGES, options.spectra), rng.uniform(*METALS, options.spectra)
    noise = rng.standard_normal((options.spectra, len(WAVE)))
    seen = [_spectra(one, log_age, mh, noise) for one in (plain, with_abundances(plain, options.alpha))]
    labels = [agez.fit_labels(one, grid) for one in seen]
    model = load_model(options.model)
    answers = [predict_spectra(model, one) for one in seen]
    print(f"[alpha/Fe] {options.alpha:g} less 0, at equal age and total metallicity: median (sigma_mad) [dex]\n")
    print(f"| | fit with {options.templates} | network {options.model} |\n|---|---|---|")
    for name in LABEL_NAMES:
        cells = []
        for before, after in (labels, answers):
            if not hasattr(before, name):
                cells.append("-")
                continue
            moved = getattr(after, name) - getattr(before, name)
            middle = float(np.median(moved))
            cells.append(f"{middle:+.3f} ({1.4826 * float(np.median(np.abs(moved - middle))):.3f})")
        print(f"| {name} | " + " | ".join(cells) + " |")
    chi2 = [float(np.median(one.chi2)) for one in labels]
    print(f"\nreduced chi2 of the fits: {chi2[0]:.2f} plain, {chi2[1]:.2f} enhanced (S/N {SNR:g} per Angstrom)")


def _spectra(prepared: PreparedGrid, log_age: Floats, mh: Floats, noise: Floats) -> Spectra:
    """Single populations between the nodes of the grid, log-linear, as an instrument sees them."""
    grid, n = prepared.grid, len(log_age)
    log_flux = np.log(prepared.flux.reshape(len(grid.log_age), len(grid.mh), -1).astype(float))
    step = float(np.median(np.diff(prepared.wave_angstrom) / prepared.wave_angstrom[1:])) * SPEED_OF_LIGHT_KMS
    width = np.hypot(SIGMA_KMS, np.sqrt(FWHM**2 - grid.fwhm_angstrom**2) / 2.355 / 5200.0 * SPEED_OF_LIGHT_KMS) / step
    flux = np.empty((n, len(WAVE)))
    for i in range(n):
        a, m = (
            np.interp(log_age[i], grid.log_age, np.arange(len(grid.log_age))),
            np.interp(mh[i], grid.mh, np.arange(len(grid.mh))),
        )
        (j, u), (k, v) = ((int(x), x - int(x)) for x in (a, m))
        one = sum(
            weight * log_flux[p, q]
            for p, q, weight in (
                (j, k, (1 - u) * (1 - v)), (j + 1, k, u * (1 - v)), (j, k + 1, (1 - u) * v), (j + 1, k + 1, u * v)
            )
        )  # fmt: skip
        flux[i] = np.interp(WAVE, prepared.wave_angstrom, gaussian_filter1d(np.exp(one), width))
    flux /= np.median(flux, axis=1, keepdims=True)
    error = np.full(flux.shape, 1 / SNR / np.sqrt(2.0))
    return Spectra(
        wave_angstrom=WAVE, flux=(flux + error * noise).astype(np.float32), flux_err=error.astype(np.float32),
        mask=np.zeros(flux.shape, dtype=bool), medium="air", rows=Rows.numbered(n), redshift=np.zeros(n),
        fwhm_angstrom=np.full(len(WAVE), FWHM), flux_unit="erg / (s cm2 Angstrom)", flags=np.zeros(n, dtype=np.int32),
        meta={"source": "mock spectra"},
    )  # fmt: skip


if __name__ == "__main__":
    main()
