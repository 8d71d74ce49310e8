"""The Node SDKs, behind one child process (verify.mjs) that speaks JSON lines."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway import Source, Webhook
from sdk import Sdk, Signed

HERE = Path(__file__).parent


class Node:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", "verify.mjs"],
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, **question: Any) -> Any:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"verify.mjs ended at {question.get('sdk')}; run `node verify.mjs` to see why"
        return json.loads(answer)

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=10)


@contextmanager
def node() -> Iterator[Node]:
    process = Node()
    try:
        yield process
    finally:
        process.close()


def all_sdks() -> list[Sdk]:
    """What verify.mjs knows. It loads an SDK only when it is used, so asking for the list is quick."""
    with node() as listing:
        return [_sdk(known) for known in listing.ask(action="list")]


def _sdk(known: dict[str, Any]) -> Sdk:
    def common(source: Source) -> dict[str, Any]:
        return {"sdk": known["sdk"], "secret": source.secret, "settings": source.settings}

    def verify(process: Node, source: Source, webhook: Webhook) -> str | None:
        call = common(source) | {"url": webhook.url, "headers": webhook.headers, "body": webhook.body}
        answer = process.ask(action="verify", **call)
        return None if answer["accepted"] else answer["why"]

    def sign(process: Node, source: Source, body: str, unique: str) -> Signed:
        signed = process.ask(action="sign", url=source.url, body=body, id=unique, **common(source))
        return Signed(signed["headers"], signed.get("body", body))

    return Sdk(
        language="node",
        package=known["package"],
        provider=known["provider"],
        verify=verify,
        sign=sign if "sign" in known["actions"] else None,
    )
