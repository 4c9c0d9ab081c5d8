"""S-PLUS."""

from __future__ import annotations

from agez.surveys.javalambre import TOPS, TWELVE, aliases, by_nanometres
from agez.surveys.jplus import FAINT
from agez.surveys.record import DATA, ImageFacts, MeasuredCurves, ShippedModel, SurveyRecord

SPLUS = SurveyRecord(
    name="splus",
    title="S-PLUS",
    bands=TWELVE,
    profiles=DATA / "splus.ecsv",
    aliases=aliases(TWELVE),
    respell=by_nanometres,
    images=ImageFacts(
        ("t80s",), ("t80cam-south",), psf_fwhm=("MAR PRO FWHMMEAN",), psf_beta=("MAR PRO FWHMBETA",), cubes=True
    ),
    svo=("CTIO", "S-PLUS"),
    measured=MeasuredCurves(
        "splus_measured.csv",
        "measured transmission x atmosphere x mirror x CCD of the S-PLUS T80S filters, S-PLUS collaboration",
        fits=TOPS,
    ),
    model=ShippedModel(limits=(FAINT,)),
    citation="Mendes de Oliveira et al. 2019, MNRAS 489, 241",
)
