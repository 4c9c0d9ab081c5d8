""":func:`agez.predict`: what ``agez predict`` does, for files and for tables and spectra in memory."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agez.apply.corrections import Corrections, corrected, ebv_seen
from agez.arguments import LARGEST_REDSHIFT, LEAST_REDSHIFT, check_type, described, number_in
from agez.catalogues.catalogue import Catalogue
from agez.catalogues.open_catalogue import open_table
from agez.engine.answer import answer_rows, make_job, read
from agez.engine.inputs import answer_spectra, catalogue_remarks, correction_lines, open_input
from agez.engine.reports import PartitionReport, Totals
from agez.errors import AgezError
from agez.flags import Flag, set_flag
from agez.hints import velocity_hint
from agez.models.asked import Asked
from agez.models.model import DEFAULT_COSMOLOGY, Model
from agez.models.model_file import load_model
from agez.models.predict import in_model_order, predict_asked
from agez.photometry.row_values import check_without_redshifts, is_unknown
from agez.photometry.zero_points import ZeroPoints
from agez.runtime.progress import progress
from agez.tables.in_memory import TABLES, plain_column, plain_table
from agez.tables.table_columns import PlainTable
from agez.types import Bands, Floats, Ints, Photometry, Prediction, Spectra

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from agez.photometry.filters import FilterSet

#: Options that say something of each row, and may be an array.
_OF_ROWS = ("redshift", "redshift_err", "ebv", "id")
#: Bounds of numbers; beyond, they are none of the kind.
_LIMITS = {
    "redshift": (LEAST_REDSHIFT, LARGEST_REDSHIFT),
    "redshift_err": (0.0, 1000.0),
    "ebv": (0.0, 5.0),
    "error_floor": (0.0, 1.0),
}


def predict(
    data: Any,
    model: Model | str | os.PathLike[str] = "jpas",
    *,
    redshift: ArrayLike | str | None = None,
    redshift_err: ArrayLike | str | None = None,
    redshift_grid: str | None = None,
    id: ArrayLike | str | None = None,
    ebv: ArrayLike | str | None = None,
    recalibrate: bool = True,
    error_floor: float | None = None,
    zero_points: ZeroPoints | str | os.PathLike[str] | None = None,
    unit: str | None = None,
    aperture: str | None = None,
    filters: str | Bands | FilterSet | None = None,
    filter_table: str | os.PathLike[str] | None = None,
    columns: str | Sequence[str] | None = None,
    keep: str | Sequence[str] = (),
    cosmology: str = DEFAULT_COSMOLOGY,
    library: str | None = None,
) -> Prediction:
    """Ages, metallicities and more of every row of a table, a file or spectra: what ``agez predict`` does.

    Parameters
    ----------
    data : table, path, Photometry or Spectra
        An astropy Table or QTable, a pandas or polars DataFrame, an Arrow table, a numpy record array, or a dict of
        arrays, with columns as :func:`agez.read_photometry` describes them; the path of such a table, of a catalogue
        or of spectra; or what was read already.
    model : Model, name or path
        See :func:`agez.load_model`.
    redshift : float, str or (n,) array, optional
        Where the bands see the objects: a number for all (0: rest frame), the name of a column, an array, which
        takes the place of the table's column, or 'unknown', for the model to find its own.  Of spectra a number or
        'auto', which finds them.
    redshift_err : float, str or (n,) array, optional
        Their 1-sigma errors: a number, a column, ``"LOWER,UPPER"``, or an array.
    redshift_grid : str, optional
        ``"LOW,HIGH"`` of densities in a column ``redshift_pdf``.
    id : str or (n,) array, optional
        What identifies the rows: a column, several with commas between, or an array.
    ebv : float, str or (n,) array, optional
        E(B-V) of the Milky Way [mag], to be taken away.
    recalibrate : bool
        Whether ``ebv`` is that of the map of Schlegel et al. (1998); see
        :func:`agez.photometry.dereddening.deredden`.
    error_floor : float, optional
        Fraction of the flux, added to errors in quadrature.
    zero_points : ZeroPoints or path, optional
        Factors by which the fluxes of each band are multiplied.
    unit, aperture, filters
        See :func:`agez.read_photometry`.
    filter_table : path, optional
        The survey's table of filters, which says the order of vector columns.
    columns : str or sequence of str, optional
        Quantities that are wanted, 'all', or ``NAME_library_spread``; default: the model's main ones.
    keep : str or sequence of str
        Columns of the table that :meth:`agez.Prediction.to_table` has, too, beside those that identify a row; 'all'.
    cosmology : str
        Of distances: a name in :mod:`astropy.cosmology`.
    library : str, optional
        Answer as if that template library were true.

    Returns
    -------
    Prediction
        A row for each row.  ``meta['remarks']`` tells what had to be assumed.

    Raises
    ------
    AgezError
        That names table, column, row or option, and says what to do.

    Examples
    --------
    >>> import agez
    >>> bands = agez.load_filters("splus").bands.names
    >>> magnitudes = [18.4, 18.1, 17.8, 17.5, 17.3, 17.1, 16.9, 16.6, 16.5, 16.3, 16.2, 16.2]
    >>> table = {f"mag_{band}": [magnitude] for band, magnitude in zip(bands, magnitudes, strict=True)}
    >>> table |= {f"mag_{band}_err": [0.02] for band in bands}
    >>> prediction = agez.predict(table | {"id": ["a"]}, model="splus", redshift=0.02)
    >>> prediction.to_table()["id", "good"].as_array().tolist()
    [('a', True)]
    """
    check_type("predict", "model", model, "Model or name")
    answering = model if isinstance(model, Model) else load_model(model)
    asked = Asked(_names(columns), cosmology, library)
    if isinstance(zero_points, str | os.PathLike):
        from agez.photometry.zero_point_files import read_zero_points

        zero_points_file, zero_points = str(zero_points), read_zero_points(zero_points)
    else:
        zero_points_file = "the factors given"
    if zero_points is not None:
        check_type("predict", "zero_points", zero_points, "ZeroPoints or path")
    if not recalibrate and ebv is None:
        raise AgezError("recalibrate says of what kind ebv is; give ebv, too")
    rows: dict[str, Any] = {"redshift": redshift, "redshift_err": redshift_err, "ebv": ebv, "id": id}
    of_tables = {
        "redshift_grid": redshift_grid, "unit": unit, "aperture": aperture, "filter_table": filter_table,
        "keep": keep or None,
    }  # fmt: skip
    corrections = Corrections(
        zero_points, zero_points_file, None, recalibrate, _checked("error_floor", error_floor), None, redshift_grid
    )
    try:
        rows = {name: _checked(name, value) for name, value in rows.items()}
        given = {**rows, **of_tables, "error_floor": error_floor, "zero_points": zero_points}
        if isinstance(data, Photometry):
            return _photometry(answering, data, rows, of_tables | {"filters": filters}, corrections, asked)
        if isinstance(data, Spectra):
            return _spectra(answering, data, given, filters, asked)
        catalogue: Catalogue | str
        options: dict[str, Any] = {"filters": filters, "unit": unit, "aperture": aperture, "filter_table": filter_table}
        if isinstance(data, str | os.PathLike):
            arrays = [name for name, value in rows.items() if not isinstance(value, str | float | int | None)]
            if arrays:
                raise AgezError(
                    f"{arrays[0]} is {described(rows[arrays[0]])}, but {Path(data)} is a file, whose rows are in its "
                    "own order; name a column, or read the file and give the table"
                )
            catalogue = open_input(data, model=answering, **options)
            if isinstance(catalogue, str):
                return _spectra(answering, data, given, filters, asked, no_catalogue=catalogue)
        else:
            source = type(data).__name__
            table = plain_table(data, source=source)
            if table is None:
                raise AgezError(
                    f"agez.predict: data is {described(data)}; expected {TABLES}, the path of a file, Photometry or "
                    "Spectra"
                )
            table, rows = _with_arrays(table, rows, source=source)
            options["photometry"] = options.pop("aperture")
            catalogue = open_table(table, source=source, **options)
        corrections = replace(corrections, ebv=rows["ebv"], redshift_err=rows["redshift_err"])
        prediction = _catalogue(answering, catalogue, rows, corrections, asked, filters=filters, keep=keep)
        if prediction.input is None or not hasattr(data, "reset_index"):
            return prediction
        return replace(prediction, input=replace(prediction.input, index=data.index))  # of pandas
    except AgezError as error:
        raise python_words(error) from error


def python_words(error: AgezError) -> AgezError:
    """An error in words of Python: options of the command line become keywords."""
    text = re.sub(r"--([a-z]+(?:-[a-z]+)*)", lambda found: f"option {found[1].replace('-', '_')}", str(error))
    text = text.replace("make photometry of them first: agez synth", "make photometry of them first: agez.synthesize")
    return AgezError(text)


def _names(columns: str | Sequence[str] | None) -> tuple[str, ...]:
    names = columns.split(",") if isinstance(columns, str) else list(columns or ())
    if (columns is not None and not all(isinstance(one, str) and one.strip() for one in names)) or names == []:
        if columns is None:
            return ()
        raise AgezError(f"columns is {columns!r}; expected 'all' or names of quantities, or None for the main ones")
    return tuple(one.strip() for one in names)


def _checked(name: str, value: Any) -> Any:
    """A number as a float within its limits; names as they are; an array of numbers without its unit, likewise."""
    if value is None or isinstance(value, str):
        return value
    if name == "id":
        return value
    if isinstance(value, bool):
        raise AgezError(f"{name} is {value}; expected a number, the name of a column, or an array")
    unit = "redshift" if name.startswith("redshift") else ""
    plain = value
    if type(value).__module__.partition(".")[0] in ("pandas", "polars"):
        plain = np.ma.filled(np.ma.asarray(plain_column(value, name=name, source=name)[0], dtype=float), np.nan)
    plain = number_in(plain, unit, name=name)
    low, high = _LIMITS[name]
    if isinstance(plain, int | float) and not low <= plain < high:
        hint = velocity_hint(plain) if name == "redshift" else ""
        raise AgezError(f"{name} is {plain:g}; expected a finite number from {low:g} to below {high:g}{hint}")
    return plain


def _with_arrays(table: PlainTable, rows: Mapping[str, Any], *, source: str) -> tuple[PlainTable, dict[str, Any]]:
    """The table with the arrays among options as columns of their names, and the options that name them."""
    out = dict(rows)
    for name in _OF_ROWS:
        value = rows[name]
        if value is None or isinstance(value, str | int | float):
            continue
        values = plain_column(value, name=name, source=source)[0]
        if np.ndim(values) != 1 or len(values) != len(table):
            raise AgezError(f"{name} has shape {np.shape(values)}; expected a value for each of the {len(table)} rows")
        others = {one: column for one, column in table.columns.items() if one.lower() != name}
        units = {one: unit for one, unit in table.units.items() if one.lower() != name}
        table = replace(table, columns={**others, name: values}, units=units)
        out[name] = name
    return table, out


def _catalogue(
    model: Model, catalogue: Catalogue, rows: Mapping[str, Any], corrections: Corrections, asked: Asked, *,
    filters: Any, keep: str | Sequence[str],
) -> Prediction:  # fmt: skip
    """Answer all partitions, and keep the answers in memory."""
    job = make_job(
        catalogue, model, keep=keep, filters=filters, redshift=rows["redshift"], id_column=rows["id"],
        corrections=corrections, distribution=model.gives_distribution, asked=asked,
    )  # fmt: skip
    totals, parts = Totals(), []
    with progress(total=len(catalogue), title="predicting", unit="rows") as bar:
        for partition in catalogue.partitions:
            if len(partition) or partition.fault:
                answered = answer_rows(job, *read(job, partition), partition)
                totals.add(answered.report)
                parts.append(answered.prediction)
                bar.update(len(partition))
    counts = PartitionReport(0, "", "", **totals.counts())
    meta = _meta(parts[0], job.corrections, counts.ebv, catalogue_remarks(catalogue, job, counts))
    return replace(Prediction.concatenate(parts), meta=meta)


def _meta(prediction: Prediction, corrections: Corrections, ebv: Any, remarks: Sequence[str]) -> dict[str, Any]:
    """What a prediction says of itself, with the corrections and the remarks, in words of Python."""
    applied = corrections.to_json(ebv)
    said = [str(python_words(AgezError(one))) for one in remarks]
    return {**prediction.meta, **({"corrections": applied} if applied else {}), "remarks": said}


def _photometry(
    model: Model, photometry: Photometry, rows: Mapping[str, Any], of_tables: Mapping[str, Any],
    corrections: Corrections, asked: Asked,
) -> Prediction:  # fmt: skip
    """Answer photometry that was read already, with what options say of its rows in place of its own."""
    if is_unknown(rows["redshift"]):
        check_without_redshifts(redshift_err=rows["redshift_err"])
        rows = {**rows, "redshift": np.nan}
    wrong = [name for name, value in of_tables.items() if value is not None]
    wrong += [name for name in ("redshift", "redshift_err", "ebv") if isinstance(rows[name], str)]
    wrong += ["id"] if isinstance(rows["id"], str) else []
    if wrong:
        raise AgezError(
            f"{wrong[0]} is for tables, but data is Photometry, which was read already; give it to "
            "agez.read_photometry, or give a number or an array"
        )
    n = len(photometry)

    def each(name: str) -> Any:
        value = rows[name]
        if np.shape(value) not in ((), (n,)):
            raise AgezError(f"{name} has shape {np.shape(value)}; expected a value for each of the {n} rows")
        return np.full(n, value, dtype=float) if np.ndim(value) == 0 else np.asarray(value, dtype=float)

    if rows["redshift"] is not None:
        z = each("redshift")
        photometry = replace(photometry, redshift=z, redshift_mixture=None, flags=_flags_at(photometry.flags, z))
    if rows["redshift_err"] is not None:
        photometry = replace(photometry, redshift_err=each("redshift_err"), redshift_mixture=None)
    if rows["id"] is not None:
        ids = np.asarray(rows["id"]).astype(str)
        if ids.shape != (n,):
            raise AgezError(f"id has shape {ids.shape}; expected a value for each of the {n} rows")
        photometry = replace(photometry, rows=replace(photometry.rows, spec_id=ids))
    asked.check(model)
    in_model_order(model, photometry.take(slice(0, 0)))  # what is wrong with bands is said first
    ebv = None if rows["ebv"] is None else each("ebv")
    ready = corrected(photometry, corrections, model.bands, ebv=ebv)
    prediction = predict_asked(model, ready, asked)
    by = "per row" if np.ndim(rows["ebv"]) else rows["ebv"]
    done = replace(corrections, ebv=by)
    seen = ebv_seen(ebv, at_most=100_000)
    counts = PartitionReport(0, "", "", n_rows=n, ebv=seen, any_redshift=bool((ready.redshift != 0).any()))
    told = correction_lines(done, counts, Catalogue("photometry", "memory", (), ()))
    return replace(prediction, meta=_meta(prediction, done, seen, [*photometry.meta.get("remarks", ()), *told]))


def _flags_at(flags: Ints, redshift: Floats) -> Ints:
    """Flags of rows whose redshift is said anew."""
    before = (flags & ~np.int32(int(Flag.REDSHIFT_UNKNOWN))).astype(np.int32)
    return set_flag(before, np.isnan(redshift), Flag.REDSHIFT_UNKNOWN)


def _spectra(
    model: Model, data: Spectra | str | os.PathLike[str], given: Mapping[str, Any], filters: Any, asked: Asked, *,
    no_catalogue: str = "",
) -> Prediction:  # fmt: skip
    spectra = data if isinstance(data, Spectra) else Path(data)
    if isinstance(spectra, Spectra) and isinstance(given["redshift"], int | float):
        z = np.full(len(spectra), float(given["redshift"]))
        spectra = replace(spectra, redshift=z, flags=_flags_at(spectra.flags, z))
    prediction, _, remarks = answer_spectra(
        model, spectra, given=given, filters=filters, asked=asked, no_catalogue=no_catalogue
    )
    return replace(prediction, meta=_meta(prediction, Corrections(), None, remarks))
