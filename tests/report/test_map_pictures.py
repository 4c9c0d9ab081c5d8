"""Pictures of maps: panels of the galaxy's shape, ticks that do not overlap, PSF, effective radius, binned points."""

import itertools

import numpy as np
import pytest
from kept_pages import kept_pages, overlapping, tick_labels
from made_up_maps import made_up_maps, made_up_prediction
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from agez.analysis.geometry import disc_coordinates
from agez.flags import FAULTS, has_flag
from agez.mapping.map_galaxy import Geometry
from agez.report import map_pictures
from agez.report.map_panels import SkyWindow
from agez.report.style import RoomyLocator, extend_of, running_quantiles

TURNED = ((-0.6, 0.8), (0.8, 0.6))


@pytest.fixture
def pages(monkeypatch):
    """The figures that are drawn, instead of files."""
    return kept_pages(monkeypatch, map_pictures)


def galaxy(shape, n, rng, *, age=9.5, **how):
    """A filled frame of about that shape, cut into n regions along its rows, on a sky that is not mapped."""
    ny, nx = shape
    bin_id = np.full((ny + 20, nx + 20), -1)
    bin_id[10:-10, 10:-10] = (np.arange(ny * nx) * n // (ny * nx)).reshape(shape)
    found = made_up_prediction(age + 0.3 * rng.normal(size=n), 0.2, mh=rng.normal(size=n), flagged=range(n // 8))
    return made_up_maps(bin_id, found, **how)


def panels(page):
    """Axes of maps: those with an image that is no colour bar's."""
    return [axes for axes in page.axes if axes.images]


SHAPES = {
    "round": ((40, 40), 50, {}),
    "flat": ((12, 90), 50, {}),
    "flatter than any page": ((3, 300), 9, {}),
    "tall": ((90, 12), 50, {}),
    "a little tall": ((60, 30), 50, {"colour": True}),
    "turned": ((30, 60), 50, {"step": TURNED}),
    "one region": ((20, 20), 1, {"colour": True}),
    "one pixel": ((1, 1), 1, {}),
    "tiny pixels": ((40, 40), 9, {"step": ((-1e-3, 0.0), (0.0, 1e-3))}),
    "large pixels": ((40, 35), 9, {"step": ((-777.0, 0.0), (0.0, 777.0)), "geometry": Geometry(5e3)}),
    "far from the centre": ((40, 40), 9, {"centre": (1e4, -2e4), "geometry": Geometry(1e4)}),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_ticks_do_not_overlap_and_panels_have_the_shape_of_the_galaxy(pages, tmp_path, rng, shape):
    size, n, how = SHAPES[shape]
    map_pictures.draw_maps(galaxy(size, n, rng, psf=1.2, **how), tmp_path)
    maps, profiles = pages
    for page in (maps, profiles):
        assert overlapping(page) == []
    assert len(panels(maps)) == 6
    for axes in panels(maps):
        box = axes.get_window_extent()
        across, up = (abs(np.diff(limits)[0]) for limits in (axes.get_xlim(), axes.get_ylim()))
        assert box.width / across == pytest.approx(box.height / up, rel=1e-6)  # a circle is one
        assert box.width > 1.2 * maps.dpi
        assert maps.bbox.containsx(box.x0)
        assert maps.bbox.containsx(box.x1)


@pytest.mark.parametrize(("shape", "filled"), [((40, 40), 0.5), ((16, 80), 0.4), ((80, 16), 0.5), ((60, 36), 0.45)])
def test_little_of_the_page_is_wasted(pages, tmp_path, rng, shape, filled):
    map_pictures.draw_maps(galaxy(shape, 9, rng), tmp_path)
    boxes = [axes.get_window_extent() for axes in panels(pages[0])]
    assert sum(box.width * box.height for box in boxes) > filled * pages[0].bbox.width * pages[0].bbox.height
    width, height = pages[0].get_size_inches()
    assert width <= 11.01
    assert height <= 8.6


@pytest.mark.parametrize("step", [((-1.0, 0.0), (0.0, 1.0)), ((2.0, 0.0), (0.0, 2.0)), TURNED])
@pytest.mark.parametrize("centre", [(14.0, 9.0), (13.7, 9.2)])
def test_places_on_the_sky_are_where_their_pixels_are_drawn(rng, step, centre):
    maps = galaxy((20, 30), 4, rng, step=step, centre=centre)
    frame = maps.frame
    window = SkyWindow.around(frame.bin_id >= 0, frame.offsets)
    left, right, bottom, top = window.extent
    ny, nx = frame.bin_id[window.rows, window.columns].shape
    x, y = np.meshgrid(
        left + (np.arange(nx) + 0.5) / nx * (right - left), bottom + (np.arange(ny) + 0.5) / ny * (top - bottom)
    )
    west, north = frame.offsets[:, window.rows, window.columns].reshape(2, -1)
    np.testing.assert_allclose(window.place(west, north), [x.ravel(), y.ravel()], atol=1e-9)
    if step[0][1] == 0:
        np.testing.assert_allclose([-west, north], [x.ravel(), y.ravel()], atol=1e-9)


@pytest.mark.parametrize("step", [((-0.5, 0.0), (0.0, 0.5)), TURNED])
def test_psf_and_effective_radius_are_drawn_to_scale(pages, tmp_path, rng, step):
    disc = Geometry(6.0, 60.0, 30.0)
    maps = galaxy((40, 40), 9, rng, step=step, geometry=disc, psf=2.5)
    map_pictures.draw_maps(maps, tmp_path)
    first, *others = panels(pages[0])
    (circle,) = [one for one in first.patches if isinstance(one, Circle)]
    assert 2 * circle.radius == pytest.approx(2.5)
    window = SkyWindow.around(maps.frame.bin_id >= 0, maps.frame.offsets)
    for axes in (first, *others):
        ellipse = axes.lines[-1].get_xydata()
        east, north = np.linalg.solve(window.from_sky, ellipse.T)
        major, minor = disc_coordinates(-east, north, inclination_deg=60.0, pa_deg=30.0)
        np.testing.assert_allclose(np.hypot(major, minor), 6.0)
    words = " ".join(text.get_text() for text in pages[0].texts)
    assert 'effective radius 6"' in words
    assert 'PSF, FWHM 2.5"' in words


def test_what_is_unknown_or_outside_is_neither_drawn_nor_said(pages, tmp_path, rng):
    map_pictures.draw_maps(galaxy((20, 20), 9, rng, geometry=Geometry(500.0)), tmp_path)
    map_pictures.draw_maps(galaxy((20, 20), 9, rng, geometry=Geometry()), tmp_path)
    for page in pages[::2]:
        words = " ".join(text.get_text() for text in page.texts)
        assert "radius" not in words
        assert "PSF" not in words


def test_colour_bars_have_arrows_where_values_lie_beyond():
    values = np.array([1.0, 2.0, np.nan, 3.0])
    assert [extend_of(values, *one) for one in ((1, 3), (1.5, 3), (0, 2.5), (1.5, 2.5))] == [
        "neither", "min", "max", "both",
    ]  # fmt: skip
    assert extend_of(np.full(3, np.nan), 0, 1) == "neither"


def test_an_outlier_gives_its_colour_bar_an_arrow(pages, tmp_path, rng):
    age = np.full(100, 9.5)
    found = made_up_prediction(age, 0.1)
    found.mean[3, [target.name for target in found.targets].index("log_age_lw")] = 12.0
    map_pictures.draw_maps(made_up_maps(np.arange(100).reshape(10, 10), found), tmp_path)
    bars = {axes.get_xlabel(): axes for axes in pages[0].axes if not axes.images}
    # the triangle is a patch beyond the axes
    assert len(bars["log age [log$_{10}$ yr]"].patches) == 1
    assert len(bars["[M/H] [dex]"].patches) == 0


@pytest.mark.parametrize(("n", "words"), [(1, "1 region, "), (2, "2 regions, ")])
def test_titles_count(pages, tmp_path, rng, n, words):
    map_pictures.draw_maps(galaxy((20, 20), n, rng, name="NGC $1"), tmp_path)
    assert words in pages[0].texts[0].get_text()
    assert f"{words}68 %" in [one.get_text() for one in pages[1].axes[0].get_legend().get_texts()]


def test_more_than_500_good_regions_are_binned(pages, tmp_path, rng):
    for n in (571, 573):  # an eighth is flagged
        maps = galaxy((30, 30), n, rng)
        map_pictures.draw_maps(maps, tmp_path)
    few, many = (page.axes[0] for page in pages[1::2])
    assert "500 regions, 68 %" in [one.get_text() for one in few.get_legend().get_texts()]
    label = "502 regions in 20 bins:\nmedian, 16-84 %"
    assert label in [one.get_text() for one in many.get_legend().get_texts()]
    (line,) = [one for one in many.lines if one.get_label() == label]
    assert len(line.get_xdata()) == 20
    good = ~has_flag(maps.prediction.flags, FAULTS)
    inner = np.argsort(maps.r_re[good], kind="stable")[:26]
    np.testing.assert_allclose(line.get_ydata()[0], np.median(maps.prediction.log_age_lw[good][inner]))


def test_quantiles_of_bins(rng):
    x = rng.permutation(100.0 * np.arange(10)[:, None] + np.arange(100) * 0.1).ravel()
    y = np.floor(x / 100) + rng.permutation(1000) * 0
    centre, *between = running_quantiles(x, y, 10)
    np.testing.assert_allclose(centre, 100 * np.arange(10) + 4.95)
    np.testing.assert_allclose(between, np.tile(np.arange(10), (3, 1)))


def test_one_row_of_pixels_has_no_directions(pages, tmp_path):
    found = made_up_prediction(np.array([9.0, 9.5]), 0.1, flagged=[0])
    map_pictures.draw_maps(made_up_maps(np.array([[0, 0, 1, 1, 1, 1]]), found, psf=1.0), tmp_path)
    assert panels(pages[0])[0].get_xlabel() in ("", "x [pixel]")
    assert not [one for axes in panels(pages[0]) for one in axes.patches if isinstance(one, Circle)]
    assert [text.get_text() for text in pages[0].texts][1] == "hatched: flagged, 1 of 2 regions"


def test_ticks_fit_any_range(rng):
    """A property of the locator, on the renderer's own measures."""
    for _ in range(30):
        inches, size = float(rng.uniform(0.9, 6)), float(rng.choice([7, 8, 10]))
        page = Figure(figsize=(inches + 2, 2))
        FigureCanvasAgg(page)
        axes = page.add_axes((1 / (inches + 2), 0.5, inches / (inches + 2), 0.3))
        middle, half = rng.normal() * 10.0 ** rng.integers(-2, 4), 10.0 ** rng.uniform(-3, 4)
        axes.set(xlim=(middle - half, middle + half), yticks=[])
        axes.xaxis.set_major_locator(RoomyLocator(inches, size))
        axes.tick_params(labelsize=size)
        page.draw_without_rendering()
        boxes = sorted((box.x0, box.x1) for box in tick_labels(page).values())
        assert boxes, (middle, half, inches)
        assert all(a[1] < b[0] for a, b in itertools.pairwise(boxes)), (middle, half, inches, size)
        frame = axes.get_window_extent()
        out = 10 * page.dpi / 72
        assert boxes[0][0] > frame.x0 - out
        assert boxes[-1][1] < frame.x1 + out
