"""Spectral fitting by agez and by pPXF on the same mock spectra, against truth: tables in Markdown.

Spectra of the mock survey (one spaxel of each of many galaxies, early and late types apart), with noise of the
survey's shape scaled to S/N 15, 30 and 60 per Angstrom at 5500 A, its calibration errors, bad pixels and emission
lines, are fitted by both codes with the same templates, range, lines and kinematics::

    python benchmarks/label_accuracy.py [--spectra 40] [--cache answers.npz] [--regularisation 100 0]

pPXF is slow (seconds a spectrum); its answers are kept in the file of --cache, and with all of them there the
run takes as long as agez does.  More --spectra extend the same sample.
"""

from __future__ import annotations

import argparse
import sys
import time
import zlib
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from agez.analysis.metrics import evaluate
from agez.arrays import PerRow
from agez.bench.text import section
from agez.label_types import Labels, Truth
from agez.mocks import observation
from agez.mocks.galaxies import make_galaxy
from agez.mocks.plan import survey_plan
from agez.spectra.engine_ppxf import fit_labels_ppxf
from agez.spectra.fit_settings import FitSettings
from agez.spectra.fitting import fit_labels
from agez.spectra.lines import LINE_NAMES, SPEED_OF_LIGHT_KMS, line_waves
from agez.spectra.templates import SSPGrid, load_templates
from agez.types import Floats, Rows, Spectra

SNRS = (15.0, 30.0, 60.0)
TYPES = ("early", "late")
#: Galaxies of the plan that spectra are drawn from, one spectrum each: 44 of 190 are early types.
GALAXIES, SPECTRA_A_GALAXY = 900, 4
#: Columns of Labels that are scored or kept.
COLUMNS = (
    "log_age_lw", "log_age_lw_err", "mh_lw", "mh_lw_err", "log_age_mw", "log_age_mw_err", "mh_mw", "mh_mw_err",
    "velocity_kms", "velocity_kms_err", "sigma_kms", "sigma_kms_err", "av", "chi2", "flags",
)  # fmt: skip
#: Lines whose fluxes are compared with truth.
SCORED_LINES = (
    "OII3726", "OII3729", "Hdelta", "Hgamma", "Hbeta", "OIII5007", "OI6300", "Halpha", "NII6583", "SII6716", "SII6731",
)  # fmt: skip

Answers = dict[str, Floats]


@dataclass(frozen=True, eq=False)
class Cases(PerRow):
    """Mock spectra with their truth; ``line_fluxes`` (n, l) have the calibration's errors in them, as the data do.

    ``mass`` (n, n_age, n_mh) is the mass formed by template.
    """

    spectra: Spectra
    truth: Truth
    line_fluxes: Floats
    snr: Floats
    early: np.ndarray
    mass: Floats


def mock_options(doc: str | None, *, spectra: int, seed: int) -> argparse.ArgumentParser:
    """A parser of what all benchmarks on these mock spectra can be told."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--templates", default="emiles")
    parser.add_argument("--spectra", type=int, default=spectra, help="of each type at each S/N")
    parser.add_argument("--seed", type=int, default=seed)
    return parser


def fitted_cases(doc: str | None, *, spectra: int, seed: int) -> tuple[SSPGrid, Cases, Labels]:
    """What the command line asks for: templates, cases, and their fits on one thread."""
    options = mock_options(doc, spectra=spectra, seed=seed).parse_args()
    grid = load_templates(options.templates)
    cases = make_cases(grid, options.spectra, seed=options.seed)
    with threadpool_limits(1):
        return grid, cases, fit_labels(cases.spectra, grid)


def make_cases(grid: SSPGrid, n: int, *, seed: int, snrs: tuple[float, ...] = SNRS) -> Cases:
    """``n`` spectra of each type at each S/N; the first ones do not depend on ``n``."""
    plan = survey_plan(GALAXIES, GALAXIES * SPECTRA_A_GALAXY, seed=seed)
    early = plan.galaxies.morphology == "early"
    if n > early.sum():
        raise SystemExit(f"--spectra {n}: at most {int(early.sum())}")
    parts: list[Cases] = []
    for index in (*np.flatnonzero(early)[:n], *np.flatnonzero(~early)[:n]):
        parts.append(_one_galaxy(plan, int(index), grid, seed=seed, snrs=snrs))
    return Cases.concatenate(parts)


def _one_galaxy(plan, index: int, grid: SSPGrid, *, seed: int, snrs: tuple[float, ...]) -> Cases:  # type: ignore[no-untyped-def]
    """One random spaxel of a galaxy, at each S/N with noise and calibration errors of its own."""
    galaxy = make_galaxy(plan, index, grid, keep_noiseless=True)
    rng = np.random.default_rng([seed, 7, index])
    row = np.full(len(snrs), rng.integers(len(galaxy.spectra)))
    assert galaxy.noiseless is not None
    clean = galaxy.noiseless[row]
    error = observation.noise_level(clean, galaxy.spaxels.flux[row], np.array(snrs))
    factor = observation.calibration_errors(galaxy.spaxels.n_spaxels[row], rng)
    flux = (clean + error * rng.standard_normal(clean.shape, dtype=np.float32)) * factor
    error = error * factor
    mask = observation.spoil_pixels(flux, error, rng)
    z = float(galaxy.spectra.redshift[0])
    stretch = (1 + z) * (1 + galaxy.spaxels.gas_velocity_kms[row] / SPEED_OF_LIGHT_KMS)
    seen = line_waves(medium="air") * stretch[:, None]
    at_lines = np.stack([np.interp(x, observation.WAVE_ANGSTROM, y) for x, y in zip(seen, factor, strict=True)])
    morphology, nan = str(galaxy.galaxies.morphology[0]), np.full(len(snrs), np.nan)
    ids = np.array([f"{seed}-{index}-{snr:g}" for snr in snrs], dtype="<U24")
    spectra = replace(
        galaxy.spectra.take(row), flux=flux, flux_err=error, mask=mask,
        rows=Rows(ids, np.full(len(snrs), f"{morphology}-{index}", dtype="<U16"), nan, nan),
        meta={"source": "mock spectra"},
    )  # fmt: skip
    return Cases(
        spectra, galaxy.truth.take(row), galaxy.line_fluxes[row] * at_lines, np.array(snrs),
        np.full(len(snrs), morphology == "early"), galaxy.mass_weights[row],
    )  # fmt: skip


def ids_of(cases: Cases) -> np.ndarray:
    """Names that change with the spectra, so that answers that are kept are of the same ones."""
    spectra = cases.spectra
    return np.array([
        f"{name}-{zlib.crc32(flux.tobytes()):08x}"
        for name, flux in zip(spectra.rows.spec_id, spectra.flux, strict=True)
    ])  # fmt: skip


def answers_of(labels: Labels) -> Answers:
    """What is scored of labels, as plain arrays."""
    out = {name: np.asarray(getattr(labels, name), dtype=float) for name in COLUMNS}
    if labels.lines is not None:
        out["line_flux"], out["line_flux_err"] = labels.lines.flux, labels.lines.flux_err
    return out


class Cache:
    """Answers of pPXF by the way it was used and by spectrum, in one npz file (or nowhere)."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.held: dict[str, np.ndarray] = {}
        if path is not None and path.exists():
            with np.load(path) as file:
                self.held = {name: file[name] for name in file.files}

    def known(self, way: str) -> list[str]:
        """Ids of the spectra that have answers."""
        return [str(one) for one in self.held.get(f"{way}|id", np.zeros(0, dtype="<U24"))]

    def add(self, way: str, ids: np.ndarray, answers: Answers) -> None:
        """Add answers and write the file."""
        for name, values in {"id": ids, **answers}.items():
            key = f"{way}|{name}"
            self.held[key] = np.concatenate([self.held[key], values]) if key in self.held else values
        self.write()

    def write(self) -> None:
        """Write the file, whole or not at all."""
        if self.path is not None:
            part = self.path.with_suffix(".part.npz")
            np.savez_compressed(part, **self.held)  # type: ignore[arg-type]
            part.replace(self.path)

    def get(self, way: str, ids: np.ndarray) -> Answers:
        """Answers of the spectra ``ids``, in that order; NaN where there are none yet."""
        at = {one: i for i, one in enumerate(self.known(way))}
        index = np.array([at.get(str(one), -1) for one in ids])
        out = {}
        for key, values in self.held.items():
            name, column = key.rsplit("|", 1)
            if name == way and column != "id":
                out[column] = values[np.maximum(index, 0)].astype(float)
                out[column][index < 0] = np.nan
        return out


def ppxf_answers(
    cases: Cases, grid: SSPGrid, settings: FitSettings, cache: Cache, *, regularisation: float | str, order: int,
    bootstraps: int, workers: int, compute: bool,
) -> tuple[str, Answers]:  # fmt: skip
    """pPXF's answers and the words that say how it was used; what the cache lacks is fitted."""
    words = f"pPXF regul {regularisation}" if isinstance(regularisation, str) else f"pPXF regul {regularisation:g}"
    way = (
        f"{words} order {order}, {settings.continuum} {settings.polynomial_order}, "
        f"{settings.fit_range_angstrom[0]:g}-{settings.fit_range_angstrom[1]:g}, bootstraps {bootstraps}, {grid.name}"
    )
    ids = ids_of(cases)
    known = set(cache.known(way))
    missing = np.array([i for i, one in enumerate(ids) if str(one) not in known], dtype=int)
    # a few at a time, of all kinds alike, so that an interruption loses little
    for rows in np.array_split(missing, max(1, len(missing) // 24)) if compute else []:
        if len(rows):
            labels = fit_labels_ppxf(
                cases.spectra.take(rows), grid, settings=settings, regularisation=regularisation,
                regularisation_order=order, bootstraps=bootstraps, workers=workers,
            )  # fmt: skip
            cache.add(way, ids[rows], answers_of(labels))
    return words, cache.get(way, ids)


def score(answers: Floats, truth: Floats) -> tuple[float, float]:
    """sigma_mad and bias of finite answers."""
    use = np.isfinite(answers)
    if use.sum() < 3:
        return np.nan, np.nan
    result = evaluate(answers[use], truth[use])
    return result.sigma_mad, result.bias


def cells(cases: Cases) -> list[tuple[str, float, np.ndarray]]:
    """Type, S/N and rows of each cell of the tables."""
    return [
        (kind, snr, np.flatnonzero((cases.early == (kind == "early")) & (cases.snr == snr)))
        for kind in TYPES
        for snr in dict.fromkeys(cases.snr)
    ]


def show(title: str, header: list[str], rows: list[list[str]]) -> None:
    """Print a table in Markdown."""
    print("\n" + "\n".join(section(title, header, rows)))


def print_accuracy(cases: Cases, codes: dict[str, Answers]) -> None:
    """Scatter and bias of ages and metallicities; ratios are the first code's over each other's."""
    for name, words in (
        ("log_age_lw", "light-weighted log age"), ("mh_lw", "light-weighted [M/H]"),
        ("log_age_mw", "mass-weighted log age"), ("mh_mw", "mass-weighted [M/H]"),
    ):  # fmt: skip
        header, rows = ["type", "S/N", "n"], []
        first, *others = codes
        for code in codes:
            header += [f"{code}: sigma_mad", "bias"]
        for code in others:
            header += [f"{first} / {code}: sigma_mad", "abs(bias)"]
        for kind, snr, at in cells(cases):
            row, scores = [kind, f"{snr:g}", str(len(at))], {}
            for code, answers in codes.items():
                scores[code] = score(answers[name][at], getattr(cases.truth, name)[at])
                row += [f"{scores[code][0]:.3f}", f"{scores[code][1]:+.3f}"]
            for code in others:
                row += [f"{scores[first][0] / scores[code][0]:.2f}", f"{abs(scores[first][1] / scores[code][1]):.2f}"]
            rows.append(row)
        show(f"**{words}** against truth [dex]", header, rows)


def print_kinematics(cases: Cases, codes: dict[str, Answers]) -> None:
    """Velocity and dispersion."""
    header, rows = ["type", "S/N"], []
    for code in codes:
        header += [f"{code}: V median abs", "sigma_mad", "sigma median abs", "sigma_mad", "bias"]
    for kind, snr, at in cells(cases):
        row = [kind, f"{snr:g}"]
        for answers in codes.values():
            for name in ("velocity_kms", "sigma_kms"):
                difference = answers[name][at] - getattr(cases.truth, name)[at]
                scatter, bias = score(answers[name][at], getattr(cases.truth, name)[at])
                row += [f"{np.nanmedian(np.abs(difference)):.1f}", f"{scatter:.1f}"]
            row.append(f"{bias:+.1f}")
        rows.append(row)
    show("**Velocity and dispersion** against truth [km/s]", header, rows)


def print_coverage(cases: Cases, codes: dict[str, Answers]) -> None:
    """Share of spectra whose 1-sigma interval holds the truth; 68 % if errors are right."""
    names = ("log_age_lw", "mh_lw", "log_age_mw", "mh_mw", "velocity_kms", "sigma_kms")
    for code, answers in codes.items():
        if not np.isfinite(answers["log_age_lw_err"]).any():
            continue
        rows = []
        for kind, snr, at in cells(cases):
            row = [kind, f"{snr:g}"]
            for name in names:
                error = answers[f"{name}_err"][at]
                inside = np.abs(answers[name][at] - getattr(cases.truth, name)[at]) <= error
                known = np.isfinite(error)
                row.append(f"{100 * inside[known].mean():.0f}" if known.any() else "-")
            rows.append(row)
        show(f"**{code}**: 1-sigma intervals that hold the truth [%]", ["type", "S/N", *names], rows)


def print_lines(cases: Cases, codes: dict[str, Answers]) -> None:
    """Fluxes over true ones, where the true flux is more than ten of the fit's errors."""
    measured = {code: answers for code, answers in codes.items() if "line_flux" in answers}
    if not measured:
        return
    header, rows = ["line"], []
    for code in measured:
        header += [f"{code}: n", "median ratio", "pull sigma_mad"]
    for name in SCORED_LINES:
        k, row = LINE_NAMES.index(name), [name]
        truth = cases.line_fluxes[:, k]
        for answers in measured.values():
            flux, error = answers["line_flux"][:, k], answers["line_flux_err"][:, k]
            with np.errstate(invalid="ignore", divide="ignore"):
                use = np.isfinite(flux) & (error > 0) & (truth > 10 * error)
            if use.sum() < 3:
                row += [str(int(use.sum())), "-", "-"]
                continue
            pull = (flux[use] - truth[use]) / error[use]
            spread = 1.4826 * np.median(np.abs(pull - np.median(pull)))
            row += [str(int(use.sum())), f"{np.median(flux[use] / truth[use]):.3f}", f"{spread:.2f}"]
        rows.append(row)
    show("**Emission lines** of true S/N above 10: flux over truth", header, rows)


def print_fit_quality(cases: Cases, codes: dict[str, Answers]) -> None:
    """Reduced chi2 and how many spectra have no answer."""
    rows = []
    for code, answers in codes.items():
        chi2 = answers["chi2"]
        low, middle, high = np.nanpercentile(chi2, [16, 50, 84])
        rows.append([code, f"{middle:.3f}", f"{low:.3f} to {high:.3f}", str(int((~np.isfinite(chi2)).sum()))])
    show("**Reduced chi2**", ["code", "median", "16 to 84 %", "no answer"], rows)


def number_or_word(text: str) -> float | str:
    """For options that are a number or 'discrepancy'."""
    return text if text == "discrepancy" else float(text)


def main() -> int:
    """Print all tables."""
    parser = mock_options(__doc__, spectra=40, seed=5)
    parser.add_argument("--cache", type=Path, help="file (npz) that holds pPXF's answers")
    parser.add_argument(
        "--regularisation", type=number_or_word, nargs="*", default=[30.0], help="pPXF's; none: no pPXF"
    )
    parser.add_argument("--regularisation-order", type=int, default=2)
    parser.add_argument("--ppxf-polynomial", type=int, default=8, help="order of pPXF's multiplicative polynomial")
    parser.add_argument("--fit-range", type=float, nargs=2, default=(3750.0, 7000.0), help="of both codes [Angstrom]")
    parser.add_argument("--ppxf-continuum", default="polynomial")
    parser.add_argument("--bootstraps", type=int, default=0, help="of pPXF, for its errors")
    parser.add_argument("--workers", type=int, default=2, help="processes for pPXF")
    parser.add_argument("--cached-only", action="store_true", help="fit nothing with pPXF; use what the cache has")
    parser.add_argument("--no-agez", action="store_true", help="only pPXF")
    options = parser.parse_args()
    grid, settings = load_templates(options.templates), FitSettings(fit_range_angstrom=tuple(options.fit_range))
    cache = Cache(options.cache)
    cases = make_cases(grid, options.spectra, seed=options.seed)
    codes: dict[str, Answers] = {}
    if not options.no_agez:
        with threadpool_limits(1):
            start = time.process_time()
            codes["agez"] = answers_of(fit_labels(cases.spectra, grid, settings=settings))
            spent = time.process_time() - start
        print(
            f"agez: {len(cases.snr)} spectra of {len(np.unique(cases.spectra.rows.galaxy_id))} galaxies, {spent:.1f} s"
        )
    if find_spec("ppxf") is None:
        print("ppxf is not installed: no comparison (pip install 'agez[ppxf]')")
        options.regularisation = []
    theirs = replace(
        settings, continuum=options.ppxf_continuum,
        polynomial_order=options.ppxf_polynomial,
    )  # fmt: skip
    for regularisation in options.regularisation:
        name, answers = ppxf_answers(
            cases, grid, theirs, cache, regularisation=regularisation, order=options.regularisation_order,
            bootstraps=options.bootstraps, workers=options.workers, compute=not options.cached_only,
        )  # fmt: skip
        if answers:
            codes[name] = answers
    # the same spectra for all: those that pPXF has answered
    have = np.all([np.isfinite(one["log_age_lw"]) for name, one in codes.items() if name != "agez"] or [[True]], axis=0)
    at = np.flatnonzero(np.broadcast_to(have, len(cases.snr)))
    cases = cases.take(at)
    codes = {name: {key: values[at] for key, values in one.items()} for name, one in codes.items()}
    print_accuracy(cases, codes)
    print_kinematics(cases, codes)
    print_coverage(cases, codes)
    print_lines(cases, codes)
    print_fit_quality(cases, codes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
