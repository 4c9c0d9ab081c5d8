"""A local archive: TAP that runs the ADQL it is sent, on tables made up here, by SQLite with ADQL's geometry."""

from __future__ import annotations

import io
import math
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import numpy as np
from astropy.io import fits
from astropy.table import Table
from broken_server import Asked, Site, serving

from agez.surveys.archive import Release
from agez.surveys.record import SurveyRecord
from agez.surveys.registry import find_survey

#: AB magnitudes of a galaxy of middle age, by band from blue to red.
COLOURS = {
    "uJAVA": 19.6, "J0378": 19.4, "J0395": 19.2, "J0410": 18.8, "J0430": 18.6, "gSDSS": 18.1, "J0515": 17.9,
    "rSDSS": 17.4, "J0660": 17.3, "iSDSS": 17.1, "J0861": 16.9, "zSDSS": 16.8,
}  # fmt: skip


@dataclass
class LocalTap:
    """Tables by name, with a dot between schema and table; ``most``: rows of an answer, whatever MAXREC says."""

    tables: dict[str, Table]
    most: int = 10_000
    says_overflow: bool = True
    late_error: str = ""  #: Said after the rows.
    queries: list[str] = field(default_factory=list)

    def __call__(self, asked: Asked) -> tuple[int, bytes]:
        words = {key.upper(): value[0] for key, value in parse_qs(asked.body.decode() or asked.query).items()}
        assert (words["REQUEST"], words["LANG"]) == ("doQuery", "ADQL")
        self.queries.append(words["QUERY"])
        try:
            names, rows = self._run(words["QUERY"])
        except sqlite3.Error as error:
            return 400, _votable([], [], f'<INFO name="QUERY_STATUS" value="ERROR">{error}</INFO>', "")
        most = min(int(words.get("MAXREC", self.most)), self.most)
        after = '<INFO name="QUERY_STATUS" value="OVERFLOW"/>' if len(rows) > most and self.says_overflow else ""
        if self.late_error:
            after = f'<INFO name="QUERY_STATUS" value="ERROR">{self.late_error}</INFO>'
        return 200, _votable(names, rows[:most], '<INFO name="QUERY_STATUS" value="OK"/>', after)

    def _run(self, query: str) -> tuple[list[str], list[tuple[object, ...]]]:
        with sqlite3.connect(":memory:") as base:
            base.create_function("POINT", 3, lambda _, ra, dec: f"{ra!r} {dec!r}")
            base.create_function("CIRCLE", 4, lambda _, ra, dec, radius: f"{ra!r} {dec!r} {radius!r}")
            base.create_function("CONTAINS", 2, _contains)
            for schema in {name.partition(".")[0] for name in self.tables}:
                base.execute(f"ATTACH ':memory:' AS {schema}")
            for name, table in self.tables.items():
                columns = ", ".join(f'"{column}"' for column in table.colnames)
                base.execute(f"CREATE TABLE {name} ({columns})")
                marks = ", ".join("?" * len(table.colnames))
                base.executemany(f"INSERT INTO {name} VALUES ({marks})", (_plain(row) for row in table.iterrows()))
            # an element of a vector is a column here, so named
            sql = re.sub(r"(\w+)\[\w+::(\w+)\]", r'"\1[\2]"', query)
            top = re.match(r"SELECT TOP (\d+) ", sql)
            sql = sql.replace(top[0], "SELECT ", 1) + f" LIMIT {top[1]}" if top else sql
            done = base.execute(sql)
            return [one[0] for one in done.description], done.fetchall()


def _plain(row: tuple[object, ...]) -> list[object]:
    return [value.item() if isinstance(value, np.generic) else value for value in row]


def _contains(point: str, circle: str) -> int:
    ra, dec = map(float, point.split())
    ra0, dec0, radius = map(float, circle.split())
    a, d, a0, d0 = map(math.radians, (ra, dec, ra0, dec0))
    half = math.sin((d - d0) / 2) ** 2 + math.cos(d) * math.cos(d0) * math.sin((a - a0) / 2) ** 2
    return int(2 * math.degrees(math.asin(math.sqrt(half))) <= radius)


def _votable(names: list[str], rows: list[tuple[object, ...]], before: str, after: str) -> bytes:
    text = io.StringIO()
    text.write('<?xml version="1.0" encoding="UTF-8"?>\n<VOTABLE version="1.3" '
               'xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE type="results">' + before)  # fmt: skip
    if names:
        text.write("<TABLE>")
        for k, name in enumerate(names):
            kinds = {type(row[k]) for row in rows} - {type(None)}
            kind = 'char" arraysize="*' if str in kinds else "long" if kinds == {int} else "double"
            text.write(f'<FIELD name="{name}" datatype="{kind}"/>')
        text.write("<DATA><TABLEDATA>")
        for row in rows:
            cells = "".join(f"<TD>{'' if value is None else value}</TD>" for value in row)
            text.write(f"<TR>{cells}</TR>\n")
        text.write("</TABLEDATA></DATA></TABLE>")
    text.write(after + "</RESOURCE></VOTABLE>")
    return text.getvalue().encode()


def sky(survey: SurveyRecord, release: Release, *, n: int = 60, ra: float = 40.0, dec: float = 1.0) -> dict[str, Table]:
    """A release's tables of ``n`` galaxies within half a degree; every third has no photometric redshift."""
    rng = np.random.default_rng(5)
    where = {
        release.position[0]: (ra + rng.uniform(-0.4, 0.4, n)) % 360,
        release.position[1]: dec + rng.uniform(-0.3, 0.3, n),
    }
    ids = (
        {"ID": [f"DR4_3_STRIPE82-0064_{k:07d}" for k in range(n)]}
        if release.ids == ("ID",)
        else {"TILE_ID": np.full(n, 85560), "NUMBER": np.arange(n) + 1}
    )
    main = Table({**ids, **where, **{name: ["STRIPE82-0064"] * n for name in release.more}})
    tables = {release.table: main}
    for band, named in release.bands.items():
        value, error = (text.format(band=named) for text in (release.value, release.error))
        value, error = (re.sub(r"\[\w+::(\w+)\]", r"[\1]", text) for text in (value, error))
        table = main
        if release.band_table:
            table = tables[release.band_table.format(band=named.lower())] = Table(ids)
        table[value] = COLOURS.get(band, 18.0) + 0.01 * np.arange(n)
        table[error] = 0.02 + 0.0001 * np.arange(n)
    for other in release.joined:
        few = (np.arange(n) % 3 > 0) | (other.columns == ("EBV",))
        tables[other.table] = joined = Table(ids)[few]
        for column in other.columns:
            joined[column.partition("|")[0]] = 0.05 + 0.001 * np.arange(n)[few]
    return tables


@contextmanager
def archive(name: str, *, release: str | None = None, **of_sky: object) -> Iterator[tuple[Site, LocalTap]]:
    """The archive of a survey on this machine."""
    survey = find_survey(name)
    assert survey is not None
    assert survey.archive is not None
    chosen = survey.archive.release(release)
    tap = LocalTap(sky(survey, chosen, **of_sky))  # type: ignore[arg-type]
    with serving({}) as site:
        site.services[f"/{chosen.tap}/sync"] = tap
        yield site, tap


def images_of_bands(*, ra: float = 40.0, dec: float = 1.0, n: int = 61) -> dict[str, tuple[bytes, bytes, bytes]]:
    """Of each of twelve bands, the image of a galaxy in counts of zero point 25, its weights, and both in one file."""
    rng = np.random.default_rng(8)
    y, x = np.mgrid[:n, :n] - n // 2
    shape = np.exp(-np.hypot(x, y / 0.8) / 5.0)
    shape /= shape.sum()
    found = {}
    for band, magnitude in COLOURS.items():
        flux = 10 ** (0.4 * (25 - magnitude + 3.5))
        noise = flux / 4000
        header = fits.Header()
        for key, value in (
            ("CTYPE1", "RA---TAN"), ("CTYPE2", "DEC--TAN"), ("CRVAL1", ra), ("CRVAL2", dec), ("CRPIX1", n // 2 + 1.0),
            ("CRPIX2", n // 2 + 1.0), ("CD1_1", -0.55 / 3600), ("CD1_2", 0.0), ("CD2_1", 0.0), ("CD2_2", 0.55 / 3600),
            ("OBJECT", "STRIPE82_0064"), ("PSFFWHM", 1.3),
        ):  # fmt: skip
            header[key] = value
        image = (flux * shape + noise * rng.standard_normal((n, n))).astype(np.float32)
        weight = np.full((n, n), noise**-2, dtype=np.float32)
        width = header.pop("PSFFWHM")
        two = fits.HDUList([fits.PrimaryHDU(image, header), fits.ImageHDU(weight, header, name="WEIGHT")])
        header["PSFFWHM"] = width
        one = [fits.HDUList([fits.PrimaryHDU(data, header)]) for data in (image, weight)]
        found[band] = (_bytes(one[0]), _bytes(one[1]), _bytes(two))
    return found


def _bytes(hdus: fits.HDUList) -> bytes:
    file = io.BytesIO()
    hdus.writeto(file)
    return file.getvalue()
