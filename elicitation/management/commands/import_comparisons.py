from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError

from elicitation.comparison_formats import FORMATS
from elicitation.comparisons import import_comparisons
from elicitation.tables import BadFile


class Command(BaseCommand):
    help = "Read a file of comparisons and annotations into a dataset. The same file again changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="docs/formats-comparisons.md describes the formats")
        parser.add_argument("--dataset", required=True, help="the dataset's slug; made if there is none")
        parser.add_argument("--format", choices=("auto", *FORMATS), default="auto", help="default: auto")
        parser.add_argument("--title", default="", help="of a new dataset; default: its slug")

    def handle(self, *args: Any, file: Path, dataset: str, format: str, title: str, **options: Any) -> None:
        try:
            summary = import_comparisons(file, dataset, format=format, title=title)
        except BadFile as bad:
            raise CommandError(f"Nothing was imported.\n{bad}") from None
        for note in summary.notes:
            self.stdout.write(note)
        if summary.changed:
            self.stdout.write(", ".join(f"{n} {what}" for what, n in summary.counts.items()))
        else:
            self.stdout.write(f"{dataset} holds these comparisons already; nothing was changed.")
