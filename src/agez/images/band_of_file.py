"""Which band an image file is of: from its header, or from its name."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agez.errors import AgezError
from agez.photometry.names import find_band
from agez.surveys.registry import image_keywords, survey_of_camera, surveys, surveys_in_text

#: Keywords that say the band in any survey's images, first the ones that are used most.
BAND_KEYWORDS = ("FILTER", "BAND", "FILTNAM", "FILTNAME", "FILTER1", "FNAME")


def band_of_file(
    path: Path, headers: Sequence[Mapping[str, Any]], known: Sequence[str], *, band_of: Mapping[str, str]
) -> str:
    """The band of an image, by its survey's name.

    What the user says (``band_of``: file name, or path as given -> band) counts first; then the header's keyword
    (:data:`BAND_KEYWORDS`); then the file's name, if exactly one of its words (split at everything that is neither
    letter nor digit) is a band, in any spelling of :func:`agez.photometry.names.canonical_band_name`; single letters
    (``g``) count only where no longer word does.

    Raises
    ------
    AgezError
        If nothing says the band, if the name says several, or if header and name say different ones.
    """
    said = band_of.get(str(path), band_of.get(path.name))
    if said is not None:
        band = find_band(said, known)
        if band is None:
            raise AgezError(f"{path}: --band-of says {said!r}; the bands are {', '.join(known)}")
        return band
    in_name, is_sure = _bands_in_name(path.name, known)
    in_header = _band_in_header(headers, known)
    hint = f"say it with --band-of {path.name}=BAND; the bands are {', '.join(known)}"
    if in_header is not None:
        if is_sure and len(in_name) == 1 and in_name[0] != in_header:
            raise AgezError(f"{path}: the header says band {in_header}, the file's name {in_name[0]}; {hint}")
        return in_header
    if len(in_name) > 1:
        raise AgezError(f"{path}: the file's name fits several bands: {', '.join(in_name)}; {hint}")
    if not in_name:
        found = next(_said_in_headers(headers), None)
        where = f"the header says {found!r}, which is no band of the set" if found else "neither header nor name says"
        raise AgezError(f"{path}: unknown band ({where}); {hint}")
    return in_name[0]


def _said_in_headers(headers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What the headers say of the band, under one keyword after the other."""
    for keyword in (*image_keywords("band"), *BAND_KEYWORDS):
        for header in headers:
            value = header.get(keyword)
            if isinstance(value, str) and value.strip():
                yield value.strip()


def _band_in_header(headers: Sequence[Mapping[str, Any]], known: Sequence[str]) -> str | None:
    words = (word for said in _said_in_headers(headers) for word in (said, said.split()[0]))
    return next((band for word in words if (band := find_band(word, known))), None)


def _bands_in_name(name: str, known: Sequence[str]) -> tuple[list[str], bool]:
    """The bands that the words of a file's name say, and whether words of more than one letter say them."""
    words = re.split(r"[^A-Za-z0-9]+", re.sub(r"(\.(fits?|fz|gz))+$", "", name, flags=re.IGNORECASE))
    # pairs, too: the paper's JPAS4000_145
    pairs = [f"{a}_{b}" for a, b in itertools.pairwise(words)]
    long = [band for word in [*words, *pairs] if len(word) > 1 and (band := find_band(word, known))]
    if long:
        return list(dict.fromkeys(long)), True
    short = [band for word in words if len(word) == 1 and (band := find_band(word, known))]
    return list(dict.fromkeys(short)), False


def filter_set_of(
    paths: Sequence[Path], headers: Sequence[Sequence[Mapping[str, Any]]], *, model_set: str | None = None
) -> str:
    """The filter set of some image files: by survey, instrument or telescope in the headers, by a survey's name as a
    word of the files' names, or by bands that only one set has; else ``model_set``, if it has them all.

    Raises
    ------
    AgezError
        If that does not tell.
    """
    found = set().union(*(sets_in_headers(of_file) for of_file in headers))
    if not found:
        for path in paths:
            found |= surveys_in_text(path.name, words=True)
    if len(found) == 1:
        return found.pop()
    if len(found) > 1:
        raise AgezError(f"the images are of several surveys ({', '.join(sorted(found))}); say which with --filters")

    def of_bands(names: Sequence[str]) -> list[bool]:
        return [
            bool(_band_in_header(of_file, names) or _bands_in_name(path.name, names)[0])
            for path, of_file in zip(paths, headers, strict=True)
        ]

    sets = {record.name: record.bands for record in surveys() if not record.part_of}
    for name, bands in sets.items():
        only_here = set(bands).difference(*(others for other, others in sets.items() if other != name))
        if any(of_bands(sorted(only_here))):
            return name
    if model_set in sets and all(of_bands(sets[model_set])):
        return model_set
    raise AgezError(
        f"{paths[0].parent}: the headers do not say which survey the images are of; say it with --filters, one of "
        f"{', '.join(sets)}"
    )


def sets_in_headers(headers: Sequence[Mapping[str, Any]]) -> set[str]:
    """The filter sets of the surveys, instruments and telescopes that a file's headers name."""
    found: set[str | None] = set()
    for header in headers:
        text = " ".join(str(header.get(key, "")) for key in ("SURVEY", "INSTRUME", "TELESCOP", "INSTRUMENT"))
        found |= {*surveys_in_text(text), survey_of_camera(text)}
    return {name for name in found if name is not None}
