"""J-PLUS."""

from __future__ import annotations

from dataclasses import replace

from agez.surveys.javalambre import ALIASES, CEFCA_TABLES, CEFCA_UNITS, TWELVE, by_nanometres, cefca, cefca_release
from agez.surveys.record import DATA, ColumnForm, ImageFacts, ShippedModel, SurveyRecord, VectorOrder

#: Of the models of twelve bands.
FAINT = "Ages and metallicities of single faint galaxies: twelve bands leave wide intervals, which say so."

JPLUS = SurveyRecord(
    name="jplus",
    title="J-PLUS",
    bands=TWELVE,
    profiles=DATA / "jplus.ecsv",
    aliases=ALIASES | {"Z": "zSDSS"},
    respell=by_nanometres,
    vector_orders=(  # from a public script for DR3
        VectorOrder("J-PLUS", (
            "rSDSS", "gSDSS", "iSDSS", "zSDSS", "uJAVA", "J0378", "J0395", "J0410", "J0430", "J0515", "J0660", "J0861",
        )),
    ),
    table_units=CEFCA_UNITS,
    # beside CEFCA's own: ``gSDSS_auto``, as users write the elements of vectors
    tables=replace(
        CEFCA_TABLES, forms=(*CEFCA_TABLES.forms, ColumnForm("{band}_{aperture}", ("e_{band}_{aperture}",
                                                                                   "{band}_{aperture}_err"))),
    ),
    images=ImageFacts(
        ("jast80", "jast/t80"), ("t80cam",), psf_fwhm=("OAJ PRO FWHMMEAN",), psf_beta=("OAJ PRO FWHMBETA",),
    ),
    svo=("OAJ", "JPLUS"),
    model=ShippedModel(limits=(FAINT,)),
    archive=cefca(*(cefca_release(f"jplus-{name}", "jplus", TWELVE) for name in ("dr3", "dr2", "dr1"))),
    citation="Cenarro et al. 2019, A&A 622, A176",
)  # fmt: skip
