"""Commands of whole surveys: reproduce, mock, sample, gradient."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from agez.commands.answers import Answer
from agez.commands.corrections import check_recalibration
from agez.commands.labelled_tables import photometry_of
from agez.errors import AgezError
from agez.runtime.files import make_folder
from agez.tables.table_files import check_fits_output
from agez.targets import TARGET_WORDS


def reproduce(options: Namespace) -> Answer:
    """``agez reproduce``."""
    from agez.experiments.reproduce import reproduce as run

    result = run(
        options.out,
        preset=options.preset,
        seed=options.seed,
        sample=options.sample,
        templates=options.templates,
        only=options.only,
        fresh=options.fresh,
        workers=options.workers,
    )
    s = dict(result.summary)
    lines = [f"{s['sample']['n_spectra']} spectra of {s['sample']['n_galaxies']} galaxies, {s['preset']} preset:"]
    for key, name in (("set_a", "Set A"), ("set_b", "Set B")):
        for word in TARGET_WORDS.values() if key in s else ():
            ours, theirs = s[key][word]["sigma_mad"], s["paper"][key][word]["sigma_mad"]
            lines.append(f"  {name} {word:12s} sigma_mad {ours:.3f} dex (paper: {theirs:.2f})")
    lines += [f"  {one.figure}: {one.verdict}: {one.claim}" for one in result.claims]
    lines.append(f"{s['seconds']['total']:.0f} s; report: {Path(options.out) / 'report.html'}")
    return s, lines


def mock(options: Namespace) -> Answer:
    """``agez mock``."""
    from agez.mocks.plan import N_GALAXIES, N_SPECTRA
    from agez.mocks.survey import survey_plan
    from agez.mocks.survey_files import write_survey
    from agez.spectra.templates import load_templates

    if not options.images and (options.filters is not None or options.snr is not None):
        raise AgezError("--filters and --snr are of mock images; add --images, or leave them out")
    n_spectra = options.spectra
    if options.images:
        return _mock_images(options)
    if n_spectra is None:
        n_spectra = round(N_SPECTRA * options.galaxies / N_GALAXIES)
    plan = survey_plan(options.galaxies, n_spectra, seed=options.seed)
    folder = make_folder(options.out)
    files = write_survey(folder, plan, load_templates(options.templates), cubes=options.cubes)
    content = {"folder": str(folder), "n_galaxies": len(files), "n_spectra": n_spectra, "seed": options.seed}
    if options.cubes:
        content["files"] = [str(path) for path in files]
        return content, [f"{folder}: {len(files)} cubes, galaxies.fits, truth.fits"]
    return content, [f"{folder}: {n_spectra} spectra of {len(files)} galaxies, galaxies.fits, truth.fits"]


def _mock_images(options: Namespace) -> Answer:
    from agez.mocks.image_files import TILES, write_image_survey
    from agez.mocks.survey import survey_plan
    from agez.photometry.filters import load_filters
    from agez.spectra.templates import load_templates

    if options.snr is not None and not options.snr > 0:
        raise AgezError(f"--snr is {options.snr:g}; expected a positive number")
    filters = load_filters(options.filters or "jpas")
    n_tiles = TILES * options.galaxies if options.spectra is None else options.spectra
    plan = survey_plan(options.galaxies, n_tiles, seed=options.seed)
    folder = make_folder(options.out)
    folders = write_image_survey(folder, plan, load_templates(options.templates), filters, snr=options.snr)
    content = {
        "folder": str(folder),
        "n_galaxies": len(folders),
        "n_bands": len(filters),
        "seed": options.seed,
        "folders": [str(one) for one in folders],
    }
    return content, [f"{folder}: images of {len(folders)} galaxies in {len(filters)} bands, galaxies.fits, truth/"]


def sample(options: Namespace) -> Answer:
    """``agez sample``."""
    import numpy as np

    from agez.labelling.cube_bins import label_files_in, members_of_bins
    from agez.labelling.label_extras import labels_of_many
    from agez.mocks.survey_files import read_truth
    from agez.samples.galaxy_files import named_as
    from agez.samples.sample import make_sample, read_galaxies, write_sample
    from agez.spectra.label_files import read_labels

    check_fits_output(options.out)
    check_recalibration(options)
    files = [path for given in (options.labels, *options.also_labels) for path in label_files_in(given)]
    _, photometry = photometry_of(options, str(options.photometry))
    labels = read_labels(files[0]) if len(files) == 1 else labels_of_many(files)
    names = np.unique(photometry.rows.galaxy_id)
    galaxies = None if options.galaxies is None else named_as(read_galaxies(options.galaxies), names)
    truth = None
    if options.truth is not None:
        truth = read_truth(options.truth, photometry.rows, members=members_of_bins(files))
    joined = make_sample(photometry, labels, galaxies, truth=truth, meta={"source": str(options.photometry)})
    write_sample(options.out, joined)
    counts = {key: value for key, value in joined.meta.items() if key.startswith(("rejected", "unmatched"))}
    content = {"output": options.out, "n_spectra": len(joined), "n_galaxies": len(joined.galaxies), **counts}
    left_out = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in counts.items() if value)
    lines = [f"{options.out}: {len(joined)} spectra of {len(joined.galaxies)} galaxies"]
    unknown = [] if galaxies is None else np.setdiff1d(joined.galaxies.galaxy_id, galaxies.galaxy_id).tolist()
    if unknown:
        content["galaxies_without_a_row"] = unknown
        lines.append(f"not in {options.galaxies}, so without radii and properties: {', '.join(unknown)}")
    content["remarks"] = photometry.meta["remarks"]
    return content, [*content["remarks"], *lines, *([f"left out: {left_out}"] if left_out else [])]


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
    if meta["errors_from"] != "regions":
        lines.append("errors without a column <quantity>_err: of least squares, too small if rows share what is wrong")
    left_out = {
        "rows that are not good": meta["n_flagged_left_out"],
        "survey codes": meta["n_codes_left_out"],
        "values without an error": meta["n_without_error_left_out"],
    }
    lines += [f"left out: {n} {what}" for what, n in left_out.items() if n]
    return gradients_json(table, meta=meta), lines
