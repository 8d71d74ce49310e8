"""No test looks up or connects to a name outside this machine: who tries is told so, before anything is sent."""

import ipaddress
import socket
import sys
from functools import wraps
from typing import Any


class Outside(RuntimeError):
    """A test would have left this machine."""


def _check(what: str, host: Any) -> None:
    text = host.decode() if isinstance(host, bytes) else host
    if text in (None, "", "localhost"):
        return
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise Outside(f"{what}: {text}") from None
    if not (address.is_loopback or address.is_unspecified):
        raise Outside(f"{what}: {text}")


# Arguments: https://docs.python.org/3/library/audit_events.html
def _look_ups(event: str, arguments: tuple) -> None:
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        _check(event, arguments[0])


# An audit hook sees what every library does, and none can take it away. But a socket has looked its name up before its own
# event is raised.
sys.addaudithook(_look_ups)


def _guard(name: str) -> None:
    method = getattr(socket.socket, name)

    @wraps(method)
    def guarded(self: socket.socket, *arguments: Any) -> Any:
        # The path of a Unix socket is no tuple.
        if isinstance(arguments[-1], tuple):
            _check(f"socket.{name}", arguments[-1][0])
        return method(self, *arguments)

    setattr(socket.socket, name, guarded)


for _name in ("connect", "connect_ex", "sendto"):
    _guard(_name)
