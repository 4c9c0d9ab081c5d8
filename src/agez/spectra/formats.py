"""The formats of spectra that files can be in: one record each, asked in this order whether a file is theirs."""

from __future__ import annotations

from agez.errors import AgezError
from agez.spectra.formats_califa import CALIFA_CUBE
from agez.spectra.formats_common import Format
from agez.spectra.formats_flux_error import FLUX_ERROR
from agez.spectra.formats_iraf import IRAF
from agez.spectra.formats_manga import MANGA
from agez.spectra.formats_rss import RSS
from agez.spectra.formats_sdss import SDSS
from agez.spectra.formats_tables import TABLE
from agez.spectra.formats_text import TEXT_TABLE

_formats = [*MANGA, CALIFA_CUBE, RSS, *SDSS, FLUX_ERROR, TABLE, IRAF, TEXT_TABLE]
#: Name for what only an installed specutils reads.
SPECUTILS = "specutils"


def known_formats() -> tuple[Format, ...]:
    """All records, in the order in which files are asked."""
    return tuple(_formats)


def format_names() -> tuple[str, ...]:
    """What ``format=`` of :func:`agez.read_spectra` can be."""
    return (*dict.fromkeys(one.name for one in _formats), SPECUTILS)


def register_format(new: Format) -> None:
    """Make a format known to :func:`agez.read_spectra`; it is asked before the others.

    Raises
    ------
    AgezError
        If a format has this name.
    """
    if new.name in format_names():
        raise AgezError(f"a format of spectra is called {new.name!r} already; choose another name")
    _formats.insert(0, new)
