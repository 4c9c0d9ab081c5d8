"""Tables of the further experiments, from their blocks alone: every cell carries the key of the number it shows."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from agez.experiments.diversity import STEPS, WITH_FEWER_GALAXIES
from agez.experiments.paper import SETS, set_title
from agez.report.cells import EMPTY, cell, cells, find, group, interval, named_table, row, with_error, words, yes_no
from agez.report.numbers import number

WORDS = ("age", "metallicity")
_PROPERTIES = {
    "log_ssfr": "specific star-formation rate",
    "inclination": "inclination",
    "av": "A<sub>V</sub>",
    "bulge_fraction": "bulge fraction",
}

Blocks = Mapping[str, Any]


def _sets(blocks: Blocks, experiment: str) -> list[str]:
    """The sets that an experiment was run for."""
    return [name for name in SETS if find(blocks, f"{experiment}.measured.{name}")]


def hyperparameters_table(blocks: Blocks) -> str:
    """The sizes that were chosen beside those set by hand, and what both achieve on test rows."""
    rows = []
    for name in _sets(blocks, "hyperparameters"):
        rows.append(group(set_title(name), 8))
        for word in WORDS:
            base = f"hyperparameters.measured.{name}.{word}"
            hand, chosen = find(blocks, f"hyperparameters.published.{word}"), find(blocks, f"{base}.chosen")
            shown = (
                words(_sizes(hand)) + words(_sizes(chosen)) + cells(blocks, base, ("n_trials", "n_pruned"), "{:.0f}")
            )
            for key in ("hand_set.sigma_mad", "searched.sigma_mad"):
                shown += with_error(blocks, f"{base}.{key}", f"{base}.{key}_err", "{:.4f}")
            shown += with_error(blocks, f"{base}.gain_mse", f"{base}.gain_mse_err", "{:+.5f}")
            verdict = find(blocks, f"{base}.verdict")
            answer = {True: "yes", False: "no"}.get(find(blocks, f"{base}.at_least_as_good"), "?")
            answer += f" ({verdict})" if verdict else ""
            shortened = find(blocks, "hyperparameters.measured.shortened")
            rows.append(row(word, shown + words("not judged: shortened" if shortened else answer)))
    return named_table("hyperparameters", rows)


def _sizes(one: Mapping[str, Any] | None) -> str:
    if one is None:
        return "-"
    (f1, f2), (w1, w2) = one["filters"], one["widths"]
    return f"{f1}, {f2}; {w1}, {w2}; {one['pool']}; {one['dense']}; {one['batch']}"


def dependence_table(blocks: Blocks) -> str:
    """rho with its interval and whether there is a trend, for every test."""
    rows = []
    for key, title in _PROPERTIES.items():
        rows.append(group(title, 7))
        for name in _sets(blocks, "dependence"):
            for word in WORDS:
                base = f"dependence.measured.{name}.{word}.{key}"
                shown = cell(blocks, f"{base}.n_galaxies", "{:.0f}")
                for statistic in ("median", "sigma_mad"):
                    one = f"{base}.{statistic}"
                    shown += interval(blocks, one, "{:+.2f}") + cell(blocks, f"{one}.difference_dex", "{:+.3f}")
                    shown += yes_no(blocks, f"{one}.trend", none="cannot tell")
                rows.append(row(f"{set_title(name)}, {word}", shown))
    return named_table("dependence", rows)


def table1(blocks: Blocks) -> str:
    """Networks trained on one type and applied to another: measured beside published."""
    cells_of = ("early-early", "early-late", "late-early", "late-late", "full")
    rows = []
    for name in cells_of:
        trained, _, applied = name.partition("-")
        shown = words(applied or "both")
        for word in WORDS:
            base = f"table1.measured.{word}.{name}"
            shown += with_error(blocks, f"{base}.sigma_mad", f"{base}.err", "{:.3f}")
            shown += cell(blocks, f"{base}.spread", "{:.3f}")
            shown += cell(blocks, f"table1.published.{word}.{name}", "{:.2f}")
        rows.append(row(escape("both" if trained == "full" else trained), shown))
    counts = ("n_draws", "n_train_early", "n_train_late")
    return named_table("table1", rows, **{key: _count(blocks, f"table1.measured.{key}") for key in counts})


def training_size_table(blocks: Blocks) -> str:
    """The numbers behind figure 13."""
    fractions = find(blocks, "training_size.measured.fractions") or []
    rows = []
    for name in _sets(blocks, "training_size"):
        rows.append(group(set_title(name), 5))
        for k, fraction in enumerate(fractions):
            shown = cell(blocks, f"training_size.measured.{name}.age.n_train.{k}", "{:.0f}")
            for word in WORDS:
                for score, form in (("mse", "{:.4f}"), ("sigma_mad", "{:.3f}")):
                    key = f"training_size.measured.{name}.{word}.{score}"
                    shown += with_error(blocks, f"{key}_mean.{k}", f"{key}_std.{k}", form)
            rows.append(row(f"{100 * fraction:g} %", shown))
    rows.append(group("Random guesses", 5))
    for source, title in (("measured", "this run"), ("published", "paper")):
        base = f"training_size.{source}.random_mse"
        rows.append(row(title, EMPTY + "".join(cell(blocks, f"{base}.{w}", "{:.4f}") + EMPTY for w in WORDS)))
    return named_table("training_size", rows, n_repeats=_count(blocks, "training_size.measured.n_repeats"))


def mass_gradients_table(blocks: Blocks) -> str:
    """How the binned means of each set agree with the labels', and the mean gradients of all."""
    rows = []
    measured = find(blocks, "mass_gradients.measured") or {}
    for word in WORDS:
        rows.append(group(word.capitalize(), 7))
        for kind in ("early", "late"):
            for name in (one for one in ("labels", *SETS, "truth") if one in measured):
                base = f"mass_gradients.measured.{name}.{word}.{kind}"
                against = f"mass_gradients.measured.against_labels.{name}.{word}.{kind}"
                shown = cell(blocks, f"{base}.n_galaxies", "{:.0f}")
                shown += with_error(blocks, f"{base}.mean_gradient", f"{base}.mean_gradient_err", "{:+.3f}")
                shown += interval(blocks, f"{base}.spearman", "{:+.2f}")
                if name in SETS:
                    keys = (("rms_dex", "{:.3f}"), ("rms_in_errors", "{:.2f}"), ("p_holm", "{:.3f}"))
                    shown += "".join(cell(blocks, f"{against}.{key}", form) for key, form in keys)
                    shown += cell(blocks, f"{against}.scatter", "{:.3f}")
                else:
                    shown += EMPTY * 4
                rows.append(row(f"{kind} types, {set_title(name) if name in SETS else name}", shown))
    return named_table("mass_gradients", rows)


def diversity_table(blocks: Blocks) -> str:
    """Scatter of both sets and their ratio, against labels and truth, for each survey; then the galaxies needed."""
    rows = []
    for name in (one for one in STEPS if find(blocks, f"diversity.measured.steps.{one}")):
        step = f"diversity.measured.steps.{name}"
        shown = cells(blocks, step, ("n_spectra", "n_rejected", "n_galaxies"), "{:.0f}")
        for word in WORDS:
            base = f"{step}.{word}"
            shown += cell(blocks, f"{base}.labels.sigma_mad", "{:.3f}")
            for which in ("", ".truth"):
                shown += cells(blocks, base, [f"{s}{which}.sigma_mad" for s in SETS], "{:.3f}")
                shown += interval(blocks, f"{base}.ratio{which}", "{:.2f}", value="value")
        rows.append(row(escape(STEPS[name]), shown))
    rows.append(row("paper", _ratios_alone(blocks, "diversity.published.ratio.{}", "{:.1f}")))
    for survey, title in WITH_FEWER_GALAXIES.items():
        rows += _fewer_galaxies(blocks, survey, title)
        needed = _ratios_alone(blocks, f"diversity.measured.galaxies.{survey}.{{}}.needed", "{:.0f}")
        rows.append(row(f"galaxies for a ratio of 1.2, {title}", needed))
    skipped: Mapping[str, str] = find(blocks, "diversity.measured.skipped") or {}
    libraries = ", ".join(find(blocks, "diversity.measured.libraries") or ["-"])
    return named_table("diversity", rows, libraries=escape(libraries)) + _not_run(skipped)


def _ratios_alone(blocks: Blocks, key: str, form: str) -> str:
    """A row of the table of surveys that has something to say of the ratio alone, by quantity."""
    of_words = (EMPTY * 3 + cell(blocks, key.format(word), form) + EMPTY * 3 for word in WORDS)
    return EMPTY * 3 + "".join(of_words)


def _fewer_galaxies(blocks: Blocks, survey: str, title: str) -> list[str]:
    """Rows of one survey with a part of its galaxies, the whole survey left out: it has a row of its own."""
    base = f"diversity.measured.galaxies.{survey}"
    rows = []
    for k, n in enumerate((find(blocks, f"{base}.n_galaxies") or [])[:-1]):
        shown = EMPTY * 2 + cell(blocks, f"{base}.n_galaxies.{k}", "{:.0f}")
        for word in WORDS:
            shown += EMPTY + cells(blocks, f"{base}.{word}", [f"{which}.{k}" for which in SETS], "{:.3f}") + EMPTY * 4
        rows.append(row(f"{n} galaxies, {title}", shown))
    return rows


def peers_table(blocks: Blocks) -> str:
    """Every method in the same folds, and below it those that were not run, and why."""
    methods: Mapping[str, Any] = find(blocks, "peers.measured.methods") or {}
    skipped: Mapping[str, str] = find(blocks, "peers.measured.skipped") or {}
    sets = [one for one in SETS if any(one in method for method in methods.values())]
    scatter = [f"{s}.{w}.sigma_mad" for s in sets for w in WORDS]
    correlation = [f"{s}.residual_pcc" for s in sets]
    rows, truth = [], []
    for name, method in methods.items():
        base, title = f"peers.measured.methods.{name}", escape(str(method.get("title", name)))
        shown = cells(blocks, base, scatter, "{:.3f}") + cells(blocks, base, correlation, "{:+.2f}")
        shown += cell(blocks, f"{base}.seconds_per_sed", "{:.2g}") + cell(blocks, f"{base}.seconds_to_train", "{:.1f}")
        rows.append(row(title, shown))
        if any("truth" in method.get(s, {}) for s in sets):
            of_truth = cells(blocks, base, [f"{s}.truth.{w}.sigma_mad" for s in sets for w in WORDS], "{:.3f}")
            truth.append(row(title, of_truth + EMPTY * (len(sets) + 2)))
    columns = len(sets) * (len(WORDS) + 1) + 2
    if truth:
        rows = [group("Against the labels", columns), *rows, group("Against the truth of the mock", columns), *truth]
    paper = cells(blocks, "peers.published", scatter, "{:.2f}")
    paper += cells(blocks, "peers.published", correlation, "{:+.2f}")
    rows.append(group("Published", columns))
    rows.append(row("networks of the paper, against its labels", paper + EMPTY * 2))
    before = [f"{set_title(s)}, {w}" for s in sets for w in WORDS] + [f"{set_title(s)}, correlation" for s in sets]
    return named_table("peers", rows, before=before) + _not_run(
        {n.replace("_", " "): why for n, why in skipped.items()}
    )


def _not_run(skipped: Mapping[str, Any]) -> str:
    """A list of what was not run, and why; '' where all was."""
    items = "".join(f"<li>{escape(name)}: {escape(str(why))}</li>\n" for name, why in skipped.items())
    return f"<p>Not run:</p>\n<ul>\n{items}</ul>\n" if items else ""


def uncertainty_table(blocks: Blocks) -> str:
    """Distributions in the folds of the paper's networks: scatter beside theirs, coverage, CRPS and sharpness."""
    rows = []
    for name in _sets(blocks, "uncertainty"):
        rows.append(group(set_title(name), 10))
        base = f"uncertainty.measured.{name}"
        for word in WORDS:
            one = f"{base}.{word}"
            shown = cells(blocks, one, ("sigma_mad", "network_sigma_mad"), "{:.3f}") + cell(
                blocks, f"{one}.ratio", "{:.2f}"
            )
            for key, form in (("coverage_68", "{:.3f}"), ("coverage_95", "{:.3f}"), ("crps", "{:.4f}"),
                              ("sharpness", "{:.4f}")):  # fmt: skip
                shown += with_error(blocks, f"{one}.{key}.value", f"{one}.{key}.err", form)
            rows.append(row(word, shown + cell(blocks, f"{one}.departure", "{:.3f}") + EMPTY * 2))
        rows.append(row("both", EMPTY * 8 + cells(blocks, base, ("residual_pcc", "correlation"), "{:+.2f}")))
    start = find(blocks, "uncertainty.measured.start")
    begun = f"fine-tuned from the model {escape(repr(str(start)))}" if start else "trained from scratch"
    return named_table("uncertainty", rows, begun=begun)


def _count(blocks: Blocks, key: str) -> str:
    """A whole number in words of a caption."""
    value = find(blocks, key)
    return number(None if value is None else float(value), "{:.0f}")
