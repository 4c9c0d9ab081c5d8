"""A run made of random numbers, with the shape of a real one: for tests of summary, figures and report."""

import numpy as np

from agez.experiments.result import ExampleSpectrum, RunResult, make_set_result
from agez.experiments.summary import build_summary
from agez.label_types import Galaxies, Labels, Sample, Truth
from agez.paper_network.cross_validation import LearningCurve
from agez.targets import PAPER_TARGETS
from agez.types import Bands, Photometry, Rows, Spectra

LIGHT_ANGSTROM_PER_S = 2.99792458e18


def fake_sample(rng, *, n=3600, n_galaxies=24, with_truth=True):
    """Labels that fall with radius, truth nearby, photometry of ones."""
    ids = np.array([f"MOCK{i:04d}" for i in range(n_galaxies)])
    galaxy = rng.integers(n_galaxies, size=n)
    r_re = 1.8 * np.sqrt(rng.random(n))
    age0, age1 = rng.normal(9.5, 0.25, n_galaxies), rng.normal(-0.2, 0.15, n_galaxies)
    mh0, mh1 = rng.normal(-0.1, 0.15, n_galaxies), rng.normal(-0.15, 0.1, n_galaxies)
    age = age0[galaxy] + age1[galaxy] * r_re + rng.normal(0, 0.08, n)
    mh = mh0[galaxy] + mh1[galaxy] * r_re + rng.normal(0, 0.08, n)
    angle = 2 * np.pi * rng.random(n)
    rows = Rows(np.array([f"s{i}" for i in range(n)]), ids[galaxy], r_re * 10 * np.cos(angle), r_re * 6 * np.sin(angle))
    ones, flags = np.ones(n), np.zeros(n, dtype=np.int32)
    names = tuple(f"J{w:04d}" for w in (378, *range(390, 660, 10), *range(680, 740, 10)))
    pivots = tuple(10.0 * int(name[1:]) for name in names)
    bands = Bands(names, pivots, (145.0,) * len(names), "jpas")
    b = len(bands)
    photometry = Photometry(
        bands, np.ones((n, b)), np.full((n, b), 0.05), np.ones((n, b), dtype=bool), rows, np.zeros(n), flags
    )
    meta = {"templates": "made-up", "solar_scale": 0.019, "norm_band_angstrom": (5450.0, 5550.0), "continuum": "dust"}
    labels = Labels(
        rows=rows,
        log_age_lw=age, log_age_lw_err=0.05 * ones, mh_lw=mh, mh_lw_err=0.05 * ones,
        log_age_mw=age + 0.3, log_age_mw_err=0.1 * ones, mh_mw=mh, mh_mw_err=0.1 * ones,
        velocity_kms=0 * ones, velocity_kms_err=5 * ones, sigma_kms=100 * ones, sigma_kms_err=10 * ones,
        av=0.3 * ones, av_err=0.1 * ones, snr=40 * ones, chi2=ones, prior_strength=ones, flags=flags, meta=meta,
    )  # fmt: skip
    truth = Truth(
        age + rng.normal(0.02, 0.1, n), mh + rng.normal(-0.01, 0.1, n), age + 0.3, mh, 0.3 * ones, 0 * ones, 100 * ones
    )
    g = np.ones(n_galaxies)
    morphology = np.where(np.arange(n_galaxies) % 4 == 0, "early", "late")
    galaxies = Galaxies(ids, 0.015 * g, morphology, 10.5 * g, 10 * g, 40 * g, 30 * g, 0.3 * g, -10 * g, 0.3 * g)
    return Sample(photometry, labels, r_re, galaxies, truth if with_truth else None, {"source": "mock", "seed": 1})


def fake_set(sample, rng, scatter):
    """Predictions with anticorrelated errors, some of them shared by a galaxy."""
    n = len(sample)
    _, galaxy = np.unique(sample.rows.galaxy_id, return_inverse=True)
    cov = scatter**2 * np.array([[1, -0.3], [-0.3, 1]])
    error = (
        rng.multivariate_normal([0, 0], cov, n) + 0.8 * rng.multivariate_normal([0, 0], cov, galaxy.max() + 1)[galaxy]
    )
    predicted = np.stack([sample.labels.log_age_lw, sample.labels.mh_lw], axis=1) + error
    predicted[3, 1] = np.nan
    curves = []
    for target in PAPER_TARGETS:
        for fold in range(4):
            epoch = np.arange(rng.integers(80, 200))
            train = scatter**2 + 0.2 * np.exp(-epoch / 12)
            curves.append(LearningCurve(target, fold, train, train * 1.2 * np.exp(rng.normal(0, 0.1, len(epoch)))))
    return make_set_result(sample, predicted, rng.integers(4, size=n), curves, rng=rng)


def fake_example(rng, bands):
    """A spectrum with breaks and lines at redshift 0.015, and its bands as Gaussians; one band is not covered."""
    z = 0.015
    wave = np.arange(3745.0, 7500.0, 2.0)
    rest = wave / (1 + z)
    smooth = 1 + 0.5 * np.tanh((rest - 4000) / 60) - 0.0001 * (rest - 5500)
    flux = smooth + 0.8 * np.exp(-0.5 * ((rest - 6563) / 4) ** 2) - 0.2 * np.exp(-0.5 * ((rest - 5175) / 15) ** 2)
    flux = flux + rng.normal(0, 0.03, wave.size)
    rows = Rows(np.array(["s0"]), np.array(["MOCK0000"]), np.zeros(1), np.zeros(1))
    flags = np.zeros(1, dtype=np.int32)
    spectrum = Spectra(
        wave, flux[None], np.full((1, wave.size), 0.03), np.zeros((1, wave.size), dtype=bool), "air", rows,
        np.array([z]), np.full(wave.size, 6.0), "1e-16 erg / (s cm2 Angstrom)", flags,
    )  # fmt: skip
    pivot = np.array(bands.pivot_angstrom)
    grid = [p + np.linspace(-120, 120, 61) for p in pivot]
    curves = [(w, np.exp(-(((w - p) / 75) ** 6))) for w, p in zip(grid, pivot, strict=True)]
    f_lambda = np.interp(pivot, rest, flux * (1 + z)) * 1e-16
    micro_jansky = (f_lambda * pivot**2 / LIGHT_ANGSTROM_PER_S * 1e29)[None]
    covered = np.ones((1, len(bands)), dtype=bool)
    covered[0, 0] = False
    micro_jansky[0, 0] = np.nan
    photometry = Photometry(bands, micro_jansky, 0.03 * micro_jansky, covered, rows, np.zeros(1), flags)
    return ExampleSpectrum(spectrum, photometry, curves)


def fake_run(seed=4, *, with_truth=True, **size):
    """A whole RunResult."""
    rng = np.random.default_rng(seed)
    sample = fake_sample(rng, with_truth=with_truth, **size)
    set_a, set_b = fake_set(sample, rng, 0.03), fake_set(sample, rng, 0.12)
    summary = build_summary(
        sample,
        set_a,
        set_b,
        preset="quick",
        seed=seed,
        seconds={"mock": 1.5, "total": 42.0},
        peak_rss_mb=812.44,
        rng=rng,
    )
    return RunResult(sample, set_a, set_b, summary, fake_example(rng, sample.photometry.bands))
