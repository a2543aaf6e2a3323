from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError

from elicitation import studies
from elicitation.models import Study
from elicitation.polis_folder import import_polis
from elicitation.study_folder import import_study
from elicitation.tables import BadFile

READERS = {"folkmoot": import_study, "polis": import_polis}


class Command(BaseCommand):
    help = "Read a study folder or a Polis export (docs/formats.md) into a new study. The same again changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="docs/formats.md describes both formats")
        parser.add_argument("--study", required=True, help="the new study's slug")
        parser.add_argument("--format", choices=READERS, default="folkmoot", help="default: folkmoot")
        parser.add_argument("--owner", default="", help="address of the account that runs it; else the site's only one")

    def handle(self, *args: Any, folder: Path, study: str, format: str, owner: str, **options: Any) -> None:
        try:
            user = studies.owner_named(owner)
        except ValueError as error:
            raise CommandError(f"--owner: {error}") from None
        try:
            summary = READERS[format](folder, study)
        except BadFile as bad:
            raise CommandError(f"Nothing was imported.\n{bad}") from None
        for note in summary.notes:
            self.stdout.write(note)
        if summary.changed:
            self.stdout.write(", ".join(f"{n} {what}" for what, n in summary.counts.items() if n))
        else:
            self.stdout.write(f"{study} holds this folder already; nothing was changed.")
        made = Study.objects.get(slug=study)
        if user is not None and studies.adopt(made, user):
            self.stdout.write(f"{user} runs it from now on")
        elif not made.memberships.exists():
            self.stdout.write("nobody runs it yet: the first account will, or the one that --owner names")
