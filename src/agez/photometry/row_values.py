"""What options say of the rows of a table, as a number for all or a column: redshifts, their errors, E(B-V), names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy import units as u

from agez.arguments import LARGEST_REDSHIFT, LEAST_REDSHIFT
from agez.distributions.redshift_mixture import RedshiftMixture
from agez.errors import AgezError
from agez.hints import named_among, velocity_hint
from agez.photometry.redshift_columns import UNKNOWN, chosen_distribution, read_distributions
from agez.tables.table_columns import AnyTable, is_code, is_nines, number_column, unit_of
from agez.types import Floats

#: Names by which tables call redshifts, in small letters and without what stands between words.
_REDSHIFT = re.compile(
    r"z(b|ml|mc|phot|spec|best|peak|mean|median|med|mode|map|final|hel|helio|cmb|out|ph|sp|pdf|obs|true|eazy|lephare|bpz)*"
    r"|.*(redshift|photoz|photz|zphot|specz|zspec|zbest).*"
)
_NOT_A_REDSHIFT = re.compile(
    r"(err|error|sigma|min|max|lo|hi|low|high|l68|u68|lower|upper|flag|flags|qual|quality|warning|zwarn|odds|type|src)$"
)


def is_unknown(redshift: Any) -> bool:
    """Whether the option redshift says that redshifts are to be taken as unknown."""
    return isinstance(redshift, str) and redshift.lower() == UNKNOWN


def check_without_redshifts(**others: Any) -> None:
    """AgezError if something is said of redshifts that are to be taken as unknown."""
    for name, value in others.items():
        if value is not None:
            raise AgezError(f"--redshift {UNKNOWN} leaves no use for --{name.replace('_', '-')}; drop one of them")


@dataclass(frozen=True)
class RowOptions:
    """What was said of all rows of a table; None: the table's own columns, where it has them."""

    redshift: float | str | None = None  #: A number, a column, or :data:`UNKNOWN`.
    #: A number, a column, or two columns with a comma between: the bounds of the 68 % interval.
    redshift_err: float | str | None = None
    id: str | None = None  #: A column, or several with commas between, which identify a row together.
    #: Of densities in a column ``redshift_pdf``: their redshifts, or the first and the last of an even grid.
    redshift_grid: str | Sequence[float] | None = None
    zero_errors_are_unknown: bool = False  #: An error floor takes the place of errors of 0 or less.

    def leaves_unknown(self, names: Sequence[str]) -> bool:
        """Whether redshifts are to be taken as unknown; AgezError if errors or a grid are said of them."""
        if not is_unknown(self.redshift) or self.redshift in names:
            return False
        check_without_redshifts(redshift_err=self.redshift_err, redshift_grid=self.redshift_grid)
        return True

    def columns(self, names: Sequence[str], *, source: str) -> tuple[str, ...]:
        """The columns that are needed, those of the table's own among them; AgezError if one is not there."""
        if self.leaves_unknown(names):
            return () if self.id is None else tuple(id_columns(self.id, names, source=source))
        _check_number(self.redshift)
        wanted = [column_of(name, names) for name in ("redshift", "redshift_err")]
        chosen = chosen_distribution(names, self.redshift, self.redshift_err)
        wanted += [] if chosen is None else chosen.columns
        if self.redshift_grid is not None and (chosen is None or chosen.form != "grid"):
            raise AgezError(
                f"{source}: --redshift-grid is for densities of the redshift, which are not used or not there; "
                "expected a column redshift_pdf, and neither --redshift nor --redshift-err"
            )
        if isinstance(self.redshift, str):
            wanted.append(option_column(self.redshift, names, option="--redshift", source=source))
        if self.redshift is None and wanted[0] is None and self.redshift_err is not None:
            raise _no_redshifts(names, source)
        if isinstance(self.redshift_err, str):
            wanted += bounds_or_column(self.redshift_err, names, source=source)
        if self.id is not None:
            wanted += id_columns(self.id, names, source=source)
        return tuple(dict.fromkeys(name for name in wanted if name is not None))


@dataclass(frozen=True, eq=False)
class Redshifts:
    """Redshifts of rows and their errors."""

    #: value, error: (n,) NaN where unknown; an error that is not given, too.
    value: Floats
    error: Floats
    given: bool  #: An option or a column of the table says them.
    mixture: RedshiftMixture | None = None  #: Of rows with several Gaussians.
    #: How many rows have something that is to be told, by :data:`agez.photometry.told.COUNTS`.
    counted: dict[str, int] = field(default_factory=dict)


def column_of(name: str, names: Sequence[str]) -> str | None:
    """The column of that name, else the only one that is spelled so in another case; None if there is none."""
    if name in names:
        return name
    found = [one for one in names if one.lower() == name.lower()]
    return found[0] if len(found) == 1 else None


def option_column(value: str, names: Sequence[str], *, option: str, source: str, number: bool = True) -> str:
    """The column that an option names; AgezError if there is none."""
    found = column_of(value, names)
    if found is None:
        what = "neither a number nor a column" if number else "no column"
        columns = named_among(names, value)
        like = like_redshifts(names) if option == "--redshift" and "did you mean" not in columns else []
        hint = f"; redshifts by their names: {named_among(like)}" if like else ""
        raise AgezError(f"{option} is {value!r}, which is {what} of {source}; its columns are {columns}{hint}")
    return found


def id_columns(value: str, names: Sequence[str], *, source: str) -> list[str]:
    """The columns that ``--id`` names; AgezError if one is not there."""
    parts = [value] if column_of(value, names) is not None or "," not in value else value.split(",")
    return [option_column(one.strip(), names, option="--id", source=source, number=False) for one in parts]


def bounds_or_column(value: str, names: Sequence[str], *, source: str) -> list[str]:
    """The one or two columns that ``--redshift-err`` names."""
    low, comma, high = value.partition(",")
    if column_of(value, names) is not None or not comma:
        return [option_column(value, names, option="--redshift-err", source=source)]
    return [
        option_column(one.strip(), names, option="--redshift-err", source=source, number=False) for one in (low, high)
    ]


def row_values(table: AnyTable, value: float | str, *, option: str, source: str) -> Floats:
    """(n,) what an option says of each row, NaN where its column has a survey's code for nothing."""
    if not isinstance(value, str):
        return np.full(len(table), float(value))
    numbers = number_column(table, option_column(value, table.colnames, option=option, source=source), source=source)
    return np.where(is_code(numbers) | is_nines(numbers), np.nan, numbers)


def _is_velocity(unit: str) -> bool:
    """Whether a unit is one of velocity; others at a column of redshifts mean nothing."""
    try:
        return bool(unit) and bool(u.Unit(unit).is_equivalent(u.km / u.s))
    except (ValueError, TypeError):
        return False


def check_redshift_column(head: AnyTable, options: RowOptions, *, source: str) -> None:
    """AgezError if most redshifts among some rows of a table are velocities."""
    column = options.redshift if isinstance(options.redshift, str) else "redshift"
    found = column_of(column, head.colnames)
    if found is None or np.ndim(head[found]) != 1 or isinstance(options.redshift, int | float):
        return
    if _is_velocity(unit_of(head, found)):
        return  # which is told with the unit
    numbers = number_column(head, found, source=source)
    known = numbers[np.isfinite(numbers) & ~is_code(numbers) & ~is_nines(numbers)]
    median = float(np.median(known)) if len(known) else np.nan
    if median > LARGEST_REDSHIFT:
        hint = velocity_hint(median).removeprefix("; ") or f"expected {LEAST_REDSHIFT:g} to {LARGEST_REDSHIFT:g}"
        raise AgezError(f"{source}: column {found} has a median of {median:.7g}, which is no redshift: {hint}")


def redshifts_of_rows(table: AnyTable, options: RowOptions, *, source: str) -> Redshifts:
    """Redshifts and their errors by the options, or by the columns ``redshift`` and ``redshift_err`` in any case.

    Where columns of distributions are taken (:mod:`agez.photometry.redshift_columns`), those are the redshifts of rows
    that have one, and rows whose distribution is malformed have none.  Numbers that are none (below
    :data:`agez.arguments.LEAST_REDSHIFT`, above the largest, not finite), and those of infinite error, are unknown.

    Raises
    ------
    AgezError
        If options name what is not there, a number is none of a redshift, or option and column contradict each other.
    """
    if options.leaves_unknown(table.colnames):
        nothing = np.full(len(table), np.nan)
        return Redshifts(nothing, nothing, True)
    own, own_err = column_of("redshift", table.colnames), column_of("redshift_err", table.colnames)
    chosen = options.redshift
    taken = chosen_distribution(table.colnames, options.redshift, options.redshift_err)
    if taken is not None and chosen is not None:
        own = own_err = chosen = None
    if own is not None and chosen is not None and not isinstance(chosen, str):
        raise AgezError(f"{source} has a column {own}; drop the option redshift, or the column")
    _check_number(chosen)
    named = own if chosen is None else chosen
    if named is None:
        values = np.full(len(table), np.nan)
    elif isinstance(named, str):
        column = option_column(named, table.colnames, option="--redshift", source=source)
        if _is_velocity(unit := unit_of(table, column)):
            raise AgezError(
                f"{source}: column {column} is in {unit}, and a redshift has no unit; divide by the speed of light"
            )
        raw = number_column(table, column, source=source)
        values = np.where((raw >= LEAST_REDSHIFT) & (raw <= LARGEST_REDSHIFT), raw, np.nan)
    else:
        values = np.full(len(table), float(named))
    # errors of another column than the one that is taken are not its own
    other = isinstance(chosen, str) and chosen.lower() != "redshift"
    known = named is not None or taken is not None
    errors = _errors(table, options.redshift_err, None if other else own_err, values, known, source)
    values = np.where(np.isposinf(errors), np.nan, values)  # an error without end: nothing is known
    errors = np.where(np.isposinf(errors), np.nan, errors)
    mixture, malformed = None, np.zeros(len(table), dtype=bool)
    if taken is not None:
        said = read_distributions(
            table, taken, source=source, grid=options.redshift_grid, limits=(LEAST_REDSHIFT, LARGEST_REDSHIFT)
        )
        mixture, malformed = said.mixture, said.malformed
        values, errors = (
            np.where(said.missing, one, new) for one, new in ((values, mixture.mean), (errors, mixture.std))
        )
    counted = {}
    if isinstance(named, str) or taken is not None:
        counted["redshift_unknown"] = int((np.isnan(values) & ~malformed).sum())
    counted |= {"redshift_malformed": int(malformed.sum())} if malformed.any() else {}
    if options.redshift_err is not None or (own_err is not None and not other):
        counted["redshift_err_unknown"] = int((np.isnan(errors) & np.isfinite(values)).sum())
    several = mixture is not None and bool((mixture.n_components > 1).any())
    return Redshifts(values, errors, known, mixture if several else None, counted)


def _check_number(redshift: float | str | None) -> None:
    known = redshift is None or isinstance(redshift, str)
    if not known and not LEAST_REDSHIFT <= float(redshift) <= LARGEST_REDSHIFT:  # type: ignore[arg-type]
        hint = velocity_hint(float(redshift))  # type: ignore[arg-type]
        limits = f"{LEAST_REDSHIFT:g} to {LARGEST_REDSHIFT:g}"
        raise AgezError(f"redshift is {redshift}; expected a number of {limits}{hint}")


def _errors(
    table: AnyTable, given: float | str | None, own: str | None, redshift: Floats, known: bool, source: str
) -> Floats:
    if own is not None and given is not None and not isinstance(given, str):
        raise AgezError(f"{source} has a column {own}; drop the option redshift_err, or the column")
    if given is not None and not isinstance(given, str) and not (np.isfinite(given) and given >= 0):
        raise AgezError(f"redshift_err is {given}; expected a finite number, 0 or more")
    if isinstance(given, str):
        columns = bounds_or_column(given, table.colnames, source=source)
        numbers = [_finite(number_column(table, name, source=source)) for name in columns]
        with np.errstate(invalid="ignore"):  # infinite bounds of both signs
            values = numbers[0] if len(numbers) == 1 else (numbers[1] - numbers[0]) / 2
        if len(numbers) == 2 and np.isfinite(values).any() and (values[np.isfinite(values)] < 0).all():
            raise AgezError(
                f"{source}: {columns[1]} is below {columns[0]} in every row; expected --redshift-err LOWER,UPPER"
            )
    elif own is not None:
        values = _finite(number_column(table, own, source=source))
    else:
        values = np.full(len(table), np.nan if given is None else float(given))
    unknown = np.isnan(values) | (values < 0) | np.isnan(redshift)
    if not known and (given is not None or bool((np.isfinite(values) & (values >= 0)).any())):
        raise _no_redshifts(table.colnames, source)
    return np.where(unknown, np.nan, values)


def _no_redshifts(names: Sequence[str], source: str) -> AgezError:
    like = like_redshifts(names)
    return AgezError(
        f"{source}: errors of redshifts, but no redshifts; add a column redshift, or give the option redshift "
        f"(a column{f', like {like[0]}' if like else ''}, or 0 for rest-frame SEDs)"
    )


def _finite(values: Floats) -> Floats:
    odd = is_code(values) | is_nines(values) | (np.isfinite(values) & (values > LARGEST_REDSHIFT)) | np.isneginf(values)
    return np.where(odd, np.nan, values)


def like_redshifts(names: Sequence[str]) -> list[str]:
    """Columns whose names look like redshifts, errors and bounds of them apart."""
    plain = {name: re.sub(r"[^a-z0-9]", "", name.rpartition(".")[2].lower()) for name in names}
    return [name for name, word in plain.items() if _REDSHIFT.fullmatch(word) and not _NOT_A_REDSHIFT.search(word)]


def bounds_like(column: str, names: Sequence[str]) -> str:
    """What ``--redshift-err`` could be for a column of redshifts: two bounds, an error, or ''."""
    stem = re.sub(r"[^a-z0-9]", "", column.lower())
    plain = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in names}
    for low, high in (("min", "max"), ("lo", "hi"), ("low", "high"), ("l68", "u68"), ("lower", "upper")):
        if stem + low in plain and stem + high in plain:
            return f"{plain[stem + low]},{plain[stem + high]}"
    for found in (f"{stem}err", f"e{stem}", f"{stem}error", f"err{stem}", f"sigma{stem}", f"{stem}sigma"):
        if found in plain:
            return plain[found]
    return ""
