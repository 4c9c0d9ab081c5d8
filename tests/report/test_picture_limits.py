"""Colour bars and axes of values with errors: no narrower than the errors, lest noise looks like structure."""

from contextlib import contextmanager

import numpy as np
import pytest
from made_up_maps import made_up_maps, made_up_prediction
from matplotlib.figure import Figure

from agez.report import catalogue_picture as catalogue
from agez.report import map_pictures
from agez.report.style import value_limits


@pytest.mark.parametrize("n", [1, 2, 30, 500])
@pytest.mark.parametrize(("scatter", "error"), [(0.0, 0.2), (0.01, 0.2), (0.3, 0.05), (0.05, 0.0), (0.0, np.nan)])
def test_limits_span_the_errors_and_the_central_range(rng, n, scatter, error):
    values = 9.5 + scatter * rng.normal(size=n)
    low, high = value_limits(values, np.full(n, error))
    assert low < high
    assert low <= np.quantile(values, 0.02)
    assert high >= np.quantile(values, 0.98)
    if error > 0:
        assert low <= np.median(values) - 2 * error
        assert high >= np.median(values) + 2 * error
        assert high - low <= np.ptp(values) + 4 * error + 1e-12


def test_values_that_are_not_there_do_not_count():
    assert value_limits(np.full(3, np.nan), 0.1) == (0.0, 1.0)
    assert value_limits(np.array([]), np.array([])) == (0.0, 1.0)
    values, errors = np.array([9.0, np.nan, 9.1]), np.array([0.1, 50.0, np.inf])
    assert value_limits(values, errors) == pytest.approx((9.05 - 0.2, 9.05 + 0.2))


@pytest.fixture
def pages(monkeypatch):
    """The pages that are drawn, instead of files."""
    drawn = []

    @contextmanager
    def figure(path, *, width, height):
        drawn.append(Figure(figsize=(width, height)))
        yield drawn[-1]

    for module in (map_pictures, catalogue):
        monkeypatch.setattr(module, "figure", figure)
    return drawn


@pytest.mark.parametrize("n", [1, 6])
def test_maps_and_profiles(rng, pages, tmp_path, n):
    bin_id = np.arange(36).reshape(6, 6) * n // 36
    found = made_up_prediction(9.5 + 0.01 * rng.normal(size=n), 0.2)
    maps = made_up_maps(bin_id, found)
    map_pictures.draw_maps(maps, tmp_path)
    for axes in pages[0].axes:
        for image in axes.images:
            assert image.norm.vmin < image.norm.vmax
    bars = {one.get_xlabel(): one for one in pages[0].axes}
    for label, middle, half in (("log age [log$_{10}$ yr]", np.median(found.log_age_lw), 0.4), ("[M/H] [dex]", 0, 0.6)):
        low, high = bars[label].get_xlim()
        assert low <= middle - half + 1e-9
        assert high >= middle + half - 1e-9
        assert high - low <= 2 * half + 0.1
    low, high = pages[1].axes[0].get_ylim()
    assert low <= np.median(found.log_age_lw) - 0.4 + 1e-9
    assert high >= np.median(found.log_age_lw) + 0.4 - 1e-9


def test_pictures_of_catalogues(pages, tmp_path):
    """A thousand rows of one age, with errors of 0.2 and 0.3."""
    counts = catalogue.Tally().counts
    counts["log_age_mh"][50, 40] = 1000
    counts["log_age_err"][20] = counts["mh_err"][30] = 1000
    counts["redshift_log_age"][2, 50] = counts["redshift_mh"][2, 40] = 1000
    catalogue.catalogue_picture(tmp_path / "a.png", catalogue.Tally(counts), {}, n_rows=1000)
    density, *_, age, mh = (pages[0].axes[k] for k in (0, 3, 4))
    for limits, half in (
        (density.get_xlim(), 0.4),
        (density.get_ylim(), 0.6),
        (age.get_ylim(), 0.4),
        (mh.get_ylim(), 0.6),
    ):
        assert 2 * half <= limits[1] - limits[0] <= 2 * half + 0.2
