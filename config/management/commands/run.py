import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.db import OperationalError

from config.supervisor import AlreadyRunning, PortTaken, check_port, only_one, serve


class Command(BaseCommand):
    help = "Set up the database, make the sample study, and serve the site with a worker until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8000))

    def handle(self, *args: Any, port: int, **options: Any) -> None:
        site = (os.environ.get("SITE_URL") or f"http://localhost:{port}").rstrip("/")
        # gunicorn and the worker read it, so that links carry the right port
        os.environ["SITE_URL"] = settings.SITE_URL = site
        try:
            with only_one(settings.VAR_DIR, site):
                check_port(port)
                code = self.set_up()
                serve(port, lambda: self.say_where(code))
        except (AlreadyRunning, PortTaken) as error:
            raise CommandError(str(error)) from None
        except (OSError, OperationalError) as error:
            raise CommandError(
                f"{error}. Folkmoot keeps its files in {settings.VAR_DIR} and needs about 50 MB there that it may write; "
                "another folder: FOLKMOOT_VAR_DIR. Another database: DATABASE_URL. Then start it again."
            ) from error
        self.say("Stopped.")

    def set_up(self) -> str | None:
        """Make or update everything that is kept. Returns the code for the first account, if there is none yet."""
        from config.sample import ensure_sample_study
        from frontend.accounts import first_sign_in_code

        self.say("Setting up …")
        call_command("migrate", verbosity=0)
        call_command("collectstatic", verbosity=0, interactive=False)
        ensure_sample_study(tell=self.say)
        return first_sign_in_code()

    def say_where(self, code: str | None) -> None:
        self.say(f"\nFolkmoot is ready:\n  site       {settings.SITE_URL}/")
        self.say(f"  API        {settings.SITE_URL}/api/v1/docs/")
        if code:
            self.say(f"  your account: open {settings.SITE_URL}/accounts/begin/ and enter  {code}")
            self.say("             (the code works once, for the first account)")
        self.say("Ctrl-C stops it. Everything is kept in " + os.path.relpath(settings.VAR_DIR) + "/.")

    def say(self, text: str) -> None:
        """Tell it now, also where the output is a file."""
        self.stdout.write(text)
        self.stdout.flush()
