"""S-PLUS."""

from __future__ import annotations

from agez.surveys.archive import Archive, JoinedTable, Release
from agez.surveys.javalambre import ALIASES, EBV, PHOTOMETRIC, SPECTROSCOPIC, TWELVE, by_nanometres
from agez.surveys.jplus import FAINT
from agez.surveys.record import DATA, ColumnForm, ImageFacts, ShippedModel, SurveyRecord, TableFacts

_NARROW = tuple(name for name in TWELVE if name.startswith("J"))
#: Bands as its catalogues have them: ``u``, ``J0378``, and in the first releases ``uJAVA`` and ``F378``.
_BAND_NAMES = {
    "u": "uJAVA", "g": "gSDSS", "r": "rSDSS", "i": "iSDSS", "z": "zSDSS", "uJAVA": "uJAVA",
    **{name: name for name in _NARROW},
    **{f"F{int(name[1:])}": name for name in _NARROW},
    **{f"F{name[1:]}": name for name in _NARROW},
}  # fmt: skip
#: Columns of its catalogues (DR1: Mendes de Oliveira et al. 2019; DR2: Almeida-Fernandes et al. 2022, MNRAS 511, 4590;
#: DR4: Herpich et al. 2024, A&A 689, A249).  ``auto`` is the flux within Kron's ellipse, nearly all of a galaxy's light
#: (Kron 1980; Bertin & Arnouts 1996); photometric redshifts of galaxies and morphologies are made with it.  ``PStotal``
#: is a 3 arcsec aperture corrected to the whole light of a *point* source, and ``psf`` fits one: both lose light of
#: galaxies, unlike in each band with its seeing.
_TABLES = TableFacts(
    forms=(
        ColumnForm(
            "{band}_{aperture}",
            ("e_{band}_{aperture}", "e{band}_{aperture}", "err_{band}_{aperture}", "{band}_{aperture}_err"),
        ),
    ),
    apertures=("auto", "petro", "iso", "aper_6", "aper_3", "aper", "PStotal", "psf"),
    advice="the total light of galaxies; PStotal and psf are for point sources",
    band_names=_BAND_NAMES,
    spectroscopic=SPECTROSCOPIC,
    photometric=("zb", "zml", *PHOTOMETRIC),  # BPZ (Benitez 2000), and mixture density networks (Lima et al. 2022)
    redshift_errors={"zb": "zb_Min,zb_Max", "zml": "zml_16p,zml_84p"},  # 68 % intervals
    ebv=EBV,
    ids=("ID", "ID_dual", "ID_det", "OBJ_ID", "Field,NUMBER", "NUMBER"),
)

#: splus.cloud, as public scripts and the package splusdata ask it.  Redshifts: Lima et al. 2022, A&C 38, 100510.
_BANDS = {"uJAVA": "u", **{name: name for name in _NARROW}, **{f"{one}SDSS": one for one in "griz"}}
_PHOTOZ = ("zml", "zml_16p|zml_16q", "zml_84p|zml_84q", "odds")


def _release(name: str, table: str, photoz: str, *, band_table: str = "") -> Release:
    return Release(
        name=name,
        tap="public-TAP/tap",
        table=table,
        position=("RA", "DEC"),
        ids=("ID",),
        value="{band}_auto",
        error="e_{band}_auto",
        bands={band: _BANDS[band] for band in TWELVE},
        more=("Field",),
        band_table=band_table,
        joined=(JoinedTable(photoz, _PHOTOZ),),
        images=name,
    )


SPLUS = SurveyRecord(
    name="splus",
    title="S-PLUS",
    bands=TWELVE,
    profiles=DATA / "splus.ecsv",
    aliases=ALIASES | {"Z": "zSDSS"},
    respell=by_nanometres,
    tables=_TABLES,
    images=ImageFacts(
        ("t80s",), ("t80cam-south",), psf_fwhm=("MAR PRO FWHMMEAN",), psf_beta=("MAR PRO FWHMBETA",), cubes=True
    ),
    svo=("CTIO", "S-PLUS"),
    model=ShippedModel(limits=(FAINT,)),
    archive=Archive(
        "splus.cloud",
        "https://splus.cloud",
        (
            _release(
                "dr4", "dr4_dual.dr4_dual_detection", "dr4_vacs.dr4_gal_photoz", band_table="dr4_dual.dr4_dual_{band}"
            ),
            _release("dr5", "dr5.dr5_dual", "dr5_vacs.dr5_photoz_v3"),
        ),
        zero_points={"dr4": "files/documentation/iDR4/tabelas/iDR4_zero-points.csv"},
    ),
    citation="Mendes de Oliveira et al. 2019, MNRAS 489, 241",
)
