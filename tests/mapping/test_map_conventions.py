"""Maps of images as other programs read them: WCS of images that are turned, units, strict JSON, variances."""

import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from agez.images.image_set import ImageSet
from agez.images.noise_correlation import WHITE
from agez.images.regions import RegionSettings
from agez.mapping.map_files import profile_table, write_galaxy_maps
from agez.mapping.map_galaxy import Geometry, MapSettings, map_galaxy, with_gradients
from agez.models.model_file import load_model
from agez.tables.maps import MapBit

MODEL = load_model("splus")
SHAPE, CENTRE = (44, 50), (27.0, 20.0)


def turned_wcs(angle, *, mirrored=False):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [359.999, -45.0], [28.0, 21.0]
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    wcs.wcs.cd = 0.55 / 3600 * np.diag([1.0 if mirrored else -1.0, 1.0]) @ turn
    return wcs


def galaxy(wcs, *, name="NGC 1"):
    rng = np.random.default_rng(8)
    y, x = np.indices(SHAPE)
    wave = np.array(MODEL.bands.pivot_angstrom)[:, None, None] / 5500
    flux = 100 * np.exp(-np.hypot(x - CENTRE[0], y - CENTRE[1]) / 6) * wave**2 + rng.normal(size=(len(wave), *SHAPE))
    return ImageSet(
        MODEL.bands, flux.astype(np.float32), np.ones_like(flux, np.float32), np.zeros(flux.shape, bool), wcs,
        np.full(len(wave), 1.2), (WHITE,) * len(wave), MODEL.bands.names,
        {"object": name, "centre": CENTRE, "noise": {"uJAVA": {"squares": float("nan"), "sigma": np.float32(1)}}},
    )  # fmt: skip


def settings(method="voronoi", geometry=None):
    return MapSettings(RegionSettings(method=method), geometry or Geometry(), redshift=0.02)


WORLDS = [(0.0, False), (0.7, False), (2.5, True), (np.pi, False), (np.pi / 2, True)]


@pytest.fixture(scope="module", params=WORLDS, ids=[f"{a:.1f}{'m' * m}" for a, m in WORLDS])
def world(request, tmp_path_factory):
    angle, mirrored = request.param
    wcs = turned_wcs(angle, mirrored=mirrored)
    maps = map_galaxy(galaxy(wcs), MODEL, settings=settings())
    path = tmp_path_factory.mktemp("maps") / "maps.fits"
    write_galaxy_maps(path, maps)
    return wcs, maps, path


def test_every_image_has_the_wcs_of_the_pixels(world):
    wcs, _, path = world
    with fits.open(path) as hdus:
        hdus.verify("exception")
        images = [hdu for hdu in hdus[1:] if hdu.is_image]
        assert len(images) > 15
        for hdu in images:
            found = WCS(hdu.header)
            assert found.naxis == hdu.header["WCSAXES"] == hdu.data.ndim
            sky, expected = found.celestial.pixel_to_world(3.0, 41.0), wcs.pixel_to_world(3.0, 41.0)
            assert sky.separation(expected).arcsec < 1e-6


def test_offsets_and_places_of_regions_are_those_of_the_sky(world):
    wcs, maps, path = world
    centre = wcs.pixel_to_world(*CENTRE)
    y, x = np.indices(SHAPE)
    sky = wcs.pixel_to_world(x, y)
    with fits.open(path) as hdus:
        east, north = hdus["SPX_SKYCOO"].data
        table = hdus["PREDICTIONS"].data
    angle, distance = centre.position_angle(sky).rad, centre.separation(sky).arcsec
    np.testing.assert_allclose(east, distance * np.sin(angle), atol=2e-3)
    np.testing.assert_allclose(north, distance * np.cos(angle), atol=2e-3)
    for number in (0, len(table) // 2, len(table) - 1):
        pixels = maps.frame.bin_id == number
        assert -east[pixels].max() - 1e-3 <= table["x"][number] <= -east[pixels].min() + 1e-3
        assert north[pixels].min() - 1e-3 <= table["y"][number] <= north[pixels].max() + 1e-3


def test_answers_do_not_depend_on_how_the_image_is_turned(world):
    _, maps, _ = world
    straight = map_galaxy(galaxy(turned_wcs(0.0)), MODEL, settings=settings())
    np.testing.assert_array_equal(maps.frame.bin_id, straight.frame.bin_id)
    np.testing.assert_array_equal(maps.prediction.log_age_lw, straight.prediction.log_age_lw)
    np.testing.assert_allclose(maps.radius_arcsec, straight.radius_arcsec, atol=2e-3)


def test_units_inverse_variances_masks_and_what_was_done(world):
    _, maps, path = world
    with fits.open(path) as hdus:
        for name, column in (("LOG_AGE_LW", "log_age_lw"), ("MH_LW", "mh_lw")):
            inside = maps.frame.bin_id >= 0
            err = getattr(maps.prediction, f"{column}_err")[maps.frame.bin_id[inside]]
            np.testing.assert_allclose(hdus[f"{name}_IVAR"].data[inside], err**-2, rtol=1e-5)
            assert (hdus[f"{name}_IVAR"].data[~inside] == 0).all()
            assert (hdus[f"{name}_MASK"].data[~inside] & int(MapBit.DO_NOT_USE)).all()
            assert not (hdus[f"{name}_MASK"].data[inside] & int(MapBit.DO_NOT_USE)).any()
        assert hdus["FLUX"].header["BUNIT"] == "uJy"
        units = {column.name: column.unit for column in hdus["PREDICTIONS"].columns}
        assert units["x"] == units["y"] == units["radius_arcsec"] == "arcsec"
        assert {unit for name, unit in units.items() if name.startswith("flux_")} == {"uJy"}
        meta = json.loads(hdus[0].header["MAPMETA"], parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert meta["redshift"] == 0.02
    assert meta["images"]["noise"]["uJAVA"] == {"squares": None, "sigma": 1.0}


def test_names_with_odd_letters(tmp_path):
    maps = map_galaxy(galaxy(turned_wcs(0.1), name="Ångström's 'galaxy' / Ω"), MODEL, settings=settings("annuli"))
    write_galaxy_maps(tmp_path / "maps.fits", maps)
    with fits.open(tmp_path / "maps.fits") as hdus:
        hdus.verify("exception")
        assert json.loads(hdus[0].header["MAPMETA"])["galaxy"] == "Ångström's 'galaxy' / Ω"


def test_a_gradient_that_is_painted_comes_back():
    """Ages of regions that fall by 0.3 dex/Re, in a tilted disc: gradient and profile say so."""
    geometry = Geometry(re_arcsec=5.0, inclination_deg=50.0, pa_deg=70.0)
    maps = map_galaxy(galaxy(turned_wcs(0.7)), MODEL, settings=settings(geometry=geometry))
    prediction = maps.prediction
    for name, slope in (("log_age_lw", -0.3), ("mh_lw", 0.12)):
        t = ("log_age_lw", "mh_lw").index(name)
        prediction.mean[:, t] = 9.5 + slope * maps.r_re
    painted = with_gradients(
        maps.frame,
        maps.photometry,
        prediction,
        settings(geometry=geometry),
        maps.meta,
        light=np.ones(SHAPE),
        whole=maps.whole,
    )
    found = {one["quantity"]: one for one in painted.gradients.to_json()}
    assert found["log_age_lw"]["slope"] == pytest.approx(-0.3, abs=0.01)
    assert found["mh_lw"]["slope"] == pytest.approx(0.12, abs=0.01)
    table = profile_table(painted)
    good = np.isfinite(np.asarray(table["log_age_lw"]))
    middle = (np.asarray(table["r_re_inner"]) + np.asarray(table["r_re_outer"])) / 2
    np.testing.assert_allclose(np.asarray(table["log_age_lw"])[good], (9.5 - 0.3 * middle)[good], atol=0.06)
