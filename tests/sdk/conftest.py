"""One Payrelay and one Node process for the whole run."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import Gateway
from node_sdks import Node, node


@pytest.fixture(scope="session")
def gateway() -> Iterator[Gateway]:
    home = Path(tempfile.mkdtemp(prefix="payrelay-sdk-"))
    running = Gateway(home)
    try:
        yield running
    finally:
        running.close()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def node_process() -> Iterator[Node]:
    with node() as process:
        yield process


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how many SDKs took part: the number is a requirement."""
    names = {report.nodeid.split("[")[-1].rstrip("]") for report in terminalreporter.stats.get("passed", [])}
    packages = sorted({tuple(name.split("~")[:2]) for name in names if "~" in name})
    if packages:
        listed = ", ".join(f"{package} ({language})" for language, package in packages)
        terminalreporter.write_line(f"{len(packages)} official SDKs: {listed}")
