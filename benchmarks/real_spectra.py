"""Real spectra through reading, synthesis, labels and prediction, and the fits of both engines: tables in Markdown.

The spectra: three of NGC 2691 (CALIFA; a file that you give), NGC 3073 and NGC 3522 (SDSS; inside the package ppxf
8), eight of MaNGA (inside the package sdss-mangadap).  What is missing is said in one line and left out::

    python benchmarks/real_spectra.py --model agez-out/models/set_b.safetensors --califa NGC2691.COMB.RSS.fits

Without --model only the fits are shown.  --figures FOLDER draws some of them.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

import agez
from agez.bench.text import table
from agez.flags import count_flags
from agez.label_types import Labels
from agez.models.model import Model
from agez.models.model_file import load_model
from agez.models.predict import predict_spectra
from agez.spectra.engine_ppxf import fit_labels_ppxf
from agez.spectra.fit_settings import FitSettings
from agez.types import Prediction, Spectra

#: Redshift of NGC 2691 (the file has none).
NGC2691_REDSHIFT = 0.01313
#: Median S/N per Angstrom above which fit and network are compared.
FAIR_SNR = 10.0
HEADER = (
    "spectrum", "S/N", "chi2", "V", "sigma", "A_V", "log age", "[M/H]", "log age (network)", "[M/H] (network)", "ood",
    "flags of the fit", "flags of the network",
)  # fmt: skip
#: How far the two engines may be apart in log age and [M/H] on the SDSS spectra [dex].
BARS = {"log age": 0.15, "[M/H]": 0.10}
#: Reduced chi2 of a good fit.
GOOD_CHI2 = (0.5, 2.0)
#: What templates may be wrong by in a second fit, as a fraction of the flux.
TEMPLATE_ERROR = 0.01
#: Spectra that are drawn: source, row, and name of the figure.
DRAWN = (
    ("NGC 3073, SDSS", 0, "fit_ngc3073"), ("NGC 3522, SDSS", 0, "fit_ngc3522"), ("NGC 2691, CALIFA", 0, "fit_ngc2691"),
    ("MaNGA", 2, "fit_manga3"), ("MaNGA", 4, "fit_manga5"),
)  # fmt: skip
FIT_HEADER = (
    "spectrum", "S/N", "chi2, agez", "pPXF", f"agez with {TEMPLATE_ERROR:.0%}", "V, agez", "pPXF", "sigma, agez",
    "pPXF", "log age, agez", "pPXF", "difference", "[M/H], agez", "pPXF", "difference", "Halpha, agez", "pPXF",
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A file of spectra, or why there is none."""

    name: str
    path: Path | None
    missing: str
    redshift: float | None = None
    compared: bool = False


@dataclass(frozen=True, eq=False)
class Fits:
    """The fits of one file: agez's, the same with an error of the templates, and pPXF's."""

    source: Source
    ours: Labels
    tolerant: Labels
    theirs: Labels


def in_package(package: str, path: str) -> Path | None:
    """A file inside an installed package, or None."""
    found = find_spec(package)
    if found is None or not found.origin:
        return None
    file = Path(found.origin).parent / path
    return file if file.exists() else None


def sources(califa: Path | None) -> list[Source]:
    """Every file that this benchmark knows."""
    out = [Source("NGC 2691, CALIFA", califa, "give --califa FILE", NGC2691_REDSHIFT)]
    for name in ("NGC3073", "NGC3522"):
        file = in_package("ppxf", f"spectra/{name}_SDSS_DR8.fits")
        out.append(Source(f"NGC {name[3:]}, SDSS", file, "pip install 'ppxf==8.*'", compared=True))
    manga = in_package("mangadap", "data/tests/MaNGA_test_spectra.fits.gz")
    return [*out, Source("MaNGA", manga, "pip install --no-deps sdss-mangadap")]


def number(value: float, form: str) -> str:
    """A number, or a dash where there is none."""
    return format(value, form) if np.isfinite(value) else "-"


def rows_of(name: str, spectra: Spectra, labels: Labels, prediction: Prediction) -> list[tuple[str, ...]]:
    """The table's rows of one file."""
    out = []
    for i in range(len(spectra)):
        out.append(
            (
                name if len(spectra) == 1 else f"{name}, {i + 1}",
                number(labels.snr[i], ".0f"),
                number(labels.chi2[i], ".2f"),
                number(labels.velocity_kms[i], "+.0f"),
                number(labels.sigma_kms[i], ".0f"),
                number(labels.av[i], ".2f"),
                measured(labels.log_age_lw[i], labels.log_age_lw_err[i], ".2f"),
                measured(labels.mh_lw[i], labels.mh_lw_err[i], "+.2f"),
                measured(prediction.log_age_lw[i], prediction.log_age_lw_err[i], ".2f"),
                measured(prediction.mh_lw[i], prediction.mh_lw_err[i], "+.2f"),
                number(prediction.ood[i], ".2f"),
                words(labels.flags[i]),
                words(prediction.flags[i]),
            )
        )
    return out


def measured(value: float, error: float, form: str) -> str:
    """A value with its error, or a dash."""
    return f"{value:{form}} ± {error:.2f}" if np.isfinite(value) else "-"


def words(flags: int) -> str:
    """Names of the flags of one row."""
    return ", ".join(count_flags(np.array([flags]))) or "-"


def with_network(
    source: Source, spectra: Spectra, labels: Labels, model: Model
) -> tuple[list[tuple[str, ...]], list[tuple[float, float]]]:
    """Predict the spectra of a file: rows of the table, and of fair spectra the differences from the fit in sigma."""
    prediction = predict_spectra(model, spectra)
    sigmas = np.stack(
        [
            (prediction.log_age_lw - labels.log_age_lw) / np.hypot(prediction.log_age_lw_err, labels.log_age_lw_err),
            (prediction.mh_lw - labels.mh_lw) / np.hypot(prediction.mh_lw_err, labels.mh_lw_err),
        ],
        axis=1,
    )
    fair = (labels.snr > FAIR_SNR) & np.isfinite(sigmas).all(axis=1)
    return rows_of(source.name, spectra, labels, prediction), sigmas[fair].tolist()


def halpha(labels: Labels, i: int) -> str:
    """Flux of H-alpha with its error, in the spectra's unit."""
    if labels.lines is None:
        return "-"
    k = labels.lines.names.index("Halpha")
    flux, error = labels.lines.flux[i, k], labels.lines.flux_err[i, k]
    return f"{flux:.3g} ± {error:.1g}" if np.isfinite(flux) else "-"


def fit_rows(fits: Fits) -> list[tuple[str, ...]]:
    """Both engines' fits of one file."""
    name, ours, theirs = fits.source.name, fits.ours, fits.theirs
    out = []
    for i in range(len(ours)):
        row = [name if len(ours) == 1 else f"{name}, {i + 1}", number(ours.snr[i], ".0f")]
        row += [number(one.chi2[i], ".2f") for one in (ours, theirs, fits.tolerant)]
        for column, form in (("velocity_kms", "+.0f"), ("sigma_kms", ".0f")):
            row += [number(getattr(one, column)[i], form) for one in (ours, theirs)]
        for column, form in (("log_age_lw", ".2f"), ("mh_lw", "+.2f")):
            values = [getattr(one, column)[i] for one in (ours, theirs)]
            row += [number(value, form) for value in values] + [number(values[0] - values[1], "+.2f")]
        out.append((*row, halpha(ours, i), halpha(theirs, i)))
    return out


def outside(labels: Labels) -> list[int]:
    """Rows whose reduced chi2 is not that of a good fit."""
    low, high = GOOD_CHI2
    return [i for i, chi2 in enumerate(labels.chi2) if np.isfinite(chi2) and not low <= chi2 <= high]


def verdicts(all_fits: list[Fits]) -> list[str]:
    """Whether the engines agree on the spectra that are compared, and which spectra are not fitted well."""
    lines = []
    for fits in all_fits:
        if fits.source.compared:
            for word, column in (("log age", "log_age_lw"), ("[M/H]", "mh_lw")):
                apart = float(getattr(fits.ours, column)[0] - getattr(fits.theirs, column)[0])
                held = "within" if abs(apart) <= BARS[word] else "**outside**"
                lines.append(f"- {fits.source.name}, {word}: {apart:+.3f} dex, {held} {BARS[word]:.2f} dex.")
    poor = [
        f"{fits.source.name}, {i + 1} ({fits.ours.chi2[i]:.2f}; pPXF {fits.theirs.chi2[i]:.2f})"
        for fits in all_fits
        for i in outside(fits.ours)
    ]
    still = [
        f"{fits.source.name}, {i + 1} ({fits.tolerant.chi2[i]:.2f})"
        for fits in all_fits
        for i in outside(fits.tolerant)
    ]
    moved = []
    for column in ("log_age_lw", "mh_lw"):
        change = [getattr(fits.tolerant, column) - getattr(fits.ours, column) for fits in all_fits]
        fair = np.concatenate([fits.ours.snr for fits in all_fits]) > FAIR_SNR
        moved.append(float(np.nanmax(np.abs(np.concatenate(change)[fair]))))
    low, high = GOOD_CHI2
    lines.append(f"- Reduced chi2 outside {low:g} to {high:g}: {'; '.join(poor) or 'none'}.")
    lines.append(
        f"- With `template_error={TEMPLATE_ERROR:g}`: {'; '.join(still) or 'none'}.  It moves log age by "
        f"{moved[0]:.2f} dex at most and [M/H] by {moved[1]:.2f} dex (spectra with S/N above {FAIR_SNR:.0f})."
    )
    return lines


def print_fits(all_fits: list[Fits]) -> None:
    """The table of both engines' fits, and what it says."""
    print("\n".join(table(FIT_HEADER, [row for fits in all_fits for row in fit_rows(fits)])))
    print("\n" + "\n".join(verdicts(all_fits)))


def draw(folder: Path, name: str, labels: Labels) -> None:
    """Figures of those spectra of a file that are drawn."""
    from PIL import Image

    from agez.report.fit_figures import figure_fit

    folder.mkdir(parents=True, exist_ok=True)
    for source, row, stem in DRAWN:
        if source == name:
            path = figure_fit(folder / f"{stem}.png", labels, row)
            with Image.open(path) as image:  # few colours make a small file
                small = image.convert("RGB").quantize(96, method=Image.Quantize.MAXCOVERAGE)
            small.save(path, optimize=True)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="model file that 'agez reproduce' or 'agez train' wrote")
    parser.add_argument("--califa", type=Path, help="NGC2691.COMB.RSS.fits")
    parser.add_argument("--no-ppxf", action="store_true", help="leave out the comparison of the fits")
    parser.add_argument("--figures", type=Path, metavar="FOLDER", help="draw the fits of some spectra")
    options = parser.parse_args()
    model = load_model(options.model) if options.model else None
    rows: list[tuple[str, ...]] = []
    sigmas: list[tuple[float, float]] = []
    fits: list[Fits] = []
    with threadpool_limits(1):
        for source in sources(options.califa):
            if source.path is None:
                print(f"{source.name}: no file, left out ({source.missing})", file=sys.stderr)
                continue
            spectra = agez.read_spectra(source.path, redshift=source.redshift)
            labels = agez.fit_labels(spectra, keep_fits=options.figures is not None)
            if options.figures is not None:
                draw(options.figures, source.name, labels)
            if model is not None:
                more, differences = with_network(source, spectra, labels, model)
                rows += more
                sigmas += differences
            if not options.no_ppxf and find_spec("ppxf") is not None:
                tolerant = agez.fit_labels(spectra, settings=FitSettings(template_error=TEMPLATE_ERROR))
                fits.append(Fits(source, labels, tolerant, fit_labels_ppxf(spectra, bootstraps=0)))
    if model is not None:
        print("\n".join(table(HEADER, rows)))
    if sigmas:
        for name, column in zip(("log age", "[M/H]"), np.abs(np.array(sigmas)).T, strict=True):
            print(
                f"\n{name}: of {len(column)} spectra with S/N above {FAIR_SNR:.0f}, fit and network agree within "
                f"1 sigma in {(column < 1).sum()}, within 2 sigma in {(column < 2).sum()}."
            )
    if fits:
        print("\nThe fits of both engines, with the same templates, range, continuum and lines:\n")
        print_fits(fits)
    return 0


if __name__ == "__main__":
    sys.exit(main())
