"""Numbers that are written where nothing was measured: whatever a survey writes, the band is not observed, and said."""

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from agez.flags import Flag, has_flag
from agez.photometry.measured import FAINTEST_MAGNITUDE, from_fluxes, from_magnitudes
from agez.photometry.tables import table_to_photometry

MISSING = (99.9, 99.99, -99.9, 50.0, 40.1, -999.9, 1e10, 3.4028235e38, -3.4028235e38, 1.7976931348623157e308, 98.0)


def magnitudes(value: float, error: float, dtype: type = float) -> Table:
    """A row with a band in question, and one without."""
    table = Table({"redshift": [0.01, 0.01]})
    table["mag_J0400"], table["mag_J0400_err"] = np.array([value, 20.0], dtype), np.array([error, 0.1], dtype)
    table["mag_J0500"], table["mag_J0500_err"] = [20.0, 20.0], [0.1, 0.1]
    return table


def fluxes(value: float, error: float, dtype: type = float, *, usual: float = 50.0) -> Table:
    table = Table({"redshift": [0.01, 0.01]})
    for name in ("J0400", "J0500", "J0600"):
        table[f"flux_{name}"], table[f"flux_{name}_err"] = np.full(2, usual, dtype), np.full(2, 0.02 * usual, dtype)
    table["flux_J0400"][0], table["flux_J0400_err"][0] = value, error
    return table


@pytest.mark.parametrize("value", MISSING)
@pytest.mark.parametrize("error", [0.1, 9.99, 99.9, np.nan])
def test_magnitudes_that_no_galaxy_has(value: float, error: float) -> None:
    found = table_to_photometry(magnitudes(value, error))
    assert found.covered[:, 0].tolist() == [False, True]
    assert found.covered[:, 1].all()
    assert np.isnan(found.flux_err[0, 0])
    assert found.meta["counted"]["placeholder J0400"] == 1
    assert any("J0400 1" in line for line in found.meta["remarks"])
    assert not has_flag(found.flags, Flag.BAD_ERROR | Flag.NON_FINITE).any()


@pytest.mark.parametrize("value", [99.9, 99.99, 50.0, 3.4e38])
def test_single_precision_is_no_way_around(value: float) -> None:
    assert not table_to_photometry(magnitudes(value, 0.1, np.float32)).covered[0, 0]
    assert not table_to_photometry(fluxes(-value, 1.0, np.float32)).covered[0, 0] or value == 50.0


@pytest.mark.parametrize(
    ("value", "error", "flux", "flux_err"),
    [
        (99.0, 23.9, 0.0, 1.0),  # the documented form of a limit
        (99.0, 99.0, np.nan, np.nan), (99.0, 0.1, np.nan, np.nan), (99.0, 9.99, np.nan, np.nan),
        (-99.0, -99.0, np.nan, np.nan), (99.0, 99.9, np.nan, np.nan), (99.0, 3.4e38, np.nan, np.nan),
        (23.9, -99.0, 1.0, np.nan),  # a negative code is an unknown error
        (23.9, 99.0, np.nan, np.nan), (23.9, 50.0, np.nan, np.nan), (23.9, 1e30, np.nan, np.nan),
        (23.9, 10.0, np.nan, np.nan), (23.9, 5.0, 1.0, 5 * 0.4 * np.log(10)),
        (0.0, 0.0, np.nan, np.nan), (0.0, np.nan, np.nan, np.nan), (0.0, 0.1, 10**9.56, 0.04 * np.log(10) * 10**9.56),
        (30.0, 0.1, 10**-2.44, 0.04 * np.log(10) * 10**-2.44), (23.9, 0.0, np.nan, np.nan),
    ],
)  # fmt: skip
def test_magnitudes_and_their_errors(value: float, error: float, flux: float, flux_err: float) -> None:
    found = table_to_photometry(magnitudes(value, error))
    assert np.allclose([found.flux[0, 0], found.flux_err[0, 0]], [flux, flux_err], equal_nan=True)
    assert has_flag(found.flags, Flag.BAD_ERROR).tolist() == [error == 0.0 and value != 0.0, False]


@pytest.mark.parametrize(
    ("value", "error"),
    [(1e30, 1.0), (-1e30, 1.0), (9.9e99, 9.9e99), (1e20, 1.0), (50.0, 1e30), (50.0, 9.9e99), (-99.9, 1.0), (1e9, 1.0),
     (-99.99, -99.99), (-99999.0, 1.0), (99.9, 99.9), (99.9, -99.9), (3.4028235e38, 1.0), (1.7e308, 1.7e308)],
)  # fmt: skip
def test_fluxes_that_no_galaxy_has(value: float, error: float) -> None:
    found = table_to_photometry(fluxes(value, error))
    assert found.covered.tolist() == [[False, True, True], [True, True, True]]
    assert np.isnan(found.flux_err[0, 0])
    assert found.meta["counted"] == {"redshift_unknown": 0, "placeholder J0400": 1}


@pytest.mark.parametrize(("value", "error"), [(99.0, 2.0), (99.9, 2.0), (99.9, np.nan), (999.0, 5.0), (-98.0, 5.0),
                                              (0.0, 3.0), (-5.0, 3.0), (2e5, 5.0), (50.0, 4e4)])  # fmt: skip
def test_fluxes_that_are_fluxes(value: float, error: float) -> None:
    found = table_to_photometry(fluxes(value, error))
    assert found.flux[0, 0] == value
    assert np.array_equal(found.flux_err[0, 0], error, equal_nan=True)


@pytest.mark.parametrize("usual", [1e-6, 3e7, 1e12, 1e20])
def test_a_table_in_a_unit_of_its_own_is_left_as_it_is(usual: float) -> None:
    found = table_to_photometry(fluxes(2 * usual, 0.01 * usual, usual=usual), unit="uJy")
    assert found.covered.all()
    assert found.flux[0, 0] == 2 * usual


def test_placeholders_in_units_and_vectors() -> None:
    table = fluxes(1e38, 1.0)
    for name in table.colnames[1:]:
        table[name].unit = "mJy"
    assert not table_to_photometry(table).covered[0, 0]
    vectors = Table({"MAG_AUTO": np.full((2, 12), 20.0), "MAG_ERR_AUTO": np.full((2, 12), 0.1)})
    vectors["MAG_AUTO"][0, :3], vectors["MAG_ERR_AUTO"][0, 3] = (99.9, 50.0, 3e38), 99.99
    found = table_to_photometry(vectors, redshift=0)
    assert found.covered.sum(axis=1).tolist() == [8, 12]
    assert sum(found.meta["counted"].values()) == 4


@given(st.floats(allow_nan=True, allow_infinity=True), st.floats(allow_nan=True, allow_infinity=True))
def test_nothing_but_finite_fluxes_of_galaxies_comes_out(value: float, error: float) -> None:
    """Any two numbers give a flux that a galaxy can have with an error that is one, or nothing."""
    brightest = 10 ** (0.4 * (23.9 + FAINTEST_MAGNITUDE)) * 1.001
    for read in (from_fluxes, from_magnitudes):
        found = read(np.array([[value]]), np.array([[error]]))
        assert np.isnan(found.flux[0, 0]) or abs(found.flux[0, 0]) <= brightest
        assert np.isnan(found.flux_err[0, 0]) or (found.flux_err[0, 0] > 0 and np.isfinite(found.flux[0, 0]))
        marks = found.infinite, found.bad_error, found.placeholder
        assert np.isnan(found.flux[0, 0]) or not any(one[0, 0] for one in marks)
