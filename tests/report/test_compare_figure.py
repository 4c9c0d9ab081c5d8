"""Pictures of comparisons: the shape of the maps, ticks that do not overlap, many rows in bins."""

import numpy as np
import pytest
from kept_pages import kept_pages, overlapping

from agez.analysis.comparing import agreement, profile
from agez.analysis.matching import Matched
from agez.report import compare_figure


def matched(rng, n, shape=None):
    """Two sides of n values of log age and of a flux, those of maps in a frame of that shape."""
    a = {"log_age_lw": 9 + rng.random(n), "flux": 1e-17 * rng.random(n)}
    errors = {"log_age_lw": np.full(n, 0.1), "flux": np.full(n, 1e-18)}
    b = {name: a[name] + errors[name] * rng.normal(size=n) for name in a}
    regions = corner = None
    if shape is not None:
        regions = (np.arange(np.prod(shape)) * n // np.prod(shape)).reshape(shape)
        corner = np.moveaxis(np.indices(shape)[::-1] * 0.55, 0, -1)
    units = {"log_age_lw": "dex(yr)", "flux": "erg / (s cm2)"}
    return Matched(a, errors, b, errors, units, "pairs", n, n, np.linspace(0, 3, n), "Re", regions, corner)


def drawn(monkeypatch, found):
    pages = kept_pages(monkeypatch, compare_figure)
    sides = {name: (found.a[name], found.a_err[name], found.b[name], found.b_err[name]) for name in found.a}
    numbers = {name: agreement(*side) for name, side in sides.items()}
    profiles = {
        name: profile(found.radius, *side, name=name, kinds=("images", "images"), in_re=True)
        for name, side in sides.items()
    }
    compare_figure.figure_comparison("a.png", found, ("one", "other"), numbers, profiles)
    return pages[0]


@pytest.mark.parametrize("shape", [None, (40, 40), (8, 60), (60, 8), (30, 50), (2, 200), (200, 2)])
def test_ticks_do_not_overlap_and_maps_have_their_shape(monkeypatch, rng, shape):
    page = drawn(monkeypatch, matched(rng, 30, shape))
    assert overlapping(page) == []
    maps = [axes for axes in page.axes if axes.images]
    assert len(maps) == (0 if shape is None else 6)
    for axes in maps:
        box = axes.get_window_extent()
        across, up = (abs(np.diff(limits)[0]) for limits in (axes.get_xlim(), axes.get_ylim()))
        assert box.width / across == pytest.approx(box.height / up, rel=1e-6)
        assert max(box.width, box.height) > 2 * page.dpi


@pytest.mark.parametrize(("n", "binned"), [(500, False), (501, True)])
def test_many_rows_are_binned(monkeypatch, rng, n, binned):
    first = drawn(monkeypatch, matched(rng, n)).axes[0]
    words = [] if first.get_legend() is None else [one.get_text() for one in first.get_legend().get_texts()]
    assert words == ([f"{n} rows in 20 bins:\nmedian, 16-84 %"] if binned else [])
