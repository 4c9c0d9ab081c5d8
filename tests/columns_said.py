"""What the columns of a written table say of themselves: unit, comment and UCD, in every format that has a place."""

from __future__ import annotations

import warnings
from pathlib import Path

from astropy.io import fits
from astropy.io.votable.ucd import check_ucd
from astropy.table import Table

#: Columns of agez's own that are text, bits, numbers of things, ratios, or in the unit of another column.
WITHOUT_UNIT = (
    "id", "spec_id", "galaxy_id", "r_re", "n_", "snr_band", "redshift", "covered", "correlation", "prior_strength",
    "chi2", "ood", "fold", "flags", "good", "photometry_flags", "label_flags", "morphology", "bulge_fraction", "name",
    "band", "factor", "light", "mass", "quantity", "slope", "intercept", "reason", "set_a_", "set_b_", "stars", "gas",
    "used", "worst_band", "dn4000", "model", "region_band", "bands_missing", "snr_whole", "file", "remarks", "weighted",
    "formed_before",
)  # fmt: skip
#: Of those, what begins like one and has a unit.
_MUST = ("gas_velocity", "gas_sigma")


def is_without_unit(name: str) -> bool:
    """Whether a column of this name has no unit to say."""
    inner = name.removeprefix("true_").removeprefix("label_")
    if inner.startswith(("mix",)):
        return inner.endswith(("_weight", "redshift_phot")) or "_cov_" in inner
    return inner.startswith(WITHOUT_UNIT) and not inner.startswith(_MUST)


def said_by_fits(path: Path) -> dict[tuple[str, str], tuple[str, str, str]]:
    """(extension, column): unit, comment, UCD of every table of a file."""
    found = {}
    with fits.open(path) as hdus:
        for hdu in hdus:
            if isinstance(hdu, fits.BinTableHDU):
                for k, column in enumerate(hdu.columns, start=1):
                    words = (hdu.header.get(f"{key}{k}", "") for key in ("TUNIT", "TCOMM", "TUCD"))
                    found[hdu.name, column.name] = tuple(words)
    return found


def said_by_table(path: Path) -> dict[tuple[str, str], tuple[str, str, str]]:
    """The same of a table that astropy reads: ECSV, Parquet."""
    table = Table.read(path)
    return {
        ("", name): (str(table[name].unit or ""), table[name].description or "", table[name].meta.get("ucd", ""))
        for name in table.colnames
    }


def check_columns(path: Path, *, of_others: tuple[str, ...] = ()) -> None:
    """Every column of every table says what it is; those of somebody else's say nothing that they did not before."""
    found = said_by_fits(path) if path.suffix == ".fits" else said_by_table(path)
    assert found, path
    for (extension, name), (unit, comment, ucd) in found.items():
        where = f"{path.name}, {extension} {name}: unit {unit!r}, comment {comment!r}, ucd {ucd!r}"
        if name in of_others:
            assert (unit, comment, ucd) == ("", "", ""), where
            continue
        assert comment, where
        assert len(comment) <= 68, where  # one card of a FITS header
        assert ucd, where
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert check_ucd(ucd, check_controlled_vocabulary=True, has_colon=True), where
        if extension not in ("FIT",):
            assert bool(unit) != is_without_unit(name), where
