"""Figure 5: radial profiles of one galaxy from the fit and from the network, with the lines of every subset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.collections import LineCollection

from agez.analysis.gradients import MAX_RADIUS
from agez.analysis.metrics import sigma_mad
from agez.experiments.result import SetResult, target_columns
from agez.label_types import Sample
from agez.report.numbers import number
from agez.report.style import QUANTITY, VERMILLION, figure, margins, note, robust_limits, value_limits
from agez.targets import PAPER_TARGETS
from agez.types import Floats

#: A galaxy is shown if it has as many spectra inside this radius [Re]; where none has, the one with most.
LEAST_SPECTRA, WITHIN_RE = 60, 1.5


@dataclass(frozen=True, eq=False)
class Profile:
    """One galaxy: radii (n,) [Re], values (n, 2) of fit and network, the lines (2, subsets, 2) of each, and the errors
    (n, 2) of the fit's values."""

    galaxy_id: str
    radius: Floats
    labels: Floats
    predicted: Floats
    label_lines: Floats
    predicted_lines: Floats
    label_errors: Floats


def typical_profile(sample: Sample, result: SetResult) -> Profile | None:
    """The galaxy whose gradients the network recovers as well as it does in the median; None where none has gradients.

    Galaxies are ranked by the distance of the network's two gradients from the fit's, each in units of the sigma_mad
    over all galaxies.
    """
    fit, network = result.label_gradients, result.predicted_gradients
    if fit.lines is None or network.lines is None:
        return None
    difference = network.slope - fit.slope
    known = np.flatnonzero(np.isfinite(difference).all(axis=1))
    if not len(known):
        return None
    scale = np.maximum([sigma_mad(column) for column in difference[known].T], 1e-9)
    distance = np.hypot(*(difference[known] / scale).T)
    usable = np.isfinite(sample.r_re) & np.isfinite(result.predicted).all(axis=1)
    inside = usable & (sample.r_re <= WITHIN_RE)
    count = np.array([(inside & (sample.rows.galaxy_id == name)).sum() for name in fit.galaxy_id[known]])
    enough = count >= min(LEAST_SPECTRA, count.max())
    ranked = np.flatnonzero(enough)[np.argsort(distance[enough], kind="stable")]
    g = known[ranked[len(ranked) // 2]]
    rows = usable & (sample.rows.galaxy_id == fit.galaxy_id[g])
    return Profile(
        str(fit.galaxy_id[g]), sample.r_re[rows], target_columns(sample.labels)[rows], result.predicted[rows],
        fit.lines[:, :, g], network.lines[:, :, g],
        np.stack([getattr(sample.labels, f"{target}_err")[rows] for target in PAPER_TARGETS], axis=1),
    )  # fmt: skip


def figure_profiles(path: Path, profile: Profile) -> None:
    """Draw metallicity (top) and age (bottom) against radius, from the fit (left) and from the network (right).

    To the PNG ``path``.
    """
    columns = (("spectral fit", profile.labels, profile.label_lines),
               ("network, Set A", profile.predicted, profile.predicted_lines))  # fmt: skip
    along = np.array([0.0, MAX_RADIUS])
    with figure(path, width=8.6, height=7.2) as page:
        page.suptitle(profile.galaxy_id)
        room = margins(page, left=0.8, right=0.2, bottom=0.95, top=0.75, wspace=0.06, hspace=0.08)
        panels = page.subplots(2, 2, sharex=True, sharey="row", gridspec_kw=room)
        for row, target in enumerate(("mh_lw", "log_age_lw")):
            k = PAPER_TARGETS.index(target)
            limits = robust_limits(profile.labels[:, k], profile.predicted[:, k], keep=1.0, pad=0.12)
            by_errors = value_limits(profile.labels[:, k], profile.label_errors[:, k])
            limits = min(limits[0], by_errors[0]), max(limits[1], by_errors[1])
            for column, (title, values, lines) in enumerate(columns):
                axes = panels[row, column]
                axes.plot(profile.radius, values[:, k], "x", color="0.6", ms=4.5, mew=0.9, label="a spectrum each")
                every = lines[0, :, k][:, None] + lines[1, :, k][:, None] * along
                segments = np.stack(np.broadcast_arrays(along, every), axis=-1)
                axes.add_collection(LineCollection(list(segments), colors=VERMILLION, linewidths=0.7, alpha=0.35,
                                                   label="lines of the random subsets"))  # fmt: skip
                axes.plot(along, every.mean(axis=0), color="black", lw=2.0, label="their mean")
                slope, error = lines[1, :, k].mean(), lines[1, :, k].std(ddof=1)
                told = f"{number(slope)} \N{PLUS-MINUS SIGN} {number(error, '{:.3f}')} dex/$R_e$"
                note(axes, told, where="upper right")
                axes.axvline(MAX_RADIUS, color="0.3", lw=0.8, ls=":")
                axes.set_ylim(limits)
                axes.grid(alpha=0.2)
                if row == 0:
                    axes.set_title(title)
                else:
                    axes.set_xlabel("face-on radius [$R_e$]")
            panels[row, 0].set_ylabel(QUANTITY[target])
        panels[0, 0].set_xlim(left=0.0)
        page.legend(*panels[0, 0].get_legend_handles_labels(), loc="lower center", ncols=3, frameon=False)
