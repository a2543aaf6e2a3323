"""Where values stand in the picture: wiser is higher. Pure numbers; `graphs/drawing.py` makes the SVG of them.

A layered drawing (Sugiyama, Tagawa, Toda 1981): layers of bounded size, long arrows led past other values, few
crossings, short ways. Values that no arrow joins stand in blocks of their own, side by side.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import networkx as nx
import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from graphs.algorithms.ranking import components
from graphs.algorithms.tally import Pair

COLUMNS = 5  # values in a layer
LAYER = 76.0  # from layer to layer
THREAD = 18.0  # what a long arrow takes where it passes a layer
GAP = 14.0  # between a name and what follows it
SHELF = 30.0  # between a row of blocks and the next
SWEEPS = 24
PULL = (1.0, 2.0, 8.0)  # of a link whose ends are 0, 1 or 2 points of a long arrow


class Place(NamedTuple):
    """The middle of a value's circle, or a point that an arrow passes."""

    x: float
    y: float


class Layout(NamedTuple):
    """Places of the values; the points that each arrow passes between its two values, if any; the size of the
    picture."""

    places: dict[int, Place]
    ways: dict[Pair, list[Place]]
    width: float
    height: float


class Size(NamedTuple):
    """How far a value reaches to the left of its circle's middle, and with its name to the right."""

    left: float
    right: float


def layout(
    weights: Mapping[Pair, float],
    scores: Mapping[int, float],
    sizes: Mapping[int, Size],
    *,
    width: float = 720.0,
    columns: int = COLUMNS,
    margin: float = 24.0,
) -> Layout:
    """Return where the values of the arrows `weights` stand, in units of `sizes`.

    Every arrow runs upwards, save those in circles of arrows that lead from a higher score to a lower one. Layers
    hold at most `columns` values. The picture is `width` wide, and wider only where a layer needs it. The same input
    gives the same picture.
    """
    room = width - 2 * margin
    blocks = [_block(group, weights, scores, sizes, columns, room) for group in components(weights)]
    blocks.sort(key=lambda block: -block.height)
    corners, widest, bottom = _shelves(blocks, room)
    aside = margin + max(0.0, (room - widest) / 2)
    places: dict[int, Place] = {}
    ways: dict[Pair, list[Place]] = {}
    for block, (x, y) in zip(blocks, corners, strict=True):
        x, y = x + aside, y + margin
        places |= {value: _moved(place, x, y) for value, place in block.places.items()}
        ways |= {pair: [_moved(point, x, y) for point in points] for pair, points in block.ways.items()}
    return Layout(places, ways, round(max(room, widest) + 2 * margin, 1), round(bottom + 2 * margin, 1))


def _shelves(blocks: Sequence[Layout], room: float) -> tuple[list[Place], float, float]:
    """Put blocks, highest first, side by side on the first shelf with room. Return their top left corners, and the width
    and height of them all."""
    corners: list[Place] = []
    ends: dict[float, float] = {}  # of each shelf, by where it begins: where its last block ends
    bottom = -SHELF
    for block in blocks:
        fits = (top for top, end in ends.items() if end + GAP + block.width <= room)
        top = next(fits, bottom + SHELF)
        left = ends[top] + GAP if top in ends else 0.0
        corners.append(Place(left, top))
        ends[top] = left + block.width
        bottom = max(bottom, top + block.height)
    return corners, max(ends.values(), default=0.0), max(bottom, 0.0)


def _moved(place: Place, x: float, y: float) -> Place:
    return Place(round(place.x + x, 1), round(place.y + y, 1))


@dataclass
class _Node:
    """A value, or (value None) a point where a long arrow passes a layer."""

    value: int | None
    layer: int
    above: list["_Node"] = field(default_factory=list)
    below: list["_Node"] = field(default_factory=list)
    place: int = 0
    x: float = 0.0


def _block(
    group: Sequence[int],
    weights: Mapping[Pair, float],
    scores: Mapping[int, float],
    sizes: Mapping[int, Size],
    columns: int,
    room: float,
) -> Layout:
    """Return the layout of values that arrows join, from (0, 0), within `room` in width where they fit."""
    members = set(group)
    arrows = sorted(pair for pair in weights if pair[0] in members)
    layer_of = _layers(group, arrows, scores, columns)
    nodes = {value: _Node(value, layer_of[value]) for value in group}
    layers: list[list[_Node]] = [[] for _ in range(max(layer_of.values()) + 1)]
    for value in sorted(group, key=lambda v: (-round(scores.get(v, 0.0), 12), v)):
        layers[layer_of[value]].append(nodes[value])
    threads = {pair: _thread(nodes[pair[0]], nodes[pair[1]], layers) for pair in arrows}
    _order(layers)
    _spread(layers, sizes, room)
    start = min(node.x - _size(node, sizes).left for layer in layers for node in layer)
    end = max(node.x + _size(node, sizes).right for layer in layers for node in layer)
    top = max(size.left for value, size in sizes.items() if value in members)
    places = {value: Place(node.x - start, top + node.layer * LAYER) for value, node in nodes.items()}
    ways = {pair: [Place(n.x - start, top + n.layer * LAYER) for n in points] for pair, points in threads.items()}
    return Layout(places, ways, end - start, 2 * top + (len(layers) - 1) * LAYER)


def _layers(group: Sequence[int], arrows: Sequence[Pair], scores: Mapping[int, float], columns: int) -> dict[int, int]:
    """Return each value's layer, 0 on top, so that arrows rise and are short in sum: a linear programme whose
    solution is whole (Gansner et al. 1993, §2). A layer of more than `columns` values goes on in further ones, higher
    scores first.
    """
    falling = _falling(arrows, scores)
    rising = sorted({(t, s) if (s, t) in falling else (s, t) for s, t in arrows})
    place = {value: i for i, value in enumerate(sorted(group))}
    above = np.array([place[target] for _source, target in rising])
    below = np.array([place[source] for source, _target in rising])
    rows = np.arange(len(rising))
    ones = np.ones(len(rising))
    steps = sparse.csr_array((np.r_[ones, -ones], (np.r_[rows, rows], np.r_[above, below])), (len(rising), len(place)))
    lengths = np.bincount(below, minlength=len(place)) - np.bincount(above, minlength=len(place))
    solved = linprog(lengths + 1e-6, A_ub=steps, b_ub=-ones, bounds=(0, None), method="highs")
    wanted = {value: round(solved.x[i]) for value, i in place.items()}
    layers: dict[int, int] = {}
    layer = 0
    for depth in sorted(set(wanted.values())):
        members = sorted((v for v in group if wanted[v] == depth), key=lambda v: (-round(scores.get(v, 0.0), 12), v))
        size = math.ceil(len(members) / math.ceil(len(members) / columns))
        for start in range(0, len(members), size):
            layers |= dict.fromkeys(members[start : start + size], layer)
            layer += 1
    return layers


def _falling(arrows: Sequence[Pair], scores: Mapping[int, float]) -> set[Pair]:
    """Return the arrows within circles that lead from a higher score to a lower one: without them no circle is left."""
    circles = nx.strongly_connected_components(nx.DiGraph(arrows))
    circle = {value: i for i, members in enumerate(circles) for value in members}
    standing = {value: (round(scores.get(value, 0.0), 12), -value) for value in circle}
    return {(s, t) for s, t in arrows if circle[s] == circle[t] and standing[s] > standing[t]}


def _thread(source: _Node, target: _Node, layers: list[list[_Node]]) -> list[_Node]:
    """Lead an arrow through the layers between its values, and return the points that it passes, from the source on."""
    step = -1 if source.layer > target.layer else 1
    points = [_Node(None, layer) for layer in range(source.layer + step, target.layer, step)]
    for point in points:
        layers[point.layer].append(point)
    chain = [source, *points, target]
    for first, second in itertools.pairwise(chain):
        higher, lower = (second, first) if second.layer < first.layer else (first, second)
        higher.below.append(lower)
        lower.above.append(higher)
    return points


def _order(layers: list[list[_Node]]) -> None:
    """Put each layer in the order that the neighbours' places suggest (barycentres), sweeping down and up; keep the
    order with the fewest crossings."""
    best, fewest = [list(layer) for layer in layers], None
    for sweep in range(SWEEPS):
        for layer in layers:
            for place, node in enumerate(layer):
                node.place = place
        crossings = sum(_crossings(layer) for layer in layers)
        if fewest is None or crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            wanted = {id(n): _mean([m.place for m in (n.above if down else n.below)], n.place) for n in layer}
            layer.sort(key=lambda node: (wanted[id(node)], node.place))
            for place, node in enumerate(layer):
                node.place = place
    for index, layer in enumerate(best):
        layers[index] = layer


def _mean(places: Sequence[float], otherwise: float) -> float:
    return sum(places) / len(places) if places else otherwise


def _crossings(layer: Sequence[_Node]) -> int:
    """Return how many pairs of arrows cross between a layer and the one above it."""
    ends = [sorted(above.place for above in node.above) for node in layer]
    flat = [place for node in ends for place in node]
    return sum(first > second for i, first in enumerate(flat) for second in flat[i + 1 :])


def _spread(layers: Sequence[Sequence[_Node]], sizes: Mapping[int, Size], room: float) -> None:
    """Give every node its x: near its neighbours, in the layer's order, far enough from the one before, and within
    `room` or what the fullest layer needs. Long arrows are kept straight before values are moved together."""
    offsets = [np.cumsum(_gaps(layer, sizes)) for layer in layers]
    ends = [_size(layer[0], sizes).left + _size(layer[-1], sizes).right for layer in layers]
    room = max(room, *(offset[-1] + end for offset, end in zip(offsets, ends, strict=True)))
    rows = list(zip(layers, offsets, strict=True))
    for layer, offset in rows:
        _move(layer, offset + (room - offset[-1]) / 2)
    for sweep in range(SWEEPS):
        for layer, offset in rows if sweep % 2 == 0 else reversed(rows):
            wanted, pull = np.array([_pulled(node) for node in layer]).T
            least, most = _size(layer[0], sizes).left, room - offset[-1] - _size(layer[-1], sizes).right
            _move(layer, _rising(wanted - offset, pull).clip(least, most) + offset)


def _pulled(node: _Node) -> tuple[float, float]:
    """Return where a node's neighbours pull it, and how much. Source of the weights: Gansner et al. 1993, §4."""
    near = [(m.x, PULL[(node.value is None) + (m.value is None)]) for m in (*node.above, *node.below)]
    pull = sum(weight for _x, weight in near)
    return sum(x * weight for x, weight in near) / pull, pull


def _move(layer: Sequence[_Node], places: np.ndarray) -> None:
    for node, x in zip(layer, places.tolist(), strict=True):
        node.x = x


def _gaps(layer: Sequence[_Node], sizes: Mapping[int, Size]) -> list[float]:
    """Return how far each node must be from the one before it; 0 for the first. Long arrows may pass behind a name,
    but not through a circle, and names do not touch."""
    gaps = [0.0]
    name = 0.0  # what the last name still needs before the next value
    for before, after in itertools.pairwise(layer):
        if before.value is not None:
            name = _size(before, sizes).right
        gap = max(_size(before, sizes).left, THREAD / 2) + max(_size(after, sizes).left, THREAD / 2)
        if after.value is not None:
            gap = max(gap, name + _size(after, sizes).left)
        gaps.append(gap)
        name -= gap
    return gaps


def _size(node: _Node, sizes: Mapping[int, Size]) -> Size:
    if node.value is None:
        return Size(THREAD / 2, THREAD / 2)
    left, right = sizes[node.value]
    return Size(left, right + GAP)


def _rising(wanted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the sequence nearest to `wanted` (weighted least squares) that never falls: pool adjacent violators."""
    pools: list[tuple[float, float, int]] = []
    for mean, mass in zip(wanted.tolist(), weight.tolist(), strict=True):
        count = 1
        while pools and pools[-1][0] > mean:
            before, mass_before, size = pools.pop()
            mean = (mean * mass + before * mass_before) / (mass + mass_before)
            mass, count = mass + mass_before, count + size
        pools.append((mean, mass, count))
    return np.concatenate([np.full(count, mean) for mean, _mass, count in pools])
