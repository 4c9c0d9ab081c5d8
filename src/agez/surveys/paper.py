"""The bands of Liew-Cain et al. (2021): J0378 to J0730 of J-PAS without the two around H-alpha."""

from __future__ import annotations

import re

from agez.surveys.javalambre import NARROW, NARROW_NM
from agez.surveys.record import ShippedModel, SurveyRecord

PAPER_BANDS = tuple(name for name in NARROW if name <= "J0730" and name not in ("J0660", "J0670"))
_STYLE = re.compile(r"JPAS_?(\d{4,5})_\d+")


def _by_centre(word: str) -> str | None:
    """``JPAS4000_145`` is ``J0400``: the first number is the centre [Angstrom] on the nominal grid."""
    spelled = _STYLE.fullmatch(word)
    if spelled is None:
        return None
    # the two bluest narrow bands are off the 100 A grid, and the paper's files round them
    nearest = min(NARROW_NM, key=lambda nm: abs(10 * nm - int(spelled[1])))
    return f"J{nearest:04d}" if abs(10 * nearest - int(spelled[1])) <= 40 else None


PAPER = SurveyRecord(
    name="paper",
    title="Liew-Cain et al. 2021",
    bands=PAPER_BANDS,
    part_of="jpas",
    respell=_by_centre,
    model=ShippedModel(
        PAPER_BANDS,
        (
            "Photometry of surveys: most of its galaxies are mocks of an integral-field survey in the rest frame, as "
            "photometry made of spectra is.  For observed bands take `jpas`.",
        ),
    ),
    citation="Liew-Cain, Kawata, Sánchez-Blázquez, Ferreras & Symeonidis 2021, MNRAS 502, 1355",
)
