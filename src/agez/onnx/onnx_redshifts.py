"""Rows of unknown and of broad redshift in ONNX graphs: times the given redshift, and at the redshift found."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agez.distributions.mixture import place
from agez.mixture_network.found_redshift import LEAST_WEIGHT, MOST_SIGMA, NEAR
from agez.mixture_network.given_redshift import OUTLIER_SHARE, OUTLIER_WIDTH
from agez.models.features import REDSHIFT_FLOOR
from agez.onnx.onnx_graph import Graph

F64 = np.float64


class GraphMixture(NamedTuple):
    """Each (n, k) float64: of d targets the means, and the lower triangle of the covariance, row by row."""

    weight: str
    mean: list[str]
    covariance: list[str]


def where(graph: Graph, here: str, one: GraphMixture, other: GraphMixture) -> GraphMixture:
    """One mixture in rows (n, 1) that are ``here``, the other elsewhere."""

    def chosen(a: str, b: str) -> str:
        return graph.op("Where", here, a, b)

    means, covariance = (
        [chosen(a, b) for a, b in zip(*pair, strict=True)]
        for pair in ((one.mean, other.mean), (one.covariance, other.covariance))
    )
    return GraphMixture(chosen(one.weight, other.weight), means, covariance)


def for_others(graph: Graph, z: str, z_err: str, most_redshift_err: float) -> str:
    """(n, 1) :meth:`agez.mixture_network.mixture_model.MixtureNetwork.for_others`."""
    g = graph
    others = g.op("Or", g.op("IsNaN", z), g.op("IsInf", z_err))
    if np.isfinite(most_redshift_err):
        others = g.op("Or", others, g.op("Greater", z_err, g.constant(most_redshift_err, F64)))
    return g.reshape(others, -1, 1)


def _redshift_unit(graph: Graph, z: str, z_err: str, redshift_range: tuple[float, float]) -> tuple[str, str, str, str]:
    """Each (n, 1): which are unknown, origin, error (0 where there is none) and unit.

    The origin and the unit are those of :func:`agez.models.features.redshift_unit`.
    """
    g, (low, high) = graph, redshift_range
    zero = g.constant(0.0, F64)
    unknown = g.reshape(g.op("Or", g.op("IsNaN", z), g.op("IsInf", z_err)), -1, 1)
    origin = g.op("Where", unknown, g.constant((low + high) / 2, F64), g.reshape(z, -1, 1))
    error = g.reshape(g.op("Where", g.op("Greater", z_err, zero), z_err, zero), -1, 1)
    error = g.op("Where", unknown, zero, error)
    floor = g.op("Mul", g.constant(REDSHIFT_FLOOR, F64), g.op("Add", g.constant(1.0, F64), origin))
    unit = g.op("Sqrt", g.op("Add", g.op("Mul", error, error), g.op("Mul", floor, floor)))
    return unknown, origin, error, g.op("Where", unknown, g.constant(max((high - low) / 2, 1e-3), F64), unit)


def times_given(
    graph: Graph, m: GraphMixture, at: int, z: str, z_err: str, redshift_range: tuple[float, float]
) -> GraphMixture:  # fmt: skip
    """:func:`agez.mixture_network.given_redshift.times_given`."""
    g, d = graph, len(m.mean)
    low, high = redshift_range
    middle, half = (g.constant(one, F64) for one in ((low + high) / 2, max((high - low) / 2, 1e-3)))

    def number(value: float) -> str:
        return g.constant(value, F64)

    unknown, given, told, width = _redshift_unit(graph, z, z_err, redshift_range)
    sigma = g.op("Div", g.op("Where", g.op("Greater", told, number(0.0)), told, width), half)
    off = g.op("Sub", g.op("Div", g.op("Sub", given, middle), half), m.mean[at])
    variance = m.covariance[place(at, at)]
    factors, slopes, log_parts = [], [], []
    for share, factor in ((1 - OUTLIER_SHARE, 1.0), (OUTLIER_SHARE, OUTLIER_WIDTH)):
        wide = g.op("Mul", sigma, number(factor))
        total = g.op("Add", variance, g.op("Mul", wide, wide))
        slope = g.op("Div", off, total)
        square = g.op("Add", g.op("Mul", off, slope), g.op("Log", total))
        weight = g.op("Log", g.op("Mul", m.weight, number(share)))
        log_parts.append(g.op("Sub", weight, g.op("Mul", number(0.5), square)))
        factors.append(g.op("Reciprocal", total))
        slopes.append(slope)
    top = g.op("Max", *[g.op("ReduceMax", one, axes=[1], keepdims=1) for one in log_parts])
    parts = [g.op("Exp", g.op("Sub", one, top)) for one in log_parts]
    weight = g.op("Add", *parts)
    some = g.op("Greater", weight, number(0.0))
    safe = g.op("Where", some, weight, number(1.0))
    own = [g.op("Where", some, g.op("Div", one, safe), number(0.5)) for one in parts]
    rise, fall = (
        g.op("Add", *[g.op("Mul", o, one) for o, one in zip(own, each, strict=True)]) for each in (slopes, factors)
    )
    parted = [g.op("Sub", one, rise) for one in slopes]
    spread = g.op("Add", *[g.op("Mul", o, g.op("Mul", one, one)) for o, one in zip(own, parted, strict=True)])
    spread = g.op("Sub", spread, fall)
    with_redshift = [m.covariance[place(t, at)] for t in range(d)]
    means = [g.op("Add", one, g.op("Mul", c, rise)) for one, c in zip(m.mean, with_redshift, strict=True)]
    covariance = list(m.covariance)
    for t in range(d):
        for u in range(t + 1):
            product = g.op("Mul", g.op("Mul", with_redshift[t], with_redshift[u]), spread)
            covariance[place(t, u)] = g.op("Add", covariance[place(t, u)], product)
    own_redshift = g.op("Add", middle, g.op("Mul", half, means[at]))
    means[at] = g.op("Div", g.op("Sub", own_redshift, given), width)
    unit = g.op("Div", half, width)
    for t in range(d):
        scaled = g.op("Mul", covariance[place(t, at)], unit)
        covariance[place(t, at)] = g.op("Mul", scaled, unit) if t == at else scaled
    found = GraphMixture(g.op("Div", weight, g.total(weight)), means, covariance)
    return where(graph, unknown, m, found)


class GraphRedshift(NamedTuple):
    """Each (n, 1): where it is found, it and its error, and the unit of departures from the given one."""

    here: str
    redshift: str
    redshift_err: str
    origin: str
    unit: str


def found_redshift(
    graph: Graph, m: GraphMixture, at: int, z: str, z_err: str, redshift_range: tuple[float, float]
) -> GraphRedshift:  # fmt: skip
    """:func:`agez.mixture_network.found_redshift.found_redshift` of near redshifts."""
    g, (low, high) = graph, redshift_range

    def number(value: float) -> str:
        return g.constant(value, F64)

    _, origin, _, unit = _redshift_unit(graph, z, z_err, redshift_range)
    heavy = g.op("Not", g.op("Less", m.weight, number(LEAST_WEIGHT)))
    weight = g.op("Where", heavy, m.weight, number(0.0))
    weight = g.op("Div", weight, g.op("Max", g.total(weight), number(LEAST_WEIGHT)))
    mean = g.total(g.op("Mul", weight, m.mean[at]))
    off = g.op("Sub", m.mean[at], mean)
    each = g.op("Add", m.covariance[place(at, at)], g.op("Mul", off, off))
    own = g.op("Add", origin, g.op("Mul", unit, mean))
    sigma = g.op("Mul", unit, g.op("Sqrt", g.total(g.op("Mul", weight, each))))
    most = g.op("Mul", number(MOST_SIGMA), g.op("Add", number(1.0), own))
    here = g.op("And", g.op("Greater", sigma, number(0.0)), g.op("Not", g.op("Greater", sigma, most)))
    here = g.op("And", here, g.op("Not", g.op("Greater", own, number(NEAR))))
    return GraphRedshift(here, g.clip(own, low, high, F64), sigma, origin, unit)


def answered_there(graph: Graph, m: GraphMixture, at: int, found: GraphRedshift) -> GraphMixture:
    """:func:`agez.mixture_network.found_redshift.answered_there`."""
    g = graph
    nothing = g.op("Mul", m.weight, g.constant(0.0, F64))  # of the components' shape
    sigma = g.op("Div", found.redshift_err, found.unit)
    means, covariance = list(m.mean), list(m.covariance)
    means[at] = g.op("Add", nothing, g.op("Div", g.op("Sub", found.redshift, found.origin), found.unit))
    for t in range(len(means)):
        covariance[place(t, at)] = nothing
    covariance[place(at, at)] = g.op("Add", nothing, g.op("Mul", sigma, sigma))
    return GraphMixture(m.weight, means, covariance)
