"""A self-test: what of agez works on this machine, from invented data that needs no file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

import numpy as np

from agez.errors import AgezError
from agez.runtime.optional_packages import is_installed


@dataclass(frozen=True)
class Check:
    """One thing that was tried."""

    name: str
    ok: bool
    essential: bool
    detail: str


def run_checks() -> list[Check]:
    """Try the essential parts on invented data, and look for the optional ones."""
    checks = [
        _try("filters", _filters),
        _try("synthesis", _synthesis),
        _try("spectral fitting", _fitting),
    ]
    for extra, module, use in (
        ("fast", "numba", "predictions several times faster"),
        ("images", "photutils", "maps from images: stars"),
        ("images", "reproject", "maps from images: other pixel grids"),
        ("images", "skimage", "maps from images: clumps"),
        ("bin", "powerbin", "bins of cubes and images"),
        ("cluster", "distributed", "catalogues on several cores or machines"),
        ("hats", "lsdb", "HATS catalogues in Python"),
        ("onnx", "onnx", "export of models for other programs"),
        ("ppxf", "ppxf", "E-MILES, and the second engine of spectral fits"),
        ("train", "jax", "training on an accelerator"),
        ("tune", "optuna", "the search for hyperparameters"),
        ("report", "matplotlib", "figures and report"),
        ("svo", "astroquery", "measured filter curves"),
        ("archives", "pyvo", "rows and cut-outs of surveys' archives"),
        ("parquet", "pyarrow", "Parquet tables"),
        ("popstar", "pst", "PopStar templates"),
        ("peers", "sklearn", "tree ensembles beside the networks"),
        ("peers", "lightgbm", "gradient boosting beside the networks"),
    ):
        there = is_installed(module)
        detail = f"{module} is installed" if there else f"for {use}: pip install 'agez[{extra}]'"
        checks.append(Check(use, there, False, detail))
    checks.append(_templates())
    return checks


def _try(name: str, work: Callable[[], str]) -> Check:
    try:
        return Check(name, True, True, work())
    except Exception as error:  # a self-test reports whatever goes wrong
        return Check(name, False, True, f"{type(error).__name__}: {error}")


def _filters() -> str:
    from agez.photometry.filters import load_filters
    from agez.surveys.registry import filter_sets

    return ", ".join(f"{name} {len(load_filters(name))} bands" for name in filter_sets())


def _synthesis() -> str:
    from agez.photometry.filters import load_filters
    from agez.photometry.synthesis import ab_magnitude, synthesize
    from agez.types import Rows, Spectra

    wave = np.arange(3000.0, 11000.0, 2.0)
    flux = (1e10 / wave**2)[None, :]  # flat f_nu: one AB magnitude in every band
    spectra = Spectra(
        wave, flux, 0.01 * flux, np.zeros(flux.shape, bool), "vacuum", Rows.numbered(1), np.zeros(1),
        np.full(len(wave), 3.0), "erg / (s cm2 Angstrom)", np.zeros(1, np.int32),
    )  # fmt: skip
    magnitude = ab_magnitude(synthesize(spectra, load_filters("jpas")).flux)[0]
    spread = float(np.ptp(magnitude))
    if not spread < 1e-6:
        raise AgezError(f"a flat spectrum has magnitudes that differ by {spread:.1e}")
    return f"a flat spectrum has one magnitude in all bands to {spread:.0e}"


def _fitting() -> str:
    from dataclasses import replace

    from agez.spectra.fitting import fit_labels
    from agez.spectra.templates import made_up_grid
    from agez.types import Rows, Spectra

    grid = replace(made_up_grid(), fwhm_angstrom=6.0)
    wave = grid.wave_angstrom
    age, mh = 4, 2
    flux = (grid.flux[age, mh] / grid.light[age, mh])[None, :].astype(float)
    spectra = Spectra(
        wave, flux, 0.01 * flux, np.zeros(flux.shape, bool), "air", Rows.numbered(1), np.zeros(1),
        np.full(len(wave), 6.0), "1e-16 erg / (s cm2 Angstrom)", np.zeros(1, np.int32),
    )  # fmt: skip
    difference = float(fit_labels(spectra, grid).log_age_lw[0] - grid.log_age[age])
    if not abs(difference) < 0.2:  # what the prior on smooth histories may cost one burst
        raise AgezError(f"the age of a known population came back {difference:+.2f} dex off")
    return f"the age of a known population came back within {abs(difference):.2f} dex"


def _templates() -> Check:
    from agez.spectra.templates import load_templates

    try:
        return Check("E-MILES templates", True, False, f"{load_templates().name} (ppxf {metadata.version('ppxf')})")
    except AgezError as error:
        return Check("E-MILES templates", False, False, str(error))
