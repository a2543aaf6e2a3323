"""What can be reached along arrows, which point to the wiser value: the ways up, what is near, where they end."""

from collections.abc import Collection, Iterable, Mapping

from graphs.algorithms.tally import Pair

SUPPORTERS = 4  # less wise values that are shown with each of the wisest


def ends(arrows: Iterable[Pair]) -> set[int]:
    """Return the values that the arrows join."""
    return {value for pair in arrows for value in pair}


def tops(arrows: Collection[Pair]) -> set[int]:
    """Return the maximal values: an arrow leads to each and none on."""
    return {target for _source, target in arrows} - {source for source, _target in arrows}


def ways_up(arrows: Collection[Pair], start: int) -> list[list[int]]:
    """Return one way, with the fewest arrows, from `start` to each maximal value that it leads to, sorted by those.

    Of equally short ways the one with the lowest numbers. Where circles lead on for ever, the way to the farthest value
    is returned instead. Empty if no arrow leads on from `start`.
    """
    onward = _neighbours(arrows)
    came: dict[int, int] = {start: start}
    queue = [start]
    for value in queue:  # grows while it is read
        for target in onward.get(value, ()):
            if target not in came:
                came[target] = value
                queue.append(target)
    reached = [value for value in queue[1:] if value not in onward] or queue[1:][-1:]
    return [_way(came, value) for value in sorted(reached)]


def _way(came: Mapping[int, int], end: int) -> list[int]:
    way = [end]
    while came[way[-1]] != way[-1]:
        way.append(came[way[-1]])
    return way[::-1]


def _neighbours(arrows: Iterable[Pair]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for source, target in sorted(arrows):
        found.setdefault(source, []).append(target)
    return found


def around(arrows: Collection[Pair], start: int, most: int) -> set[int]:
    """Return up to `most` values that arrows lead to from `start`, in whatever direction, the nearest first."""
    near = _neighbours([*arrows, *((target, source) for source, target in arrows)])
    found = {start: None}  # keeps its order
    queue = [start]
    for value in queue:
        for other in near.get(value, ()):
            if len(found) >= most:
                return set(found)
            if other not in found:
                found[other] = None
                queue.append(other)
    return set(found)


def wisest(weights: Mapping[Pair, float], scores: Mapping[int, float], most: int) -> set[int]:
    """Return up to `most` values: those with the highest scores, each with the values whose arrows to it weigh most, so
    that what is returned hangs together. All of them where they are no more."""
    inside = ends(weights)
    if len(inside) <= most:
        return inside
    supporters: dict[int, list[tuple[float, int]]] = {}
    for (source, target), weight in weights.items():
        supporters.setdefault(target, []).append((-weight, source))
    found: dict[int, None] = {}
    for value in sorted(inside, key=lambda v: (-scores.get(v, 0.0), v)):
        for other in [value, *(source for _weight, source in sorted(supporters.get(value, ()))[:SUPPORTERS])]:
            if len(found) == most:
                return set(found)
            found[other] = None
    return set(found)
