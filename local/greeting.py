"""What `make run` prints when everything is up."""

from dataclasses import dataclass
from pathlib import Path

from local.stack import Stack
from local.state import ROOT


@dataclass(frozen=True)
class Account:
    """One that the demo community has, to log in with."""

    handle: str
    password: str
    role: str


def greeting(stack: Stack, accounts: list[Account]) -> str:
    """The addresses, the accounts, a call to paste, and where the rest is."""
    url, ca = stack.proxy.url, stack.proxy.ca
    people = [account for account in accounts if account.role == "user"][:2]
    operators = [account for account in accounts if account.role != "user"][-1:]
    lines = [
        "",
        f"Nexus is up: {url}  (your browser will warn: the certificate is signed by {_short(ca)})",
        "",
        f"  REST         {url}/api/v1/docs/   {url}/api/v1/redoc/",
        f"  GraphQL      {url}/graphql",
        f"  operators    {url}/admin/",
        "",
        *(f"  demo         {_account(account)}" for account in people),
        *(f"  operator     {_account(account)}" for account in operators),
        "",
        "  try          " + _curl(stack),
        "",
        f"  logs         make logs ROLE=web   (all: {_short(stack.state.logs)})",
        f"  mail         {_short(stack.state.mail)}, one file for each mail",
        "  metrics      make watch, in another terminal",
        "  kill one     make replica-kill N=2, in another terminal",
        "",
        "Ctrl-C, or `make stop`, ends everything; the data stay.",
    ]
    return "\n".join(lines)


def _account(account: Account) -> str:
    return f"{account.handle}  password: {account.password}"


def _curl(stack: Stack) -> str:
    return f"curl --cacert {_short(stack.proxy.ca)} {stack.proxy.url}/api/v1/timelines/public"


def _short(path: Path) -> str:
    """Relative to the checkout where it lies there: that is where people type."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
