"""Synthetic photometry against speclite's batch call, and the shipped filters against measured curves."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from astropy import units as u
from threadpoolctl import threadpool_limits

import agez
from agez.photometry.filters import FilterSet
from agez.types import Rows, Spectra

REQUIRED_RATIO = 50.0
REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "data" / "filters"


def make_spectra(n: int, *, masked: bool = False, dtype: type[np.floating] = np.float64) -> Spectra:
    """``n`` smooth spectra of 2200 pixels with errors; 2 % of the pixels masked on request."""
    rng = np.random.default_rng(1)
    wave = 3600.0 + 2.0 * np.arange(2200)
    flux = 1.0 + 0.3 * rng.random((n, 1)) * np.sin(wave / 90) + 0.05 * rng.standard_normal((n, 2200))
    mask = rng.random((n, 2200)) < 0.02 if masked else np.zeros((n, 2200), dtype=bool)
    unit = "1e-16 erg / (s cm2 Angstrom)"
    return Spectra(
        wave, flux.astype(dtype), np.full((n, 2200), 0.05, dtype=dtype), mask, "vacuum", Rows.numbered(n), np.zeros(n),
        np.full(2200, 6.0), unit, np.zeros(n, dtype=np.int32),
    )  # fmt: skip


def seconds(work: Callable[[], object], *, repeats: int = 3) -> float:
    """The shortest processor time of a few runs (one thread): other work on the machine does not count."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def speclite_rate(filters: FilterSet, spectra: Spectra) -> float:
    """Spectra per second of speclite's ``get_ab_maggies`` on one batch."""
    from speclite.filters import FilterResponse, FilterSequence

    made = []
    for name, (wave, response) in zip(filters.names, filters.curves, strict=True):
        padded = np.concatenate([[0.0], response, [0.0]])
        grid = np.concatenate([[wave[0] - 1], wave, [wave[-1] + 1]])
        made.append(FilterResponse(grid * u.AA, padded, {"group_name": "bench", "band_name": name}))
    sequence = FilterSequence(made)
    flux = spectra.flux * u.Unit(spectra.flux_unit)
    return len(spectra) / seconds(lambda: sequence.get_ab_maggies(flux, spectra.wave_angstrom * u.AA), repeats=2)


def main() -> int:
    """Print the rates and their ratio; exit status 1 if the ratio is below what is required."""
    names = [name for name in agez.load_filters("jpas").names if "J0378" <= name <= "J0730"]
    filters = agez.load_filters("jpas").select(names)
    n = 10_000
    print(
        f"{len(names)} J-PAS bands, 2200 pixels, batches of {n} spectra, one thread; "
        "rates are per second of processor time"
    )
    ratios = []
    with threadpool_limits(1):
        for dtype in (np.float32, np.float64):
            clean = make_spectra(n, dtype=dtype)
            ours = n / seconds(lambda clean=clean: agez.synthesize(clean, filters), repeats=5)
            theirs = speclite_rate(filters, clean)
            ratios.append(ours / theirs)
            print(
                f"{dtype.__name__}: agez, with errors and coverage {ours:9.0f}; "
                f"speclite get_ab_maggies, flux only {theirs:7.0f}; ratio {ours / theirs:5.1f}"
            )
        masked = make_spectra(2000, masked=True, dtype=np.float32)
        rate = len(masked) / seconds(lambda: agez.synthesize(masked, filters))
        print(f"float32: agez, 2 % of the pixels of every spectrum masked and bridged {rate:9.0f}")
    print(
        f"ratio {ratios[0]:.1f} for spectra in single precision, as surveys store them; required {REQUIRED_RATIO:.0f}"
    )
    if REFERENCE.is_dir():
        sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
        from derive_filters import report

        report(REFERENCE)
    else:
        print(f"no reference curves at {REFERENCE}: shipped filters not compared")
    return 0 if ratios[0] >= REQUIRED_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
