"""Models predict the same by numpy and by JAX, the same after a save, and broken files are refused."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from trust_table import Part

from agez.bench.bars import Bar
from agez.distributions.mixture import Mixture, moments
from agez.errors import AgezError
from agez.mixture_network.mixture_head import mixture_of
from agez.mixture_network.mixture_model import MixtureNetwork, network_of
from agez.mixture_network.trunks import Parameters, dense_layers, outputs_of_stages, second_stage
from agez.models.features import NormalisedPhotometry, features
from agez.models.model import Model
from agez.models.model_file import load_model, save_model
from agez.types import Floats

SMALLEST = 1e-5


def agreement(model: Model, seds: NormalisedPhotometry, redshift: Floats) -> Part:
    """Of a model that gives distributions, on some rows."""
    parts, exact = network_of(model), np.zeros(len(redshift))
    bars = [_jax(parts, seds, redshift, exact)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "saved.safetensors"
        save_model(path, model)
        again = network_of(load_model(path)).answer(seds, redshift, exact)
        first = parts.answer(seds, redshift, exact)
        same = all(_bits(getattr(first, name)) == _bits(getattr(again, name)) for name in first._row_fields)
        bars.append(Bar("saved and loaded: predictions", "bit for bit", "the same" if same else "others", same))
        whole = path.read_bytes()
        for what, content in _broken(path, model, whole).items():
            path.write_bytes(content)
            try:
                load_model(path)
                said = ""
            except AgezError as error:
                said = str(error).replace(str(path), "FILE")
            clear = bool(said) and "\n" not in said
            bars.append(Bar(f"a model file that is {what}", "refused in one line", said or "was read", clear))
    return Part(bars, [])


def _broken(path: Path, model: Model, whole: bytes) -> dict[str, bytes]:
    altered = bytearray(whole)
    altered[-len(whole) // 3] ^= 1
    save_model(path, replace(model, header={**model.header, "schema": "agez.model/99"}))
    return {"cut short": whole[: len(whole) // 2], "altered by one bit": bytes(altered), "newer": path.read_bytes()}


def _jax(parts: MixtureNetwork, seds: NormalisedPhotometry, redshift: Floats, exact: Floats) -> Bar:
    name = "numpy against JAX: largest difference of means and widths [dex]"
    if find_spec("jax") is None:
        return Bar(name, f"{SMALLEST:g}", "JAX is not installed", None)
    import jax.numpy as jnp

    worst = 0.0
    for member in parts.members:
        inputs, shape, standard = features(seds, redshift, exact, member.scaling), member.shape, member.scaling
        hidden, raw = _by_jax(jnp, member.parameters, inputs)
        if shape.first_targets:
            both, (of_first, of_further) = np.empty((len(raw), shape.outputs), np.float32), outputs_of_stages(shape)
            both[:, of_first] = raw
            both[:, of_further] = _by_jax(jnp, second_stage(member.parameters), np.hstack([inputs, hidden]))[1]
            raw = both
        by_jax = mixture_of(raw, shape.components, standard.label_mean, standard.label_std)
        by_numpy: Mixture = member.answer(seds, redshift, exact)
        for one, other in zip(moments(by_jax)[:2], moments(by_numpy)[:2], strict=True):
            worst = max(worst, float(np.abs(one - other).max()))
    return Bar(name, f"<= {SMALLEST:g}", f"{worst:.1e}", worst <= SMALLEST)


def _by_jax(jnp: Any, parameters: Parameters, inputs: Floats) -> tuple[Floats, Floats]:
    """The last hidden layer and the raw outputs of a dense trunk."""
    *hidden, (weight, bias) = dense_layers(parameters)
    out = jnp.asarray(inputs)
    for own_weight, own_bias in hidden:
        out = jnp.maximum(jnp.dot(out, own_weight, precision="highest") + own_bias, 0)
    return np.asarray(out), np.asarray(jnp.dot(out, weight, precision="highest") + bias)


def _bits(values: Floats) -> bytes:
    return np.ascontiguousarray(values).tobytes()
