"""Names of bands: the sets that agez knows, their order, and the other spellings in use."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agez.errors import AgezError

_NARROW = (378, 390, *range(400, 911, 10))
#: The 54 narrow bands of J-PAS (Benitez et al. 2014, arXiv:1403.5237), then its wide and broad ones.
JPAS_NARROW = tuple(f"J{nm:04d}" for nm in _NARROW)
_TWELVE = (
    "uJAVA", "J0378", "J0395", "J0410", "J0430", "gSDSS", "J0515", "rSDSS", "J0660", "iSDSS", "J0861", "zSDSS",
)  # fmt: skip
_ALHAMBRA_NM = (
    366, 394, 425, 457, 491, 522, 551, 581, 613, 646, 678, 708, 739, 770, 802, 829, 861, 892, 921, 948,
)  # fmt: skip

#: The bands of each known set, in the order of its columns.
BANDS_OF_SET: dict[str, tuple[str, ...]] = {
    "jpas": ("uJAVA", *JPAS_NARROW, "J1007", "gSDSS", "rSDSS", "iSDSS"),
    "jplus": _TWELVE,
    "splus": _TWELVE,
    "alhambra": tuple(f"A{nm}M" for nm in _ALHAMBRA_NM),
}

#: The 34 bands of Liew-Cain et al. (2021, MNRAS 502, 1355): J0378 to J0730 without the two around H-alpha.
PAPER_BANDS = tuple(name for name in JPAS_NARROW if name <= "J0730" and name not in ("J0660", "J0670"))

#: ALHAMBRA's catalogues (Molino et al. 2014, MNRAS 441, 2891) name the same 20 bands on a regular 31 nm grid.
_ALHAMBRA_ALIASES = {f"F{365 + 31 * k}W": f"A{nm}M" for k, nm in enumerate(_ALHAMBRA_NM)}
_ALIASES = {
    "J0348": "uJAVA", "J0348_": "uJAVA", "UJAVA": "uJAVA", "U": "uJAVA", "U_JAVA": "uJAVA",
    "G": "gSDSS", "R": "rSDSS", "I": "iSDSS", "Z": "zSDSS",
    "GSDSS": "gSDSS", "RSDSS": "rSDSS", "ISDSS": "iSDSS", "ZSDSS": "zSDSS", "UJPAS": "uJPAS",
    **_ALHAMBRA_ALIASES,
}  # fmt: skip
_PAPER_STYLE = re.compile(r"JPAS_?(\d{4,5})_\d+")
_SURVEY_PREFIX = re.compile(r"(JPAS|JPLUS|J-PLUS|SPLUS|S-PLUS|J-PAS|ALHAMBRA)[_.\-]?(?=[A-Z])")
_NANOMETRES = re.compile(r"[JF]0?(\d{3,4})")


def canonical_band_name(name: str, known: Sequence[str] | None = None) -> str:
    """The survey's own name of a band, from any spelling in use.

    Understood: another case; ``J0348`` for ``uJAVA``; ``u g r i z``; S-PLUS's ``F378`` and ``F0378``;
    ALHAMBRA's ``F365W``; a survey's name in front (``JPLUS_J0378``); the paper's ``JPAS4000_145``,
    whose first number is the centre [Angstrom] on the nominal grid.  A name that none of this fits
    comes back unchanged.

    Parameters
    ----------
    name : str
    known : sequence of str, optional
        Bands to choose from: a name that is among them, in any case, is taken first, and one
        that cannot be found among them raises AgezError.
    """
    if known is not None:
        by_case = {band.lower(): band for band in known}
        if name in known:
            return name
        if name.lower() in by_case:
            return by_case[name.lower()]
    found = _spelled_out(name)
    if known is not None and found not in known:
        raise AgezError(f"band {name!r} is unknown; the bands are {', '.join(known)}")
    return found


def _spelled_out(name: str) -> str:
    upper = name.strip().upper()
    paper = _PAPER_STYLE.fullmatch(upper)
    if paper:
        angstrom = int(paper[1])
        # The two bluest narrow bands are off the 100 A grid and the paper's files round them.
        nearest = min(_NARROW, key=lambda nm: abs(10 * nm - angstrom))
        return f"J{nearest:04d}" if abs(10 * nearest - angstrom) <= 40 else name
    upper = _SURVEY_PREFIX.sub("", upper, count=1)
    if upper in _ALIASES:
        return _ALIASES[upper]
    number = _NANOMETRES.fullmatch(upper)
    if number:
        in_nm = f"J{int(number[1]):04d}"
        return _ALIASES.get(in_nm, in_nm)
    for bands in BANDS_OF_SET.values():
        for band in bands:
            if band.upper() == upper:
                return band
    return name
