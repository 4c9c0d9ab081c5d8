"""Figure 3: how Set A and Set B divide the spectra of galaxies into four subsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agez.label_types import Sample
from agez.report.style import SET_NAMES, figure, margins
from agez.types import Ints

#: The paper's shapes; black, red, orange and yellow as colour-blind readers can tell them.
_MARKS = (("o", "#000000"), ("^", "#D55E00"), ("s", "#E69F00"), ("D", "#F0E442"))
_GALAXIES = 4


def four_galaxies(sample: Sample, folds: Mapping[str, Ints]) -> tuple[str, ...]:
    """Four galaxies with positions: of each subset of Set B the one with most spectra, else those with most of all."""
    placed = np.isfinite(sample.rows.x) & np.isfinite(sample.rows.y)
    ids, galaxy, count = np.unique(sample.rows.galaxy_id[placed], return_inverse=True, return_counts=True)
    order = np.argsort(-count, kind="stable")
    if "set_b" in folds:
        fold = np.zeros(len(ids), dtype=int)
        fold[galaxy] = folds["set_b"][placed]
        order = np.array([own[0] for own in (order[fold[order] == k] for k in range(_GALAXIES)) if len(own)], dtype=int)
    return tuple(str(name) for name in ids[order[:_GALAXIES]])


def figure_subsets(path: Path, sample: Sample, folds: Mapping[str, Ints], galaxies: Sequence[str]) -> None:
    """Draw the places of the spectra of four galaxies, marked by subset: a block of 2 x 2 panels for each set.

    To the PNG ``path``; ``folds`` (n,) of 'set_a' and 'set_b' are the subset of each spectrum.
    """
    blocks = [(name, folds[name]) for name in SET_NAMES if name in folds]
    with figure(path, width=6.8, height=6.1 * len(blocks) + 0.7) as page:
        room = margins(page, left=0.75, right=0.2, bottom=1.0, top=0.65, wspace=0.25, hspace=0.42)
        panels = page.subplots(2 * len(blocks), 2, squeeze=False, gridspec_kw=room)
        handles: dict[str, Any] = {}
        for b, (name, fold) in enumerate(blocks):
            for g, axes in enumerate(panels[2 * b : 2 * b + 2].ravel()):
                if g >= len(galaxies):
                    axes.axis("off")
                    continue
                own = (sample.rows.galaxy_id == galaxies[g]) & np.isfinite(sample.rows.x) & np.isfinite(sample.rows.y)
                x, y = sample.rows.x[own], sample.rows.y[own]
                for k, (marker, colour) in enumerate(_MARKS):
                    here = fold[own] == k
                    (handle,) = axes.plot(x[here], y[here], marker, color=colour, ms=6, mec="black", mew=0.6, ls="")
                    handles.setdefault(f"subset {k + 1}", handle)
                reach = 1.12 * max(float(np.abs(np.concatenate([x, y])).max(initial=1.0)), 1.0)
                axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
                axes.set_title(f"{SET_NAMES[name]}: {galaxies[g]} ({own.sum()} spectra)")
                axes.set_xlabel("$x$, to the west [arcsec]")
                axes.set_ylabel("$y$, to the north [arcsec]")
        page.legend(list(handles.values()), list(handles), loc="lower center", ncols=4, frameon=False)
