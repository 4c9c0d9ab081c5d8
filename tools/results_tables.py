"""The tables of docs/results.md, from a run's summary.json alone; what was not run is said in their place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from html_tables import markdown_of
from markdown_tables import join_table

from agez.experiments.catalogue import EXPERIMENTS, SETS_KEY, find_experiments
from agez.experiments.paper import SETS
from agez.report.chapters import CHAPTERS

Summary = Mapping[str, Any]

_WORDS = ("age", "metallicity")
_TITLES = {"labels": "labels", "set_a": "Set A", "set_b": "Set B"}
VERDICTS = ("supported", "not supported", "cannot tell")


def experiment_parts(summary: Summary) -> dict[str, str]:
    """For each further experiment of the paper, by key: its table as in the report, and how its claims were decided."""
    return {experiment.key: _part(summary, experiment.key, experiment.shown_in[0]) for experiment in EXPERIMENTS}


def _part(summary: Summary, key: str, only: str) -> str:
    if key not in summary:
        return f"Not in this run: `agez reproduce --only {only}`."
    reason = summary[key]["measured"].get("not_run")
    if reason is not None:
        return f"Not run: {reason}."
    made = [chapter.table[2](summary) for chapter in CHAPTERS if chapter.experiment == key and chapter.table]
    parts = [markdown_of(one) for one in made]
    skipped = summary[key]["measured"].get("skipped") or {}
    parts += [f"Not run: {name.replace('_', ' ')} ({why})." for name, why in skipped.items()]
    return "\n\n".join([*parts, decided(summary, key)])


def decided(summary: Summary, key: str) -> str:
    """The claims of one experiment, each with its verdict and how that was decided."""
    lines = []
    for claim in summary.get("claims", ()):
        if home_of(claim["figure"]) == key:
            how = ". ".join(line.rstrip(".") for line in claim["how"].split("\n"))
            lines.append(f"- **{claim['verdict']}** ({claim['figure']}): {claim['claim']}.  {how}")
    return "\n".join(lines)


def home_of(place: str) -> str:
    """Key of the experiment that a claim's place belongs to: ``figure 12``, ``table 1``, ``peers``."""
    number = re.match(r"figures? (\d+)", place)
    return find_experiments([f"fig{number[1]}" if number else place])[0]


def claims_table(summary: Summary) -> str:
    """Every claim with its verdict, and how many there are of each."""
    claims = summary.get("claims", [])
    count = {verdict: sum(claim["verdict"] == verdict for claim in claims) for verdict in VERDICTS}
    told = ", ".join(f"{n} {verdict}" for verdict, n in count.items())
    keys = ("claim", "section", "figure", "published", "measured", "verdict")
    rows = [[claim[key].replace("|", r"\|") for key in keys] for claim in claims]
    header = ["claim", "section", "where", "published", "this run", "verdict"]
    return f"{len(claims)} claims: {told}.\n\n" + join_table(header, rows)


def sets_tables(summary: Summary) -> str:
    """The run in one line, and Set A and Set B: scores, correlations, random guesses, truth, claims."""
    sample, paper = summary["sample"], summary["paper"]
    sets = [name for name in SETS if summary.get(name)]
    parts = [
        f"agez {summary['version']}, preset {summary['preset']}, seed {summary['seed']}: {sample['n_spectra']} spectra "
        f"of {sample['n_galaxies']} galaxies ({sample['n_early']} early, {sample['n_late']} late), "
        f"{sample['n_bands']} bands; {summary['seconds']['total']:.0f} s, {summary['peak_rss_mb']:.0f} MB."
    ]
    steps = [f"{step} {spent:.0f}" for step, spent in summary["seconds"].items() if step != "total" and spent >= 0.5]
    parts.append(f"Seconds by step: {', '.join(steps)}.")
    if not sets:
        return "\n\n".join([*parts, "Set A and Set B are not in this run: `agez reproduce --only set_a`."])
    rows = []
    for name in sets:
        for word in _WORDS:
            ours, theirs = summary[name][word], paper[name][word]
            slope, published = summary[name]["gradient"][word], paper[name]["gradient"][word]
            rows.append([
                _TITLES[name], word, _number(ours["sigma_mad"]), _number(theirs["sigma_mad"], ".2f"),
                _number(ours["bias"], "+.3f"), _number(ours["rmse"]), _number(slope["sigma_mad"]),
                _number(published["sigma_mad"], ".2f"), _number(slope["bias"], "+.3f"),
            ])  # fmt: skip
    header = ["", "", "sigma_mad", "paper", "bias", "rmse", "gradient sigma_mad", "paper", "gradient bias"]
    parts += ["Predictions against labels [dex; dex/Re for gradients]:", join_table(header, rows)]
    lines = [
        f"- {_TITLES[name]}: {_number(summary[name]['residual_pcc'], '.2f')} (paper {paper[name]['residual_pcc']:.2f})"
        for name in sets
    ]
    parts += ["Correlation of the residuals in age with those in metallicity:", "\n".join(lines)]
    guess = {word: _number(summary["random_baseline"][word]["mse"]) for word in _WORDS}
    parts.append(
        f"Mean squared error of random guesses: age {guess['age']} dex^2 (paper "
        f"{paper['random_baseline']['age']['mse']:.3f}), metallicity {guess['metallicity']} dex^2."
    )
    truth = summary["against_truth"]
    if truth["labels"]["age"]["n"]:
        rows = []
        for name in (one for one in _TITLES if one in truth):
            for word in _WORDS:
                one, slope = truth[name][word], truth[name].get("gradient", {}).get(word, {})
                rows.append([
                    _TITLES[name], word, _number(one["sigma_mad"]), _number(one["bias"], "+.3f"), _number(one["rmse"]),
                    _number(slope.get("sigma_mad")), _number(slope.get("bias"), "+.3f"),
                ])  # fmt: skip
        header = ["", "", "sigma_mad", "bias", "rmse", "gradient sigma_mad", "gradient bias"]
        parts += ["Against the truth of the mock survey:", join_table(header, rows)]
    return "\n\n".join([*parts, decided(summary, SETS_KEY)]).strip()


def _number(value: float | None, form: str = ".3f") -> str:
    return "-" if value is None else format(value, form)
