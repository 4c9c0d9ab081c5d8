"""What the numbers and the output on the command line may be: checked before a command starts its work."""

from __future__ import annotations

import math
from argparse import Namespace

from agez.arguments import LARGEST_REDSHIFT, LEAST_REDSHIFT
from agez.errors import AgezError
from agez.hints import velocity_hint
from agez.runtime.files import check_not_input

#: By the option's name in the parser: how it is written, the least, whether that itself is fine, the bound above.
_LIMITS: dict[str, tuple[str, float, bool, float]] = {
    "seed": ("--seed", 0, True, 2**63),
    "galaxies": ("--galaxies", 1, True, math.inf),
    "spectra": ("--spectra", 1, True, math.inf),
    "workers": ("--workers", 1, True, math.inf),
    "steps": ("--steps", 1, True, math.inf),
    "epochs": ("--epochs", 0, False, math.inf),
    "batch": ("--batch", 1, True, math.inf),
    "learning_rate": ("--learning-rate", 0, False, 1),
    "max_epochs": ("--max-epochs", 1, True, math.inf),
    "rows_per_part": ("--rows-per-part", 1, True, math.inf),
    "bin_snr": ("--bin-snr", 0, True, math.inf),
    "snr": ("--snr", 0, False, math.inf),
    "pixel_snr": ("--pixel-snr", 0, False, math.inf),
    "size": ("--size", 0, False, math.inf),
    "psf": ("--psf", 0, False, math.inf),
    "max_psf": ("--max-psf", 0, False, math.inf),
    "n_plots": ("--n-plots", 1, True, math.inf),
    "retries": ("--retries", 0, True, math.inf),
    "max_rows": ("--max-rows", 1, True, math.inf),
    "radius": ("--radius", 0, False, 3600),
    "redshift": ("--redshift", LEAST_REDSHIFT, True, LARGEST_REDSHIFT),
    "source_redshift": ("--source-redshift", LEAST_REDSHIFT, True, LARGEST_REDSHIFT),
    "redshift_err": ("--redshift-err", 0, True, 1000),
    "ebv": ("--ebv", 0, True, 5),  # mag: beyond, no galaxy is seen through the Milky Way in these bands
    "error_floor": ("--error-floor", 0, True, 1),
    "tolerance": ("--tolerance", 0, False, math.inf),
    "re": ("--re", 0, False, math.inf),
    "inclination": ("--inclination", 0, True, 90),
    "pa": ("--pa", -math.inf, False, math.inf),
}

#: Options that name what is read.
READ = (
    "input", "photometry", "labels", "galaxies", "also_labels", "truth", "sample", "model", "filters", "templates",
    "bins", "segments", "star_table", "star_mask", "checksums", "zero_points", "init", "filter_table",
    "answers", "set", "object_list", "images",
)  # fmt: skip


def check_output_is_new(options: Namespace) -> None:
    """AgezError if the output is a file that the command reads: it would be lost."""
    out = getattr(options, "out", None)
    if out is None:
        return
    for name in READ:
        value = getattr(options, name, None)
        check_not_input(out, [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)])


def check_numbers(options: Namespace) -> None:
    """AgezError that names the first option whose number is not one, or outside its limits."""
    for name, (option, least, least_is_fine, bound) in _LIMITS.items():
        value = getattr(options, name, None)
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue  # not given, or a file of that name
        if name == "redshift" and options.command == "predict" and value > least:
            continue  # it is told with the model's range
        if math.isfinite(value) and (least < value < bound or (least_is_fine and value == least)):
            continue
        words = ["a finite number"] if not math.isfinite(value) else []
        if math.isfinite(least):
            words.append(f"{least} or more" if least_is_fine else f"more than {least}")
        if math.isfinite(bound):
            words.append(f"less than {bound:g}" if isinstance(bound, float) else f"less than {bound}")
        kms = velocity_hint(value) if "redshift" in option else ""
        raise AgezError(f"{option} is {value:g}; expected {' and '.join(words) or 'a finite number'}{kms}")
