"""J-PLUS."""

from __future__ import annotations

from agez.surveys.javalambre import CEFCA_UNITS, TOPS, TWELVE, aliases, by_nanometres
from agez.surveys.record import DATA, ImageFacts, MeasuredCurves, ShippedModel, SurveyRecord, VectorOrder

#: Of the models of twelve bands.
FAINT = "Ages and metallicities of single faint galaxies: twelve bands leave wide intervals, which say so."

JPLUS = SurveyRecord(
    name="jplus",
    title="J-PLUS",
    bands=TWELVE,
    profiles=DATA / "jplus.ecsv",
    aliases=aliases(TWELVE),
    respell=by_nanometres,
    vector_orders=(  # from a public script for DR3
        VectorOrder("J-PLUS", (
            "rSDSS", "gSDSS", "iSDSS", "zSDSS", "uJAVA", "J0378", "J0395", "J0410", "J0430", "J0515", "J0660", "J0861",
        )),
    ),
    table_units=CEFCA_UNITS,
    images=ImageFacts(
        ("jast80", "jast/t80"), ("t80cam",), psf_fwhm=("OAJ PRO FWHMMEAN",), psf_beta=("OAJ PRO FWHMBETA",),
    ),
    svo=("OAJ", "JPLUS"),
    measured=MeasuredCurves(
        "jplus_total_2015.csv",
        "measured total throughput (filter x CCD x atmosphere) of the J-PLUS filters, CEFCA 2015-05-19 (J. Varela, "
        "A. Marin-Franch, C. Iniguez)",
        fits={**TOPS, "zSDSS": {"degree": 10, "edge_level": 0.05, "widest_edge": 80.0}},  # the detector's fall
    ),
    model=ShippedModel(limits=(FAINT,)),
    citation="Cenarro et al. 2019, A&A 622, A176",
)  # fmt: skip
