"""How far template libraries part: answers as if each were true, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agez.distributions.mixture import moments
from agez.mixture_network.mixture_model import MixtureNetwork
from agez.mixture_network.row_answers import RowAnswers, RowInputs
from agez.models.features import normalised, redshift_unit
from agez.targets import Target
from agez.types import Floats


def library_spread(
    told: Sequence[MixtureNetwork], inputs: RowInputs, targets: Sequence[Target], sums: Sequence[Target],
    found: RowAnswers,
) -> Floats:  # fmt: skip
    """(n, d + sums) standard deviation over libraries of the mean of each target, in its unit; NaN without an answer.

    Parameters
    ----------
    told : sequence of MixtureNetwork
        The network, told one library each.
    inputs : RowInputs
        Bands that the answer rests on.
    targets, sums : sequence of Target
        Of the networks; and targets that are sums of these.
    found : RowAnswers
        The answer, in the targets' units: where a target is learned on another scale, the spread there is that at the
        answer's mean.
    """
    seds = normalised(inputs.flux, inputs.flux_err, inputs.covered)
    means = np.stack([moments(one.answer(seds, inputs.redshift, inputs.redshift_err))[0] for one in told])
    names = [target.name for target in targets]
    summed = [means[..., [names.index(part) for part in total.sum_of]].sum(axis=-1) for total in sums]
    spread = np.concatenate([means, *(one[..., None] for one in summed)], axis=-1).std(axis=0)
    _, unit = redshift_unit(inputs.redshift, inputs.redshift_err, told[0].members[0].scaling.redshift_range)
    for t, target in enumerate(targets):
        if target.scale == "redshift":
            spread[:, t] *= unit
        elif target.scale == "arcsinh":
            spread[:, t] *= np.hypot(1.0, found.mean[:, t])  # d sinh(x) / dx = cosh(x)
    return np.where(np.isfinite(found.mean[:, : spread.shape[1]]), spread, np.nan)
