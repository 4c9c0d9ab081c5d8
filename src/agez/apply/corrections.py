"""Photometry made ready for a model: zero points, then the Milky Way's dust, then error floors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from agez.errors import AgezError
from agez.photometry.row_values import row_values
from agez.photometry.zero_points import ZeroPoints, apply_zero_points
from agez.tables.table_columns import AnyTable
from agez.types import Bands, Floats, Photometry


@dataclass(frozen=True, eq=False)
class Corrections:
    """What is done to photometry before it is answered; plain data, which goes to other processes."""

    zero_points: ZeroPoints | None = None  #: Fluxes are multiplied by their factors.
    zero_points_file: str = ""  #: Where they are from.
    #: E(B-V) of the Milky Way in front of all rows, or the name of the column that holds each row's.
    ebv: float | str | None = None
    #: E(B-V) is that of the map of Schlegel et al. (1998); see :func:`agez.photometry.dereddening.deredden`.
    recalibrate: bool = True
    error_floor: float | None = None  #: Fraction of the flux, added to errors in quadrature.
    #: Of all redshifts, or the column or columns that hold them; said here so that the output can say so.
    redshift_err: float | str | None = None
    redshift_grid: str | None = None  #: Of densities of the redshift; likewise.

    def to_json(self, ebv: EbvSeen | None = None) -> dict[str, Any]:
        """What is done, for the output's header and for ``--json``; ``ebv``: what the rows' E(B-V) were."""
        said: dict[str, Any] = {}
        if self.zero_points is not None:
            said["zero_points"] = self.zero_points_file
        if self.ebv is not None:
            column = isinstance(self.ebv, str)
            said["ebv"] = {
                "column" if column else "value": self.ebv,
                **({} if ebv is None else {"median": ebv.median, "n_unknown": ebv.n_unknown}),
                "law": "fitzpatrick99",
                "r_v": 3.1,
                "recalibrated": self.recalibrate,
            }
        if self.error_floor is not None:
            said["error_floor"] = self.error_floor
        if self.redshift_err is not None:
            said["redshift_err"] = self.redshift_err
        if self.redshift_grid is not None:
            said["redshift_grid"] = self.redshift_grid
        return said


@dataclass(frozen=True)
class EbvSeen:
    """The E(B-V) of rows: evenly spaced ones of those that are known, and how many are not."""

    some: tuple[float, ...] = ()
    n_unknown: int = 0

    @property
    def median(self) -> float | None:
        """Of those that are kept; None if none is known."""
        return float(np.median(self.some)) if self.some else None

    def words(self, option: float | str | None) -> str:
        """What was done, for a person; ``option`` is the number or the column that was given."""
        return f"dereddened: E(B-V) {option}" + ("" if self.median is None else f", median {self.median:.3f} mag")


def ebv_of_rows(table: AnyTable, corrections: Corrections, *, source: str) -> Floats | None:
    """E(B-V) of each row, NaN where it is a survey's code for nothing; None if there is no dereddening.

    Raises
    ------
    AgezError
        If the table has no such column, or it holds no numbers.
    """
    return None if corrections.ebv is None else row_values(table, corrections.ebv, option="--ebv", source=source)


def ebv_seen(ebv: Floats | None, *, at_most: int) -> EbvSeen:
    """What is told of the rows' E(B-V): ``at_most`` evenly spaced values of them."""
    if ebv is None:
        return EbvSeen()
    known = ebv[np.isfinite(ebv) & (ebv >= 0)]
    step = max(1, -(-len(known) // max(at_most, 1)))
    return EbvSeen(tuple(known[::step].tolist()), len(ebv) - len(known))


def corrected(photometry: Photometry, corrections: Corrections, bands: Bands, *, ebv: Floats | None) -> Photometry:
    """The bands of the photometry that are among ``bands``, with what ``corrections`` says done to them.

    Parameters
    ----------
    bands : Bands
        Of the model.
    ebv : (n,) float, optional
        From :func:`ebv_of_rows`.
    """
    known = [name for name in photometry.bands.names if name in bands.names]
    if known:
        photometry = photometry.select_bands(known)
    if corrections.zero_points is not None:
        try:
            photometry = apply_zero_points(photometry, corrections.zero_points)
        except AgezError as error:
            where = corrections.zero_points_file
            raise error if where in str(error) else AgezError(f"{where}: {error}") from error
    if ebv is not None:
        from agez.photometry.dereddening import deredden

        photometry = deredden(photometry, ebv, recalibrate=corrections.recalibrate)
    if corrections.error_floor is not None:
        from agez.photometry.error_floors import with_error_floor

        photometry = with_error_floor(photometry, corrections.error_floor)
    return photometry
