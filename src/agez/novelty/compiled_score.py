"""The score of what is unlike the training set by compiled kernels: :func:`agez.novelty.novelty_score.score`, faster.

Rows are sorted by the plane that they belong to and worked on a tile at a time; products of many rows with one matrix
are left to BLAS.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from agez.novelty.compiled_novelty import keep_better, nearest_of, score_rows, worst_of
from agez.novelty.compiled_subspace import fit_rows, gather_rows, rows_at_nodes, sweep_rows, weigh_rows
from agez.novelty.novelty_score import KIND_COST, Scores
from agez.novelty.prepared_novelty import PreparedNovelty, PreparedSubspace
from agez.novelty.vector_rows import LANES
from agez.types import Bools, Floats, Ints

#: Most rows of a tile.
TILE = 256


class _Tile(NamedTuple):
    """Rows of a tile: their numbers and columns; of a plane, what :func:`weigh_rows` fills."""

    rows: Ints
    x: Floats
    e: Floats
    seen: Floats
    residual: Floats
    weight: Floats
    pulled: Floats
    square: Floats
    log_variance: Floats
    spare: Floats

    def weigh(self, plane: PreparedSubspace) -> None:
        """Bring the rows to the amplitude of a plane's mean SED."""
        weigh_rows(
            self.x, self.e, self.seen, plane.mean, plane.left, self.residual, self.weight, self.pulled, self.square,
            self.log_variance, self.spare,
        )  # fmt: skip


def compiled_score(
    typical: PreparedNovelty, flux: Floats, flux_err: Floats, log_error: Floats, covered: Bools, redshift: Floats,
    redshift_err: Floats,
) -> Scores:  # fmt: skip
    """How unlike the training set rows are.

    Parameters
    ----------
    flux, flux_err, log_error : (n, b) float32
        In units of rows' scales, finite everywhere, 0 and 1 where not covered; log10 of the errors.
    covered : (n, b) bool
    redshift, redshift_err : (n,) float
    """
    n, nodes = len(flux), typical.redshift
    ends, none = np.zeros(len(nodes) + 1, np.int64), np.zeros(0, np.int32)
    rows_at_nodes(redshift, redshift_err, nodes, typical.step, ends, none, none.astype(np.float32))
    first = np.concatenate([[0], np.cumsum(ends[:-1])])
    rows, penalty = np.empty(first[-1], np.int32), np.empty(first[-1], np.float32)
    rows_at_nodes(redshift, redshift_err, nodes, typical.step, first.copy(), rows, penalty)
    evidence, node = np.full(n, np.inf, np.float32), np.full(n, -1, np.int64)
    best = (evidence, node, np.ones(n, np.float32), np.zeros(n, np.float32))
    for k in range(len(nodes)):
        here = slice(first[k], first[k + 1])
        for tile, extra in _tiles(rows[here], flux, flux_err, covered, penalty[here]):
            _fit_kinds(typical, k, tile, extra, best)
    near, log_det, worst, star = np.zeros((4, n), np.float32)
    order = np.argsort(node, kind="stable").astype(np.int32)
    edges = np.searchsorted(node[order], np.arange(len(typical.planes) + 1))
    for number, plane in enumerate(typical.planes):
        for tile, _ in _tiles(order[edges[number] : edges[number + 1]], flux, flux_err, covered, None):
            count = len(tile.rows)
            tile.weigh(plane)
            projected, products = plane.near_basis @ tile.pulled, plane.near_pairs @ tile.weight
            chi2, total = _nearest(plane, tile, products, projected)
            near[tile.rows], log_det[tile.rows] = chi2[:count], (total + tile.log_variance)[:count]
            worst[tile.rows] = _worst(plane, tile, products, projected)[:count]
            if typical.star is not None:
                tile.weigh(typical.star)
                chi2, total = _nearest(
                    typical.star, tile, typical.star.near_pairs @ tile.weight, typical.star.near_basis @ tile.pulled
                )
                star[tile.rows] = (chi2 + total + tile.log_variance)[:count]
    n_nodes = np.bincount(rows, minlength=n)
    ood, chi2_out, nearest_out = np.empty((3, n))
    score_rows(
        log_error, covered, n_nodes, best, near, log_det, worst, star, typical.star is not None, typical.thresholds,
        typical.threshold, ood, chi2_out, nearest_out,
    )  # fmt: skip
    return Scores(ood, chi2_out, nearest_out, np.where(np.isnan(ood), -1, node))


def _tiles(
    rows: Ints, flux: Floats, flux_err: Floats, covered: Bools, penalty: Floats | None
) -> Iterator[tuple[_Tile, Floats]]:
    """The rows in tiles, which are a whole number of lanes wide, and their penalties (empty if None)."""
    b = flux.shape[1]
    for start in range(0, len(rows), TILE):
        part = rows[start : start + TILE]
        width = -(-len(part) // LANES) * LANES
        x, e, seen, residual, weight, pulled = np.empty((6, b, width), np.float32)
        square, log_variance = np.empty((2, width), np.float32)
        gather_rows(flux, flux_err, covered, part, x, e, seen)
        spare = np.empty((2, width), np.float32)
        extra = part[:0].astype(np.float32) if penalty is None else penalty[start : start + TILE]
        yield _Tile(part, x, e, seen, residual, weight, pulled, square, log_variance, spare), extra


def _fit_kinds(
    typical: PreparedNovelty, k: int, tile: _Tile, penalty: Floats, best: tuple[Floats, Ints, Floats, Floats]
) -> None:
    """Set a tile's rows against all kinds of planes of node ``k``."""
    chi2, log_det, first = np.empty((3, tile.x.shape[1]), np.float32)
    for kind in range(typical.kinds):
        number = k * typical.kinds + kind
        plane = typical.planes[number]
        tile.weigh(plane)
        fit_rows(plane.pairs @ tile.weight, plane.basis @ tile.pulled, tile.square, chi2, log_det)
        keep_better(
            tile.rows, penalty, np.float32(KIND_COST[kind]), chi2, log_det, tile.log_variance, kind == 0, number, first,
            best,
        )  # fmt: skip


def _nearest(plane: PreparedSubspace, tile: _Tile, products: Floats, projected: Floats) -> tuple[Floats, Floats]:
    """chi2 of the nearest centre, and the log determinant of the covariance that it was had with."""
    q, width = len(plane.unit), tile.x.shape[1]
    inverse = np.empty((plane.centre_pairs.shape[1], width), np.float32)
    solved = np.empty((q, 2, width), np.float32)
    rest, both = np.empty((3, width), np.float32), np.empty((2, width), np.float32)
    chi2, log_det = both
    sweep_rows(products, projected, tile.square, plane.unit, q, True, inverse, solved, rest, log_det)
    of_centres = (plane.centres @ solved.reshape(q, 2 * width)).reshape(-1, 2, width)
    nearest_of(plane.centre_pairs @ inverse, of_centres, rest, chi2)
    return chi2, log_det


def _worst(plane: PreparedSubspace, tile: _Tile, products: Floats, projected: Floats) -> Floats:
    """The statistic of the worst bands."""
    size, width = projected.shape
    inverse, solved = np.empty_like(products), np.empty((size, 1, width), np.float32)
    rest, log_det, worst = np.empty((3, width), np.float32)
    sweep_rows(products, projected, tile.square, plane.loose, size, False, inverse, solved, rest[None], log_det)
    fitted = plane.near_basis.T @ solved[:, 0]
    worst_of(tile.residual, tile.weight, fitted, plane.band_pairs @ inverse, worst, tile.spare)
    return worst
