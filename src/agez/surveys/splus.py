"""S-PLUS."""

from __future__ import annotations

from agez.surveys.javalambre import ALIASES, TWELVE, by_nanometres
from agez.surveys.jplus import FAINT
from agez.surveys.record import DATA, ImageFacts, ShippedModel, SurveyRecord

SPLUS = SurveyRecord(
    name="splus",
    title="S-PLUS",
    bands=TWELVE,
    profiles=DATA / "splus.ecsv",
    aliases=ALIASES | {"Z": "zSDSS"},
    respell=by_nanometres,
    images=ImageFacts(
        ("t80s",), ("t80cam-south",), psf_fwhm=("MAR PRO FWHMMEAN",), psf_beta=("MAR PRO FWHMBETA",), cubes=True
    ),
    svo=("CTIO", "S-PLUS"),
    model=ShippedModel(limits=(FAINT,)),
    citation="Mendes de Oliveira et al. 2019, MNRAS 489, 241",
)
