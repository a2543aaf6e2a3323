import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError

from constitutions.extraction import body_of, estimate, extract
from constitutions.publishing import publish
from core.command_output import add_output_option, write_output
from core.problems import Problem
from elicitation.models import Dataset, Study

# where an option has another name than what it sets
OPTIONS_OF = {
    "dataset": "dataset",
    "study": "--from-graph",
    "test_fraction": "--test-fraction",
    "slug": "--publish",
    "extraction": "--publish",
}


class Command(BaseCommand):
    help = "Find the principles behind a dataset's comparisons, or those of a published moral graph, and score them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", nargs="?", help="the dataset's slug")
        parser.add_argument(
            "--annotators", default="", metavar="A,B", help="whose answers; default: the human majority"
        )
        parser.add_argument("--group", default="", metavar="KEY=VALUE", help="only these people's answers")
        parser.add_argument(
            "--judge",
            choices=("features", "llm"),
            default="features",
            help="who votes on principles (default: features)",
        )
        parser.add_argument(
            "--test-fraction", type=float, default=0.5, metavar="SHARE", help="of the prompts, held out (default: 0.5)"
        )
        parser.add_argument("--seed", type=int, default=0, help="of all chance (default: 0)")
        parser.add_argument("--principles", type=int, default=5, metavar="N", help="at most (default: 5)")
        parser.add_argument("--estimate", action="store_true", help="say what it would ask and cost, and do nothing")
        parser.add_argument("--from-graph", default="", metavar="STUDY", help="add the winners of this study's graph")
        parser.add_argument("--publish", default="", metavar="SLUG", help="publish it as the next version of this one")
        add_output_option(parser)

    def handle(self, *args: Any, dataset: str | None, **options: Any) -> None:
        found = self._find(Dataset, dataset) if dataset else None
        study = self._find(Study, options["from_graph"]) if options["from_graph"] else None
        if found is None and study is None:
            raise CommandError("Name a dataset, or a study with --from-graph, or both.")
        try:
            whose = {
                "annotators": [name.strip() for name in options["annotators"].split(",") if name.strip()],
                "group": options["group"],
                "judge": options["judge"],
            }
            if options["estimate"]:
                write_output(json.dumps(estimate(found, **whose), indent=1) + "\n", options["output"])
                return
            extraction = extract(
                dataset=found,
                study=study,
                **whose,
                test_fraction=options["test_fraction"],
                seed=options["seed"],
                principles=options["principles"],
            )
            body = body_of(extraction) | {
                "cells": extraction.cells,
                "calls": extraction.calls,
                "sha256": extraction.sha256,
            }
            if options["publish"]:
                version = publish(extraction, slug=options["publish"])
                print(f"published as version {version.number}, SHA-256 {version.sha256}", file=sys.stderr)
            write_output(json.dumps(body, ensure_ascii=False, indent=1) + "\n", options["output"])
        except ValidationError as error:
            wrong = "\n".join(f"--{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
            for name, option in OPTIONS_OF.items():
                wrong = wrong.replace(f"--{name}:", f"{option}:")
            raise CommandError(wrong) from None
        except LookupError as error:
            raise CommandError(f"--annotators: {error.args[0]}") from None
        except Problem as problem:
            raise CommandError(f"{problem.title}. {problem.detail}") from None
        except OSError as error:
            raise CommandError(f"--output: {options['output']}: {error.strerror}") from None

    def _find(self, model: type[Dataset] | type[Study], slug: str) -> Any:
        row = model.objects.filter(slug=slug).first()
        if row is None:
            raise CommandError(f"There is no {model._meta.verbose_name} {slug}.")
        return row
