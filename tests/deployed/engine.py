"""The local AWS engine: one ministack process, started and ended here. Everything it writes goes below one
temporary directory.

    python tests/deployed/engine.py COMMAND...

runs COMMAND with an engine at PAYRELAY_MINISTACK_URL and ends with its status (tests/run: the contract tests).
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3
import httpx
from botocore.config import Config

REGION = "us-east-1"
STARTUP_SECONDS = 60


def free_port() -> int:
    """A port nobody listens on now. Another process may take it before ministack does; then start() fails, loudly."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def bare_environment(home: Path, url: str) -> dict[str, str]:
    """What ministack, the functions it starts and SAM may see: nothing of the caller's AWS profile or proxy."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": url,
    }


class Engine:
    def __init__(self, home: Path, enforce_policies: bool = True):
        """Policies are enforced unless said otherwise, so that a permission missing in infra/roles.yaml fails a
        test instead of the first deployment. Callers without a role then need the key `test`, the account's root.
        """
        self.home = home
        self._enforce_policies = enforce_policies
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = bare_environment(home, self.url)
        self.log_file = home / "ministack.log"
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        environment = self.environment | {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "AUTH": "true" if self._enforce_policies else "false",
            # Its MQTT listener has one fixed port for the whole machine, and nothing here speaks MQTT.
            "IOT_MTLS_ENABLED": "0",
            "STATE_DIR": str(self.home / "state"),
            "S3_DATA_DIR": str(self.home / "s3"),
        }
        with self.log_file.open("wb") as log:
            # A session of its own: stop() can then end the functions it started along with it, and nothing else.
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("leading_keys.py"))],
                cwd=self.home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + STARTUP_SECONDS
        while True:
            if self._process.poll() is not None:
                raise RuntimeError(f"ministack ended with status {self._process.returncode}:\n{self.log_tail()}")
            try:
                if httpx.get(f"{self.url}/_ministack/health", trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            if time.monotonic() > deadline:
                raise RuntimeError(f"ministack did not start in {STARTUP_SECONDS} s:\n{self.log_tail()}")
            time.sleep(0.1)

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            pass
        try:
            # Whatever is left of the session that start() created: warm functions, and ministack if it hung.
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait(timeout=10)
        self._process = None

    def client(self, service: str):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 2}, proxies={}),
        )

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def log_tail(self, lines: int = 60) -> str:
        return "\n".join(self.log().splitlines()[-lines:])


def main(command: list[str]) -> int:
    home = Path(tempfile.mkdtemp(prefix="payrelay-engine-"))
    # The contract tests bring credentials of their own and are about the engines' data, not about permissions.
    engine = Engine(home, enforce_policies=False)
    try:
        engine.start()
        return subprocess.run(command, env=os.environ | {"PAYRELAY_MINISTACK_URL": engine.url}).returncode
    finally:
        engine.stop()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
