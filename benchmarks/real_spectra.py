"""Real spectra through reading, synthesis, labels and prediction: one table, in Markdown.

The spectra: three of NGC 2691 (CALIFA; a file that you give), NGC 3073 and NGC 3522 (SDSS; inside the package ppxf
8), eight of MaNGA (inside the package sdss-mangadap).  What is missing is said in one line and left out::

    python benchmarks/real_spectra.py --model agez-out/models/set_b.safetensors --califa NGC2691.COMB.RSS.fits
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
from agez.apply.predict import predict_spectra
from agez.flags import count_flags
from agez.learn.model import load_model
from agez.types import Labels, Model, Prediction, Spectra

#: Redshift of NGC 2691 (the file has none).
NGC2691_REDSHIFT = 0.01313
#: Median S/N per Angstrom above which fit and network are compared.
FAIR_SNR = 10.0
HEADER = (
    "spectrum", "S/N", "chi2", "V", "sigma", "A_V", "log age", "[M/H]", "log age (network)", "[M/H] (network)", "ood",
    "flags of the fit", "flags of the network",
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A file of spectra, or why there is none."""

    name: str
    path: Path | None
    missing: str
    redshift: float | None = None


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
        out.append(Source(f"NGC {name[3:]}, SDSS", file, "pip install 'ppxf==8.*'"))
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


def through(source: Source, model: Model) -> tuple[list[tuple[str, ...]], list[tuple[float, float]]]:
    """Read, label, synthesise and predict one file: rows of the table, and of fair spectra the differences in sigma."""
    assert source.path is not None
    spectra = agez.read_spectra(source.path, redshift=source.redshift)
    labels = agez.fit_labels(spectra)
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


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="model file that 'agez reproduce' or 'agez train' wrote")
    parser.add_argument("--califa", type=Path, help="NGC2691.COMB.RSS.fits")
    options = parser.parse_args()
    model = load_model(options.model)
    print(f"| {' | '.join(HEADER)} |")
    print("|" + "---|" * len(HEADER))
    sigmas: list[tuple[float, float]] = []
    with threadpool_limits(1):
        for source in sources(options.califa):
            if source.path is None:
                print(f"{source.name}: no file, left out ({source.missing})", file=sys.stderr)
                continue
            rows, differences = through(source, model)
            sigmas += differences
            for row in rows:
                print(f"| {' | '.join(row)} |")
    if sigmas:
        for name, column in zip(("log age", "[M/H]"), np.abs(np.array(sigmas)).T, strict=True):
            print(
                f"\n{name}: of {len(column)} spectra with S/N above {FAIR_SNR:.0f}, fit and network agree within "
                f"1 sigma in {(column < 1).sum()}, within 2 sigma in {(column < 2).sum()}."
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
