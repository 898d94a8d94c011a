# SPDX-License-Identifier: GPL-2.0-only
"""Reads one meter as a head-end does: association, attributes, profiles, settings, methods. Synchronous, over gurux.

The meter is believed in nothing that can be checked: an answer that is cut off or of another shape is BrokenAnswer.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import SimpleNamespace, TracebackType
from typing import Any, Self

from simulator.errors import UserError
from simulator.headend.aside import Heard
from simulator.headend.ciphering import Keys, counter_object
from simulator.headend.failures import ActionRefused, BrokenAnswer, HeadEndError, UnknownObject, WriteRefused
from simulator.headend.gets import Gets, result_of, whole_elements
from simulator.headend.link import Link, open_link
from simulator.headend.objects import (
    ASSOCIATION,
    CLOCK,
    DATA,
    ENCODED,
    PROFILE,
    REGISTERS,
    ObjectEntry,
    Setting,
    Target,
    entry_of,
    gurux_moment,
)
from simulator.headend.profiles import Column, ProfileTable, chosen, columns_of, entry_selection, only, table_of
from simulator.headend.scales import Register, Scales
from simulator.headend.session import Session
from simulator.headend.values import PLAIN, ScalerUnit, Value, value_of
from simulator.headend.way import Way
from simulator.wire import axdr
from simulator.wire.axdr import Data
from simulator.wire.codes import ActionResult, DataAccessResult, Tag

_WRAPPER = Way()
CURRENT_ASSOCIATION = "0.0.40.0.0.255"
PUBLIC = 16
METER_CLOCK = "0.0.1.0.0.255"
_EVER = (dt.datetime(2000, 1, 1), dt.datetime(2099, 12, 31, 23, 59, 59))  # the meter's own time, so without a zone

What = ObjectEntry | str
"""An object of the association view, or its OBIS code."""


class MeterReader:
    """One association with one meter; `with MeterReader(...) as reader:` connects and closes."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        client: int,
        password: bytes | None,
        server: int = 1,
        mechanism: int | None = None,
        way: Way = _WRAPPER,
        timeout_s: float = 10.0,
        max_pdu: int = 65535,
        conformance: int | None = None,
        keys: Keys | None = None,
        names: Mapping[str, str] | None = None,
        logger: logging.Logger | None = None,
        opened: Callable[[], Link] | None = None,
        heard: Heard | None = None,
    ) -> None:
        """`mechanism`: authentication mechanism id; without it 1 (LLS) if there is a password, else 0. With `keys` the
        association is ciphered; unless they say otherwise its first invocation counter follows the one that the public
        client is shown.

        `conformance`: the services to propose, bits as in `wire.codes.Conformance`; `names` of objects by OBIS code;
        `way`: without one the wrapper over TCP. For a serial line `host` is its device. `opened` gives a link to the
        meter instead of making one, as often as it is asked. `heard` is told of events that the meter reports on the
        open association (EventNotification), which is proposed only if somebody wants to know.
        """
        self._where = (host, port, timeout_s)
        self._way = way.checked()
        self._opened = opened or partial(open_link, host, port, self._way, timeout_s=timeout_s)
        self._client, self._server, self._keys = client, server, keys
        self.names = names or {}
        self._session = Session(
            client=client,
            password=password,
            server=server,
            mechanism=(1 if password else 0) if mechanism is None else mechanism,
            max_pdu=max_pdu,
            conformance=conformance,
            keys=keys,
            logger=logger,
            way=self._way,
            where=f"{host}:{port}" if port else host,
            heard=heard,
        )
        self._gets = Gets(self._session)
        self._scales = Scales(self._gets)
        self._view: list[ObjectEntry] | None = None
        self._columns: dict[str, list[Column]] = {}
        self.unfinished: ProfileTable | None = None  # of the profile read last

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def connect(self) -> None:
        """Connect and associate. Raises a HeadEndError."""
        counter = None
        if self._keys is not None:
            counter = self._keys.counter if self._keys.counter is not None else self._next_counter()
        self._session.open(self._opened(), counter=counter)

    def _next_counter(self) -> int:
        host, port, timeout_s = self._where
        with MeterReader(
            host, port, client=PUBLIC, password=None, server=self._server, timeout_s=timeout_s, way=self._way,
            opened=self._opened,
        ) as public:  # fmt: skip
            counter = value_of(*public._gets.one(Target(DATA, counter_object(self._client)), 2), PLAIN).value
        if isinstance(counter, bool) or not isinstance(counter, int):
            raise BrokenAnswer(f"the invocation counter is {counter!r}, which is no number")
        return counter + 1

    def close(self) -> None:
        self._session.close()

    @property
    def conformance(self) -> int:
        """The negotiated services, bits as in `wire.codes.Conformance`."""
        return self._session.conformance

    def association_view(self) -> list[ObjectEntry]:
        """The objects that this client sees; asked once."""
        if self._view is None:
            rows = self._gets.one(Target(ASSOCIATION, CURRENT_ASSOCIATION), 2).elements()
            self._view = [entry_of(row) for row in rows]
        return self._view

    def find(self, what: What) -> ObjectEntry:
        """The object of an OBIS code; UnknownObject if this client does not see it."""
        if isinstance(what, ObjectEntry):
            return what
        entry = next((entry for entry in self.association_view() if entry.obis == what), None)
        if entry is None:
            seen = len(self.association_view())
            raise UnknownObject(f"client {self._client} does not see {what}; it sees {seen} objects (--all lists them)")
        return entry

    def read(self, what: What, attribute: int = 2) -> Value:
        """GET one attribute. A register's value comes with its scaler and unit applied."""
        entry = self.find(what)
        reading = self._gets.one(Target(entry.class_id, entry.obis), attribute)
        return value_of(*reading, self._scale(entry, attribute))

    def read_many(self, wanted: Iterable[tuple[What, int]]) -> list[Value | DataAccessResult]:
        """GET with list, as many times as it takes: one value or refusal each, in order."""
        pairs = [(self.find(what), attribute) for what, attribute in wanted]
        answers = self._gets.many([(Target(entry.class_id, entry.obis), attribute) for entry, attribute in pairs])
        return [
            answer if isinstance(answer, DataAccessResult) else value_of(*answer, self._scale(*pair))
            for answer, pair in zip(answers, pairs, strict=True)
        ]

    def write(self, what: What, attribute: int, value: Data) -> None:
        """SET one attribute, by blocks if it is long."""
        entry = self.find(what)
        setting = Setting(entry.class_id, entry.obis, axdr.encode(value))
        self._session.next_invoke_id()
        reply = self._session.exchange(self._session.protocol.write(setting, attribute))
        if reply.error:
            raise WriteRefused(
                result_of(reply.error), f"{entry.obis}:{attribute}", hint=entry.lacks("attribute", attribute)
            )

    def act(self, what: What, method: int, parameter: Data | None = None) -> Value | None:
        """ACTION on one method; without a parameter integer 0, as COSEM has it for methods that need none."""
        entry = self.find(what)
        octets = axdr.encode(parameter or Data(Tag.INTEGER, 0))
        target = Target(entry.class_id, entry.obis)
        self._session.next_invoke_id()
        reply = self._session.exchange(self._session.protocol.method(target, method, octets, ENCODED))
        if reply.error:
            raise ActionRefused(
                _action_result(reply.error), f"{entry.obis} method {method}", hint=entry.lacks("method", method)
            )
        returned = bytes(reply.data.array())
        return value_of(returned, reply.value) if returned else None

    def columns(self, obis: str) -> list[Column]:
        """What a profile captures; asked once."""
        if obis not in self._columns:
            captured = self._gets.one(Target(PROFILE, obis), 3).elements()
            self._columns[obis] = columns_of(captured, self.names)
        return self._columns[obis]

    def profile(
        self,
        obis: str,
        *,
        start: dt.datetime | None = None,
        end: dt.datetime | None = None,
        first: int | None = None,
        count: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> ProfileTable:
        """A profile's rows: all; those from `start` to `end`, both included; or `count` entries from `first` on (1 is
        the oldest). All columns or some (`1.0.1.29.0.255`, or with its attribute `1.0.1.6.0.255:5`).

        A datetime without an offset is the meter's own time. If a long answer breaks off, the rows that came before are
        in `unfinished`.
        """
        self.unfinished = None
        ranged, entries = start is not None or end is not None, first is not None or count is not None
        if ranged and entries:
            raise UserError("a profile is read by time or by entries, not by both")
        captured = self.columns(obis)
        picked = chosen(captured, columns) if columns else list(range(len(captured)))
        # entry_descriptor selects neighbouring columns only; those in between are dropped here.
        fetched = picked if ranged or not columns else list(range(picked[0], picked[-1] + 1))
        shown = [captured[at] for at in fetched]
        scales = self._scales.of_profile(obis, shown)
        try:
            if ranged:
                request = self._range_request(obis, start or _EVER[0], end or _EVER[1], [] if not columns else picked)
                reading = self._gets.answer(request, f"profile {obis}")
            else:
                chosen_columns = fetched if columns else ()
                selected = entry_selection(first or 1, count, chosen_columns) if entries or columns else None
                reading = self._gets.one(Target(PROFILE, obis), 2, selected)
        except HeadEndError as error:
            if rows := whole_elements(error.came):
                self.unfinished = table_of(obis, shown, rows, scales)
            raise
        table = table_of(obis, shown, reading.elements(), scales)
        return table if fetched == picked else only(table, [fetched.index(at) for at in picked])

    def _range_request(self, obis: str, start: dt.datetime, end: dt.datetime, picked: Sequence[int]) -> Any:
        """Restricted by the clock, or by the first column of a profile that does not capture it."""
        captured = self.columns(obis)
        clocked = not captured or any(column.class_id == CLOCK for column in captured)
        sort = Target(CLOCK, METER_CLOCK) if clocked else Target(captured[0].class_id, captured[0].obis)
        pairs = [
            (Target(column.class_id, column.obis), _attribute(column)) for column in (captured[at] for at in picked)
        ]
        self._session.next_invoke_id()
        profile = Target(PROFILE, obis, sort)
        return self._session.protocol.readRowsByRange(profile, gurux_moment(start), gurux_moment(end), pairs)

    def scales(self, obis: str, columns: Sequence[Column]) -> Mapping[Register, ScalerUnit]:
        """Of registers that need not be columns of this profile."""
        return self._scales.of_profile(obis, columns)

    def _scale(self, entry: ObjectEntry, attribute: int) -> ScalerUnit:
        scaled = entry.class_id in REGISTERS and attribute == 2
        return self._scales.of((entry.class_id, entry.obis)) if scaled else PLAIN


def _attribute(column: Column) -> SimpleNamespace:
    return SimpleNamespace(attributeIndex=column.attribute, dataIndex=column.data_index)


def _action_result(code: int) -> ActionResult:
    try:
        return ActionResult(code)
    except ValueError:
        raise BrokenAnswer(f"{code} is no action-result") from None
