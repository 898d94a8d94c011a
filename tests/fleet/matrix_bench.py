# SPDX-License-Identifier: GPL-2.0-only
"""The house's reader, which is built on Gurux, on every way to a meter, with every mechanism and under every policy.

What must be read comes from SQL; the mapping of columns is written out here.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from gurux_dlms.enums import Security
from live import CLOCK, IST, Spawned, free_port

from simulator.headend.ciphering import Keys
from simulator.headend.profiles import ProfileTable
from simulator.headend.reader import MeterReader
from simulator.headend.way import Transport, Way
from simulator.meter.identity import Identity
from simulator.wire.codes import Conformance

TRANSPORTS = ("hdlc", "udp", "sign-on", "line", "shared wrapper", "shared hdlc", "gateway")
CLIENTS = {0: 64, 1: 32, 2: 48, 3: 96, 4: 112, 5: 120, 6: 80}  # the test's client for each mechanism
MODELS = {"D1": "is15959-1ph", "D2": "is15959-3ph"}
PLAIN = -1
NUMBERS, BITS = (0, 1, 2, 3), (0x0C, 0x24, 0x48, 0x6C)  # security_policy of class 64 versions 0 and 1
POLICIES = (PLAIN, *NUMBERS, *BITS)
PROTECTIONS = {
    PLAIN: Security.NONE,
    1: Security.AUTHENTICATION,
    2: Security.ENCRYPTION,
    0x24: Security.AUTHENTICATION,
    0x48: Security.ENCRYPTION,
}
GENERAL, DEDICATED = (False, True, False, True), (None, None, bytes(range(16)), bytes(range(16, 32)))
SHARES = 4
KILO = ("W", "VA", "var", "Wh", "VAh", "varh")  # the tables keep them in thousands
SERVICES = (
    Conformance.GET
    | Conformance.SET
    | Conformance.ACTION
    | Conformance.SELECTIVE_ACCESS
    | Conformance.MULTIPLE_REFERENCES
    | Conformance.BLOCK_TRANSFER_WITH_GET
    | Conformance.BLOCK_TRANSFER_WITH_SET
    | Conformance.BLOCK_TRANSFER_WITH_ACTION
)


class Case(NamedTuple):
    transport: str
    mechanism: int
    policy: int
    model: str
    share: int = 0  # which of the readable attributes are read
    form: int = 0  # 0 glo, 1 general-glo, 2 ded, 3 general-ded
    information: int = 2030  # octets of an HDLC information field
    counter: int | None = None  # the first invocation counter; None: the public client is asked

    def __str__(self) -> str:
        policy = "plain" if self.policy == PLAIN else f"policy {self.policy:#x}"
        return f"{self.transport}, mechanism {self.mechanism}, {policy}, {self.model}"


def cases() -> list[Case]:
    """Every transport with every policy; the others turn along, so that every pair comes about."""
    return [_case(i, j) for i in range(len(TRANSPORTS)) for j in range(len(POLICIES))]


def _case(i: int, j: int) -> Case:
    turn = i + j
    transport, mechanism, model = TRANSPORTS[i], turn % len(CLIENTS), tuple(MODELS)[turn % 2]
    # No object shows the counters of two of the clients, and each sign-on costs half a second.
    asks = CLIENTS[mechanism] <= 96 and (transport != "sign-on" or mechanism == 2)
    counter = None if asks else 10_000 * (1 + i * len(POLICIES) + j)
    share, form, information = (i // 2 + j) % SHARES, (i + j // 2) % 4, (128, 512, 2030)[j % 3]
    return Case(transport, mechanism, POLICIES[j], model, share, form, information, counter)


def model_text(model: str, *, bits: bool) -> str:
    """The model with a client for each mechanism, all of them with the rights of the utility's."""
    base = yaml.safe_load(Path("profiles/meters/is15959.yaml").read_text())
    rights = {name: granted[48] for name, granted in base["access"].items() if 48 in granted}
    utility = {key: value for key, value in base["clients"][48].items() if key != "association"}
    clients = {
        client: {**utility, "name": f"hls{mechanism}", "mechanism": mechanism, "contexts": [1, 3]}
        | {"pre_established": False, "challenge_octets": 16 + 8 * mechanism}
        | {"association": f"0.0.40.0.{client // 16}.255", "security_setup": setup_of(client)}
        for mechanism, client in CLIENTS.items()
    }
    for client in (112, 120):
        clients[client]["association"] = base["clients"][48]["association"]
    access = {name: dict.fromkeys(clients, granted) for name, granted in rights.items()}
    own = {"class_versions": {64: 1}} if bits else {}
    own |= {"values": {setup_of(64): {"security_policy": 0}}}  # else that of a client that pushes
    return yaml.safe_dump({"extends": MODELS[model], "title": "t", "clients": clients, "access": access, **own})


def setup_of(client: int) -> str:
    """IS 15959 has no more than these; the others share that of the utility's client."""
    return f"0.0.43.0.{client // 16}.255" if client <= 96 else "0.0.43.0.3.255"


def listens(number: int) -> list[str]:
    """In the order of TRANSPORTS."""
    address = f"127.46.{number}.1"
    return [
        f"hdlc,address={address},port={free_port()}",
        f"udp,address={address},port={free_port()}",
        "serial,pty=1,mode_e=1",
        "serial,pty=1",
        f"wrapper,shared=1,port={free_port()}",
        f"hdlc,shared=1,port={free_port()}",
        f"gateway,port={free_port()}",
    ]


def way_of(entry: Mapping[str, Any], place: Mapping[str, Any], information: int) -> tuple[str, int, int, Way]:
    """Host, port, server and the rest of the way, from an entry of the ready event and one of its places."""
    framing, serial = place["framing"], place["framing"] == "serial"
    transport = Transport.SERIAL if serial else Transport.UDP if framing == "udp" else Transport.TCP
    way = Way(
        transport,
        hdlc=serial or framing == "hdlc",
        physical=place.get("physical"),
        information=information,
        gateway=entry["serial"] if framing == "gateway" else None,
        mode_e=bool(place.get("mode_e")),
        device_address=entry["serial"] if place.get("mode_e") else "",
    )
    return place.get("host") or place["device"], place.get("port") or 0, place["server"], way


def reader_of(fleet: Spawned, meter: int, case: Case) -> MeterReader:
    entry = fleet.ready["meters"][meter]
    place = entry["places"][TRANSPORTS.index(case.transport)]
    host, port, server, way = way_of(entry, place, case.information)
    identity = Identity(fleet.ready["seed"], "MFL", entry["serial"])
    client = CLIENTS[case.mechanism]
    secret = {0: b"", 1: identity.password(client).encode()}.get(case.mechanism, identity.key(f"hls{client}"))
    security = PROTECTIONS.get(case.policy, Security.AUTHENTICATION_ENCRYPTION)
    dedicated = DEDICATED[case.form] if case.policy != PLAIN else None
    keys = Keys(identity.key("ek"), identity.key("ak"), dedicated, int(security), case.counter)
    general = Conformance.GENERAL_PROTECTION if GENERAL[case.form] else 0
    return MeterReader(
        host,
        port,
        client=client,
        password=secret or None,
        server=server,
        mechanism=case.mechanism,
        way=way,
        conformance=SERVICES | general,
        keys=keys,
    )


# --------------------------------------------------------------------------------------------- block load, asked of SQL

BLOCK_COLUMNS = {
    "D1": {
        CLOCK: "capture_time", "1.0.12.27.0.255": "average_voltage_r", "1.0.1.29.0.255": "kwh_import",
        "1.0.9.29.0.255": "kvah_import", "1.0.2.29.0.255": "kwh_export", "1.0.10.29.0.255": "kvah_export",
        "1.0.11.27.0.255": "average_current_r", "1.0.91.27.0.255": "average_current_n",
    },
    "D2": {
        CLOCK: "capture_time", "1.0.31.27.0.255": "average_current_r", "1.0.51.27.0.255": "average_current_y",
        "1.0.71.27.0.255": "average_current_b", "1.0.32.27.0.255": "average_voltage_r",
        "1.0.52.27.0.255": "average_voltage_y", "1.0.72.27.0.255": "average_voltage_b",
        "1.0.1.29.0.255": "kwh_import", "1.0.9.29.0.255": "kvah_import", "1.0.2.29.0.255": "kwh_export",
        "1.0.10.29.0.255": "kvah_export", "0.0.96.10.1.255": "health", "1.0.13.27.0.255": "power_factor",
    },
}  # fmt: skip


def stored_blocks(fleet: Spawned, meter: int, model: str) -> list[tuple[Any, ...]]:
    """All blocks of a meter, oldest first, in the order of BLOCK_COLUMNS."""
    statement = f"""SELECT {", ".join(BLOCK_COLUMNS[model].values())} FROM sim.block_load_profile
                      JOIN sim.meters m ON m.id = meter_id WHERE meter_number = %s ORDER BY capture_time"""
    return fleet.sql(statement, fleet.meters[meter].serial)


def check(table: ProfileTable, stored: Sequence[tuple[Any, ...]], model: str) -> None:
    """Every cell that was read is the nearest float32 to its cell in SQL, or that very number or moment."""
    columns = list(BLOCK_COLUMNS[model])
    assert len(table.rows) == len(stored)
    for at, column in enumerate(table.columns):
        place = columns.index(column.obis)
        kilo = 1000 if column.unit in KILO else 1
        for row, cells in zip(table.rows, stored, strict=True):
            assert _same(row[at], cells[place], kilo, column.scaler), (column.obis, row[0], row[at], cells[place])


def _same(shown: Any, cell: Any, kilo: int, scaler: int) -> bool:
    if isinstance(cell, dt.datetime):
        return bool(shown == dt.datetime.fromisoformat(f"{cell}{IST}"))
    if isinstance(shown, float):
        return _float32(Decimal(str(shown)) / 10**scaler) == _float32(Decimal(cell) * kilo / Decimal(10) ** scaler)
    return bool(shown == Decimal(cell) * kilo)


def _float32(number: Decimal) -> bytes:
    return struct.pack(">f", float(number))
