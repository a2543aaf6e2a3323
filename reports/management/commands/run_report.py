import json
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError

from core.command_output import add_output_option, write_output
from elicitation.models import Dataset, Study
from llm_client import LLMError
from reports.registry import kinds
from reports.running import body_of, run_report


class Command(BaseCommand):
    help = "Run one report and write its JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", help="one of: " + ", ".join(kinds()))
        parser.add_argument("--study", default="", metavar="SLUG", help="the study that it is about")
        parser.add_argument("--dataset", default="", metavar="SLUG", help="the dataset that it is about")
        parser.add_argument("--params", default="{}", metavar="JSON", help="an object with what else the report takes")
        add_output_option(parser)

    def handle(self, *args: Any, kind: str, study: str, dataset: str, params: str, output: str, **options: Any) -> None:
        try:
            wanted = json.loads(params)
        except ValueError as error:
            raise CommandError(f"--params: is no proper JSON ({error})") from None
        if not isinstance(wanted, dict):
            raise CommandError("--params: must be a JSON object")
        try:
            report = run_report(kind, study=_find(Study, study), dataset=_find(Dataset, dataset), params=wanted)
        except ValidationError as error:
            told = [f"--{name}: {text}" for name, texts in error.message_dict.items() for text in texts]
            raise CommandError("\n".join(told).replace("--kind", "kind")) from None
        except LLMError as error:
            raise CommandError(error.reason) from None
        body = body_of(report) | {"sha256": report.sha256}
        try:
            write_output(json.dumps(body, ensure_ascii=False, indent=1) + "\n", output)
        except OSError as error:
            raise CommandError(f"--output: {output}: {error.strerror}") from None


def _find(model: Any, slug: str) -> Any:
    if not slug:
        return None
    found = model.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError(f"There is no {model._meta.verbose_name} {slug}.")
    return found
