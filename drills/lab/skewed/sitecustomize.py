"""Python imports this by itself in a process whose clock is wrong (faults: skew_clock)."""

import select
import time


def sleep(seconds: float) -> None:
    """libfaketime 0.9 moves the moment at which time.sleep() wakes up, even when told to leave that clock be."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select([], [], [], seconds)


time.sleep = sleep  # type: ignore[assignment]
