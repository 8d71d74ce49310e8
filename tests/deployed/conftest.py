"""One engine, one deployment and one receiver for the whole run: a deployment takes about twenty seconds."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Engine
from receiver import Receiver
from stack import Stack, build_bootstraps


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--prebuilt", action="store_true", help="take target/lambda as it is, build nothing")


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    if not request.config.getoption("--prebuilt"):
        build_bootstraps()
    home = Path(tempfile.mkdtemp(prefix="payrelay-deployed-"))
    engine = Engine(home)
    try:
        engine.start()
        deployed = Stack(engine)
        try:
            deployed.deploy()
            yield deployed
        finally:
            deployed.close()
    finally:
        engine.stop()
        if request.session.testsfailed:
            print(f"\nengine's log, last lines:\n{engine.log_tail()}")
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.close()
