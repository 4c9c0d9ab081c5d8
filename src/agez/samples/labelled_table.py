"""Plain tables to learn from and to be judged on: photometry, and labels of the user's own, row by row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table

from agez.arguments import check_type, described
from agez.arrays import PerRow, check, check_shape
from agez.errors import AgezError
from agez.label_types import Sample
from agez.photometry.row_values import column_of, option_column
from agez.photometry.tables import EXTENSION, table_to_photometry
from agez.photometry.vector_columns import likeness
from agez.samples.label_ranges import check_ranges
from agez.tables.in_memory import TABLES, plain_table
from agez.tables.table_columns import PlainTable, number_column, text_column
from agez.tables.table_files import READABLE, extension, open_fits, read_table
from agez.targets import KNOWN_TARGETS, Target
from agez.types import Bools, Floats, Photometry, Prediction, Rows

#: What surveys write where there is no label; 99 and the like may be labels.
CODES = (-99.0, -999.0, -9999.0)
#: A band that fewer of the rows have is left out: networks would hardly ever see it.
LEAST_SHARE_OF_BAND = 0.05


@dataclass(frozen=True, eq=False)
class LabelledTable(PerRow):
    """Photometry with labels of any quantities, row by row.

    Attributes
    ----------
    photometry : Photometry
    targets : tuple of Target
        The ``d`` quantities.
    values, errors : (n, d) float
        The labels, finite, and their 1-sigma errors, NaN where unknown.
    meta : mapping
        ``source``; ``columns``, of each target; ``says_galaxies``, whether a column
        says which rows are of one galaxy; ``left_out``, how many rows for which reason; ``remarks``.
    """

    photometry: Photometry
    targets: tuple[Target, ...]
    values: Floats
    errors: Floats
    meta: Mapping[str, Any] = field(default_factory=dict)

    _row_fields = ("photometry", "values", "errors")

    def __post_init__(self) -> None:
        self._make_plain()
        shape = (len(self.photometry), len(self.targets))
        check_shape(self, "values", shape)
        check_shape(self, "errors", shape)
        check(bool(np.isfinite(self.values).all()), "LabelledTable.values: every label must be finite")

    @property
    def rows(self) -> Rows:
        """Identity of each row; rows of one ``galaxy_id`` are of one galaxy."""
        return self.photometry.rows


def read_labelled_table(
    path: Any, labels: Sequence[str] | Mapping[str, str], *, units: Mapping[str, str] | None = None,
    galaxy_id: str | None = None, known: Sequence[Target] = (), **how: Any,
) -> LabelledTable:  # fmt: skip
    """Read a table that has photometry and labels.

    Parameters
    ----------
    path : path, or table
        As :func:`agez.predict` takes them: of astropy, pandas, polars or Arrow, a record array, a dict of arrays.
    labels : sequence or mapping of str
        Columns of labels; or by the name of the quantity its column.  Their errors are in ``<column>_err``, if there.
    units : mapping of str, optional
        By name, where the column says no unit.
    galaxy_id : str, optional
        Column of what rows belong together; default: ``galaxy_id``, else rows of one ``id``.
    known : sequence of Target
        Records of quantities, by name: those of the model that is to be judged.
    how
        As for :func:`agez.read_photometry`: ``filters``, ``redshift``, ``unit``, ``aperture`` and so on.

    Raises
    ------
    AgezError
        That names the column, if one is not there, holds no usable numbers, or its name cannot be that of a column of
        predictions; and for photometry that is not understood.

    Examples
    --------
    >>> import agez
    >>> from astropy.table import Table
    >>> mine = Table({"mag_gSDSS": [20.1, 19.8], "mag_rSDSS": [19.6, 19.4], "age": [9.3, 9.7]})
    >>> table = agez.read_labelled_table(mine, ["age"], filters="splus", redshift=0.02, units={"age": "dex(yr)"})
    >>> table.values.tolist(), table.targets[0].symbol
    ([[9.3], [9.7]], 'age [dex(yr)]')
    """
    if isinstance(labels, str) or not labels:
        raise AgezError(f"agez.read_labelled_table: labels is {labels!r}; expected names of columns, as in ['log_age']")
    table, source = path, "table" if isinstance(path, Table) else type(path).__name__
    if isinstance(path, str | Path):
        check_type("read_labelled_table", "path", path, "path")
        table, source = read_table(path, prefer=(EXTENSION,), likeness=likeness), str(path)
    else:
        table = plain_table(path, source=source)
        if table is None:
            words = f"path is {described(path)}; expected the path of a file, or {TABLES}"
            raise AgezError(f"agez.read_labelled_table: {words}")
    photometry = table_to_photometry(table, source=source, **how)
    return with_labels(table, photometry, labels, units=units, galaxy_id=galaxy_id, known=known, source=source)


def label_columns(text: str) -> dict[str, str]:
    """By name the columns of ``--labels NAME[=COLUMN],...``; AgezError if one is named twice, or none is."""
    found: dict[str, str] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, _, column = (one.strip() for one in part.partition("="))
        if not name or name in found:
            raise AgezError(f"--labels is {text!r}; expected NAME or NAME=COLUMN, with commas between, each name once")
        found[name] = column or name
    if not found:
        raise AgezError(f"--labels is {text!r}; expected names of columns with commas between them")
    return found


def label_units(text: str | None) -> dict[str, str]:
    """By name the units of ``--label-units NAME=UNIT,...``; AgezError if one is none."""
    found: dict[str, str] = {}
    for part in filter(None, (one.strip() for one in (text or "").split(","))):
        name, _, unit = (one.strip() for one in part.partition("="))
        if not unit:
            raise AgezError(f"--label-units: {part!r}; expected NAME=UNIT, such as log_age=dex(yr)")
        found[name] = unit
    return found


def with_labels(
    table: Any, photometry: Photometry, labels: Sequence[str] | Mapping[str, str], *,
    units: Mapping[str, str] | None = None, galaxy_id: str | None = None, known: Sequence[Target] = (), source: str,
) -> LabelledTable:  # fmt: skip
    """Photometry of a table with labels from its columns; see :func:`read_labelled_table`."""
    plain, units = plain_table(table, source=source), dict(units or {})
    assert plain is not None, "whoever calls has checked that it is a table"
    wanted = dict(labels) if isinstance(labels, Mapping) else {name: name for name in labels}
    records, values, errors = [], [], []
    columns: dict[str, str] = {}
    for name, asked in wanted.items():
        column = column_of(asked, plain.colnames)
        if column is None:
            numbers = [one for one in plain.colnames if getattr(plain[one], "dtype", np.dtype("U")).kind in "fiu"]
            raise AgezError(
                f"{source}: --labels names {asked!r}, which is no column; those of numbers are "
                f"{', '.join(numbers[:40])}{', ...' if len(numbers) > 40 else ''}"
            )
        unit = _checked_unit(units.pop(name, None) or plain.units.get(column), name)
        records.append(target_of_label(name, unit, plain.descriptions.get(column, ""), known=known))
        columns[name] = column
        value = number_column(plain, column, source=source)
        value = np.where(np.isfinite(value) & ~np.isin(value, CODES), value, np.nan)
        if not np.isfinite(value).any():
            raise AgezError(f"{source}: column {column} holds no number in any row; expected labels")
        error_column = column_of(f"{column}_err", plain.colnames)
        error = np.full(len(value), np.nan)
        if error_column is not None:
            error = number_column(plain, error_column, source=source)
        values.append(value)
        errors.append(np.where(np.isin(error, CODES), np.nan, error))
    if units:
        raise AgezError(f"--label-units names {next(iter(units))!r}, which is not among the labels {', '.join(wanted)}")
    _check_names(records)
    told = check_ranges(list(wanted), np.stack(values, axis=1), source=source)
    galaxies = galaxy_id is not None or bool((photometry.rows.galaxy_id != "").any())
    meta = {"source": source, "columns": columns, "says_galaxies": galaxies, "told": told}
    return _usable(
        replace(photometry, rows=_grouped(plain, photometry.rows, galaxy_id, source)), tuple(records),
        np.stack(values, axis=1), np.stack(errors, axis=1), meta,
    )  # fmt: skip


def target_of_label(name: str, unit: str | None, description: str = "", *, known: Sequence[Target] = ()) -> Target:
    """The record of a label: of ``known`` or of agez's own, by its name; else a new one, learned as it is.

    AgezError if agez means by the name what a table cannot teach: what scales with the flux, or is none of a network's.
    """
    if not name.isidentifier():
        own_name = re.sub(r"\W+", "_", name).strip("_")
        raise AgezError(
            f"label {name!r}: the name of a column of predictions has letters, digits and underscores alone; --labels "
            f"'{own_name if own_name.isidentifier() else 'label'}={name}' gives it such a one"
        )
    record = next((one for one in known if one.name == name), None)
    if record is not None:
        return record
    own = KNOWN_TARGETS.get(name)
    if own is not None and own.is_plain and not own.sum_of:
        return own
    if own is not None:
        why = "grows with the flux, of which networks see the shape alone" if own.per_flux or own.sum_of else (
            "is learned on another scale"
        )  # fmt: skip
        raise AgezError(
            f"label {name!r} is agez's name of what {why}; give the label another name, --labels my_{name}=COLUMN, or "
            "a quantity per unit of light"
        )
    return Target(name, unit, description or f"{name}, as labelled", f"{name} [{unit}]" if unit else name)


def _checked_unit(unit: str | None, name: str) -> str | None:
    try:
        return str(u.Unit(unit)) if unit and unit != "dex" else unit or None
    except (ValueError, TypeError):
        raise AgezError(
            f"--label-units: {name}={unit!r} is no unit; expected such as dex, dex(yr), mag, km/s"
        ) from None


def _check_names(targets: Sequence[Target]) -> None:
    """AgezError if columns of predictions would have one name twice, or that of another thing."""
    taken = {"id", "spec_id", "galaxy_id", "x", "y", "redshift", "good", "ood", "flags", *dir(Prediction)}
    taken |= {*Prediction.OPTIONAL, *Prediction.__dataclass_fields__}
    seen: set[str] = set()
    for one in targets:
        if one.name in taken and one.name not in KNOWN_TARGETS:
            raise AgezError(
                f"label {one.name!r}: predictions have another column of that name; call it --labels my_{one.name}="
                "COLUMN"
            )
        own = {one.name, *(f"{one.name}_{end}" for end in ("err", "p16", "p50", "p84", "p025", "p975"))}
        if own & seen:
            raise AgezError(f"label {one.name!r} and another one would have the column {sorted(own & seen)[0]}; rename")
        seen |= own


def _grouped(table: PlainTable, rows: Rows, galaxy_id: str | None, source: str) -> Rows:
    """Rows with the galaxy that each belongs to: of a column, else rows of one id."""
    if galaxy_id is not None:
        column = option_column(galaxy_id, table.colnames, option="--galaxy-id", source=source, number=False)
        names = text_column(table, column)
        if (names == "").any():
            row = int(np.argmax(names == "")) + 1
            raise AgezError(f"{source}: column {column}, row {row} is empty; expected the galaxy of each row")
        return replace(rows, galaxy_id=names)
    return replace(rows, galaxy_id=np.where(rows.galaxy_id == "", rows.spec_id, rows.galaxy_id))


def _usable(
    photometry: Photometry, targets: tuple[Target, ...], values: Floats, errors: Floats, meta: dict[str, Any]
) -> LabelledTable:
    """The rows that have labels, errors that can be, and photometry; and the bands that enough of them have."""
    source = meta["source"]
    with np.errstate(invalid="ignore"):
        bad_error = (errors <= 0).any(axis=1) | np.isinf(errors).any(axis=1)
    no_label = ~np.isfinite(values).all(axis=1)
    dark: Bools = ~(np.where(photometry.covered, photometry.flux, 0).sum(axis=1) > 0)
    reasons = {"label is missing": no_label, "error of the label is not positive": bad_error, "no flux": dark}
    keep = ~(no_label | bad_error | dark)
    counts = {reason: int(rows.sum()) for reason, rows in reasons.items() if rows.any()}
    if not keep.any():
        told = ", ".join(f"{n} rows: {reason}" for reason, n in counts.items())
        raise AgezError(f"{source}: none of {len(keep)} rows has photometry and labels ({told})")
    own = photometry.take(keep)
    share = own.covered.mean(axis=0)
    names = [name for name, one in zip(own.bands.names, share, strict=True) if one >= LEAST_SHARE_OF_BAND]
    remarks = [*own.meta.get("remarks", ()), *meta.pop("told", ())]
    remarks += [f"{n} of {len(keep)} rows left out: {reason}" for reason, n in counts.items()]
    rare = [name for name in own.bands.names if name not in names]
    if rare:
        remarks.append(f"bands that fewer than {100 * LEAST_SHARE_OF_BAND:g} % of the rows have: {', '.join(rare)}")
    return LabelledTable(
        own, targets, values[keep], errors[keep], {**meta, "left_out": counts, "rare_bands": rare, "remarks": remarks}
    )


def without_rare_bands(table: LabelledTable) -> LabelledTable:
    """The table in the bands that enough of its rows have."""
    names = [name for name in table.photometry.bands.names if name not in table.meta.get("rare_bands", ())]
    return replace(table, photometry=table.photometry.select_bands(names))


def is_sample(path: str | Path) -> bool:
    """Whether a file is one that ``agez sample`` wrote."""
    if READABLE.get(extension(Path(path))) != "fits":
        return False
    with open_fits(path) as hdus:
        return "SPECTRA" in hdus and "BANDS" in hdus


def labelled_of_sample(sample: Sample, targets: Sequence[Target], *, source: str) -> LabelledTable:
    """A sample as a table, of those of ``targets`` that its labels have."""
    there = tuple(one for one in targets if one.from_labels or hasattr(sample.labels, one.name))
    if not there:
        raise AgezError(f"{source}: its labels have none of {', '.join(one.name for one in targets)}")
    values = np.stack([one.of_labels(sample.labels) for one in there], axis=1)
    errors = np.stack([
        getattr(sample.labels, f"{one.name}_err", np.full(len(sample), np.nan)) for one in there
    ], axis=1)  # fmt: skip
    errors = np.where(errors > 0, errors, np.nan)
    return _usable(sample.photometry, there, values, errors, {"source": source})
