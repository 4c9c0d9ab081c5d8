"""What the surveys of Javalambre and the T80-South have in common: band names, spellings, CEFCA's tables."""

from __future__ import annotations

import re

#: The 54 narrow bands of J-PAS (Benitez et al. 2014, arXiv:1403.5237).
NARROW_NM = (378, 390, *range(400, 911, 10))
NARROW = tuple(f"J{nm:04d}" for nm in NARROW_NM)
#: The bands of J-PLUS and S-PLUS, which are different filters of the same names.
TWELVE = (
    "uJAVA", "J0378", "J0395", "J0410", "J0430", "gSDSS", "J0515", "rSDSS", "J0660", "iSDSS", "J0861", "zSDSS",
)  # fmt: skip
ALIASES = {
    "J0348": "uJAVA", "J0348_": "uJAVA", "U": "uJAVA", "U_JAVA": "uJAVA",
    "G": "gSDSS", "R": "rSDSS", "I": "iSDSS",
}  # fmt: skip
_NANOMETRES = re.compile(r"[JF]0?(\d{3,4})")
#: Fluxes of CEFCA's tables come without a unit that can be parsed.  From scripts that are public: FLambdaDualObj; and
#: FNuDualObj, which is multiplied by 1e-7 there to give Jy.
CEFCA_UNITS = {
    f"{quantity}{kind}OBJ": unit
    for quantity, unit in (("FNU", "1e-30 erg / (s cm2 Hz)"), ("FLAMBDA", "1e-19 erg / (s cm2 Angstrom)"))
    for kind in ("DUAL", "SINGLE")
}


def by_nanometres(word: str) -> str | None:
    """``F378`` and ``F0378`` are ``J0378``, ``J348`` is ``uJAVA``."""
    number = _NANOMETRES.fullmatch(word)
    name = f"J{int(number[1]):04d}" if number else None
    return "uJAVA" if name == "J0348" else name
