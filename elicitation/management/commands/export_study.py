from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError

from elicitation.models import Study
from elicitation.study_folder import export_study
from elicitation.tables import BadFile


class Command(BaseCommand):
    help = "Write a study as a folder of plain files (docs/formats.md), without anyone's free text."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="the study's slug")
        parser.add_argument("folder", type=Path, help="a new or empty folder")

    def handle(self, *args: Any, study: str, folder: Path, **options: Any) -> None:
        found = Study.objects.filter(slug=study).first()
        if found is None:
            raise CommandError(f"There is no study {study}.")
        try:
            files = export_study(found, folder)
        except BadFile as bad:
            raise CommandError(str(bad)) from None
        except OSError as error:
            raise CommandError(f"{folder}: {error.strerror}; nothing was written") from None
        self.stdout.write(f"{len(files)} files: " + ", ".join(files))
