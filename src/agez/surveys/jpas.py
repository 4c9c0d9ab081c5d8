"""J-PAS, with miniJPAS."""

from __future__ import annotations

from agez.surveys.javalambre import (
    ALIASES,
    CEFCA_TABLES,
    CEFCA_UNITS,
    NARROW,
    by_nanometres,
    cefca,
    cefca_release,
)
from agez.surveys.record import DATA, ImageFacts, ShippedModel, SurveyRecord, VectorOrder

_BANDS = ("uJAVA", *NARROW, "J1007", "gSDSS", "rSDSS", "iSDSS")
_NARROW_AND_ENDS = ("uJAVA", *NARROW, "J1007")

JPAS = SurveyRecord(
    name="jpas",
    title="J-PAS",
    bands=_BANDS,
    profiles=DATA / "jpas.ecsv",
    aliases=ALIASES,
    respell=by_nanometres,
    vector_orders=(  # written from memory, as CEFCA's FLAGS and MASK_FLAGS are
        VectorOrder("J-PAS", _NARROW_AND_ENDS),
        VectorOrder("J-PAS", (*_NARROW_AND_ENDS, "iSDSS")),
        VectorOrder("miniJPAS", (*_NARROW_AND_ENDS, "uJPAS", "gSDSS", "rSDSS", "iSDSS")),
    ),
    table_units=CEFCA_UNITS,
    tables=CEFCA_TABLES,
    images=ImageFacts(telescopes=("jst250", "jst/t250"), instruments=("jpcam",)),
    svo=("OAJ", "JPAS"),
    model=ShippedModel(
        _NARROW_AND_ENDS,
        ("The broad g, r and i of J-PAS: it has the narrow bands and the two broad ones at the ends.",),
    ),
    archive=cefca(
        # miniJPAS (Bonoli et al. 2021), public; its own u is another filter than J-PAS' uJAVA
        cefca_release("minijpas-pdr201912", "minijpas", _BANDS, photoz="PhotoZLephare_updated"),
        cefca_release("jpas-idr202406", "jpas", (*_NARROW_AND_ENDS, "iSDSS"), needs_login=True),
    ),
    citation="Benítez et al. 2014, arXiv:1403.5237; Bonoli et al. 2021, A&A 653, A31",
)
