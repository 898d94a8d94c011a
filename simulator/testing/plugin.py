# SPDX-License-Identifier: MIT
"""What pytest finds by its entry point. It imports nothing of the product before a test asks for a fleet."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from simulator.testing.factory import Meterfleet
    from simulator.testing.servers import Server

_OPTION, _INI = "--meterfleet-database", "meterfleet_database"
_HELP = "DSN of a PostgreSQL server (15 or newer) where meterfleet may create databases, instead of the embedded one"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("meterfleet").addoption(_OPTION, metavar="DSN", default=None, help=_HELP)
    parser.addini(_INI, _HELP, default="")


@pytest.fixture(scope="session")
def meterfleet_server(pytestconfig: pytest.Config) -> Iterator[Server]:
    """The PostgreSQL of this session's fleets."""
    from simulator.testing.servers import server_of

    # While the server starts: what the first fleet needs takes as long to import.
    Thread(target=import_module, args=("simulator.testing.factory",), daemon=True).start()
    with server_of(pytestconfig.getoption(_OPTION) or pytestconfig.getini(_INI)) as server:
        yield server


@pytest.fixture
def meterfleet(meterfleet_server: Server, request: pytest.FixtureRequest) -> Iterator[Meterfleet]:
    """A factory of fleets that live as long as the test: `fleet = meterfleet(count=3, history="7d")`."""
    from simulator.testing.factory import fleets

    with fleets(meterfleet_server, request.path.parent) as factory:
        yield factory
