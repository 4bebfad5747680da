"""One linear history, complete, and without operations that lock a table for long."""

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

APP = Path(__file__).resolve().parents[2]


@pytest.mark.django_db
def test_the_models_have_no_change_that_lacks_a_migration() -> None:
    call_command("makemigrations", "--check", "--dry-run", stdout=StringIO())


def test_the_history_is_one_line() -> None:
    numbers = sorted(int(path.name[:4]) for path in (APP / "nexus/migrations").glob("0*.py"))
    assert numbers == list(range(1, len(numbers) + 1))
    last = (APP / "nexus/migrations/max_migration.txt").read_text().strip()
    assert int(last[:4]) == numbers[-1]


def test_no_migration_breaks_the_release_before_it_or_locks_for_long() -> None:
    linter = (
        "import django; django.setup(); from django.core.management import call_command; call_command('lintmigrations',"
    )
    run = subprocess.run(
        # The first migration makes empty tables: it locks nothing that anybody waits for.
        [sys.executable, "-c", f"{linter} include_apps=['nexus'], ignore_name=['0001_initial'], no_cache=True)"],
        cwd=APP,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.house.migration_settings"},
    )
    assert run.returncode == 0, run.stdout + run.stderr
