"""Recipes of the shipped models: all settings that distinguish them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from agez.errors import AgezError
from agez.mixture_network.given_redshift import OUTLIER_SHARE
from agez.photometry.filters import FilterSet, load_filters
from agez.surveys.registry import find_survey, surveys
from agez.targets import CATALOGUE_TARGETS
from agez.training.mixture_fit import FitSettings
from agez.training_seds.complete_library import main_library
from agez.training_seds.histories import SKY_FAMILIES
from agez.training_seds.observe import Survey

#: Template libraries and their shares of the galaxies.  No two of them agree on ages and metallicities, and the true
#: scale is unknown: their disagreement must be part of the uncertainty.
LIBRARY_SHARES = {
    "emiles": 0.35, "popstar": 0.14, "bc03": 0.13, "bpass": 0.10, "mastar": 0.10, "m11-miles": 0.09, "miuscat": 0.09,
}  # fmt: skip

#: The same for models of many redshifts: each is completed by both libraries that reach all wavelengths and ages, so
#: that neither missing bands nor the youngest stars betray it.  Shares are more even: an answer that one library
#: dominates is too sure of itself for galaxies that follow another.
COMPLETE_SHARES = {
    "emiles+popstar": 0.11, "emiles+bc03-miles": 0.11, "popstar": 0.12, "bc03-miles": 0.12, "bc03+bc03-miles": 0.08,
    "bpass+popstar": 0.06, "bpass+bc03-miles": 0.06, "mastar+popstar": 0.06, "mastar+bc03-miles": 0.06,
    "m11-miles+popstar": 0.065, "m11-miles+bc03-miles": 0.065, "miuscat+popstar": 0.045, "miuscat+bc03-miles": 0.045,
}  # fmt: skip
#: Targets of the first stage, predicted where no others are asked for.
MAIN_TARGETS = ("log_age_lw", "mh_lw", "redshift_phot", "av", "log_mass", "log_ssfr")

#: What recipes of models made earlier do not have: it is written where it is not at its default.
_LATER = (
    "targets", "main_targets", "first_targets", "further_hidden", "further_steps", "tell_library",
    "near_share", "blend_share", "age_margin", "galaxy_share", "metal_poor_share", "burst_times",
    "blue_zero_points", "bad_band", "bad_band_size", "redshift_unknown", "band_zero_points", "band_zero_points_factor",
    "errors_understated", "redshift_tail", "unknown_seds", "unknown_steps", "unknown_further_steps",
    "most_redshift_err", "known_alone", "left_out_seds", "left_out_steps", "left_out_further_steps",
)  # fmt: skip


def _written(content: Recipe | Survey) -> dict[str, Any]:
    """Fields by name, without later ones at their defaults."""
    values = {one.name: (getattr(content, one.name), one.default) for one in fields(content)}
    return {name: value for name, (value, default) in values.items() if name not in _LATER or value != default}


def _with_tuples(content: Mapping[str, Any]) -> dict[str, Any]:
    """Content of JSON, whose lists were tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}


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
    #: galaxy_share, metal_poor_share, near_share, blend_share, age_margin: Of
    #: :func:`agez.training_seds.seds.make_training_seds`.
    galaxy_share: float = 0.0
    metal_poor_share: float = 0.0
    near_share: float = 0.0
    blend_share: float = 0.0
    age_margin: float | None = None
    burst_times: int = 1  #: How many times as often as another family of histories single bursts are drawn.
    rest_share: float = 0.1  #: The share of galaxies that are seen in the rest frame, as photometry of spectra is.
    #: The share of SEDs that are photometry of the mock survey's own spectra, E-MILES in the rest frame; libraries,
    #: histories and redshifts above apply to the others.
    spaxel_share: float = 0.0
    n_seds: int = 250_000  #: Noise-free SEDs for each network; each has its own.
    #: hidden, components: Of :class:`agez.mixture_network.trunks.NetworkShape`.
    hidden: tuple[int, ...] = (384, 256, 256)
    components: int = 4
    #: first_targets, further_hidden: Of :class:`agez.mixture_network.trunks.NetworkShape`; 0: one stage.
    first_targets: int = 0
    further_hidden: tuple[int, ...] = ()
    further_steps: int = 0  #: Batches of the second stage.
    tell_library: bool = False  #: Whether networks may be told the template library.
    members: int = 2  #: Networks of the ensemble.
    settings: FitSettings = field(default_factory=lambda: FitSettings(steps=22_000, batch=768))
    #: SEDs and steps of the two stages of a network of the same shape that answers rows of unknown redshift alone; 0:
    #: the same network answers them.
    unknown_seds: int = 0
    unknown_steps: int = 0
    unknown_further_steps: int = 0
    #: Largest redshift error of rows that the first networks answer where there is such a network, which answers rows
    #: with larger ones; 0: they answer all with a redshift.
    most_redshift_err: float = 0.0
    #: Whether the first networks are trained on the rows that they answer alone, and answer others, too, where the
    #: redshift is found.  Of 56 bands they gain 2 to 7 % (CRPS at S/N 30 and 100), and at redshifts that are found 5 to
    #: 20 % below z = 0.1; of twelve at most 1 %, and lose at the largest errors.
    known_alone: bool = False
    #: SEDs and steps of the two stages of small networks that have not seen one of the template libraries, one for
    #: each, by which intervals are widened for galaxies that follow none; 0: none.
    left_out_seds: int = 0
    left_out_steps: int = 0
    left_out_further_steps: int = 0
    survey: Survey = field(default_factory=Survey)
    least_bands: int = 6  #: Rows with fewer have no prediction.
    n_calibration: int = 40_000  #: Further SEDs, for calibration, novelty and scores.
    seed: int = 1

    @property
    def main_libraries(self) -> tuple[str, ...]:
        """Template libraries, without those that complete them."""
        return tuple(dict.fromkeys(map(main_library, self.libraries)))

    @property
    def libraries_told(self) -> tuple[str, ...]:
        """Template libraries that networks may be told of."""
        return self.main_libraries if self.tell_library else ()

    @property
    def families(self) -> tuple[str, ...]:
        """Families of broad histories, each as often as it is drawn."""
        return (*SKY_FAMILIES, *("burst",) * (self.burst_times - 1))

    def filters(self) -> FilterSet:
        """The filters of the model's bands."""
        filters = load_filters(self.filter_set)
        return filters.select(self.bands) if self.bands else filters

    @property
    def of_known(self) -> Recipe:
        """The recipe of rows that the first networks answer."""
        if not self.most_redshift_err:
            return self
        survey = self.survey
        exact = survey.redshift_known / max(1 - survey.redshift_unknown, 1e-9)
        return replace(self, survey=replace(
            survey, redshift_known=exact, redshift_err=(survey.redshift_err[0], self.most_redshift_err),
            redshift_unknown=0.0,
        ))  # fmt: skip

    @property
    def of_unknown(self) -> Recipe | None:
        """The recipe of the network for rows of unknown redshift, its prior flat in redshift; None if there is none."""
        if not self.unknown_steps:
            return None
        return replace(
            self._of_another(self.unknown_seds, self.unknown_steps, self.unknown_further_steps),
            near_share=0.0, rest_share=0.0,
            survey=replace(self.survey, redshift_known=0.0, redshift_unknown=1.0),
        )  # fmt: skip

    def _of_another(self, n_seds: int, steps: int, further_steps: int) -> Recipe:
        """The recipe of one further network of the same shape, with none beside it."""
        return replace(
            self, members=1, n_seds=n_seds, settings=replace(self.settings, steps=steps), further_steps=further_steps,
            unknown_seds=0, unknown_steps=0, unknown_further_steps=0, most_redshift_err=0.0, known_alone=False,
            left_out_seds=0, left_out_steps=0, left_out_further_steps=0,
        )  # fmt: skip

    def libraries_without(self, library: str) -> dict[str, float]:
        """Shares of the libraries without one, and without those that it completes."""
        left = {name: share for name, share in self.libraries.items() if library not in name.split("+")}
        total = sum(left.values())
        return {name: share / total for name, share in left.items()}

    def without(self, library: str) -> Recipe:
        """The recipe of a small network that has not seen a template library, nor one that it completes."""
        small = self._of_another(self.left_out_seds, self.left_out_steps, self.left_out_further_steps)
        return replace(small, libraries=self.libraries_without(library), tell_library=False)

    def of_library(self, library: str) -> Recipe:
        """The same with galaxies of one template library alone, none of them a blend of two libraries."""
        own = {name: share for name, share in self.libraries.items() if main_library(name) == library}
        return replace(self, libraries=own, blend_share=0.0)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        content = _written(self) | {"settings": asdict(self.settings), "survey": _written(self.survey)}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in content.items()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Recipe:
        """Inverse of :meth:`to_dict`; settings that older models lack are at their defaults.

        AgezError for settings that this version does not know.

        >>> Recipe.from_dict(recipe("jpas").to_dict()) == recipe("jpas")
        True
        """
        settings, survey = content["settings"], content["survey"]
        try:
            parts = {"settings": FitSettings(**settings), "survey": Survey(**_with_tuples(survey))}
            return cls(**_with_tuples(content) | parts)
        except TypeError as error:
            raise AgezError(f"recipe {content.get('name')!r} is of another version of agez: {error}") from None


#: Up to this number of bands a smaller network is sufficient.
FEW_BANDS = 20
#: Data as in the paper: photometry of an integral-field survey's spectra, in the rest frame, fitted with E-MILES.
#: Bands of one spectrum share its calibration, which is smooth; their own zero-point errors are negligible.
PAPER_SURVEY = Survey(snr=(5.0, 10000.0), calibration=(0.005, 0.05), zero_points=(0.0003, 0.003), complete=0.6)
#: Catalogues: zero points of the bluest bands scatter more than those of the others (Lopez-Sanjuan et al. 2019, A&A
#: 631, A119), and some rows have a band that is off by more than its error says; redshifts may be photometric, with
#: outliers, or unknown.
CATALOGUE_SURVEY = Survey(
    blue_zero_points=1.5, bad_band=0.15, redshift_known=0.4, redshift_err=(1e-4, 0.05), redshift_unknown=0.2,
    redshift_tail=OUTLIER_SHARE,
)  # fmt: skip
#: S-PLUS: zero points of 1305 tiles changed by these amounts (rms [mag], relative to those of r and i) between the
#: data releases iDR4 and iDR5 (``python tools/measure_zero_points.py``), and the scatter of real rows of DR4 about the
#: SEDs of galaxies is 1.2 to 1.6 times what their errors say, at any signal-to-noise ratio (docs/real_sky.md).
SPLUS_SURVEY = replace(
    CATALOGUE_SURVEY, blue_zero_points=1.0, errors_understated=(0.0, 0.5),
    band_zero_points=(0.075, 0.112, 0.130, 0.040, 0.046, 0.029, 0.024, 0.024, 0.022, 0.024, 0.020, 0.030),
)  # fmt: skip
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
    whole = Recipe(
        name, filter_set, bands, libraries=COMPLETE_SHARES, redshift_range=(0.0, 1.0),
        targets=tuple(target.name for target in CATALOGUE_TARGETS), main_targets=MAIN_TARGETS, survey_share=0.2,
        galaxy_share=0.25, metal_poor_share=0.12, burst_times=3, near_share=0.3, blend_share=0.3, age_margin=1.1,
        tell_library=True, n_seds=1_000_000, hidden=(512, 512, 384), components=6,
        first_targets=len(MAIN_TARGETS), further_hidden=(384, 256), further_steps=7_000, members=1,
        settings=FitSettings(steps=26_000, batch=768), survey=CATALOGUE_SURVEY, n_calibration=200_000, seed=4,
        unknown_seds=500_000, unknown_steps=16_000, unknown_further_steps=4_000, most_redshift_err=0.003,
        known_alone=True, left_out_seds=150_000, left_out_steps=6_000, left_out_further_steps=1_500,
    )  # fmt: skip
    if len(bands or survey.bands) > FEW_BANDS:
        return whole
    # few bands leave much to the prior, and what they see are whole galaxies
    return replace(
        whole, survey_share=0.1, galaxy_share=0.5, redshift_range=(0.0, 0.5), n_seds=500_000,
        hidden=(384, 384, 256), further_hidden=(256, 192), further_steps=5_000,
        settings=FitSettings(steps=18_000, batch=768), n_calibration=120_000, seed=2,
        unknown_seds=300_000, unknown_steps=14_000, unknown_further_steps=3_000, most_redshift_err=0.025,
        known_alone=False, left_out_seds=100_000, left_out_steps=3_000, left_out_further_steps=750,
        survey=SPLUS_SURVEY if name == "splus" else CATALOGUE_SURVEY,
    )  # fmt: skip


#: Names of the shipped models.
SHIPPED = tuple(survey.name for survey in surveys() if survey.model is not None)
