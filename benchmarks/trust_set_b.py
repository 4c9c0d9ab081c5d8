"""Set B of the mock survey: errors against the paper's network on the same folds, and whether intervals hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from trust_table import NOMINAL, WORDS, Part, RowAnswers, Table, answers, percent, scores

from agez.analysis.calibration_metrics import calibration
from agez.analysis.metrics import sigma_mad
from agez.bench.bars import Bar
from agez.distributions.mixture import Mixture
from agez.label_types import Sample
from agez.mixture_network.calibration import IntervalCalibration, calibrate, signal_to_noise
from agez.mixture_network.mixture_model import network_of
from agez.models.features import NormalisedPhotometry, normalised
from agez.models.model import Model
from agez.paper_network.cross_validation import cross_validate
from agez.paper_network.jobs import TrainingSettings
from agez.photometry.names import PAPER_BANDS
from agez.samples.splits import SplitKind, make_splits
from agez.targets import PAPER_TARGETS
from agez.training.cross_fitting import MEMBERS, CrossFit, cross_fit, held_out, unseen_answers
from agez.training.mixture_fit import FitSettings
from agez.training.sample_batches import SAMPLE_SURVEY, SampleRows, sample_rows
from agez.types import Bools, Floats, Strings

SEED = 1
#: Signal-to-noise ratios in a band to which noise is added, and shares of their bands that rows keep.
SNRS, SHARES = (100, 50, 30, 20, 10), (0.75, 0.5, 0.3)
LEAST_BANDS, N_BOOTSTRAP = 6, 200
RATIO, A_TO_B, GROWTH = 0.8, 1.2, 1.5
OVERALL, IN_BINS = 0.02, 0.05
#: A bin of fewer galaxies is shown and not judged.
JUDGED = 10
Say = Callable[[str], object]


@dataclass(frozen=True, eq=False)
class SetB:
    """Cross-fitted networks of one kind on the same sample."""

    data: SampleRows
    cross: CrossFit
    calibrations: tuple[IntervalCalibration, ...]

    def answers(self, seds: NormalisedPhotometry | None = None) -> RowAnswers:
        """Of every row by networks and intervals that have not seen its galaxy."""
        seds = self.data.seds() if seds is None else seds
        raw = unseen_answers(self.cross.members, self.cross.fold, seds, self.data)
        parts, order = [], []
        for k, one in enumerate(self.calibrations):
            rows = np.flatnonzero(self.cross.fold == k)
            parts.append(calibrate(one, raw.take(rows), NormalisedPhotometry(*(part[rows] for part in seds))))
            order.append(rows)
        mixture = Mixture.concatenate(parts).take(np.argsort(np.concatenate(order), kind="stable"))
        tail = np.stack([one.tail for one in self.calibrations])[self.cross.fold]
        return answers(mixture, self.data.labels, tail)


def set_b(
    sample: Sample, start: Model | None, *, paper: TrainingSettings, settings: FitSettings | None, fresh: bool,
    members: int = MEMBERS, workers: int = 2, say: Say = print,
) -> Part:  # fmt: skip
    """All of it.

    Parameters
    ----------
    start : Model, optional
        From which networks go on; without it all that is judged starts afresh.
    paper : TrainingSettings
        Of the paper's network.
    settings : FitSettings, optional
        Default: those of :mod:`agez.training.cross_fitting`.
    fresh : bool
        Train afresh, too.
    """
    bands = start.bands if start is not None else sample.photometry.select_bands(PAPER_BANDS).bands
    data, galaxy = sample_rows(sample, bands), sample.rows.galaxy_id
    say("set B: the paper's network")
    run = cross_validate(sample, split="by-galaxy", settings=paper, seed=SEED, workers=workers)
    theirs = run.predicted - data.labels

    def train(split: SplitKind, given: Model | None) -> SetB:
        cross = cross_fit(
            data, make_splits(sample, kind=split, rng=np.random.default_rng(SEED)), settings=settings,
            start=network_of(given).members if given is not None else (), members=members, seed=SEED, workers=workers,
        )  # fmt: skip
        return SetB(data, cross, held_out(cross, data)[1])

    how = f"from {start.header.get('name', '')!r}" if start is not None else "afresh"
    say(f"set B: ours, {how}")
    ours = train("by-galaxy", start)
    given = ours.answers()
    bars = _ratios(given.residual, theirs, galaxy, how)
    residuals = [("B", "the paper's network", theirs), ("B", f"ours, {how}", given.residual)]
    say(f"set A: ours, {how}")
    within = train("within", start).answers()
    residuals.append(("A", f"ours, {how}", within.residual))
    for t, word in enumerate(WORDS):
        value, err = _ratio(given.residual[:, t], within.residual[:, t], galaxy)
        bars.append(_upper(f"sigma_mad of Set B over Set A, {word}", A_TO_B, value, err))
    if fresh and start is not None:
        say("set B: ours, afresh")
        alone = train("by-galaxy", None).answers()
        residuals.append(("B", "ours, afresh", alone.residual))
        bars += [one._replace(met=None) for one in _ratios(alone.residual, theirs, galaxy, "afresh")]
    columns = ("set", "networks", "sigma_mad age [dex]", "[M/H] [dex]", "bias age", "[M/H]", "rms age", "[M/H]")
    rows = tuple((name, how, *_row_of_residuals(one)) for name, how, one in residuals)
    tables = [Table("Residuals against the labels", columns, rows)]
    if sample.truth is not None:
        wrong = data.labels - np.stack([getattr(sample.truth, target) for target in PAPER_TARGETS], axis=1)
        rows = (("", "the labels themselves", *_row_of_residuals(wrong)),)
        rows += tuple((name, how, *_row_of_residuals(one + wrong)) for name, how, one in residuals)
        tables.append(Table("Residuals against the truth", columns, rows))
    say("set B: rows seen anew")
    checked = _checks(ours, given, sample, galaxy)
    return Part(bars + checked.bars, tables + checked.tables)


# -- intervals -------------------------------------------------------------------------------------


def _checks(ours: SetB, given: RowAnswers, sample: Sample, galaxy: Strings) -> Part:
    """Coverage overall, with noise, with bands missing, and in bins."""
    data, bars = ours.data, []
    everyone = np.ones(len(data), bool)
    overall = _line("all", given, everyone, galaxy)
    for level, nominal in NOMINAL.items():
        for word in WORDS:
            found = overall.coverage[word, level]
            bars.append(_coverage_bar(f"coverage of {level} % intervals, {word}", found, nominal, OVERALL))
    seen = {"as they are": given}
    seen |= {f"S/N {snr:g}": ours.answers(noisier(data, snr)) for snr in SNRS}
    noise = [_line(name, one, everyone, galaxy) for name, one in seen.items()]
    native = signal_to_noise(data.seds())
    noise += _lines("S/N", native, given, galaxy)
    fewer = {f"{100 * share:.0f} % of the bands": ours.answers(thinner(data, share)) for share in SHARES}
    missing = [_line(name, one, everyone, galaxy) for name, one in fewer.items()]
    half = scores(fewer["50 % of the bands"])
    for t, word in enumerate(WORDS):
        value, err = _ratio(fewer["50 % of the bands"].residual[:, t], given.residual[:, t], galaxy)
        bars.append(_upper(f"half of the bands missing: growth of sigma_mad, {word}", GROWTH, value, err))
        told = ", ".join(f"{percent(half[word][level])} %" for level in NOMINAL)
        off = max(abs(half[word][level] - nominal) for level, nominal in NOMINAL.items())
        bars.append(Bar(f"half of the bands missing: coverage, {word}", "68.3, 95.4 % within 5", told, off <= IN_BINS))
    binned = {
        "S/N": noise,
        "number of bands": missing,
        "predicted age": _lines("predicted age", given.mean[:, 0], given, galaxy),
        "predicted [M/H]": _lines("predicted [M/H]", given.mean[:, 1], given, galaxy),
        "age of the label": _lines("age of the label", data.labels[:, 0], given, galaxy),
        "[M/H] of the label": _lines("[M/H] of the label", data.labels[:, 1], given, galaxy),
    }
    if sample.truth is not None:
        binned["true A_V"] = _lines("true A_V", np.asarray(sample.truth.av, float), given, galaxy)
    for name, lines in binned.items():
        bars += [_worst(name, lines, level) for level in NOMINAL]
    rows = [overall.row("all")]
    rows += [line.row(name) for name, lines in binned.items() for line in lines]
    columns = (
        "bins of", "bin", "rows", "galaxies", "sigma_mad age", "[M/H]", "68 %: age", "[M/H]", "95 %: age", "[M/H]",
    )  # fmt: skip
    return Part(bars, [Table("Coverage of held-out rows [%]", columns, tuple(rows))])


def noisier(data: SampleRows, snr: float) -> NormalisedPhotometry:
    """All rows with noise that brings each band of the mean flux to ``snr``, known to the last digit."""
    survey = replace(
        SAMPLE_SURVEY, snr=(snr, snr * 1.0001), calibration=(1e-7, 2e-7), zero_points=(1e-7, 2e-7), noise_tilt=0.0,
        noise_scatter=0.0, error_scatter=0.0, complete=1.0,
    )  # fmt: skip
    return data.seen_anew(slice(None), np.random.default_rng((SEED, 77, int(snr))), survey)


def thinner(data: SampleRows, share: float) -> NormalisedPhotometry:
    """All rows with a share of their bands, drawn anew for each; no fewer than ``LEAST_BANDS``."""
    rng = np.random.default_rng((SEED, 78, int(100 * share)))
    draw = np.where(data.covered, rng.uniform(size=data.covered.shape), 2.0)
    rank = np.argsort(np.argsort(draw, axis=1), axis=1)
    kept = np.maximum(np.round(share * data.covered.sum(axis=1)), LEAST_BANDS)
    return normalised(data.flux, data.flux_err, data.covered & (rank < kept[:, None]))


@dataclass(frozen=True)
class _Bin:
    """Coverage of some rows by target and level: (value, standard error by galaxies)."""

    name: str
    n: int
    n_galaxies: int
    sigma: dict[str, float]
    coverage: dict[tuple[str, str], tuple[float, float]]

    def row(self, quantity: str) -> tuple[str, ...]:
        told = [percent(*self.coverage[word, level]) for level in NOMINAL for word in WORDS]
        sigma = [f"{self.sigma[word]:.3f}" for word in WORDS]
        return (quantity, self.name, str(self.n), str(self.n_galaxies), *sigma, *told)


def _line(name: str, given: RowAnswers, rows: Bools, galaxy: Strings) -> _Bin:
    rng, found, sigma = np.random.default_rng(5), {}, {}
    n_galaxies = 0
    for t, word in enumerate(WORDS):
        keep = rows & np.isfinite(given.pit[:, t])
        zero = np.zeros(int(keep.sum()))
        one: IntervalCalibration = calibration(
            given.pit[keep, t], zero, zero, galaxy[keep], rng=rng, n_bootstrap=N_BOOTSTRAP
        )
        found[word, "68"], found[word, "95"] = tuple(one.coverage_68), tuple(one.coverage_95)
        sigma[word], n_galaxies = sigma_mad(given.residual[keep, t]), one.n_galaxies
    return _Bin(name, int(rows.sum()), n_galaxies, sigma, found)


def _lines(name: str, quantity: Floats, given: RowAnswers, galaxy: Strings, n_bins: int = 5) -> list[_Bin]:
    """In bins of equally many rows."""
    edges = np.nanquantile(quantity, np.linspace(0, 1, n_bins + 1))
    at = np.clip(np.searchsorted(edges, quantity, side="right") - 1, 0, n_bins - 1)
    return [
        _line(f"{name} {edges[k]:.3g} to {edges[k + 1]:.3g}", given, (at == k) & np.isfinite(quantity), galaxy)
        for k in range(n_bins)
    ]


def _worst(name: str, lines: list[_Bin], level: str) -> Bar:
    nominal = NOMINAL[level]
    judged = [one for one in lines if one.n_galaxies >= JUDGED] or lines
    each = [(abs(one.coverage[word, level][0] - nominal), one, word) for one in judged for word in WORDS]
    off, one, word = max(each, key=lambda item: item[0])
    wide = sum(item[0] > IN_BINS for item in each)
    told = f"{wide} of {len(each)} off by more; worst {percent(*one.coverage[word, level])} % ({one.name}, {word})"
    asked = f"{100 * nominal:.1f} % within 5 in every bin"
    return Bar(f"coverage of {level} % intervals in bins of {name}", asked, told, off <= IN_BINS)


def _coverage_bar(name: str, found: tuple[float, float], nominal: float, within: float) -> Bar:
    asked = f"{100 * nominal:.1f} % within {100 * within:.0f}"
    return Bar(name, asked, f"{percent(*found)} %", abs(found[0] - nominal) <= within)


# -- ratios ----------------------------------------------------------------------------------------


def _ratios(ours: Floats, theirs: Floats, galaxy: Strings, how: str) -> list[Bar]:
    bars = []
    for t, word in enumerate(WORDS):
        value, err = _ratio(ours[:, t], theirs[:, t], galaxy)
        bars.append(_upper(f"Set B: sigma_mad over that of the paper's network, {how}, {word}", RATIO, value, err))
    return bars


def _upper(name: str, asked: float, value: float, err: float) -> Bar:
    return Bar(name, f"<= {asked:g}", f"{value:.2f} +- {err:.2f}", value <= asked)


def _ratio(ours: Floats, theirs: Floats, galaxy: Strings) -> tuple[float, float]:
    """sigma_mad over sigma_mad, and its standard error over draws of galaxies."""
    good = np.isfinite(ours) & np.isfinite(theirs)
    first, second = ours[good], theirs[good]
    _, number = np.unique(galaxy[good], return_inverse=True)
    order = np.argsort(number, kind="stable")
    rows_of = np.split(order, np.cumsum(np.bincount(number))[:-1])
    rng, drawn = np.random.default_rng(9), []
    for _ in range(N_BOOTSTRAP // 2):
        rows = np.concatenate([rows_of[k] for k in rng.integers(len(rows_of), size=len(rows_of))])
        drawn.append(sigma_mad(first[rows]) / sigma_mad(second[rows]))
    return sigma_mad(first) / sigma_mad(second), float(np.std(drawn))


def _row_of_residuals(residual: Floats) -> tuple[str, ...]:
    good: Any = residual[np.isfinite(residual).all(axis=1)]
    sigma = [sigma_mad(good[:, t]) for t in range(len(WORDS))]
    return tuple(f"{x:.3f}" for x in (*sigma, *good.mean(axis=0), *np.sqrt((good**2).mean(axis=0))))
