"""`python -m local COMMAND`: what the Makefile calls."""

import errno
import os
import pwd
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from local import commands, prometheus
from local.failure import Failure
from local.run import run
from local.state import FOLDER_VARIABLE

COMMANDS: dict[str, Callable[..., None]] = {
    "run": run,
    "watch": prometheus.watch,
    "stop": commands.stop,
    "reset": commands.reset,
    "logs": commands.logs,
    "replica-kill": commands.replica_kill,
    "shell": commands.shell,
    "psql": commands.psql,
}


def main(arguments: Sequence[str]) -> None:
    """Runs the command; what cannot go on is said in one sentence, with status 1."""
    if not arguments or arguments[0] not in COMMANDS:
        sys.exit(f"usage: python -m local {'|'.join(COMMANDS)}")
    try:
        COMMANDS[arguments[0]](*arguments[1:])
    except Failure as failure:
        sys.exit(f"\n{failure}")
    except OSError as error:
        sys.exit(f"\n{_sentence(error)}")


def _sentence(error: OSError) -> str:
    where = error.filename or "a file"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full: {where} cannot be written; make room and try again."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"No permission to write {where}; {_remedy(Path(where))}"
    return f"{where}: {error.strerror}."


def _remedy(path: Path) -> str:
    while not path.exists():
        path = path.parent
    me = pwd.getpwuid(os.getuid()).pw_name
    return (
        f"{path} belongs to {path.owner()}: run the command as that user, take it over (sudo chown -R {me} {path}), "
        f"or name another folder: {FOLDER_VARIABLE}=/path make run"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
