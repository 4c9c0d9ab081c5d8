"""What each command does: files to functions to files, and an answer for --json and for a person."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from agez.errors import AgezError
from agez.files import check_input, make_folder
from agez.flags import count_flags
from agez.progress import progress
from agez.table_files import check_fits_output, check_table_output
from agez.types import TARGET_WORDS, Labels, Photometry, Prediction, Spectra

#: An object for ``--json``, and the lines that a person sees.
Answer = tuple[dict[str, Any], list[str]]


def reproduce(options: Namespace) -> Answer:
    """``agez reproduce``."""
    from agez.experiments.reproduce import reproduce as run

    result = run(
        options.out,
        preset=options.preset,
        seed=options.seed,
        sample=options.sample,
        templates=options.templates,
        workers=options.workers,
    )
    s = dict(result.summary)
    lines = [f"{s['sample']['n_spectra']} spectra of {s['sample']['n_galaxies']} galaxies, {s['preset']} preset:"]
    for key, name in (("set_a", "Set A"), ("set_b", "Set B")):
        for word in TARGET_WORDS.values():
            ours, theirs = s[key][word]["sigma_mad"], s["paper"][key][word]["sigma_mad"]
            lines.append(f"  {name} {word:12s} sigma_mad {ours:.3f} dex (paper: {theirs:.2f})")
    lines.append(f"{s['seconds']['total']:.0f} s; report: {Path(options.out) / 'report.html'}")
    return s, lines


def mock(options: Namespace) -> Answer:
    """``agez mock``."""
    from agez.mocks.plan import N_GALAXIES, N_SPECTRA
    from agez.mocks.survey import survey_plan
    from agez.mocks.survey_files import write_survey
    from agez.spectra.templates import load_templates

    n_spectra = options.spectra
    if n_spectra is None:
        n_spectra = round(N_SPECTRA * options.galaxies / N_GALAXIES)
    plan = survey_plan(options.galaxies, n_spectra, seed=options.seed)
    folder = make_folder(options.out)
    files = write_survey(folder, plan, load_templates(options.templates))
    content = {"folder": str(folder), "n_galaxies": len(files), "n_spectra": n_spectra, "seed": options.seed}
    return content, [f"{folder}: {n_spectra} spectra of {len(files)} galaxies, galaxies.fits, truth.fits"]


def _flag_lines(flags: Any) -> list[str]:
    counts = count_flags(np.asarray(flags))
    return [f"flags: {', '.join(f'{name} {n}' for name, n in counts.items())}"] if counts else []


def synth(options: Namespace) -> Answer:
    """``agez synth``."""
    from agez.apply.inputs import each_spectra, remarks_on, spectra_files
    from agez.photometry.filters import FILTER_SETS, load_filters
    from agez.photometry.synthesis import synthesize
    from agez.photometry.tables import write_photometry

    check_table_output(options.out)
    if options.observed and options.redshift:
        raise AgezError("--observed leaves every object at its own redshift; do not give --redshift with it")
    measured = options.measured and options.filters in FILTER_SETS
    if options.measured and not measured:
        raise AgezError(f"--measured goes with a named filter set; {options.filters} already gives its curves")
    filters = load_filters(options.filters, measured=measured)
    redshift = None if options.observed else options.redshift
    parts: list[Photometry] = []
    remarks: dict[str, None] = {}
    for spectra in each_spectra(spectra_files(options.input), redshift=options.source_redshift, title="synthesis"):
        parts.append(synthesize(spectra, filters, redshift=redshift))
        remarks.update(dict.fromkeys(remarks_on(spectra)))
    photometry = Photometry.concatenate(parts)
    if not photometry.covered.any():
        low, high = spectra.wave_angstrom[0], spectra.wave_angstrom[-1]
        if spectra.mask.all():
            raise AgezError(
                f"{spectra.source}: no pixel of its spectra can be used: each is masked, has a flux that is not "
                "finite or an error that is not positive; check the flux, error and mask columns"
            )
        raise AgezError(
            f"{spectra.source}: its wavelengths, {low:.0f}-{high:.0f} A, cover no band of {options.filters!r}; "
            "check the wavelength unit and the redshift, or choose other --filters"
        )
    write_photometry(options.out, photometry, magnitudes=options.magnitudes)
    covered = int(photometry.covered.any(axis=0).sum())
    content = {
        "output": options.out,
        "n_spectra": len(photometry),
        "n_bands": len(photometry.bands),
        "n_bands_covered": covered,
        "filters": filters.source,
        "flags": count_flags(photometry.flags),
        "remarks": list(remarks),
    }
    lines = [f"{options.out}: {len(photometry)} SEDs, {covered} of {len(photometry.bands)} bands covered"]
    return content, [*remarks, *lines, *_flag_lines(photometry.flags)]


def label(options: Namespace) -> Answer:
    """``agez label``."""
    from agez.apply.inputs import each_spectra, remarks_on, spectra_files
    from agez.spectra.fitting import fit_labels
    from agez.spectra.label_files import write_labels
    from agez.spectra.populations import FitSettings
    from agez.spectra.templates import load_templates

    check_fits_output(options.out)
    files = spectra_files(options.input)
    grid = load_templates(options.templates)
    settings = FitSettings(continuum=options.continuum)
    parts: list[Labels] = []
    remarks: dict[str, None] = {}
    for spectra in each_spectra(files, redshift=options.redshift, title="spectral fitting"):
        remarks.update(dict.fromkeys(remarks_on(spectra)))
        parts.append(fit_labels(spectra, grid, settings=settings))
    labels = Labels.concatenate(parts)
    labels = replace(labels, meta={**labels.meta, "source": ", ".join(options.input)})
    write_labels(options.out, labels, grid=grid)
    fitted = int(np.isfinite(labels.log_age_lw).sum())
    content = {
        "output": options.out,
        "n_spectra": len(labels),
        "n_fitted": fitted,
        "templates": grid.name,
        "flags": count_flags(labels.flags),
        "remarks": list(remarks),
    }
    lines = [*remarks, f"{options.out}: {fitted} of {len(labels)} spectra fitted with {grid.name}"]
    return content, [*lines, *_few_rows(labels), *_flag_lines(labels.flags)]


def _few_rows(answer: Labels | Prediction) -> list[str]:
    """The answers themselves, where there are few."""
    if len(answer) > 10:
        return []
    return [
        f"  {answer.rows.galaxy_id[i]} {answer.rows.spec_id[i]}: log age {answer.log_age_lw[i]:.2f} "
        f"+- {answer.log_age_lw_err[i]:.2f}, [M/H] {answer.mh_lw[i]:+.2f} +- {answer.mh_lw_err[i]:.2f}"
        for i in range(len(answer))
    ]


def sample(options: Namespace) -> Answer:
    """``agez sample``."""
    from agez.learn.sample import make_sample, read_galaxies, write_sample
    from agez.mocks.survey_files import read_truth
    from agez.photometry.tables import read_photometry
    from agez.spectra.label_files import read_labels

    check_fits_output(options.out)
    photometry, labels = read_photometry(options.photometry), read_labels(options.labels)
    galaxies = None if options.galaxies is None else read_galaxies(options.galaxies)
    truth = None if options.truth is None else read_truth(options.truth, photometry.rows)
    joined = make_sample(photometry, labels, galaxies, truth=truth, meta={"source": str(options.photometry)})
    write_sample(options.out, joined)
    counts = {key: value for key, value in joined.meta.items() if key.startswith(("rejected", "unmatched"))}
    content = {"output": options.out, "n_spectra": len(joined), "n_galaxies": len(joined.galaxies), **counts}
    left_out = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in counts.items() if value)
    lines = [f"{options.out}: {len(joined)} spectra of {len(joined.galaxies)} galaxies"]
    return content, [*lines, *([f"left out: {left_out}"] if left_out else [])]


def train(options: Namespace) -> Answer:
    """``agez train``."""
    from agez.learn.model import check_model_output, save_model
    from agez.learn.sample import read_sample
    from agez.learn.training import CONVERGED_FAST
    from agez.learn.training import train as run

    check_model_output(options.out)
    data = read_sample(options.sample)
    settings = CONVERGED_FAST
    if options.max_epochs is not None:
        settings = replace(settings, max_epochs=options.max_epochs)
    with progress(total=8 * settings.max_epochs, title="training") as bar:
        model = run(
            data,
            split=options.split,
            settings=settings,
            seed=options.seed,
            workers=options.workers,
            name=Path(options.out).stem,
            progress=lambda number, epoch, mse: bar.update(1),
        )
    save_model(options.out, model)
    scores = {word: model.header["scores"][target] for target, word in TARGET_WORDS.items()}
    content = {
        "output": options.out,
        "n_spectra": len(data),
        "n_galaxies": len(data.galaxies),
        "split": options.split,
        "seed": options.seed,
        "scores": scores,
    }
    lines = [f"{options.out}: {len(data)} spectra of {len(data.galaxies)} galaxies, split {options.split}"]
    lines += [f"  {word}: sigma_mad {one['sigma_mad']:.3f} dex against labels" for word, one in scores.items()]
    return content, lines


def predict(options: Namespace) -> Answer:
    """``agez predict``."""
    from agez.apply.inputs import read_input, remarks_on
    from agez.apply.predict import predict as predict_photometry
    from agez.apply.predict import predict_spectra
    from agez.apply.prediction_files import write_prediction
    from agez.learn.model import load_model

    check_table_output(options.out)
    check_input(options.input)
    model = load_model(options.model)
    data = read_input(options.input, filters=options.filters, redshift=options.redshift)
    if isinstance(data, Spectra):
        remarks = remarks_on(data)
        prediction = predict_spectra(model, data, filters=_model_filters(options))
    else:
        assumed = bool(data.meta.get("redshift_assumed", False))
        remarks = ["no redshift column or option: the SEDs are taken as rest-frame"] if assumed else []
        prediction = predict_photometry(model, data)
    write_prediction(options.out, prediction)
    answered = int(np.isfinite(prediction.log_age_lw).sum())
    content = {
        "output": options.out,
        "n_rows": len(prediction),
        "n_answered": answered,
        "flags": count_flags(prediction.flags),
        "remarks": remarks,
    }
    lines = [*remarks, f"{options.out}: {answered} of {len(prediction)} rows answered"]
    return content, [*lines, *_few_rows(prediction), *_flag_lines(prediction.flags)]


def _model_filters(options: Namespace) -> Any:
    from agez.photometry.filters import load_filters

    return None if options.filters is None else load_filters(options.filters)


def gradient(options: Namespace) -> Answer:
    """``agez gradient``."""
    from agez.analysis.gradient_files import gradient_file, gradients_json

    table, meta = gradient_file(
        options.input,
        options.out,
        re_arcsec=options.re,
        inclination_deg=options.inclination,
        pa_deg=options.pa,
        columns=options.column,
        galaxy_id=options.galaxy,
        seed=options.seed,
    )
    lines = [
        f"{name}: {table.reason[0, k] or f'{table.slope[0, k]:+.4f} +- {table.slope_err[0, k]:.4f} per Re'}"
        for k, name in enumerate(table.names)
    ]
    return gradients_json(table, meta=meta), lines


def filters(options: Namespace) -> Answer:
    """``agez filters``."""
    from agez.photometry.filters import FILTER_SETS, load_filters

    if options.name is None:
        if options.fetch:
            raise AgezError("--fetch needs the name of a filter set")
        sets = {name: load_filters(name) for name in FILTER_SETS}
        listed = {name: {"n_bands": len(one), "source": one.source} for name, one in sets.items()}
        return {"filter_sets": listed}, [f"{name:10s} {len(one):3d} bands  {one.source}" for name, one in sets.items()]
    if options.fetch and options.name not in FILTER_SETS:
        raise AgezError(f"--fetch knows {', '.join(FILTER_SETS)}; {options.name} already gives its curves")
    one = load_filters(options.name, measured=options.fetch)
    rows = list(zip(one.bands.names, one.bands.pivot_angstrom, one.bands.fwhm_angstrom, strict=True))
    content = {
        "filter_set": one.name,
        "source": one.source,
        "bands": [{"name": n, "pivot_angstrom": p, "fwhm_angstrom": w} for n, p, w in rows],
    }
    lines = [f"{one.name}: {one.source}", f"{'band':8s} {'pivot [A]':>10s} {'FWHM [A]':>10s}"]
    return content, lines + [f"{n:8s} {p:10.1f} {w:10.1f}" for n, p, w in rows]


def models(options: Namespace) -> Answer:
    """``agez models``."""
    from agez.learn.model import available_models

    found = available_models()
    lines = [f"{name:10s} {path}" for name, path in found.items()]
    none = "none come with this version; make one: agez reproduce, or agez train SAMPLE -o MODEL.safetensors"
    return {"models": {name: str(path) for name, path in found.items()}}, lines or [none]


def check(options: Namespace) -> Answer:
    """``agez check``."""
    from agez.experiments.selfcheck import run_checks

    results = run_checks()
    lines = [f"{'ok  ' if one.ok else 'NO  '} {one.name}: {one.detail}" for one in results]
    if not all(one.ok for one in results if one.essential):
        raise AgezError("; ".join(f"{one.name}: {one.detail}" for one in results if one.essential and not one.ok))
    content = {one.name: {"ok": one.ok, "essential": one.essential, "detail": one.detail} for one in results}
    return {"checks": content}, lines


COMMANDS: dict[str, Callable[[Namespace], Answer]] = {
    command.__name__: command
    for command in (reproduce, mock, synth, label, sample, train, predict, gradient, filters, models, check)
}
