"""Models that predict distributions: flags, columns and expected photometry of their rows."""

from __future__ import annotations

import numpy as np

from agez.flags import Flag, set_flag
from agez.mixture_network.averaged_answers import averaged_answers
from agez.mixture_network.mixture_model import MixtureNetwork, read_network
from agez.mixture_network.redshift_inside import LEAST_ANSWERED, LEAST_TRUSTED, inside_redshift
from agez.mixture_network.row_answers import RowAnswers, RowInputs, answers
from agez.models.features import normalised
from agez.models.model import Model
from agez.models.weak_bands import band_weights
from agez.novelty.expected_photometry import expected
from agez.types import QUANTILES, WIDE_QUANTILES, Floats, Photometry, Prediction

#: Probabilities of the quantiles, ascending, and the place among them of each column of a Prediction.
PROBABILITIES = np.array(sorted((*QUANTILES.values(), *WIDE_QUANTILES.values())))
COLUMN_PLACES = np.searchsorted(PROBABILITIES, (*QUANTILES.values(), *WIDE_QUANTILES.values()))


class MixtureKind:
    """Networks that predict a mixture of Gaussians (:class:`agez.models.model.ModelKind`)."""

    word = "posterior"
    gives_distribution = True
    onnx_module = "agez.onnx.onnx_posterior"

    def __init__(self, model: Model) -> None:
        self.model = model
        self.network: MixtureNetwork = read_network(model)

    def most_missing(self) -> int:
        """Number of bands that a row may lack."""
        return len(self.model.bands) - int(self.model.header["least_bands"])

    def card_lines(self) -> list[str]:
        """Two sentences for the model card."""
        header = self.model.header
        words = " and ".join(target.short for target in self.model.targets)
        return [
            f"A distribution of {words} for each row: {header['members']} networks that take any of its bands.",
            f"Rows need at least {header['least_bands']} bands.",
        ]

    def expected(self, photometry: Photometry) -> tuple[Floats, Floats]:
        """Expected flux of each band and its error, predicted from the other bands of the row."""
        seds = normalised(photometry.flux, photometry.flux_err, photometry.covered)
        flux, err = expected(self.network.novelty, seds, photometry.redshift, photometry.redshift_err)
        return flux * seds.scale[:, None], err * seds.scale[:, None]

    def answer(self, photometry: Photometry, *, compiled: bool = False) -> Prediction:
        """Predict rows in the bands of the model, in its order; ``compiled``: by numba, which must be installed."""
        model, header = self.model, self.model.header
        inside = inside_redshift(
            photometry.redshift, photometry.redshift_err, header["redshift_range"],
            tolerance=float(header["redshift_tolerance"]),
        )  # fmt: skip
        least_bands = int(header["least_bands"])
        weights = band_weights(photometry.flux, photometry.flux_err, photometry.covered)
        covered = photometry.covered if weights is None else photometry.covered & (weights > 0)
        few = covered.sum(axis=1) < least_bands
        with np.errstate(invalid="ignore"):
            outside = inside.share < LEAST_ANSWERED
            doubtful = inside.share < LEAST_TRUSTED
        rows = RowInputs(
            photometry.flux, photometry.flux_err, covered, inside.redshift, inside.redshift_err, ~(outside | few)
        )  # fmt: skip

        def run(inputs: RowInputs) -> RowAnswers:
            if compiled:
                from agez.mixture_network.compiled_answers import compiled_answers

                return compiled_answers(self.network, inputs, PROBABILITIES)
            return answers(self.network, inputs, PROBABILITIES)

        predicted = averaged_answers(self.network, rows, weights, PROBABILITIES, least_bands=least_bands, run=run)
        flags = set_flag(np.array(photometry.flags, np.int32), doubtful, Flag.REDSHIFT_OUTSIDE_MODEL)
        flags = set_flag(flags, np.asarray((covered < photometry.covered).any(axis=1)), Flag.BAND_NOT_COVERED)
        flags = set_flag(flags, few, Flag.TOO_FEW_BANDS)
        flags = set_flag(flags, predicted.no_flux & ~few, Flag.NO_DATA)
        flags = set_flag(flags, np.isnan(inside.redshift), Flag.REDSHIFT_UNKNOWN)
        flags = set_flag(flags, predicted.assumed, Flag.ERROR_ASSUMED)
        with np.errstate(invalid="ignore"):
            flags = set_flag(flags, predicted.snr < float(header["least_snr"]), Flag.LOW_SNR)
            flags = set_flag(flags, predicted.ood > float(header["ood_threshold"]), Flag.OUT_OF_DISTRIBUTION)
            low, high = model.arrays["label_range"]
            flags = set_flag(flags, ((predicted.mean < low) | (predicted.mean > high)).any(axis=1), Flag.OUT_OF_RANGE)
        return Prediction(
            photometry.rows, model.targets, predicted.mean,
            predicted.quantiles[:, COLUMN_PLACES].transpose(2, 0, 1), predicted.ood, flags,
            {**photometry.meta, **model.answer_meta}, predicted.correlation, predicted.chi2, predicted.nearest,
            inside.share, predicted.mixture,
        )  # fmt: skip
