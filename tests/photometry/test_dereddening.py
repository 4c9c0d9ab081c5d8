"""Milky Way dereddening: published coefficients, what comes back, and rows that cannot be helped."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_sample import made_up_sample

import agez
from agez.errors import AgezError
from agez.flags import Flag, has_flag
from agez.photometry.dereddening import deredden, extinction_coefficients
from agez.photometry.filters import filter_set_from_curves
from agez.photometry.milky_way import fitzpatrick99

#: Schlafly & Finkbeiner 2011, ApJ 737, 103, table 6, R_V = 3.1: A_b over the E(B-V) of the SFD map.
PUBLISHED = {"u": 4.239, "g": 3.303, "r": 2.285, "i": 1.698, "z": 1.263}


@pytest.fixture
def photometry():
    return made_up_sample(8, missing=0.2).photometry


def test_published_coefficients_of_sdss():
    speclite = pytest.importorskip("speclite.filters")
    curves = {
        one.name[-1]: (np.asarray(one.wavelength), np.asarray(one.response))
        for one in speclite.load_filters("sdss2010-*")
    }
    sdss = filter_set_from_curves("sdss", curves, source="speclite")
    got = dict(zip(sdss.names, extinction_coefficients(sdss), strict=True))
    assert got == pytest.approx(PUBLISHED, rel=0.01)  # theirs are for a star of 7000 K
    by_width = extinction_coefficients(sdss.bands)
    np.testing.assert_allclose(by_width, list(got.values()), rtol=0.01)


@pytest.mark.parametrize("name", ["jpas", "jplus", "splus", "alhambra"])
def test_shipped_sets(name):
    filters = agez.load_filters(name)
    got = extinction_coefficients(filters)
    np.testing.assert_allclose(extinction_coefficients(filters.bands), got, rtol=0.006)
    narrow = np.array(filters.bands.fwhm_angstrom) < 450
    order = np.argsort(np.array(filters.bands.pivot_angstrom)[narrow])
    assert (np.diff(got[narrow][order]) < 0).all()
    # between SDSS bands the coefficients of all others lie on the line through the published ones, to a few per cent
    line = np.interp(filters.bands.pivot_angstrom, [3557, 4702, 6176, 7490, 8947], list(PUBLISHED.values()))
    inside = (np.array(filters.bands.pivot_angstrom) > 3557) & (np.array(filters.bands.pivot_angstrom) < 8947)
    np.testing.assert_allclose(got[inside], line[inside], rtol=0.05)


def test_recalibration_is_one_factor():
    bands = agez.load_filters("jplus").bands
    ratio = extinction_coefficients(bands) / extinction_coefficients(bands, recalibrate=False)
    assert ratio == pytest.approx(np.full(len(bands), 0.78 * 1.319 / 1.16788), abs=1e-5)


def test_a_very_narrow_band_has_the_laws_value():
    line = filter_set_from_curves("own", {"n": (np.array([4999.0, 5000, 5001]), np.array([0.0, 1, 0]))}, source="test")
    got = extinction_coefficients(line, recalibrate=False)
    assert got == pytest.approx(fitzpatrick99(np.array([5000.0]), 3.1), abs=1e-4)


def test_dust_put_in_front_is_taken_away(photometry, rng):
    ebv = rng.uniform(0, 0.3, len(photometry))
    dust = 10 ** (-0.4 * extinction_coefficients(photometry.bands) * ebv[:, None])
    seen = replace(photometry, flux=photometry.flux * dust, flux_err=photometry.flux_err * dust)
    got = deredden(seen, ebv)
    np.testing.assert_allclose(got.flux, photometry.flux)
    np.testing.assert_allclose(got.flux_err, photometry.flux_err)
    assert np.array_equal(got.flags, photometry.flags)
    nothing = deredden(photometry, 0.0, ebv_fraction_err=0.16)
    assert np.array_equal(nothing.flux, photometry.flux, equal_nan=True)


def test_the_error_of_ebv_is_first_order(photometry):
    photometry = replace(photometry, flux_err=0 * photometry.flux)
    got = deredden(photometry, 0.1, ebv_fraction_err=0.01)
    up, down = deredden(photometry, 0.101), deredden(photometry, 0.099)
    np.testing.assert_allclose(got.flux_err, np.abs(up.flux - down.flux) / 2, rtol=1e-4)
    unknown = replace(photometry, flux_err=np.full(photometry.flux.shape, np.nan))
    assert np.isnan(deredden(unknown, 0.1, ebv_fraction_err=0.16).flux_err).all()


def test_rows_without_ebv_have_no_flux_and_spoil_no_neighbour(photometry):
    ebv = np.full(len(photometry), 0.1)
    ebv[[1, 3, 4]] = np.nan, -0.2, np.inf
    got, all_good = deredden(photometry, ebv), deredden(photometry, 0.1)
    bad = np.isin(np.arange(len(photometry)), [1, 3, 4])
    assert not got.covered[bad].any()
    assert has_flag(got.flags, Flag.BAD_ERROR).tolist() == bad.tolist()
    assert has_flag(got.flags, Flag.NO_DATA)[bad].all()
    assert np.array_equal(got.flux[~bad], all_good.flux[~bad], equal_nan=True)


@pytest.mark.parametrize(
    ("ebv", "changes", "words"),
    [
        (-0.1, {}, r"E\(B-V\) is -0.1; expected a finite number, 0 or more"),
        (np.nan, {}, r"E\(B-V\) is nan"),
        ([0.1, 0.2], {}, r"E\(B-V\) has shape \(2,\); expected one number, or one for each of 8 rows"),
        (0.1, {"ebv_fraction_err": -1}, "ebv_fraction_err is -1"),
    ],
)
def test_bad_arguments(photometry, ebv, changes, words):
    with pytest.raises(AgezError, match=words):
        deredden(photometry, ebv, **changes)
