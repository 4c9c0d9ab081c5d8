"""Posterior models as an ONNX graph: from fluxes, errors, bands that are there and redshift to the distribution.

Every step stands for the function of agez that its comment names, in the same precision: fluxes and redshifts come in
float64, are scaled there, and features and networks are float32; mixtures are float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from agez.distributions.mixture import diagonal, triangle_size
from agez.errors import AgezError
from agez.mixture_network.calibration import LEAST_UNBLURRED, REFERENCE_TARGETS, IntervalCalibration
from agez.mixture_network.mixture_head import MAX_LOG_PRECISION, numbers_of_component
from agez.mixture_network.mixture_model import MixtureNetwork, Network, leading, network_of
from agez.mixture_network.redshift_inside import UNKNOWN_STRETCH
from agez.mixture_network.trunks import dense_layers
from agez.models import features
from agez.models.model import Model
from agez.models.weak_bands import BELIEVED, QUARTILES, UNSEEN
from agez.onnx.onnx_graph import Graph
from agez.onnx.onnx_redshifts import GraphMixture, answered_there, for_others, found_redshift, times_given, where
from agez.targets import SHIPPED_TARGETS, Target

#: What the file computes, for its description.
_DESCRIPTION = (
    "Inputs: flux, flux_err (n, bands) float64, f_nu in any common unit, in the metadata's order of bands, errors NaN "
    "where unknown; covered (n, bands) bool, false where a band says nothing; redshift, redshift_err (n) float64, NaN "
    "where unknown, and for no error. Outputs, float64: {names} (n), {means}; "
    "weights (n, k), mean (n, k, {d}), covariance (n, k, {triangle}): the calibrated mixture of k Gaussians "
    "over ({symbols}), covariance as {order}. Quantiles, "
    "flags and the score of unusual SEDs are not in the file, and it answers every row: those with fewer bands than "
    "least_bands, of redshift outside redshift_range{broad}, or without positive flux mean nothing. A band whose error "
    "is more than "
    f"{np.sqrt(BELIEVED * UNSEEN):.2g} times the row's usual one counts as not covered; agez itself goes over "
    f"smoothly, from {BELIEVED:g} to {UNSEEN:g} times, and leaves out a band that all others contradict, "
    "and cuts redshift distributions at 0.001."
)
_BROAD = ", with a redshift error above a third of that range"
_KNOWN_ALONE = " Rows of unknown redshift, and of redshift errors above {most:g}, are NaN: agez finds their redshifts."
_SHIPPED_WORDS = {
    "means": "means of light-weighted log10(age/yr) and [M/H] in dex",
    "symbols": "log age, [M/H]",
    "order": "variance of log age, covariance, variance of [M/H], in dex^2",
}
F32, F64 = np.float32, np.float64


class _Seds(NamedTuple):
    """As :class:`agez.models.features.NormalisedPhotometry`."""

    flux: str
    flux_err: str
    covered: str


def add_to_graph(graph: Graph, model: Model) -> str:
    """Inputs, all computation and outputs of the model; gives back the description of the file."""
    network, b = network_of(model), len(model.bands)
    first = network.members[0].shape.first_targets
    if first:  # the second stage is for the others
        network = leading(network, first)
    targets = model.targets[: network.n_targets]
    if network.members[0].shape.trunk != "dense":
        raise AgezError(
            f"model {model.name!r}: only networks with the dense trunk have an ONNX form, not "
            f"{network.members[0].shape.trunk!r}; answer with agez"
        )
    flux, flux_err = (graph.input(name, ("n", b), F64) for name in ("flux", "flux_err"))
    covered = graph.input("covered", ("n", b), np.bool_)
    z, z_err = (graph.input(name, ("n",), F64) for name in ("redshift", "redshift_err"))
    nothing = graph.op("Add", graph.op("Mul", z, graph.constant(0.0, F64)), graph.constant(np.nan, F64))
    if not model.header.get("uses_redshift", True):  # whatever is fed, it is none
        z = nothing
    covered = _believed(graph, flux, flux_err, covered, b) if b >= 3 else covered
    seds = _scaled(graph, flux, flux_err, covered, b)
    contrasts = _contrasts(graph, seds, b)
    k = network.members[0].shape.components

    def mixture_by(own: MixtureNetwork, redshift: str, redshift_err: str) -> GraphMixture:
        answers = [_answer(graph, member, seds, contrasts, redshift, redshift_err, b) for member in own.members]
        return _calibrated(graph, own.calibration, _combined(graph, answers, k), seds, b)

    if network.of_unknown is None:
        mixture = mixture_by(network, z, z_err)
    else:
        mixture = _with_unknown(graph, network, mixture_by, z, z_err, nothing)
    if network.finder is not None:
        mixture = _known_alone(graph, network, mixture, z, z_err)
    if not model.header.get("knows_unknown_redshift"):
        mixture = _stretched(graph, mixture, z)
    for t, target in enumerate(targets):
        if not target.is_plain:
            continue
        mean = graph.total(graph.op("Mul", mixture.weight, mixture.mean[t]), keep=False)
        graph.output(target.name, mean, ("n",), F64)
    graph.output("weights", mixture.weight, ("n", k), F64)
    for name, values in (("mean", mixture.mean), ("covariance", mixture.covariance)):
        last = [graph.op("Unsqueeze", one, graph.constant([2], np.int64)) for one in values]
        graph.output(name, graph.op("Concat", *last, axis=2), ("n", k, len(values)), F64)
    said = _description(targets, broad=network.of_unknown is None and network.finder is None)
    return said + (_KNOWN_ALONE.format(most=network.most_redshift_err) if network.finder is not None else "")


def _with_unknown(
    graph: Graph, network: MixtureNetwork, mixture_by: Callable[[MixtureNetwork, str, str], GraphMixture], z: str,
    z_err: str, nothing: str,
) -> GraphMixture:  # fmt: skip
    """:meth:`agez.mixture_network.mixture_model.MixtureNetwork.answer` of networks with another for some rows."""
    other, limits, at = network.of_unknown, network.members[0].scaling.redshift_range, network.redshift_target
    assert other is not None
    others = for_others(graph, z, z_err, network.most_redshift_err)
    blind = mixture_by(other, nothing, nothing)
    if at is not None and np.isfinite(network.most_redshift_err):
        blind = times_given(graph, blind, at, z, z_err, limits)
    if at is None or other.at_found is None:
        return where(graph, others, blind, mixture_by(network, z, z_err))
    found = found_redshift(graph, blind, at, z, z_err, limits)
    here = graph.op("And", others, found.here)
    flat = graph.reshape(here, -1)
    exact = graph.constant(0.0, F64)
    known = mixture_by(
        network, graph.op("Where", flat, graph.reshape(found.redshift, -1), z), graph.op("Where", flat, exact, z_err)
    )
    there = where(graph, here, answered_there(graph, known, at, found), known)
    return where(graph, graph.op("And", others, graph.op("Not", found.here)), blind, there)


def _known_alone(graph: Graph, network: MixtureNetwork, m: GraphMixture, z: str, z_err: str) -> GraphMixture:
    """NaN for rows whose redshift would have to be found: the file has no network for that."""
    others = for_others(graph, z, z_err, network.most_redshift_err)
    nan = graph.constant(np.nan, F64)
    empty = [graph.op("Where", others, nan, one) for one in (m.weight, *m.mean, *m.covariance)]
    d = len(m.mean)
    return GraphMixture(empty[0], empty[1 : 1 + d], empty[1 + d :])


def _description(targets: Sequence[Target], *, broad: bool) -> str:
    d = len(targets)
    words = dict(_SHIPPED_WORDS) if targets == SHIPPED_TARGETS else {
        "means": "means of " + ", ".join(f"{one.description} [{one.unit or '-'}]" for one in targets),
        "symbols": ", ".join(one.name for one in targets),
        "order": "the lower triangle, row by row, in products of their units",
    }  # fmt: skip
    names = ", ".join(one.name for one in targets if one.is_plain)
    learned = ", ".join(one.name for one in targets if not one.is_plain)
    if learned:
        words["order"] += f"; {learned} are there as networks learn them (agez, docs/targets.md)"
    return _DESCRIPTION.format(names=names, d=d, triangle=triangle_size(d), broad=_BROAD * broad, **words)


def _believed(graph: Graph, flux: str, flux_err: str, covered: str, b: int) -> str:
    """Bands of a weight of a half or more, of :func:`agez.models.weak_bands.band_weights`."""
    g = graph
    zero = g.constant(0.0, F64)
    known = g.op("And", covered, g.op("Greater", flux_err, zero))
    errors = g.op("Where", known, flux_err, g.constant(np.inf, F64))
    light = g.op("Where", known, g.op("Abs", flux), zero)
    lit = g.op("Greater", light, zero)
    shares = g.op("Div", errors, g.op("Where", lit, light, g.constant(1.0, F64)))
    of_shares = _reference(graph, g.op("Where", lit, shares, g.constant(np.inf, F64)), b)
    relative = g.op("Mul", g.op("Where", g.op("IsInf", of_shares), zero, of_shares), light)
    limit = g.op("Max", _reference(graph, errors, b), g.op("Min", _neighbours(graph, errors, b), relative))
    limit = g.op("Mul", limit, g.constant(np.sqrt(BELIEVED * UNSEEN), F64))
    return g.op("And", covered, g.op("Not", g.op("And", known, g.op("Greater", errors, limit))))


def _reference(graph: Graph, errors: str, b: int) -> str:
    """(n, 1) :func:`agez.models.weak_bands._reference` of errors that are infinite where unknown."""
    g = graph
    rising = g.op_many("TopK", errors, g.constant([b], np.int64), n=2, axis=1, largest=0, sorted=1)[0]
    third = g.columns(rising, 2, 3)
    above = g.op("Greater", rising, g.op("Mul", third, g.constant(UNSEEN, F64)))
    last = g.op("Sub", g.total(g.cast(g.op("Not", above), np.int64)), g.constant(1, np.int64))
    last = g.op("Max", last, g.constant(0, np.int64))
    places = (g.op("Div", last, g.constant(part, np.int64)) for part in (2, 4))
    middle, low = (g.op("GatherElements", rising, place, axis=1) for place in places)
    return g.op("Max", third, g.op("Min", middle, g.op("Mul", low, g.constant(QUARTILES, F64))))


def _neighbours(graph: Graph, errors: str, b: int) -> str:
    """(n, b) the second smallest error of the two bands on either side of each."""
    g = graph
    end = g.op("Add", g.op("Abs", g.columns(errors, 0, 2)), g.constant(np.inf, F64))
    wide = g.op("Concat", end, errors, end, axis=1)
    four = [g.op("Unsqueeze", g.columns(wide, k, k + b), g.constant([2], np.int64)) for k in (0, 1, 3, 4)]
    two = g.op_many("TopK", g.op("Concat", *four, axis=2), g.constant([2], np.int64), n=2, axis=2, largest=0,
                    sorted=1)[0]  # fmt: skip
    return g.reshape(g.op("Gather", two, g.constant([1], np.int64), axis=2), -1, b)


def _scaled(graph: Graph, flux: str, flux_err: str, covered: str, b: int) -> _Seds:
    """:func:`agez.models.features.normalised`."""
    g = graph
    zero, one, tiny = g.constant(0.0, F64), g.constant(1.0, F64), g.constant(features.TINY, F32)
    f = g.op("Where", covered, flux, zero)
    count = g.op("Max", g.total(g.cast(covered, F64)), one)
    unit = g.op("Div", g.total(g.op("Abs", f)), count)
    unit = g.op("Where", g.op("Greater", unit, zero), unit, one)
    f = g.cast(g.op("Div", f, unit), F32)
    known = g.op("And", covered, g.op("Greater", flux_err, zero))
    unknown = g.op("And", covered, g.op("Not", known))
    mean = g.op("Abs", g.op("Div", g.total(f), g.constant(float(b), F32)))
    typical = g.op("Mul", mean, g.cast(g.op("Div", g.constant(float(b), F64), count), F32))
    e = g.op("Div", g.op("Where", known, flux_err, unit), unit)
    e = g.cast(g.clip(e, *features.ERROR_RANGE, F64), F32)
    e = g.op("Where", unknown, g.op("Mul", typical, g.constant(features.ASSUMED_ERROR, F32)), e)
    floor = g.op("Mul", typical, g.constant(features.SCALE_FLOOR, F32))
    variance = g.op("Max", g.op("Add", g.op("Mul", e, e), g.op("Mul", floor, floor)), tiny)
    weight = g.op("Where", covered, g.op("Reciprocal", variance), g.constant(0.0, F32))
    weight = g.op("Div", weight, g.op("Max", g.total(weight), tiny))
    weighted = g.op("Mul", weight, e)
    least = g.op("Max", g.op("Sqrt", g.total(g.op("Mul", weighted, weighted))), tiny)
    scale = g.op("Max", g.total(g.op("Mul", weight, f)), least)
    error = g.op("Where", covered, g.op("Div", e, scale), g.constant(1.0, F32))
    return _Seds(g.op("Div", f, scale), error, covered)


def _contrasts(graph: Graph, seds: _Seds, b: int) -> list[str]:
    """:func:`agez.models.features.contrasts`: one (n, b) for each width."""
    g = graph
    zero = g.constant(0.0, F32)
    variance = g.op("Add", g.op("Mul", seds.flux_err, seds.flux_err), g.constant(features.CONTRAST_FLOOR**2, F32))
    weight = g.op("Where", seds.covered, g.op("Reciprocal", variance), zero)
    flux = g.op("Where", seds.covered, seds.flux, zero)
    distance = np.arange(b)[:, None] - np.arange(b)
    out = []
    for width in features.CONTRAST_WIDTHS:
        kernel = g.constant(np.exp(-0.5 * (distance / width) ** 2), F32)
        norm = g.op("Max", g.op("MatMul", weight, kernel), g.constant(1e-20, F32))
        around = g.op("Div", g.op("MatMul", g.op("Mul", weight, flux), kernel), norm)
        ratio = g.op("Div", g.op("Sub", flux, around), g.op("Max", g.op("Abs", around), g.constant(1e-3, F32)))
        out.append(g.op("Where", seds.covered, g.clip(ratio, -1.0, 1.0, F32), zero))
    return out


def _answer(
    graph: Graph, member: Network, seds: _Seds, contrasts: Sequence[str], z: str, z_err: str, b: int
) -> GraphMixture:
    """:meth:`agez.mixture_network.mixture_model.Network.answer`: features, network, and the mixture they stand for."""
    x = _features(graph, member, seds, contrasts, z, z_err, b)
    layers = dense_layers(member.parameters)
    for number, (weight, bias) in enumerate(layers):
        x = graph.op("Gemm", x, graph.constant(weight, F32), graph.constant(bias, F32))
        if number < len(layers) - 1:
            x = graph.op("Relu", x)
    return _mixture_of(graph, graph.cast(x, F64), member)


def _features(graph: Graph, member: Network, seds: _Seds, contrasts: Sequence[str], z: str, z_err: str, b: int) -> str:
    """:func:`agez.models.features.features`."""
    g, scaling = graph, member.scaling
    low, high = scaling.redshift_range
    middle, half = (low + high) / 2, max((high - low) / 2, 1e-3)
    known = g.op("Not", g.op("IsNaN", z))
    place = g.op("Where", known, z, g.constant(middle, F64))
    center, width = _usual(g, member, place, known)
    linear = g.constant(features.LINEAR_UP_TO, F32)
    signals = g.op("Concat", seds.flux, *contrasts, axis=1)
    compressed = g.op("Asinh", g.op("Div", g.op("Sub", signals, center), g.op("Mul", linear, width)))
    covered = g.cast(seds.covered, F32)
    log_error = g.op("Div", g.op("Log", seds.flux_err), g.constant(np.log(10.0), F32))
    log_error = g.op("Div", g.op("Sub", log_error, g.constant(scaling.error_mean, F32)),
                     g.constant(scaling.error_std, F32))  # fmt: skip
    log_error = g.op("Mul", g.clip(log_error, -4.0, 4.0, F32), covered)
    n_signals = 1 + len(contrasts)
    there = g.op("Concat", *[covered] * n_signals, axis=1)
    blocks = g.op("Mul", g.op("Mul", linear, compressed), there)

    def number(value: float) -> str:
        return g.constant(value, F64)

    error = g.op("Where", g.op("IsNaN", z_err), number(0.0), z_err)
    error = g.op("Where", known, error, number(half))
    log10 = g.op("Div", g.op("Log", g.op("Max", error, number(features.EXACT_REDSHIFT))), number(np.log(10.0)))
    rest = [
        g.op("Div", g.op("Sub", place, number(middle)), number(half)),
        g.op("Add", log10, number(3.0)),
        g.cast(g.op("Greater", error, number(features.EXACT_REDSHIFT)), F64),
    ]
    columns = [g.cast(g.reshape(one, -1, 1), F32) for one in rest]
    turns = g.op("Div", g.op("Log", g.op("Add", g.reshape(place, -1, 1), number(1.0))), number(np.log(10.0)))
    turns = g.op("Div", turns, g.constant(np.array(features.TURNS)[None], F64))
    # whole turns are taken off in float64: sine and cosine are there in float32 in every runtime
    part = g.op("Sub", turns, g.op("Floor", turns))
    phase = g.cast(g.op("Mul", part, number(2 * np.pi)), F32)
    return g.op("Concat", blocks, log_error, covered, *columns, g.op("Sin", phase), g.op("Cos", phase), axis=1)


def _usual(graph: Graph, member: Network, z: str, known: str) -> tuple[str, str]:
    """:meth:`agez.models.feature_scaling.FeatureScaling.at`: (n, signals * b) means and widths."""
    g, scaling = graph, member.scaling
    nodes = len(scaling.center) - 1
    low, high = scaling.redshift_range
    place = g.op("Div", g.op("Sub", z, g.constant(low, F64)), g.constant(max(high - low, 1e-9), F64))
    place = g.op("Mul", g.clip(place, 0.0, 1.0, F64), g.constant(float(nodes - 1), F64))
    left = g.op("Min", g.cast(place, np.int64), g.constant(max(nodes - 2, 0), np.int64))
    right = g.op("Min", g.op("Add", left, g.constant(1, np.int64)), g.constant(nodes - 1, np.int64))
    part = g.op("Where", known, g.op("Sub", place, g.cast(left, F64)), g.constant(0.0, F64))
    part = g.reshape(g.cast(part, F32), -1, 1)
    left, right = (g.op("Where", known, one, g.constant(nodes, np.int64)) for one in (left, right))
    out = []
    for table in (scaling.center, scaling.width):
        flat = g.constant(table.reshape(len(table), -1), F32)
        start, stop = g.op("Gather", flat, left), g.op("Gather", flat, right)
        out.append(g.op("Add", start, g.op("Mul", part, g.op("Sub", stop, start))))
    return out[0], out[1]


def _mixture_of(graph: Graph, raw: str, member: Network) -> GraphMixture:
    """:func:`agez.mixture_network.mixture_head.mixture_of`."""
    g, k, d = graph, member.shape.components, member.shape.n_targets
    center, width = (np.asarray(one, float) for one in (member.scaling.label_mean, member.scaling.label_std))
    blocks = [g.columns(raw, j * k, (j + 1) * k) for j in range(numbers_of_component(d))]
    most = g.constant(MAX_LOG_PRECISION, F64)
    inverse: list[list[str]] = []
    for i in range(d):
        scale = g.op("Exp", g.op("Neg", g.op("Min", blocks[1 + d + i], most)))
        row = []
        for j in range(i):
            below = [blocks[1 + 2 * d + i * (i - 1) // 2 + m] for m in range(j, i)]
            rest = _summed(g, [g.op("Mul", one, inverse[j + m][j]) for m, one in enumerate(below)])
            row.append(g.op("Mul", g.op("Neg", rest), scale))
        inverse.append([*row, scale])
    mean = [
        g.op("Add", g.op("Mul", blocks[1 + t], g.constant(width[t], F64)), g.constant(center[t], F64)) for t in range(d)
    ]
    covariance = []
    for i, j in triangle(d):
        product = _summed(g, [g.op("Mul", inverse[i][m], inverse[j][m]) for m in range(j + 1)])
        covariance.append(g.op("Mul", product, g.constant(width[i] * width[j], F64)))
    return GraphMixture(g.op("Softmax", blocks[0], axis=1), mean, covariance)


def triangle(d: int) -> list[tuple[int, int]]:
    """Row and column of each number of a lower triangle."""
    return [(i, j) for i in range(d) for j in range(i + 1)]


def _summed(graph: Graph, terms: Sequence[str]) -> str:
    return terms[0] if len(terms) == 1 else graph.op("Sum", *terms)


def _combined(graph: Graph, members: Sequence[GraphMixture], k: int) -> GraphMixture:
    """:func:`agez.distributions.mixture.combine`: components by their first mean, the j-th of all members merged."""
    g = graph
    parts = []
    for one in members:
        order = g.op_many("TopK", one.mean[0], g.constant([k], np.int64), n=2, axis=1, largest=0, sorted=1)[1]
        weight, *rest = (
            g.op("GatherElements", values, order, axis=1) for values in (one.weight, *one.mean, *one.covariance)
        )
        parts.append(GraphMixture(weight, rest[: len(one.mean)], rest[len(one.mean) :]))
    count, tiny = g.constant(float(len(parts)), F64), g.constant(1e-300, F64)
    total = g.op("Sum", *[one.weight for one in parts])
    shares = [g.op("Div", one.weight, g.op("Max", total, tiny)) for one in parts]
    d = len(parts[0].mean)
    mean = [g.op("Sum", *[g.op("Mul", s, one.mean[t]) for s, one in zip(shares, parts, strict=True)]) for t in range(d)]
    off = [[g.op("Sub", one.mean[t], mean[t]) for t in range(d)] for one in parts]
    covariance = [
        g.op("Sum", *[
            g.op("Mul", s, g.op("Add", one.covariance[place], g.op("Mul", own[i], own[j])))
            for s, one, own in zip(shares, parts, off, strict=True)
        ])
        for place, (i, j) in enumerate(triangle(d))
    ]  # fmt: skip
    return GraphMixture(g.op("Div", total, count), mean, covariance)


def _calibrated(graph: Graph, calibration: IntervalCalibration, m: GraphMixture, seds: _Seds, b: int) -> GraphMixture:
    """:func:`agez.mixture_network.calibration.calibrate`."""
    g, d = graph, len(m.mean)
    total = [g.total(g.op("Mul", m.weight, one)) for one in m.mean]
    off = [g.op("Sub", one, mean) for one, mean in zip(m.mean, total, strict=True)]
    x = _covariates(g, calibration, total, seds, b)
    shift = g.clip(g.op("MatMul", x, g.constant(calibration.shift.T, F64)), -3.0, 3.0, F64)
    factor = g.clip(g.op("MatMul", x, g.constant(calibration.log_factor.T, F64)), -2.0, 2.0, F64)
    means, factors, blur = [], [], calibration.blur.tolist()
    for t, place in enumerate(diagonal(d)):
        variance = g.op("Add", m.covariance[place], g.op("Mul", off[t], off[t]))
        variance = g.total(g.op("Mul", m.weight, variance))
        sigma, stretch = g.op("Sqrt", variance), g.op("Exp", g.columns(factor, t, t + 1))
        if blur[t] > 0:
            share = g.op("Sub", g.constant(1.0, F64), g.op("Div", g.constant(blur[t] ** 2, F64), variance))
            unblurred = g.op("Sqrt", g.op("Max", share, g.constant(LEAST_UNBLURRED, F64)))
            sigma, stretch = g.op("Mul", sigma, unblurred), g.op("Mul", stretch, unblurred)
        moved = g.op("Add", total[t], g.op("Mul", sigma, g.columns(shift, t, t + 1)))
        means.append(g.op("Add", moved, g.op("Mul", stretch, off[t])))
        factors.append(stretch)
    covariance = [
        g.op("Mul", m.covariance[place], g.op("Mul", factors[i], factors[j]))
        for place, (i, j) in enumerate(triangle(d))
    ]
    return GraphMixture(m.weight, means, covariance)


def _stretched(graph: Graph, m: GraphMixture, z: str) -> GraphMixture:
    """Wider about its mean where the redshift is unknown, as by :mod:`agez.mixture_network.averaged_answers`."""
    g = graph
    one, wide = g.constant(1.0, F64), g.constant(UNKNOWN_STRETCH, F64)
    factor = g.reshape(g.op("Where", g.op("IsNaN", z), wide, one), -1, 1)
    means = []
    for values in m.mean:
        total = g.total(g.op("Mul", m.weight, values))
        means.append(g.op("Add", total, g.op("Mul", factor, g.op("Sub", values, total))))
    square = g.op("Mul", factor, factor)
    return GraphMixture(m.weight, means, [g.op("Mul", values, square) for values in m.covariance])


def _covariates(graph: Graph, calibration: IntervalCalibration, mean: Sequence[str], seds: _Seds, b: int) -> str:
    """:func:`agez.mixture_network.calibration.covariates`."""
    g = graph

    def number(value: float) -> str:
        return g.constant(value, F64)

    def log10(value: str) -> str:
        return g.op("Div", g.op("Log", value), number(np.log(10.0)))

    def less_one(value: str) -> str:
        return g.op("Sub", value, number(1.0))

    count = g.total(g.cast(seds.covered, np.int64))
    ratio = g.op("Where", seds.covered, g.op("Div", seds.flux, seds.flux_err), g.constant(np.inf, F32))
    rising = g.op_many("TopK", ratio, g.constant([b], np.int64), n=2, axis=1, largest=0, sorted=1)[0]
    two = g.constant(2, np.int64)
    # the median: the middle one of those that are there, or the mean of the two in the middle
    lower = g.op("Div", g.op("Max", g.op("Sub", count, g.constant(1, np.int64)), g.constant(0, np.int64)), two)
    upper = g.op("Min", g.op("Div", count, two), g.constant(b - 1, np.int64))
    middle = [g.op("GatherElements", rising, one, axis=1) for one in (lower, upper)]
    median = g.cast(g.op("Div", g.op("Add", *middle), g.constant(2.0, F32)), F64)
    snr = g.op("Sub", log10(g.clip(median, 1.0, 300.0, F64)), number(1.25))
    share = g.op("Div", g.cast(count, F64), number(float(b)))
    bands = g.op("Add", log10(g.op("Max", share, number(0.05))), number(0.3))
    answers = [
        g.clip(g.op("Div", g.op("Sub", one, number(float(at))), number(float(width))), -2.5, 2.5, F64)
        for one, at, width in zip(mean[:REFERENCE_TARGETS], calibration.center, calibration.width, strict=False)
    ]
    single = [column for a in answers for column in (a, less_one(g.op("Mul", a, a)))]
    products = [g.op("Mul", answers[j], answers[i]) for i in range(len(answers)) for j in range(i)]
    constant = g.op("Add", g.op("Mul", answers[0], number(0.0)), number(1.0))
    return g.op("Concat", constant, snr, g.op("Mul", snr, snr), bands, *single, *products, axis=1)
