"""Where a survey's own archive has its tables and images, and how they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from agez.errors import AgezError


@dataclass(frozen=True)
class JoinedTable:
    """A table with a row for some objects of the photometry, such as photometric redshifts.

    Of ``columns`` those are taken that the table has, in any case, as releases name them differently: of names with
    ``|`` between them the first that is there, under the name of the first.
    """

    table: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Release:
    """A data release: its photometry, a row an object, and its images."""

    name: str
    tap: str  #: Path of its TAP service, below the archive's address.
    table: str
    position: tuple[str, str]  #: Columns of right ascension and declination [degree].
    ids: tuple[str, ...]  #: Columns that identify a row together, in ``table`` and in all that are joined.
    #: value, error: Expressions in ADQL for a band's values and errors, with ``{band}`` as the archive has it.
    value: str
    error: str
    bands: Mapping[str, str]  #: Name in the archive by name of the band.
    more: tuple[str, ...] = ()  #: Further columns of ``table``.
    band_table: str = ""  #: The table of one band, with ``{band}``, where each band has its own.
    joined: tuple[JoinedTable, ...] = ()
    images: str = ""  #: Path of its images' service, below the archive's address; or the name of their collection.
    needs_login: bool = False


@dataclass(frozen=True)
class Archive:
    """An archive: ``kind`` is whose ways of logging in and of cutting images it has."""

    kind: Literal["cefca", "splus.cloud"]
    url: str
    releases: tuple[Release, ...]  #: The one that is taken without a choice first.
    #: Most rows that one query may bring: what is larger is asked for in pieces.
    rows_per_query: int = 10_000
    zero_points: Mapping[str, str] = field(default_factory=dict)  #: Path of a table of zero points, by release.

    def release(self, name: str | None) -> Release:
        """A release by its name in any case; the first without one.

        Raises
        ------
        AgezError
            If there is none of that name.

        Examples
        --------
        >>> from agez.surveys.registry import find_survey
        >>> find_survey("jplus").archive.release("DR2").tap
        'vo/tap/jplus-dr2'
        """
        names = {one.name: one for one in self.releases}
        found = self.releases[0] if name is None else names.get(name.lower())
        if found is None:
            raise AgezError(f"--release {name} is none that agez knows of {self.url}; choose {', '.join(names)}")
        return found
