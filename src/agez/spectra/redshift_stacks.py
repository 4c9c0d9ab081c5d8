"""The rows of one galaxy as one spectrum, to find the redshift that they share."""

from __future__ import annotations

import numpy as np

from agez.arrays import Floats, Ints
from agez.spectra.redshift_inputs import in_units_of_level
from agez.types import Rows, Spectra

#: At most so many rows, the strongest, tell of a galaxy's redshift: the others are sky and faint outskirts.
_MOST_ROWS = 100
_ROWS_AT_ONCE = 256


def strongest_rows(spectra: Spectra, rows: Ints) -> Ints:
    """Those of ``rows`` with the highest signal-to-noise ratio, in their order."""
    if len(rows) <= _MOST_ROWS:
        return rows
    # some rows at a time: a cube's spaxels are not to be in memory twice
    parts = np.split(rows, range(_ROWS_AT_ONCE, len(rows), _ROWS_AT_ONCE))
    strength = np.concatenate([_signal_to_noise(spectra.take(part)) for part in parts])
    return np.sort(rows[np.argsort(-strength, kind="stable")[:_MOST_ROWS]])


def stack_rows(spectra: Spectra) -> Spectra:
    """Mean of all rows, each in units of its own level and weighted by its signal-to-noise ratio squared; one row."""
    good = ~spectra.mask & np.isfinite(spectra.flux) & np.isfinite(spectra.flux_err) & (spectra.flux_err > 0)
    flux, error = in_units_of_level(spectra, good)
    # one weight a row: weights that differed from pixel to pixel would print the noise on the colours of the galaxy
    strength = np.maximum(_signal_to_noise(spectra), 0.0) ** 2
    if not strength.any():
        strength = np.ones(len(spectra))
    weight = np.where(good, strength[:, None], 0.0)
    total = weight.sum(axis=0)
    used = total > 0
    safe = np.where(used, total, 1.0)
    name = str(spectra.rows.galaxy_id[0])
    return Spectra(
        wave_angstrom=spectra.wave_angstrom,
        flux=np.where(used, (weight * flux).sum(axis=0) / safe, 0.0)[None, :],
        flux_err=np.where(used, np.sqrt(((weight * error) ** 2).sum(axis=0)) / safe, 1.0)[None, :],
        mask=~used[None, :],
        medium=spectra.medium,
        rows=Rows.numbered(1, galaxy_id=name),
        redshift=np.full(1, np.nan),
        fwhm_angstrom=spectra.fwhm_angstrom,
        flux_unit=spectra.flux_unit,
        flags=np.zeros(1, dtype=np.int32),
        meta={"source": spectra.source},
    )


def _signal_to_noise(spectra: Spectra) -> Floats:
    """(n,) median of flux over error; 0 in rows without a good pixel."""
    good = ~spectra.mask & np.isfinite(spectra.flux) & np.isfinite(spectra.flux_err) & (spectra.flux_err > 0)
    ratio = np.where(good, spectra.flux / np.where(good, spectra.flux_err, 1.0), np.nan)
    ratio[~good.any(axis=1)] = 0.0
    return np.asarray(np.nanmedian(ratio, axis=1), dtype=float)
