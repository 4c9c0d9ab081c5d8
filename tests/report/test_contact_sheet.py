"""Contact sheets: every galaxy once, cut to its regions, on scales that all pages share."""

import numpy as np
import pytest
from matplotlib.image import imread

from agez.report import contact_sheet
from agez.report.contact_sheet import ACROSS, DOWN, SIDE, draw_contact_sheets, thumbnails
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
    assert ages.shape == (SIDE, SIDE)
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
    assert np.ptp(one.colour[SIDE // 2, SIDE // 2]) == 0  # grey
    assert draw_contact_sheets(tmp_path / "sheet.png", [("edge", tmp_path / "edge.fits")]) == [tmp_path / "sheet.png"]


def test_a_colour_picture_is_written_and_read(tmp_path):
    _, frame = read_maps(maps_file(tmp_path / "a.fits"))
    assert frame.colour_of == ("iSDSS", "rSDSS", "gSDSS")
    assert frame.colour[:, 0, 0].tolist() == [255, 0, 51]
    _, frame = read_maps(maps_file(tmp_path / "b.fits", colour=False))
    assert (frame.colour, frame.colour_of) == (None, ())


def test_pages_share_their_scales(tmp_path, monkeypatch):
    n = ACROSS * DOWN + 1
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
