"""The light of all regions together: sums, shares of bands that regions lack, tables of rows that differ."""

import numpy as np
import pytest
from astropy.table import Table

from agez.mapping.whole_galaxy import sum_of_rows
from agez.tables.column_metadata import words_of
from agez.tables.summaries import join_rows, slope_columns
from agez.types import Bands, Photometry, Rows

BANDS = Bands(("a", "b", "c"), (4000.0, 5000.0, 6000.0), (100.0,) * 3, "own")
LIGHT = np.array([5.0, 3.0, 2.0])
SED = np.array([1.0, 2.0, 4.0])


def photometry(covered):
    flux = np.where(covered, LIGHT[:, None] * SED, np.nan)
    err = np.where(covered, [[0.3], [0.4], [1.2]], np.nan)
    return Photometry(BANDS, flux, err, np.asarray(covered), Rows.numbered(3), np.full(3, 0.02), np.zeros(3, np.int32))


def test_fluxes_add_and_independent_errors_add_in_quadrature():
    whole = sum_of_rows(photometry(np.ones((3, 3), bool)))
    np.testing.assert_allclose(whole.flux, [LIGHT.sum() * SED])
    np.testing.assert_allclose(whole.flux_err, 1.3)
    assert whole.redshift.tolist() == [0.02]


@pytest.mark.parametrize("row", [0, 1, 2])
def test_a_band_that_lacks_a_region_is_made_up_for_by_the_others_light(row):
    covered = np.ones((3, 3), bool)
    covered[row, 1] = False
    whole = sum_of_rows(photometry(covered))
    share = 1 - LIGHT[row] / LIGHT.sum()
    assert whole.covered.tolist() == [[True, share >= 0.6, True]]
    np.testing.assert_allclose(whole.flux[0, [0, 2]], LIGHT.sum() * SED[[0, 2]])
    if share >= 0.6:
        np.testing.assert_allclose(whole.flux[0, 1], LIGHT.sum() * SED[1], rtol=0.1)
        assert whole.flux_err[0, 1] > np.sqrt(1.69 - 1.44)


def test_rows_of_different_columns_make_one_table():
    first = Table({"name": ["a"], "x": [1.0], "good": [True]}, meta={"model": "m", "version": "1"})
    second = Table({"name": ["long name"], "y": [2], "good": [False]}, meta={"model": "n", "version": "1"})
    table = join_rows([first, second])
    assert list(table["name"]) == ["a", "long name"]
    np.testing.assert_array_equal(table["x"], [1.0, np.nan])
    assert list(table["y"]) == [0, 2]
    assert dict(table.meta) == {"version": "1"}
    assert len(join_rows([])) == 0


def test_slopes_have_columns_that_say_what_they_are():
    gradients = [{"quantity": "mh_lw", "slope": -0.2, "slope_err": 0.1, "slope_scatter": None}]
    columns = slope_columns("mh_lw", gradients)
    assert columns["mh_lw_slope"] == [-0.2]
    assert np.isnan(columns["mh_lw_slope_scatter"][0])
    assert np.isnan(slope_columns("log_age_lw", gradients)["log_age_lw_slope"][0])
    assert words_of("mh_lw_slope").comment == "slope per Re of light-weighted mean [M/H], dex"
    assert words_of("mh_lw_slope_err").unit == "dex"
    assert words_of("nothing_slope").comment == ""
