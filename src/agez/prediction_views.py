"""What a prediction turns into: tables and figures, made by rooms that answering does not load."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from agez.arrays import Floats
from agez.runtime.files import check_png
from agez.runtime.optional_packages import check_installed

if TYPE_CHECKING:
    from astropy.table import Table
    from matplotlib.figure import Figure
    from pandas import DataFrame


class PredictionViews:
    """Methods of :class:`agez.Prediction` that show it."""

    def to_table(self, *, distribution: bool = False) -> Table:
        """The table that ``agez predict`` writes: the input's identifying columns, then the answers.

        Parameters
        ----------
        distribution : bool
            Add the columns of the whole distribution of each row, as ``agez predict --distribution`` does.
        """
        return _call("agez.tables.prediction_files:table_of_answers", self, distribution=distribution)

    def to_pandas(self, *, distribution: bool = False) -> DataFrame:
        """:meth:`to_table` as a :class:`pandas.DataFrame`, with the index of the DataFrame that was answered, if any.

        Raises
        ------
        AgezError
            If pandas is not installed.
        """
        return _call("agez.tables.prediction_files:frame_of_answers", self, distribution=distribution)

    def expected(self) -> tuple[Floats, Floats]:
        """Fluxes that the model expects of each row, given its other bands, and their errors [microjansky].

        Returns
        -------
        flux, err : (n, b) float
            In the bands of ``input.photometry``; see :meth:`agez.Model.expected`.

        Raises
        ------
        AgezError
            If the prediction was read from a file, or the model predicts no SEDs.
        """
        return _call("agez.models.predict:expected_of", self)

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Ages, metallicities and their errors of all rows: a :class:`matplotlib.figure.Figure`, and a PNG at ``path``.

        Of a model of other labels the first two of them.  NumPy arrays of every column are attributes, for your own
        plots.
        """
        return _drawn("figure_rows", self, _png(path))

    def corner(
        self, row: int | str = 0, path: str | os.PathLike[str] | None = None, *,
        targets: Sequence[str] | None = None,
    ) -> Figure:  # fmt: skip
        """The joint posterior of a row: marginals and 39, 86 % contours of each pair of targets.

        Parameters
        ----------
        row : int or str
            Number of the row, or its identifier.
        path : path, optional
            PNG to write.
        targets : sequence of str, optional
            Names of targets; default: all that are in the prediction, at most five.

        Raises
        ------
        AgezError
            If there is no such row or target, or the model gave no distribution.
        """
        return _drawn("figure_corner", self, row, _png(path), targets=targets)

    def show(self, row: int | str = 0, path: str | os.PathLike[str] | None = None) -> Figure:
        """One row seen: its SED, what the model expects, the residuals, and the posterior of age and [M/H].

        Parameters
        ----------
        row : int or str
            Number of the row, or its identifier.
        path : path, optional
            PNG to write.

        Returns
        -------
        matplotlib.figure.Figure
        """
        return _drawn("figure_row", self, row, _png(path))


def _png(path: str | os.PathLike[str] | None) -> str | os.PathLike[str] | None:
    """The path of a picture; AgezError if its name says another format."""
    return None if path is None else check_png(path, option="")


def _drawn(name: str, *values: Any, **options: Any) -> Any:
    """Call a function that draws, if matplotlib is there."""
    check_installed("matplotlib", extra="report", purpose="a figure")
    return _call(f"agez.report.row_figures:{name}", *values, **options)


def _call(where: str, *values: Any, **options: Any) -> Any:
    """Call ``module:function``, imported when first needed: it imports the type whose method this is."""
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)(*values, **options)
