from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from config.sample import walk
from config.sample_study import SLUG
from elicitation import studies


class Command(BaseCommand):
    help = "Walk the whole way with simulated participants: interviews, votes, moral graph, constitution."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--participants", type=int, default=24)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--slug", default=SLUG, help="the new study's slug")

    def handle(self, *args: Any, participants: int, seed: int, slug: str, **options: Any) -> None:
        if not 0 <= seed < 2**32:
            raise CommandError("--seed: a whole number from 0 to 4294967295")
        try:
            made = walk(participants, seed, slug=slug, tell=self.stdout.write)
        except ValueError as error:
            raise CommandError(str(error)) from None
        if owner := studies.owner_named():
            studies.adopt(made.study, owner)
        api = f"{settings.SITE_URL}/api/v1"
        self.stdout.write("\nEverything here was made by simulated participants. Pull it while the site runs:")
        self.stdout.write(f"  curl {api}/studies/{slug}/graphs/latest/")
        self.stdout.write(f"  curl '{api}/constitutions/{made.constitution.constitution.slug}/latest/?export=prompt'")
        self.stdout.write(f"graph         SHA-256 {made.graph.sha256}")
        self.stdout.write(f"constitution  SHA-256 {made.constitution.sha256}")
