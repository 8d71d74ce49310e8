"""Waiting for what goes through a queue."""

import time
from collections.abc import Callable
from typing import Any


def eventually(what: str, probe: Callable[[], Any], within_seconds: float = 60) -> Any:
    """Repeats `probe` until it answers something true: a queue stands between a webhook and its effect."""
    deadline = time.monotonic() + within_seconds
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_seconds} s: {what} (last answer: {found!r})")
        time.sleep(0.1)
