import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError

from core.problems import Problem
from graphs.models import GraphSnapshot
from graphs.rerunning import rerun


class Command(BaseCommand):
    help = (
        "Count a snapshot again from the stored votes, and say whether its bytes are the same. Exits 1 if they are not."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="the study's slug")
        parser.add_argument("number", type=int, help="the snapshot's number")

    def handle(self, *args: Any, study: str, number: int, **options: Any) -> None:
        snapshots = GraphSnapshot.objects.filter(study__slug=study)
        snapshot = snapshots.filter(number=number).select_related("study").first() if 0 < number < 2**31 else None
        if snapshot is None:
            known = ", ".join(str(n) for n in snapshots.order_by("number").values_list("number", flat=True)) or "none"
            raise CommandError(f"There is no snapshot {number} of a study {study}. There are: {known}.")
        try:
            found = rerun(snapshot)
        except Problem as problem:
            raise CommandError(f"{problem.title}. {problem.detail}") from None
        if not found.is_equal:
            print(f"snapshot {number} of {study}: not the same bytes")
            print(f"  stored  {snapshot.sha256}\n  counted {found.sha256 or 'nothing'}")
            for reason in found.reasons:
                print(f"  {reason}")
            sys.exit(1)
        print(f"snapshot {number} of {study}: the same bytes, SHA-256 {found.sha256}")
