"""What the surveys of Javalambre and the T80-South have in common: band names, spellings, CEFCA's tables."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agez.surveys.archive import Archive, JoinedTable, Release
from agez.surveys.record import ColumnForm, TableFacts

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


#: What every survey's users call columns of redshifts and of E(B-V), after those of their own.
SPECTROSCOPIC = ("zspec", "z_spec", "specz", "spec_z", "redshift_spec", "Z_SPEC_BEST")
PHOTOMETRIC = ("zphot", "z_phot", "photoz", "photo_z", "z_best", "redshift_phot")
EBV = ("EBV", "E_BV", "EBV_SFD", "EBV_SCH", "SFD_EBV")
_CEFCA_APERTURES = ("0_8", "1_0", "1_2", "1_5", "2_0", "3_0", "4_0", "6_0")
#: Tables of CEFCA's archive brought to a column a band (TAP: ``mag_auto[jplus::J0378]``).  AUTO, within Kron's ellipse,
#: is the total flux of galaxies (Bonoli et al. 2021, A&A 653, A31; Gonzalez Delgado et al. 2021, A&A 649, A79 fit
#: stellar populations to it); PSFCOR and APER_COR are corrected for the light that a point source has outside, and
#: are made for colours (Molino et al. 2019, A&A 622, A178).
CEFCA_TABLES = TableFacts(
    forms=(
        ColumnForm(
            "MAG_{aperture}_{band}",
            ("MAG_ERR_{aperture}_{band}", "MAGERR_{aperture}_{band}", "MAG_{aperture}_ERR_{band}",
             "MAG_{aperture}_{band}_ERR", "E_MAG_{aperture}_{band}"),
        ),
        ColumnForm(
            "FLUX_{aperture}_{band}",
            ("FLUX_ERR_{aperture}_{band}", "FLUXERR_{aperture}_{band}", "FLUX_{aperture}_ERR_{band}",
             "FLUX_{aperture}_{band}_ERR", "E_FLUX_{aperture}_{band}"),
            ("FLUX_RELERR_{aperture}_{band}", "FLUX_{aperture}_RELERR_{band}", "FLUX_{aperture}_{band}_RELERR"),
            quantity="flux",
        ),
        ColumnForm(
            "{aperture}_{band}",
            ("ERR_{aperture}_{band}", "{aperture}_ERR_{band}", "{aperture}_{band}_ERR", "E_{aperture}_{band}"),
            ("RELERR_{aperture}_{band}", "{aperture}_RELERR_{band}", "{aperture}_{band}_RELERR"),
            quantity="either",
        ),
    ),
    apertures=(
        "AUTO", "PSFCOR", "PETRO", *(f"APER_COR_{one}" for one in reversed(_CEFCA_APERTURES)), "ISO",
        *(f"APER_{one}" for one in reversed(_CEFCA_APERTURES)), "APER3_WORSTPSF", "APER_3_WORSTPSF",
    ),
    advice="the total flux of galaxies",
    either_unit="1e-19 erg / (s cm2 Angstrom)",  # J-PAS' early data release, flat, is made of FLambdaDualObj
    spectroscopic=SPECTROSCOPIC,
    photometric=("PHOTOZ", "Z_ML", "ZML", *PHOTOMETRIC),
    ebv=EBV,
    ids=("ID", "OBJ_ID", "OBJECT_ID", "TILE_ID,NUMBER", "NUMBER"),
)  # fmt: skip


def by_nanometres(word: str) -> str | None:
    """``F378`` and ``F0378`` are ``J0378``, ``J348`` is ``uJAVA``."""
    number = _NANOMETRES.fullmatch(word)
    name = f"J{int(number[1]):04d}" if number else None
    return "uJAVA" if name == "J0348" else name


def cefca_release(
    name: str, schema: str, bands: Sequence[str], *, photoz: str = "PhotoZLephare", needs_login: bool = False
) -> Release:
    """A release of CEFCA's archive (``jplus-dr3``), whose tables are all made alike.

    Elements of vectors are asked for by the filter's name (``MAG_AUTO[jplus::J0378]``): their numbers follow no order
    of the bands.  Photometric redshifts are LePhare's (Hernan-Caballero et al. 2021, A&A 654, A101).
    """
    return Release(
        name=name.partition("-")[2] if schema == "jplus" else name,
        tap=f"vo/tap/{name}",
        table=f"{schema}.MagABDualObj",
        position=("ALPHA_J2000", "DELTA_J2000"),
        ids=("TILE_ID", "NUMBER"),
        value=f"MAG_AUTO[{schema}::{{band}}]",
        error=f"MAG_ERR_AUTO[{schema}::{{band}}]",
        bands={band: band for band in bands},
        more=("CLASS_STAR",),
        joined=(
            JoinedTable(f"{schema}.{photoz}", ("PHOTOZ", "PHOTOZ_ERR", "ODDS")),
            JoinedTable(f"{schema}.MWExtinction", ("EBV",)),
        ),
        images=f"vo/siap/{name}",
        needs_login=needs_login,
    )


def cefca(*releases: Release) -> Archive:
    """CEFCA's archive; a synchronous query brings 10 000 rows there at most."""
    return Archive("cefca", "https://archive.cefca.es/catalogues", releases)
