"""The table of docs/experiments.md: what each preset of ``agez reproduce`` spends, from the presets themselves."""

from __future__ import annotations

from markdown_tables import join_table

from agez.experiments.presets import PRESETS, Preset
from agez.experiments.training_size import TrainingGrid
from agez.paper_network.jobs import TrainingSettings
from agez.samples.splits import N_FOLDS
from agez.training.cross_fitting import FRESH_SETTINGS, TUNED_SETTINGS


def presets_table() -> str:
    """What each preset of 'agez reproduce' spends: the table of docs/experiments.md."""
    presets = list(PRESETS.values())
    rows = [
        ["mock survey", *(f"{p.n_spectra} spectra of {p.n_galaxies} galaxies" for p in presets)],
        ["Set A and Set B", *(f"16 networks, {_recipe(p.training)}" for p in presets)],
        ["figure 2", *(_search(p) for p in presets)],
        ["table 1", *(f"{6 * p.table1_draws} networks: {p.table1_draws} draws, {_recipe(p.short_training)}"
                      for p in presets)],
        ["figure 13", *(_grid(p.training_grid) for p in presets)],
        ["diversity", *(f"{len(p.diversity.surveys)} surveys of {p.diversity.n_spectra} spectra of "
                        f"{p.diversity.n_galaxies} galaxies, {_recipe(p.diversity.settings)}" for p in presets)],
        ["peers", *(f"{p.peers.trees.forest_trees} trees of the forest, {p.peers.trees.boosting_rounds} and at most "
                    f"{p.peers.trees.lightgbm_rounds} rounds of boosting, {p.peers.n_models} models" for p in presets)],
        ["distributions", *(_distributions(p) for p in presets)],
    ]  # fmt: skip
    return join_table(["", *(f"`{p.name}`" for p in presets)], rows)


def _recipe(settings: TrainingSettings) -> str:
    return f"{settings.optimizer}, batch {settings.batch_size}, at most {settings.max_epochs} epochs"


def _search(preset: Preset) -> str:
    size = preset.search
    networks = 4 * (size.n_trials + (size.n_finalists + 1) * size.n_final_seeds)
    rows = "all rows" if size.max_rows is None else f"{size.max_rows} rows"
    final = size.final_epochs or preset.short_training.max_epochs
    best = "the best" if size.n_finalists == 1 else f"the best {size.n_finalists}"
    return (
        f"at most {networks} networks: {size.n_trials} trials a case, {size.epochs} epochs; {best} and the authors' "
        f"with {size.n_final_seeds} seeds, {final} epochs; {rows}"
    )


def _distributions(preset: Preset) -> str:
    size = preset.uncertainty
    fresh, tuned = (min(size.steps, one.steps) for one in (FRESH_SETTINGS, TUNED_SETTINGS))
    steps = f"{fresh} steps" if fresh == tuned else f"{fresh} steps from scratch, {tuned} from a model"
    return f"{2 * N_FOLDS * size.members} networks, {steps}, batch {FRESH_SETTINGS.batch}"


def _grid(grid: TrainingGrid) -> str:
    parts = ", ".join(f"{100 * f:g}" for f in grid.fractions)
    return (
        f"{4 * len(grid.fractions) * grid.n_repeats} networks: {parts} % of the sample, {grid.n_repeats} repeats, "
        f"{_recipe(grid.settings)}"
    )
