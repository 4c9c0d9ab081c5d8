"""The real CALIFA maps of NGC 4047, painted onto a mock image, come back: for ``maps.py``.

Age and metallicity of each spaxel are Pipe3D's (luminosity-weighted), as distributed in the package ``edge_pydb`` (Wong
et al. 2024, ApJS 271, 35); stars are chosen for each until their light-weighted means are those, behind its own dust,
under a smooth Sersic law.  Geometry is LEDA's and CALIFA's.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from maps_scores import WORDS
from maps_trials import REFERENCE, Trial, try_images
from ngc4047_gradient import find_package, read_spaxels

from agez.analysis.gradients import compare_gradients
from agez.analysis.metrics import sigma_mad
from agez.mocks.image_light import Tiles, tiles_of_maps
from agez.mocks.images import make_mock_images
from agez.mocks.plan import survey_plan
from agez.models.model_file import load_model
from agez.photometry.filters import FilterSet, load_filters
from agez.spectra.lines import SPEED_OF_LIGHT_KMS
from agez.spectra.templates import SSPGrid, load_templates

#: As CALIFA's own: 1 arcsec spaxels; PSFs by band as of a survey seen so.
PIXEL_ARCSEC, SHAPE, PSF_RANGE_ARCSEC, PSF_BETA = 1.0, (76, 80), (1.6, 2.6), 3.5
SNR, EW_HALPHA, SEED = 30.0, 12.0, 4


def ngc4047_tiles(package: Path, grid: SSPGrid, filters: FilterSet) -> Tiles:
    """The real spaxels as tiles of a mock galaxy; gas and light profile are a mock spiral's."""
    spaxels, geometry = read_spaxels(package)
    columns = {
        name: np.ma.filled(np.ma.asarray(spaxels[name]), np.nan).astype(float)
        for name in ("age_lwt", "ZH_lwt", "Av_ssp", "vel_ssp", "x", "y")
    }
    known = np.isfinite(columns["age_lwt"]) & np.isfinite(columns["ZH_lwt"])
    columns = {name: values[known] for name, values in columns.items()}
    plan = survey_plan(4, 4, seed=SEED)
    late = int(np.flatnonzero(plan.galaxies.morphology == "late")[0])
    redshift = float(np.median(columns["vel_ssp"])) / SPEED_OF_LIGHT_KMS
    galaxies = replace(
        plan.galaxies.take([late]),
        galaxy_id=np.array(["NGC4047"]),
        redshift=np.array([redshift]),
        re_arcsec=np.array([geometry["re_arcsec"]]),
        inclination=np.array([geometry["inclination_deg"]]),
        pa=np.array([geometry["pa_deg"]]),
    )
    properties = {**plan.properties_of(late), "re_arcsec": geometry["re_arcsec"], "bulge_fraction": 0.15}
    return tiles_of_maps(
        columns["age_lwt"], columns["ZH_lwt"], columns["x"], columns["y"], galaxies=galaxies, properties=properties,
        grid=grid, filters=filters, av=columns["Av_ssp"], ew_ha=EW_HALPHA, rng=np.random.default_rng(SEED),
    )  # fmt: skip


def try_ngc4047(name: str, *, target_snr: float, draws: int = 1) -> tuple[Trial, Tiles] | None:
    """On the road of one model; None where edge_pydb is absent."""
    package = find_package()
    if package is None:
        return None
    filters, rng = load_filters(name), np.random.default_rng(SEED)
    tiles = ngc4047_tiles(package, load_templates("emiles"), filters)
    reference = REFERENCE[name]
    fwhm = rng.uniform(*PSF_RANGE_ARCSEC, len(filters))
    made = make_mock_images(
        tiles, filters, pixel_arcsec=PIXEL_ARCSEC, shape=SHAPE, psf_fwhm_arcsec=fwhm, psf_beta=PSF_BETA, snr=SNR,
        reference=reference, rng=rng, noise_kernel=0.5, n_stars=2,
    )  # fmt: skip
    trial = try_images(made, filters, load_model(name), snr=SNR, target_snr=target_snr, draws=draws, seed=SEED)
    return None if trial is None else (trial, tiles)


def ngc4047_rows(name: str, *, target_snr: float) -> list[dict[str, object]]:
    """What came back: a row a quantity and kind of photometry."""
    found = try_ngc4047(name, target_snr=target_snr)
    if found is None:
        return []
    return rows_of(found[0], name)


def rows_of(trial: Trial, name: str) -> list[dict[str, object]]:
    """Correlation, scatter, bias, coverage and gradients of one trial, painted (in) and seen (out)."""
    rows: list[dict[str, object]] = []
    for kind in ("road", "perfect"):
        said = trial.answers[kind][0]
        true, mine = compare_gradients(
            np.full(len(trial.truth), "NGC4047"), trial.r_re, [trial.truth, said.median], names=WORDS,
            rng=np.random.default_rng(1), min_inside=8, min_outside=0,
        )  # fmt: skip
        for k, word in enumerate(WORDS):
            d = said.median[:, k] - trial.truth[:, k]
            inside = (said.low[:, k] <= trial.truth[:, k]) & (trial.truth[:, k] <= said.high[:, k])
            rows.append(
                {
                    "model": name, "photometry": kind, "quantity": word, "regions": len(d),
                    "correlation": float(np.corrcoef(said.median[:, k], trial.truth[:, k])[0, 1]),
                    "sigma_mad": sigma_mad(d), "bias": float(np.median(d)), "coverage": float(inside.mean()),
                    "gradient in": float(true.slope[0, k]), "gradient out": float(mine.slope[0, k]),
                }
            )  # fmt: skip
    return rows


def ngc4047_table(models: list[str], *, target_snr: float) -> str:
    """As Markdown; one line where edge_pydb is absent."""
    rows = [row for name in models for row in ngc4047_rows(name, target_snr=target_snr)]
    if not rows:
        return "NGC 4047 is left out: edge_pydb is not installed (pip install edge-pydb h5py)."
    names = list(rows[0])
    lines = ["## NGC 4047: real maps of CALIFA painted and seen again", "", "| " + " | ".join(names) + " |"]
    lines.append("|" + "---|" * len(names))
    for row in rows:
        cells = [f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
