"""Posterior summaries of rows, without flags: by numpy here, by compiled kernels in ``compiled_answers``."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from agez.distributions.marginals import quantiles
from agez.distributions.mixture import Mixture, moments
from agez.mixture_network.calibration import calibrated_probabilities, signal_to_noise
from agez.mixture_network.mixture_model import MixtureNetwork
from agez.models.features import normalised
from agez.novelty.novelty_score import score
from agez.types import Bools, Floats, Ints


class RowInputs(NamedTuple):
    """Rows (n, b) in the model's bands, as in :class:`agez.types.Photometry`; ``allowed`` (n,): rows to predict."""

    flux: Floats
    flux_err: Floats
    covered: Bools
    redshift: Floats
    redshift_err: Floats
    allowed: Bools

    def take(self, rows: Ints) -> RowInputs:
        """Some of the rows."""
        columns: list[Any] = [column[rows] for column in self]
        return RowInputs(*columns)


class RowAnswers(NamedTuple):
    """Posterior summaries of n rows; NaN where no prediction is made.

    ``mixture``; its ``mean`` (n, d) and ``correlation`` (n,); ``quantiles`` (d, p, n) of the targets; ``ood``,
    ``chi2``, ``nearest``, ``worst_band`` and ``worst_sigma`` (n,) of :class:`agez.novelty.novelty_score.Scores`; and
    for all rows ``snr`` (n,), the median signal-to-noise ratio, ``assumed`` (n,), rows with unknown errors, and
    ``no_flux`` (n,), rows without positive flux.
    """

    mixture: Mixture
    mean: Floats
    correlation: Floats
    quantiles: Floats
    ood: Floats
    chi2: Floats
    nearest: Floats
    worst_band: Ints
    worst_sigma: Floats
    snr: Floats
    assumed: Bools
    no_flux: Bools

    def with_rows(self, rows: Ints, new: RowAnswers) -> RowAnswers:
        """The same answers with those of some rows replaced."""
        columns: dict[str, Any] = {}
        for name, whole, part in zip(self._fields, self, new, strict=True):
            if name == "mixture":
                columns[name] = self.mixture.with_rows(rows, new.mixture)
                continue
            out = np.array(whole)
            out[(..., rows) if name == "quantiles" else rows] = part
            columns[name] = out
        return RowAnswers(**columns)


def levels(network: MixtureNetwork, probabilities: Floats) -> Floats:
    """(d, p) probability levels of each target's mixture for the calibrated quantiles of ``probabilities``."""
    return np.stack([
        calibrated_probabilities(network.calibration, probabilities, t) for t in range(network.n_targets)
    ])  # fmt: skip


def answers(network: MixtureNetwork, inputs: RowInputs, probabilities: Floats) -> RowAnswers:
    """Predictions of a network, by numpy; ``probabilities`` (p,) of the quantiles are ascending."""
    seds = normalised(inputs.flux, inputs.flux_err, inputs.covered)
    no_flux = ~(np.where(inputs.covered, inputs.flux, 0).sum(axis=1) > 0)
    answered = inputs.allowed & ~no_flux
    mixture = _only(network.answer(seds, inputs.redshift, inputs.redshift_err), answered)
    scores = score(network.novelty, seds, *network.searched(mixture, inputs.redshift, inputs.redshift_err))
    mean, _, correlation = moments(mixture)
    columns = (scores.ood, scores.chi2, scores.nearest, scores.worst_sigma)
    ood, chi2, nearest, worst_sigma = (np.where(answered, one, np.nan) for one in columns)
    each = [quantiles(mixture, level, t).T for t, level in enumerate(levels(network, probabilities))]
    return RowAnswers(
        mixture, mean, correlation, np.stack(each), ood, chi2, nearest, scores.worst_band, worst_sigma,
        signal_to_noise(seds), seds.assumed, no_flux,
    )  # fmt: skip


def _only(mixture: Mixture, answered: Bools) -> Mixture:
    """Set rows without prediction to NaN."""
    keep = np.where(answered, 1.0, np.nan)
    return Mixture(
        mixture.weights * keep[:, None], mixture.mean * keep[:, None, None], mixture.covariance * keep[:, None, None]
    )
