"""What the commands say on the terminal: each step when it begins, how long it took when it is done."""

import contextlib
import sys
import time
from collections.abc import Iterator

WIDTH = 46


def say(text: str = "") -> None:
    """Prints a line; a terminal that was closed stops nothing."""
    with contextlib.suppress(OSError, ValueError):
        print(text, flush=True)


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Names what is being done, then its seconds."""
    begun = time.monotonic()
    is_terminal = sys.stdout.isatty()
    _write(f"  {what} ..." if is_terminal else "")
    try:
        yield
    except BaseException:
        _write("\n" if is_terminal else "")
        raise
    seconds = time.monotonic() - begun
    _write(("\r" if is_terminal else "") + f"  {what} ".ljust(WIDTH, ".") + f" {seconds:.1f} s\n")


def _write(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(text)
        sys.stdout.flush()
