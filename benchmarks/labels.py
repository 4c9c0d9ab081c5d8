"""Spectral fitting: spectra per second against slow peers, and how well mock truth is recovered for a few priors.

One thread.  Peers on the same spectra, templates, pixels and masks: the same model fitted one spectrum at a time with
scipy's non-negative least squares, and pPXF without regularisation where ppxf is installed::

    python benchmarks/labels.py [--templates emiles] [--galaxies 10] [--spectra 600] [--peers 40]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from numpy.polynomial.legendre import legvander
from threadpoolctl import threadpool_limits

from agez.analysis.metrics import evaluate
from agez.mocks.galaxies import MockGalaxy, make_galaxy
from agez.mocks.plan import SurveyPlan, survey_plan
from agez.mocks.survey import iterate_survey
from agez.spectra.fitting import fit_labels
from agez.spectra.lines import EMISSION_LINES, SODIUM_LINES, near_lines
from agez.spectra.nonnegative import solve_one
from agez.spectra.populations import FitSettings, _prior
from agez.spectra.rebin import LIGHT_KMS, pixel_edges, rebin_rows
from agez.spectra.template_basis import SIGMA_GRID_KMS, TemplateBasis, prepare_basis
from agez.spectra.templates import SSPGrid, load_templates
from agez.types import Bools, Floats, Labels, Truth

#: Strengths of the prior (age, [M/H]) whose recovery of truth is printed.
STRENGTHS = ((1e4, 4e3), (1e5, 3e4), (4e5, 3e4), (4e5, 4e5))
#: Steps of the slow fit: in the continuum alone, then in weights and continuum together.
START_STEPS, ALTERNATIONS = 4, 5

#: Pixels at each end that pPXF does not fit: five dispersions of 300 km/s.
PPXF_MARGIN = 15


@dataclass(frozen=True, eq=False)
class Problem:
    """Some spectra of one galaxy at rest on a logarithmic grid, ready for peers."""

    flux: Floats  # (n, q), about 1
    weight: Floats  # (n, q), 0 where masked
    good: Bools  # (n, q)
    templates: Floats  # (q, m), unit light, at the data's resolution
    sigma_kms: Floats
    basis: TemplateBasis
    truth: Floats  # (n, 2)


def prepare(galaxy: MockGalaxy, grid: SSPGrid, settings: FitSettings, n: int) -> Problem:
    """The first ``n`` spectra of a galaxy, with the true redshift, velocity and dispersion."""
    spectra = galaxy.spectra.take(slice(0, n))
    z = float(spectra.redshift[0])
    pixel = float(np.diff(spectra.wave_angstrom)[0])
    fwhm = float(np.hypot(spectra.fwhm_angstrom[0], np.sqrt(8 * np.log(2) / 12) * pixel))
    step = LIGHT_KMS * float(np.median(np.diff(spectra.wave_angstrom) / spectra.wave_angstrom[1:]))
    basis = prepare_basis(
        grid, fit_range_angstrom=settings.fit_range_angstrom, velocity_step_kms=step,
        fwhm_rest_angstrom=fwhm / (1 + z), medium=spectra.medium,
    )  # fmt: skip
    velocity = galaxy.truth.velocity_kms[: len(spectra)]
    flux, variance, good = rebin_rows(
        pixel_edges(spectra.wave_angstrom), spectra.flux, spectra.flux_err.astype(float) ** 2, ~spectra.mask,
        basis.edges_angstrom, (1 + z) * np.exp(velocity / LIGHT_KMS),
    )  # fmt: skip
    lines = near_lines(
        basis.wave_angstrom, (*EMISSION_LINES, *SODIUM_LINES), medium=spectra.medium,
        half_width_kms=settings.line_mask_kms,
    )  # fmt: skip
    good = good & ~lines
    scale = np.array([np.median(row[use]) for row, use in zip(flux, good, strict=True)])[:, None]
    weight = np.where(good, scale**2 / np.where(good, variance, 1.0), 0.0)
    truth = both(galaxy.truth)[: len(spectra)]
    templates = basis.spectra[0].astype(float) @ basis.coefficients
    return Problem(
        np.where(good, flux / scale, 0.0), weight, good, templates, galaxy.truth.sigma_kms[: len(spectra)], basis, truth
    )


def both(of: Labels | Truth) -> Floats:
    """Log age and [M/H] (n, 2)."""
    return np.stack([of.log_age_lw, of.mh_lw], axis=1)


def means(light: Floats, grid: SSPGrid) -> Floats:
    """Light-weighted log age and [M/H] of weights (n, m)."""
    share = light.reshape(-1, len(grid.log_age), len(grid.mh)) / light.sum(axis=1)[:, None, None]
    return np.stack([share.sum(axis=2) @ grid.log_age, share.sum(axis=1) @ grid.mh], axis=1)


def fit_one_by_one(problem: Problem, settings: FitSettings) -> Floats:
    """The same model the obvious way: scipy's NNLS of weights and of the continuum's change, a few times over."""
    prior = np.linalg.cholesky(_prior(problem.basis, settings, 1.0).precision).T
    free = legvander(np.linspace(-1, 1, problem.flux.shape[1]), settings.polynomial_order)[:, 1:]
    prior = np.concatenate([prior, np.zeros((len(prior), 2 * free.shape[1]))], axis=1)
    sigma = np.abs(np.subtract.outer(problem.sigma_kms, SIGMA_GRID_KMS)).argmin(axis=1)
    out = []
    for flux, weight, index in zip(problem.flux, problem.weight, sigma, strict=True):
        design = problem.basis.spectra[index].astype(float) @ problem.basis.coefficients
        root, light, factor = np.sqrt(weight), np.full(design.shape[1], 1.0 / design.shape[1]), np.ones(len(flux))
        for step in range(START_STEPS + ALTERNATIONS):
            stellar = design @ light
            change = (root * factor * stellar)[:, None] * free
            if step < START_STEPS:  # the continuum of the equal mixture first
                columns = np.concatenate([(root * factor * stellar)[:, None], change], axis=1)
                solution = np.linalg.lstsq(columns, root * (flux - factor * stellar), rcond=None)[0]
                light, moved = light * np.exp(solution[0]), solution[1:]
            else:
                columns = np.concatenate([(root * factor)[:, None] * design, change, -change], axis=1)
                solution = solve_one(columns, root * flux, prior)
                light = solution[: design.shape[1]]
                up, down = np.split(solution[design.shape[1] :], 2)
                moved = up - down
            factor = factor * np.exp(np.clip(free @ moved, -1.0, 1.0))
        out.append(light)
    return means(np.array(out), problem.basis.grid)


def fit_with_ppxf(problem: Problem, settings: FitSettings) -> Floats:
    """pPXF (Cappellari 2017, MNRAS 466, 798): kinematics and weights, multiplicative polynomial, no regularisation."""
    from ppxf.ppxf import ppxf

    out = []
    for flux, weight, good, sigma in zip(problem.flux, problem.weight, problem.good, problem.sigma_kms, strict=True):
        noise = np.where(good, 1 / np.sqrt(np.where(good, weight, 1.0)), 1.0)
        # pPXF convolves the templates, which end where the data do: their ends are not to be used
        use = np.flatnonzero(good)
        use = use[(use >= PPXF_MARGIN) & (use < len(flux) - PPXF_MARGIN)]
        with contextlib.redirect_stdout(io.StringIO()):
            fit = ppxf(
                problem.templates, flux, noise, problem.basis.velocity_step_kms, [0.0, float(sigma)], moments=2,
                degree=-1, mdegree=settings.polynomial_order, goodpixels=use, quiet=True,
            )  # fmt: skip
        out.append(fit.weights)
    return means(np.array(out), problem.basis.grid)


def main() -> int:
    """Print rates, ratios, agreement, and the recovery of truth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--templates", default="emiles")
    parser.add_argument("--galaxies", type=int, default=10)
    parser.add_argument("--spectra", type=int, default=600, help="of all galaxies together")
    parser.add_argument("--peers", type=int, default=40, help="spectra that the slow peers fit")
    options = parser.parse_args()
    grid, settings = load_templates(options.templates), FitSettings()
    plan = survey_plan(options.galaxies, options.spectra, seed=1)
    galaxies = list(iterate_survey(plan, grid))
    with threadpool_limits(1):
        fit_labels(galaxies[0].spectra.take([0]), grid)  # bases are made once for a redshift
        rates(plan, galaxies, grid, settings, options.peers)
        recovery(galaxies, grid)
    return 0


def rates(plan: SurveyPlan, galaxies: list[MockGalaxy], grid: SSPGrid, settings: FitSettings, n_peers: int) -> None:
    """Spectra per second of processor time."""
    first = max(galaxies, key=lambda one: len(one.spectra))
    fit_labels(first.spectra.take([0]), grid)
    start = time.process_time()
    labels = fit_labels(first.spectra, grid)
    rate = len(labels) / (time.process_time() - start)
    print(
        f"{grid.name}; {len(first.spectra)} spectra of one mock galaxy; rates per second of processor time, one thread"
    )
    print(f"  agez, kinematics and populations with errors: {rate:8.1f} spectra/s")
    per_galaxy = -(-n_peers // len(galaxies))
    problems = [prepare(one, grid, settings, per_galaxy) for one in galaxies]
    ours = np.concatenate([both(fit_labels(one.spectra.take(slice(0, per_galaxy)), grid)) for one in galaxies])
    truth = np.concatenate([problem.truth for problem in problems])
    peers = {"scipy NNLS one by one, same prior, true kinematics": fit_one_by_one}
    if find_spec("ppxf") is None:
        print("  ppxf is not installed: no comparison with pPXF (pip install 'ppxf==8.*')")
    else:
        peers["pPXF one by one, no regularisation"] = fit_with_ppxf
    print_scores("agez", ours, truth)
    for name, fit in peers.items():
        start = time.process_time()
        answers = np.concatenate([fit(problem, settings) for problem in problems])
        slow = len(truth) / (time.process_time() - start)
        print(f"  {name}: {slow:8.2f} spectra/s; agez is {rate / slow:.0f} times faster")
        difference = np.abs(answers - ours)
        print(
            f"    differs from agez by {np.median(difference[:, 0]):.3f} dex in log age and "
            f"{np.median(difference[:, 1]):.3f} dex in [M/H] (medians)"
        )
        print_scores(name, answers, truth)
    perfect = [make_galaxy(plan, number, grid, perfect=True) for number in range(len(galaxies))]
    print("  the same spectra without noise and calibration errors:")
    ours = np.concatenate([both(fit_labels(one.spectra.take(slice(0, per_galaxy)), grid)) for one in perfect])
    print_scores("agez", ours, truth)
    if find_spec("ppxf") is not None:
        answers = np.concatenate([fit_with_ppxf(prepare(one, grid, settings, per_galaxy), settings) for one in perfect])
        print_scores("pPXF, no regularisation", answers, truth)


def print_scores(name: str, answers: Floats, truth: Floats) -> None:
    """Scatter and bias of some answers (n, 2) against truth."""
    age, mh = evaluate(answers[:, 0], truth[:, 0]), evaluate(answers[:, 1], truth[:, 1])
    print(
        f"    {name}, {age.n} spectra against truth: log age sigma_mad {age.sigma_mad:.3f} bias {age.bias:+.3f}; "
        f"[M/H] sigma_mad {mh.sigma_mad:.3f} bias {mh.bias:+.3f}"
    )


def recovery(galaxies: list[MockGalaxy], grid: SSPGrid) -> None:
    """A table in Markdown: scatter and bias against truth for each strength of the prior."""
    truth = np.concatenate([both(one.truth) for one in galaxies])
    print(f"\nagainst the truth of {len(truth)} spectra of {len(galaxies)} mock galaxies [dex]:\n")
    print("| smoothness_age | smoothness_mh | log age sigma_mad | bias | [M/H] sigma_mad | bias |")
    print("|---|---|---|---|---|---|")
    for age_strength, mh_strength in STRENGTHS:
        settings = FitSettings(smoothness_age=age_strength, smoothness_mh=mh_strength)
        labels = [fit_labels(one.spectra, grid, settings=settings) for one in galaxies]
        answers = np.concatenate([both(one) for one in labels])
        age, mh = evaluate(answers[:, 0], truth[:, 0]), evaluate(answers[:, 1], truth[:, 1])
        default = " (the default)" if settings == FitSettings() else ""
        print(
            f"| {age_strength:.0e} | {mh_strength:.0e}{default} | {age.sigma_mad:.3f} | {age.bias:+.3f} | "
            f"{mh.sigma_mad:.3f} | {mh.bias:+.3f} |"
        )


if __name__ == "__main__":
    sys.exit(main())
