from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError

from core.command_output import add_output_option, write_output
from elicitation.comparison_formats import EXPORTS
from elicitation.comparisons import export_comparisons
from elicitation.models import Dataset


class Command(BaseCommand):
    help = "Write a dataset's comparisons and annotations to a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="the dataset's slug")
        parser.add_argument("--format", choices=EXPORTS, default="jsonl", help="default: jsonl")
        parser.add_argument("--annotator", default="", help="whose answers, where the format holds only one")
        add_output_option(parser)

    def handle(self, *args: Any, dataset: str, format: str, annotator: str, output: str, **options: Any) -> None:
        found = Dataset.objects.filter(slug=dataset).first()
        if found is None:
            raise CommandError(f"There is no dataset {dataset}.")
        try:
            write_output(export_comparisons(found, format, annotator=annotator), output)
        except LookupError as error:
            raise CommandError(f"--annotator: {error.args[0]}") from None
        except OSError as error:
            raise CommandError(f"--output: {output}: {error.strerror}") from None
