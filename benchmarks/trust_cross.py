"""Trained on one template library or some histories, tested on others: what a network has learned by heart.

Networks are smaller than those that ship and trained for a shorter time, and their intervals are calibrated on new
galaxies of their own training set, as nobody has others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from trust_table import WORDS, Part, RowAnswers, Table, answers, percent, scores

from agez.bench.bars import Bar
from agez.distributions.mixture import Mixture
from agez.mixture_network.calibration import IntervalCalibration, calibrate
from agez.mixture_network.mixture_model import Network, network_of
from agez.mixture_network.trunks import NetworkShape
from agez.models.features import NormalisedPhotometry, n_features, normalised
from agez.models.model import Model
from agez.photometry.filters import FilterSet, load_filters
from agez.runtime.worker_pool import each_done
from agez.training.learn_calibration import learn_calibration
from agez.training.mixture_fit import FitSettings, fit
from agez.training.recipes import LIBRARY_SHARES, Recipe, recipe
from agez.training.sed_batches import SedBatches, scaling_of_seds
from agez.training_seds.complete_library import load_libraries
from agez.training_seds.histories import SKY_FAMILIES
from agez.training_seds.observe import observe, observe_redshift
from agez.training_seds.seds import TrainingSeds, make_training_seds
from agez.types import Floats

SNR = 30.0
#: Observed equivalent width of H-alpha above which a galaxy forms stars [Angstrom].
FORMING = 6.0
SIGMA = {"age": 0.15, "metallicity": 0.20}
COVERAGE = (0.55, 0.80)
#: Half of the history families: bursts, sudden ends and histories of simulations are in the second.
FIRST = ("falling", "delayed", "rising", "two-component", "pieces")
SECOND = tuple(name for name in SKY_FAMILIES if name not in FIRST)
POPULATIONS = {"as in the mock survey": 1.0, "broad histories": 0.0}
SEED = 21
Say = Callable[[str], object]


@dataclass(frozen=True)
class Trial:
    """What is trained on and what is tested on.

    Attributes
    ----------
    name : str
    train, test : mapping of template libraries to shares
    train_families, test_families : tuple of str
    survey_share : float
        Of the training galaxies.
    populations : tuple of str
        Of :data:`POPULATIONS`, for the test.
    """

    name: str
    train: dict[str, float]
    test: dict[str, float]
    train_families: tuple[str, ...] = SKY_FAMILIES
    test_families: tuple[str, ...] = SKY_FAMILIES
    survey_share: float = 0.35
    populations: tuple[str, ...] = tuple(POPULATIONS)


@dataclass(frozen=True)
class Size:
    """How much is made and trained."""

    n_seds: int = 60_000
    n_calibration: int = 12_000
    n_test: int = 6_000
    settings: FitSettings = field(default_factory=lambda: FitSettings(steps=6000, batch=512))


QUICK = Size(2400, 1200, 800, FitSettings(steps=150, batch=128))


@dataclass(frozen=True)
class _Job:
    trial: Trial
    number: int
    size: Size


def _without(left_out: str) -> dict[str, float]:
    return {name: share for name, share in LIBRARY_SHARES.items() if name != left_out}


def trials() -> list[Trial]:
    """All of them."""
    out = [
        Trial(f"{', '.join(train) if len(train) < 3 else 'all others'} -> {test}", train, {test: 1.0})
        for train, test in (
            ({"emiles": 1.0}, "popstar"), ({"popstar": 1.0}, "emiles"), (_without("bc03"), "bc03"),
            (_without("bpass"), "bpass"),
        )
    ]  # fmt: skip
    for name, train, test in (("half of the families -> others", FIRST, SECOND), ("and back", SECOND, FIRST)):
        broad = ("broad histories",)
        out.append(Trial(name, LIBRARY_SHARES, LIBRARY_SHARES, train, test, 0.0, broad))
    return out


# -- training and testing --------------------------------------------------------------------------


def _sky(
    filters: FilterSet, shares: dict[str, float], n: int, rng: np.random.Generator, like: Recipe,
    families: Sequence[str], survey_share: float,
) -> TrainingSeds:  # fmt: skip
    return make_training_seds(
        filters, load_libraries(list(shares)), n, rng, shares=list(shares.values()), families=families,
        survey_share=survey_share, redshift_range=like.redshift_range, rest_share=0.0,
    )  # fmt: skip


def _run(job: _Job) -> list[tuple[str, ...]]:
    """Train, calibrate and test one network; rows of the table."""
    trial, like, size = job.trial, recipe("jpas"), job.size
    filters, rng = like.filters(), np.random.default_rng((SEED, job.number))
    given = (trial.train_families, trial.survey_share)
    sky = _sky(filters, trial.train, size.n_seds, rng, like, *given)
    standard = scaling_of_seds(sky, like.redshift_range, rng)
    shape = NetworkShape(n_features(len(sky.bands)), like.hidden, like.components)
    trained = fit(SedBatches(sky, standard, like.survey), shape, size.settings, rng)
    member = Network(standard, shape, trained.parameters)
    fresh = _sky(filters, trial.train, size.n_calibration, rng, like, *given)
    seen = normalised(
        *observe(fresh.flux, fresh.present, np.array(fresh.bands.pivot_angstrom), rng, survey=like.survey)
    )
    z, z_err = observe_redshift(fresh.redshift, like.redshift_range, rng, survey=like.survey)
    recalibration = learn_calibration(
        member.answer(seen, z, z_err), fresh.labels, seen, n_galaxies=len(fresh), center=standard.label_mean,
        width=standard.label_std,
    )  # fmt: skip

    def answer(seds: NormalisedPhotometry, redshift: Floats) -> Mixture:
        return calibrate(recalibration, member.answer(seds, redshift, np.zeros(len(redshift))), seds)

    rows = []
    for population in trial.populations:
        share = POPULATIONS[population]
        own = _sky(filters, trial.train, size.n_test, rng, like, trial.train_families, share)
        new = _sky(filters, trial.test, size.n_test, rng, like, trial.test_families, share)
        rows += _rows(f"{trial.name} (itself)", population, answer, recalibration, own, rng)
        rows += _rows(trial.name, population, answer, recalibration, new, rng)
    return rows


def _rows(
    name: str, population: str, answer: Callable[[NormalisedPhotometry, Floats], Mixture],
    recalibration: IntervalCalibration, sky: TrainingSeds, rng: np.random.Generator,
) -> list[tuple[str, ...]]:  # fmt: skip
    """Scores of all galaxies, of those that form stars, and of the others."""
    found: RowAnswers = answers(answer(at_snr(sky, SNR, rng), sky.redshift), sky.labels, recalibration.tail)
    forming, out = sky.ew_ha > FORMING, []
    for kind, rows in (("all", np.ones(len(sky), bool)), ("star-forming", forming), ("others", ~forming)):
        if rows.sum() < 50:
            continue
        each = scores(found, rows)
        out.append(
            (
                name, population, kind, str(int(rows.sum())), *(f"{each[w]['sigma_mad']:.3f}" for w in WORDS),
                *(f"{each[w]['bias']:+.3f}" for w in WORDS), *(percent(each[w]["68"]) for w in WORDS),
                *(percent(each[w]["95"]) for w in WORDS),
            )
        )  # fmt: skip
    return out


def at_snr(sky: TrainingSeds, snr: float, rng: np.random.Generator) -> NormalisedPhotometry:
    """Every band of every galaxy with this signal-to-noise ratio."""
    error = np.maximum(np.abs(sky.flux), 1e-6) / snr
    return normalised(sky.flux + error * rng.standard_normal(sky.flux.shape), error, sky.present)


# -- the bars --------------------------------------------------------------------------------------

COLUMNS = (
    "trained on -> tested on", "galaxies", "which", "n", "sigma_mad age [dex]", "[M/H]", "bias age", "[M/H]",
    "68 %: age", "[M/H]", "95 %: age", "[M/H]",
)  # fmt: skip


def cross(size: Size | None = None, *, workers: int = 2, say: Say = print) -> Part:
    """Train and test all trials."""
    size = size or Size()
    jobs = [_Job(trial, number, size) for number, trial in enumerate(trials())]
    found: dict[int, list[tuple[str, ...]]] = {}
    for job, rows in each_done(_run, jobs, workers=workers):
        say(f"cross: {job.trial.name}")
        found[job.number] = rows
    bars = []
    for job in jobs:
        for population in job.trial.populations:
            own = [row for row in found[job.number] if row[0] == job.trial.name and row[1] == population]
            bars += _bars(f"{job.trial.name}, {population}", own)
    rows = tuple(row for job in jobs for row in found[job.number])
    return Part(bars, [Table(f"Across libraries and histories, S/N {SNR:g} in each band", COLUMNS, rows)])


def _bars(name: str, rows: list[tuple[str, ...]]) -> list[Bar]:
    """Met if all galaxies together do, and those that form stars do."""
    judged = [row for row in rows if row[2] in ("all", "star-forming")]
    bars = []
    for t, word in enumerate(WORDS):
        told = ", ".join(f"{row[4 + t]} ({row[2]})" for row in rows)
        met = all(float(row[4 + t]) <= SIGMA[word] for row in judged)
        bars.append(Bar(f"{name}: sigma_mad {word}", f"<= {SIGMA[word]:.2f}", told, met))
    told = ", ".join(f"{row[8]} / {row[9]} ({row[2]})" for row in rows)
    shares = [float(row[8 + t]) / 100 for row in judged for t in range(len(WORDS))]
    met = all(COVERAGE[0] <= share <= COVERAGE[1] for share in shares)
    return [*bars, Bar(f"{name}: 68 % coverage of age / metallicity", "55-80 %", told, met)]


def shipped(model: Model, name: str, *, n: int, libraries: Sequence[str] = tuple(LIBRARY_SHARES)) -> Table:
    """A model that ships on galaxies of each library that it was trained on."""
    filters = load_filters(model.bands.filter_set).select(model.bands.names)
    like = replace(recipe("jpas"), redshift_range=tuple(model.header["redshift_range"]))
    parts, rng, rows = network_of(model), np.random.default_rng(SEED + 1), []

    def answer(seds: NormalisedPhotometry, redshift: Floats) -> Mixture:
        return parts.answer(seds, redshift, np.zeros(len(redshift)))

    for library in libraries:
        for population, share in POPULATIONS.items():
            sky = _sky(filters, {library: 1.0}, n, rng, like, SKY_FAMILIES, share)
            rows += _rows(f"{name} -> {library}", population, answer, parts.calibration, sky, rng)
    return Table(f"Model {name} on each of its libraries, S/N {SNR:g} in each band", COLUMNS, tuple(rows))
