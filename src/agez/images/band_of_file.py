"""Which band an image file is of: from its header, or from its name."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agez.errors import AgezError
from agez.photometry.names import BANDS_OF_SET, canonical_band_name

#: Keywords that say the band, first the ones that are used most.
BAND_KEYWORDS = ("FILTER", "BAND", "FILTNAM", "FILTNAME", "FILTER1", "FNAME")
#: Filter set of an instrument, where a header says which it is; JPCam and the two T80Cams, from memory.
_SET_OF_INSTRUMENT = (
    ("jpcam", "jpas"), ("t80cam-south", "splus"), ("t80s", "splus"), ("t80cam", "jplus"), ("jast80", "jplus"),
    ("jast/t80", "jplus"), ("jst250", "jpas"), ("jst/t250", "jpas"),
)  # fmt: skip


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
        band = _known(said, known)
        if band is None:
            raise AgezError(f"{path}: --band-of says {said!r}; the bands are {', '.join(known)}")
        return band
    in_name, is_sure = _bands_in_name(path.name, known)
    in_header = _band_in_header(headers, known)
    hint = f"say it with band_of (file name and band); the bands are {', '.join(known)}"
    if in_header is not None:
        if is_sure and len(in_name) == 1 and in_name[0] != in_header:
            raise AgezError(f"{path}: the header says band {in_header}, the file's name {in_name[0]}; {hint}")
        return in_header
    if len(in_name) > 1:
        raise AgezError(f"{path}: the file's name fits several bands: {', '.join(in_name)}; {hint}")
    if not in_name:
        found = _said_in_header(headers)
        where = f"the header says {found!r}, which is no band of the set" if found else "neither header nor name says"
        raise AgezError(f"{path}: unknown band ({where}); {hint}")
    return in_name[0]


def _said_in_header(headers: Sequence[Mapping[str, Any]]) -> str | None:
    for keyword in BAND_KEYWORDS:
        for header in headers:
            value = header.get(keyword)
            if isinstance(value, str) and value.strip():
                return value.strip()
    return None


def _band_in_header(headers: Sequence[Mapping[str, Any]], known: Sequence[str]) -> str | None:
    for keyword in BAND_KEYWORDS:
        for header in headers:
            value = header.get(keyword)
            if isinstance(value, str):
                band = _known(value.strip(), known) or _known(value.strip().split()[0] if value.strip() else "", known)
                if band is not None:
                    return band
    return None


def _known(word: str, known: Sequence[str]) -> str | None:
    try:
        return canonical_band_name(word, known) if word else None
    except AgezError:
        return None


def _bands_in_name(name: str, known: Sequence[str]) -> tuple[list[str], bool]:
    """The bands that the words of a file's name say, and whether words of more than one letter say them."""
    words = re.split(r"[^A-Za-z0-9]+", re.sub(r"(\.(fits?|fz|gz))+$", "", name, flags=re.IGNORECASE))
    # pairs, too: the paper's JPAS4000_145
    pairs = [f"{a}_{b}" for a, b in itertools.pairwise(words)]
    long = [band for word in [*words, *pairs] if len(word) > 1 and (band := _known(word, known))]
    if long:
        return list(dict.fromkeys(long)), True
    short = [band for word in words if len(word) == 1 and (band := _known(word, known))]
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
            words = set(re.split(r"[^a-z0-9]+", path.name.lower().replace("-plus", "plus").replace("-pas", "pas")))
            found |= words & {"jplus", "splus", "jpas", "alhambra"}
    if len(found) == 1:
        return found.pop()
    if len(found) > 1:
        raise AgezError(
            f"the images are of several surveys ({', '.join(sorted(found))}); give filters, or fewer images"
        )
    for name in ("jpas", "alhambra"):
        only_here = set(BANDS_OF_SET[name]).difference(
            *(BANDS_OF_SET[other] for other in BANDS_OF_SET if other != name)
        )
        for path, of_file in zip(paths, headers, strict=True):
            bands = _bands_in_name(path.name, sorted(only_here))[0]
            if _band_in_header(of_file, sorted(only_here)) or bands:
                return name
    if model_set in BANDS_OF_SET:
        names = BANDS_OF_SET[model_set]
        if all(
            _band_in_header(of_file, names) or _bands_in_name(path.name, names)[0]
            for path, of_file in zip(paths, headers, strict=True)
        ):
            return model_set
    raise AgezError(
        f"{paths[0].parent}: the headers do not say which survey the images are of; give filters, one of "
        f"{', '.join(BANDS_OF_SET)}"
    )


def sets_in_headers(headers: Sequence[Mapping[str, Any]]) -> set[str]:
    """The filter sets of the surveys, instruments and telescopes that a file's headers name."""
    found = set()
    for header in headers:
        keywords = ("SURVEY", "INSTRUME", "TELESCOP", "INSTRUMENT")
        text = " ".join(str(header.get(key, "")) for key in keywords).lower()
        for survey in ("j-plus", "jplus", "s-plus", "splus", "j-pas", "jpas"):
            if survey in text:
                found.add(survey.replace("-", ""))
        match = next((name for word, name in _SET_OF_INSTRUMENT if word in text), None)
        if match is not None:
            found.add(match)
    return found
