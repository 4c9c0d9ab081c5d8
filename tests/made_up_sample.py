"""A sample invented for tests: SEDs that are smooth functions of age, metallicity and dust."""

from functools import lru_cache

import numpy as np

from agez.label_types import Galaxies, Labels, Sample, Truth
from agez.paper_network.architecture import Architecture
from agez.paper_network.cross_validation import cross_validate
from agez.paper_network.ensemble import model_from_cross_validation
from agez.paper_network.jobs import TrainingSettings
from agez.targets import PAPER_TARGETS
from agez.types import Bands, Photometry, Rows


def made_up_sample(n, *, n_galaxies=8, n_bands=12, seed=0, missing=0.0):
    rng = np.random.default_rng(seed)
    galaxy = np.sort(np.arange(n) % n_galaxies)
    age = 9.5 + 0.3 * rng.normal(size=n_galaxies)[galaxy] + 0.3 * rng.normal(size=n)
    mh = -0.3 + 0.15 * rng.normal(size=n_galaxies)[galaxy] + 0.15 * rng.normal(size=n)
    av = 0.5 * rng.random(n)
    wave = np.linspace(3780.0, 7300.0, n_bands)
    t = (wave - 5500) / 2000
    a, m = (age - 9.5)[:, None], (mh + 0.3)[:, None]
    log_flux = 0.35 * t + 0.45 * a * t + 0.15 * m * t - 0.4 * av[:, None] * (5500 / wave - 1)
    log_flux = (
        log_flux - 0.2 * np.tanh(a) * np.exp(-((t + 0.6) ** 2) / 0.02) + 0.3 * m * np.exp(-((t - 0.2) ** 2) / 0.02)
    )
    flux = 10 ** (log_flux + rng.normal(1, 0.5, (n, 1)))
    error = 0.01 * flux
    flux = flux + error * rng.normal(size=flux.shape)
    covered = rng.random(flux.shape) >= missing
    names = np.array([f"G{i}" for i in range(n_galaxies)])
    rows = Rows(np.array([str(i) for i in range(n)]), names[galaxy], rng.normal(size=n), rng.normal(size=n))
    bands = Bands(tuple(f"B{int(w)}" for w in wave), tuple(wave), tuple(np.full(n_bands, 145.0)), "made-up")
    flags = np.zeros(n, np.int32)
    photometry = Photometry(
        bands,
        np.where(covered, flux, np.nan),
        np.where(covered, error, np.nan),
        covered,
        rows,
        np.zeros(n),
        flags,
        {"source": "tests"},
    )
    noise = 0.02 * rng.normal(size=(4, n))
    one, tenth = np.ones(n), np.full(n, 0.1)
    labels = Labels(
        rows=rows,
        log_age_lw=age + noise[0], log_age_lw_err=tenth, mh_lw=mh + noise[1], mh_lw_err=tenth,
        log_age_mw=age + 0.2 + noise[2], log_age_mw_err=tenth, mh_mw=mh + noise[3], mh_mw_err=tenth,
        velocity_kms=0 * one, velocity_kms_err=5 * one, sigma_kms=100 * one, sigma_kms_err=10 * one,
        av=av, av_err=tenth, snr=30 * one, chi2=one, prior_strength=one, flags=flags,
        meta={"templates": "none"},
    )  # fmt: skip
    truth = Truth(age, mh, age + 0.2, mh, av, 0 * one, 100 * one)
    some = rng.random((8, n_galaxies))
    galaxies = Galaxies(
        names,
        0.02 * some[0],
        np.where(np.arange(n_galaxies) % 4 == 0, "early", "late"),
        9 + 2 * some[1],
        5 + 10 * some[2],
        70 * some[3],
        180 * some[4],
        some[5],
        -11 + some[6],
        some[7],
    )
    return Sample(photometry, labels, np.abs(rng.normal(size=n)), galaxies, truth, {"source": "tests", "seed": seed})


@lru_cache
def made_up_cross_validation(split="by-galaxy"):
    """A small sample and its cross-validation, trained once a session."""
    sample = made_up_sample(700, n_galaxies=10, missing=0.01)
    return sample, cross_validate(
        sample,
        split=split,
        architectures=dict.fromkeys(PAPER_TARGETS, Architecture((8, 8), (6, 6), 4, 25)),
        max_missing=2,
        settings=TrainingSettings(optimizer="adam", learning_rate=5e-3, max_epochs=30, schedule="cosine"),
        seed=7,
    )


@lru_cache
def made_up_model():
    """The model of that cross-validation."""
    sample, cv = made_up_cross_validation()
    return model_from_cross_validation(cv, sample, name="made-up")
