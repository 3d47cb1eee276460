"""By how few battles two groups of models hang together."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from illusion.rating.battles import PairCounts

MOST_PAIRS = 200_000
"""Pairs up to which the weakest bridge is looked for."""


def weakest_bridge(counts: PairCounts) -> tuple[int, list[str]] | None:
    """Find two groups of models that few battles connect.

    Parameters
    ----------
    counts : PairCounts
        Of models that are all linked, directly or through others.

    Returns
    -------
    (battles, models) or None
        Battles between the two groups, and the smaller group. Each has at least two
        models, so that a newcomer of few battles is no bridge; None if there are
        fewer than four models.

    Notes
    -----
    The algorithm of Nagamochi, Ono and Ibaraki (1994) for the smallest cut of a graph:
    models that at least as many battles tie together as the best cut has are made one,
    until all are. Where no two can be, models that have fewer battles in all than the
    best cut go to the opponent that they met most, which may miss a smaller cut.
    """
    n = len(counts.models)
    if n < 4:
        return None
    a, b, weight = counts.a, counts.b, counts.battles
    degree = counts.per_model(weight, weight)
    # The cut around each pair is a first one that may be the smallest.
    around = degree[a] + degree[b] - 2 * weight
    k = int(np.argmin(around))
    best, side = int(around[k]), np.isin(np.arange(n), [a[k], b[k]])
    label = np.arange(n)
    while True:
        size = np.bincount(label)
        ends, others = label[counts.a], label[counts.b]
        across, shape = ends != others, (len(size), len(size))
        both = (
            np.append(ends[across], others[across]),
            np.append(others[across], ends[across]),
        )
        graph: Any = coo_array((np.tile(weight[across], 2), both), shape=shape).tocsr()
        cut = np.asarray(graph.sum(axis=1)).ravel()
        grouped = (size > 1) & (size < n - 1) & (cut < best)
        if grouped.any():
            k = int(np.argmin(np.where(grouped, cut, best)))
            best, side = int(cut[k]), label == k
        if len(size) <= 2:
            break
        start, end = _tied(graph, best)
        if not len(start):
            start = np.flatnonzero((size == 1) & (cut < best))
            end = np.array([_most_met(graph, int(v)) for v in start], dtype=int)
        joined = coo_array((np.ones(len(start)), (start, end)), shape=shape)
        label = connected_components(joined, directed=False)[1][label]
    if 2 * side.sum() > n:
        side = ~side
    return best, [counts.models[k] for k in np.flatnonzero(side)]


def _most_met(graph: Any, row: int) -> int:
    own = slice(graph.indptr[row], graph.indptr[row + 1])
    return int(graph.indices[own][np.argmax(graph.data[own])])


def _tied(graph: Any, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Find pairs of vertices that no cut below `least` separates.

    Vertices are taken in the order of their weight to those taken before; the weight
    that a vertex has reached is a lower bound of what ties it to the last of them.
    """
    indptr, indices, data = (
        part.tolist() for part in (graph.indptr, graph.indices, graph.data)
    )
    n = len(indptr) - 1
    reach, taken, heap = [0] * n, [False] * n, [(0, 0)]
    start, end = [], []
    while heap:
        _, v = heappop(heap)
        if taken[v]:
            continue
        taken[v] = True
        for k in range(indptr[v], indptr[v + 1]):
            w = indices[k]
            if not taken[w]:
                reach[w] += data[k]
                heappush(heap, (-reach[w], w))
                if reach[w] >= least:
                    start.append(v)
                    end.append(w)
    return np.array(start, dtype=int), np.array(end, dtype=int)
