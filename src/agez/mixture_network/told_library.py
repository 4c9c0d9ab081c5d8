"""Networks that are told which template library is true."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from agez.mixture_network.mixture_model import MixtureNetwork
from agez.mixture_network.trunks import FURTHER, Parameters

#: Array (libraries, units) of a stage: what is added to its first bias if the template library is known.
LIBRARY_BIAS = "library_bias"


def told(network: MixtureNetwork, number: int) -> MixtureNetwork:
    """The same network, told that the template library of that number is true."""
    members = (replace(member, parameters=told_library(member.parameters, number)) for member in network.members)
    unknown, found = (None if one is None else told(one, number) for one in (network.of_unknown, network.at_found))
    return replace(network, members=tuple(members), of_unknown=unknown, at_found=found)


def with_library_biases(parameters: Parameters, first: int, stop: int) -> Parameters:
    """Inputs ``first`` to ``stop`` of each stage taken as additions to its first bias, of which one applies or none."""
    out = dict(parameters)
    for stage in ("", FURTHER):
        weight = parameters.get(f"{stage}weight0")
        if weight is not None:
            out[f"{stage}weight0"] = np.delete(weight, np.s_[first:stop], axis=0)
            out[stage + LIBRARY_BIAS] = np.ascontiguousarray(weight[first:stop])
    return out


def without_libraries(parameters: Parameters) -> Parameters:
    """The same network, which cannot be told of a template library."""
    return {name: array for name, array in parameters.items() if not name.endswith(LIBRARY_BIAS)}


def told_library(parameters: Parameters, number: int) -> Parameters:
    """The same network, told that the template library of that number is true."""
    out = without_libraries(parameters)
    for stage in ("", FURTHER):
        if stage + LIBRARY_BIAS in parameters:
            out[f"{stage}bias0"] = parameters[f"{stage}bias0"] + parameters[stage + LIBRARY_BIAS][number]
    return out
