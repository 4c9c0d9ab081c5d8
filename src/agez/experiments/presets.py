"""The sizes of a reproduction: quick, standard and full."""

from __future__ import annotations

from dataclasses import dataclass

from agez.errors import AgezError
from agez.learn.jobs import TrainingSettings
from agez.learn.training import CONVERGED_FAST


@dataclass(frozen=True)
class Preset:
    """How large a run is.

    Attributes
    ----------
    name : str
    n_galaxies, n_spectra : int
        Of the mock survey, where no sample is given.
    training : TrainingSettings
    about : str
        One line for the help and the report.
    """

    name: str
    n_galaxies: int
    n_spectra: int
    training: TrainingSettings
    about: str


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "quick",
            24,
            1600,
            TrainingSettings(
                optimizer="adam", learning_rate=3e-3, batch_size=64, max_epochs=30, patience=25, schedule="cosine"
            ),
            "a small mock survey, to see that everything works: under a minute",
        ),
        Preset("standard", 190, 19727, CONVERGED_FAST, "the paper's size, training shortened: under ten minutes"),
        Preset("full", 190, 19727, TrainingSettings(), "the paper's size and the paper's training recipe: hours"),
    )
}


def find_preset(name: str) -> Preset:
    """The preset called ``name``; AgezError if there is none."""
    if name not in PRESETS:
        raise AgezError(f"preset {name!r} is unknown; choose {', '.join(PRESETS)}")
    return PRESETS[name]
