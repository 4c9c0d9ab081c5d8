"""The training of a model in words: its losses, and its error against the size of the training set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def loss_lines(losses: Mapping[str, Any]) -> list[str]:
    """The end of the training in a sentence: mean losses of the networks where their weights were kept."""
    ends = [_at(one, one["kept"]) for one in losses["networks"]]
    training, validation = (sum(end) / len(ends) for end in zip(*ends, strict=True))
    steps = [one["kept"] for one in losses["networks"]]
    span = f"{min(steps)}" if min(steps) == max(steps) else f"{min(steps)} to {max(steps)}"
    return [
        f"loss {training:.3f}, of validation {validation:.3f}, after {span} {losses['unit']}s; mean of {len(steps)} "
        f"networks; {losses['of']}"
    ]


def loss_rows(losses: Mapping[str, Any]) -> list[list[str]]:
    """A table of the mean learning curve, at ten points at most that all networks have reached."""
    networks = losses["networks"]
    steps = min((one["step"] for one in networks), key=len)
    chosen = sorted({steps[round(k * (len(steps) - 1) / 9)] for k in range(10)})
    rows = [[losses["unit"], "training", "validation"]]
    for step in chosen:
        pairs = [_at(one, step) for one in networks]
        rows.append([str(step), *(f"{sum(column) / len(pairs):.3f}" for column in zip(*pairs, strict=True))])
    return rows


def _at(one: Mapping[str, Any], step: int) -> tuple[float, float]:
    """Losses of a network at the recorded step nearest to one."""
    k = min(range(len(one["step"])), key=lambda place: abs(one["step"][place] - step))
    return one["training"][k], one["validation"][k]


def size_lines(curve: Mapping[str, Any]) -> list[str]:
    """The table of the header's ``size_curve``: error against the number of rows that were learned from."""
    names = [name for name in curve["points"][0] if name != "n"]
    lines = [f"error on {curve['n_test']} unseen rows by rows learned from, one network: RMSE (sigma_mad)"]
    lines.append(f"{'rows':>9s}" + "".join(f"{name:>20s}" for name in names))
    for point in curve["points"]:
        cells = (f"{point[name]['rmse']:.3f} ({point[name]['sigma_mad']:.3f})" for name in names)
        lines.append(f"{point['n']:9d}" + "".join(f"{cell:>20s}" for cell in cells))
    return lines
