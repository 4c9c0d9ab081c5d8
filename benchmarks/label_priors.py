"""How well fits with other priors and continua than the default ones recover mock truth: a table in Markdown.

The spectra are those of ``label_accuracy.py``, of another seed: S/N 15, 30 and 60 per Angstrom, early and late types::

    python benchmarks/label_priors.py [--spectra 60]
"""

from __future__ import annotations

import sys

import numpy as np
from label_accuracy import SNRS, make_cases, mock_options
from threadpoolctl import threadpool_limits

from agez.analysis.metrics import evaluate
from agez.spectra.fit_settings import FitSettings
from agez.spectra.fitting import fit_labels
from agez.spectra.templates import load_templates

#: What is changed from the default.
CHOICES: dict[str, dict[str, object]] = {
    "default": {},
    "fixed strength": {"prior_strength": "fixed"},
    "no prior on the spread of [M/H]": {"spread_mh": 0.0},
    "spread_mh 100": {"spread_mh": 100.0},
    "a tenth of the smoothness": {"smoothness_age": 3e4, "smoothness_mh": 4e2},
    "ten times the smoothness": {"smoothness_age": 3e6, "smoothness_mh": 4e4},
    "calibrated continuum": {"continuum": "calibrated"},
    "attenuation law": {"continuum": "attenuation"},
    "polynomial of order 4": {"polynomial_order": 4},
    "polynomial of order 15": {"polynomial_order": 15},
    "lines masked": {"emission_lines": False},
    "from 3750 A": {"fit_range_angstrom": (3750.0, 7000.0)},
}


def main() -> int:
    """Print the table: sigma_mad and bias of both labels at each S/N, types together."""
    options = mock_options(__doc__, spectra=60, seed=21).parse_args()
    grid = load_templates(options.templates)
    cases = make_cases(grid, options.spectra, seed=options.seed)
    words = [f"{name}, S/N {snr:.0f}" for name in ("log age", "[M/H]") for snr in SNRS]
    print(f"sigma_mad (bias) against the truth of {len(cases.snr)} mock spectra [dex]\n")
    print(f"| fit | {' | '.join(words)} |")
    print("|---" * (len(words) + 1) + "|")
    for name, changes in CHOICES.items():
        with threadpool_limits(1):
            labels = fit_labels(cases.spectra, grid, settings=FitSettings(**changes))  # type: ignore[arg-type]
        row = []
        for quantity in ("log_age_lw", "mh_lw"):
            for snr in SNRS:
                at = np.flatnonzero(cases.snr == snr)
                one = evaluate(getattr(labels, quantity)[at], getattr(cases.truth, quantity)[at])
                row.append(f"{one.sigma_mad:.3f} ({one.bias:+.3f})")
        print(f"| {name} | {' | '.join(row)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
