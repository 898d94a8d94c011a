# SPDX-License-Identifier: MIT
"""A meter model as it is written: profiles/meters/*.yaml, merged along `extends`, its shape checked.

Mappings merge key by key, the lists under `objects` grow (an object named again moves), anything else is replaced; a
null takes a key away. It knows where each merged part came from: a mistake is reported in the file that holds it.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator

from simulator.documents import Document, Location, MergedDocument, Origins, check, did_you_mean, is_there, read_yaml
from simulator.errors import Mistake, UserError
from simulator.faults.packs import pack_names
from simulator.resources import data_root
from simulator.values import is_number
from simulator.wire.codes import Conformance

_CONFORMANCE_NAMES = {bit.name.lower().replace("_", "-"): bit for bit in Conformance}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ClientSpec(_Strict):
    """One client of the meter and what its association may negotiate."""

    name: str
    association: str  # logical name of its Association LN object
    mechanism: int = Field(ge=0, le=7)
    contexts: list[Literal[1, 3]]
    conformance: list[str]
    max_pdu: int = Field(ge=64, le=65_535)
    security_setup: str | None = None
    challenge_octets: int = Field(default=16, ge=8, le=64)  # of the HLS challenge that the meter gives
    pre_established: bool = False

    @field_validator("conformance")
    @classmethod
    def _known_services(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in _CONFORMANCE_NAMES:
                raise ValueError(f"{name!r} is not a service; {did_you_mean(name, list(_CONFORMANCE_NAMES))}")
        return names

    @cached_property
    def conformance_block(self) -> int:
        return sum(_CONFORMANCE_NAMES[name] for name in set(self.conformance))


class ProfileSpec(_Strict):
    """One Profile generic: where its rows come from and what they hold."""

    source: Literal["table", "snapshot", "live", "scalers"]
    table: str = ""  # of the store, for table and snapshot
    time: str = ""  # its time column
    period_s: Annotated[int, Field(ge=0, lt=1 << 32)] | Literal["block"] = 0
    depth: int = Field(default=1, ge=1, lt=1 << 32)
    capture: list[str]  # logical name, or logical name:attribute


class TariffStep(_Strict):
    start: str  # time of the day, on a quarter of an hour
    zone: int = Field(ge=1, le=8)

    @field_validator("start")
    @classmethod
    def _on_a_quarter(cls, text: str) -> str:
        hour, _, minute = text.partition(":")
        if not (is_number(hour) and minute in ("00", "15", "30", "45") and int(hour) < 24):
            raise ValueError(f"{text!r} is not a quarter of an hour of the day; write for example 18:00")
        return text

    @property
    def quarter(self) -> int:
        hour, _, minute = self.start.partition(":")
        return int(hour) * 4 + int(minute) // 15


class PushSpec(_Strict):
    """What the meter sends by itself; all but the client are logical names of Push setups (class 40)."""

    client: int  # whose security setup protects pushes: the push association's
    schedule: str  # the Single action schedule that an option may set: that of the instant push
    profiles: dict[str, str] = {}  # setup -> the Profile generic whose latest row it pushes
    alert: str | None = None  # when the event status word has changed
    tamper: str | None = None  # when a tamper was counted
    billing: str | None = None  # when a billing period has closed
    registration: str | None = None  # at the first start

    def setups(self) -> dict[str, str]:
        """The setups by the key that names them."""
        occasions = {name: getattr(self, name) for name in ("alert", "tamper", "billing", "registration")}
        return {name: setup for name, setup in occasions.items() if setup is not None}


class Threshold(_Strict):
    """When a condition of the supply begins and ends; shares of nominal voltage, maximum current, or of the whole."""

    occurs: float = Field(default=0.0, ge=0.0)
    restores: float = Field(default=0.0, ge=0.0)
    persistence_s: int = Field(ge=0, le=86_400)  # it must last so long to be noticed
    restoration_s: int = Field(ge=0, le=86_400)  # and must have been gone for so long to be over
    least_current: float = Field(default=0.0, ge=0.0)  # share of the maximum current below which it is not looked for


Detected = Literal[
    "voltage-missing", "over-voltage", "low-voltage", "voltage-unbalance", "current-reverse", "current-unbalance",
    "over-current", "earth-loading", "low-power-factor", "ct-open", "current-bypass", "current-mismatch", "single-wire",
]  # fmt: skip
_BELOW: frozenset[Detected] = frozenset(
    {"voltage-missing", "low-voltage", "low-power-factor", "ct-open", "single-wire"}
)


class ModelSpec(_Strict):
    """A whole model after merging."""

    title: str
    registry: str
    category: str
    phases: Literal[1, 3]
    nominal_voltage_v: float = Field(gt=0)
    utc_offset_minutes: int = Field(ge=-720, le=840)
    block_minutes: Literal[15, 30, 60]
    clock_hundredths: bool = False  # the clock object shows them; else they are 0, as on most meters
    flag: str = Field(pattern=r"^[A-Z]{3}$")
    events: str = ""  # catalogue obis/<events>-events.csv; empty: the meter notices nothing
    max_current_a: float = Field(default=100.0, gt=0)
    thresholds: dict[Detected, Threshold] = {}  # what the meter notices of its supply
    boot_s: tuple[int, int] = (0, 0)  # what a start takes after an outage: the shortest and the longest
    registers: str  # one of register_types
    register_types: dict[str, dict[int, tuple[str, int]]]  # name -> unit -> wire type and scaler
    tariff: list[TariffStep] = Field(min_length=1)
    clients: dict[Annotated[int, Field(ge=1, le=127)], ClientSpec]  # SAP: associated_partners_id has an integer for it
    access: dict[str, dict[int, str]]  # name -> client -> rights: r, r1-6, w2, x1,2
    class_versions: dict[int, int] = {}  # where the model's is not the usual one
    class_defaults: dict[int, dict[str, Any]]
    objects: dict[str, list[str]]  # access name -> logical names
    values: dict[str, dict[str, Any]] = {}
    profiles: dict[str, ProfileSpec] = {}
    pushes: PushSpec | None = None
    quirks: list[str] = []  # how its meters misbehave: names of quirk packs

    @field_validator("quirks")
    @classmethod
    def _known_quirks(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in pack_names("quirks"):
                raise ValueError(f"there is no quirk pack {name!r}; {did_you_mean(name, pack_names('quirks'))}")
        return names

    @field_validator("boot_s")
    @classmethod
    def _in_order(cls, span: tuple[int, int]) -> tuple[int, int]:
        if not 0 <= span[0] <= span[1]:
            raise ValueError(f"{list(span)} is not a shortest and a longest time; write for example [5, 60]")
        return span

    @field_validator("thresholds")
    @classmethod
    def _end_short_of_begin(cls, thresholds: dict[Detected, Threshold]) -> dict[Detected, Threshold]:
        for name, one in thresholds.items():
            low, high = (one.occurs, one.restores) if name in _BELOW else (one.restores, one.occurs)
            if low > high:
                raise ValueError(f"{name}: it restores at {one.restores} before it occurs, at {one.occurs}")
        return thresholds


class MergedModel(NamedTuple):
    """A checked specification, its name, and the way back from a part of it to its file and line."""

    name: str
    spec: ModelSpec
    document: MergedDocument

    def mistake(self, location: Location, message: str) -> Mistake:
        return self.document.mistake(location, message)


def is_path(name: str) -> bool:
    """Not the name of a shipped model."""
    return name.endswith((".yaml", ".yml")) or "/" in name


def model_path(name: str) -> Path:
    """The file of a model: a path as given, or profiles/meters/<name>.yaml; UserError names the known ones."""
    if is_path(name):
        return Path(name)
    path = data_root() / "profiles" / "meters" / f"{name}.yaml"
    if not is_there(path):
        raise UserError(f"there is no model {name!r}; {did_you_mean(name, model_names())}")
    return path


def model_names() -> list[str]:
    """Names of the shipped models that stand for a meter; a file with `abstract: true` is a base only."""
    paths = sorted((data_root() / "profiles" / "meters").glob("*.yaml"))
    return [path.stem for path in paths if "abstract: true" not in path.read_text(encoding="utf-8")]


def load_spec(name: str) -> MergedModel:
    """Read, merge and check a model; UserError with every mistake, path and line."""
    path = model_path(name)
    data, origins = _merged(path, ())
    data.pop("abstract", None)
    document = MergedDocument(path, data, origins)
    return MergedModel(path.stem, check(document, ModelSpec), document)


def _merged(path: Path, above: tuple[Path, ...]) -> tuple[dict[str, Any], Origins]:
    document = read_yaml(path)
    if not isinstance(document.data, dict):
        raise UserError([document.mistake((), "a model is a mapping of keys")])
    own = dict(document.data)
    parent = own.pop("extends", None)
    if parent is None:
        data: dict[str, Any] = {}
        origins: Origins = {}
    else:
        base = _parent_path(document, str(parent))
        if base.resolve() in above or base.resolve() == path.resolve():
            raise UserError([document.mistake(("extends",), f"{parent!r} extends itself in a circle")])
        data, origins = _merged(base, (*above, path.resolve()))
        data.pop("abstract", None)
    _lay_over(data, own, origins, document, ())
    return data, origins


def _move_here(objects: dict[Any, Any], access: str, codes: list[Any]) -> None:
    """An object that the base lists under another access moves to the one that names it again."""
    for other, listed in objects.items():
        if other != access and isinstance(listed, list):
            objects[other] = [code for code in listed if code not in codes]


def _parent_path(document: Document, parent: str) -> Path:
    """A neighbour of the file, by its name or by a path from the file's folder, or a shipped model."""
    neighbour = document.path.parent / (parent if is_path(parent) else f"{parent}.yaml")
    try:
        if is_there(neighbour):
            return neighbour
        if is_path(parent):
            raise UserError(f"there is no file {neighbour}")
        return model_path(parent)
    except UserError as error:
        raise UserError([document.mistake(("extends",), str(error))]) from None


def _lay_over(
    base: dict[Any, Any],
    own: dict[Any, Any],
    origins: Origins,
    document: Document,
    at: Location,
) -> None:
    for key, value in own.items():
        here = (*at, key)
        if value is None:
            base.pop(key, None)
            origins[here] = (document, here)  # who took it away
        elif isinstance(value, dict) and isinstance(base.get(key), dict):
            _lay_over(base[key], value, origins, document, here)
        elif at == ("objects",) and isinstance(value, list) and isinstance(base.get(key), list):
            _move_here(base, key, value)
            start = len(base[key])
            base[key] = base[key] + value
            origins.update({(*here, start + i): (document, (*here, i)) for i in range(len(value))})
        else:
            if at == ("objects",) and isinstance(value, list):
                _move_here(base, key, value)
            base[key] = value
            origins[here] = (document, here)
