"""Recipes of the shipped models: all settings that distinguish them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from agez.errors import AgezError
from agez.photometry.filters import FilterSet, load_filters
from agez.surveys.registry import find_survey, surveys
from agez.training.mixture_fit import FitSettings
from agez.training_seds.observe import Survey

#: Template libraries and their shares of the galaxies.  No two of them agree on ages and metallicities, and the true
#: scale is unknown: their disagreement must be part of the uncertainty.
LIBRARY_SHARES = {
    "emiles": 0.35, "popstar": 0.14, "bc03": 0.13, "bpass": 0.10, "mastar": 0.10, "m11-miles": 0.09, "miuscat": 0.09,
}  # fmt: skip

#: What recipes of models made earlier do not have: it is written where it is not at its default.
_LATER = (
    "targets", "main_targets", "near_share", "blend_share", "age_margin",
    "blue_zero_points", "bad_band", "bad_band_size", "redshift_unknown",
)  # fmt: skip


def _written(content: Recipe | Survey) -> dict[str, Any]:
    """Fields by name, without later ones at their defaults."""
    values = {one.name: (getattr(content, one.name), one.default) for one in fields(content)}
    return {name: value for name, (value, default) in values.items() if name not in _LATER or value != default}


@dataclass(frozen=True)
class Recipe:
    """All training settings of a model."""

    name: str
    filter_set: str
    bands: tuple[str, ...] = ()  #: Empty: all of the set's.
    libraries: dict[str, float] = field(default_factory=lambda: dict(LIBRARY_SHARES))  #: Shares of template libraries.
    #: The share of galaxies that follow the mock survey's relations; the rest have broad histories.
    survey_share: float = 0.35
    redshift_range: tuple[float, float] = (0.0, 0.1)  #: (low, high)
    targets: tuple[str, ...] = ("log_age_lw", "mh_lw")  #: Names, in the order of the network's distribution.
    main_targets: tuple[str, ...] = ()  #: Those that are predicted where no others are asked for; empty: all.
    #: near_share, blend_share, age_margin: Of :func:`agez.training_seds.seds.make_training_seds`.
    near_share: float = 0.0
    blend_share: float = 0.0
    age_margin: float | None = None
    rest_share: float = 0.1  #: The share of galaxies that are seen in the rest frame, as photometry of spectra is.
    #: The share of SEDs that are photometry of the mock survey's own spectra, E-MILES in the rest frame; libraries,
    #: histories and redshifts above apply to the others.
    spaxel_share: float = 0.0
    n_seds: int = 250_000  #: Noise-free SEDs for each network; each has its own.
    #: hidden, components: Of :class:`agez.mixture_network.trunks.NetworkShape`.
    hidden: tuple[int, ...] = (384, 256, 256)
    components: int = 4
    members: int = 2  #: Networks of the ensemble.
    settings: FitSettings = field(default_factory=lambda: FitSettings(steps=22_000, batch=768))
    survey: Survey = field(default_factory=Survey)
    least_bands: int = 6  #: Rows with fewer have no prediction.
    n_calibration: int = 40_000  #: Further SEDs, for calibration, novelty and scores.
    seed: int = 1

    def filters(self) -> FilterSet:
        """The filters of the model's bands."""
        filters = load_filters(self.filter_set)
        return filters.select(self.bands) if self.bands else filters

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        content = _written(self) | {"settings": asdict(self.settings), "survey": _written(self.survey)}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in content.items()}


#: Up to this number of bands a smaller network is sufficient.
FEW_BANDS = 20
#: Data as in the paper: photometry of an integral-field survey's spectra, in the rest frame, fitted with E-MILES.
#: Bands of one spectrum share its calibration, which is smooth; their own zero-point errors are negligible.
PAPER_SURVEY = Survey(snr=(5.0, 10000.0), calibration=(0.005, 0.05), zero_points=(0.0003, 0.003), complete=0.6)
PAPER_LIBRARIES = {
    "emiles": 0.6, "popstar": 0.1, "bc03": 0.08, "bpass": 0.06, "mastar": 0.05, "m11-miles": 0.06, "miuscat": 0.05,
}  # fmt: skip


def recipe(name: str) -> Recipe:
    """The recipe of the model that a survey's record speaks of; AgezError if there is none of that name."""
    survey = find_survey(name)
    if survey is None or survey.model is None:
        raise AgezError(f"no shipped model is called {name!r}; there are {', '.join(SHIPPED)}")
    filter_set, bands = survey.part_of or name, survey.model.bands
    if name == "paper":
        return Recipe(
            name, filter_set, bands, libraries=PAPER_LIBRARIES, survey_share=0.85, rest_share=0.5, spaxel_share=0.75,
            n_seds=400_000, settings=FitSettings(steps=26_000, batch=768), survey=PAPER_SURVEY, seed=3,
        )  # fmt: skip
    if len(bands or survey.bands) <= FEW_BANDS:
        short = FitSettings(steps=14_000, batch=768)
        return Recipe(name, filter_set, bands, hidden=(256, 256, 192), n_seds=150_000, settings=short, seed=2)
    return Recipe(name, filter_set, bands)


#: Names of the shipped models.
SHIPPED = tuple(survey.name for survey in surveys() if survey.model is not None)
