"""The functions with the largest bodies that a webhook may have, ten of them under way at once, against the memory that the
template gives them."""

import json
import os
import secrets
import threading
import time
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from stripe import WebhookSignature

from stack import Stack
from templates import function_defaults, functions
from waiting import eventually

SECRET = f"whsec_{secrets.token_hex(16)}"
LARGEST_BODY_BYTES = 4_560 * 1024  # queue::MAX_BODY_BYTES
TEN = 10
# What Lambda's runtime and the kernel take of the rest.
USABLE = 0.8


class Holding:
    """Answers nobody before all ten requests are there, so that the function holds ten bodies."""

    def __init__(self) -> None:
        everybody = threading.Barrier(TEN)
        self.met = 0
        holding = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                left = int(self.headers["content-length"])
                while left:
                    left -= len(self.rfile.read(min(left, 64 * 1024)))
                try:
                    everybody.wait(timeout=10)
                    holding.met += 1
                except threading.BrokenBarrierError:
                    pass
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def largest_event() -> str:
    unique = secrets.token_hex(8)
    event = {
        "id": f"evt_{unique}",
        "created": int(time.time()),
        "type": "payment_intent.succeeded",
        "data": {"object": {"id": f"pi_{unique}", "object": "payment_intent", "amount": 1, "currency": "eur"}},
        # As much noise as a message of SQS holds, compressed.
        "noise": b64encode(os.urandom(480 * 1024)).decode(),
        "padding": "",
    }
    event["padding"] = "x" * (LARGEST_BODY_BYTES - len(json.dumps(event)))
    return json.dumps(event)


def peak_mib(logical_id: str) -> float:
    """Of any process of the function since it started, its program included."""
    peaks = [0.0]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes().split(b"\0")
            name = next((entry for entry in environment if entry.startswith(b"AWS_LAMBDA_FUNCTION_NAME=")), b"")
            if logical_id.encode() in name and (process / "exe").readlink().name == "bootstrap":
                status = (process / "status").read_text()
                peaks.append(int(status.split("VmHWM:")[1].split()[0]) / 1024)
        except (OSError, IndexError):
            continue  # it has ended meanwhile
    return max(peaks)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells the peak of a process in /proc")
def test_ten_deliveries_of_the_largest_body_at_once_fit_into_the_memory_of_each_function(stack: Stack) -> None:
    _, path = stack.create_source("stripe", "large", SECRET)
    client = Holding()
    endpoints = []
    try:
        for number in range(TEN):
            settings = {"url": f"{client.url}/{number}", "name": "large", "format": "raw", "event_types": ["*"]}
            endpoints.append(stack.api("POST", "/v1/endpoints", expect=201, json=settings)["id"])
        time.sleep(5.5)  # the consumer keeps its list of endpoints for 5 s
        body = largest_event()
        signature = WebhookSignature.generate_signature_header(body, SECRET, timestamp=int(time.time()))
        for secret_is_right in (False, True):
            headers = {"stripe-signature": signature if secret_is_right else "t=1,v1=00", "content-type": "application/json"}
            answer = stack.call("POST", path, content=body, headers=headers)
            assert answer.is_success == secret_is_right, answer.text
        eventually("all ten bodies are under way at once", lambda: client.met == TEN)
    finally:
        client.close()
        for endpoint in endpoints:
            stack.api("DELETE", f"/v1/endpoints/{endpoint}", expect=204)
    for name in ("webhook", "consumer", "dispatcher"):
        declared = functions()[name]
        memory = declared.get("MemorySize", function_defaults()["MemorySize"])
        peak = peak_mib(declared["LogicalId"])
        print(f"{name}: {peak:.0f} of {memory} MiB")
        assert 4 < peak < USABLE * memory, f"{name}: {peak:.0f} MiB"
