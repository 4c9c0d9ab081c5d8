"""The out-of-distribution score by compiled kernels: :func:`agez.novelty.novelty_score.score`, faster.

Rows are sorted by subspace and processed in tiles; products of many rows with one matrix are left to BLAS.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from agez.novelty.compiled_novelty import keep_better, nearest_of, score_rows, worst_of
from agez.novelty.compiled_subspace import fit_rows, gather_rows, rows_at_nodes, sweep_rows, weigh_rows
from agez.novelty.leave_one_band_out import WorstBands
from agez.novelty.novelty_score import CLUSTER_COST, Scores
from agez.novelty.prepared_novelty import PreparedNovelty, PreparedSubspace
from agez.novelty.threshold_surface import ESTIMATED_NODES
from agez.novelty.vector_rows import LANES
from agez.types import Bools, Floats, Ints

#: Most rows of a tile.
TILE = 256


class _Tile(NamedTuple):
    """Rows of a tile: their indices and columns, and work arrays that :func:`weigh_rows` fills for a subspace."""

    rows: Ints
    x: Floats
    e: Floats
    counted: Floats
    residual: Floats
    weight: Floats
    pulled: Floats
    square: Floats
    log_variance: Floats
    spare: Floats

    def weigh(self, subspace: PreparedSubspace) -> None:
        """Scale the rows to the mean SED of a subspace."""
        weigh_rows(
            self.x, self.e, self.counted, subspace.mean, subspace.residual_variance, self.residual, self.weight,
            self.pulled, self.square, self.log_variance, self.spare,
        )  # fmt: skip


def compiled_score(
    novelty: PreparedNovelty, flux: Floats, flux_err: Floats, log_error: Floats, covered: Bools, redshift: Floats,
    redshift_err: Floats, estimated: Bools | None = None,
) -> Scores:  # fmt: skip
    """Out-of-distribution score of rows.

    Parameters
    ----------
    flux, flux_err, log_error : (n, b) float32
        In units of the scale of each row; flux 0 and error 1 where not covered; log10 of the errors.
    covered : (n, b) bool
    redshift, redshift_err, estimated : (n,)
        As for :func:`agez.novelty.novelty_score.score`.
    """
    n, nodes = len(flux), novelty.redshift
    ends, none = np.zeros(len(nodes) + 1, np.int64), np.zeros(0, np.int32)
    rows_at_nodes(redshift, redshift_err, nodes, novelty.step, ends, none, none.astype(np.float32))
    first = np.concatenate([[0], np.cumsum(ends[:-1])])
    rows, penalty = np.empty(first[-1], np.int32), np.empty(first[-1], np.float32)
    rows_at_nodes(redshift, redshift_err, nodes, novelty.step, first.copy(), rows, penalty)
    evidence, node = np.full(n, np.inf, np.float32), np.full(n, -1, np.int64)
    best = (evidence, node, np.ones(n, np.float32), np.zeros(n, np.float32))
    for k in range(len(nodes)):
        here = slice(first[k], first[k + 1])
        for tile, extra in _tiles(rows[here], flux, flux_err, covered, penalty[here]):
            _fit_clusters(novelty, k, tile, extra, best)
    near, log_det, worst, worst_sigma, star = np.zeros((5, n), np.float32)
    worst_band = np.full(n, -1, np.int32)
    order = np.argsort(node, kind="stable").astype(np.int32)
    edges = np.searchsorted(node[order], np.arange(len(novelty.subspaces) + 1))
    for number, subspace in enumerate(novelty.subspaces):
        for tile, _ in _tiles(order[edges[number] : edges[number + 1]], flux, flux_err, covered, None):
            count = len(tile.rows)
            tile.weigh(subspace)
            projected, products = subspace.whitened_basis @ tile.pulled, subspace.whitened_pairs @ tile.weight
            chi2, total = _nearest(subspace, tile, products, projected)
            near[tile.rows], log_det[tile.rows] = chi2[:count], (total + tile.log_variance)[:count]
            of_bands = _worst(subspace, novelty.band_scatter[number], tile, products, projected)
            worst[tile.rows], worst_band[tile.rows], worst_sigma[tile.rows] = (one[:count] for one in of_bands)
            if novelty.stars is not None:
                tile.weigh(novelty.stars)
                products = novelty.stars.whitened_pairs @ tile.weight
                projected = novelty.stars.whitened_basis @ tile.pulled
                chi2, total = _nearest(novelty.stars, tile, products, projected)
                star[tile.rows] = (chi2 + total + tile.log_variance)[:count]
    n_nodes = np.bincount(rows, minlength=n)
    n_nodes = n_nodes if estimated is None else np.where(estimated, ESTIMATED_NODES, n_nodes)
    redshift = novelty.redshift[np.maximum(node, 0) // novelty.n_clusters]
    ood, chi2_out, nearest_out = np.empty((3, n))
    score_rows(
        log_error, covered, n_nodes, redshift, best, near, log_det, worst, star, novelty.stars is not None,
        novelty.thresholds, novelty.threshold, ood, chi2_out, nearest_out,
    )  # fmt: skip
    none = np.isnan(ood)
    return Scores(
        ood, chi2_out, nearest_out, np.where(none, -1, node), np.where(none, -1, worst_band),
        np.where(none, np.nan, worst_sigma),
    )  # fmt: skip


def _tiles(
    rows: Ints, flux: Floats, flux_err: Floats, covered: Bools, penalty: Floats | None
) -> Iterator[tuple[_Tile, Floats]]:
    """Tiles of rows, padded to a whole number of lanes, and their penalties (empty if None)."""
    b = flux.shape[1]
    for start in range(0, len(rows), TILE):
        chunk = rows[start : start + TILE]
        width = -(-len(chunk) // LANES) * LANES
        x, e, counted, residual, weight, pulled = np.empty((6, b, width), np.float32)
        square, log_variance = np.empty((2, width), np.float32)
        gather_rows(flux, flux_err, covered, chunk, x, e, counted)
        spare = np.empty((2, width), np.float32)
        extra = chunk[:0].astype(np.float32) if penalty is None else penalty[start : start + TILE]
        yield _Tile(chunk, x, e, counted, residual, weight, pulled, square, log_variance, spare), extra


def _fit_clusters(
    novelty: PreparedNovelty, k: int, tile: _Tile, penalty: Floats, best: tuple[Floats, Ints, Floats, Floats]
) -> None:
    """Fit the rows of a tile by the subspaces of all clusters of node ``k``."""
    chi2, log_det, common = np.empty((3, tile.x.shape[1]), np.float32)
    for cluster in range(novelty.n_clusters):
        number = k * novelty.n_clusters + cluster
        subspace = novelty.subspaces[number]
        tile.weigh(subspace)
        fit_rows(subspace.pairs @ tile.weight, subspace.basis @ tile.pulled, tile.square, chi2, log_det)
        keep_better(
            tile.rows, penalty, np.float32(CLUSTER_COST[cluster]), chi2, log_det, tile.log_variance, cluster == 0,
            number, common, best,
        )  # fmt: skip


def _nearest(subspace: PreparedSubspace, tile: _Tile, products: Floats, projected: Floats) -> tuple[Floats, Floats]:
    """chi2 of the nearest centroid, and the log determinant of its covariance."""
    q, width = len(subspace.identity), tile.x.shape[1]
    inverse = np.empty((subspace.centroid_pairs.shape[1], width), np.float32)
    solved = np.empty((q, 2, width), np.float32)
    rest, both = np.empty((3, width), np.float32), np.empty((2, width), np.float32)
    chi2, log_det = both
    sweep_rows(products, projected, tile.square, subspace.identity, q, True, inverse, solved, rest, log_det)
    of_centroids = (subspace.centroids @ solved.reshape(q, 2 * width)).reshape(-1, 2, width)
    nearest_of(subspace.centroid_pairs @ inverse, of_centroids, rest, chi2)
    return chi2, log_det


def _worst(
    subspace: PreparedSubspace, scatter: Floats, tile: _Tile, products: Floats, projected: Floats
) -> WorstBands:  # fmt: skip
    """The bands that deviate most from what the others say of them."""
    size, width = projected.shape
    inverse, solved = np.empty_like(products), np.empty((size, 1, width), np.float32)
    rest, log_det, worst, sigma = np.empty((4, width), np.float32)
    band = np.empty(width, np.int32)
    sweep_rows(products, projected, tile.square, subspace.band_prior, size, False, inverse, solved, rest[None], log_det)
    fitted = subspace.whitened_basis.T @ solved[:, 0]
    leverage = subspace.band_pairs @ inverse
    worst_of(tile.residual, tile.weight, fitted, leverage, scatter, worst, band, sigma, tile.spare)
    return WorstBands(worst, band, sigma)
