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


def _dependence(what: str) -> Caption:
    return Caption(
        f"Residuals of galaxies against {what}",
        "One point a galaxy: the median (rows of median) and the robust standard deviation (rows of sigma_MAD) of the "
        "residuals, predicted minus label [dex], of its spectra. Circles and solid: Set A; triangles and dashed: "
        "Set B. Lines: running medians of 16 galaxies that follow each other. Above each panel: Spearman's "
        "rank correlation rho with its 95 % bootstrap interval over galaxies.",
        f"Scatter plots of each galaxy's residual median and scatter against {what}, with running medians.",
    )


#: Figures are keyed by their number in the paper; ``search`` and ``calibration`` have none there.
FigureKey = int | str

CAPTIONS: dict[FigureKey, Caption] = {
    1: Caption(
        "A spectrum and its SED",
        "Top: responses of the bands, each scaled to a peak of 1; a dotted band is not covered by this spectrum. "
        "Bottom: one spectrum of the sample at rest frame (grey, flux density per unit wavelength against vacuum "
        "wavelength [A]) and the synthetic photometry made from it (points; vertical bars: error, horizontal bars: "
        "FWHM of the band).",
        "Band responses against wavelength above a galaxy spectrum with its synthetic photometry as points.",
    ),
    2: Caption(
        "The networks",
        "What each layer gives: length along the SED (height) by number of filters (width), with the width of the "
        "convolutions, the length of the pooling and the number of parameters. Top: the sizes that the authors set by "
        "hand; below, where the search was run: those that it chose for Set A and for Set B.",
        "Schematic drawing of the convolutional networks for age and metallicity, layer after layer, with shapes.",
    ),
    "search": Caption(
        "The search for the networks' sizes",
        "Mean squared error of the validation rows [dex squared] of each trial. Circles: trained to the end; crosses: "
        "given up early; line: best so far; diamond: the sizes that the authors set by hand, which are tried first.",
        "Four panels of validation error against the number of the trial, with the best so far as a line.",
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
    10: _dependence("specific star-formation rate"),
    11: _dependence("inclination and dust attenuation"),
    12: _dependence("bulge fraction"),
    13: Caption(
        "Accuracy against the size of the training set",
        "Mean squared error (top) and robust standard deviation (bottom) of predicted minus label on untouched "
        "spectra, against the part of the sample that was trained on, validation included. Lines and large symbols: "
        "mean over random repeats; bands: standard deviation; faint symbols: single repeats. Dotted and dash-dotted: "
        "random guesses drawn from the labels, in this run and in the paper. Logarithmic.",
        "Falling curves of error against training fraction for Set A and Set B with bands of their spread.",
    ),
    14: Caption(
        "Radial gradients against stellar mass",
        "Gradients of log age (left) and [M/H] (right) inside one effective radius against log stellar mass, from "
        "labels, Set A and Set B (top to bottom). Circles: late types; triangles: early types. Faint: one galaxy each, "
        "with the error of its slope; bold: means of bins in order of mass, with standard errors.",
        "Gradients of age and metallicity against stellar mass, one row each for labels, Set A and Set B, with means.",
    ),
    "calibration": Caption(
        "Whether the distributions hold what they promise: unseen galaxies (Set B)",
        "Top left: histogram of the probability integral transform, the predicted cumulative distribution at the "
        "label: flat where the distributions are right. Top middle: coverage minus nominal probability of central "
        "intervals of all sizes. Other panels: coverage of the 68.27 % (full symbols) and 95.45 % (open) intervals in "
        "bins of equally many spectra. Circles and solid: age; triangles and dashed: metallicity; bars: standard "
        "errors over bootstrap samples of galaxies. Grey: within 2 points overall, 5 in a bin.",
        "A histogram near one, and curves of coverage near their nominal probabilities, for age and metallicity.",
    ),
}  # fmt: skip
