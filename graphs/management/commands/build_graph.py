import sys
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError

from core.canonical import canonical_bytes
from core.command_output import add_output_option, write_output
from elicitation.models import Study
from graphs.building import MODES, body_of, build_graph, publish
from graphs.exports import FORMS, export
from graphs.models import GraphSnapshot


class Command(BaseCommand):
    help = "Build a study's moral graph from its votes and write it. Same votes, rules and seed: same bytes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="the study's slug")
        parser.add_argument("--mode", choices=MODES, default="robust", help="the rules (default: robust)")
        parser.add_argument("--before", metavar="ISO-TIME", help="count only votes given before this moment")
        parser.add_argument("--context", default="", metavar="TEXT", help="count only votes in this context")
        parser.add_argument("--question", default="", metavar="ID", help="count only votes in its contexts")
        parser.add_argument("--group", default="", metavar="KEY=VALUE", help="count only these people's votes")
        parser.add_argument(
            "--balance", default="", metavar="KEY", help="let the groups of this question count the same"
        )
        parser.add_argument("--seed", type=int, default=0, help="of all chance (default: 0)")
        parser.add_argument("--format", choices=sorted(FORMS), default="folkmoot", help="default: folkmoot")
        add_output_option(parser)
        parser.add_argument("--publish", action="store_true", help="let everyone pull it")

    def handle(self, *args: Any, study: str, **options: Any) -> None:
        found = Study.objects.filter(slug=study).first()
        if found is None:
            raise CommandError(f"There is no study {study}.")
        chosen = {name: options[name] for name in ("mode", "before", "context", "question", "group", "balance", "seed")}
        try:
            snapshot = build_graph(found, **chosen)
        except ValidationError as error:
            found_wrong = (
                (f"--{name}: " if name in chosen else "", texts) for name, texts in error.message_dict.items()
            )
            lines = [where + " ".join(texts) for where, texts in found_wrong]
            raise CommandError("\n".join(["No graph was built.", *lines])) from None
        if options["publish"]:
            try:
                publish(snapshot)
            except ValidationError as error:
                raise CommandError(f"Snapshot {snapshot.number} was not published. {error.messages[0]}") from None
        try:
            write_output(_written(snapshot, options["format"]), options["output"])
        except OSError as error:
            raise CommandError(f"--output: {options['output']}: {error.strerror}") from None
        told = f"snapshot {snapshot.number}: {snapshot.edge_count} arrows between {snapshot.value_count} values from "
        told += f"{snapshot.vote_count} votes by {snapshot.voter_count} people, SHA-256 {snapshot.sha256}"
        print(told, file=sys.stderr)


def _written(snapshot: GraphSnapshot, form: str) -> str:
    """Return what is written: the body with its hash, which is that of the body alone; or another form."""
    if form != "folkmoot":
        return export(snapshot, form)
    return canonical_bytes(body_of(snapshot) | {"sha256": snapshot.sha256}).decode()
