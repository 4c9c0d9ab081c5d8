"""Grids of pixels that agree or do not, and resampling."""

import numpy as np
import pytest
from image_worlds import PIXEL_ARCSEC, distance_from, tangent_wcs, write_image

from agez.errors import AgezError
from agez.images.alignment import offset_between, pixel_size_arcsec
from agez.images.read_images import read_images
from agez.images.resampling import resample

SHAPE = (40, 50)


def test_offsets_are_measured():
    here = tangent_wcs(SHAPE)
    assert pixel_size_arcsec(here) == pytest.approx(PIXEL_ARCSEC, rel=1e-6)
    offset = offset_between(tangent_wcs(SHAPE, shift=(0.3, -0.4)), here, SHAPE)
    assert offset.pixels == pytest.approx(0.5, rel=1e-4)
    assert offset.arcsec == pytest.approx(0.25, rel=1e-4)
    assert offset_between(here, here, SHAPE).pixels < 1e-8
    assert offset_between(tangent_wcs(SHAPE, mirrored=True), here, SHAPE).mirrored
    assert offset_between(tangent_wcs(SHAPE, pixel=1.0), here, SHAPE).scale == pytest.approx(2.0)


def survey(tmp_path, odd, rng, *, shape=SHAPE):
    for band in ("gSDSS", "rSDSS", "iSDSS"):
        write_image(tmp_path / f"m_{band}.fits", rng.normal(0, 1, SHAPE), BUNIT="uJy")
    write_image(
        tmp_path / "m_J0660.fits", rng.normal(0, 1, shape), wcs=odd, BUNIT="uJy", layers={"ERR": np.ones(shape)}
    )
    return tmp_path


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ({"shift": (0.0, 0.3)}, r"0\.30 pixels \(0\.15 arcsec\)"),
        ({"angle": 0.02}, "off over the image"),
        ({"mirrored": True}, "mirrored"),
        ({"pixel": 0.55}, r"pixels are 1\.1 times"),
        ({"shift": (4000.0, 0.0)}, "pixels"),
    ],
)
def test_another_wcs_is_refused_and_the_odd_one_named(tmp_path, rng, odd, words):
    folder = survey(tmp_path, tangent_wcs(SHAPE, **odd), rng)
    with pytest.raises(AgezError, match=words) as error:
        read_images(folder, filters="jplus")
    assert str(error.value).startswith(str(folder / "m_J0660.fits"))
    assert "--reproject" in str(error.value)


def test_small_offsets_are_fine(tmp_path, rng):
    assert len(read_images(survey(tmp_path, tangent_wcs(SHAPE, shift=(0.05, 0.0)), rng), filters="jplus").bands) == 4


def test_another_size_is_refused(tmp_path, rng):
    folder = survey(tmp_path, tangent_wcs((30, 50)), rng, shape=(30, 50))
    with pytest.raises(AgezError, match=r"50 x 30 pixels, .* 50 x 40"):
        read_images(folder, filters="jplus")


def test_resampled_on_request(tmp_path, rng):
    pytest.importorskip("reproject")
    folder = survey(tmp_path, tangent_wcs(SHAPE, shift=(0.5, 0.0)), rng)
    images = read_images(folder, filters="jplus", reproject=True)
    b = images.bands.index(["J0660"])[0]
    assert [n.shape for i, n in enumerate(images.noise) if i != b] == [(1, 1)] * 3
    np.testing.assert_allclose(images.noise[b][1], [0.5, 1.0, 0.5], atol=1e-3)
    np.testing.assert_allclose(images.flux_err[b][~images.mask[b]], np.sqrt(0.5), rtol=1e-3)
    assert images.mask[b][:, 0].all() != images.mask[b][:, -1].all()
    assert "resampled" in images.meta["remarks"][0]


@pytest.mark.parametrize("odd", [{"shift": (0.5, 0.3)}, {"angle": 0.3}, {"pixel": 0.8}, {"pixel": 0.35, "angle": 0.1}])
def test_resampling_keeps_fluxes_and_knows_its_noise(rng, odd):
    """A source's flux is kept to 1e-3, and variance and correlation are those of resampled white noise."""
    pytest.importorskip("reproject")
    here, there = tangent_wcs((64, 64)), tangent_wcs((100, 100), **odd)
    size = odd.get("pixel", PIXEL_ARCSEC)
    source = np.exp(-0.5 * (distance_from((100, 100), 49.5, 49.5) * size / 1.5) ** 2)
    noise = rng.normal(0, 2, (100, 100))
    nothing = np.zeros((100, 100), dtype=bool)
    four = np.full((100, 100), 4.0)
    done = resample(source, four, nothing, there, here, (64, 64), source="x")
    assert np.nansum(np.where(done.mask, 0, done.flux)) == pytest.approx(source.sum(), rel=1e-3)
    random = resample(noise, four, nothing, there, here, (64, 64), source="x")
    good = np.where(random.mask, np.nan, random.flux)
    n = np.isfinite(good).sum()
    assert np.nanvar(good) == pytest.approx(np.nanmean(random.variance), rel=8 / np.sqrt(n))
    middle = random.noise.shape[0] // 2
    for dy, dx in ((0, 1), (1, 0), (1, 1)):
        measured = np.nanmean(good[dy:, dx:] * good[: 64 - dy, : 64 - dx]) / np.nanvar(good)
        assert measured == pytest.approx(random.noise[middle + dy, middle + dx], abs=5 / np.sqrt(n))


def test_resampling_spreads_masks_and_needs_overlap(rng):
    pytest.importorskip("reproject")
    here, there = tangent_wcs((30, 30)), tangent_wcs((30, 30), shift=(0.5, 0.5))
    mask = np.zeros((30, 30), dtype=bool)
    mask[10, 10] = True
    done = resample(rng.normal(0, 1, (30, 30)), np.ones((30, 30)), mask, there, here, (30, 30), source="x")
    assert done.mask[:28, :28].sum() == 4
    with pytest.raises(AgezError, match=r"far\.fits: it does not overlap"):
        resample(mask * 1.0, mask + 1.0, mask, tangent_wcs((30, 30), shift=(500, 0)), here, (30, 30), source="far.fits")
