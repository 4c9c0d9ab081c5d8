"""J-PAS, with miniJPAS."""

from __future__ import annotations

from agez.surveys.javalambre import CEFCA_UNITS, NARROW, TOPS, aliases, by_nanometres
from agez.surveys.record import DATA, ImageFacts, MeasuredCurves, ShippedModel, SurveyRecord, VectorOrder

_BANDS = ("uJAVA", *NARROW, "J1007", "gSDSS", "rSDSS", "iSDSS")
_NARROW_AND_ENDS = ("uJAVA", *NARROW, "J1007")

JPAS = SurveyRecord(
    name="jpas",
    title="J-PAS",
    bands=_BANDS,
    profiles=DATA / "jpas.ecsv",
    aliases=aliases(_BANDS),
    respell=by_nanometres,
    vector_orders=(  # written from memory, as CEFCA's FLAGS and MASK_FLAGS are
        VectorOrder("J-PAS", _NARROW_AND_ENDS),
        VectorOrder("J-PAS", (*_NARROW_AND_ENDS, "iSDSS")),
        VectorOrder("miniJPAS", (*_NARROW_AND_ENDS, "uJPAS", "gSDSS", "rSDSS", "iSDSS")),
    ),
    table_units=CEFCA_UNITS,
    images=ImageFacts(telescopes=("jst250", "jst/t250"), instruments=("jpcam",)),
    svo=("OAJ", "JPAS"),
    measured=MeasuredCurves(
        "jpas_measured_2017.csv",
        "measured total throughput of the J-PAS filters, CEFCA 2017-03-16 (J. Varela, A. Marin-Franch); "
        "iSDSS: SDSS reference response, Doi et al. 2010, AJ 139, 1628, as in speclite's sdss2010-i",
        speclite={"iSDSS": "sdss2010-i"},
        fits=TOPS,
    ),
    model=ShippedModel(
        _NARROW_AND_ENDS,
        ("The broad g, r and i of J-PAS: it has the narrow bands and the two broad ones at the ends.",),
    ),
    citation="Benítez et al. 2014, arXiv:1403.5237; Bonoli et al. 2021, A&A 653, A31",
)
