"""Contact sheets: every galaxy once, cut to its regions, on scales that all pages share."""

import numpy as np
import pytest
from matplotlib.image import imread

from agez.report import contact_sheet
from agez.report.contact_sheet import DOWN, INCHES, SIDE, WIDTH, Thumbnails, draw_contact_sheets, thumbnails
from agez.tables.maps import BinMap, MapFrame
from agez.tables.maps_files import maps_hdus, read_maps
from agez.tables.table_files import write_fits


def maps_file(path, *, age=9.5, colour=True, names=("LOG_AGE_LW", "MH_LW")):
    """A square of four regions off the middle of 30 x 20 pixels, brightest in the red."""
    bin_id = np.full((20, 30), -1)
    bin_id[4:8, 10:14], bin_id[4:8, 14:18] = 0, 1
    bin_id[8:12, 10:14], bin_id[8:12, 14:18] = 2, 3
    picture = np.zeros((3, 20, 30), np.uint8)
    picture[0], picture[2] = 255, 51
    frame = MapFrame(
        bin_id, mean_flux=np.where(bin_id >= 0, 1.0, np.nan),
        colour=picture if colour else None, colour_of=("iSDSS", "rSDSS", "gSDSS") if colour else (),
    )  # fmt: skip
    values = np.array([age, age + 0.1, np.nan, age + 0.3])
    write_fits(path, maps_hdus([BinMap(name, values, unit="dex") for name in names], frame))
    return path


def test_thumbnails_show_the_regions_and_nothing_else(tmp_path):
    one = thumbnails("a", maps_file(tmp_path / "a.fits"))
    ages = one.values[0]
    assert ages.shape == one.colour.shape[:2] == (SIDE, SIDE)
    np.testing.assert_allclose(np.unique(ages[np.isfinite(ages)]), np.float32([9.5, 9.6, 9.8]))
    y, x = np.nonzero(np.isfinite(ages))
    margin = y.min()
    assert abs(margin - SIDE / 10) < 1  # one pixel of ten
    assert (x.min(), y.max(), x.max()) == (margin, SIDE - margin - 1, SIDE - margin - 1)
    np.testing.assert_allclose(one.colour[SIDE // 2, SIDE // 2], [1.0, 0.0, 0.2])


def test_regions_at_an_edge_and_maps_without_colours_or_metallicities(tmp_path):
    frame = MapFrame(np.where(np.indices((9, 9))[1] < 3, 0, -1), snr=np.ones((9, 9)))
    write_fits(tmp_path / "edge.fits", maps_hdus([BinMap("LOG_AGE_LW", np.array([9.0]))], frame))
    one = thumbnails("edge", tmp_path / "edge.fits")
    assert np.isfinite(one.values[0]).any()
    assert np.isnan(one.values[1]).all()
    assert one.colour.shape == (SIDE, 44, 3)  # 11 rows and 5 columns of pixels, with the margin
    assert np.ptp(one.colour[SIDE // 2, 30]) == 0  # grey
    assert draw_contact_sheets(tmp_path / "sheet.png", [("edge", tmp_path / "edge.fits")]) == [tmp_path / "sheet.png"]


@pytest.mark.parametrize("shape", [(60, 60), (20, 60), (4, 60), (60, 20), (60, 4), (1, 60), (1, 1)])
def test_pictures_have_the_shape_of_their_galaxy(tmp_path, shape):
    """And a row has room for all of them."""
    frame = MapFrame(np.pad(np.zeros(shape, int), 9, constant_values=-1), snr=np.ones((shape[0] + 18, shape[1] + 18)))
    write_fits(tmp_path / "a.fits", maps_hdus([BinMap("LOG_AGE_LW", np.array([9.0]))], frame))
    one = thumbnails("a", tmp_path / "a.fits")
    margin = 2 * max(1, round(0.06 * max(shape)))
    height, width = np.array(shape) + margin
    across, up = one.size_inches
    across, up = (across, up / 3) if one.stacked else (across / 3, up)
    assert across / up == pytest.approx(width / height, rel=0.05)
    assert one.size_inches[1] <= INCHES + 1e-9
    assert one.size_inches[0] <= 3 * INCHES + 1e-9 < WIDTH / 3
    # flat ones stand above each other where that makes them no smaller
    side_by_side = min(INCHES / width, INCHES / height)
    above = min(INCHES / height / 3, 3 * INCHES / width)
    assert across / width == pytest.approx(max(side_by_side, above), rel=0.05)
    values = one.values[0]
    assert np.isfinite(values).mean() == pytest.approx(shape[0] * shape[1] / (height * width), abs=0.04)


def test_rows_are_filled_in_order(tmp_path):
    flat, tall = (
        Thumbnails(f"{k} " * k, np.ones((*s, 3)), (np.ones(s),) * 2) for k, s in ((9, (10, 60)), (90, (60, 10)))
    )
    shown = [flat, tall, tall, flat] * 5
    rows = contact_sheet._rows(shown)
    assert [one for row in rows for one in row] == shown
    assert all(sum(one.width_inches for one in row) <= WIDTH for row in rows)
    assert len(rows) < len(shown) / 2
    assert len(tall.label) == 48


def test_arrows_of_the_scales(tmp_path, monkeypatch):
    extends = []
    monkeypatch.setattr(contact_sheet, "_page", lambda *given, **more: extends.append(given[3]))
    draw_contact_sheets(tmp_path / "a.png", [("a", maps_file(tmp_path / "a.fits"))])
    values = {"LOG_AGE_LW": np.append(np.full(99, 9.0), 13.0), "MH_LW": np.linspace(0, 1, 100)}
    frame = MapFrame(np.arange(100).reshape(10, 10), snr=np.ones((10, 10)))
    write_fits(tmp_path / "b.fits", maps_hdus([BinMap(*one) for one in values.items()], frame))
    draw_contact_sheets(tmp_path / "b.png", [("b", tmp_path / "b.fits")])
    assert extends == [["neither", "neither"], ["max", "both"]]


def test_a_colour_picture_is_written_and_read(tmp_path):
    _, frame = read_maps(maps_file(tmp_path / "a.fits"))
    assert frame.colour_of == ("iSDSS", "rSDSS", "gSDSS")
    assert frame.colour[:, 0, 0].tolist() == [255, 0, 51]
    _, frame = read_maps(maps_file(tmp_path / "b.fits", colour=False))
    assert (frame.colour, frame.colour_of) == (None, ())


def test_pages_share_their_scales(tmp_path, monkeypatch):
    n = 3 * DOWN + 1
    maps = [(f"g{k} $", maps_file(tmp_path / f"{k}.fits", age=8 + k / n)) for k in range(n)]
    scales = []
    page = contact_sheet._page
    monkeypatch.setattr(contact_sheet, "_page", lambda *given, **more: (scales.append(given[2]), page(*given, **more)))
    first, second = draw_contact_sheets(tmp_path / "sheet.png", maps)
    assert (first.name, second.name) == ("sheet_01.png", "sheet_02.png")
    assert scales[0] == scales[1]
    assert scales[0][0][0] < 8.2
    assert scales[0][0][1] > 9.1
    assert imread(first).shape[0] > imread(second).shape[0]
    again = first.read_bytes()
    draw_contact_sheets(tmp_path / "sheet.png", maps)
    assert first.read_bytes() == again


def test_colours_have_three_planes():
    with pytest.raises(Exception, match="colour has shape"):
        MapFrame(np.zeros((3, 3), int), colour=np.zeros((3, 3), np.uint8))
