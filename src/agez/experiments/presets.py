"""The sizes of a reproduction: quick, standard and full."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

from agez.errors import AgezError
from agez.experiments.diversity import DiversitySize
from agez.experiments.hyperparameters import SearchSize
from agez.experiments.peer_methods import TreeSizes
from agez.experiments.peers import PeerSizes
from agez.experiments.training_size import TrainingGrid
from agez.experiments.uncertainty import UncertaintySize
from agez.paper_network.jobs import CONVERGED_FAST, TrainingSettings


@dataclass(frozen=True)
class Preset:
    """How large a run is."""

    name: str
    #: n_galaxies, n_spectra: Of the mock survey, where no sample is given.
    n_galaxies: int
    n_spectra: int
    training: TrainingSettings  #: Of the cross-validations of Set A and Set B.
    short_training: TrainingSettings  #: Of networks that are trained many times: the search, table 1.
    search: SearchSize  #: Of figure 2.
    table1_draws: int  #: Random draws of the galaxies that table 1 trains on.
    training_grid: TrainingGrid  #: Of figure 13.
    diversity: DiversitySize  #: Of the surveys of galaxies that differ more.
    peers: PeerSizes
    uncertainty: UncertaintySize  #: Of the distributions.
    about: str  #: One line for the help and the report.


_QUICK = TrainingSettings(
    optimizer="adam", learning_rate=3e-3, batch_size=64, max_epochs=30, patience=25, schedule="cosine"
)
#: Trainings by the names in ``data/presets.toml``.  With 20 epochs, a third, MSEs are a few per cent higher.
_TRAININGS = {
    "paper": TrainingSettings(),
    "fast": CONVERGED_FAST,
    "fast, 20 epochs": replace(CONVERGED_FAST, max_epochs=20),
    "quick": _QUICK,
    "quick, 10 epochs": replace(_QUICK, max_epochs=10),
    "quick, 60 epochs": replace(_QUICK, max_epochs=60),
}
_PARTS: dict[str, Callable[..., Any]] = {
    "search": SearchSize, "training_grid": TrainingGrid, "diversity": DiversitySize, "peers": PeerSizes,
    "trees": TreeSizes, "uncertainty": UncertaintySize,
}  # fmt: skip


def _value(key: str, told: Any) -> Any:
    """What stands in the file under a key, as the presets have it."""
    if isinstance(told, dict):
        return _PARTS[key](**{name: _value(name, one) for name, one in told.items()})
    if key in ("training", "short_training", "settings"):
        return _TRAININGS[told]
    return tuple(told) if isinstance(told, list) else told


PRESETS = {
    name: Preset(name=name, **{key: _value(key, told) for key, told in content.items()})
    for name, content in tomllib.loads(
        (files("agez") / "experiments/data/presets.toml").read_text(encoding="utf-8")
    ).items()
}


def find_preset(name: str) -> Preset:
    """The preset called ``name``; AgezError if there is none."""
    if name not in PRESETS:
        raise AgezError(f"preset {name!r} is unknown; choose {', '.join(PRESETS)}")
    return PRESETS[name]
