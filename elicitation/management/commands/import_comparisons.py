from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError

from elicitation import studies
from elicitation.comparison_formats import FORMATS
from elicitation.comparisons import import_comparisons, preview_comparisons
from elicitation.models import Dataset
from elicitation.tables import BadFile


class Command(BaseCommand):
    help = "Read a file of comparisons and annotations into a dataset. The same file again changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="docs/formats-comparisons.md describes the formats")
        parser.add_argument("--dataset", required=True, help="the dataset's slug; made if there is none")
        parser.add_argument("--format", choices=("auto", *FORMATS), default="auto", help="default: auto")
        parser.add_argument("--title", default="", help="of a new dataset; default: its slug")
        parser.add_argument("--preview", action="store_true", help="say what is in the file, and store nothing")
        parser.add_argument("--owner", default="", help="address of the account that runs it; else the site's only one")

    def handle(
        self,
        *args: Any,
        file: Path,
        dataset: str,
        format: str,
        title: str,
        owner: str,
        preview: bool,
        **options: Any,
    ) -> None:
        if preview:
            self._preview(file, dataset, format, title)
            return
        try:
            user = studies.owner_named(owner)
        except ValueError as error:
            raise CommandError(f"--owner: {error}") from None
        try:
            summary = import_comparisons(file, dataset, format=format, title=title, owner=user)
        except BadFile as bad:
            raise CommandError(f"Nothing was imported.\n{bad}") from None
        if user is not None:
            Dataset.objects.filter(slug=dataset, study=None, owner=None).update(owner=user)
        for note in summary.notes:
            self.stdout.write(note)
        if summary.changed:
            self.stdout.write(", ".join(f"{n} {what}" for what, n in summary.counts.items()))
        else:
            self.stdout.write(f"{dataset} holds these comparisons already; nothing was changed.")

    def _preview(self, file: Path, dataset: str, format: str, title: str) -> None:
        try:
            found = preview_comparisons(file, dataset, format=format, title=title)
        except BadFile as bad:
            raise CommandError(f"This file can't be imported.\n{bad}") from None
        where = "a new dataset" if found.is_new else "the dataset"
        lines = [
            f"{found.format}: {found.comparisons} comparisons for {where} {dataset}: {found.fresh} new, {found.known} there",
            "annotators: " + (", ".join(f"{n} {kind}" for kind, n in found.annotators.items()) or "none"),
            "answers: " + (", ".join(f"{n} {answer}" for answer, n in found.answers.items()) or "none"),
            *found.notes,
            "Nothing was stored.",
        ]
        self.stdout.write("\n".join(lines))
