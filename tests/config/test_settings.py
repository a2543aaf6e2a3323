"""Settings are read once per process, so each case is a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEY = "k" * 64


def setting(expression: str, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Print one setting as it is under this environment."""
    code = f"from config import settings; print(settings.{expression})"
    clean = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "LANG"}}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=clean | {"FOLKMOOT_VAR_DIR": str(tmp_path)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_secret_key_is_made_once_and_kept_for_its_owner_alone(tmp_path: Path) -> None:
    first = setting("SECRET_KEY", tmp_path).stdout
    assert setting("SECRET_KEY", tmp_path).stdout == first != ""
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_a_key_file_that_a_cut_off_start_left_empty_is_filled(tmp_path: Path) -> None:
    (tmp_path / "secret_key").touch()
    assert len(setting("SECRET_KEY", tmp_path).stdout) > 50


def test_a_folder_that_cannot_be_made_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = subprocess.run(
        [sys.executable, "manage.py", "run"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "FOLKMOOT_VAR_DIR": str(tmp_path / "file" / "var")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, "Traceback" in told.stderr) == (1, False)
    assert "FOLKMOOT_VAR_DIR" in told.stderr


@pytest.mark.parametrize("key", ["", "short"])
def test_production_refuses_a_missing_or_short_key(tmp_path: Path, key: str) -> None:
    answer = setting("SECRET_KEY", tmp_path, FOLKMOOT_ENV="production", SECRET_KEY=key)
    assert answer.returncode != 0
    assert "SECRET_KEY" in answer.stderr


def test_a_secret_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgres://me:pass@db:5432/moot")
    answer = setting("DATABASES['default']['HOST']", tmp_path, DATABASE_URL_FILE=str(tmp_path / "url"))
    assert answer.stdout == "db\n"


def test_sqlite_waits_its_turn_and_survives_a_power_cut(tmp_path: Path) -> None:
    options = setting("DATABASES['default']['OPTIONS']", tmp_path).stdout
    assert "IMMEDIATE" in options
    assert "journal_mode=WAL" in options
    assert "synchronous=FULL" in options


def test_another_broker_needs_only_its_address(tmp_path: Path) -> None:
    answer = setting("CELERY_BROKER_TRANSPORT_OPTIONS", tmp_path, CELERY_BROKER_URL="redis://r:6379/0")
    assert "'visibility_timeout': 300" in answer.stdout
