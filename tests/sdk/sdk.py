"""What the tests know of an SDK."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway import Source, Webhook


@dataclass
class Signed:
    headers: dict[str, str]
    body: str


@dataclass
class Sdk:
    language: str
    # As it is called in its registry.
    package: str
    # Whose webhooks it is for, as Payrelay calls it.
    provider: str
    # Answers why the SDK refuses the webhook, or nothing. Its first argument is the Node process.
    verify: Callable[[Any, Source, Webhook], str | None]
    # Signs a body; the last argument is an id of its own. Some SDKs only sign samples of their own.
    sign: Callable[[Any, Source, str, str], Signed] | None

    def __str__(self) -> str:
        return f"{self.language}-{self.package}-{self.provider}"
