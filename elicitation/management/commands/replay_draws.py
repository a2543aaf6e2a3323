from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from typing import Any

from django.core.management import BaseCommand, CommandError

from elicitation import arena, draws
from elicitation.models import ComparisonDraw, Draw, DrawItem, Study


class Command(BaseCommand):
    help = "Make every stored draw of stories and comparisons again from the stored votes, and say whether it comes out the same."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="the study's slug")

    def handle(self, *args: Any, study: str, **options: Any) -> None:
        if not Study.objects.filter(slug=study).exists():
            raise CommandError(f"There is no study {study!r}.")
        drawn = DrawItem.objects.filter(story__study__slug=study)
        stored = Draw.objects.filter(id__in=drawn.values("draw")).select_related("participant__study", "pool")
        pairs = ComparisonDraw.objects.filter(participant__study__slug=study).select_related("participant")
        same, other, impossible = 0, [], Counter[str]()
        every: Iterable[Draw | ComparisonDraw] = chain(
            stored.order_by("participant__number"), pairs.order_by("participant__number", "id")
        )
        for draw in every:
            try:
                if _comes_out(draw):
                    same += 1
                else:
                    other.append(draw.participant.number)
            except draws.CannotReplay as reason:
                impossible[str(reason)] += 1
        self.stdout.write(f"{same} came out the same")
        for reason_text, count in sorted(impossible.items()):
            self.stdout.write(f"{count} cannot be made again. {reason_text}")
        if other:
            people = ", ".join(map(str, other[:20]))
            raise CommandError(f"{len(other)} came out otherwise: those of participants {people}")


def _comes_out(draw: Draw | ComparisonDraw) -> bool:
    """Return whether a draw comes out as it is stored. Raises CannotReplay."""
    if isinstance(draw, Draw):
        return draws.replay(draw) == draws.items_of(draw)
    return arena.replay(draw) == arena.items_of(draw)
