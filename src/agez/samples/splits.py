"""Four-fold cross-validation within galaxies (Set A) or by galaxy (Set B), each fold with its validation part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from agez.errors import AgezError
from agez.label_types import Sample
from agez.types import Floats, Ints, Strings

SplitKind = Literal["within", "by-galaxy"]

#: Folds of the paper.
N_FOLDS = 4
#: One part in so many of a fold's training rows (or galaxies) is set aside to watch the training.
VALIDATION_PARTS = 5


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of one fold: disjoint, and together every row."""

    #: train, validation, test: (k,) Sorted.
    train: Ints
    validation: Ints
    test: Ints


def make_splits(
    sample: Sample, *, kind: SplitKind, rng: np.random.Generator, n_folds: int = N_FOLDS
) -> tuple[Split, ...]:
    """The folds of a sample: see :func:`splits_within` and :func:`splits_by_galaxy`."""
    galaxy_id = sample.rows.galaxy_id
    if kind == "within":
        return splits_within(galaxy_id, rng=rng, n_folds=n_folds)
    if kind == "by-galaxy":
        return splits_by_galaxy(galaxy_id, kinds=row_morphology(sample), rng=rng, n_folds=n_folds)
    raise AgezError(f"split is {kind!r}; expected 'within' (Set A) or 'by-galaxy' (Set B)")


def row_morphology(sample: Sample) -> Strings:
    """(n,) morphology of each row's galaxy; '' where unknown."""
    return np.asarray(sample.galaxies.morphology[sample.galaxies.rows_of(sample.rows.galaxy_id)], dtype=str)


def splits_within(galaxy_id: Strings, *, rng: np.random.Generator, n_folds: int = N_FOLDS) -> tuple[Split, ...]:
    """Set A: the spectra of each galaxy are dealt at random into the folds, as evenly as they go.

    The validation part of a fold is dealt in the same way: a ``1/VALIDATION_PARTS`` of the training rows, from every
    galaxy alike.  ``galaxy_id`` (n,) is that of each row; a split for each fold is given back.
    """
    if len(galaxy_id) < n_folds * 2:
        raise AgezError(f"{len(galaxy_id)} spectra are too few for {n_folds} folds; give at least {n_folds * 2}")
    fold = _deal(galaxy_id, n_folds, rng)
    splits = []
    for number in range(n_folds):
        rest = np.flatnonzero(fold != number)
        watched = _deal(galaxy_id[rest], VALIDATION_PARTS, rng) == 0
        splits.append(Split(rest[~watched], rest[watched], np.flatnonzero(fold == number)))
    return tuple(splits)


def splits_by_galaxy(
    galaxy_id: Strings, *, kinds: Strings | None = None, rng: np.random.Generator, n_folds: int = N_FOLDS
) -> tuple[Split, ...]:
    """Set B: galaxies are dealt into the folds, so that no test galaxy was seen in training.

    Folds are balanced in number of galaxies of each kind and in number of spectra: galaxies
    of one kind, in order of size, are dealt in rounds, a galaxy for each fold at random within
    a round.  The validation galaxies of a fold are dealt from its training galaxies by the same rule.

    Parameters
    ----------
    galaxy_id : (n,) str
    kinds : (n,) str, optional
        Kind of each row's galaxy (``early``, ``late``); galaxies of each kind are dealt separately.
    """
    names, first, row_galaxy, sizes = np.unique(galaxy_id, return_index=True, return_inverse=True, return_counts=True)
    if len(names) < n_folds + 1:
        raise AgezError(
            f"{len(names)} galaxies are too few to split by galaxy into {n_folds} folds with a validation part; "
            f"give at least {n_folds + 1} (spectra can be split within fewer: 'agez train --split within')"
        )
    kind = np.full(len(names), "") if kinds is None else kinds[first]
    fold = deal_galaxies(kind, sizes, n_folds, rng)
    splits = []
    for number in range(n_folds):
        rest = np.flatnonzero(fold != number)
        # With few galaxies, fewer parts: at least one galaxy watches, at least one teaches.
        parts = min(VALIDATION_PARTS, len(rest))
        watched = rest[deal_galaxies(kind[rest], sizes[rest], parts, rng) == 0]
        role = np.zeros(len(names), int)
        role[fold == number] = 2
        role[watched] = 1
        rows = role[row_galaxy]
        splits.append(Split(*(np.flatnonzero(rows == r) for r in (0, 1, 2))))
    return tuple(splits)


def fold_of_rows(splits: tuple[Split, ...], n_rows: int) -> Ints:
    """(n,) the fold in which each row is tested."""
    fold = np.full(n_rows, -1)
    for number, split in enumerate(splits):
        fold[split.test] = number
    return fold


def _deal(groups: Strings, n_hands: int, rng: np.random.Generator) -> Ints:
    """Deal the members of each group at random into hands, one after another round the table.

    The dealing goes on where the previous group stopped, so that small groups do not all
    land in the first hands; each hand gets the same number of members, within one, both of every
    group and of all.
    """
    shuffled = rng.permutation(len(groups))
    order = shuffled[np.argsort(groups[shuffled], kind="stable")]
    seat = rng.permutation(n_hands)
    hand = np.empty(len(groups), int)
    hand[order] = seat[np.arange(len(groups)) % n_hands]
    return hand


def deal_galaxies(kind: Strings, sizes: Ints, n_hands: int, rng: np.random.Generator) -> Ints:
    """Hands of galaxies, (g,) from 0: kinds apart, similar sizes spread, every hand of nearly equal number."""
    shuffled = rng.permutation(len(sizes))  # ties in random order
    order = shuffled[np.lexsort((-sizes[shuffled], kind[shuffled]))]
    hand = np.empty(len(sizes), int)
    for start in range(0, len(order), n_hands):
        members = order[start : start + n_hands]
        hand[members] = rng.permutation(n_hands)[: len(members)]
    return hand


def thinning_order(
    split: Split, *, galaxy_id: Strings, kinds: Strings | None = None, by_galaxy: bool, rng: np.random.Generator
) -> Floats:
    """When each row of a split leaves it as its training and validation parts are thinned out.

    Rows with a value below ``share`` are that share of each part: of every galaxy's spectra, or, ``by_galaxy``, whole
    galaxies of every kind.  The part of a smaller share lies inside that of a larger one; one row or galaxy of
    each part stays to the last.  Test rows stay.

    Parameters
    ----------
    galaxy_id : (n,) str
    kinds : (n,) str, optional
        Kind of each row's galaxy (``early``, ``late``); used by galaxy only.

    Returns
    -------
    (n,) float in [0, 1)
    """
    order = np.zeros(len(galaxy_id))
    for part in (split.train, split.validation):
        if by_galaxy:
            names, first, member = np.unique(galaxy_id[part], return_index=True, return_inverse=True)
            group = (
                np.zeros(len(names), int) if kinds is None else np.unique(kinds[part][first], return_inverse=True)[1]
            )
            order[part] = _even_order(group, rng)[member]
        else:
            order[part] = _even_order(np.unique(galaxy_id[part], return_inverse=True)[1], rng)
    return order


def thin_split(split: Split, order: Floats, share: float) -> Split:
    """The split with ``share`` of its training and validation rows: those whose ``thinning_order`` is below it."""
    return Split(split.train[order[split.train] < share], split.validation[order[split.validation] < share], split.test)


def _even_order(group: Ints, rng: np.random.Generator) -> Floats:
    """Random values in [0, 1), spread evenly within each group; the lowest of all is 0."""
    shuffled = rng.permutation(len(group))
    ranked = shuffled[np.argsort(group[shuffled], kind="stable")]
    size = np.bincount(group)
    rank = np.arange(len(group)) - np.repeat(np.cumsum(size) - size, size)
    value = np.empty(len(group))
    # one offset a group: a share of a small group is rounded up or down as chance has it, right on average
    value[ranked] = (rank + np.repeat(rng.random(len(size)), size)) / np.repeat(size, size)
    if len(value):
        value[np.argmin(value)] = 0.0
    return value
