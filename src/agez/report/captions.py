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
        f"{name}: ages and metallicities of the networks against those of the fit",
        f"Luminosity-weighted log age [log10 yr] (top) and metallicity [M/H] [dex] (bottom) that the networks predict "
        f"for {which}, against those of the spectral fit. Grey: one point a spectrum with reduced chi2 below 2. "
        "Contours: density of the points over its maximum, 0.05, 0.15, 0.3, 0.5 and 0.75 in both figures. Black line: "
        "1:1. The boxes give the robust standard deviation, the median and the root mean square of the difference.",
        f"Two scatter plots of predicted against fitted age and metallicity for {name} with density contours and the "
        "line of equality.",
    )


def _residuals(name: str) -> Caption:
    return Caption(
        f"{name}: residuals",
        "Top: predicted minus label log age [dex] against predicted minus label [M/H] [dex] of each spectrum, with the "
        "two distributions; solid: median, dashed: median plus and minus the robust standard deviation. A negative "
        "Pearson correlation is the age-metallicity degeneracy: an SED that is taken as too old is taken as too "
        "metal-poor. Below: both residuals against the labels, with the median (circles) and the 16th and 84th "
        "percentiles (dotted) in twelve bins of equal numbers. Colour: spectra per cell, logarithmic.",
        f"Density plot of the metallicity residual against the age residual for {name}, with histograms on its sides, "
        "and both residuals against the labels.",
    )


def _gradient_differences(name: str) -> Caption:
    return Caption(
        f"{name}: differences of the gradients",
        "Difference of the gradient in log age against that in [M/H] inside one effective radius [dex per effective "
        "radius], network minus spectral fit, one cross a galaxy. Error bars: 1 sigma, the standard deviation of the "
        "difference over 100 random subsets of 75 % of the spectra. Histograms: the two differences in bins of 0.05. "
        "Galaxies with fewer than 25 spectra inside the effective radius, or none outside, are left out.",
        f"Scatter plot of age gradient differences against metallicity gradient differences for {name}, with error "
        "bars, and histograms above and at the right.",
    )


def _gradients(name: str) -> Caption:
    return Caption(
        f"{name}: gradients of the networks against those of the fit",
        "Gradients of log age (left) and [M/H] (right) inside one effective radius [dex per effective radius], "
        "measured on the predictions and on the labels of the same spectra, one point a galaxy. Circles: late types; "
        "triangles: early types. Error bars: standard deviation of the slope over 100 random subsets of 75 % of the "
        "spectra. Dashed: equality.",
        f"Predicted against label radial gradients of age and metallicity for {name}, early and late types marked, "
        "with error bars and the line of equality.",
    )


def _dependence(what: str) -> Caption:
    return Caption(
        f"Accuracy against {what}",
        "Upper four panels: Set A, lower four: Set B; metallicity, then age. Grey: one point a galaxy, the median "
        "(left) and the robust standard deviation (right) of network minus spectral fit [dex] over its spectra. Red: "
        "medians of bins of 16 galaxies, error bars their robust standard deviation. Scales differ from panel to "
        "panel. Above each panel: Spearman's rank correlation rho with its 95 % bootstrap interval over galaxies.",
        f"Eight scatter plots of each galaxy's residual median and scatter against {what}, with binned medians.",
    )


#: Figures are keyed by their number in the paper; words stand for what is ours.
FigureKey = int | str

CAPTIONS: dict[FigureKey, Caption] = {
    1: Caption(
        "A spectrum and its J-PAS photometry",
        "Top: responses of the bands, each scaled to a peak of 1; a dotted band is not covered by this spectrum. "
        "Bottom: one spectrum of the sample at rest frame (black, flux density per unit wavelength against vacuum "
        "wavelength [A]) and the synthetic photometry made from it (red points; vertical bars: error, horizontal bars: "
        "FWHM of the band).",
        "Band responses against wavelength above a galaxy spectrum with its synthetic photometry as points.",
    ),
    2: Caption(
        "The network, and the sizes of all four",
        "Top: the network, layer after layer: length along the SED (height) by number of filters (width). Below: the "
        "hyperparameters of the four networks: those that the authors set by hand, with which Set A and Set B are "
        "trained (batches of the quick preset are smaller), and those that our search chose, where it was run.",
        "Schematic drawing of the convolutional network and a table of filters, widths, pooling, dense units and batch "
        "sizes for age and metallicity in Set A and Set B.",
    ),
    3: Caption(
        "How Set A and Set B divide the spectra",
        "Places of the spectra of four galaxies, each marked by the subset that it belongs to (black circles, red "
        "triangles, orange squares, yellow diamonds). Top four panels: Set A, which deals the spectra of each galaxy "
        "into the four subsets. Lower four: Set B, which deals whole galaxies.",
        "Eight maps of spectra as coloured symbols: mixed in the four of Set A, of one kind each in the four of Set B.",
    ),
    4: Caption(
        "Learning curves",
        "Mean squared error [dex squared] against epoch of one network for the age in Set A (top) and in Set B "
        "(bottom). Black: training spectra, mean over an epoch's minibatches; dashed red: validation spectra. The 0th "
        "epoch is the mean squared error of "
        "random guesses drawn from the labels.",
        "Two panels of training and validation loss against epoch, falling from the level of random guesses.",
    ),
    5: Caption(
        "Radial profiles of one galaxy",
        "[M/H] (top) and log age (bottom) of one galaxy against face-on radius [effective radii], from the spectral "
        "fit (left) and from the networks of Set A (right). Grey crosses: one a spectrum. Red: straight lines inside "
        "one effective radius of 100 random subsets of 75 % of the spectra; black: their mean. The boxes give the "
        "mean slope and its standard deviation over the subsets. The galaxy is the one whose gradients are recovered "
        "as well as in the median.",
        "Four panels of metallicity and age against radius, fit at the left and network at the right, with many thin "
        "lines and their mean.",
    ),
    6: _predictions("Set A", "spectra of galaxies whose other spectra they were trained on"),
    7: _gradient_differences("Set A"),
    8: _predictions("Set B", "galaxies of which they saw no spectrum"),
    9: _gradient_differences("Set B"),
    10: _dependence("specific star-formation rate"),
    11: _dependence("inclination"),
    12: _dependence("dust attenuation"),
    13: Caption(
        "Accuracy of the age against the size of the training set",
        "Robust standard deviation of predicted minus label log age [dex] on untouched spectra against the part of the "
        "sample that was trained on, validation included. Solid: Set A; dashed: Set B; error bars: standard deviation "
        "over random repeats. Dotted and dash-dotted: random guesses drawn from the labels, in this run and in the "
        "paper.",
        "Falling curves of scatter against training fraction for Set A and Set B, below the level of random guesses.",
    ),
    14: Caption(
        "Age gradients against stellar mass",
        "Radial gradients of log age inside one effective radius [dex per effective radius] against log stellar mass, "
        "from the spectral fit, from Set A and from Set B (left to right). Open: one symbol a galaxy; filled: means of "
        "bins of 6 early types (red circles) and 10 late types (black squares) in order of mass, with standard "
        "deviations.",
        "Three panels of age gradients against stellar mass, from fit, Set A and Set B, with binned means.",
    ),
    "search": Caption(
        "The search for the networks' sizes",
        "Mean squared error of the validation rows [dex squared] of each trial. Circles: trained to the end; crosses: "
        "given up early; line: best so far; diamond: the sizes that the authors set by hand, which are tried first.",
        "Four panels of validation error against the number of the trial, with the best so far as a line.",
    ),
    "learning": Caption(
        "Learning curves of all networks",
        "Mean squared error [dex squared] against epoch for every network: age (left) and metallicity (right), Set A "
        "(top) and Set B (bottom), one colour for each fold of the cross-validation. Dashed: training, solid: "
        "validation, circles: the epoch whose weights were kept. Dotted: mean squared error of random "
        "guesses drawn from the labels.",
        "Four panels of training and validation loss against epoch, with the level of random guesses as a line.",
    ),
    "residuals_a": _residuals("Set A"),
    "residuals_b": _residuals("Set B"),
    "gradients_a": _gradients("Set A"),
    "gradients_b": _gradients("Set B"),
    "bulge_fraction": _dependence("bulge fraction"),
    "training_size": Caption(
        "Both quantities against the size of the training set",
        "Mean squared error (top) and robust standard deviation (bottom) of predicted minus label on untouched "
        "spectra, against the part of the sample that was trained on, validation included. Lines and large symbols: "
        "mean over random repeats; bands: standard deviation; faint symbols: single repeats. Dotted and dash-dotted: "
        "random guesses drawn from the labels, in this run and in the paper. Logarithmic.",
        "Falling curves of error against training fraction for Set A and Set B with bands of their spread.",
    ),
    "metallicity_gradients": Caption(
        "Metallicity gradients against stellar mass",
        "As the paper's figure 14, for [M/H]: radial gradients inside one effective radius from the spectral fit, Set "
        "A and Set B. Open: one symbol a galaxy; filled: means of bins in order of mass, with standard deviations.",
        "Three panels of metallicity gradients against stellar mass, from fit, Set A and Set B, with binned means.",
    ),
    "diversity": Caption(
        "What makes Set B bad",
        "Top: robust scatter of Set B over that of Set A for mock surveys whose galaxies differ in one more way each, "
        "and in all, labelled with the same library, with 95 % intervals over galaxies; dashed red: the paper's. "
        "Bottom: robust scatter about the labels [dex] of both sets against the number of galaxies, in the standard "
        "survey (solid) and with all differences (dashed).",
        "Ratios of the scatter of unseen to known galaxies for seven mock surveys beside the paper's value, and curves "
        "of scatter against the number of galaxies.",
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
