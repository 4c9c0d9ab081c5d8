"""Redshift distributions in the columns of a table: mixtures, densities on a grid, quantiles, asymmetric bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agez.arguments import takes
from agez.distributions.redshift_mixture import ONE_SIGMA, RedshiftMixture
from agez.distributions.redshift_reduction import MOST_COMPONENTS
from agez.errors import AgezError
from agez.tables.join_suffixes import SUFFIXES
from agez.tables.table_columns import MISSING_WORDS, AnyTable, is_code, is_nines, masked_column, number_column
from agez.types import Bools, Floats, Photometry

#: In place of redshifts: none are told, whatever the table has, so that models find their own.
UNKNOWN = "unknown"
#: What is said of redshifts that photometry gave: they count as measurements of their own.
IF_OF_THESE_BANDS = f"if they are from these bands, --redshift {UNKNOWN} keeps them from counting twice"
#: Weights, means and standard deviations of Gaussians: as agez writes them, and in S-PLUS' catalogues.
OWN = ("redshift_pdf_weights", "redshift_pdf_means", "redshift_pdf_stds")
SPLUS = ("PDF_Weights", "PDF_Means", "PDF_STDs")
#: Densities, and their grid: a column of as many values a row, or a key of the header.
DENSITY, GRID = "redshift_pdf", "redshift_grid"
BOUNDS = ("redshift", "redshift_min", "redshift_max")
_QUANTILE = re.compile(r"redshift_p(\d{2,3})", re.IGNORECASE)
#: Of the names p16 and p84, which mean one sigma.
_PROBABILITIES = {"16": ONE_SIGMA[0], "84": ONE_SIGMA[1]}


@dataclass(frozen=True)
class RedshiftColumns:
    """Columns of a table that hold redshift distributions, and how."""

    form: str  #: ``mixture``, ``grid``, ``quantiles`` or ``bounds``.
    columns: tuple[str, ...]
    probabilities: tuple[float, ...] = ()  #: Of quantiles, ascending like their columns.

    @property
    def words(self) -> str:
        """What is said of them."""
        what = {
            "mixture": "Gaussians", "grid": "densities on a grid", "quantiles": "quantiles",
            "bounds": "median and bounds of the 68 % interval",
        }[self.form]  # fmt: skip
        return f"{', '.join(self.columns)} ({what})"


def all_distributions(names: Sequence[str]) -> list[RedshiftColumns]:
    """Forms of redshift distributions that a table with these columns has, the richest first; names in any case."""
    by_lower = {name.lower(): name for name in reversed(names)}

    def there(wanted: Sequence[str]) -> tuple[str, ...]:
        found = tuple(by_lower[one.lower()] for one in wanted if one.lower() in by_lower)
        return found if len(found) == len(wanted) else ()

    found = [RedshiftColumns("mixture", there(OWN)), RedshiftColumns("grid", there((DENSITY,)))]
    if found[1].columns:
        found[1] = RedshiftColumns("grid", (*found[1].columns, *there((GRID,))))
    digits = {name: match[1] for name in names if (match := _QUANTILE.fullmatch(name))}
    levels = {name: _PROBABILITIES.get(text, int(text) / 10 ** len(text)) for name, text in digits.items()}
    ordered = sorted((name for name in levels if 0 < levels[name] < 1), key=lambda name: levels[name])
    if len(ordered) > 1:
        found.append(RedshiftColumns("quantiles", tuple(ordered), tuple(levels[name] for name in ordered)))
    of_splus = (there([f"{name}{suffix}" for name in SPLUS]) for suffix in SUFFIXES)
    found += [RedshiftColumns("bounds", there(BOUNDS)), RedshiftColumns("mixture", next(filter(None, of_splus), ()))]
    return [one for one in found if one.columns]


def chosen_distribution(
    names: Sequence[str], redshift: float | str | None, redshift_err: float | str | None
) -> RedshiftColumns | None:
    """The distributions that are taken by what was said of all rows, or None.

    ``redshift`` may name one of the columns of a mixture or of densities.  Without options they are taken where they
    are, but for those of S-PLUS beside a column ``redshift``.
    """
    found = all_distributions(names)
    if isinstance(redshift, str):
        named = [
            one for one in found
            if one.form in ("mixture", "grid") and redshift.lower() in [name.lower() for name in one.columns]
        ]  # fmt: skip
        if named and redshift_err is not None:
            raise AgezError(
                f"--redshift {redshift} takes the distributions {named[0].words}, which have widths of their own; drop "
                "--redshift-err"
            )
        return named[0] if named else None
    if redshift is not None or redshift_err is not None:
        return None
    point = any(name.lower() == "redshift" for name in names)
    weights = SPLUS[0].lower()
    return next((one for one in found if not (point and one.columns[0].lower().startswith(weights))), None)


def distribution_remarks(
    names: Sequence[str], redshift: float | str | None, redshift_err: float | str | None
) -> list[str]:
    """What is to be said of the redshift distributions of a table with these columns."""
    taken = chosen_distribution(names, redshift, redshift_err)
    if taken is not None:
        return [f"redshifts are the distributions of {taken.words}; {IF_OF_THESE_BANDS}"]
    found = all_distributions(names)
    if not found:
        return []
    how = ""
    if found[0].form in ("mixture", "grid"):
        how = f": --redshift {found[0].columns[0]} takes them"
    elif redshift is not None or redshift_err is not None:
        how = ": without --redshift and --redshift-err they are"
    return [f"distributions of the redshift are not used, {found[0].words}{how}"]


def redshift_columns(photometry: Photometry) -> dict[str, Floats]:
    """The columns :data:`OWN` of the rows whose redshift is several Gaussians, NaN in the others; none without any."""
    mixture = photometry.redshift_mixture
    if mixture is None:
        return {}
    several = (mixture.n_components > 1)[:, None]
    columns = (mixture.weights, mixture.means, mixture.stds)
    return {name: np.where(several, one, np.nan) for name, one in zip(OWN, columns, strict=True)}


@dataclass(frozen=True, eq=False)
class Distributions:
    """Redshift distributions of rows."""

    mixture: RedshiftMixture
    missing: Bools  #: (n,) The row says nothing.
    malformed: Bools  #: (n,) The row says something that is no distribution.


def read_distributions(
    table: AnyTable,
    chosen: RedshiftColumns,
    *,
    source: str,
    grid: Any = None,
    limits: tuple[float, float] = (-np.inf, np.inf),
) -> Distributions:
    """Distributions of all rows of a table.

    Parameters
    ----------
    grid : str or array-like, optional
        Redshifts of densities: all of them, or the first and the last of an even grid.
    limits : (low, high)
        Rows whose mean is outside are malformed; a median of bounds there is missing, as it is without bounds.

    Raises
    ------
    AgezError
        If a column does not hold what it should.
    """
    if not len(table):
        none: Bools = np.zeros(0, dtype=bool)
        return Distributions(RedshiftMixture.gaussian(np.zeros(0), np.zeros(0)), none, none)
    if chosen.form in ("quantiles", "bounds"):
        values = np.stack([_coded(number_column(table, one, source=source)) for one in chosen.columns], axis=1)
        if chosen.form == "quantiles":
            missing = np.isnan(values).all(axis=1)
            found = RedshiftMixture.quantiles(chosen.probabilities, values)
        else:
            with np.errstate(invalid="ignore"):
                missing = np.isnan(values).any(axis=1) | (values[:, 0] < limits[0]) | (values[:, 0] > limits[1])
            found = RedshiftMixture.asymmetric(*values.T)
    elif chosen.form == "grid":
        density = vectors(table, chosen.columns[0], source=source)
        z = _grid_of(table, chosen, density.shape[1], source=source, grid=grid)
        missing = np.isnan(density).all(axis=1)
        found = RedshiftMixture.grid(z, density)
    else:
        weights, means, stds = (vectors(table, name, source=source) for name in chosen.columns)
        for name, one in zip(chosen.columns[1:], (means, stds), strict=True):
            if one.shape != weights.shape:
                raise AgezError(
                    f"{source}: column {name} has {one.shape[1]} values a row, {chosen.columns[0]} "
                    f"{weights.shape[1]}; expected as many"
                )
        missing = (np.isnan(weights) | is_code(weights)).all(axis=1)
        own = chosen.columns[0].lower() == OWN[0] and weights.shape[1] <= MOST_COMPONENTS  # written so, read so
        found = RedshiftMixture.mixture(weights, _coded(means), _coded(stds), exact=own)
    with np.errstate(invalid="ignore"):
        inside = (found.mean >= limits[0]) & (found.mean <= limits[1])
    if not inside.all():
        found = RedshiftMixture(
            *(np.where(inside[:, None], one, 0.0) for one in (found.weights, found.means, found.stds))
        )
    return Distributions(found, np.asarray(missing), np.asarray(~inside & ~missing))


def _coded(values: Floats) -> Floats:
    """NaN in place of a survey's codes for nothing."""
    return np.where(is_code(values) | is_nines(values), np.nan, values)


def _grid_of(table: AnyTable, chosen: RedshiftColumns, length: int, *, source: str, grid: Any) -> Floats:
    """Redshifts of the densities: (g,), or (n, g) of a column."""
    column = chosen.columns[0]
    if grid is None and len(chosen.columns) > 1:
        z = vectors(table, chosen.columns[1], source=source)
        where = f"column {chosen.columns[1]}"
    else:
        where = "--redshift-grid" if grid is not None else f"the header's {GRID}"
        meta: Mapping[str, Any] = {str(key).lower(): value for key, value in table.meta.items()}
        grid = meta.get(GRID) if grid is None else grid
        if grid is None:
            raise AgezError(
                f"{source}: column {column} holds densities of the redshift, but nothing says at which redshifts; give "
                f"--redshift-grid LOW,HIGH, a column {GRID}, or {GRID} in the header"
            )
        z = _numbers(grid, f"{source}: {where}")
        z = np.linspace(z[0], z[1], length) if len(z) == 2 else z
        if not (np.isfinite(z).all() and (np.diff(z) > 0).all()):
            raise AgezError(f"{source}: {where} is {grid!r}; expected ascending redshifts")
    if z.shape[-1] != length or length < 2:
        raise AgezError(
            f"{source}: column {column} has {length} values a row, and {where} {z.shape[-1]}; expected as many, "
            "and two or more"
        )
    return z


def vectors(table: AnyTable, name: str, *, source: str) -> Floats:
    """A column of vectors as (n, k) float: of numbers, or of text such as ``[0.1, 0.9]``; NaN where there is nothing.

    Rows of text may have different numbers of values; NaN follows those of the shorter ones.
    """
    column = masked_column(table[name])
    data, mask = np.ma.getdata(column), np.ma.getmaskarray(column)
    if data.dtype.kind in "iuf" and data.ndim in (1, 2):
        return np.where(mask, np.nan, data.astype(float)).reshape(len(data), -1)
    if data.ndim != 1 or data.dtype.kind not in "SUO":
        raise AgezError(
            f"{source}: column {name} holds {data.dtype} of shape {data.shape[1:]}; expected vectors of numbers"
        )
    first = getattr(table, "first_row", 0)
    rows = [
        np.zeros(0) if hidden else _numbers(cell, f"{source}: column {name}, row {first + number}")
        for number, (cell, hidden) in enumerate(zip(data.tolist(), mask.tolist(), strict=True), start=1)
    ]
    out = np.full((len(rows), max(1, max(map(len, rows), default=1))), np.nan)
    for row, values in zip(out, rows, strict=True):
        row[: len(values)] = values
    return out


def _numbers(cell: Any, where: str) -> Floats:
    """Numbers of a cell: of text in any brackets, with commas or blanks between; or a sequence."""
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "replace")
    words = cell.strip().strip("[](){}").replace(",", " ").split() if isinstance(cell, str) else np.ravel(cell).tolist()
    try:
        return np.array([np.nan if str(one) in MISSING_WORDS else float(one) for one in words])
    except (TypeError, ValueError):
        raise AgezError(f"{where} is {cell!r}; expected numbers such as [0.1, 0.9]") from None


@takes(photometry="Photometry", mixture="RedshiftMixture")
def with_redshifts(photometry: Photometry, mixture: RedshiftMixture) -> Photometry:
    """The same photometry at other redshifts, those of a mixture; of one Gaussian a row, it is that Gaussian's.

    Examples
    --------
    >>> import numpy as np
    >>> import agez
    >>> from agez.photometry.redshift_columns import with_redshifts
    >>> from astropy.table import Table
    >>> seds = agez.read_photometry(Table({"flux_g": [10.0], "flux_g_err": [0.5]}), filters="splus", redshift=0.1)
    >>> peaks = agez.RedshiftMixture.mixture([[0.25, 0.75]], [[0.1, 0.5]], [[0.02, 0.04]])
    >>> with_redshifts(seds, peaks).redshift.round(3).tolist()
    [0.4]
    """
    several = bool((mixture.n_components > 1).any())
    return replace(
        photometry, redshift=mixture.mean, redshift_err=mixture.std, redshift_mixture=mixture if several else None
    )
