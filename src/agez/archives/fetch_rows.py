"""Rows of a survey's photometry from its own archive: all bands with errors, photometric redshifts joined.

Written from the archives' public scripts, notebooks and packages, and tried against local servers that behave as TAP
services do, and misbehave; **not against the archives themselves**, which cannot be reached from where agez is made.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table, vstack

from agez.archives.login import login_headers, refusals_explained
from agez.archives.selections import Circle, Piece, SkyBox, Wanted, read_list
from agez.archives.tap_query import SILENCE, QueryRefusedError, ask_tap, columns_there, need_pyvo
from agez.errors import AgezError
from agez.runtime.files import check_not_input, write_json
from agez.runtime.finished_work import fingerprint, read_json
from agez.runtime.progress import progress
from agez.runtime.retries import Downloads
from agez.runtime.run_lock import sole_run
from agez.surveys.archive import Archive, Release
from agez.surveys.record import SurveyRecord
from agez.tables.table_columns import text_column
from agez.tables.table_files import check_table_output, read_table, write_table


@dataclass(frozen=True)
class FetchedRows:
    """What was fetched."""

    path: Path
    release: str
    n_rows: int
    n_queries: int  #: That were asked now; others were kept from an earlier run.
    missing: tuple[str, ...]  #: Of a list: its rows (from 1) or identifiers that the archive has nothing for.
    remarks: tuple[str, ...]


def archive_of(survey: SurveyRecord, base_url: str | None) -> tuple[Archive, str]:
    """The archive of a survey, and its address; AgezError if agez knows none, or the address is none."""
    if survey.archive is None:
        raise AgezError(f"agez knows no archive of {survey.title}")
    url = (base_url or survey.archive.url).rstrip("/")
    if not re.match(r"https?://[^/]+", url):
        raise AgezError(f"--base-url is {url!r}; expected http://... or https://...")
    return survey.archive, url


def fetch_rows(
    survey: SurveyRecord,
    out: str | os.PathLike[str],
    *,
    region: tuple[float, float, float] | None = None,
    object_list: str | os.PathLike[str] | None = None,
    radius_arcsec: float = 1.0,
    release: str | None = None,
    base_url: str | None = None,
    max_rows: int | None = None,
    overwrite: bool = False,
    how: Downloads | None = None,
) -> FetchedRows:
    """Write a table of the rows in a region, or of the objects of a list, as the archive names its columns.

    Magnitudes and errors are those of the aperture that the survey recommends for galaxies, in all bands.  Answers are
    kept beside the output (``<out>.parts``) until all are there: the same call goes on after an interruption.

    Parameters
    ----------
    region : (ra, dec, radius) [degree], optional
        A circle; or else
    object_list : path, optional
        A table with ``ra`` and ``dec`` [degree], or identifiers; see :func:`agez.archives.selections.read_list`.  The
        source next to each position, within ``radius_arcsec``, is taken, with columns ``list_row`` (from 1) and
        ``list_separation_arcsec``.
    release : str, optional
        The record's first without it.
    base_url : str, optional
        Of a mirror.
    max_rows : int, optional
        No more rows of a region than these, whichever come first.
    overwrite : bool
        Begin anew, whatever an earlier run has left.

    Raises
    ------
    AgezError
        If the archive refuses, cannot be reached, or has no such row; or the list cannot be used.
    """
    how = how or Downloads(timeout=SILENCE)
    need_pyvo()
    path = check_table_output(out)
    archive, url = archive_of(survey, base_url)
    chosen = archive.release(release)
    if (region is None) == (object_list is None):
        raise AgezError("no rows are asked for; give --region RA,DEC,RADIUS or --list TABLE, one of them")
    wanted: Wanted | None = None
    if object_list is not None:
        if max_rows is not None:
            raise AgezError("--max-rows is of --region; shorten the list instead")
        check_not_input(path, [object_list])
        wanted = read_list(object_list, chosen, radius_arcsec=radius_arcsec)
        pieces: Sequence[Piece] = wanted.pieces(chosen)
    elif region is not None:
        pieces = [SkyBox(Circle(*region), chosen)]
    if chosen.needs_login:
        how = replace(how, headers=login_headers(archive, url, how, needed=f"{survey.title} {chosen.name}"))
    tap = f"{url}/{chosen.tap}"
    folder = path.with_name(path.name + ".parts")
    busy = f"{path.name} is being fetched by another process"
    lock = path.with_name(path.name + ".lock")
    with sole_run(lock, busy=busy, advice="wait for it"), refusals_explained(archive, url):
        if overwrite:
            shutil.rmtree(folder, ignore_errors=True)
        select, remarks = _select(survey, chosen, tap, how)
        parts = _Parts(folder, tap, select, how, archive.rows_per_query)
        table, is_cut = parts.collect(pieces, max_rows)
        missing: tuple[str, ...] = ()
        if wanted is not None:
            table, missing = _of_list(table, wanted, chosen)
        if not len(table):
            shutil.rmtree(folder, ignore_errors=True)
            where = "in that region" if wanted is None else "for any row of the list"
            raise AgezError(f"{survey.title} {chosen.name} has nothing {where} ({tap})")
        if is_cut:
            remarks.append(f"the first {max_rows} rows that the archive sends (--max-rows), not all")
        table.meta = {"FILTERS": survey.name, "SURVEY": survey.title, "RELEASE": chosen.name, "ARCHIVE": tap}
        write_table(path, table, name=f"{survey.name}_{chosen.name}".upper(), describe=False)
        shutil.rmtree(folder, ignore_errors=True)
    return FetchedRows(path, chosen.name, len(table), parts.n_asked, missing, tuple(remarks))


def _select(survey: SurveyRecord, release: Release, tap: str, how: Downloads) -> tuple[str, list[str]]:
    """The query without its condition, and what is to be said of tables that could not be joined."""
    form, aperture = survey.tables.forms[0], survey.tables.apertures[0]
    columns = [f"m.{name}" for name in dict.fromkeys((*release.ids, *release.position, *release.more))]
    joins, remarks = [], []

    def join(table: str, alias: str) -> None:
        same = " AND ".join(f"m.{name} = {alias}.{name}" for name in release.ids)
        joins.append(f"LEFT OUTER JOIN {table} AS {alias} ON {same}")

    for number, band in enumerate(release.bands.values()):
        alias = f"b{number}" if release.band_table else "m"
        if release.band_table:
            join(release.band_table.format(band=band.lower()), alias)
        for expression, named in ((release.value, form.value), (release.error, form.errors[0])):
            columns.append(f"{alias}.{expression.format(band=band)} AS {named.format(band=band, aperture=aperture)}")
    for number, other in enumerate(release.joined):
        try:
            there = columns_there(tap, other.table, other.columns, how)
            problem = "" if there else f"it has none of {', '.join(other.columns)}"
        except QueryRefusedError as error:
            there, problem = {}, str(error)
        if problem:
            remarks.append(f"left out: {other.table} ({problem})")
            continue
        join(other.table, f"j{number}")
        columns += [f"j{number}.{name} AS {wanted}" for wanted, name in there.items()]
    return f"SELECT {', '.join(columns)} FROM {release.table} AS m {' '.join(joins)}".rstrip(), remarks


class _Parts:
    """Answers on disk, a file each: a piece that has too many rows is asked for in halves."""

    def __init__(self, folder: Path, tap: str, select: str, how: Downloads, most: int) -> None:
        self.folder, self.tap, self.select, self.how, self.most = folder, tap, select, how, most
        self.n_asked = 0

    def collect(self, pieces: Sequence[Piece], max_rows: int | None) -> tuple[Table, bool]:
        """All rows, or ``max_rows``, and whether there are more."""
        waiting, found, have = list(pieces), [], 0
        is_cut = False
        with progress(title="rows", unit="rows") as bar:
            while waiting and not is_cut:
                piece = waiting.pop(0)
                enough = None if max_rows is None else max_rows - have
                rows, is_all = self._rows(piece, enough)
                if not is_all and (enough is None or len(rows) < enough):
                    waiting[:0] = piece.halves()
                    continue
                is_cut = enough is not None and (len(rows) > enough or not is_all)
                rows = rows[:enough]
                found += [rows] if len(rows) else []
                have += len(rows)
                bar.update(len(rows))
        return (vstack(found, metadata_conflicts="silent") if found else Table()), is_cut

    def _rows(self, piece: Piece, enough: int | None) -> tuple[Table, bool]:
        """The rows of a piece, and whether they are all; none of them where those that came are not enough."""
        query = f"{self.select} WHERE {piece.where}"
        most = self.most if enough is None else min(self.most, enough + 1)
        key = fingerprint({"url": self.tap, "query": query, "most": most})
        about, path = self.folder / f"{key}.json", self.folder / f"{key}.fits"
        kept = read_json(about)
        if kept is not None:
            return (read_table(path) if kept["rows"] else Table()), bool(kept["is_all"])
        table, is_all = ask_tap(self.tap, query, self.how, most=most)
        self.n_asked += 1
        if not is_all and (enough is None or len(table) < enough):
            table = Table()
        if len(table):
            write_table(path, table, describe=False)
        write_json(about, {"rows": len(table), "is_all": is_all})  # last: what it says is there
        return table, is_all


def _of_list(table: Table, wanted: Wanted, release: Release) -> tuple[Table, tuple[str, ...]]:
    """Rows in the order of the list, and what of it is missing."""
    if wanted.ra is None or wanted.dec is None:
        names = {name.lower(): name for name in table.colnames}
        columns = [text_column(table, names[name.lower()]).tolist() for name in release.ids] if len(table) else []
        at = {row: number for number, row in enumerate(zip(*columns, strict=True))}
        ordered = dict.fromkeys(wanted.ids)
        rows = [at[one] for one in ordered if one in at]
        return table[rows], tuple("-".join(one) for one in ordered if one not in at)
    numbers = np.arange(len(wanted.ra)) + 1
    if not len(table):
        return table, tuple(map(str, numbers))
    names = {name.lower(): name for name in table.colnames}
    sources = SkyCoord(*(np.asarray(table[names[name.lower()]], dtype=float) * u.deg for name in release.position))
    nearest, distance, _ = SkyCoord(wanted.ra * u.deg, wanted.dec * u.deg).match_to_catalog_sky(sources)
    near = distance.arcsec <= wanted.radius_arcsec
    found = table[nearest[near]]
    found["list_row"], found["list_separation_arcsec"] = numbers[near], distance.arcsec[near]
    return found, tuple(map(str, numbers[~near]))
