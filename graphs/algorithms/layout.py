"""Where values stand in the picture: wiser is higher. Pure numbers; `graphs/drawing.py` makes the SVG of them.

A layered drawing (Sugiyama, Tagawa, Toda 1981): layers of bounded size, long arrows led past other values and their
names, few crossings, short ways. Long arrows to the same value run together. Values that no arrow joins stand in blocks
of their own, side by side; so do the communities of a part that is too large to be drawn as one (Louvain: Blondel et al.
2008), with arrows straight from one to another.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy import sparse

from graphs.algorithms.ranking import components
from graphs.algorithms.reach import ends
from graphs.algorithms.tally import Pair

COLUMNS = 5  # values in a layer
LAYER = 76.0  # from layer to layer
THREAD = 16.0  # what long arrows to one value take where they pass a layer
GAP = 12.0  # between a name and what follows it
LARGEST_BLOCK = 80  # values that are drawn as one
SHELF = 30.0  # between a row of blocks and the next
SWEEPS = 24
PULL = (1.0, 2.0, 8.0)  # of a link whose ends are 0, 1 or 2 points of a long arrow


class Place(NamedTuple):
    """The middle of a value's circle, or a point that an arrow passes."""

    x: float
    y: float


class Layout(NamedTuple):
    """Places of the values; the points that each arrow passes between its two values, if any; the size of the picture.
    Arrows between communities are not among `ways`."""

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

    Every arrow runs upwards, save those in circles of arrows that lead from a higher score to a lower one, and those
    between communities of a part with more than `LARGEST_BLOCK` values. Layers hold at most `columns` values. The picture is `width` wide, and wider only where a layer needs it. The same input
    gives the same picture.
    """
    room = width - 2 * margin
    blocks = [_block(group, weights, scores, sizes, columns, room) for group in _groups(weights)]
    wisest = min(ends(weights), key=lambda value: (-scores.get(value, 0.0), value), default=None)
    blocks.sort(key=lambda block: (wisest not in block.places, -block.height))
    corners, widest, bottom = _shelves(blocks, room)
    aside = margin + max(0.0, (room - widest) / 2)
    places: dict[int, Place] = {}
    ways: dict[Pair, list[Place]] = {}
    for block, (x, y) in zip(blocks, corners, strict=True):
        x, y = x + aside, y + margin
        places |= {value: _moved(place, x, y) for value, place in block.places.items()}
        ways |= {pair: [_moved(point, x, y) for point in points] for pair, points in block.ways.items()}
    return Layout(places, ways, round(max(room, widest) + 2 * margin, 1), round(bottom + 2 * margin, 1))


def _groups(weights: Mapping[Pair, float]) -> list[list[int]]:
    """Return the values that are drawn as one: what arrows join, or a community of it."""
    found = []
    for group in components(weights):
        if len(group) <= LARGEST_BLOCK:
            found.append(group)
            continue
        members = set(group)
        import networkx as nx  # large, and few requests need it

        graph = nx.Graph()
        graph.add_nodes_from(group)
        graph.add_edges_from(sorted(pair for pair in weights if pair[0] in members))
        found += [sorted(community) for community in nx.community.louvain_communities(graph, weight=None, seed=0)]
    return sorted(found, key=lambda group: (-len(group), group))


def _shelves(blocks: Sequence[Layout], room: float) -> tuple[list[Place], float, float]:
    """Put blocks side by side, each on the first shelf with room, a shelf being as high as its first. Return their top
    left corners, and the width and height of them all."""
    corners: list[Place] = []
    shelves: list[_Shelf] = []
    for block in blocks:
        fits = (s for s in shelves if s.end + GAP + block.width <= room and block.height <= s.height)
        shelf = next(fits, None)
        if shelf is None:
            top = shelves[-1].top + shelves[-1].height + SHELF if shelves else 0.0
            shelf = _Shelf(top, block.height, -GAP)
            shelves.append(shelf)
        corners.append(Place(shelf.end + GAP, shelf.top))
        shelf.end += GAP + block.width
    widest = max((shelf.end for shelf in shelves), default=0.0)
    return corners, widest, shelves[-1].top + shelves[-1].height if shelves else 0.0


@dataclass
class _Shelf:
    """A row of blocks: where it begins, how high it is, and where its last block ends."""

    top: float
    height: float
    end: float


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
    arrows = sorted(pair for pair in weights if pair[0] in members and pair[1] in members)
    layer_of = _layers(group, arrows, scores, columns)
    nodes = {value: _Node(value, layer_of[value]) for value in group}
    layers: list[list[_Node]] = [[] for _ in range(max(layer_of.values()) + 1)]
    for value in sorted(group, key=lambda v: (-round(scores.get(v, 0.0), 12), v)):
        layers[layer_of[value]].append(nodes[value])
    passed: dict[tuple[int, int], _Node] = {}
    threads = {pair: _thread(nodes[pair[0]], nodes[pair[1]], layers, passed) for pair in arrows}
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
    from scipy.optimize import linprog  # large, and only a drawing needs it

    falling = _falling(arrows, scores)
    rising = sorted({(t, s) if (s, t) in falling else (s, t) for s, t in arrows})
    place = {value: i for i, value in enumerate(sorted(group))}
    above = np.array([place[target] for _source, target in rising])
    below = np.array([place[source] for source, _target in rising])
    rows = np.arange(len(rising))
    ones = np.ones(len(rising))
    steps = sparse.csr_array((np.r_[ones, -ones], (np.r_[rows, rows], np.r_[above, below])), (len(rising), len(place)))
    lengths = np.bincount(below, minlength=len(place)) - np.bincount(above, minlength=len(place))
    solved = linprog(lengths + 1e-6, A_ub=steps, b_ub=-ones, bounds=(0, None), method="highs") if rising else None
    wanted = {value: round(solved.x[i]) if solved else 0 for value, i in place.items()}
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
    import networkx as nx  # large, and few requests need it

    circles = nx.strongly_connected_components(nx.DiGraph(arrows))
    circle = {value: i for i, members in enumerate(circles) for value in members}
    standing = {value: (round(scores.get(value, 0.0), 12), -value) for value in circle}
    return {(s, t) for s, t in arrows if circle[s] == circle[t] and standing[s] > standing[t]}


def _thread(
    source: _Node, target: _Node, layers: list[list[_Node]], passed: dict[tuple[int, int], _Node]
) -> list[_Node]:
    """Lead an arrow through the layers between its values, and return the points that it passes, from the source on.
    `passed` holds the points of each target by layer: arrows to one value share them."""
    step = -1 if source.layer > target.layer else 1
    points = []
    for layer in range(source.layer + step, target.layer, step):
        assert target.value is not None
        if (target.value, layer) not in passed:
            passed[target.value, layer] = _Node(None, layer)
            layers[layer].append(passed[target.value, layer])
        points.append(passed[target.value, layer])
    for first, second in itertools.pairwise([source, *points, target]):
        higher, lower = (second, first) if second.layer < first.layer else (first, second)
        if all(node is not lower for node in higher.below):
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
    """Return how far each node must be from the one before it; 0 for the first. Neither names nor arrows touch names."""
    return [0.0, *(_size(a, sizes).right + _size(b, sizes).left for a, b in itertools.pairwise(layer))]


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
