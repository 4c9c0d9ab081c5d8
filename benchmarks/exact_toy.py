"""A library on a line, where the posterior is a Gaussian: biases of the scores of weighted samples.

Run ``python benchmarks/exact_toy.py`` (a minute).  SEDs are f_0 + x g with x normal; calibration errors have one known
size.  Libraries grow, and effective sample sizes with them; printed are the mean differences of the scores of weighted
samples (``exact_posterior.py``) from those of the Gaussian.
"""

from __future__ import annotations

import numpy as np
from exact_posterior import Problem, Process, Row, RowScores, score_row, start

from agez.distributions.marginals import crps
from agez.distributions.mixture import Mixture, log_density
from agez.training_seds.observe import Survey, observe
from agez.types import Floats

#: S/N 30, equal noise, calibration errors of one per cent, zero points of half of that.
SURVEY = Survey(
    snr=(30.0, 30.03), noise_tilt=0.0, noise_scatter=0.0, calibration=(0.01, 0.01), zero_points=(0.005, 0.005),
    error_scatter=0.05, complete=1.0,
)  # fmt: skip
PIVOT = np.linspace(4200.0, 9000.0, 16)
_phase = (PIVOT - PIVOT[0]) / np.ptp(PIVOT)
MEAN_SED = (0.7 + 0.6 * _phase) / np.mean(0.7 + 0.6 * _phase)
CHANGE = 0.03 * (np.cos(9 * _phase) - np.cos(9 * _phase).mean())
N_LIBRARY = (60, 200, 600, 2000, 6000)


def toy_seds(x: Floats) -> Floats:
    """(n, b) SEDs of the label x (n,)."""
    return (MEAN_SED + x[:, None] * CHANGE).astype(np.float32)


def toy_rows(n: int, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """True labels (n,), fluxes and reported errors (n, b)."""
    x = rng.standard_normal(n)
    seen = observe(toy_seds(x), np.ones((n, len(PIVOT)), bool), PIVOT, rng, survey=SURVEY)
    return x, seen.flux, seen.flux_err


def toy_posterior(flux: Floats) -> tuple[Floats, float]:
    """Mean (n,) and variance of x, for covariances of the mean SED: linear regression with a free amplitude."""
    process = Process.of(SURVEY, PIVOT)
    f, g = MEAN_SED, CHANGE
    errors = process.calibration[0] ** 2 * process.waves.T @ process.waves
    errors = np.diag(process.zero_points[0] ** 2 * process.own**2) + errors
    inverse = np.linalg.inv(f[:, None] * errors * f + np.eye(len(f)) / SURVEY.snr[0] ** 2)
    information = g @ inverse @ g - (g @ inverse @ f) ** 2 / (f @ inverse @ f)
    amplitude = flux @ inverse @ f / (f @ inverse @ f)
    variance = 1 / (1 + information)
    return variance * ((flux - amplitude[:, None] * f) / amplitude[:, None]) @ inverse @ g, float(variance)


def toy_mixture(flux: Floats) -> Mixture:
    """The posterior as a mixture of one Gaussian."""
    mean, variance = toy_posterior(flux)
    return Mixture(np.ones((len(mean), 1)), mean[:, None, None], np.full((len(mean), 1, 1), variance))


def toy_scores(
    n_library: int, truth: Floats, flux: Floats, flux_err: Floats, rng: np.random.Generator
) -> list[RowScores]:
    """Of rows with posteriors from a new library for each."""
    out = []
    for k in range(len(truth)):
        x = rng.standard_normal(n_library)
        start(Problem(toy_seds(x), x[:, None], np.zeros(1), Process.of(SURVEY, PIVOT)))
        out.append(score_row(Row(k, flux[k], flux_err[k], truth[[k]])))
    return out


def main() -> None:
    """Run and print."""
    rng = np.random.default_rng(1)
    truth, flux, flux_err = toy_rows(1000, rng)
    exact = toy_mixture(flux)
    density, score = log_density(exact, truth[:, None]), crps(exact, truth[:, None])[:, 0]
    print(f"the Gaussian: CRPS {score.mean():.4f}, log density {density.mean():+.3f}\n")
    print(
        "| SEDs | effective size, median | n used | CRPS: ratio - 1 | log density: difference |\n" + "|---:" * 5 + "|"
    )
    for n in N_LIBRARY:
        found = toy_scores(n, truth, flux, flux_err, rng)
        size = np.array([one.effective for one in found])
        off = np.array([(one.crps[0], one.log_density[0]) for one in found]).T - (score, density)
        used = np.isfinite(off[0])
        means, errors = off[:, used].mean(axis=1), off[:, used].std(axis=1) / np.sqrt(used.sum())
        print(
            f"| {n} | {np.median(size):.0f} | {used.sum()} | {means[0] / score[used].mean():+.3f} ± "
            f"{errors[0] / score[used].mean():.3f} | {means[1]:+.3f} ± {errors[1]:.3f} |"
        )


if __name__ == "__main__":
    main()
