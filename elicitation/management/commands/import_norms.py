from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError

from elicitation.models import Study
from elicitation.norms import import_norms
from elicitation.tables import BadFile


class Command(BaseCommand):
    help = "Read norms with their labels into a study. The same file again changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="tab-separated; docs/methods/norm-facets.md describes it")
        parser.add_argument("--study", required=True, metavar="SLUG", help="the study whose values they are about")
        parser.add_argument("--make-values", action="store_true", help="make a value of each rule that is none yet")

    def handle(self, *args: Any, file: Path, study: str, make_values: bool, **options: Any) -> None:
        found = Study.objects.filter(slug=study).first()
        if found is None:
            raise CommandError(f"There is no study {study}.")
        try:
            summary = import_norms(file, found, makes_values=make_values)
        except BadFile as bad:
            raise CommandError(f"Nothing was imported.\n{bad}") from None
        for note in summary.notes:
            self.stdout.write(note)
        if summary.changed:
            self.stdout.write(", ".join(f"{n} {what}" for what, n in summary.counts.items()))
        else:
            self.stdout.write(f"{study} holds these norms already; nothing was changed.")
