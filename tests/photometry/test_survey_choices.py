"""What is taken of a survey's table without being asked, and what is not: wrong choices would be silent."""

import numpy as np
import pytest
from astropy.table import Table

from agez.errors import AgezError
from agez.photometry.tables import table_to_photometry
from agez.surveys.splus import SPLUS

BANDS = ("u", "J0378", "J0395", "J0410", "J0430", "g", "J0515", "r", "J0660", "i", "J0861", "z")


def splus_table(n=40, **more):
    rng = np.random.default_rng(1)
    columns = {f"{band}_auto": 17 + 0.1 * rng.standard_normal(n) for band in BANDS}
    columns |= {f"e_{band}_auto": np.full(n, 0.05) for band in BANDS}
    return Table(columns | {"zb": np.full(n, 0.05), **more})


def remarks(photometry):
    return "\n".join(photometry.meta["remarks"])


def test_spectroscopic_redshifts_are_taken_only_where_nearly_all_rows_have_one():
    spec = np.full(40, 0.06)
    assert (table_to_photometry(splus_table(z_spec=spec), filters="splus").redshift == 0.06).all()
    spec[:10] = 0.0  # no redshift, in many tables
    few = table_to_photometry(splus_table(z_spec=spec), filters="splus")
    assert (few.redshift == 0.05).all()
    assert "z_spec has values in few" in remarks(few)


def test_extinction_is_taken_by_its_spelling_and_where_it_is_known():
    assert "EBV" in SPLUS.tables.ebv
    known = table_to_photometry(splus_table(EBV=np.full(40, 0.1)), filters="splus")
    assert "column EBV is not used" in remarks(known)
    mostly = np.full(40, np.nan)
    mostly[:5] = 0.1
    assert "EBV has values in few" not in remarks(known)
    assert "EBV is not used" not in remarks(table_to_photometry(splus_table(EBV=mostly), filters="splus"))
    of_colour = table_to_photometry(splus_table(e_B_V=np.full(40, 1.0)), filters="splus")
    assert "E(B-V)" not in remarks(of_colour)


def test_an_index_is_no_identifier_with_a_suffix():
    table = splus_table(idx=np.arange(40))
    assert "id: column" not in remarks(table_to_photometry(table, filters="splus"))
    joined = splus_table(ID_x=np.arange(40))
    assert "id: column ID_x" in remarks(table_to_photometry(joined, filters="splus"))


def test_two_columns_of_one_band_are_refused():
    with pytest.raises(AgezError, match="both of band J0378"):
        table_to_photometry(splus_table(F0378_auto=np.full(40, 17.0)), filters="splus")


def test_one_scalar_does_not_hide_vectors_of_all_bands():
    rng = np.random.default_rng(2)
    table = Table({
        "MAG_AUTO": 17 + 0.1 * rng.standard_normal((30, 12)), "MAG_ERR_AUTO": np.full((30, 12), 0.05),
        "MAG_AUTO_rSDSS": np.full(30, 17.0), "PHOTOZ": np.full(30, 0.1),
    })  # fmt: skip
    assert table_to_photometry(table, filters="jplus").covered.sum(axis=1).tolist() == [12] * 30
