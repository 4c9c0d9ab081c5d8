"""The published numbers of Liew-Cain et al. (2021, MNRAS 502, 1355), under the keys of ``summary.json``.

None stands where the paper gives no number.  Set B's age: the text says 0.16 dex, the caption and
Table 1 say 0.14; the table's is used.  The paper gives one number for the gradient differences of
Set A (0.02 dex/Re), for both quantities.
"""

from __future__ import annotations

import copy
from typing import Any

from agez.learn.splits import SplitKind

CITATION = "Liew-Cain et al. (2021), MNRAS 502, 1355"
N_SPECTRA = 19727
N_GALAXIES, N_EARLY, N_LATE = 190, 44, 146
N_BANDS = 34
#: The two sets: how each deals spectra into folds.
SETS: dict[str, SplitKind] = {"set_a": "within", "set_b": "by-galaxy"}


def set_title(name: str) -> str:
    """``Set A`` of ``set_a``."""
    return name.replace("_", " ").title()


def _scores(sigma_mad: float) -> dict[str, Any]:
    return {"sigma_mad": sigma_mad, "bias": None, "rmse": None, "n": N_SPECTRA}


def _gradient(sigma_mad: float) -> dict[str, Any]:
    return {"sigma_mad": sigma_mad, "bias": None, "n_galaxies": None}


_PAPER: dict[str, Any] = {
    "set_a": {
        "age": _scores(0.03),
        "metallicity": _scores(0.03),
        "residual_pcc": -0.24,
        "gradient": {"age": _gradient(0.02), "metallicity": _gradient(0.02)},
    },
    "set_b": {
        "age": _scores(0.14),
        "metallicity": _scores(0.16),
        "residual_pcc": -0.24,
        "gradient": {"age": _gradient(0.15), "metallicity": _gradient(0.16)},
    },
    "random_baseline": {"age": {"mse": 0.199}, "metallicity": {"mse": None}},
}

#: Table 1: sigma_mad [dex] of networks trained on galaxies of one morphology and applied to another.
TABLE_1: dict[str, dict[str, float]] = {
    "age": {"early-early": 0.10, "early-late": 0.16, "late-early": 0.14, "late-late": 0.15, "full": 0.14},
    "metallicity": {"early-early": 0.12, "early-late": 0.19, "late-early": 0.13, "late-late": 0.17, "full": 0.16},
}


def published() -> dict[str, Any]:
    """The ``paper`` block of ``summary.json``: a fresh copy."""
    return copy.deepcopy(_PAPER)
