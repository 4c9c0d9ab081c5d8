"""Figures as they are drawn, and the labels of their ticks."""

import itertools

from agez.report.style import figure


def kept_pages(monkeypatch, module):
    """A list of the figures that a module draws from now on, instead of files."""
    drawn = []

    class Kept:
        def __init__(self, path, **size):
            self.inside = figure(None, **size)

        def __enter__(self):
            drawn.append(self.inside.__enter__())
            return drawn[-1]

        def __exit__(self, *error):
            return self.inside.__exit__(*error)  # without a path no file is written, which takes the longest

    monkeypatch.setattr(module, "figure", Kept)
    return drawn


def tick_labels(page):
    """The boxes [pixel] of all labels of ticks that are seen."""
    renderer = page.canvas.get_renderer()
    page.draw_without_rendering()
    boxes = {}
    for k, axes in enumerate(page.axes):
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks() if axes.axison and axis.get_visible() else ():
                for label in (tick.label1, tick.label2):
                    inside = low <= tick.get_loc() <= high
                    if inside and label.get_visible() and label.get_text():
                        boxes[k, axis.axis_name, label.get_text()] = label.get_window_extent(renderer)
    return boxes


def overlapping(page):
    boxes = tick_labels(page)
    assert len(boxes) > 10
    return [(a, b) for (a, one), (b, other) in itertools.combinations(boxes.items(), 2) if one.overlaps(other)]
