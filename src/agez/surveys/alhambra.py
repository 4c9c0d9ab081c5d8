"""ALHAMBRA."""

from __future__ import annotations

from agez.surveys.record import SurveyRecord

#: Centre [nm] and FWHM [Angstrom] of each band.
_NOMINAL = {
    366: 279, 394: 330, 425: 342, 457: 332, 491: 356, 522: 326, 551: 297, 581: 324, 613: 320, 646: 357,
    678: 314, 708: 332, 739: 304, 770: 354, 802: 312, 829: 296, 861: 369, 892: 303, 921: 308, 948: 319,
}  # fmt: skip

ALHAMBRA = SurveyRecord(
    name="alhambra",
    title="ALHAMBRA",
    bands=tuple(f"A{nm}M" for nm in _NOMINAL),
    nominal=tuple((10.0 * nm, float(fwhm)) for nm, fwhm in _NOMINAL.items()),
    source="nominal centres and FWHM, Aparicio Villegas et al. 2010, AJ 139, 1242; flat profile",
    # catalogues (Molino et al. 2014, MNRAS 441, 2891) name the bands on a regular 31 nm grid
    aliases={f"F{365 + 31 * number}W": f"A{nm}M" for number, nm in enumerate(_NOMINAL)},
    svo=("CAHA", "ALHAMBRA"),
    citation="Moles et al. 2008, AJ 136, 1325; Aparicio Villegas et al. 2010, AJ 139, 1242",
)
