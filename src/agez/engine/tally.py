"""Counts of answers in bins: what the picture of a run is made of, added up partition by partition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agez.types import Floats, Ints, Prediction

#: Edges of the bins by what is counted; values outside are counted in the first or the last bin.
EDGES: Mapping[str, Floats] = {
    "log_age": np.linspace(7.0, 10.4, 69),
    "mh": np.linspace(-2.5, 1.0, 71),
    "err": np.linspace(0.0, 1.0, 101),
    "ood": np.linspace(0.0, 4.0, 81),
    "redshift": np.linspace(0.0, 1.5, 76),
}
#: What is counted: the quantities along each axis.
AXES: Mapping[str, tuple[str, ...]] = {
    "log_age_mh": ("log_age", "mh"),
    "log_age_err": ("err",),
    "mh_err": ("err",),
    "ood": ("ood",),
    "redshift_log_age": ("redshift", "log_age"),
    "redshift_mh": ("redshift", "mh"),
}


def _nothing() -> dict[str, Ints]:
    return {name: np.zeros([len(EDGES[axis]) - 1 for axis in axes], dtype=np.int64) for name, axes in AXES.items()}


@dataclass(frozen=True, eq=False)
class Tally:
    """How many answers fall into each bin."""

    #: Integers, by the keys of ``AXES``, in bins of ``EDGES``. ``ood`` is in units of the model's
    #: threshold; redshifts are those that are known and above 0.
    counts: Mapping[str, Ints] = field(default_factory=_nothing)

    def __add__(self, other: Tally) -> Tally:
        return Tally({name: self.counts[name] + other.counts[name] for name in AXES})

    def to_json(self) -> dict[str, Any]:
        """Bins that are not empty, as plain numbers."""
        return {
            name: [np.flatnonzero(array).tolist(), array.ravel()[np.flatnonzero(array)].tolist()]
            for name, array in self.counts.items()
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Tally:
        """What :meth:`to_json` made plain."""
        counts = _nothing()
        for name, (at, n) in content.items():
            counts[name].ravel()[at] = n
        return cls(counts)


def tally(prediction: Prediction, redshift: Floats) -> Tally:
    """Count the rows of a prediction that are answered."""
    threshold = float(prediction.meta.get("ood_threshold", 1.0))
    with np.errstate(invalid="ignore"):
        seen = np.where(redshift > 0, redshift, np.nan)
    unknown = np.full(len(prediction), np.nan)
    log_age, mh, log_age_err, mh_err = (
        getattr(prediction, name, unknown) for name in ("log_age_lw", "mh_lw", "log_age_lw_err", "mh_lw_err")
    )
    values = {
        "log_age_mh": (log_age, mh),
        "log_age_err": (log_age_err,),
        "mh_err": (mh_err,),
        "ood": (prediction.ood / threshold,),
        "redshift_log_age": (seen, log_age),
        "redshift_mh": (seen, mh),
    }
    return Tally({name: _count(name, columns) for name, columns in values.items()})


def _count(name: str, columns: tuple[Floats, ...]) -> Ints:
    edges = [EDGES[axis] for axis in AXES[name]]
    known = np.all([np.isfinite(column) for column in columns], axis=0)
    inside = [np.clip(column[known], one[0], one[-1]) for column, one in zip(columns, edges, strict=True)]
    return np.histogramdd(inside, edges)[0].astype(np.int64)
