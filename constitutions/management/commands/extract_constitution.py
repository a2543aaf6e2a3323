import json
import sys
from argparse import ArgumentParser
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError

from constitutions.estimating import estimate
from constitutions.extraction import body_of, extract
from constitutions.models import Extraction
from constitutions.publishing import publish
from core.command_output import add_output_option, write_output
from core.problems import Problem
from elicitation.models import Dataset, Study
from llm_client import LLMBudgetReached, LLMError

# where an option has another name than what it sets
OPTIONS_OF = {
    "dataset": "dataset",
    "study": "--from-graph",
    "test_fraction": "--test-fraction",
    "fixed": "--principle",
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
            "--by", default="", metavar="KEY", help="compare the groups that this question makes (or: annotator)"
        )
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
        parser.add_argument(
            "--principle",
            action="append",
            default=[],
            metavar="TEXT",
            help="also test this one (judge llm; repeatable)",
        )
        parser.add_argument(
            "--rounds", type=int, default=1, metavar="N", help="later ones look at what is decided wrongly (default: 1)"
        )
        parser.add_argument("--no-reader", action="store_true", help="do not score a model that reads the constitution")
        parser.add_argument(
            "--wording", action="store_true", help="put other wordings of what was kept to the vote, too"
        )
        parser.add_argument(
            "--cap",
            type=Decimal,
            default=None,
            metavar="MONEY",
            help="stop when this run has cost so much; run it again to go on",
        )
        parser.add_argument(
            "--repair", default="", metavar="ID", help="ask again what stayed without an answer in this extraction"
        )
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
            wanted = {
                "annotators": [name.strip() for name in options["annotators"].split(",") if name.strip()],
                "group": options["group"],
                "by": options["by"],
                "judge": options["judge"],
                "test_fraction": options["test_fraction"],
                "seed": options["seed"],
                "principles": options["principles"],
                "fixed": options["principle"],
                "rounds": options["rounds"],
                "reader": not options["no_reader"],
                "wording": options["wording"],
            }
            if options["estimate"]:
                write_output(json.dumps(estimate(found, **wanted), indent=1) + "\n", options["output"])
                return
            repair = self._find_extraction(options["repair"]) if options["repair"] else None
            extraction = extract(dataset=found, study=study, cap=options["cap"], repair=repair, **wanted)
            body = body_of(extraction) | {
                "cells": extraction.cells,
                "calls": extraction.calls,
                "sha256": extraction.sha256,
            }
            if body.get("degraded"):
                asked = f"{extraction.cells['missing']} of {extraction.cells['asked']} votes stayed without an answer"
                print(f"degraded: {asked}; --repair {extraction.id} asks only those", file=sys.stderr)
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
        except LLMBudgetReached as error:
            raise CommandError(f"{error} What was answered is kept: run it again to go on.") from None
        except LLMError as error:
            raise CommandError(f"{error} Nothing was made of it. What was answered is kept: run it again.") from None
        except Problem as problem:
            raise CommandError(f"{problem.title}. {problem.detail}") from None
        except OSError as error:
            raise CommandError(f"--output: {options['output']}: {error.strerror}") from None

    def _find_extraction(self, ident: str) -> Extraction:
        try:
            return Extraction.objects.get(id=ident)
        except (Extraction.DoesNotExist, ValidationError):
            raise CommandError(f"--repair: There is no extraction {ident}.") from None

    def _find(self, model: type[Dataset] | type[Study], slug: str) -> Any:
        row = model.objects.filter(slug=slug).first()
        if row is None:
            raise CommandError(f"There is no {model._meta.verbose_name} {slug}.")
        return row
