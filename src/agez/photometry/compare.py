"""How far two versions of a filter set differ in the magnitudes of given spectra."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agez.errors import AgezError
from agez.photometry.filters import FilterSet
from agez.photometry.response import build_matrix
from agez.types import Floats


def magnitude_differences(
    first: FilterSet,
    second: FilterSet,
    wave_angstrom: Floats,
    flux: Floats,
    *,
    redshifts: Sequence[float] = (0.0,),
) -> Floats:
    """AB magnitudes of spectra in ``first`` minus those in ``second``.

    Parameters
    ----------
    first, second : FilterSet
        With the same bands in the same order.
    wave_angstrom : (p,) float
        Vacuum, rest frame.
    flux : (n, p) float
        f_lambda, any unit.
    redshifts : sequence of float
        At which the spectra are looked at.

    Returns
    -------
    (n * len(redshifts), b) float
        [mag]; NaN where a band is not covered or a flux is not positive.
    """
    if first.names != second.names:
        raise AgezError(f"filter sets {first.name!r} and {second.name!r} have different bands")
    f_nu = np.asarray(flux, dtype=float) * np.asarray(wave_angstrom, dtype=float) ** 2
    out = []
    for redshift in redshifts:
        seen = []
        for filters in (first, second):
            matrix = build_matrix(np.asarray(wave_angstrom, dtype=float) * (1 + redshift), filters)
            mean = f_nu @ matrix.weights.T
            seen.append(
                np.where((matrix.coverage > 0.98) & (mean > 0), mean / np.maximum(matrix.coverage, 0.5), np.nan)
            )
        out.append(-2.5 * np.log10(seen[0] / seen[1]))
    return np.concatenate(out)
