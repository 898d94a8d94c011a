# SPDX-License-Identifier: MIT
"""`--listen`: what it says, and sockets when a place is taken."""

from __future__ import annotations

import socket

import pytest

from simulator.errors import UserError
from simulator.fleet.listen import Listen, parse_listen
from simulator.fleet.sockets import open_sockets


def place(listen: Listen, index: int) -> tuple[str | None, int | None]:
    return listen.place_of(index)[1:3]


def test_an_address_per_meter_is_the_default() -> None:
    listen = parse_listen("wrapper", 300)
    assert place(listen, 0) == ("127.1.0.1", 4059)
    assert place(listen, 299) == ("127.1.1.44", 4059)
    assert listen.meter_at("127.1.1.44", 4059) == 299
    assert listen.meter_at("127.0.0.1", 4059) < 0


def test_a_port_per_meter() -> None:
    listen = parse_listen("wrapper,address=127.0.0.1,ports=40000", 3)
    assert [place(listen, index) for index in range(3)] == [("127.0.0.1", 40000 + index) for index in range(3)]
    assert listen.meter_at("127.0.0.1", 40002) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pigeon", "is not known"),
        ("wrapper,adress=127.0.0.1", "'adress' is not known"),
        ("wrapper,address=elsewhere", "is not an IPv4 address"),
        ("wrapper,port=70000", "is not a port"),
        ("wrapper,ports=65530", "beyond 65535"),
        ("wrapper,port=1,ports=2", "not both"),
        ("wrapper,address=255.255.255.250", "beyond the address space"),
    ],
)
def test_mistakes_are_told(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        parse_listen(text, 10)


def test_a_port_in_use_costs_one_meter_and_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.9", 0))
        taken.listen()
        port = taken.getsockname()[1]
        opened = list(open_sockets(parse_listen(f"wrapper,address=127.0.0.9,ports={port - 1}", 3), 3))
        ports = [one.getsockname()[1] for one in opened]
        for one in opened:
            one.close()
    assert ports == [port - 1, port + 1]
    assert f"meter 2 cannot listen on 127.0.0.9:{port}" in caplog.text


def test_when_the_wildcard_is_taken_each_address_is_tried() -> None:
    with socket.socket() as taken:
        taken.bind(("127.9.9.2", 0))
        taken.listen()
        port = taken.getsockname()[1]
        opened = list(open_sockets(parse_listen(f"wrapper,address=127.9.9.1,port={port}", 3), 3))
        hosts = [one.getsockname()[0] for one in opened]
        for one in opened:
            one.close()
    assert hosts == ["127.9.9.1", "127.9.9.3"]
