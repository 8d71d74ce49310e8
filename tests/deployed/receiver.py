"""A client application: an HTTP server that keeps what it was sent, byte for byte."""

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Delivery:
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Answers 200 to every POST, unless told to fail first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deliveries: list[Delivery] = []
        self._failures_left: dict[str, int] = {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = receiver._take(Delivery(self.path, headers, body))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _take(self, delivery: Delivery) -> int:
        with self._lock:
            self._deliveries.append(delivery)
            left = self._failures_left.get(delivery.path, 0)
            if left:
                self._failures_left[delivery.path] = left - 1
            return 500 if left else 200

    def fail_first(self, path: str, times: int) -> None:
        with self._lock:
            self._failures_left[path] = times

    def deliveries(self, path: str) -> list[Delivery]:
        with self._lock:
            return [delivery for delivery in self._deliveries if delivery.path == path]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)
