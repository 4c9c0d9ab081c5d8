"""Mixture networks by compiled kernels and BLAS: :func:`agez.mixture_network.row_answers.answers`, faster.

A tile of rows stays in the processor's cache from fluxes to network outputs.  The numpy functions are the reference of
the tests and the fallback; predictions differ from theirs only by float32 rounding: less than 1e-5 dex in means and
quantiles, mostly 1e-6 and at most a few 1e-3 relative in the out-of-distribution score, which is as inexact in numpy.
With BLAS, the position of a row in its tile changes results by a tenth of that, here as in numpy.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from agez.distributions.compiled_quantiles import quantile_rows
from agez.distributions.mixture import Mixture, moments, triangle_size
from agez.mixture_network.compiled_mixture import mix_rows
from agez.mixture_network.mixture_model import MixtureNetwork, Network
from agez.mixture_network.row_answers import RowAnswers, RowInputs, answers, levels
from agez.mixture_network.trunks import (
    Parameters,
    dense_layers,
    first_stage,
    forward,
    outputs_of_stages,
    second_stage,
)
from agez.models.compiled_features import (
    add_bias_and_clip,
    fill_contrasts,
    fill_features,
    fill_redshift_features,
    median_ratios,
    scale_rows,
)
from agez.models.features import CONTRAST_WIDTHS, TURNS, n_features
from agez.novelty.compiled_score import compiled_score
from agez.novelty.prepared_novelty import PreparedNovelty, prepared_novelty
from agez.types import Bools, Floats, Ints

#: Rows evaluated at a time: the outputs of a layer stay in the processor's second cache.
TILE = 256


class _Network(NamedTuple):
    """Arrays of a network for the kernels: feature scaling, and the forward pass of the trunk."""

    center: Floats
    width: Floats
    low: float
    high: float
    error_mean: np.float32
    error_std: np.float32
    forward: Callable[[Floats], Floats]


class _Ready(NamedTuple):
    """Precomputed arrays of a model that do not depend on rows."""

    networks: tuple[_Network, ...]
    around: Floats
    novelty: PreparedNovelty
    label_mean: Floats
    label_std: Floats
    shift: Floats
    log_factor: Floats
    center: Floats
    width: Floats
    blur: Floats


@lru_cache(maxsize=8)
def _ready(network: MixtureNetwork) -> _Ready:
    """The precomputed arrays, cached for the last few models."""
    label_scaling = [(member.scaling.label_mean, member.scaling.label_std) for member in network.members]
    mean, std = (np.array(column, float) for column in zip(*label_scaling, strict=True))
    calibration = network.calibration
    bands = network.members[0].scaling.center.shape[-1]
    distance = np.arange(bands)[:, None] - np.arange(bands)
    kernels = [np.exp(-0.5 * (distance / width) ** 2) for width in CONTRAST_WIDTHS]
    return _Ready(
        tuple(_network(member) for member in network.members), np.concatenate(kernels, axis=1).astype(np.float32),
        prepared_novelty(network.novelty), mean, std,
        *(
            np.array(getattr(calibration, name), float) for name in ("shift", "log_factor", "center", "width", "blur")
        ),
    )  # fmt: skip


def _network(member: Network) -> _Network:
    scaling = member.scaling
    center, width = (np.array(table, np.float32).reshape(len(table), -1) for table in (scaling.center, scaling.width))
    trunk: Callable[[Floats], Floats]
    if member.shape.trunk == "dense":
        first = _layers(first_stage(member.parameters))
        trunk = partial(_dense, first)
        if member.shape.first_targets:
            further = _layers(second_stage(member.parameters))
            trunk = partial(_two_stages, first, further, *outputs_of_stages(member.shape))
    else:
        trunk = partial(forward, member.shape, member.parameters)
    return _Network(
        center, width, *scaling.redshift_range, np.float32(scaling.error_mean), np.float32(scaling.error_std), trunk
    )


def _layers(parameters: Parameters) -> list[tuple[Floats, Floats]]:
    return [(np.array(w, np.float32), np.array(b, np.float32)) for w, b in dense_layers(parameters)]


def _dense(layers: list[tuple[Floats, Floats]], x: Floats) -> Floats:
    """Forward pass of the dense trunk, with bias and ReLU in place."""
    return _last(layers, _hidden(layers, x))


def _hidden(layers: list[tuple[Floats, Floats]], x: Floats) -> Floats:
    for weight, bias in layers[:-1]:
        x = x @ weight
        add_bias_and_clip(x, bias)
    return x


def _last(layers: list[tuple[Floats, Floats]], x: Floats) -> Floats:
    weight, bias = layers[-1]
    out = np.asarray(x @ weight)
    out += bias
    return out


def _two_stages(
    first: list[tuple[Floats, Floats]], further: list[tuple[Floats, Floats]], of_first: Ints, of_further: Ints,
    x: Floats,
) -> Floats:  # fmt: skip
    """Forward pass of a dense trunk in two stages."""
    hidden = _hidden(first, x)
    out = np.empty((len(x), len(of_first) + len(of_further)), np.float32)
    out[:, of_first] = _last(first, hidden)
    out[:, of_further] = _dense(further, np.concatenate([x, hidden], axis=1))
    return out


class _Seen(NamedTuple):
    """Scaled rows, and what the networks alone say of them."""

    scaled: Floats
    error: Floats
    log_error: Floats
    covered: Bools
    snr: Floats
    assumed: Bools
    no_flux: Bools
    mixture: Mixture
    mean: Floats
    correlation: Floats


def compiled_answers(network: MixtureNetwork, inputs: RowInputs, probabilities: Floats) -> RowAnswers:
    """As :func:`agez.mixture_network.row_answers.answers`."""
    n = len(inputs.flux)
    if n == 0:
        return answers(network, inputs, probabilities)
    seen, redshifts = _seen(network, inputs), (np.array(inputs.redshift, float), np.array(inputs.redshift_err, float))
    mixture, mean, correlation = seen.mixture, seen.mean, seen.correlation
    given = network.with_given(mixture, *redshifts)
    if network.at_found is not None:
        from agez.mixture_network.found_redshift import with_found  # broad redshifts alone

        known = network.at_found

        def answer(rows: Ints, z: Floats) -> Mixture:
            return _seen(known, inputs.take(rows)._replace(redshift=z, redshift_err=np.zeros(len(z)))).mixture

        given = with_found(network, given, *redshifts, answer)
    if given is not mixture:
        mixture = given
        mean, _, correlation = moments(mixture)
    target_levels = levels(network, probabilities)
    quantiles = np.empty((*target_levels.shape, n))
    quantile_rows(mixture.weights, mixture.mean, mixture.covariance, target_levels, ndtri(target_levels), quantiles)
    searched = network.searched(mixture, *redshifts)
    scores = compiled_score(_ready(network).novelty, seen.scaled, seen.error, seen.log_error, seen.covered, *searched)
    answered = inputs.allowed & ~seen.no_flux
    columns = (scores.ood, scores.chi2, scores.nearest, scores.worst_sigma)
    ood, chi2, nearest, worst_sigma = (np.where(answered, one, np.nan) for one in columns)
    return RowAnswers(
        mixture, mean, correlation, quantiles, ood, chi2, nearest, scores.worst_band, worst_sigma, seen.snr,
        seen.assumed, seen.no_flux,
    )  # fmt: skip


def _seen(network: MixtureNetwork, inputs: RowInputs) -> _Seen:
    """Rows through the networks, tile by tile."""
    ready, (n, b) = _ready(network), inputs.flux.shape
    covered = np.ascontiguousarray(inputs.covered)
    redshift, redshift_err = (np.array(column, float) for column in (inputs.redshift, inputs.redshift_err))
    redshift, redshift_err = network.shown(redshift, redshift_err)
    scaled, error, log_error = np.empty((3, n, b), np.float32)
    raw = np.empty((len(ready.networks), n, network.members[0].shape.outputs), np.float32)
    assumed, no_flux = np.empty((2, n), bool)
    signals = np.empty((TILE, 1 + len(CONTRAST_WIDTHS), b), np.float32)
    for start in range(0, n, TILE):
        rows = slice(start, min(start + TILE, n))
        count = rows.stop - start
        flux, flux_err = (np.ascontiguousarray(table[rows], float) for table in (inputs.flux, inputs.flux_err))
        pulled = np.empty((2, count, b), np.float32)
        scale_rows(
            flux, flux_err, covered[rows], scaled[rows], error[rows], log_error[rows], pulled, assumed[rows],
            no_flux[rows],
        )  # fmt: skip
        around = (pulled.reshape(-1, b) @ ready.around).reshape(2, count, -1, b)
        fill_contrasts(scaled[rows], covered[rows], around, signals[:count])
        _through_networks(
            ready, signals[:count].reshape(count, -1), log_error[rows], covered[rows], redshift[rows],
            redshift_err[rows], raw[:, rows],
        )  # fmt: skip
    snr = np.empty(n, np.float32)
    median_ratios(scaled, error, covered, snr)
    k, d = network.members[0].shape.components, network.n_targets
    mixture = Mixture(np.empty((n, k)), np.empty((n, k, d)), np.empty((n, k, triangle_size(d))))
    mean, correlation = np.empty((n, d)), np.empty(n)
    mix_rows(
        raw, ready.label_mean, ready.label_std, inputs.allowed & ~no_flux, snr, covered.mean(axis=1), ready.shift,
        ready.log_factor, ready.center, ready.width, ready.blur, (0,) * d, mixture.weights, mixture.mean,
        mixture.covariance, mean, correlation,
    )  # fmt: skip
    return _Seen(scaled, error, log_error, covered, snr, assumed, no_flux, mixture, mean, correlation)


def _through_networks(
    ready: _Ready, signals: Floats, log_error: Floats, covered: Bools, redshift: Floats, redshift_err: Floats,
    raw: Floats,
) -> None:  # fmt: skip
    """Fill the raw outputs (members, rows, outputs) of all networks for a tile."""
    of_redshift: dict[tuple[float, float], Floats] = {}
    for number, network in enumerate(ready.networks):
        limits = network.low, network.high
        if limits not in of_redshift:
            of_redshift[limits] = np.empty((len(redshift), 3 + 2 * len(TURNS)), np.float32)
            fill_redshift_features(redshift, redshift_err, *limits, of_redshift[limits])
        x: Floats = np.empty((len(signals), n_features(log_error.shape[1])), np.float32)
        fill_features(
            signals, log_error, covered, redshift, of_redshift[limits], network.center, network.width, *limits,
            network.error_mean, network.error_std, x,
        )  # fmt: skip
        raw[number] = network.forward(x)
