"""Sets in TOML: a table of photometry or a folder of spectra, and the columns of what is known about its rows."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from agez.bench.bench_set import BenchSet
from agez.bench.rows import BenchRows
from agez.bench.spectra_files import SpectraFiles, rows_of_spectra
from agez.bench.tables import KNOWN_NUMBERS, TableColumns, rows_of_table
from agez.errors import AgezError
from agez.runtime.files import check_input
from agez.types import Medium

#: Keys at the top of a file, and of its tables.
_TOP = (
    "name", "title", "table", "spectra", "filters", "redshift", "redshift_err", "id", "ebv", "redshift_range",
    "citation", "licence", "bands", "known", "kinds", "list", "medium", "flux_unit", "fwhm_angstrom",
)  # fmt: skip
_BANDS, _KINDS = ("magnitude", "error"), ("older", "order")
_KNOWN = (*KNOWN_NUMBERS, "kind", "axis_ratio", "repeat")
#: Keys that only tables, or only spectra, have.
_OF_TABLES, _OF_SPECTRA = ("bands", "ebv", "redshift_err", "id"), ("list", "medium", "flux_unit", "fwhm_angstrom")


def read_set(path: str | Path) -> BenchSet:
    """A set that a TOML file describes; docs/real_sky.md has its keys.  Files are relative to that of the TOML file.

    Raises
    ------
    AgezError
        That names the file and the key, for what is missing, unknown or of a wrong kind.

    Examples
    --------
    >>> from pathlib import Path
    >>> from agez.bench.set_files import read_set
    >>> text = ['name = "mine"', 'table = "galaxies.fits"', 'filters = "splus"', '[known]', 'kind = "morph"']
    >>> _ = Path("mine.toml").write_text("\\n".join(text))
    >>> read_set("mine.toml").files
    ('galaxies.fits',)
    """
    path = check_input(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AgezError(f"{path} is not valid TOML: {error}") from error
    return set_of(content, source=str(path), folder=path.parent)


def set_of(content: Mapping[str, Any], *, source: str, folder: Path | None = None) -> BenchSet:
    """A set of the content of a TOML file; ``folder`` None: names are relative to the folder that is read from."""
    _check_keys(content, _TOP, source)
    allowed = {"bands": _BANDS, "known": _KNOWN, "kinds": _KINDS}
    tables = {key: _sub_table(content, key, keys, source) for key, keys in allowed.items()}
    name = _text(content, "name", source, needed=True)
    if ("table" in content) == ("spectra" in content):
        raise AgezError(
            f"{source}: expected one of the keys table (a file of photometry) and spectra (files of spectra)"
        )
    foreign = [key for key in (_OF_SPECTRA if "table" in content else _OF_TABLES) if key in content]
    if foreign:
        raise AgezError(
            f"{source}: key {foreign[0]!r} is not for {'tables' if 'table' in content else 'spectra'}; drop it"
        )
    common: dict[str, Any] = {
        "title": _text(content, "title", source) or name,
        "filters": _text(content, "filters", source, needed=True),
        "older": _pair(tables["kinds"], "older", source),
        "order": _words(tables["kinds"], "order", source),
        "redshift_range": _range(content, source),
        "citation": _text(content, "citation", source),
        "licence": _text(content, "licence", source),
        "folder": folder,
    }
    columns = _columns(content, tables, source)
    if "table" in content:
        ebv = content.get("ebv")
        if ebv is not None and not (_is_number(ebv) and ebv >= 0):
            raise AgezError(f"{source}: ebv is {ebv!r}; expected a number, 0 or more")
        file = _text(content, "table", source)
        return BenchSet(name, files=(file,), read=partial(_table_in, file, columns), ebv=ebv, **common)
    if tables["bands"] or columns.axis_ratio:
        raise AgezError(f"{source}: [bands] and axis_ratio are for tables of photometry; drop them")
    files = SpectraFiles(
        _text(content, "spectra", source), _text(content, "list", source), columns,
        medium=_medium(content, source), flux_unit=_text(content, "flux_unit", source) or None,
        fwhm_angstrom=_number(content, "fwhm_angstrom", source),
    )  # fmt: skip
    if (columns.columns() or isinstance(columns.redshift, str)) and not files.list:
        raise AgezError(f"{source}: columns of known values need a key list, the table that has them and a column file")
    return BenchSet(name, files=(files.list,) if files.list else (), read=partial(rows_of_spectra, files), **common)


def _table_in(file: str, columns: TableColumns, folder: Path) -> BenchRows:
    return rows_of_table(folder / file, columns)


def _columns(content: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]], source: str) -> TableColumns:
    bands, known = tables["bands"], tables["known"]
    if bands and set(bands) != set(_BANDS):
        raise AgezError(f"{source}: [bands] needs magnitude and error, patterns of columns with {{band}} in them")
    for key, pattern in bands.items():
        if not isinstance(pattern, str) or pattern.count("{band}") != 1:
            raise AgezError(
                f"{source}: [bands] {key} is {pattern!r}; expected text with {{band}} once, as 'mag_{{band}}'"
            )
    kind = known.get("kind", "")
    members = isinstance(kind, Mapping) and kind and all(isinstance(name, str) for name in kind.values())
    if not (isinstance(kind, str) or members):
        raise AgezError(f"{source}: [known] kind is {kind!r}; expected a column, or a column for each class")
    z, z_err = (_number_or_text(content, key, source) for key in ("redshift", "redshift_err"))
    return TableColumns(
        _text(content, "filters", source, needed=True), bands.get("magnitude", ""), bands.get("error", ""),
        redshift=z, redshift_err=z_err, id=_text(content, "id", source), kind=kind,
        known={key: _text(known, key, source) for key in KNOWN_NUMBERS if key in known},
        axis_ratio=_text(known, "axis_ratio", source), repeat=_text(known, "repeat", source),
    )  # fmt: skip


def _check_keys(content: Mapping[str, Any], allowed: Sequence[str], source: str, where: str = "") -> None:
    unknown = [key for key in content if key not in allowed]
    if unknown:
        raise AgezError(f"{source}: unknown key {where}{unknown[0]!r}; expected some of {', '.join(allowed)}")


def _sub_table(content: Mapping[str, Any], key: str, allowed: Sequence[str], source: str) -> Mapping[str, Any]:
    found = content.get(key, {})
    if not isinstance(found, Mapping):
        raise AgezError(f"{source}: {key} is {found!r}; expected a table, [{key}]")
    _check_keys(found, allowed, source, f"of [{key}] ")
    return found


def _text(content: Mapping[str, Any], key: str, source: str, *, needed: bool = False) -> str:
    found = content.get(key, "")
    if not isinstance(found, str) or (needed and not found):
        said = f"is {found!r}" if key in content else "is missing"
        raise AgezError(f"{source}: {key} {said}; expected text")
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _number(content: Mapping[str, Any], key: str, source: str) -> float | None:
    found = content.get(key)
    if found is None or _is_number(found):
        return None if found is None else float(found)
    raise AgezError(f"{source}: {key} is {found!r}; expected a number")


def _number_or_text(content: Mapping[str, Any], key: str, source: str) -> float | str | None:
    found = content.get(key)
    if found is None or (isinstance(found, str) and found):
        return found
    if _is_number(found):
        return float(found)
    raise AgezError(f"{source}: {key} is {found!r}; expected a number, or the name of a column")


def _medium(content: Mapping[str, Any], source: str) -> Medium | None:
    found = content.get("medium")
    if found not in (None, "air", "vacuum"):
        raise AgezError(f"{source}: medium is {found!r}; expected 'air' or 'vacuum'")
    return found


def _words(content: Mapping[str, Any], key: str, source: str) -> tuple[str, ...]:
    found = content.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise AgezError(f"{source}: {key} is {found!r}; expected a list of classes")
    return tuple(found)


def _pair(content: Mapping[str, Any], key: str, source: str) -> tuple[str, str] | None:
    found = _words(content, key, source)
    if len(found) not in (0, 2):
        raise AgezError(f"{source}: {key} has {len(found)} classes; expected two, the first of them older")
    return (found[0], found[1]) if found else None


def _range(content: Mapping[str, Any], source: str) -> tuple[float, float]:
    found = content.get("redshift_range", list(BenchSet.redshift_range))
    if not (isinstance(found, list) and len(found) == 2 and all(map(_is_number, found)) and found[0] < found[1]):
        raise AgezError(f"{source}: redshift_range is {found!r}; expected [LOW, HIGH]")
    return float(found[0]), float(found[1])
