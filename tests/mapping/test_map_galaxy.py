"""Maps of a galaxy from images: what is in the file, radii of regions, profiles and gradients."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from agez.analysis.gradient_files import gradient_from_table
from agez.analysis.gradients import NUMBERS
from agez.errors import AgezError
from agez.flags import FAULTS, Flag, is_good
from agez.images.image_set import ImageSet
from agez.images.noise_correlation import WHITE
from agez.images.regions import RegionSettings
from agez.mapping.map_files import profile_table, write_galaxy_maps
from agez.mapping.map_galaxy import Geometry, MapSettings, map_galaxy, with_gradients
from agez.models.model_file import load_model
from agez.models.predict import predict
from agez.photometry.dereddening import deredden
from agez.tables.maps import MapBit
from agez.tables.maps_files import read_maps
from agez.tables.prediction_files import read_prediction

MODEL = load_model("splus")
GEOMETRY = Geometry(re_arcsec=4.0, inclination_deg=40.0, pa_deg=60.0)


@pytest.fixture(scope="module")
def images():
    """A disc that is redder in its middle."""
    rng = np.random.default_rng(3)
    shape, bands = (48, 56), MODEL.bands
    y, x = np.indices(shape)
    radius = np.hypot(x - 27.5, y - 23.5)
    wave = np.array(bands.pivot_angstrom) / 5500
    slope = 2.0 - radius / 20
    flux = 100 * np.exp(-radius / 7) * wave[:, None, None] ** slope + rng.normal(size=(len(bands), *shape))
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [150.0, 2.0], [28.5, 24.5]
    wcs.wcs.cdelt = [-0.55 / 3600, 0.55 / 3600]
    mask = np.zeros(flux.shape, bool)
    mask[:, 24:27, 40:43] = True
    return ImageSet(
        bands, flux.astype(np.float32), np.ones_like(flux, np.float32), mask, wcs, np.full(len(bands), 1.2),
        (WHITE,) * len(bands), bands.names,
        {"object": "NGC 1", "redshift": 0.02, "centre": (27.5, 23.5),
         "stars": [{"x": 41.0, "y": 25.0, "radius": 0.8, "from": "found"}]},
    )  # fmt: skip


def settings(method="voronoi", **changes):
    return MapSettings(RegionSettings(method=method, inclination_deg=40.0, pa_deg=60.0), GEOMETRY, **changes)


@pytest.fixture(scope="module")
def maps(images):
    return map_galaxy(images, MODEL, settings=settings(ebv=0.1))


def test_the_answer_is_that_of_the_photometry(maps):
    expected = predict(MODEL, deredden(maps.photometry, 0.1))
    np.testing.assert_array_equal(maps.prediction.log_age_lw, expected.log_age_lw)
    np.testing.assert_array_equal(maps.prediction.flags, expected.flags)
    assert set(maps.photometry.rows.galaxy_id) == {"NGC 1"}
    assert (maps.photometry.redshift == 0.02).all()


def test_the_file(maps, tmp_path):
    path = tmp_path / "maps.fits"
    write_galaxy_maps(path, maps)
    read, frame = read_maps(path)
    np.testing.assert_array_equal(frame.bin_id, maps.frame.bin_id)
    assert set(read) >= {
        "LOG_AGE_LW",
        "MH_LW",
        "LOG_AGE_LW_PCT",
        "MH_LW_PCT",
        "OOD",
        "FLAGS",
        "FLUX",
        "BIN_SNR",
        "CHI2",
    }
    inside = frame.bin_id >= 0
    for name, column in (("LOG_AGE_LW", "log_age_lw"), ("MH_LW", "mh_lw")):
        value, err = getattr(maps.prediction, column), getattr(maps.prediction, f"{column}_err")
        np.testing.assert_allclose(read[name].values[inside], value[frame.bin_id[inside]], rtol=1e-6)
        np.testing.assert_allclose(read[name].errors[inside], err[frame.bin_id[inside]], rtol=1e-5)
        assert ((read[name].mask[~inside] & int(MapBit.NO_COVERAGE)) != 0).all()
    assert (read["LOG_AGE_LW"].mask[25, 41] & int(MapBit.FOREGROUND_STAR)) != 0
    assert read["FLUX"].channels == MODEL.bands.names
    total = np.nansum(read["FLUX"].values[5])
    assert total == pytest.approx(maps.photometry.flux[:, 5].sum(), rel=1e-4)
    table = read_prediction(path)
    np.testing.assert_array_equal(table.log_age_lw, maps.prediction.log_age_lw)
    with fits.open(path) as hdus:
        hdus.verify("exception")
        assert hdus[0].header["MODEL"] == "splus"
        assert hdus[0].header["REDSHIFT"] == 0.02
        assert {"PREDICTIONS", "PROFILES", "GRADIENTS"} <= {hdu.name for hdu in hdus}
        sky = WCS(hdus["MH_LW"].header).pixel_to_world(27.5, 23.5)
        assert (sky.ra.deg, sky.dec.deg) == (pytest.approx(150.0, abs=1e-9), pytest.approx(2.0, abs=1e-9))
        flags = hdus["FLAGS"].data
        np.testing.assert_array_equal(flags[inside], maps.prediction.flags[frame.bin_id[inside]])
        assert (flags[~inside] == int(Flag.NO_DATA)).all()
        np.testing.assert_array_equal(hdus["GOOD"].data[inside], is_good(maps.prediction.flags)[frame.bin_id[inside]])
        unreliable = (hdus["MH_LW_MASK"].data[inside] & int(MapBit.UNRELIABLE)) != 0
        np.testing.assert_array_equal(unreliable, hdus["GOOD"].data[inside] == 0)
        assert {hdus[name].header["BUNIT"] for name in ("LOG_AGE_LW", "MH_LW", "MH_LW_PCT")} == {"dex"}
        assert "SED" in hdus["CHI2"].header["CONTENT"]
        assert hdus[0].header["SNROF"] == f"the flux in band {maps.meta['snr_band']}"
        assert hdus["SPX_SNR"].header["CONTENT"].endswith(maps.meta["snr_band"])


def test_rings_have_the_radius_of_their_pixels(images):
    found = map_galaxy(images, MODEL, settings=settings("annuli"))
    radius = np.asarray(found.frame.ellcoo[0])
    for number in range(len(found.r_re)):
        ring = radius[found.frame.bin_id == number]
        assert ring.min() <= found.radius_arcsec[number] <= ring.max()
    assert (np.diff(found.r_re) > 0).all()
    np.testing.assert_allclose(found.r_re, found.radius_arcsec / 4.0)


@pytest.mark.parametrize("method", ["voronoi", "annuli"])
def test_gradients_of_the_table_are_those_of_the_map(images, tmp_path, method):
    found = map_galaxy(images, MODEL, settings=settings(method))
    path = tmp_path / "maps.fits"
    write_galaxy_maps(path, found)
    disc = {"re_arcsec": 4.0, "inclination_deg": GEOMETRY.inclination_deg}
    pa = GEOMETRY.pa_deg
    for turned in (pa, pa - 180.0):
        table, _ = gradient_from_table(path, **disc, pa_deg=turned)
        for name in ("slope", "slope_err", "intercept", "intercept_err"):
            np.testing.assert_allclose(getattr(table, name), getattr(found.gradients, name), rtol=1e-9)
    twice, _ = gradient_from_table(path, **{**disc, "re_arcsec": 4.0 * 1.1}, pa_deg=pa)
    assert np.isfinite(twice.slope).all()
    table, meta = gradient_from_table(path)  # its own effective radius
    assert meta["re_arcsec"] == pytest.approx(4.0)
    table, meta = gradient_from_table(path, re_arcsec=4.0)
    np.testing.assert_allclose(table.slope, found.gradients.slope, rtol=1e-9)
    assert (meta["inclination_deg"], meta["pa_deg"]) == (GEOMETRY.inclination_deg, GEOMETRY.pa_deg)
    with pytest.raises(AgezError, match="radii of its regions were measured for --inclination"):
        gradient_from_table(path, re_arcsec=4.0, inclination_deg=5.0, pa_deg=pa)
    with pytest.raises(AgezError, match="make the map again"):
        gradient_from_table(path, **disc, pa_deg=pa + 20.0)


def test_map_and_table_leave_out_the_same_regions(maps, tmp_path):
    """Those with a fault; flags that are information stay."""
    inside = np.flatnonzero(maps.prediction.good & (maps.r_re < 1))
    flags = np.array(maps.prediction.flags)
    for region, flag in zip(inside, (*Flag(FAULTS), Flag.BAND_FILLED, Flag.BAND_NOT_COVERED), strict=False):
        flags[region] = int(flag)
    assert len(inside) > len(Flag(FAULTS)) + 5
    found = with_gradients(
        maps.frame,
        maps.photometry,
        replace(maps.prediction, flags=flags),
        settings(),
        maps.meta,
        light=None,
        whole=maps.whole,
    )
    write_galaxy_maps(tmp_path / "maps.fits", found)
    table, _ = gradient_from_table(tmp_path / "maps.fits", re_arcsec=4.0)
    assert table.n_inside.tolist() == [[len(inside) - len(Flag(FAULTS))] * 2]
    for name in (*NUMBERS, "n_inside", "n_outside"):
        np.testing.assert_allclose(getattr(table, name), getattr(found.gradients, name), rtol=1e-9)


def test_gradients_of_the_table_of_a_map_without_a_tilt(images, tmp_path):
    face_on = replace(settings("annuli"), geometry=Geometry(4.0))
    found = map_galaxy(images, MODEL, settings=face_on)
    path = tmp_path / "maps.fits"
    write_galaxy_maps(path, found)
    for tilt in ({}, {"inclination_deg": 0.0, "pa_deg": 70.0}):
        table, _ = gradient_from_table(path, re_arcsec=4.0, **tilt)
        np.testing.assert_allclose(table.slope, found.gradients.slope, rtol=1e-9)
    with pytest.raises(AgezError, match="measured for a face-on disc"):
        gradient_from_table(path, re_arcsec=4.0, inclination_deg=60.0, pa_deg=70.0)


def test_profiles_and_gradients(maps, images):
    table = profile_table(maps)
    np.testing.assert_allclose(table["r_re_outer"] - table["r_re_inner"], 0.25)
    good = np.isfinite(np.asarray(table["log_age_lw"]))
    assert good.sum() >= 3
    assert (np.asarray(table["n_regions"])[good] >= 1).all()
    few = np.asarray(table["n_regions"]) < 3
    assert np.isnan(np.asarray(table["log_age_lw_scatter"])[few]).all()
    assert (np.asarray(table["log_age_lw_err"])[good] > 0.3 * np.median(maps.prediction.log_age_lw_err)).all()
    assert maps.gradients is not None
    assert (maps.gradients.slope_err > maps.gradients.slope_scatter).all()
    rings = map_galaxy(images, MODEL, settings=settings("annuli"))
    assert rings.gradients is not None
    assert (rings.gradients.reason == "").all()
    assert np.isfinite(np.asarray(profile_table(rings)["mh_lw_err"])).any()
    plain = map_galaxy(images, MODEL, settings=replace(settings(), geometry=Geometry()))
    assert plain.gradients is None
    assert np.isnan(plain.r_re).all()
    without = profile_table(plain)
    assert len(without) == 8
    assert np.isnan(np.asarray(without["r_re_inner"])[1:]).all()
    assert np.isfinite(np.asarray(without["log_age_lw"])).any()


def test_a_map_does_not_depend_on_the_unit_of_flux_much(images, maps):
    twice = replace(images, flux=images.flux * 2, flux_err=images.flux_err * 2)
    found = map_galaxy(twice, MODEL, settings=settings(ebv=0.1))
    np.testing.assert_array_equal(found.frame.bin_id, maps.frame.bin_id)
    np.testing.assert_allclose(found.prediction.log_age_lw, maps.prediction.log_age_lw, atol=1e-4)


def test_redshifts_that_cannot_be(images):
    with pytest.raises(AgezError, match=r"--redshift is 0\.9; model 'splus' knows 0 to 0.5"):
        map_galaxy(images, MODEL, settings=settings(redshift=0.9))
    with pytest.raises(AgezError, match=r"give it with --redshift"):
        map_galaxy(replace(images, meta={**images.meta, "redshift": None}), MODEL, settings=settings())


def test_a_band_that_is_masked_everywhere_spoils_nothing(images):
    mask = images.mask.copy()
    mask[2] = True
    found = map_galaxy(replace(images, mask=mask), MODEL, settings=settings())
    assert not found.photometry.covered[:, 2].any()
    assert np.isfinite(found.prediction.log_age_lw).mean() > 0.9
    wrong = np.array(images.flux)
    wrong[5] *= 40
    found = map_galaxy(replace(images, flux=wrong, flux_err=images.flux_err), MODEL, settings=settings())
    assert any("gSDSS is left out of 100 % of the regions" in one for one in found.meta["remarks"])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"re_arcsec": -1.0}, "--re"), ({"inclination_deg": 30.0}, "--inclination and --pa"),
        ({"inclination_deg": 90.0, "pa_deg": 0.0}, "--inclination is 90"),
    ],
)  # fmt: skip
def test_geometry_that_cannot_be(options, says):
    with pytest.raises(AgezError, match=says):
        Geometry(**options)
