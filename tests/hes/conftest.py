# SPDX-License-Identifier: MIT
"""A fresh head-end database on each tier that can be had: plain always, the others on servers that are named."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import psycopg
import pytest
from hes_bench import METER
from psycopg.conninfo import make_conninfo

from simulator.hes.database import HesDatabase

SERVERS = {"apache": "METERFLEET_APACHE_DSN", "timescale": "METERFLEET_TIMESCALE_DSN"}
NAME = f"meterfleet_hes_test_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"


def _server(tier: str) -> str:
    if (dsn := os.environ.get(SERVERS[tier])) is None:
        pytest.skip(f"no server of the tier {tier}: {SERVERS[tier]} is not set (see tests/hes/apache_tier.sh)")
    return dsn


@pytest.fixture(params=["none", "apache", "timescale"])
def fresh_server(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Gives a database without the head-end's tables."""
    if request.param == "none":
        return lambda: str(request.getfixturevalue("database"))
    server = _server(request.param)
    return lambda: _recreated(server)


@pytest.fixture
def apache_server() -> Callable[[], str]:
    server = _server("apache")
    return lambda: _recreated(server)


@pytest.fixture
def hes(fresh_server: Callable[[], str]) -> Iterator[HesDatabase]:
    """Installed, with one meter."""
    yield from _installed(fresh_server())


def _recreated(server: str) -> str:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)".encode())
        connection.execute(f"CREATE DATABASE {NAME}".encode())
    dsn = make_conninfo(server, dbname=NAME)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    return dsn


def _installed(dsn: str) -> Iterator[HesDatabase]:
    with HesDatabase.open(dsn) as database:
        database.install()
        database.connection.execute(
            "INSERT INTO public.meters (id, meter_number, meter_type, timezone)"
            " VALUES (%s, 'M17', 'D1', 'Asia/Kolkata')", [METER],
        )  # fmt: skip
        yield database
