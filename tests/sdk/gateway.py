"""`payrelay dev` as a child process, and its command-line tool for simulated webhooks."""

import json
import os
import secrets
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "payrelay"


@dataclass
class Webhook:
    """A request as a provider sends it. Header names are in lower case."""

    url: str
    headers: dict[str, str]
    body: str


@dataclass
class Source:
    id: str
    provider: str
    url: str
    secret: str
    settings: dict[str, str] = field(default_factory=dict)


class Gateway:
    """A Payrelay of its own, with its state in `home`, on a free port."""

    def __init__(self, home: Path):
        self.admin_key = f"pk_admin_{secrets.token_urlsafe(32)}"
        self._process = subprocess.Popen(
            [BINARY, "dev", "--listen", "127.0.0.1:0", "--data-dir", home],
            env=os.environ | {"PAYRELAY_ADMIN_KEY": self.admin_key},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        ready = self._process.stdout.readline()
        assert ready.startswith("ready "), f"payrelay dev did not start: {ready!r}"
        self.url = ready.removeprefix("ready ").strip()
        # Where it takes calls of AWS's SDKs.
        self.engines = dict(self._process.stdout.readline().split() for _ in ("sqs", "eventbridge"))
        self._http = httpx.Client(trust_env=False, timeout=30)

    def close(self) -> None:
        self._http.close()
        self._process.terminate()
        self._process.wait(timeout=30)

    def api(self, method: str, path: str, **options: Any) -> Any:
        """A call with the admin key; answers the decoded body."""
        headers = {"authorization": f"Bearer {self.admin_key}"}
        answer = self._http.request(method, self.url + path, headers=headers, **options)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def delete(self, path: str) -> None:
        answer = self._http.delete(self.url + path, headers={"authorization": f"Bearer {self.admin_key}"})
        assert answer.status_code == 204, f"{path}: {answer.status_code} {answer.text}"

    def create_source(self, provider: str) -> Source:
        """A source with a new secret in the provider's form."""
        [wanted] = simulate("--provider", provider, "--source")
        created = self.api("POST", "/v1/sources", json=wanted)
        secret = wanted["secrets"][0] if wanted["secrets"] else ""
        assert not secret or secret not in json.dumps(created), "a source's own secret came back in clear"
        return Source(created["id"], provider, created["webhook_url"], secret, wanted["settings"])

    def send(self, webhook: Webhook) -> int:
        answer = self._http.post(webhook.url, content=webhook.body.encode(), headers=webhook.headers)
        return answer.status_code

    def events(self, source: Source) -> list[dict[str, Any]]:
        return self.api("GET", "/v1/events", params={"source": source.id, "limit": 100})["data"]

    def raw(self, event: str) -> bytes:
        headers = {"authorization": f"Bearer {self.admin_key}"}
        answer = self._http.get(f"{self.url}/v1/events/{event}/raw", headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.content


def simulated(source: Source) -> list[Webhook]:
    """A story of the provider, signed now for this source."""
    arguments = ["--provider", source.provider, "--url", source.url, "--print"]
    if source.secret:
        arguments += ["--secret", source.secret]
    for name, value in source.settings.items():
        arguments += ["--setting", f"{name}={value}"]
    return [Webhook(line["url"], line["headers"], line["body"]) for line in simulate(*arguments)]


def simulate(*arguments: str) -> list[Any]:
    done = subprocess.run([BINARY, "simulate", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"payrelay simulate: {done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines()]
