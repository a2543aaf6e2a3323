import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command

from config.supervisor import PortTaken, check_port, serve


class Command(BaseCommand):
    help = "Set up the database, make the sample study, and serve the site with a worker until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8000))

    def handle(self, *args: Any, port: int, **options: Any) -> None:
        from config.sample import ensure_sample_study
        from frontend.accounts import first_sign_in_code

        try:
            check_port(port)
        except PortTaken as taken:
            raise CommandError(str(taken)) from None
        site = os.environ.get("SITE_URL") or f"http://localhost:{port}"
        # gunicorn and the worker read it, so that links carry the right port
        os.environ["SITE_URL"] = settings.SITE_URL = site.rstrip("/")
        self.stdout.write("Setting up …")
        call_command("migrate", verbosity=0)
        call_command("collectstatic", verbosity=0, interactive=False)
        ensure_sample_study(tell=self.stdout.write)
        code = first_sign_in_code()

        def tell() -> None:
            self.stdout.write(f"\nFolkmoot is ready:\n  site       {settings.SITE_URL}/")
            self.stdout.write(f"  API        {settings.SITE_URL}/api/v1/docs/")
            if code:
                self.stdout.write(f"  your account: open {settings.SITE_URL}/accounts/begin/ and enter  {code}")
                self.stdout.write("             (the code works once, for the first account)")
            self.stdout.write("Ctrl-C stops it. Everything is kept in " + os.path.relpath(settings.VAR_DIR) + "/.")
            self.stdout.flush()

        serve(port, tell)
        self.stdout.write("Stopped.")
