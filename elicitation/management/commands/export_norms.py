from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError

from core.command_output import add_output_option, write_output
from elicitation.models import Study
from elicitation.norms import export_norms


class Command(BaseCommand):
    help = "Write a study's confirmed norms with their labels to a tab-separated file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="the study's slug")
        add_output_option(parser)

    def handle(self, *args: Any, study: str, output: str, **options: Any) -> None:
        found = Study.objects.filter(slug=study).first()
        if found is None:
            raise CommandError(f"There is no study {study}.")
        try:
            write_output(export_norms(found), output)
        except OSError as error:
            raise CommandError(f"--output: {output}: {error.strerror}") from None
