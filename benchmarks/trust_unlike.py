"""Rows that no model should answer for are flagged, and galaxies are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import unlike_seds
from trust_table import Part, Table, percent

from agez.bench.bars import Bar
from agez.errors import AgezError
from agez.mixture_network.calibration import REFERENCE_TARGETS
from agez.mixture_network.mixture_model import leading, network_of
from agez.mixture_network.redshift_search import Search
from agez.models.features import NormalisedPhotometry, normalised
from agez.models.model import Model
from agez.novelty.novelty_score import score_as_answered
from agez.photometry.filters import FilterSet, load_filters
from agez.training.recipes import CATALOGUE_SURVEY, COMPLETE_SHARES, LIBRARY_SHARES
from agez.training_seds import outliers
from agez.training_seds.complete_library import load_libraries
from agez.training_seds.observe import Survey, observe, observe_redshift
from agez.training_seds.seds import NEAR, TrainingSeds, make_training_seds
from agez.types import Photometry, Rows

SNR, FOUND, FALSE_FLAGS = 30.0, 0.90, 0.05
#: How far the redshift is off that is said of galaxies, for models of many redshifts.
WRONG = 0.2
#: Rates are judged as met within this: by 0.2 to 0.7 % those of two seeds differ.
ROUNDING = 0.005
#: How many times as many galaxies as odd rows: two hundred at a time share template library, velocity dispersion and
#: redshift, so that their rate of flags is far less certain than that of as many stars.
MORE_GALAXIES = 10


def unlike(model: Model, name: str, *, n: int, seed: int = 11) -> Part:
    """Rates of flags for new galaxies and for all else, at a signal-to-noise ratio of 30 in each band."""
    rng = np.random.default_rng(seed)
    filters, galaxies, seds = new_galaxies(model, n, rng)
    bars, rows = [], []
    false = {
        f"galaxies at S/N {SNR:g}, redshift known": _flagged(model, galaxies),
        f"galaxies at S/N {SNR:g}, redshift unknown": _flagged(model, without_redshift(galaxies)),
        "galaxies as surveys see them": _flagged_as_seen(model, seds, rng),
    }
    for what, share in false.items():
        met = share <= FALSE_FLAGS + ROUNDING
        bars.append(Bar(f"{name}: flagged of new {what}", "<= 5 %", f"{percent(share)} %", met))
    for what, make in odd_rows(model, filters, galaxies, n, rng).items():
        try:
            odd = make()
        except AgezError as error:  # MILES stars need sdss-mangadap
            rows.append((name, what, str(error), ""))
            continue
        known, unknown = _flagged(model, odd), _flagged(model, without_redshift(odd))
        bars.append(Bar(f"{name}: flagged of {what}", ">= 90 %", f"{percent(known)} %", known >= FOUND))
        rows.append((name, what, percent(known), percent(unknown)))
    columns = ("model", "what", "flagged, redshift claimed [%]", "flagged, redshift unknown [%]")
    return Part(bars, [Table(f"What {name} flags at S/N {SNR:g} per band", columns, tuple(rows))])


def is_wide(model: Model) -> bool:
    """Whether the model is of more than the nearby universe."""
    return float(model.header["redshift_range"][1]) > NEAR


def new_galaxies(model: Model, n: int, rng: np.random.Generator) -> tuple[FilterSet, Photometry, TrainingSeds]:
    """The model's bands, and galaxies that it has not seen: photometry at S/N 30 in each band, and their SEDs.

    They are :data:`MORE_GALAXIES` times ``n``.
    """
    filters = load_filters(model.bands.filter_set).select(model.bands.names)
    own = COMPLETE_SHARES if is_wide(model) else LIBRARY_SHARES
    libraries = list(own)
    seds = make_training_seds(
        filters, load_libraries(libraries), MORE_GALAXIES * n, rng, shares=[own[one] for one in libraries],
        survey_share=0.35, redshift_range=tuple(model.header["redshift_range"]),
    )  # fmt: skip
    return filters, _photometry(seds, rng), seds


def odd_rows(
    model: Model, filters: FilterSet, galaxies: Photometry, n: int, rng: np.random.Generator
) -> dict[str, Callable[[], Photometry]]:
    """What no model should answer for as it is said, each made when asked; some of ``galaxies`` are spoilt."""
    galaxies = galaxies.take(slice(None, None, MORE_GALAXIES))
    distant: dict[str, Callable[[], Photometry]] = {
        "galaxies at redshift 0.5": lambda: unlike_seds.distant_galaxies(
            filters, n, rng, SNR, redshift_range=(0.48, 0.52)
        )
    }
    if is_wide(model):
        distant = {"galaxies 0.2 from the given redshift": lambda: elsewhere(model, galaxies)}
    return {
        "stars of MILES": lambda: outliers.real_stars(filters, min(n, 900), rng, SNR),
        "stars of black bodies and lines": lambda: outliers.stars(filters, n, rng, SNR),
        "quasars": lambda: unlike_seds.quasars(filters, n, rng, SNR),
        **distant,
        "one pair of bands swapped": lambda: unlike_seds.swap_bands(galaxies, rng, n_pairs=1),
        "three pairs of bands swapped": lambda: (
            unlike_seds.swap_bands(galaxies, rng, n_pairs=3)
            if len(filters.names) > 12
            else unlike_seds.swap_bands(galaxies, rng, n_pairs=3, apart=2)
        ),
        "20 % in five bands": lambda: unlike_seds.zero_point_error(galaxies, rng),
    }


def elsewhere(model: Model, galaxies: Photometry) -> Photometry:
    """Galaxies said to be at another redshift than they are."""
    z, high = galaxies.redshift, float(model.header["redshift_range"][1])
    return replace(galaxies, redshift=np.where(z + WRONG <= high, z + WRONG, z - WRONG))


def _photometry(training: TrainingSeds, rng: np.random.Generator) -> Photometry:
    """Galaxies with errors of one thirtieth of each band's flux."""
    n = len(training)
    error = np.maximum(np.abs(training.flux), 1e-6) / SNR
    flux = np.where(training.present, training.flux + error * rng.standard_normal(training.flux.shape), np.nan)
    return Photometry(
        training.bands, flux, np.where(training.present, error, np.nan), training.present, Rows.numbered(n),
        training.redshift, np.zeros(n, np.int32), redshift_err=np.zeros(n),
    )  # fmt: skip


def without_redshift(photometry: Photometry) -> Photometry:
    return replace(photometry, redshift=np.full(len(photometry.redshift), np.nan))


def _flagged(model: Model, photometry: Photometry) -> float:
    return _share(model, *rows_of(model, photometry))


def rows_of(model: Model, photometry: Photometry) -> tuple[NormalisedPhotometry, Search]:
    """Rows that the model answers for: their SEDs, and redshifts and errors at which it looks."""
    enough = photometry.covered.sum(axis=1) >= int(model.header["least_bands"])
    seds = normalised(photometry.flux[enough], photometry.flux_err[enough], photometry.covered[enough])
    return seds, searched(model, seds, photometry.redshift[enough], photometry.redshift_err[enough])


def searched(model: Model, seds: NormalisedPhotometry, redshift: np.ndarray, redshift_err: np.ndarray) -> Search:
    """Redshifts at which the model looks whether rows are like its training set."""
    parts = network_of(model)
    if parts.redshift_target is None:
        return Search(redshift, redshift_err)
    answer = leading(parts, max(parts.redshift_target + 1, REFERENCE_TARGETS)).answer(seds, redshift, redshift_err)
    return parts.searched(answer, redshift, redshift_err)


def _flagged_as_seen(model: Model, training: TrainingSeds, rng: np.random.Generator) -> float:
    survey = CATALOGUE_SURVEY if is_wide(model) else Survey()
    seen = observe(training.flux, training.present, np.array(training.bands.pivot_angstrom), rng, survey=survey)
    z, z_err = observe_redshift(training.redshift, tuple(model.header["redshift_range"]), rng, survey=survey)
    seds = normalised(*seen)
    return _share(model, seds, searched(model, seds, z, z_err))


def _share(model: Model, seds: NormalisedPhotometry, search: Search) -> float:
    """The share that is flagged, each row without the band that its others contradict, as it is answered."""
    novelty = network_of(model).novelty
    ood = score_as_answered(novelty, seds, *search, least_bands=int(model.header["least_bands"])).ood
    return float(np.mean(ood > float(model.header["ood_threshold"])))
