"""A table whose posterior is known: SEDs on a line, Gaussian labels and noise, so that regression is exact."""

import numpy as np
from astropy.table import Table

from agez.photometry.filters import load_filters

BANDS = load_filters("splus").bands
_PHASE = np.linspace(0, 1, len(BANDS))
SED = 0.7 + 0.6 * _PHASE
#: Changes of the SED with each of two labels, of no mean.
CHANGES = np.stack([0.05 * np.cos(9 * _PHASE), 0.04 * np.sin(5 * _PHASE)])
CHANGES = CHANGES - CHANGES.mean(axis=1, keepdims=True)
#: Means and widths of the labels: log age and [M/H].
CENTRE, WIDTH = np.array([9.5, -0.3]), np.array([0.4, 0.2])
NOISE = 1 / 25


def toy_table(n, *, seed=0, galaxies=None, redshift=0.02):
    """The table, and the exact posterior mean (n, 2) and standard deviation (2,) of its labels."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 2))
    flux = SED + x @ CHANGES + NOISE * rng.standard_normal((n, len(BANDS)))
    # flat priors for the amplitude: the SED itself is projected out
    unit = SED / np.sqrt(SED @ SED)
    g = CHANGES - np.outer(CHANGES @ unit, unit)
    inverse = np.eye(2) + g @ g.T / NOISE**2
    covariance = np.linalg.inv(inverse)
    mean = (flux - np.outer(flux @ unit, unit)) @ g.T / NOISE**2 @ covariance
    amplitude = 10 ** rng.uniform(0.5, 2.5, n)
    table = Table({"id": np.arange(n)})
    if galaxies is not None:
        table["galaxy_id"] = [f"G{k}" for k in rng.integers(galaxies, size=n)]
    if redshift is not None:
        table["redshift"] = np.full(n, redshift)
    for k, name in enumerate(BANDS.names):
        table[f"flux_{name}"] = amplitude * flux[:, k]
        table[f"flux_{name}_err"] = amplitude * NOISE
    value = CENTRE + WIDTH * x
    table["log_age"], table["mh"] = value.T
    return table, CENTRE + WIDTH * mean, WIDTH * np.sqrt(np.diag(covariance))
