"""`manage.py demo`: a small community to look at, for `make run` and for tests."""

import json
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from nexus.management.demo import community

_ALLOWED: Final = ("run", "test")


class Command(BaseCommand):
    """Loads the community once; the second time it only tells the accounts."""

    help = "Loads a small demo community, once, and prints the accounts to log in with."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the accounts as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuses anywhere but at home: its passwords are public."""
        if settings.NEXUS.environment not in _ALLOWED:
            raise CommandError(
                f"The demo community is for NEXUS_ENVIRONMENT {' or '.join(_ALLOWED)},"
                f" not for {settings.NEXUS.environment}: everybody knows its passwords."
            )
        is_new = not community.is_loaded()
        if is_new:
            community.load()
        accounts = [
            {"handle": handle, "password": community.PASSWORD, "role": str(role)}
            for handle, role in community.ACCOUNTS.items()
        ]
        if options["json"]:
            self.stdout.write(json.dumps({"accounts": accounts}))
            return
        self.stdout.write("The demo community is loaded." if is_new else "The demo community was there already.")
        for account in accounts:
            self.stdout.write(f"  @{account['handle']}  {account['password']}  ({account['role']})")
