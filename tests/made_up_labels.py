"""Labels with every part that they can have, invented, for the tests of files and figures."""

from __future__ import annotations

import numpy as np

from agez.label_types import FittedSpectra, Labels, Lines
from agez.spectra.lines import LINE_NAMES
from agez.types import Rows

UNIT = "1e-16 erg / (s cm2)"


def made_up_labels(
    rng: np.random.Generator, n: int = 5, *, shape: tuple[int, int] = (8, 4), pixels: int = 200
) -> Labels:
    """``n`` rows: the second row has no fit, the third no gas."""
    values = {name: rng.normal(size=n) for name in Labels.column_names() if name != "flags"}
    for name in values:
        values[name][1] = np.nan
    flags = np.zeros(n, dtype=np.int32)
    flags[1] = 64
    weights = rng.dirichlet(np.ones(shape[0] * shape[1]), n).reshape(n, *shape).astype(np.float32)
    weights[1] = np.nan
    names = LINE_NAMES
    lines = Lines(
        names=names,
        flux=rng.normal(1.0, 1.0, (n, len(names))),
        flux_err=rng.uniform(0.1, 1.0, (n, len(names))),
        ew_angstrom=rng.normal(size=(n, len(names))),
        velocity_kms=rng.normal(0, 50, n),
        velocity_kms_err=rng.uniform(1, 5, n),
        sigma_kms=rng.uniform(30, 90, n),
        sigma_kms_err=rng.uniform(1, 5, n),
        flux_unit=UNIT,
    )
    lines.flux[1] = np.nan
    lines.velocity_kms[2] = lines.sigma_kms[2] = np.nan
    wave = 3800.0 * np.exp(3e-3 * np.arange(pixels))
    stars = (1 + 0.1 * np.sin(wave / 90.0))[None, :] * np.ones((n, 1))
    gas = 0.8 * np.exp(-0.5 * ((wave - 5007.0) / 15.0) ** 2)[None, :] * np.ones((n, 1))
    used = np.ones((n, pixels), dtype=bool)
    used[:, 40:50] = False
    fitted = FittedSpectra(
        wave_angstrom=wave,
        flux=(stars + gas + 0.05 * rng.normal(size=stars.shape)).astype(np.float32),
        flux_err=np.full(stars.shape, 0.05, np.float32),
        stars=stars.astype(np.float32),
        gas=gas.astype(np.float32),
        used=used,
    )
    names_of_rows = np.array([f"G1-{k}" for k in range(n)])
    rows = Rows(names_of_rows, np.full(n, "G1"), rng.normal(size=n), rng.normal(size=n))
    return Labels(
        rows=rows, flags=flags, weights=weights, lines=lines, fitted=fitted, meta={"templates": "made-up"}, **values
    )
