"""What each figure shows, in words: heading, caption and the text for readers who cannot see it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Caption:
    """Words of one figure, plain text."""

    title: str
    text: str
    alt: str


def _predictions(name: str, which: str) -> Caption:
    return Caption(
        f"{name}: predictions against labels",
        f"Luminosity-weighted log age [log10 yr] (left) and metallicity [M/H] [dex] (right) that the networks predict "
        f"for {which}, against the labels of the spectral fit. Colour: spectra per cell, logarithmic. "
        "Dashed: equality. Lower panels: predicted minus label [dex], with the median (circles) and the 16th and 84th "
        "percentiles (dotted) in twelve bins of equal numbers. The boxes give the robust standard deviation, the "
        "median and the root mean square of the difference, and count the points outside a panel.",
        f"Two density plots of predicted against label age and metallicity for {name} with the line of equality, "
        "and the residuals below.",
    )


def _residuals(name: str) -> Caption:
    return Caption(
        f"{name}: age residuals against metallicity residuals",
        "Predicted minus label log age [dex] against predicted minus label [M/H] [dex] of each spectrum. Colour: "
        "spectra per cell, logarithmic. The histograms are the two distributions; solid: median, dashed: median "
        "plus and minus the robust standard deviation. A negative Pearson correlation is the age-metallicity "
        "degeneracy: an SED that is taken as too old is taken as too metal-poor.",
        f"Density plot of the metallicity residual against the age residual for {name}, with histograms on its sides.",
    )


def _gradients(name: str) -> Caption:
    return Caption(
        f"{name}: radial gradients",
        "Gradients of log age (left) and [M/H] (right) inside one effective radius [dex per effective radius], "
        "measured on the predictions and on the labels of the same spectra, one point a galaxy. Circles: late types; "
        "triangles: early types. Error bars: standard deviation of the slope over 100 random subsets of 75 % of the "
        "spectra. "
        "Dashed: equality. Galaxies with fewer than 25 spectra inside the effective radius, or none outside, "
        "are left out.",
        f"Predicted against label radial gradients of age and metallicity for {name}, early and late types marked, "
        "with error bars and the line of equality.",
    )


CAPTIONS: dict[int, Caption] = {
    1: Caption(
        "A spectrum and its SED",
        "Top: responses of the bands, each scaled to a peak of 1; a dotted band is not covered by this spectrum. "
        "Bottom: one spectrum of the sample at rest frame (grey, flux density per unit wavelength against vacuum "
        "wavelength [A]) and the synthetic photometry made from it (points; vertical bars: error, horizontal bars: "
        "FWHM of the band).",
        "Band responses against wavelength above a galaxy spectrum with its synthetic photometry as points.",
    ),
    3: Caption(
        "Learning curves",
        "Mean squared error [dex squared] against epoch for every network: age (left) and metallicity (right), Set A "
        "(top) and Set B (bottom), one colour for each fold of the cross-validation. Dashed: training, solid: "
        "validation, circles: the epoch whose weights were kept. Dotted: mean squared error of random "
        "guesses drawn from the labels.",
        "Four panels of training and validation loss against epoch, with the level of random guesses as a line.",
    ),
    4: _predictions("Set A", "spectra of galaxies whose other spectra they were trained on"),
    5: _residuals("Set A"),
    6: _gradients("Set A"),
    7: _predictions("Set B", "galaxies of which they saw no spectrum"),
    8: _residuals("Set B"),
    9: _gradients("Set B"),
}  # fmt: skip
