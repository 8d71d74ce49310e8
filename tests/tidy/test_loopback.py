"""The guard of `tests/conftest.py`, which every Python test runs under."""

import socket

import pytest

NAMES = ["example.com", "api.stripe.com", "sts.amazonaws.com", "printer.local", b"example.com"]
ADDRESSES = ["192.0.2.1", "169.254.169.254", "10.0.0.1", "2001:db8::1", "example.com"]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_outside_this_machine_is_looked_up(name: str | bytes) -> None:
    with pytest.raises(RuntimeError, match="^socket.getaddrinfo: "):
        socket.getaddrinfo(name, 443)
    with pytest.raises(RuntimeError, match="^socket.gethostbyname: "):
        socket.gethostbyname(name)


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_address_outside_this_machine_is_connected_to(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as stream, pytest.raises(RuntimeError, match="^socket.connect: "):
        stream.connect((address, 443))
    with socket.socket(family, socket.SOCK_DGRAM) as datagram, pytest.raises(RuntimeError, match="^socket.sendto: "):
        datagram.sendto(b"", (address, 53))


def test_this_machine_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        assert socket.getaddrinfo("localhost", 80)
