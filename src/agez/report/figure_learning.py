"""Figure 4: learning curves of one network for the age of each set; and those of all networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.lines import Line2D

from agez.paper_network.cross_validation import LearningCurve
from agez.report.style import FOLD_COLOURS, TITLES, VERMILLION, figure, margins
from agez.targets import PAPER_TARGETS


def figure_learning(path: Path, curves: Mapping[str, Sequence[LearningCurve]], *, random_mse: float | None) -> None:
    """Draw training and validation loss of one network for the age in each set, from the error of random guesses on.

    To the PNG ``path``; ``curves`` by set ("Set A"), of which the first fold's network for the age is shown;
    ``random_mse`` [dex^2] is where they begin.
    """
    with figure(path, width=7.2, height=3.0 * len(curves) + 0.5) as page:
        room = margins(page, left=0.95, right=0.2, bottom=0.65, top=0.4, hspace=0.3)
        panels = page.subplots(len(curves), 1, squeeze=False, sharex=True, sharey=True, gridspec_kw=room)[:, 0]
        for axes, (name, of_set) in zip(panels, curves.items(), strict=True):
            curve = min((c for c in of_set if c.target == "log_age_lw"), key=lambda c: c.fold, default=None)
            if curve is not None:
                epoch, start = np.arange(len(curve.train_mse) + 1), [np.nan if random_mse is None else random_mse]
                axes.plot(epoch, np.append(start, curve.train_mse), color="black", lw=1.2, label="training")
                axes.plot(epoch, np.append(start, curve.validation_mse), color=VERMILLION, lw=1.2, ls="--",
                          label="validation")  # fmt: skip
                axes.legend(loc="upper right", title=f"{name}, age, fold {curve.fold + 1}")
            axes.set_yscale("log")
            axes.set_ylabel("mean squared error [dex$^2$]")
            axes.grid(alpha=0.3)
        panels[-1].set_xlabel("epoch (0: random guesses)")


def figure_all_curves(
    path: Path,
    curves: Mapping[str, Sequence[LearningCurve]],
    *,
    random_mse: Mapping[str, float | None],
) -> None:
    """Draw the loss of every network: a row of panels a set, a column a target, a colour a fold.

    To the PNG ``path``; ``curves`` by set ("Set A"), ``random_mse`` [dex^2] of random guesses by target.
    """
    with figure(path, width=9, height=3.1 * len(curves) + 0.6) as page:
        room = margins(page, left=1.0, right=0.15, bottom=1.1, top=0.35, hspace=0.36)
        panels = page.subplots(len(curves), len(PAPER_TARGETS), squeeze=False, sharey="row", gridspec_kw=room)
        folds = sorted({curve.fold for set_curves in curves.values() for curve in set_curves})
        for row, (name, set_curves) in enumerate(curves.items()):
            for column, target in enumerate(PAPER_TARGETS):
                axes = panels[row, column]
                for curve in (c for c in set_curves if c.target == target):
                    colour = FOLD_COLOURS[folds.index(curve.fold) % len(FOLD_COLOURS)]
                    epoch = np.arange(1, len(curve.train_mse) + 1)
                    axes.plot(epoch, curve.train_mse, color=colour, lw=1, ls="--", alpha=0.8)
                    axes.plot(epoch, curve.validation_mse, color=colour, lw=1.1)
                    if len(epoch) and np.any(np.isfinite(curve.validation_mse)):
                        best = int(np.nanargmin(curve.validation_mse))
                        axes.plot(
                            epoch[best],
                            curve.validation_mse[best],
                            "o",
                            ms=6,
                            mfc="white",
                            mec=colour,
                            mew=1.6,
                            zorder=5,
                        )
                guess = random_mse.get(target)
                if guess is not None:
                    axes.axhline(guess, color="0.25", lw=1.2, ls=":")
                axes.set_yscale("log")
                axes.set_title(f"{name}: {TITLES[target].lower()}")
                axes.set_xlabel("epoch")
                axes.grid(alpha=0.3)
            panels[row, 0].set_ylabel("mean squared error [dex$^2$]")
        entries = [
            Line2D([], [], color=FOLD_COLOURS[k % len(FOLD_COLOURS)], label=f"fold {f + 1}")
            for k, f in enumerate(folds)
        ]
        entries += [
            Line2D([], [], color="0.3", ls="--", label="training"),
            Line2D([], [], color="0.3", label="validation"),
            Line2D([], [], color="0.3", ls="", marker="o", mfc="white", mew=1.6, label="kept weights"),
            Line2D([], [], color="0.25", ls=":", label="random guesses"),
        ]
        page.legend(handles=entries, loc="lower center", ncols=4, frameon=False)
