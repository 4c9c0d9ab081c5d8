"""The sizes of a reproduction: quick, standard and full."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    """How large a run is.

    Attributes
    ----------
    name : str
    n_galaxies, n_spectra : int
        Of the mock survey, where no sample is given.
    training : TrainingSettings
        Of the cross-validations of Set A and Set B.
    short_training : TrainingSettings
        Of networks that are trained many times: the search, table 1.
    search : SearchSize
        Of figure 2.
    table1_draws : int
        Random draws of the galaxies that table 1 trains on.
    training_grid : TrainingGrid
        Of figure 13.
    diversity : DiversitySize
        Of the surveys of galaxies that differ more.
    peers : PeerSizes
    uncertainty : UncertaintySize
        Of the distributions.
    about : str
        One line for the help and the report.
    """

    name: str
    n_galaxies: int
    n_spectra: int
    training: TrainingSettings
    short_training: TrainingSettings
    search: SearchSize
    table1_draws: int
    training_grid: TrainingGrid
    diversity: DiversitySize
    peers: PeerSizes
    uncertainty: UncertaintySize
    about: str


_QUICK = TrainingSettings(
    optimizer="adam", learning_rate=3e-3, batch_size=64, max_epochs=30, patience=25, schedule="cosine"
)
#: Of the many trainings of a standard run: a third of the epochs, hence MSEs a few per cent higher.
_SHORT = replace(CONVERGED_FAST, max_epochs=20)

PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            name="quick",
            n_galaxies=18,
            n_spectra=1100,
            training=_QUICK,
            short_training=replace(_QUICK, max_epochs=10),
            search=SearchSize(2, 3, 1, 2, final_epochs=4, max_rows=800, n_startup=2, n_warmup=1, round_size=2),
            table1_draws=2,
            training_grid=TrainingGrid((0.2, 0.75), 2, replace(_QUICK, max_epochs=10)),
            diversity=DiversitySize(10, 80, replace(_QUICK, max_epochs=10), 100, ("standard", "all")),
            peers=PeerSizes(TreeSizes(forest_trees=10, boosting_rounds=50, lightgbm_rounds=100), n_models=4000),
            uncertainty=UncertaintySize(steps=100),
            about="a small mock survey, to see that everything works: about a minute",
        ),
        Preset(
            name="standard",
            n_galaxies=190,
            n_spectra=19727,
            training=CONVERGED_FAST,
            short_training=_SHORT,
            search=SearchSize(5, 6, 1, 2, final_epochs=15, max_rows=3000, n_startup=4, n_warmup=2, round_size=5),
            table1_draws=5,
            training_grid=TrainingGrid((0.05, 0.2, 0.4, 0.75), 5, _SHORT),
            diversity=DiversitySize(24, 600, replace(_QUICK, max_epochs=60)),
            peers=PeerSizes(),
            uncertainty=UncertaintySize(steps=500),
            about="the paper's size, trainings shortened and fewer: under ten minutes",
        ),
        Preset(
            name="full",
            n_galaxies=190,
            n_spectra=19727,
            training=TrainingSettings(),
            short_training=CONVERGED_FAST,
            search=SearchSize(60, 30, 3, 3),
            table1_draws=20,
            training_grid=TrainingGrid((0.05, 0.10, 0.15, 0.20, 0.30, 0.40, 0.50, 0.75), 100, CONVERGED_FAST),
            diversity=DiversitySize(190, 19727, CONVERGED_FAST),
            peers=PeerSizes(),
            uncertainty=UncertaintySize(steps=4000, members=2, n_bootstrap=500),
            about="the paper's size and its repeats, Set A and Set B by its training recipe: hours",
        ),
    )
}


def find_preset(name: str) -> Preset:
    """The preset called ``name``; AgezError if there is none."""
    if name not in PRESETS:
        raise AgezError(f"preset {name!r} is unknown; choose {', '.join(PRESETS)}")
    return PRESETS[name]
