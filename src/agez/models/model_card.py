"""The card of a model, made from its header: what it was trained on, how good it is, where it must not be used."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agez.models.model import Model
from agez.models.model_notes import REFERENCES
from agez.models.training_curves import loss_lines, loss_rows, size_lines
from agez.surveys.registry import find_survey

#: The two ways of training in a learning curve, by the words of the header.
FRESH, TUNED = "fresh", "from_model"
#: Of the tables of cards: key of the scores, and its words.
_WAYS = (
    ("snr 10", "all bands, S/N 10"),
    ("snr 30", "all bands, S/N 30"),
    ("snr 100", "all bands, S/N 100"),
    ("snr 30, half of the bands", "half of the bands, S/N 30"),
    ("snr 30, redshift unknown", "all bands, S/N 30, redshift unknown"),
    ("as trained", "as trained: S/N, bands and redshift errors drawn"),
)


def card_lines(model: Model) -> list[str]:
    """The card as Markdown that a terminal can show, too; all but the limits of shipped models is in the header."""
    header = model.header
    name = str(header.get("name", "")) or "model"
    made = header["training"].get("source") == "sky"
    lines = [f"# {name}", "", *_what(model), "", "## Trained on", ""]
    lines += _sky_lines(header) if made else _sample_lines(model)
    lines += ["", "## Scores", "", *(_sky_scores(model) if made else _sample_scores(model))]
    curve = header["training"].get("learning_curve")
    if curve:
        lines += ["", "```", *curve_lines(curve), "```"]
    if header["training"].get("losses"):
        lines += ["", "## Training", "", *(f"- {line}" for line in loss_lines(header["training"]["losses"]))]
        lines += ["", *_table(loss_rows(header["training"]["losses"]))]
    sizes = header["training"].get("size_curve")
    if sizes:
        lines += ["", "```", *size_lines(sizes), "```"]
    lines += ["", "## Not to be used for", "", *_limits(model, made), "", "## Labels", "", *_label_lines(header)]
    if made:
        lines += ["", "## Made by", "", f"`python tools/make_models.py {name}`, agez {header['version']}."]
        lines += ["", "## Cite", "", *_references(header)]
    return lines


def summary_line(name: str, model: Model, path: Path) -> str:
    """Name, bands, redshifts, size and scores of a model in one line."""
    return (
        f"{name:8s} {len(model.bands):3d} bands of {model.bands.filter_set:8s} z {_range(model)}  "
        f"{path.stat().st_size / 1e6:4.1f} MB  {_best(model)}"
    )


def _range(model: Model) -> str:
    if not model.header.get("uses_redshift", True):
        return "any, as it asks for none"
    low, high = model.header["redshift_range"]
    return f"{low:g}-{high:g}"


def _best(model: Model) -> str:
    """Errors in one line: of a shipped model at S/N 30."""
    scores = model.header["scores"]
    own = scores.get("snr 30", scores)
    found = [(one, own.get(one.word, own.get(one.name))) for one in model.targets]
    if any(score is None for _, score in found):
        return "no scores"
    where = "S/N 30" if "snr 30" in scores else "its sample"
    shown = found if len(found) <= FEW_TARGETS else found[:2]
    (first, score), *others = shown
    rest = "".join(f", {one['sigma_mad']:.3f} in {target.short}" for target, one in others)
    rest += f"; {len(found) - len(shown)} more" if len(shown) < len(found) else ""
    return f"{where}: sigma_mad {score['sigma_mad']:.3f} {first.unit or ''} in {first.short}{rest}"


def _what(model: Model) -> list[str]:
    bands = model.bands
    low, high = (int(round(edge, -1)) for edge in (min(bands.pivot_angstrom), max(bands.pivot_angstrom)))
    kind, *rows = model.kind.card_lines()
    return [
        kind,
        f"{len(bands)} bands of `{bands.filter_set}`, pivots {low}-{high} A; redshifts {_range(model)}.  "
        + "  ".join(rows),
    ]


def _sky_lines(header: Mapping[str, Any]) -> list[str]:
    recipe = header["training"]["recipe"]
    survey, settings = recipe["survey"], recipe["settings"]
    shares = ", ".join(f"{name} {100 * share:.3g} %" for name, share in recipe["libraries"].items())
    spaxels = 100 * recipe["spaxel_share"]
    of_each = f" for each of {recipe['members']} networks" if recipe["members"] > 1 else ""
    own = f"{spaxels:.0f} % are spectra of the mock survey (E-MILES, rest frame); of the others " if spaxels else ""
    whole, poor = (100 * recipe.get(name, 0) for name in ("galaxy_share", "metal_poor_share"))
    whole = f"{whole:.0f} % those of whole CALIFA galaxies, " if whole else ""
    poor = f", {poor:.0f} % of them metal-poor" if poor else ""
    return [
        f"- {recipe['n_seds']} mock galaxies{of_each}; {own}"
        f"{100 * recipe['survey_share']:.0f} % follow the mock survey's relations, {whole}the rest have broad "
        f"histories{poor}.",
        f"- Template libraries: {shares}.",
        f"- {100 * recipe['rest_share']:.0f} % in the rest frame, the rest at redshifts "
        f"{recipe['redshift_range'][0]:g}-{recipe['redshift_range'][1]:g}"
        + (f", {100 * recipe['near_share']:.0f} % of them below 0.1" if recipe.get("near_share") else "")
        + f"; {100 * survey['redshift_known']:.0f} % of redshifts are exact, "
        + (f"{100 * survey['redshift_unknown']:.0f} % unknown, " if survey.get("redshift_unknown") else "")
        + f"the others have errors up to {survey['redshift_err'][1]:g}.",
        *_later_lines(recipe),
        f"- S/N of a band from {survey['snr'][0]:g} to {survey['snr'][1]:g}; calibration off by "
        f"{100 * survey['calibration'][0]:.1f}-{100 * survey['calibration'][1]:.0f} % smoothly in wavelength and by "
        f"{100 * survey['zero_points'][0]:.1f}-{100 * survey['zero_points'][1]:.0f} % from band to band; up to "
        f"{100 * survey['most_missing']:.0f} % of the bands missing.",
        *_spoilt_lines(survey),
        f"- {settings['steps']} steps of {settings['batch']} rows; hidden units "
        f"{', '.join(str(n) for n in recipe['hidden'])}"
        + (
            f"; after the first {recipe['first_targets']} targets a second stage of {recipe['further_steps']} steps "
            f"and {', '.join(str(n) for n in recipe['further_hidden'])} units for the others"
            if recipe.get("first_targets")
            else ""
        )
        + f"; seed {recipe['seed']}.",
        *_unknown_lines(recipe),
        f"- Intervals and the out-of-distribution score are calibrated on {recipe['n_calibration']} other galaxies.",
    ]


def _unknown_lines(recipe: Mapping[str, Any]) -> list[str]:
    """Of recipes with a network for rows of unknown redshift, and with some that have not seen a library."""
    lines = []
    if recipe.get("unknown_steps"):
        most = recipe.get("most_redshift_err")
        broad = f", and, times the given distribution, those of redshift errors above {most:g}" if most else ""
        near = "  Near redshifts that it finds are answered by the first." if recipe.get("known_alone") else ""
        lines.append(
            f"- A second network of the same size answers rows of unknown redshift{broad}.{near}  Its prior is flat in "
            f"redshift: {recipe['unknown_seds']} mock galaxies, {recipe['unknown_steps']} and "
            f"{recipe['unknown_further_steps']} steps."
        )
    if recipe.get("left_out_steps"):
        lines.append(
            "- Small networks that have not seen one of the libraries, one for each, widen the intervals until they "
            "hold for galaxies of the library left out."
        )
    return lines


def _later_lines(recipe: Mapping[str, Any]) -> list[str]:
    """Of recipes for many redshifts and targets."""
    lines = []
    if recipe.get("blend_share"):
        lines.append(
            f"- {100 * recipe['blend_share']:.0f} % of the galaxies are blends of two libraries"
            + ("; the library of a galaxy is an optional input (`--library`)." if recipe.get("tell_library") else ".")
        )
    if recipe.get("age_margin") is not None:
        lines.append(
            f"- No star is older than {recipe['age_margin']:g} times the age of the universe at its galaxy's redshift."
        )
    return lines


def _spoilt_lines(survey: Mapping[str, Any]) -> list[str]:
    lines = []
    if survey.get("blue_zero_points", 1.0) != 1.0:
        lines.append(f"- Zero points of bands below 4050 A scatter {survey['blue_zero_points']:g} times as much.")
    if survey.get("bad_band"):
        lines.append(f"- {100 * survey['bad_band']:.0f} % of the rows have one band that is off, by 20 % rms.")
    if survey.get("band_zero_points"):
        low, high = survey.get("band_zero_points_factor", (0.15, 1.5))
        lines.append(
            f"- Zero points of the bands scatter by {low:g} to {high:g} times what was measured between data releases: "
            f"{', '.join(f'{rms:g}' for rms in survey['band_zero_points'])} mag."
        )
    if survey.get("errors_understated"):
        largest = math.exp(survey["errors_understated"][1])
        lines.append(f"- The noise is up to {largest:.2g} times the given errors.")
    if survey.get("redshift_tail"):
        lines.append(f"- {100 * survey['redshift_tail']:.0f} % of redshifts with errors are off by four times as much.")
    return lines


def _sample_lines(model: Model) -> list[str]:
    training = model.header["training"]
    start = training.get("start")
    rows = f"rows of {training['table']}, of" if training.get("source") == "table" else "spectra of"
    lines = [
        f"- {training.get('n_spectra', '?')} {rows} {training.get('n_galaxies', '?')} galaxies, split "
        f"{training.get('split', '?')}, seed {training.get('seed', '?')}."
    ]
    if model.gives_distribution:
        lines.append(f"- Fine-tuned from the model {start}." if start else "- Trained from scratch.")
    return lines


def _sky_scores(model: Model) -> list[str]:
    scores = model.header["scores"]
    if len(model.targets) > FEW_TARGETS:
        return _scores_by_target(model)
    of_target = ("sigma_mad", "bias", "in 68 %", "in 95 %")
    names = [one.short for one in model.targets]
    rows = [
        ["", *(f"{name}: {word}" if word == "sigma_mad" else word for name in names for word in of_target), "flagged"]
    ]
    for key, words in _WAYS:
        if key in scores:
            numbers = [cell for one in model.targets for cell in _numbers(scores[key][one.word])]
            rows.append([words, *numbers, _percent(scores[key].get("flagged"))])
    note = (
        "Unseen mock galaxies of the same kinds, in dex; the fraction of true values inside the 68 % and the 95 % "
        "interval; the fraction flagged `OUT_OF_DISTRIBUTION`."
    )
    return [note, "", *_table(rows)]


def _scores_by_target(model: Model) -> list[str]:
    """A row for each target, in place of one for each way of seeing."""
    scores = model.header["scores"]
    ways = [(key, words) for key, words in _WAYS if key in scores]
    rows = [["sigma_mad", "unit", *(_SHORT_WAYS.get(key, words) for key, words in ways), "in 68 %", "in 95 %"]]
    for one in model.targets:
        seen = scores[ways[-1][0]][one.word]
        sigmas = [f"{scores[key][one.word]['sigma_mad']:{_SIGMA_FORMAT.get(one.name, '.3f')}}" for key, _ in ways]
        covered = [_percent(seen[f"coverage_{level}"]) for level in (68, 95)]
        rows.append([f"`{one.name}`", "arcsinh" if one.scale == "arcsinh" else one.unit or "", *sigmas, *covered])
    rows.append(["flagged", "", *(_percent(scores[key].get("flagged")) for key, _ in ways), "", ""])
    note = (
        "sigma_mad of unseen mock galaxies of the same kinds, by S/N of a band, and over all S/N, bands and redshift "
        "errors of the training (drawn), for which the last columns are the fractions of true values inside the 68 % "
        "and the 95 % interval.  Last row: fraction flagged `OUT_OF_DISTRIBUTION`.  Redshifts are known unless "
        "the head or the draw says otherwise; masses, rates and magnitudes are at the true distance."
    )
    return [note, "", *_table(rows)]


def _sample_scores(model: Model) -> list[str]:
    scores = model.header["scores"]
    rows = [["", "sigma_mad", "bias", "in 68 %", "in 95 %"]]
    rows += [[one.word, *_numbers(scores[one.name])] for one in model.targets if one.name in scores]
    units = {one.unit or "none" for one in model.targets if one.name in scores}
    words = "in dex" if units == {"dex"} else "in the labels' units"
    return [f"Held-out rows of its sample against their labels, {words}.", "", *_table(rows)]


def _numbers(one: Mapping[str, Any]) -> list[str]:
    errors = ["-" if one.get(key) is None else f"{one[key]:{form}}" for key, form in _ERRORS]
    return [*errors, _percent(one.get("coverage_68")), _percent(one.get("coverage_95"))]


#: Targets up to which a card has them side by side.
FEW_TARGETS = 3
_SHORT_WAYS = {
    "snr 10": "S/N 10", "snr 30": "S/N 30", "snr 100": "S/N 100", "snr 30, half of the bands": "30, half of the bands",
    "snr 30, redshift unknown": "30, redshift unknown", "as trained": "drawn",
}  # fmt: skip
_SIGMA_FORMAT = {"redshift_phot": ".4f"}
_ERRORS = (("sigma_mad", ".3f"), ("bias", "+.3f"))


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _limits(model: Model, made: bool) -> list[str]:
    header = model.header
    lines = [
        f"- Redshifts outside {_range(model)}: no prediction (`REDSHIFT_OUTSIDE_MODEL`).  For a redshift with an error "
        "the prediction is for the part inside (its fraction: `redshift_inside`); below a half the row is flagged."
    ]
    if model.gives_distribution:
        lines += [
            f"- Fewer than {header['least_bands']} bands: no prediction (`TOO_FEW_BANDS`).",
            f"- Median S/N of a band below {header['least_snr']:g}: noisier than the training set (`LOW_SNR`).",
        ]
    if made:
        survey = header["training"]["recipe"]["survey"]
        lines += [
            f"- Photometry with calibration errors above {100 * survey['calibration'][1]:.0f} %.",
            "- Active nuclei, stars, blends: the training set has only the continuum of stars in galaxies and of their "
            "nebulae.  Not all of them are flagged `OUT_OF_DISTRIBUTION`.",
            "- [M/H] of alpha-enhanced galaxies on a scale of their own: no training library has [alpha/Fe] as a "
            "parameter; the bias is measured in docs/trust.md.",
            "- Accuracy on real galaxies: the scores above are for mock galaxies; for real ones see docs/real_sky.md.",
        ]
    else:
        lines.append("- Galaxies unlike those of its sample: the model knows their labels, noise and selection only.")
    survey = find_survey(str(header.get("name", ""))) if made else None
    return [*lines, *(f"- {line}" for line in (survey.model.limits if survey and survey.model else ()))]


def _label_lines(header: Mapping[str, Any]) -> list[str]:
    labels = header["labels"]
    lines = []
    for key in (
        "definition",
        "light_weighting",
        "weighting",
        "norm_band_angstrom",
        "templates",
        "solar_scale",
        "source",
    ):
        if labels.get(key):
            value = labels[key]
            words = (
                "-".join(f"{x:g}" for x in value)
                if isinstance(value, Sequence) and not isinstance(value, str)
                else value
            )
            lines.append(f"- {key.replace('_angstrom', ' [A]').replace('_', ' ')}: {words}")
    return lines or ["- as in its sample"]


def _references(header: Mapping[str, Any]) -> list[str]:
    parts = (name.split("+") for name in header["training"]["recipe"]["libraries"])
    used = dict.fromkeys(library for both in parts for library in both)
    lines = [f"- {name}: {REFERENCES[name]}" for name in used if name in REFERENCES]
    return [
        *lines,
        "",
        "The file holds weights of networks and principal components of synthetic photometry, and no spectrum of these "
        "libraries.  It comes under the licence of agez (BSD-3-Clause).",
    ]


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table whose columns are aligned."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "| "
        + " | ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (w + 2) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|"
    return [lines[0], rule, *lines[1:]]


def curve_lines(curve: Mapping[str, Any]) -> list[str]:
    """The table that a person sees, of the header's ``learning_curve``: sigma_mad against labels [dex]."""
    name = curve["start"] or "the model"
    lines = [
        f"gain of starting from {name}: sigma_mad [dex] and 68 % coverage on {curve['n_test_galaxies']} unseen "
        f"galaxies, {curve['n_draws']} draw{'s' if curve['n_draws'] != 1 else ''}",
        f"{'':13s}{'galaxies':>9s}{'spectra':>9s}{'from scratch':>14s}{'from ' + name[:16]:>22s}   gain",
    ]
    for word in curve["as_it_is"]:
        same = curve["as_it_is"][word]
        lines.append(f"{word:13s}{0:9d}{0:9d}{'':14s}{_pair(same):>22s}")
        for point in curve["points"]:
            one = point[word]
            error = "" if one["gain_err"] is None else f" +- {one['gain_err']:.3f}"
            lines.append(
                f"{word:13s}{point['n_galaxies']:9d}{point['n_spectra']:9d}{_pair(one[FRESH]):>14s}"
                f"{_pair(one[TUNED]):>22s}   {one['gain']:+.3f}{error}"
            )
    return lines


def _pair(way: Mapping[str, Any]) -> str:
    return f"{way['sigma_mad']:.3f} ({100 * way['coverage_68']:.0f} %)"
