"""Tables of photometry as the options of ``agez sample``, ``train`` and ``evaluate`` have them, with labels."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agez.commands.corrections import check_recalibration
from agez.errors import AgezError

if TYPE_CHECKING:
    from astropy.table import Table

    from agez.samples.labelled_table import LabelledTable
    from agez.targets import Target
    from agez.types import Bands, Photometry

#: Options of tables, by their names in the parser.
_OF_TABLES = (
    "label_units", "galaxy_id", "filters", "redshift", "redshift_err", "redshift_grid", "ebv", "no_recalibration", "id",
    "aperture", "unit",
)  # fmt: skip


def refuse_table_options(options: Namespace, *, why: str) -> None:
    """AgezError if an option is given that makes sense for a table with labels only."""
    for name in _OF_TABLES:
        if getattr(options, name) not in (None, False):
            raise AgezError(f"--{name.replace('_', '-')} is for a table with labels of your own, {why}")


def photometry_of(options: Namespace, source: str, *, model: Bands | None = None) -> tuple[Table, Photometry]:
    """A table and its photometry, dereddened if that is asked for."""
    from agez.apply.corrections import Corrections, ebv_of_rows, ebv_seen
    from agez.photometry.dereddening import deredden
    from agez.photometry.tables import EXTENSION, table_to_photometry
    from agez.photometry.vector_columns import likeness
    from agez.tables.table_columns import PlainTable
    from agez.tables.table_files import read_table

    check_recalibration(options)
    table = read_table(source, prefer=(EXTENSION,), likeness=likeness)
    photometry = table_to_photometry(
        table, source=source, filters=options.filters, redshift=options.redshift, redshift_err=options.redshift_err,
        id=options.id, redshift_grid=options.redshift_grid, model=model, aperture=options.aperture, unit=options.unit,
        ask=True,
    )  # fmt: skip
    ebv = ebv_of_rows(PlainTable.of(table), Corrections(ebv=options.ebv), source=source)
    if ebv is not None:
        photometry = deredden(photometry, ebv, recalibrate=not options.no_recalibration)
        others = [one for one in photometry.meta.get("remarks", ()) if not one.startswith("E(B-V)")]
        said = ebv_seen(ebv, at_most=10_000).words(options.ebv)
        photometry = replace(photometry, meta={**photometry.meta, "remarks": [*others, said]})
    return table, photometry


def labelled_of(
    options: Namespace, source: str, labels: dict[str, str], *, model: Bands | None = None, known: Sequence[Target] = ()
) -> LabelledTable:
    """A table with labels from its columns; ``labels`` has the column of each by name."""
    from agez.samples.labelled_table import label_units, with_labels

    table, photometry = photometry_of(options, source, model=model)
    how: dict[str, Any] = {"units": label_units(options.label_units), "galaxy_id": options.galaxy_id, "known": known}
    return with_labels(table, photometry, labels, source=source, **how)
