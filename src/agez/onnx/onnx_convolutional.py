"""Models of the paper's kind as an ONNX graph: from fluxes in all bands to age and metallicity.

The same steps as :mod:`agez.paper_network.normalisation` and :mod:`agez.paper_network.network_numpy`; the
normalisation in float64, the networks in float32.
"""

from __future__ import annotations

import numpy as np

from agez.models.model import Model
from agez.onnx.onnx_graph import Graph
from agez.paper_network.network_numpy import Prepared
from agez.paper_network.normalisation import LARGEST_RATIO, SOFTENING, Normalisation
from agez.paper_network.paper_kind import Member

#: What the file computes, for its description.
DESCRIPTION = (
    "Input: flux (n, bands) float64, f_nu in any unit, one value in every band of the metadata's order; redshift "
    "as its frame and redshift_range say. Outputs: log_age_lw, mh_lw (n) float64, light-weighted mean log10(age/yr) "
    "and [M/H] in dex, the mean of the ensemble; NaN for rows whose flux adds up to nothing positive. Missing bands "
    "(agez fills them), errors and flags are not in the file."
)


def add_to_graph(graph: Graph, model: Model) -> str:
    """Inputs, all computation and outputs of the model; gives back the description of the file."""
    members, targets = model.kind.network, [target.name for target in model.targets]
    flux = graph.input("flux", ("n", len(model.bands)), np.float64)
    answers: dict[str, list[str]] = {target: [] for target in targets}
    usable = ""
    for member in members:
        inputs, usable = _normalised(graph, member.normalisation, flux)
        for t, target in enumerate(targets):
            answers[target].append(_answer(graph, member, t, target, inputs))
    nothing = graph.constant(np.nan, np.float64)
    for target in targets:
        mean = graph.op("Div", graph.op("Sum", *answers[target]), graph.constant(float(len(members)), np.float64))
        graph.output(target, graph.op("Where", usable, mean, nothing), ("n",), np.float64)
    return DESCRIPTION


def _normalised(graph: Graph, normalisation: Normalisation, flux: str) -> tuple[str, str]:
    """What a network is fed (n, b) float32, and which rows (n,) have a positive amplitude."""
    one = graph.constant(1.0, np.float64)
    shape = np.asarray(normalisation.mean_sed, float)
    amplitude = graph.op("MatMul", flux, graph.constant((shape / np.sum(shape**2))[:, None], np.float64))
    positive = graph.op("Greater", amplitude, graph.constant(0.0, np.float64))
    ratio = graph.op("Div", flux, graph.op("Where", positive, amplitude, one))
    ratio = graph.op("Div", ratio, graph.constant(2 * SOFTENING, np.float64))
    ratio = graph.clip(ratio, -LARGEST_RATIO, LARGEST_RATIO, np.float64)
    size = graph.op("Abs", ratio)  # arcsinh, which runtimes have in float32 only
    root = graph.op("Sqrt", graph.op("Add", graph.op("Mul", size, size), one))
    colour = graph.op("Mul", graph.op("Sign", ratio), graph.op("Log", graph.op("Add", size, root)))
    reference = np.asarray(normalisation.reference > 0, float)
    zero = graph.op("MatMul", colour, graph.constant((reference / reference.sum())[:, None], np.float64))
    colour = graph.op("Sub", colour, zero)
    z = graph.op(
        "Sub", colour, graph.constant(normalisation.center + normalisation.mean * normalisation.scale, np.float64)
    )
    whitening = np.asarray(normalisation.whitening, float) / np.asarray(normalisation.scale, float)[:, None]
    inputs = graph.op("MatMul", z, graph.constant(whitening, np.float64))
    return graph.cast(inputs, np.float32), graph.reshape(positive, -1)


def _answer(graph: Graph, member: Member, t: int, target: str, inputs: str) -> str:
    """(n,) float64 answer of one network [dex]."""
    output = graph.cast(add_network(graph, member.networks[target], inputs), np.float64)
    scaled = graph.op("Mul", output, graph.constant(float(member.label_scale[t]), np.float64))
    return graph.op("Add", scaled, graph.constant(float(member.label_center[t]), np.float64))


def add_network(graph: Graph, network: Prepared, inputs: str) -> str:
    """(n,) output of a network for normalised SEDs (n, b) float32, by the runtime's own convolution."""
    p, pool = network.parameters, network.architecture.pool
    x = graph.op("Unsqueeze", inputs, graph.constant([1], np.int64))  # (n, channel, band)
    for layer in ("conv1", "conv2"):
        kernel = np.asarray(p[f"{layer}_kernel"], np.float32).transpose(2, 1, 0)
        left = (kernel.shape[2] - 1) // 2
        weights = graph.constant(kernel), graph.constant(p[f"{layer}_bias"], np.float32)
        x = graph.op("Conv", x, *weights, kernel_shape=[kernel.shape[2]], pads=[left, kernel.shape[2] - 1 - left])
        x = graph.op("Relu", x)
    x = graph.op("MaxPool", x, kernel_shape=[pool], strides=[pool])
    x = graph.reshape(
        graph.op("Transpose", x, perm=[0, 2, 1]), -1, len(p["dense_kernel"])
    )  # positions outside, filters inside
    x = graph.op("Gemm", x, graph.constant(p["dense_kernel"], np.float32), graph.constant(p["dense_bias"], np.float32))
    x = graph.op("Gemm", graph.op("Relu", x), graph.constant(p["output_kernel"], np.float32),
                 graph.constant(p["output_bias"], np.float32))  # fmt: skip
    return graph.reshape(x, -1)
