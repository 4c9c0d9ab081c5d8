"""Tables of the further experiments, from their blocks alone: every cell carries the key of the number it shows."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from agez.experiments.diversity import STEPS, WITH_FEWER_GALAXIES
from agez.experiments.paper import SETS, set_title
from agez.report.cells import cell, find, group, head, interval, row, table, with_error, words, yes_no
from agez.report.numbers import number

WORDS = ("age", "metallicity")
_SIGMA = "σ<sub>MAD</sub>"
_PROPERTIES = {
    "log_ssfr": "specific star-formation rate",
    "inclination": "inclination",
    "av": "A<sub>V</sub>",
    "bulge_fraction": "bulge fraction",
}

Blocks = Mapping[str, Any]


def hyperparameters_table(blocks: Blocks) -> str:
    """The sizes that were chosen beside those set by hand, and what both achieve on test rows."""
    rows = []
    for name in (one for one in SETS if find(blocks, f"hyperparameters.measured.{one}")):
        rows.append(group(set_title(name), 8))
        for word in WORDS:
            base = f"hyperparameters.measured.{name}.{word}"
            hand, chosen = find(blocks, f"hyperparameters.published.{word}"), find(blocks, f"{base}.chosen")
            cells = words(_sizes(hand)) + words(_sizes(chosen))
            cells += cell(blocks, f"{base}.n_trials", "{:.0f}") + cell(blocks, f"{base}.n_pruned", "{:.0f}")
            for which in ("hand_set", "searched"):
                key = f"{base}.{which}.sigma_mad"
                cells += with_error(blocks, key, f"{key}_err", "{:.4f}")
            cells += with_error(blocks, f"{base}.gain_mse", f"{base}.gain_mse_err", "{:+.5f}")
            verdict = find(blocks, f"{base}.verdict")
            answer = {True: "yes", False: "no"}.get(find(blocks, f"{base}.at_least_as_good"), "?")
            answer += f" ({verdict})" if verdict else ""
            shortened = find(blocks, "hyperparameters.measured.shortened")
            rows.append(row(word, cells + words("not judged: shortened" if shortened else answer)))
    return table(
        "Sizes set by hand and sizes that the search chose: filters of the two convolutions; their widths; pooling; "
        f"dense units; batch. {_SIGMA} and MSE on untouched test rows, mean and standard error over seeds.",
        head("set by hand", "chosen", "trials", "given up", f"{_SIGMA} [dex], by hand", f"{_SIGMA} [dex], chosen",
             "gain in MSE [dex²]", "at least as good"),
        rows, anchor="table-hyperparameters",
    )  # fmt: skip


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
        for name in (one for one in SETS if find(blocks, f"dependence.measured.{one}")):
            for word in WORDS:
                base = f"dependence.measured.{name}.{word}.{key}"
                cells = cell(blocks, f"{base}.n_galaxies", "{:.0f}")
                for statistic in ("median", "sigma_mad"):
                    one = f"{base}.{statistic}"
                    cells += interval(blocks, one, "{:+.2f}")
                    cells += cell(blocks, f"{one}.difference_dex", "{:+.3f}")
                    cells += yes_no(blocks, f"{one}.trend", none="cannot tell")
                rows.append(row(f"{set_title(name)}, {word}", cells))
    columns = ("ρ (95 % interval)", "upper − lower third [dex]", "trend")
    return table(
        "Spearman's rank correlation ρ of a galaxy's residual median, and of its residual scatter, with its "
        "properties. Trend: p &lt; 0.05 after Holm's correction for all tests.",
        '<tr><td></td><td></td><th scope="colgroup" colspan="3">median of residuals</th>'
        f'<th scope="colgroup" colspan="3">{_SIGMA} of residuals</th></tr>' + head("galaxies", *columns, *columns),
        rows, anchor="table-dependence",
    )  # fmt: skip


def table1(blocks: Blocks) -> str:
    """Networks trained on one type and applied to another: measured beside published."""
    cells_of = ("early-early", "early-late", "late-early", "late-late", "full")
    rows = []
    for name in cells_of:
        trained, _, applied = name.partition("-")
        cells = words(applied or "both")
        for word in WORDS:
            base = f"table1.measured.{word}.{name}"
            cells += with_error(blocks, f"{base}.sigma_mad", f"{base}.err", "{:.3f}")
            cells += cell(blocks, f"{base}.spread", "{:.3f}")
            cells += cell(blocks, f"table1.published.{word}.{name}", "{:.2f}")
        rows.append(row(escape("both" if trained == "full" else trained), cells))
    n_draws, early, late = (
        number(_float(find(blocks, f"table1.measured.{key}")), "{:.0f}")
        for key in ("n_draws", "n_train_early", "n_train_late")
    )
    columns = ("this run", "spread", "paper")
    return table(
        f"Table 1: {_SIGMA} [dex] of networks trained on galaxies of one type (rows) and applied to others; "
        f"{n_draws} random draws of {early} early and {late} late types to train on. This run: mean over draws and its "
        "standard error, corrected for what draws share; spread: standard deviation over draws.",
        '<tr><td></td><td></td><th scope="colgroup" colspan="3">age</th>'
        '<th scope="colgroup" colspan="3">metallicity</th></tr>' + head("applied to", *columns, *columns),
        rows, anchor="table-1",
    )  # fmt: skip


def training_size_table(blocks: Blocks) -> str:
    """The numbers behind figure 13."""
    fractions = find(blocks, "training_size.measured.fractions") or []
    rows = []
    for name in (one for one in SETS if find(blocks, f"training_size.measured.{one}")):
        rows.append(group(set_title(name), 5))
        for k, fraction in enumerate(fractions):
            cells = cell(blocks, f"training_size.measured.{name}.age.n_train.{k}", "{:.0f}")
            for word in WORDS:
                for score, form in (("mse", "{:.4f}"), ("sigma_mad", "{:.3f}")):
                    key = f"training_size.measured.{name}.{word}.{score}"
                    cells += with_error(blocks, f"{key}_mean.{k}", f"{key}_std.{k}", form)
            rows.append(row(f"{100 * fraction:g} %", cells))
    rows.append(group("Random guesses", 5))
    for source, title in (("measured", "this run"), ("published", "paper")):
        cells = "<td></td>"
        cells += "".join(cell(blocks, f"training_size.{source}.random_mse.{w}", "{:.4f}") + "<td></td>" for w in WORDS)
        rows.append(row(title, cells))
    n = number(_float(find(blocks, "training_size.measured.n_repeats")), "{:.0f}")
    columns = ("MSE [dex²]", f"{_SIGMA} [dex]")
    return table(
        f"The numbers behind figure 13: mean ± standard deviation over {n} random repeats.",
        '<tr><td></td><td></td><th scope="colgroup" colspan="2">age</th>'
        '<th scope="colgroup" colspan="2">metallicity</th></tr>' + head("spectra to train on", *columns, *columns),
        rows, anchor="table-training-size",
    )  # fmt: skip


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
                cells = cell(blocks, f"{base}.n_galaxies", "{:.0f}")
                cells += with_error(blocks, f"{base}.mean_gradient", f"{base}.mean_gradient_err", "{:+.3f}")
                cells += interval(blocks, f"{base}.spearman", "{:+.2f}")
                if name in SETS:
                    keys = (("rms_dex", "{:.3f}"), ("rms_in_errors", "{:.2f}"), ("p_holm", "{:.3f}"))
                    cells += "".join(cell(blocks, f"{against}.{key}", form) for key, form in keys)
                    cells += cell(blocks, f"{against}.scatter", "{:.3f}")
                else:
                    cells += "<td></td>" * 4
                rows.append(row(f"{kind} types, {set_title(name) if name in SETS else name}", cells))
    return table(
        "Gradients against stellar mass: mean gradient with its error, rank correlation with log mass, and the "
        "difference of each set's binned means from the labels' (rms over bins, in dex and in units of "
        "the errors; p: how often chance gives as much, corrected for all tests; scatter from galaxy to galaxy).",
        head("galaxies", "mean [dex/R<sub>e</sub>]", "ρ with mass (95 %)", "rms of bins [dex/R<sub>e</sub>]",
             "rms in errors", "p", f"{_SIGMA} of galaxies [dex/R<sub>e</sub>]"),
        rows, anchor="table-mass-gradients",
    )  # fmt: skip


def diversity_table(blocks: Blocks) -> str:
    """Scatter of both sets and their ratio, against labels and truth, for each survey; then the galaxies needed."""
    rows = []
    for name in (one for one in STEPS if find(blocks, f"diversity.measured.steps.{one}")):
        step = f"diversity.measured.steps.{name}"
        cells = "".join(cell(blocks, f"{step}.{key}", "{:.0f}") for key in ("n_spectra", "n_rejected", "n_galaxies"))
        for word in WORDS:
            base = f"{step}.{word}"
            cells += cell(blocks, f"{base}.labels.sigma_mad", "{:.3f}")
            for which in ("", ".truth"):
                cells += "".join(cell(blocks, f"{base}.{s}{which}.sigma_mad", "{:.3f}") for s in SETS)
                cells += interval(blocks, f"{base}.ratio{which}", "{:.2f}", value="value")
        rows.append(row(escape(STEPS[name]), cells))
    paper = "<td></td>" * 3
    for word in WORDS:
        paper += "<td></td>" * 3 + cell(blocks, f"diversity.published.ratio.{word}", "{:.1f}") + "<td></td>" * 3
    rows.append(row("paper", paper))
    for survey, title in WITH_FEWER_GALAXIES.items():
        rows += _fewer_galaxies(blocks, survey, title)
        cells = "<td></td>" * 3
        for word in WORDS:
            cells += "<td></td>" * 3 + cell(blocks, f"diversity.measured.galaxies.{survey}.{word}.needed", "{:.0f}")
            cells += "<td></td>" * 3
        rows.append(row(f"galaxies for a ratio of 1.2, {title}", cells))
    columns = (f"labels about truth, {_SIGMA} [dex]", "Set A, labels", "Set B, labels", "B / A", "Set A, truth",
               "Set B, truth", "B / A, truth")  # fmt: skip
    skipped: Mapping[str, str] = find(blocks, "diversity.measured.skipped") or {}
    libraries = ", ".join(find(blocks, "diversity.measured.libraries") or ["-"])
    shown = table(
        f"Surveys whose galaxies differ in one way each, and in all, labelled with the same library: {_SIGMA} [dex] of "
        "both sets about the labels and about the truth, and Set B over Set A with its 95 % interval over galaxies. "
        f"Template libraries: {escape(libraries)}. Galaxies for a ratio of 1.2: extrapolated by a power law of the "
        "excess variance of Set B.",
        '<tr><td></td><td></td><td></td><td></td><th scope="colgroup" colspan="7">age</th>'
        '<th scope="colgroup" colspan="7">metallicity</th></tr>'
        + head("spectra", "chi2 above 2", "galaxies", *columns, *columns),
        rows, anchor="table-diversity",
    )  # fmt: skip
    return shown + _not_run(skipped)


def _fewer_galaxies(blocks: Blocks, survey: str, title: str) -> list[str]:
    """Rows of one survey with a part of its galaxies, the whole survey left out: it has a row of its own."""
    base = f"diversity.measured.galaxies.{survey}"
    rows = []
    for k, n in enumerate((find(blocks, f"{base}.n_galaxies") or [])[:-1]):
        cells = "<td></td>" * 2 + cell(blocks, f"{base}.n_galaxies.{k}", "{:.0f}")
        for word in WORDS:
            cells += "<td></td>" + "".join(cell(blocks, f"{base}.{word}.{which}.{k}", "{:.3f}") for which in SETS)
            cells += "<td></td>" * 4
        rows.append(row(f"{n} galaxies, {title}", cells))
    return rows


def peers_table(blocks: Blocks) -> str:
    """Every method in the same folds, and below it those that were not run, and why."""
    methods: Mapping[str, Any] = find(blocks, "peers.measured.methods") or {}
    skipped: Mapping[str, str] = find(blocks, "peers.measured.skipped") or {}
    sets = [one for one in SETS if any(one in method for method in methods.values())]
    rows, truth = [], []
    for name, method in methods.items():
        base, title = f"peers.measured.methods.{name}", escape(str(method.get("title", name)))
        cells = "".join(cell(blocks, f"{base}.{s}.{w}.sigma_mad", "{:.3f}") for s in sets for w in WORDS)
        cells += "".join(cell(blocks, f"{base}.{s}.residual_pcc", "{:+.2f}") for s in sets)
        cells += cell(blocks, f"{base}.seconds_per_sed", "{:.2g}") + cell(blocks, f"{base}.seconds_to_train", "{:.1f}")
        rows.append(row(title, cells))
        if any("truth" in method.get(s, {}) for s in sets):
            cells = "".join(cell(blocks, f"{base}.{s}.truth.{w}.sigma_mad", "{:.3f}") for s in sets for w in WORDS)
            truth.append(row(title, cells + "<td></td>" * (len(sets) + 2)))
    columns = len(sets) * (len(WORDS) + 1) + 2
    if truth:
        rows = [group("Against the labels", columns), *rows, group("Against the truth of the mock", columns), *truth]
    paper = "".join(cell(blocks, f"peers.published.{s}.{w}.sigma_mad", "{:.2f}") for s in sets for w in WORDS)
    paper += "".join(cell(blocks, f"peers.published.{s}.residual_pcc", "{:+.2f}") for s in sets)
    rows.append(group("Published", columns))
    rows.append(row("networks of the paper, against its labels", paper + "<td></td>" * 2))
    names = [set_title(s) for s in sets]
    shown = table(
        f"Other methods on the same data and the same folds: {_SIGMA} [dex] of predicted minus reference, correlation "
        "of age and metallicity residuals, and time of one core.",
        head(*(f"{n}, {w}" for n in names for w in WORDS), *(f"{n}, correlation" for n in names), "seconds per SED",
             "seconds to train"),
        rows, anchor="peers",
    )  # fmt: skip
    return shown + _not_run({name.replace("_", " "): why for name, why in skipped.items()})


def _not_run(skipped: Mapping[str, Any]) -> str:
    """A list of what was not run, and why; '' where all was."""
    items = "".join(f"<li>{escape(name)}: {escape(str(why))}</li>\n" for name, why in skipped.items())
    return f"<p>Not run:</p>\n<ul>\n{items}</ul>\n" if items else ""


def uncertainty_table(blocks: Blocks) -> str:
    """Distributions in the folds of the paper's networks: scatter beside theirs, coverage, CRPS and sharpness."""
    rows = []
    for name in (one for one in SETS if find(blocks, f"uncertainty.measured.{one}")):
        rows.append(group(set_title(name), 10))
        base = f"uncertainty.measured.{name}"
        for word in WORDS:
            one = f"{base}.{word}"
            cells = "".join(cell(blocks, f"{one}.{key}", "{:.3f}") for key in ("sigma_mad", "network_sigma_mad"))
            cells += cell(blocks, f"{one}.ratio", "{:.2f}")
            for key in ("coverage_68", "coverage_95"):
                cells += with_error(blocks, f"{one}.{key}.value", f"{one}.{key}.err", "{:.3f}")
            for key in ("crps", "sharpness"):
                cells += with_error(blocks, f"{one}.{key}.value", f"{one}.{key}.err", "{:.4f}")
            cells += cell(blocks, f"{one}.departure", "{:.3f}")
            rows.append(row(word, cells + "<td></td>" * 2))
        cells = cell(blocks, f"{base}.residual_pcc", "{:+.2f}") + cell(blocks, f"{base}.correlation", "{:+.2f}")
        rows.append(row("both", "<td></td>" * 8 + cells))
    start = find(blocks, "uncertainty.measured.start")
    begun = f"trained on from the model {escape(repr(str(start)))}" if start else "started afresh"
    return table(
        f"Networks that give distributions, {begun}, in the folds of the paper's networks, calibrated on the other "
        "folds: scatter of their means beside the networks', parts of the labels inside the 68.27 % and 95.45 % "
        "intervals, CRPS, median half-width of the 68 % interval, departure of the PIT from uniform, and correlation "
        "of age and metallicity errors: measured, and as predicted (median). Errors over galaxies.",
        head(f"{_SIGMA} [dex]", "paper's networks [dex]", "ratio", "68.27 % holds", "95.45 % holds", "CRPS [dex]",
             "sharpness [dex]", "PIT departs by", "correlation", "predicted"),
        rows, anchor="calibration",
    )  # fmt: skip


def _float(value: Any) -> float | None:
    return None if value is None else float(value)
