# SPDX-License-Identifier: MIT
"""The list of a fleet's meters in the form that a head-end imports: addresses, titles, clients, secrets.

Secrets leave the program here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from simulator.cosem.model import Model
from simulator.fleet.listen import Place
from simulator.meter.identity import Given, Identity, key_of, secret_of

_LISTED = (16, 32, 48, 64, 80, 96)
_CIPHERED_CONTEXTS = frozenset({3, 4})
CSV_COLUMNS = (
    "serial", "device_id", "logical_device_name", "host", "port", "framing", "server", "physical", "device", "baud",
    "mode_e",
    "system_title",
    "client_16_auth", "client_32_auth", "client_32_password", "client_48_auth", "client_48_secret",
    "client_48_ek", "client_48_ak", "client_48_master", "client_64_auth", "client_64_ek", "client_64_ak",
    "client_64_master", "client_80_auth", "client_80_secret", "client_80_ek",
    "client_80_ak", "client_80_master", "client_96_auth", "client_96_password", "client_96_ek", "client_96_ak",
    "client_96_master",
)  # fmt: skip


def meter_entry(
    identity: Identity, model: Model, places: Sequence[Place], *, given: Given = MappingProxyType({})
) -> dict[str, Any]:
    """One meter, as the ready event and `inventory --json` show it: its first place, and all of them if there are more.

    A gateway knows a meter by its serial number. `given`: keys that do not follow from the seed.
    """
    others = {"places": [_place(place) for place in places]} if len(places) > 1 else {}
    return {
        "serial": identity.serial,
        "device_id": identity.device_id,
        "logical_device_name": identity.logical_device_name,
        **_place(places[0]),
        "system_title": identity.system_title.hex(),
        "clients": [_client(identity, given, model, client) for client in _LISTED if client in model.spec.clients],
        **others,
    }


def _place(place: Place) -> dict[str, Any]:
    """Host and port, or a serial device; HDLC's lower address where there is one."""
    where: dict[str, Any] = {"host": place.host, "port": place.port}
    if place.host is None:
        where = {"device": place.device, "baud": place.baud, "mode_e": place.mode_e}
    lower = {} if place.physical is None else {"physical": place.physical}
    return {**where, "framing": place.framing, "server": place.server, **lower}


def place_words(entry: Mapping[str, Any]) -> str:
    """Where a meter is, for people; or whom it calls."""
    where = entry["device"] if "device" in entry else f"{entry['host']}:{entry['port']}"
    number = f" address {entry['physical']}" if "physical" in entry else ""
    return f"calls {where}{number}" if entry["framing"] == "dial" else f"{where} {entry['framing']}{number}"


def read_options(entry: Mapping[str, Any]) -> str:
    """The words after `meterfleet read` that reach a meter; none if it calls by itself."""
    if entry["framing"] == "dial":
        return ""
    where = entry["device"] if "device" in entry else f"{entry['host']}:{entry['port']}"
    ways = {
        "wrapper": [where],
        "udp": [where, "--udp"],
        "hdlc": [where, "--hdlc"],
        "gateway": [where, "--gateway", entry["serial"]],
        "serial": ["--serial", where],
    }
    if entry.get("mode_e"):
        ways["serial"] += ["--mode-e", "--device-address", entry["serial"]]
    elif entry.get("baud", 9600) != 9600:
        ways["serial"] += ["--baud", str(entry["baud"])]
    lower = ["--physical", str(entry["physical"])] if "physical" in entry else []
    server = ["--server", str(entry["server"])] if entry["server"] != 1 else []
    return " ".join([*ways[entry["framing"]], *lower, *server])


def _client(identity: Identity, given: Given, model: Model, client: int) -> dict[str, Any]:
    """A client without a secret may have keys all the same: meters push under those of the push client."""
    spec = model.spec.clients[client]
    mechanism, ciphered = spec.mechanism, _CIPHERED_CONTEXTS.intersection(spec.contexts)
    keys = {name: key_of(identity, given, client, name).hex() for name in ("ek", "ak", "master")}
    if mechanism == 0:
        return {"sap": client, "auth": "none", **(keys if ciphered else {})}
    secret = secret_of(identity, given, client, mechanism)
    if mechanism == 1:
        password = secret.decode("utf-8", "backslashreplace")
        return {"sap": client, "auth": "lls", "password": password, **(keys if ciphered else {})}
    return {"sap": client, "auth": f"hls{mechanism}", "secret": secret.hex(), **keys}


def csv_row(entry: dict[str, Any]) -> dict[str, Any]:
    """A meter's entry as one flat row."""
    row = {key: value for key, value in entry.items() if key not in ("clients", "places")}
    for client in entry["clients"]:
        row.update({f"client_{client['sap']}_{key}": value for key, value in client.items() if key != "sap"})
    return row
