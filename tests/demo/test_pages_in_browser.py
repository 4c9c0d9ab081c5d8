"""Pages of answers in a real browser: numbers of regions are those of the files, nothing is asked of a network."""

import shutil

import numpy as np
import pytest
from astropy.io import fits

from agez.tables.prediction_files import read_prediction

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def browser():
    sync = pytest.importorskip("playwright.sync_api", reason="pages are tried with playwright, which is not installed")
    if CHROMIUM is None:
        pytest.skip("pages are tried in Chromium, which is not installed (Debian: apt install chromium)")
    with sync.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser):
    """Opens a page of a width; at the end it must have said nothing wrong and asked for nothing."""
    pages, faults, asked = [], [], []

    def open_page(path, width=1400, **options):
        page = browser.new_page(viewport={"width": width, "height": 1000}, **options)
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("#sed svg")
        pages.append((page, path))
        return page

    yield open_page
    for page, _ in pages:
        page.close()
    assert faults == []
    assert asked == [path.as_uri() for _, path in pages]


def number(text):
    """The number of a cell, with its minus sign."""
    value, _, _ = text.replace("\u2212", "-").partition("\u00b1")
    return float(value)


def shown(page, target):
    return page.inner_text(f"#strips [data-target={target}]")


def test_twenty_regions_show_the_numbers_of_the_maps(demo, opened):
    page = opened(demo[0] / "maps.html")
    with fits.open(demo[0] / "maps.fits") as maps:
        bins = maps["BINID"].data
        bins = bins if bins.ndim == 2 else bins[0]
        values = {name: maps[name].data for name in ("LOG_AGE_LW", "MH_LW", "AV")}
    rows, columns = np.nonzero(bins >= 0)
    canvas = page.locator(".panel canvas").nth(1)
    left, right, bottom, top = map(int, canvas.get_attribute("data-window").split())
    box = canvas.bounding_box()
    regions = np.random.default_rng(1).choice(np.unique(bins[bins >= 0]), 20, replace=False)
    for region in regions:
        k = int(np.flatnonzero(bins[rows, columns] == region)[0])
        y, x = int(rows[k]), int(columns[k])
        canvas.click(position={
            "x": (x - left + 0.5) / (right - left + 1) * box["width"],
            "y": (top - y + 0.5) / (top - bottom + 1) * box["height"],
        })  # fmt: skip
        assert page.inner_text("#name") == f"region {region}"
        for name, image in values.items():
            assert number(shown(page, name.lower())) == pytest.approx(image[y, x], abs=0.00051)
        assert page.get_attribute("tr.is-chosen", "data-row") == str(region)


def test_rows_show_the_numbers_of_the_table(demo, opened):
    page = opened(demo[0] / "ages.html")
    answers = read_prediction(demo[0] / "ages.fits")
    for k in (0, 7, 123, 299):
        page.click(f"tr[data-row='{k}']")
        assert page.inner_text("#name") == f"row {answers.rows.spec_id[k]}"
        for target in ("log_age_lw", "mh_lw", "log_mass"):
            assert number(shown(page, target)) == pytest.approx(getattr(answers, target)[k], abs=0.00051)
            error = shown(page, target).partition("\u00b1")[2]
            assert float(error) == pytest.approx(getattr(answers, f"{target}_err")[k], abs=0.00051)
            cell = page.inner_text(f"tr[data-row='{k}'] td[data-column={target}]")
            assert number(cell) == number(shown(page, target))
        flags = page.inner_text("#flags")
        assert ("no flag" in flags) == (answers.flags[k] == 0)
        if answers.worst_band is not None and answers.worst_band[k]:
            assert answers.worst_band[k] in flags


def test_table_sorts_and_filters(demo, opened):
    page = opened(demo[0] / "ages.html")
    answers = read_prediction(demo[0] / "ages.fits")
    ids = lambda: page.eval_on_selector_all("tbody tr", "lines => lines.map(one => Number(one.dataset.row))")  # noqa: E731
    page.click("thead th:nth-child(2) button")
    found = answers.log_age_lw[ids()]
    assert np.all(np.diff(found[np.isfinite(found)]) >= 0)
    page.click("thead th:nth-child(2) button")
    found = answers.log_age_lw[ids()]
    assert np.all(np.diff(found[np.isfinite(found)]) <= 0)
    page.fill("#filter", "log_age_lw > 9.5, mh_lw <= 0 and !OUT_OF_DISTRIBUTION")
    kept = (answers.log_age_lw > 9.5) & (answers.mh_lw <= 0) & ((answers.flags & (1 << 10)) == 0)
    assert set(ids()) == set(np.flatnonzero(kept))
    assert page.inner_text("#count") == f"{kept.sum()} of 300 rows"
    page.fill("#filter", "mass_of_the_moon < 3")
    assert "no column mass_of_the_moon" in page.inner_text("#filter-help")
    assert set(ids()) == set(np.flatnonzero(kept))  # the last filter that was understood
    page.fill("#filter", "out_of_distribution")
    assert set(ids()) == set(np.flatnonzero((answers.flags & (1 << 10)) != 0))


def test_keyboard_alone(demo, opened):
    page = opened(demo[0] / "maps.html", color_scheme="dark")
    assert page.get_attribute("html", "data-theme") == "dark"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert page.inner_text("#name") == "region 1"
    page.keyboard.press("t")
    assert page.get_attribute("html", "data-theme") == "light"
    page.keyboard.press("/")
    page.keyboard.type("t9")  # words, not the theme
    assert page.get_attribute("html", "data-theme") == "light"
    assert page.input_value("#filter") == "t9"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement === document.getElementById('filter')") is False


def test_quantity_of_a_map_can_be_chosen_and_hovered(demo, opened):
    page = opened(demo[0] / "maps.html")
    panel = page.locator(".panel").nth(1)
    before = panel.locator("canvas").evaluate("one => one.toDataURL()")
    panel.locator("select").select_option("av")
    assert panel.locator("canvas").evaluate("one => one.toDataURL()") != before
    box = panel.locator("canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector("#tip", state="visible")
    assert page.inner_text("#tip").startswith("region ")
    page.hover("#sed > svg >> nth=0")
    assert "expected" in page.inner_text("#tip")


@pytest.mark.parametrize("width", [1400, 400])
@pytest.mark.parametrize("name", ["maps.html", "ages.html"])
def test_page_fits_its_window(demo, opened, name, width):
    page = opened(demo[0] / name, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
