"""Answers averaged over redshift distributions of several Gaussians: one answer a Gaussian, then their mixture.

Each component is answered as if it were the redshift of the row, with its own distance, and counts with its weight
times the share of it inside the model's range.  Rows of one Gaussian are answered as such.  The answer for the heaviest
components takes the places of the rows among the others, so these are what they would be without mixtures.

Means and quantiles are those of all Gaussians of all answers.  The distribution that is kept has as many Gaussians as
any other: each redshift component gets a part of them by its weight, so that peaks of the redshift stay apart.

The out-of-distribution score, and what goes with it, is that of the component with the smallest score among those of at
least a tenth of the weight.  A galaxy is ordinary if it is so at a redshift that is believed, which is what the score
of a single wide Gaussian asks, too: the heaviest component alone would call a galaxy odd for having the other redshift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from agez.distributions.marginals import quantiles
from agez.distributions.mixture import Mixture, average, marginal_of, moments
from agez.distributions.redshift_bounds import least_redshift
from agez.distributions.redshift_mixture import RedshiftMixture
from agez.flags import Flag, has_flag, set_flag
from agez.mixture_network.mixture_kind import COLUMN_PLACES, PROBABILITIES, MixtureKind
from agez.mixture_network.redshift_inside import LEAST_ANSWERED, LEAST_TRUSTED, inside_redshift
from agez.mixture_network.row_answers import RowAnswers, levels
from agez.mixture_network.target_units import unscaled, with_sums
from agez.models.asked import Asked
from agez.targets import Target
from agez.types import Floats, Ints, Photometry, Prediction

#: Components of less weight are not answered.
LEAST_WEIGHT = 0.005
#: Components of less weight do not say what is in distribution.
LEAST_FAMILIAR = 0.1


def averaged_over_redshifts(
    kind: MixtureKind, photometry: Photometry, *, compiled: bool, asked: Asked | None
) -> Prediction:
    """The answers for photometry whose ``redshift_mixture`` is not None.

    Parameters
    ----------
    kind : MixtureKind
    photometry : Photometry
        In the bands of the model.
    compiled, asked
        Of :meth:`agez.mixture_network.mixture_kind.MixtureKind.answer`.
    """

    def answer(seds: Photometry) -> Prediction:
        return kind.answer(seds, compiled=compiled, asked=asked)

    assert photometry.redshift_mixture is not None
    plain = replace(photometry, redshift_mixture=None)
    rows = np.flatnonzero(photometry.redshift_mixture.n_components > 1)
    if not rows.size:
        return answer(plain)
    mixture = photometry.redshift_mixture.take(rows)
    share, inside = _shares(mixture, kind.model.header)
    main, each = np.argmax(share, axis=1), np.arange(len(rows))
    # the heaviest component of each row first, in the row's place; then the others, as many rows at a time
    first = answer(_at(plain, rows, mixture, each, main))
    others = share > 0
    others[each, main] = False
    row, component = np.nonzero(others)
    parts = [first.take(rows)]
    for start in range(0, len(row), len(plain)):
        some = slice(start, start + len(plain))
        part = plain.take(rows[row[some]])
        parts.append(answer(_at(part, np.arange(len(part)), mixture, row[some], component[some])))
    version = np.full(share.shape, -1)
    version[each, main] = each
    version[row, component] = len(rows) + np.arange(len(row))
    return with_rows(first, rows, _averaged(kind, Prediction.concatenate(parts), version, share, inside, main, mixture))


def _at(plain: Photometry, rows: Ints, mixture: RedshiftMixture, of: Ints, component: Ints) -> Photometry:
    """Photometry whose ``rows`` are at components of the rows ``of`` of a mixture."""
    z, err = np.array(plain.redshift, float), np.array(plain.redshift_err, float)
    z[rows], err[rows] = mixture.means[of, component], mixture.stds[of, component]
    return replace(plain, redshift=z, redshift_err=err)


def _shares(mixture: RedshiftMixture, header: Any) -> tuple[Floats, Floats]:
    """(n, k) weights of the components that are answered, which sum to 1, and (n,) share of the whole inside."""
    found = inside_redshift(
        mixture.means.ravel(), mixture.stds.ravel(), header["redshift_range"],
        tolerance=float(header["redshift_tolerance"]),
    )  # fmt: skip
    of_component = found.share.reshape(mixture.means.shape)
    weight = mixture.weights * of_component
    inside = np.minimum(weight.sum(axis=1), 1.0)
    weight = np.where(of_component >= LEAST_ANSWERED, weight, 0.0)
    none = weight.sum(axis=1) == 0
    weight[none] = mixture.weights[none]
    weight /= weight.sum(axis=1, keepdims=True)
    weight = np.where(weight > LEAST_WEIGHT, weight, 0.0)
    return weight / weight.sum(axis=1, keepdims=True), inside


def _averaged(
    kind: MixtureKind, versions: Prediction, version: Ints, share: Floats, inside: Floats, main: Ints,
    mixture: RedshiftMixture,
) -> Prediction:  # fmt: skip
    """One answer a row of those of its versions, whose numbers ``version`` (n, k) has, -1 where there is none."""
    assert versions.mixture is not None
    n, d = len(version), versions.mixture.n_targets
    each = np.arange(n)
    own = version[each, main]
    version = np.where(version < 0, own[:, None], version)
    # versions without an answer, or without a distance, do not count where others have them
    complete = np.asarray(np.isfinite(versions.mean[:, :d]).all(axis=1))[version]
    counted = np.where(complete, share, 0.0)
    lost = np.flatnonzero(counted.sum(axis=1) == 0)
    counted[lost] = share[lost]
    counted /= counted.sum(axis=1, keepdims=True)
    version = np.where(counted > 0, version, version[each, np.argmax(counted, axis=1)][:, None])

    kept, sums = versions.targets[:d], versions.targets[d:]
    whole = _together(versions.mixture, version, counted)
    # intervals have the tails of the network that most of the weight is answered by
    of_other = (kind.network.for_others(mixture.means, mixture.stds) * counted).sum(axis=1) > 0.5
    mean, points = _columns(kind, whole, kept, sums)
    if kind.of_unknown is not None and of_other.any():
        mean[of_other], points[of_other] = _columns(kind.of_unknown, whole.take(of_other), kept, sums)
    undefined = np.isnan(versions.mean[version]).any(axis=1)
    mean[undefined], points[undefined] = np.nan, np.nan
    ood = np.where(counted >= LEAST_FAMILIAR, versions.ood[version], np.inf)
    familiar = np.argmin(np.where(np.isnan(ood), np.inf, ood), axis=1)
    familiar = np.where(np.isfinite(ood[each, familiar]), familiar, np.argmax(counted, axis=1))
    chosen = versions.take(version[each, familiar])
    beyond = (has_flag(versions.flags[version], Flag.OUT_OF_RANGE) * counted).sum(axis=1) > 0.5
    flags = chosen.flags & ~np.int32(int(Flag.OUT_OF_RANGE | Flag.REDSHIFT_OUTSIDE_MODEL))
    flags = set_flag(flags, beyond, Flag.OUT_OF_RANGE)
    flags = set_flag(flags, inside < LEAST_TRUSTED, Flag.REDSHIFT_OUTSIDE_MODEL)
    spread = versions.library_spread
    leading = tuple(target.name for target in kept[:2]) == tuple(one.name for one in kind.model.targets[:2])
    found = replace(
        chosen, mean=mean, quantiles=points, flags=flags, redshift_inside=inside,
        correlation=moments(whole)[2] if leading else chosen.correlation,
        mixture=_fewer(versions.mixture, version, counted),
        library_spread=None if spread is None else (spread[version] * counted[..., None]).sum(axis=1),
    )  # fmt: skip
    return _unanswered(found, np.flatnonzero(inside < LEAST_ANSWERED))


def _together(m: Mixture, version: Ints, share: Floats) -> Mixture:
    """All components of all versions (n, v) of each row, (n, v k), the versions' weights being ``share``."""
    n = len(version)
    w, mean, covariance = m.weights[version], m.mean[version], m.covariance[version]
    return Mixture(
        (w * share[..., None]).reshape(n, -1), mean.reshape(n, -1, m.n_targets),
        covariance.reshape(n, -1, covariance.shape[-1]),
    )  # fmt: skip


def _columns(
    kind: MixtureKind, whole: Mixture, kept: Sequence[Target], sums: Sequence[Target]
) -> tuple[Floats, Floats]:
    """Means (n, d) and quantiles (n, d, q) of targets and of their sums, in the targets' units."""
    network = kind.leading([target.name for target in kept])
    names = [target.name for target in kind.model.targets]
    of_kept = levels(network, PROBABILITIES)[[names.index(target.name) for target in kept]]
    columns: dict[str, Any] = dict.fromkeys(RowAnswers._fields)
    columns |= {
        "mixture": whole, "mean": moments(whole)[0],
        "quantiles": np.stack([quantiles(whole, level, t).T for t, level in enumerate(of_kept)]),
    }  # fmt: skip
    for t, target in enumerate(kept):
        if target.scale == "redshift":
            points = columns["quantiles"][t]
            columns["quantiles"][t] = np.maximum(points, least_redshift(marginal_of(whole, [t])))
    found = with_sums(unscaled(RowAnswers(**columns), kept), kept, sums, of_kept)
    return found.mean, found.quantiles[:, COLUMN_PLACES].transpose(2, 0, 1)


def _fewer(m: Mixture, version: Ints, share: Floats) -> Mixture:
    """As many components a row as a version has, each of neighbours in one version's first target where there is room.

    Versions (n, v) are in the order of their redshifts.  Mean and covariance of the whole distribution stay.
    """
    k, d = m.n_components, m.n_targets
    order = np.argsort(m.mean[..., 0], axis=1, kind="stable")
    wide: Any = order[..., None]
    m = Mixture(
        np.take_along_axis(m.weights, order, axis=1), np.take_along_axis(m.mean, wide, axis=1),
        np.take_along_axis(m.covariance, wide, axis=1),
    )  # fmt: skip
    used = share > 0
    spare = np.maximum(k - used.sum(axis=1, keepdims=True), 0)
    room = spare > 0  # one place for each version, the rest by weight; with more versions than places all by weight
    place = np.where(room, np.cumsum(used, axis=1), 0)
    end = place + np.round(np.where(room, spare, k) * np.cumsum(share, axis=1)).astype(int)
    begin = np.concatenate([np.zeros((len(end), 1), int), end[:, :-1]], axis=1)
    w = m.weights[version]
    within = np.cumsum(w, axis=2) - w / 2
    size = np.maximum(end - begin, 1)[..., None]
    with np.errstate(invalid="ignore"):
        slot = begin[..., None] + np.clip(np.nan_to_num(size * within).astype(int), 0, size - 1)
    group = (np.arange(len(version))[:, None, None] * k + np.minimum(slot, k - 1)).ravel()
    whole = _together(m, version, share)
    single = Mixture(
        np.ones((group.size, 1)), whole.mean.reshape(-1, 1, d), whole.covariance.reshape(group.size, 1, -1)
    )
    weight = whole.weights.ravel()
    merged = average(single, group, weight, len(version) * k)
    weights = np.bincount(group, weight, len(version) * k).astype(float).reshape(-1, k)
    mean, covariance = merged.mean.reshape(-1, k, d), merged.covariance.reshape(len(version), k, -1)
    empty = np.isnan(mean[..., 0])[..., None]  # of no weight, so that any Gaussian will do
    return Mixture(
        weights, np.where(empty, whole.mean[:, :1], mean), np.where(empty, whole.covariance[:, :1], covariance)
    )


def _unanswered(found: Prediction, rows: Ints) -> Prediction:
    """The same with nothing said of some rows."""
    if not rows.size:
        return found
    nothing = found.take(rows)
    blank: dict[str, Any] = {
        name: np.full(np.shape(value), np.nan)
        for name in nothing._row_fields
        if isinstance(value := getattr(nothing, name), np.ndarray)
        and value.dtype.kind == "f"
        and name != "redshift_inside"
    }
    if nothing.mixture is not None:
        columns = (nothing.mixture.weights, nothing.mixture.mean, nothing.mixture.covariance)
        blank["mixture"] = Mixture(*(np.full(one.shape, np.nan) for one in columns))
    return with_rows(found, rows, replace(nothing, **blank))


def with_rows(whole: Prediction, rows: Ints, new: Prediction) -> Prediction:
    """The same predictions with those of some rows replaced."""
    index = np.arange(len(whole))
    index[rows] = len(whole) + np.arange(len(rows))
    return Prediction.concatenate([whole, new]).take(index)
