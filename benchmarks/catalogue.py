"""What a catalogue may expect of a model of many targets, on mock galaxies of its own recipe: one table a question.

Run ``python benchmarks/catalogue.py [MODEL] [--only scores,...] [--galaxies 100000] [--out FILE.md]`` (minutes).
Two hundred galaxies at a time share template library, velocity dispersion and redshift: 20 000 would be ten draws of
these for each bin of redshift.  Parts:

scores     sigma_mad, bias and coverage of every target by signal-to-noise ratio, redshift and number of bands
sequences  means of a passive and of a star-forming galaxy seen at rising redshift: steps between neighbours
published  the scatter that DynBaS reached on J-PAS mocks (J-PAS challenge of 2015, 50 noise draws, S/N 20), beside ours
redshifts  photometric redshifts where none is known: scatter, outliers and coverage, by signal-to-noise ratio
two_peaks  coverage where the redshift is given as a distribution of two peaks
one_band   one band off by a fifth: how often it is named, what it does to the age, and how often good bands are named
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from agez.analysis.metrics import sigma_mad
from agez.analysis.pit import share_inside
from agez.bench.text import section
from agez.distributions.mixture import marginal_of
from agez.mixture_network.calibrated_scores import pit_in_intervals
from agez.mixture_network.calibration import ONE_SIGMA
from agez.models.luminosity import log_luminosity
from agez.models.model import Model
from agez.models.model_file import load_model
from agez.models.predict import predict
from agez.targets import zero_limits
from agez.training.recipe_seds import many_seds
from agez.training.recipes import Recipe
from agez.training_seds.observe import Survey, observe
from agez.training_seds.seds import TrainingSeds
from agez.types import Floats, Ints, Photometry, Prediction, Rows

#: Flux scale of the mock galaxies [microjansky]: r = 19.4.
SCALE = 63.0
SNRS = (3.0, 10.0, 30.0, 100.0)
#: The least redshift of mock galaxies: at zero there is no distance.
LEAST_REDSHIFT = 0.003
#: DynBaS in the J-PAS challenge of 2015: scatter of fitted minus true by redshift.
DYNBAS_REDSHIFTS = (0.003, 0.1, 0.3, 0.5, 0.95)
DYNBAS = {
    "log_age_lw": (0.193, 0.200, 0.185, 0.176, 0.145), "mh_lw": (0.20, 0.20, 0.20, 0.20, 0.21), "av": (0.18,) * 5,
    "log_mass": (0.18,) * 5,
}  # fmt: skip


def galaxies(how: Recipe, n: int, seed: int, *, at: float | None = None, workers: int = 1) -> TrainingSeds:
    """New galaxies of the recipe's kind, evenly over its redshifts, or at one."""
    low, high = (max(how.redshift_range[0], LEAST_REDSHIFT), how.redshift_range[1]) if at is None else (at, at)
    even = replace(how, redshift_range=(low, high), near_share=0.0, rest_share=0.0, spaxel_share=0.0)
    return many_seds(even, n, (999, seed), workers=workers)


def seen_by(how: Recipe, snr: float | None) -> Survey:
    """The recipe's survey at one signal-to-noise ratio, with all bands and none of them spoilt."""
    return replace(how.survey.even(snr), bad_band=0.0)


def rows_of(
    sky: TrainingSeds, survey: Survey, seed: int | np.random.Generator, *, keep: float = 1.0, known: bool = True
) -> Photometry:  # fmt: skip
    """Galaxies as the survey sees them; ``keep``: the share of their bands; ``known``: their redshifts."""
    rng, n = np.random.default_rng(seed), len(sky)
    seen = observe(sky.flux, sky.present, np.array(sky.bands.pivot_angstrom), rng, survey=survey)
    covered = seen.covered & (rng.uniform(size=seen.covered.shape) < keep)
    flux, error = (np.where(covered, SCALE * part, np.nan).astype(float) for part in (seen.flux, seen.flux_err))
    redshift = sky.redshift if known else np.full(n, np.nan)
    return Photometry(
        sky.bands, flux, error, covered, Rows.numbered(n), redshift, np.zeros(n, np.int32), {},
        redshift_err=np.zeros(n),
    )  # fmt: skip


def with_equal_ratios(sky: TrainingSeds, rows: Photometry, snr: float, seed: int) -> Photometry:
    """The same galaxies with one signal-to-noise ratio in every band, faint bands too, and no calibration errors."""
    rng, true = np.random.default_rng(seed), np.where(sky.present, SCALE * sky.flux, np.nan).astype(float)
    error = np.abs(true) / snr
    flux = true + error * rng.standard_normal(true.shape)
    return replace(rows, flux=flux, flux_err=error, covered=np.array(sky.present))


def truth_of(sky: TrainingSeds) -> dict[str, Floats]:
    """True values by target, in their units."""
    log_scale = log_luminosity(np.full(len(sky), SCALE), sky.redshift)
    out = {}
    for t, target in enumerate(sky.targets):
        values = sky.labels[:, t] + target.per_flux * log_scale if target.per_flux else sky.labels[:, t]
        out[target.name] = np.asarray(values)
    return out


def below_limit(found: Prediction, name: str, limit: float) -> Floats:
    """(n,) probability of values below a limit in the intervals of the predictions."""
    model = found.input.model
    tail = model.kind.network.calibration.tail[[one.name for one in model.targets].index(name)]
    own = [one.name for one in found.targets if not one.sum_of]
    part = marginal_of(found.mixture, [own.index(name)])
    return pit_in_intervals(part, np.full((len(found), 1), limit), np.array([tail]))[:, 0]


def cells(
    found: Prediction, truth: dict[str, Floats], name: str, rows: Ints | slice = slice(None)
) -> tuple[float, ...]:
    """sigma_mad, bias, and coverage of the 68 and 95 % intervals of one target in the answered ones of some rows."""
    rows = np.arange(len(found))[rows]
    rows = rows[np.isfinite(getattr(found, name)[rows])]
    value, true = getattr(found, name)[rows], truth[name][rows]
    some, target = found.take(rows), next(one for one in found.targets if one.name == name)
    limit = zero_limits([target])[0]
    zero, inside = true <= limit, []
    below = below_limit(some, name, limit) if zero.any() else np.zeros(len(rows))
    for probability, ends in ((ONE_SIGMA, ("p16", "p84")), (0.95, ("p025", "p975"))):
        low, high = (getattr(some, f"{name}_{end}") for end in ends)
        parts = share_inside(below, probability, censored=zero)
        inside.append(float(np.mean(np.where(zero, parts, (true >= low) & (true <= high)))))
    off = value - true
    return float(sigma_mad(off)), float(np.median(off)), *inside


def table(title: str, head: list[str], lines: list[list[str]]) -> str:
    """A Markdown table under a title."""
    return "\n".join(["", *section(f"### {title}", head, lines)])


def scores(model: Model, how: Recipe, sky: TrainingSeds) -> str:
    """Tables of scores."""
    truth, names = truth_of(sky), [target.name for target in sky.targets]
    head = ["target", "sigma_mad", "bias", "68 %", "95 %"]
    out = []
    for snr in SNRS:
        found = predict(model, rows_of(sky, seen_by(how, snr), 2), targets="all")
        lines = [[name, *(f"{x:.3f}" for x in cells(found, truth, name))] for name in names]
        out.append(table(f"S/N {snr:g}, all bands, known redshift", head, lines))
        if snr != 30.0:
            continue
        edges = np.linspace(*how.redshift_range, 11)
        bins = np.clip(np.digitize(sky.redshift, edges) - 1, 0, 9)
        for k, what in enumerate(("sigma_mad", "bias", "68 % coverage", "95 % coverage")):
            lines = [
                [name, *(f"{cells(found, truth, name, np.flatnonzero(bins == b))[k]:.3f}" for b in range(10))]
                for name in names
            ]
            words = [f"{low:.2f}-{high:.2f}" for low, high in pairwise(edges)]
            out.append(table(f"S/N 30 by redshift: {what}", ["target", *words], lines))
    for keep in (0.5, 0.25):
        found = predict(model, rows_of(sky, seen_by(how, 30.0), 3, keep=keep), targets="all")
        lines = [[name, *(f"{x:.3f}" for x in cells(found, truth, name))] for name in names]
        out.append(table(f"S/N 30, {keep:.0%} of the bands, known redshift", head, lines))
    return "\n".join(out)


def redshifts(model: Model, how: Recipe, sky: TrainingSeds) -> str:
    """Photometric redshifts."""
    truth, lines = truth_of(sky), []
    for snr in (5.0, 10.0, 20.0, 50.0, 100.0):
        found = predict(model, rows_of(sky, seen_by(how, snr), 5, known=False))
        off = (found.redshift_phot_p50 - sky.redshift) / (1 + sky.redshift)
        _, _, inside, wide = cells(found, truth, "redshift_phot")
        nmad, far = 1.4826 * np.median(np.abs(off - np.median(off))), np.mean(np.abs(off) > 0.05)
        age = cells(found, truth, "log_age_lw")
        lines.append([f"{snr:g}", f"{nmad:.4f}", f"{far:.3f}", f"{inside:.3f}", f"{wide:.3f}", f"{age[0]:.3f}",
                      f"{age[2]:.3f}"])  # fmt: skip
    head = ["S/N", "sigma_NMAD", "outliers > 0.05 (1 + z)", "68 %", "95 %", "sigma_mad of the age", "68 % of the age"]
    return table("Redshift unknown: the model's own", head, lines)


def published(model: Model, how: Recipe, sky: TrainingSeds) -> str:
    """Beside DynBaS: scatter over galaxies and noise."""
    lines = []
    for k, z in enumerate(DYNBAS_REDSHIFTS):
        if z > how.redshift_range[1]:
            continue
        here = galaxies(how, max(len(sky) // 10, 400), 10 + k, at=z)
        truth = truth_of(here)
        draws = [predict(model, rows_of(here, seen_by(how, 20.0), 20 + d)) for d in range(5)]
        for name, theirs in DYNBAS.items():
            off = np.concatenate([getattr(found, name) - truth[name] for found in draws])
            lines.append([name, f"{z:g}", f"{theirs[k]:.3f}", f"{off.std():.3f}", f"{sigma_mad(off):.3f}"])
    lines.sort(key=lambda line: list(DYNBAS).index(line[0]))
    return table("S/N 20, known redshift: published scatter and ours",
                 ["target", "z", "DynBaS", "standard deviation", "sigma_mad"], lines)  # fmt: skip


def sequences(model: Model, how: Recipe, sky: TrainingSeds) -> str:
    """Steps with redshift: the change of the mean from one redshift to the next, beyond that of its neighbours."""
    grid = np.arange(LEAST_REDSHIFT, how.redshift_range[1], 0.01)
    out: dict[str, list[Floats]] = {"passive": [], "star-forming": []}
    names = [target.name for target in model.targets]
    for z in grid:
        here = galaxies(how, max(len(sky) // 100, 200), 31, at=float(z))  # the same draws at each redshift
        found, truth = predict(model, rows_of(here, seen_by(how, 100.0), 32), targets="all"), truth_of(here)
        off = np.stack([getattr(found, name) - values for name, values in truth.items()], axis=1)
        young = truth["log_ssfr"] > -11.0
        for kind, rows in (("passive", ~young), ("star-forming", young)):
            out[kind].append(np.nanmedian(off[rows], axis=0))
    lines = []
    for t, name in enumerate(names):
        line = [name]
        for kind in out:
            means = np.array(out[kind])[:, t]
            steps = np.abs(means[1:-1] - (means[:-2] + means[2:]) / 2)
            line += [f"{np.median(steps):.3f}", f"{steps.max():.3f}", f"{grid[1 + int(np.argmax(steps))]:.2f}"]
        lines.append(line)
    head = ["target", *(f"{kind}: {what}" for kind in out for what in ("median", "largest", "at z"))]
    return table(
        "Bias of the median from one redshift (0.01 apart) to the next: departure from its neighbours", head, lines
    )


def two_peaks(model: Model, how: Recipe, sky: TrainingSeds) -> str:
    """Coverage where the redshift is one of two."""
    from agez.distributions.redshift_mixture import RedshiftMixture
    from agez.photometry.redshift_columns import with_redshifts

    truth, rng = truth_of(sky), np.random.default_rng(7)
    low, high = how.redshift_range
    rows = rows_of(sky, seen_by(how, 30.0), 8)
    sigma = np.full((len(sky), 2), 0.01)
    share = rng.uniform(0.1, 0.9, len(sky))
    weights = np.stack([share, 1 - share], axis=1)
    which = (rng.uniform(size=len(sky)) > share).astype(int)
    own = np.arange(len(sky))
    means = rng.uniform(low + 0.02, high - 0.02, (len(sky), 2))
    means[own, which] = np.clip(sky.redshift + sigma[own, which] * rng.standard_normal(len(sky)), low, high)
    given = with_redshifts(rows, RedshiftMixture(weights, means, sigma))
    found = predict(model, given)
    lines = [[name, *(f"{x:.3f}" for x in cells(found, truth, name))] for name in model.main_targets]
    return table("Redshift of two peaks 0.01 wide, S/N 30", ["target", "sigma_mad", "bias", "68 %", "95 %"], lines)


def one_band(model: Model, how: Recipe, sky: TrainingSeds) -> str:
    """One band off by a fifth."""
    truth, rng = truth_of(sky), np.random.default_rng(10)
    quiet = replace(seen_by(how, 30.0), calibration=(1e-3, 2e-3), zero_points=(1e-3, 2e-3))
    of_noise = rows_of(sky, quiet, 11)
    cases = {
        "S/N 30, one error for all bands": of_noise,
        "the same, with the survey's zero points": rows_of(sky, seen_by(how, 30.0), 11),
        "S/N 30 in every band": with_equal_ratios(sky, of_noise, 30.0, 12),
        "S/N 100 in every band": with_equal_ratios(sky, of_noise, 100.0, 12),
    }
    lines = []
    for words, good in cases.items():
        band, own = rng.integers(len(sky.bands), size=len(sky)), np.arange(len(sky))
        flux = good.flux.copy()
        flux[own, band] *= rng.choice([0.8, 1.2], len(sky))
        with np.errstate(invalid="ignore"):
            faint = np.abs(flux - good.flux)[own, band] < 4 * good.flux_err[own, band]
        before, after = (predict(model, one) for one in (good, replace(good, flux=flux)))
        assert before.worst_band is not None
        assert after.worst_band is not None
        named = np.asarray(after.worst_band == np.array(sky.bands.names)[band])
        ages = [float(sigma_mad(one.log_age_lw - truth["log_age_lw"])) for one in (before, after)]
        shares = (faint, named, before.worst_band != "")
        lines.append([words, *(f"{np.mean(one):.3f}" for one in shares), *(f"{age:.3f}" for age in ages),
                      f"{ages[1] / ages[0] - 1:+.1%}"])  # fmt: skip
    head = ["photometry", "below 4 sigma", "named", "good bands named", "sigma_mad of the age", "with the bad band",
            "growth"]  # fmt: skip
    return table("One band off by 20 %", head, lines)


PARTS = {
    "scores": scores, "redshifts": redshifts, "published": published, "one_band": one_band, "two_peaks": two_peaks,
    "sequences": sequences,
}  # fmt: skip


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="jpas", help="name or file; default: jpas")
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--galaxies", type=int, default=100_000, help="mock galaxies of a table")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="Markdown file")
    options = parser.parse_args()
    model = load_model(options.model)
    how, parts = Recipe.from_dict(model.header["training"]["recipe"]), []
    sky = galaxies(how, options.galaxies, 1, workers=options.workers)
    for name in options.only.split(","):
        begin = time.perf_counter()
        parts.append(PARTS[name](model, how, sky))
        print(parts[-1], f"\n({name}: {time.perf_counter() - begin:.0f} s)", flush=True)
    if options.out is not None:
        options.out.write_text("\n".join(parts).lstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
