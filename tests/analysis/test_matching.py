"""Values of two files that belong together: maps on different grids and regions, tables by identifier or by place."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from agez.analysis.compared_file import Side, of_galaxy, read_side
from agez.analysis.matching import ids_in_common, match
from agez.errors import AgezError
from agez.flags import Flag
from agez.sky_offsets import sky_offsets
from agez.tables.maps import BinMap, MapFrame
from agez.tables.maps_files import maps_hdus
from agez.tables.table_files import table_hdu, write_fits

CENTRE = (150.0, 30.0)


def wcs_of(shape, pixel_arcsec, turned_deg=0.0, centre=CENTRE) -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = centre
    wcs.wcs.crpix = [(shape[1] + 1) / 2, (shape[0] + 1) / 2]
    c, s, p = np.cos(np.radians(turned_deg)), np.sin(np.radians(turned_deg)), pixel_arcsec / 3600
    wcs.wcs.cd = [[-p * c, p * s], [p * s, p * c]]
    return wcs


def offsets_of(shape, wcs) -> np.ndarray:
    from astropy.coordinates import SkyCoord

    y, x = np.indices(shape)
    return np.stack([one.reshape(shape) for one in
                     sky_offsets(wcs, x.ravel(), y.ravel(), SkyCoord(*CENTRE, unit="deg"))])  # fmt: skip


def field(offsets) -> np.ndarray:
    """An age that rises to the north and falls to the west [log yr]."""
    return 9.0 - 0.01 * offsets[0] + 0.02 * offsets[1]


def blocks(shape, size) -> np.ndarray:
    y, x = np.indices(shape)
    return (y // size) * (shape[1] // size) + x // size


def write_map(path, bin_id, wcs, *, shift=0.0, error=0.1, unreliable=None) -> Path:
    offsets = offsets_of(bin_id.shape, wcs)
    n = bin_id.max() + 1
    values = np.array([field(offsets)[bin_id == k].mean() for k in range(n)]) + shift
    one = BinMap("LOG_AGE_LW", values, np.full(n, error), unit="dex", unreliable=unreliable)
    frame = MapFrame(bin_id, wcs=dict(wcs.to_header()), offsets=offsets)
    write_fits(path, maps_hdus([one], frame))
    return path


def test_maps_on_other_grids_are_matched_on_the_sky(tmp_path):
    """Regions of A against single pixels of B, which are half as large, turned, and elsewhere centred."""
    shape = (24, 24)
    a = read_side(write_map(tmp_path / "a.fits", blocks(shape, 6), wcs_of(shape, 1.0)))
    fine = (90, 90)
    wcs = wcs_of(fine, 0.5, turned_deg=30.0, centre=(150.001, 29.999))
    b = read_side(write_map(tmp_path / "b.fits", np.arange(8100).reshape(fine), wcs, shift=-0.3, error=0.2))
    for found, sign in ((match(a, b), 1.0), (match(b, a), -1.0)):
        assert len(found) == 16
        assert found.how == "regions of a.fits, by sky position"
        np.testing.assert_allclose(found.a["log_age_lw"] - found.b["log_age_lw"], sign * 0.3, atol=0.006)
        assert sorted({found.n_a, found.n_b}) == [16, 8100]
    np.testing.assert_allclose(match(a, b).b_err["log_age_lw"], 0.2, rtol=1e-5)
    assert match(a, b).regions.shape == shape
    # no disc is known: radii are distances from the centre on the sky
    assert match(a, b).radius_unit == "arcsec"
    assert match(a, b).radius.min() == pytest.approx(np.mean(np.hypot(*(np.indices((6, 6)) + 0.5))), rel=1e-3)


def test_regions_that_the_other_does_not_cover_have_no_value(tmp_path):
    shape = (12, 12)
    a = read_side(write_map(tmp_path / "a.fits", blocks(shape, 3), wcs_of(shape, 1.0)))
    half = np.where(np.indices(shape)[1] < 7, np.arange(144).reshape(shape), -1)
    numbers = np.cumsum((half >= 0).ravel()).reshape(shape) - 1
    b = read_side(write_map(tmp_path / "b.fits", np.where(half >= 0, numbers, -1), wcs_of(shape, 1.0)))
    found = match(a, b)
    known = np.isfinite(found.b["log_age_lw"]).reshape(4, 4)
    assert known.tolist() == [[True, True, False, False]] * 4  # a third of the third column's pixels


def test_truth_is_averaged_by_light(tmp_path):
    """A region of two halves, of which the second has all the light."""
    shape = (4, 4)
    wcs = wcs_of(shape, 1.0)
    frame = MapFrame(np.zeros(shape, int), wcs=dict(wcs.to_header()))
    write_fits(tmp_path / "a.fits", maps_hdus([BinMap("MH_LW", np.array([0.1]), np.array([0.05]))], frame))
    right = np.indices(shape)[1] >= 2
    hdus = [fits.ImageHDU(np.where(right, 1.0, -1.0), wcs.to_header(), name="MH_LW_SEEN"),
            fits.ImageHDU(np.full(shape, 7.0), wcs.to_header(), name="MH_LW"),
            fits.ImageHDU(right.astype(float), wcs.to_header(), name="LIGHT_SEEN"),
            fits.ImageHDU(np.full(shape, 0.5), wcs.to_header(), name="R_RE")]  # fmt: skip
    write_fits(tmp_path / "t.fits", hdus)
    truth = read_side(tmp_path / "t.fits")
    found = match(read_side(tmp_path / "a.fits"), truth)
    assert found.b["mh_lw"].tolist() == [1.0]
    assert found.radius.tolist() == [0.5]
    assert (found.radius_unit, truth.remarks != ()) == ("Re", True)


def test_unreliable_regions_are_left_out_and_counted(tmp_path):
    shape = (4, 4)
    doubtful = np.array([False, True, False, False])
    side = read_side(write_map(tmp_path / "a.fits", blocks(shape, 2), wcs_of(shape, 1.0), unreliable=doubtful))
    assert side.n_faults == 1
    assert len(match(side, side)) == 3


def test_maps_elsewhere_are_refused(tmp_path):
    shape = (4, 4)
    here, there = (
        read_side(write_map(tmp_path / f"{k}.fits", blocks(shape, 2), wcs_of(shape, 1.0, centre=(150.0 + k, 30.0))))
        for k in (0, 1)
    )
    with pytest.raises(AgezError, match="no place in common"):
        match(here, there)


def test_maps_without_sky_are_matched_pixel_by_pixel_or_not_at_all(tmp_path):
    shape = (4, 4)
    a = read_side(write_map(tmp_path / "a.fits", blocks(shape, 2), wcs_of(shape, 1.0)))
    bare = replace(a, sky=None, offsets=None)
    assert "neither map says" in match(bare, bare).how
    smaller = replace(bare, shape=(2, 8))
    with pytest.raises(AgezError, match="nothing to match by"):
        match(bare, smaller)


# ---------------------------------------------------------------- tables


def table(path, **columns) -> Side:
    Table(columns).write(path, overwrite=True)
    return read_side(path)


def test_tables_are_joined_by_identifier_in_any_order(tmp_path, rng):
    ids, ages = np.array([f"s{k}" for k in range(50)]), rng.normal(9, 0.3, 50)
    order = rng.permutation(50)[:40]
    a = table(tmp_path / "a.fits", spec_id=ids, log_age_lw=ages, log_age_lw_err=np.full(50, 0.1))
    b = table(tmp_path / "b.csv", id=ids[order], true_log_age_lw=ages[order] + 0.5)
    found = match(a, b)
    assert (len(found), found.how, found.radius) == (40, "rows of the same identifier", None)
    np.testing.assert_allclose(found.b["log_age_lw"] - found.a["log_age_lw"], 0.5)
    assert np.isnan(found.b_err["log_age_lw"]).all()
    assert ids_in_common(a, b)


def test_rows_of_different_galaxies_are_not_the_same(tmp_path):
    a = table(tmp_path / "a.fits", galaxy_id=["G1", "G2"], spec_id=["1", "1"], av=[0.1, 0.2])
    b = table(tmp_path / "b.fits", galaxy_id=["G2", "G1"], spec_id=["1", "1"], av=[0.2, 0.1])
    assert match(a, b).b["av"].tolist() == [0.1, 0.2]
    near = {"x": [0.0, 0.0], "y": [1.0, 1.0], "av": [0.1, 0.2]}
    a = table(tmp_path / "a.fits", galaxy_id=["G1", "G2"], **near)
    b = table(tmp_path / "b.fits", galaxy_id=["G2", "G3"], **near)
    found = match(a, b)
    assert (found.a["av"].tolist(), found.b["av"].tolist()) == ([0.2], [0.1])


def test_an_identifier_that_stands_twice_is_refused(tmp_path):
    a = table(tmp_path / "a.fits", id=["1", "2"], av=[0.1, 0.2])
    b = table(tmp_path / "b.fits", id=["2", "2"], av=[0.1, 0.2])
    with pytest.raises(AgezError, match=r"'2' stands twice in .*b.fits"):
        match(a, b)
    assert not ids_in_common(a, b)


def test_rows_are_matched_by_position_within_the_tolerance(tmp_path):
    sky = {"ra": [150.0, 150.1, 150.2], "dec": [89.0, 89.0, 89.0]}  # near the pole degrees of ra are short
    a = table(tmp_path / "a.fits", id=["x", "y", "z"], mh_lw=[1.0, 2.0, 3.0], **sky)
    moved = {"ra": [150.2 + 0.005, 150.0, 150.1], "dec": [89.0, 89.0 + 0.7 / 3600, 89.1]}
    b = table(tmp_path / "b.fits", id=["p", "q", "r"], mh_lw=[30.0, 10.0, 20.0], **moved)
    found = match(a, b)
    assert found.a["mh_lw"].tolist() == [1.0, 3.0]
    assert found.b["mh_lw"].tolist() == [10.0, 30.0]
    assert "within 1 arcsec, by sky position" in found.how
    with pytest.raises(AgezError, match=r"within 0.1 arcsec.*--tolerance"):
        match(a, b, tolerance_arcsec=0.1)


def test_a_table_beside_maps_is_averaged_over_the_regions_that_its_rows_lie_in(tmp_path):
    """By the rows' light; a row beside the map has no region.  Without regions each row has its pixel."""
    shape = (20, 20)
    a = read_side(write_map(tmp_path / "a.fits", blocks(shape, 10), wcs_of(shape, 1.0)))
    x, y = np.array([5.1, 4.2, -5.0, 300.0]), np.array([5.2, 5.1, -5.0, 0.0])
    b = table(tmp_path / "b.fits", x=x, y=y, log_age_lw=[8.0, 9.0, 10.0, 11.0], light=[1.0, 3.0, 1.0, 1.0])
    for found, values in ((match(a, b), "b"), (match(b, a), "a")):
        assert sorted(getattr(found, values)["log_age_lw"].tolist()) == [8.75, 10.0]
        assert found.regions.max() == 1
        assert (found.regions >= 0).sum() == 200
    pixels = replace(a, regions=None)
    found = match(pixels, b)
    assert found.b["log_age_lw"].tolist() == [8.0, 9.0, 10.0]
    assert found.regions is None


def test_faults_and_codes_have_no_value(tmp_path):
    flags = np.array([0, int(Flag.FIT_FAILED), 0], np.int32)
    a = table(tmp_path / "a.fits", id=["1", "2", "3"], av=[0.1, 0.2, -99.0], flags=flags)
    assert np.isnan(a.values["av"]).tolist() == [False, True, True]
    assert a.n_faults == 1


def test_units_are_brought_together_or_refused(tmp_path):
    a = table(tmp_path / "a.ecsv", id=["1"], velocity_kms=[120.0])
    a = replace(a, units={"velocity_kms": "km/s"})
    b = replace(a, units={"velocity_kms": "m/s"})
    assert match(a, b).b["velocity_kms"].tolist() == [0.12]
    with pytest.raises(AgezError, match=r"velocity_kms is in km/s .* and in mag"):
        match(a, replace(a, units={"velocity_kms": "mag"}))


def test_nothing_in_common_is_said(tmp_path):
    a = table(tmp_path / "a.fits", id=["1"], av=[0.1])
    b = table(tmp_path / "b.fits", id=["1"], mh_lw=[0.1])
    with pytest.raises(AgezError, match=r"no quantity in common: av against mh_lw"):
        match(a, b)
    with pytest.raises(AgezError, match="--columns"):
        table(tmp_path / "c.fits", id=["1"], something=[0.1])
    assert read_side(tmp_path / "c.fits", columns=("something",)).values["something"].tolist() == [0.1]
    c = table(tmp_path / "c.fits", id=["9"], av=[0.1])
    with pytest.raises(AgezError, match="nothing to match by"):
        match(a, c)


def test_offsets_are_joined_within_one_galaxy(tmp_path):
    """Galaxies whose centres coincide in offsets: a map of G1 beside the truth of three."""
    shape, wcs = (8, 8), wcs_of((8, 8), 1.0)
    bins, offsets = blocks(shape, 4), offsets_of(shape, wcs)
    frame = MapFrame(bins, offsets=offsets)
    names = Table({"galaxy_id": ["G1"] * 4, "spec_id": list("abcd")})
    maps = maps_hdus([BinMap("LOG_AGE_LW", np.full(4, 9.0), np.full(4, 0.1))], frame)
    write_fits(tmp_path / "a.fits", [table_hdu(names, name="LABELS"), *maps])
    x, y = (np.tile(one.ravel(), 3) for one in offsets)
    truth = table(tmp_path / "t.csv", galaxy_id=np.repeat(["G1", "G2", "G3"], 64), x=x, y=y,
                  log_age_lw=np.repeat([9.0, 5.0, 7.0], 64))  # fmt: skip
    a = read_side(tmp_path / "a.fits")
    for found in (match(a, truth), match(truth, a)):
        assert (found.a["log_age_lw"] - found.b["log_age_lw"]).tolist() == [0.0] * 4
    for other in (replace(a, galaxy=None), replace(a, galaxy=np.full(64, "elsewhere"))):
        with pytest.raises(AgezError, match=r"t.csv holds 3 galaxies \(G1, G2, G3\).*--galaxy"):
            match(other, truth)
        assert match(other, of_galaxy(truth, "G2")).b["log_age_lw"].tolist() == [5.0] * 4
    with pytest.raises(AgezError, match=r"no galaxy_id is 'G9'; it holds G1, G2, G3"):
        of_galaxy(truth, "G9")
    assert of_galaxy(a, "G2") is a  # a file of one galaxy is of that one, whatever its name for it
