"""Reads response curves that users bring: folders of two-column files, or one table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import numpy as np
from astropy import units as u
from astropy.io import ascii as ascii_io
from astropy.table import Table

from agez.errors import AgezError
from agez.photometry.air import air_to_vacuum
from agez.photometry.names import canonical_band_name
from agez.photometry.profiles import pivot_wavelength
from agez.runtime.files import check_input
from agez.tables.table_columns import number_column
from agez.types import Floats

Counting = Literal["photon", "energy"]
_SUFFIXES = (".dat", ".txt", ".res", ".csv", ".ecsv")
_UNIT_SUFFIX = {"angstrom": "Angstrom", "a": "Angstrom", "nm": "nm", "um": "um", "micron": "um"}
_FORMAT = (
    "a curve has two columns, wavelength [Angstrom] and response, and a first line '# counting: photon' or 'energy'"
)
#: Noise about zero in a measured curve: what is below minus this fraction of the maximum is an error, the rest is 0.
NEGATIVE_TOLERANCE = 0.005


def check_curve(what: str, wave_angstrom: Floats, response: Floats) -> None:
    """Refuse, in one line that begins with ``what``, a curve that cannot be integrated.

    Good: at least 2 points, finite, wavelengths positive and strictly increasing, response nowhere
    negative and somewhere positive.
    """
    if len(wave_angstrom) < 2 or len(wave_angstrom) != len(response):
        raise AgezError(f"{what}: a curve needs at least 2 rows of wavelength and response, found {len(wave_angstrom)}")
    bad = ~(np.isfinite(wave_angstrom) & np.isfinite(response))
    if bad.any():
        raise AgezError(f"{what}: row {int(np.argmax(bad)) + 1} is not finite")
    step = np.diff(wave_angstrom)
    if not (step > 0).all() or wave_angstrom[0] <= 0:
        row = int(np.argmax(step <= 0)) + 2 if not (step > 0).all() else 1
        raise AgezError(
            f"{what}: wavelengths must be positive and strictly increasing; row {row} ({wave_angstrom[row - 1]:g}) "
            "is not; sort the file and remove duplicates"
        )
    if (response < 0).any():
        row = int(np.argmax(response < 0))
        raise AgezError(f"{what}: the response is negative in row {row + 1} ({response[row]:g}); expected 0 or more")
    if not (response > 0).any():
        raise AgezError(f"{what}: the response is zero everywhere")


def read_curves(path: str | Path, *, counting: Counting | None = None) -> dict[str, tuple[Floats, Floats]]:
    """Read curves as ``{band: (vacuum wavelength [Angstrom], photon response)}``, ordered by pivot wavelength.

    Parameters
    ----------
    path : path
        A folder with one two-column file a band (``.dat .txt .res .csv .ecsv``; the band's name is the
        file's), or one CSV or ECSV table with the columns ``filter``, ``wavelength`` and
        ``throughput`` (also ``transmission`` or ``response``).  Wavelengths are in Angstrom, unless a column's unit
        in ECSV, the name ``wavelength_nm`` or a comment ``# wavelength_unit: nm`` says another unit; and in vacuum,
        unless a comment ``# medium: air`` (or an ECSV's meta) says air.
    counting : 'photon' or 'energy', optional
        What the response counts.  It must be said: here, in an ECSV's meta (``counting: energy``), or in
        a comment (``# counting: energy``).  An energy response E becomes the photon response
        R = E / wavelength, because the signal is int f_lambda E dw = int f_lambda R w dw
        (Bessell & Murphy 2012, PASP 124, 140, section A2).

    Raises
    ------
    AgezError
        Naming the file and the row, if it cannot be read, contradicts an argument, or the curve is unusable.
    """
    path = Path(path)
    if counting not in (None, "photon", "energy"):
        raise AgezError(f"counting is {counting!r}; expected 'photon' or 'energy'")
    found: dict[str, tuple[Floats, Floats]] = {}
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.suffix.lower() in _SUFFIXES and not p.name.startswith("."))
        if not files:
            raise AgezError(f"{path}: no curve files ({' '.join(_SUFFIXES)}) in this folder")
        files = [file for file in files if _holds_numbers(file)]
        if not files:
            raise AgezError(f"{path}: no file of this folder is a curve; {_FORMAT}")
        for file in files:
            table = _read_table(file)
            if len(table.colnames) != 2:
                raise AgezError(f"{file} is no curve: it has {len(table.colnames)} columns; {_FORMAT}")
            wave, response = table.colnames
            _add(found, file.stem, file, _converted(table, wave, response, counting, str(file)))
    else:
        path = check_input(path)
        table = _read_table(path)
        name, wave, response = _three_columns(table, path)
        labels = np.array([str(n) for n in table[name]])
        for band in dict.fromkeys(labels.tolist()):
            rows = table[labels == band]
            _add(found, band, path, _converted(rows, wave, response, counting, f"{path}, filter {band}"))
    return dict(sorted(found.items(), key=lambda item: pivot_wavelength(*item[1])))


def _holds_numbers(path: Path) -> bool:
    """Whether any line begins with a number, or there are comments alone: a README beside the curves has words."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        rows = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return not rows or any(re.match(r"\s*[-+.]?\d[\d.eE+-]*\s*([,\s]|$)", row) for row in rows)


def _add(found: dict[str, tuple[Floats, Floats]], name: str, path: Path, curve: tuple[Floats, Floats]) -> None:
    band = canonical_band_name(name)
    if band in found:
        raise AgezError(f"{path}: {name!r} is the second curve of band {band}; keep one")
    found[band] = curve


def _read_table(path: Path) -> Table:
    path = check_input(path)
    try:
        text = path.read_text(encoding="utf-8")
        if "%ECSV" in text[:200]:
            return Table.read(text, format="ascii.ecsv")
        comments = [line.lstrip("# ").strip() for line in text.splitlines() if line.lstrip().startswith("#")]
        rows = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        if not rows:
            raise AgezError(f"{path}: no rows")
        delimiter = "," if "," in rows[0] else None
        header = _has_header(rows[0], delimiter)
        # Numbers are converted later, so that a bad one can be named with its row.
        cells = [[cell.strip() for cell in row.split(delimiter)] for row in rows]
        short = next((i for i, row in enumerate(cells) if len(row) != len(cells[0])), None)
        if short is not None:
            raise AgezError(
                f"{path}: row {short + (not header)} has {len(cells[short])} columns, the first {len(cells[0])}"
            )
        names = cells.pop(0) if header else [f"col{i + 1}" for i in range(len(cells[0]))]
        table = Table({name: [row[i] for row in cells] for i, name in enumerate(names)})
    except (UnicodeDecodeError, ValueError, OSError, ascii_io.InconsistentTableError) as error:
        raise AgezError(f"{path} cannot be read as a table of curves: {str(error).splitlines()[0]}") from error
    for comment in comments:
        match = re.fullmatch(r"(counting|medium|wavelength_unit)\s*[:=]\s*(\S+)", comment)
        if match:
            table.meta[match[1]] = match[2]
    return table


def _has_header(row: str, delimiter: str | None) -> bool:
    try:
        for cell in row.split(delimiter)[-2:]:
            float(cell)
    except ValueError:
        return True
    return False


def _column(table: Table, *starts: str) -> str | None:
    return next((name for name in table.colnames if name.lower().startswith(starts)), None)


def _three_columns(table: Table, path: Path) -> tuple[str, str, str]:
    name = _column(table, "filter", "band")
    wave, response = _column(table, "wave", "lambda"), _column(table, "throughput", "transmission", "response")
    if name is None or wave is None or response is None:
        raise AgezError(
            f"{path}: expected the columns filter, wavelength, throughput; found {', '.join(table.colnames)}"
        )
    return name, wave, response


def _converted(
    table: Table, wave_name: str, response_name: str, given: Counting | None, what: str
) -> tuple[Floats, Floats]:
    """Vacuum wavelengths [Angstrom] and photon response of a table's two columns, checked."""
    counting = table.meta.get("counting", given)
    if given not in (None, counting):
        raise AgezError(f"{what}: the file says counting: {counting}, the option says {given}; drop one")
    if counting not in ("photon", "energy"):
        raise AgezError(
            f"{what}: counting is {counting or 'not said'}; say whether the response counts photons or energy: "
            "counting='photon' or 'energy', or a line '# counting: photon' in the file"
        )
    medium = table.meta.get("medium", "vacuum")
    if medium not in ("air", "vacuum"):
        raise AgezError(f"{what}: medium is {medium!r}; expected air or vacuum")
    wave, response = (number_column(table, name, source=what) for name in (wave_name, response_name))
    by_name = wave_name.lower().rsplit("_", 1)[-1] if "_" in wave_name else ""
    unit = table[wave_name].unit or _UNIT_SUFFIX.get(by_name) or table.meta.get("wavelength_unit", "Angstrom")
    try:
        wave = wave * u.Unit(unit).to(u.Angstrom)
    except (ValueError, TypeError, u.UnitConversionError) as error:
        raise AgezError(f"{what}: wavelength unit {str(unit)!r} is not a unit of length") from error
    negative = response < 0
    if negative.any() and response.min() >= -NEGATIVE_TOLERANCE * response.max():
        response = np.where(negative, 0.0, response)
    check_curve(what, wave, response)
    if medium == "air":
        wave = air_to_vacuum(wave)
    return wave, response / wave if counting == "energy" else response
