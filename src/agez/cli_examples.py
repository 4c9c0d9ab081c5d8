"""An example of every command, for ``--help`` and the site: commands that work as they stand, and what they give."""

from __future__ import annotations

from typing import NamedTuple


class Example(NamedTuple):
    """Commands to type, and a line on what results."""

    commands: tuple[str, ...]
    result: str


#: Of each command, and of ``agez`` itself under the empty name.  Inputs are those of ``agez demo`` (``agez-demo/``) or
#: what the example of an earlier command writes: demo, predict, show, map, ...; mock, synth, label, sample, train.
EXAMPLES: dict[str, Example] = {
    "": Example(
        ("agez demo", "agez predict agez-demo/galaxies.csv -o ages.fits --model splus"),
        "mock galaxies in agez-demo/ with pages to open in a browser; then their ages in ages.fits",
    ),
    "demo": Example(
        ("agez demo",), "agez-demo/: mock galaxies, their ages and maps; open agez-demo/maps.html in a browser"
    ),
    "reproduce": Example(
        ("agez reproduce --preset quick",), "agez-out/report.html: the paper's figures and tables, compared with it"
    ),
    "mock": Example(
        (
            "agez mock -o survey --galaxies 30 --spectra 2000",
            "agez mock -o mock-images --images --galaxies 1 --filters splus",
        ),
        "survey/: spectra, galaxies.fits and truth.fits; mock-images/: a galaxy's images, and its true maps",
    ),
    "synth": Example(("agez synth survey -o photometry.fits",), "photometry.fits: rest-frame J-PAS fluxes, a row each"),
    "label": Example(
        ("agez label survey -o labels.fits", "agez label cubes/ -o labels/ --bin-snr 40 --workers 4"),
        "labels.fits: ages, metallicities, kinematics and lines with errors; labels/: a file for each cube, with maps",
    ),
    "sample": Example(
        ("agez sample photometry.fits labels.fits survey/galaxies.fits -o sample.fits",),
        "sample.fits: photometry and labels of the same spectra, to train on",
    ),
    "train": Example(
        (
            "agez train sample.fits -o model.safetensors",
            "agez train mine.csv --labels log_age,mh --filters splus -o mine.safetensors",
        ),
        "a model file for 'agez predict'; 'agez models FILE' shows its scores on galaxies that it has not seen",
    ),
    "evaluate": Example(
        ("agez evaluate splus agez-demo/galaxies.csv -o judged/ --labels log_age_lw=true_log_age_lw,mh_lw=true_mh_lw",),
        "judged/evaluation.html: residuals, and how many true values the intervals hold",
    ),
    "predict": Example(
        (
            "agez predict agez-demo/galaxies.csv -o ages.fits --model splus --page ages.html",
            "agez predict survey/ -o ages/ --model jpas --ebv EBV --keep ra,dec",
        ),
        "ages.fits: log_age_lw, mh_lw, ... with errors, flags and good, a row a galaxy; ages.html: each SED and fit",
    ),
    "show": Example(
        ("agez show agez-demo/galaxies.csv --row MOCK.0011 --model splus -o row.png",),
        "row.png: SED, expected fluxes, residuals, and the posterior of age and metallicity",
    ),
    "map": Example(
        (
            "agez map agez-demo/images -o maps.fits --model splus --redshift 0.04 --re 8.1 --page maps.html",
            "agez map galaxies.csv -o maps/ --model splus",
        ),
        "maps.fits: maps, profiles and gradients; maps.html: the same to click; maps/: a file for each row of the list",
    ),
    "gradient": Example(
        ("agez gradient maps.fits -o gradient.ecsv --re 8.1",),
        "gradient.ecsv: slope [dex/Re] and central value of age and metallicity, with errors",
    ),
    "compare": Example(
        (
            "agez compare agez-demo/ages.fits agez-demo/galaxies.csv -o compared.png",
            "agez compare maps.fits mock-images/truth/MOCK0001.fits -o compared.png",
        ),
        "compared.png: both, and their difference in units of the error; the same in numbers on the terminal",
    ),
    "fetch": Example(
        (
            "agez fetch splus --region 0.5,0.2,0.1 -o field.fits",
            "agez fetch califa NGC0001 'UGC 5' -o cubes/",
        ),
        "field.fits: photometry and redshifts, as 'agez predict' takes them; cubes/: as 'agez label' takes them",
    ),
    "filters": Example(("agez filters splus",), "name, effective wavelength and width of each band"),
    "models": Example(
        ("agez models", "agez models splus"), "the shipped models; then one's training, scores, limits and references"
    ),
    "bench": Example(
        ("agez bench --list", "agez bench splus --data sky/ -o judged/"),
        "the sets and their files; then judged/bench.json and a page with figures",
    ),
    "check": Example(("agez check",), "a line for each part of agez: what works, and which extra is missing"),
}


def example_text(command: str) -> str:
    """The example of a command as ``--help`` ends with it."""
    example = EXAMPLES[command]
    title = "example:" if len(example.commands) == 1 else "examples:"
    return "\n".join([title, *(f"  {line}" for line in example.commands), f"  -> {example.result}"])
