"""Commands that turn spectra into photometry and labels: synth and label."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agez.commands.answers import Answer, few_rows, flag_lines, reasons
from agez.errors import AgezError, PartlyDoneError
from agez.flags import count_flags, is_good
from agez.runtime.files import check_not_input, check_output, make_folder
from agez.runtime.optional_packages import check_installed
from agez.tables.summaries import SUMMARY_FILE, galaxy_lines
from agez.tables.table_files import check_table_output
from agez.types import Photometry, Spectra

if TYPE_CHECKING:
    from agez.labelling.label_galaxy import LabelOptions
    from agez.labelling.label_run import LabelRun
    from agez.spectra.fit_settings import FitSettings


def synth(options: Namespace) -> Answer:
    """``agez synth``."""
    from agez.labelling.input_files import few_remarks, remarks_on, spectra_files
    from agez.photometry.filters import load_filters
    from agez.photometry.synthesis import synthesize
    from agez.photometry.tables import write_photometry
    from agez.surveys.registry import filter_sets

    check_table_output(options.out)
    if options.observed and options.redshift:
        raise AgezError("--observed leaves every object at its own redshift; do not give --redshift with it")
    measured = options.measured and options.filters in filter_sets()
    if options.measured and not measured:
        raise AgezError(f"--measured goes with a named filter set; {options.filters} already gives its curves")
    filters = load_filters(options.filters, measured=measured)
    redshift = None if options.observed else options.redshift
    parts: list[Photometry] = []
    said: list[str] = []
    files = spectra_files(options.input)
    check_not_input(options.out, files)
    for spectra in _spectra_or_bins(files, options):
        parts.append(synthesize(spectra, filters, redshift=redshift))
        said += remarks_on(spectra)
    photometry, remarks = Photometry.concatenate(parts), few_remarks(said)
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
        "n_good": int(is_good(photometry.flags).sum()),
        "flags": count_flags(photometry.flags),
        "remarks": remarks,
    }
    lines = [f"{options.out}: {len(photometry)} SEDs, {covered} of {len(photometry.bands)} bands covered"]
    return content, [*remarks, *lines, *flag_lines(photometry.flags)]


def _spectra_or_bins(files: list[Path], options: Namespace) -> Iterator[Spectra]:
    """The spectra of one file after another; with ``--bins``, those of the bins that its labels have."""
    from agez.labelling.cube_bins import labels_of_files, same_rows
    from agez.labelling.input_files import read_with_redshifts
    from agez.runtime.progress import progress

    of = None if options.bins is None else labels_of_files(files, options.bins)
    redshift = options.source_redshift
    for path in progress(files, title="synthesis"):
        if of is None:
            yield read_with_redshifts(path, redshift=redshift)
        else:
            yield same_rows(path, of[path], redshift=redshift)[0]


def label(options: Namespace) -> Answer:
    """``agez label``."""
    from agez.labelling.input_files import spectra_files
    from agez.labelling.label_run import run_labels

    files = spectra_files(options.input)
    check_not_input(options.out, files)
    settings = _label_options(options, files)
    _check_extras(options, files)
    run = run_labels(files, options.out, settings, source=", ".join(options.input), workers=options.workers)
    content, lines = _label_answer(options, run)
    if run.outputs:
        extra, words = _extras(options, run, settings)
        content, lines = {**content, **extra}, [*lines, *words]
    if run.problems:
        raise PartlyDoneError(
            f"{len(run.problems)} of {len(files)} files were set aside: {'; '.join(run.problems.values())}",
            content=content,
            lines=lines,
        )
    return content, lines


def _label_options(options: Namespace, files: list[Path]) -> LabelOptions:
    """What the fit is told, checked before any work."""
    from agez.labelling.cube_bins import is_cube
    from agez.labelling.label_galaxy import CHUNK, LabelOptions
    from agez.samples.galaxy_facts import read_galaxy_facts
    from agez.spectra.binning import BinSettings, can_bin
    from agez.spectra.templates import TemplateFacts
    from agez.spectra.young_templates import default_templates

    of_cubes = {
        "--bin-snr": options.bin_snr, "--no-bin": options.no_bin or None, "--star-mask": options.star_mask,
        "--covariance": options.covariance,
    }  # fmt: skip
    given = [name for name, value in of_cubes.items() if value is not None]
    cubes = any(is_cube(path) for path in files)
    if given and not cubes:
        raise AgezError(f"{', '.join(given)} is for cubes, and none of the {len(files)} inputs is one; leave it out")
    alone = options.no_bin or options.bin_snr == 0
    if alone and options.covariance is not None:
        raise AgezError(f"--covariance {options.covariance} is for bins, and none are made; leave it out")
    if options.no_bin and options.bin_snr:
        raise AgezError("--no-bin fits each spaxel by itself; do not give --bin-snr with it")
    if cubes and not alone:
        try:
            can_bin("voronoi")
        except AgezError as error:
            raise AgezError(f"{error}: --no-bin fits each spaxel by itself") from error
    if options.star_mask is not None and sum(map(is_cube, files)) > 1:
        raise AgezError("--star-mask is of one cube; label cubes with star masks one at a time")
    binning = BinSettings(method="none" if alone else "voronoi", covariance=options.covariance)
    if options.bin_snr:
        binning = replace(binning, target_snr=options.bin_snr)
    if options.star_mask is not None:
        from agez.runtime.files import check_input

        binning = replace(binning, star_mask=check_input(options.star_mask))
    templates, remark = (options.templates, "") if options.templates else default_templates()
    return LabelOptions(
        templates=templates,
        remark=remark,
        template_facts=TemplateFacts(options.template_fwhm, options.template_reference, options.template_medium),
        settings=_fit_settings(options),
        engine=options.engine,
        redshift=options.redshift,
        binning=binning,
        galaxies=None if options.galaxies is None else read_galaxy_facts(options.galaxies),
        keep_fits=options.keep_fits,
        overwrite=options.overwrite,
        chunk=CHUNK[options.engine],
    )


def _fit_settings(options: Namespace) -> FitSettings:
    """The fit's own defaults, but for what is said."""
    from agez.spectra.fit_settings import FitSettings

    given = {
        "continuum": options.continuum,
        "prior_strength": options.prior,
        "emission_lines": False if options.no_lines else None,
        "template_error": options.template_error,
        "sky_mask_angstrom": tuple(_window(words) for words in options.sky_mask) or None,
    }
    return FitSettings(**{name: value for name, value in given.items() if value is not None})


def _window(words: str) -> tuple[float, float]:
    """``5570-5585`` as two wavelengths."""
    try:
        low, high = (float(word) for word in words.split("-"))
    except ValueError:
        raise AgezError(f"--sky-mask is {words!r}; expected observed Angstrom such as 5570-5585") from None
    return low, high


def _check_extras(options: Namespace, files: list[Path]) -> None:
    if options.subtracted is not None:
        if options.no_lines:
            raise AgezError("--subtracted needs the fitted lines; do not give --no-lines with it")
        if len(files) != 1:
            raise AgezError(f"--subtracted is one file of spectra, but there are {len(files)} inputs; give one")
        check_output(options.subtracted, option="--subtracted")
        if Path(options.subtracted).resolve() in (Path(options.out).resolve(), files[0].resolve()):
            raise AgezError(f"--subtracted {options.subtracted} is the input or the output; give another name")
    if options.plots is not None:
        check_installed("matplotlib", extra="report", purpose="--plots")
        make_folder(options.plots, option="--plots")
    elif options.n_plots is not None:
        raise AgezError("--n-plots says how many figures --plots draws; give --plots DIR too")


def _label_answer(options: Namespace, run: LabelRun) -> Answer:
    rate = run.n_new / run.seconds if run.n_new and run.seconds > 0 else None
    content: dict[str, Any] = {
        "output": options.out,
        "n_spectra": run.n_spectra,
        "n_fitted": run.n_fitted,
        "n_new": run.n_new,
        "n_files": len(run.inputs),
        "templates": run.templates,
        "engine": options.engine,
        "n_good": run.n_good,
        "flags": dict(run.flags),
        "remarks": list(run.remarks),
        "problems": dict(run.problems),
        "outputs": [os.fspath(path) for path in run.outputs],
        "seconds": round(run.seconds, 3),
        "spectra_per_second": None if rate is None else round(rate, 1),
    }
    words = f"{options.out}: {run.n_fitted} of {run.n_spectra} spectra fitted with {run.templates}"
    others = (options.templates or "").split(",")[1:]
    if others:
        words += f", and with {', '.join(others)} (columns _library_spread, table LIBRARIES)"
    if len(run.outputs) > 1:
        words += f", {len(run.outputs)} files"
    if run.n_new < run.n_spectra:
        words += f"; {run.n_spectra - run.n_new} of them by an earlier run, which --overwrite would do again"
    if rate is not None:
        words += f"; {run.seconds:.1f} s, {rate:.0f} spectra/s"
    few = few_rows(run.few) if run.few is not None else []
    if run.summary is not None and Path(options.out).is_dir():
        content["summary"] = os.fspath(Path(options.out) / SUMMARY_FILE)
        words += f"; {SUMMARY_FILE}: a row a galaxy"
    if run.summary is not None and not few:
        few = galaxy_lines(run.summary)
    lines = [*run.remarks, words, *few, *reasons(run.flags)]
    return content, lines


def _extras(options: Namespace, run: LabelRun, settings: LabelOptions) -> Answer:
    """Subtracted spectra and figures, where they are asked for."""
    from agez.labelling.label_extras import fits_to_show, write_subtracted

    content: dict[str, Any] = {}
    lines = []
    if options.subtracted is not None:
        write_subtracted(options.subtracted, run, settings)
        content["subtracted"] = options.subtracted
        lines.append(f"{options.subtracted}: the spectra without their emission lines")
    if options.plots is not None:
        from agez.report.fit_figures import write_fit_figures
        from agez.report.history_figures import write_history_figures

        shown = list(fits_to_show(run, settings, most=20 if options.n_plots is None else options.n_plots))
        drawn = [path for labels in shown for path in write_fit_figures(options.plots, labels)]
        grid = settings.grid()
        drawn += [path for labels in shown for path in write_history_figures(options.plots, labels, grid)]
        content["plots"] = [os.fspath(path) for path in drawn]
        lines.append(f"{options.plots}: figures of {len(drawn) // 2} fits, and of their histories")
    return content, lines
