# SPDX-License-Identifier: MIT
"""The keys beside a capture: those with which it begins, and a line more whenever a client changes or makes one.

A line holds all keys of one client of one meter from an instant on, so that each frame has the last line before it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from simulator.fleet.capture import Capture
from simulator.fleet.listen import Listen, Place
from simulator.fleet.pace import wall_now_ms
from simulator.meter.cohort import Cohort
from simulator.meter.identity import key_of, secret_of
from simulator.values import MS_PER_SECOND

_LLS = 1
_NAMES = ("ek", "bk", "ak", "master")
COLUMNS = ("since", "serial", "host", "port", "device", "system_title", "client", *_NAMES, "secret", "password",
           "dedicated")  # fmt: skip


def begin(capture: Capture) -> None:
    capture.key_rows([COLUMNS])


def follow(capture: Capture, cohort: Cohort, listens: Sequence[Listen]) -> None:
    """All meters of a cohort as they are, and from now on what changes."""

    def row(meter: int, client: int, dedicated: bytes = b"") -> list[object]:
        return _row(cohort, meter, client, listens[0].place_of(cohort.first + meter), dedicated)

    def rows() -> Iterator[list[object]]:
        for meter in range(len(cohort.identities)):
            yield from (row(meter, client) for client in cohort.model.spec.clients)

    capture.key_rows(rows())
    cohort.vault.on_key = lambda meter, client, dedicated: capture.key_rows([row(meter, client, dedicated)])


def _row(cohort: Cohort, meter: int, client: int, place: Place, dedicated: bytes) -> list[object]:
    identity, given = cohort.identities[meter], cohort.vault.given(meter)
    mechanism = cohort.model.spec.clients[client].mechanism
    secret = secret_of(identity, given, client, mechanism)
    return [
        dt.datetime.fromtimestamp(wall_now_ms() / MS_PER_SECOND, dt.UTC).isoformat(timespec="milliseconds"),
        identity.serial,
        place.host,
        place.port,
        place.device,
        identity.system_title.hex(),
        client,
        *(key_of(identity, given, client, name).hex() for name in _NAMES),
        secret.hex() if mechanism > _LLS else "",
        secret.decode("utf-8", "backslashreplace") if mechanism == _LLS else "",
        dedicated.hex(),
    ]
