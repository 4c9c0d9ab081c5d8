"""Plain FITS images read without astropy's objects, which take longer than the pixels of a cut-out.

Plain is what most surveys' cut-outs are: image extensions alone, of numbers that need no scaling, in a file of the
right length, with headers of one card a keyword.  All else is astropy's to read, and to say what is wrong with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from astropy.io import fits

from agez.tables.table_files import N_EXTENSIONS

_BLOCK, _CARD = 2880, 80
_TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
#: Cards with which a file is not plain: scaled, packed, or of values that go on in the next card.
_NOT_PLAIN = ("BSCALE", "BZERO", "BLANK", "GROUPS", "ZIMAGE", "CONTINUE", "HIERARCH", "XTENSION= 'B", "XTENSION= 'T")
#: A header of more blocks than this is astropy's.
_MOST_BLOCKS = 100
#: A string, a logical, an integer or a real number, and a comment.
_VALUE = re.compile(
    r" *(?:'((?:[^']|'')*)'|([TF])|([+-]?\d+)|([+-]?(?:\d+\.\d*|\.\d+|\d+(?=E))(?:E[+-]?\d+)?)) *(?:/.*)?"
)


class PlainHeader(Mapping[str, Any]):
    """Keywords and values of a header; a value is understood when it is asked for."""

    def __init__(self, text: str) -> None:
        self.text = text
        cards = (text[at : at + _CARD] for at in range(0, len(text), _CARD))
        self._cards: dict[str, str] = {}
        for card in cards:
            if card[8:10] == "= ":
                self._cards.setdefault(card[:8].rstrip(), card)

    def __getitem__(self, keyword: str) -> Any:
        card = self._cards[keyword.upper()]
        simple = _VALUE.fullmatch(card, 10)
        if simple is None:
            value = fits.Card.fromstring(card).value
            return None if isinstance(value, fits.card.Undefined) else value
        text, logical, integer, real = simple.groups()
        if text is not None:
            return text.replace("''", "'").rstrip()
        if logical is not None:
            return logical == "T"
        return int(integer) if integer is not None else float(real)

    def __iter__(self) -> Iterator[str]:
        return iter(self._cards)

    def __len__(self) -> int:
        return len(self._cards)

    def tostring(self, *, padding: bool = True) -> str:
        """The cards as they stand in the file."""
        return self.text if padding else self.text.rstrip()


@dataclass(frozen=True, eq=False)
class PlainImage:
    """An image extension, or a primary, of what astropy's have: those attributes that are asked for here."""

    path: Path
    header: PlainHeader
    name: str
    begin: int  #: Byte of the file.
    is_image = True

    @property
    def ver(self) -> int:
        return int(self.header.get("EXTVER", 1))

    @cached_property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.header[f"NAXIS{axis}"] for axis in range(self.header["NAXIS"], 0, -1))

    @property
    def n_bytes(self) -> int:
        return abs(self.header["BITPIX"]) // 8 * int(np.prod(self.shape)) if self.shape else 0

    @property
    def data(self) -> Any:
        kind = np.dtype(_TYPES[self.header["BITPIX"]])
        return np.fromfile(self.path, kind, int(np.prod(self.shape)), offset=self.begin).reshape(self.shape)


def plain_images(path: Path) -> list[PlainImage] | None:
    """All images of a file, without their pixels; None if the file is not plain."""
    found: list[PlainImage] = []
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            at = 0
            while at < size:
                text = _header_text(file, at)
                if text is None:
                    return None
                header = PlainHeader(text)
                begins = "SIMPLE  =                    T" if not found else "XTENSION= 'IMAGE   '"
                plain = header.get("PCOUNT", 0) == 0 and header.get("GCOUNT", 1) == 1 and header["BITPIX"] in _TYPES
                if not (plain and text.startswith(begins)):
                    return None
                name = str(header.get("EXTNAME", "" if found else "PRIMARY"))
                image = PlainImage(path, header, name, at + len(text))
                found.append(image)
                at = image.begin + -(-image.n_bytes // _BLOCK) * _BLOCK
        whole = at == size and len(found) > found[0].header.get(N_EXTENSIONS, 0)
        return found if whole else None
    except (OSError, LookupError, TypeError, ValueError):
        return None


def _header_text(file: BinaryIO, at: int) -> str | None:
    """The blocks of a header up to its END; None if it is not plain."""
    file.seek(at)
    text = ""
    for _ in range(_MOST_BLOCKS):
        block = file.read(_BLOCK)
        if len(block) < _BLOCK or not block.isascii():
            return None
        text += block.decode("ascii")
        cards = [text[begin : begin + 13] for begin in range(len(text) - _BLOCK, len(text), _CARD)]
        if any(card.startswith(_NOT_PLAIN) for card in cards):
            return None
        if any(card.startswith("END     ") for card in cards):
            return text
    return None
