"""What a user is told of photometry that was read: what was assumed, translated or left out, and in how many rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agez.photometry.redshift_columns import chosen_distribution, distribution_remarks
from agez.photometry.row_values import RowOptions, bounds_like, column_of, like_redshifts

#: Before a band in a count: its entries that are no measurements.
PLACEHOLDER = "placeholder "
#: How rows of unknown redshift are flagged.
UNKNOWN_FLAG = "REDSHIFT_UNKNOWN, or REDSHIFT_ESTIMATED by models that find their own"
#: What is counted of rows, and how it is told.
COUNTS = {
    "redshift_unknown": "rows have no redshift (missing, a survey's code, or none that a galaxy has): "
    f"flagged {UNKNOWN_FLAG}",
    "redshift_malformed": "rows have a redshift distribution that is none (a negative width or density, falling "
    f"quantiles, weights that sum to 0, NaN): flagged {UNKNOWN_FLAG}",
    "redshift_err_unknown": "rows have a redshift without an error: taken as exact",
}


def count_remarks(counted: Mapping[str, int]) -> list[str]:
    """What was found in single rows, counted over all of a table."""
    remarks = [f"{counted[name]} {words}" for name, words in COUNTS.items() if counted.get(name)]
    bands = [f"{key.removeprefix(PLACEHOLDER)} {n}" for key, n in counted.items() if key.startswith(PLACEHOLDER) and n]
    if bands:
        remarks.append(
            f"taken as not observed: no galaxy has such values (magnitudes beyond 40, errors of 10 mag, 99.9, 1e30 and "
            f"the like), by band: {', '.join(bands)}"
        )
    return remarks


def redshift_remarks(names: Sequence[str], options: RowOptions) -> list[str]:
    """What is to be said of the redshifts of a table with these columns."""
    if options.leaves_unknown(names):
        return [f"the redshift of every row is taken as unknown (flag {UNKNOWN_FLAG})"]
    own = column_of("redshift", names)
    said = distribution_remarks(names, options.redshift, options.redshift_err)
    if chosen_distribution(names, options.redshift, options.redshift_err) is not None:
        return said
    return [*_point_remarks(names, options, own), *said]


def _point_remarks(names: Sequence[str], options: RowOptions, own: str | None) -> list[str]:
    """What is to be said of redshifts that are numbers, or not there."""
    if options.redshift is None and own is None:
        like = like_redshifts(names)
        found = "no column looks like one"
        if like:
            bounds = bounds_like(like[0], names)
            found = f"{', '.join(like)} look{'s' if len(like) == 1 else ''} like one: --redshift {like[0]}" + (
                f" --redshift-err {bounds}" if bounds else ""
            )
        return [
            f"the redshift of every row is unknown (flag {UNKNOWN_FLAG}), as there is no column redshift and no "
            f"--redshift; {found}; --redshift 0 says that the SEDs are in the rest frame"
        ]
    if isinstance(options.redshift, str) and options.redshift.lower() != "redshift" and options.redshift_err is None:
        bounds = bounds_like(options.redshift, names)
        hint = f"--redshift-err {bounds}" if bounds else "--redshift-err COLUMN|E|LOWER,UPPER"
        return [f"redshifts of {options.redshift} are taken as exact; {hint} gives their errors"]
    return []
