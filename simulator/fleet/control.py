# SPDX-License-Identifier: MIT
"""Orders to a running fleet, from another process that knows its database: `{"id", "order", …}` in, an answer out.

Both sides are here: `obey` in the fleet, `order` in a command. An order that cannot be followed is answered by words.
Orders are followed side by side; while one takes long, the fleet says every few seconds that it is still at it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from simulator.errors import MeterfleetError, StoreUnavailable, UserError
from simulator.store.database import Store

log = logging.getLogger(__name__)

_ORDERS, _ANSWERS = "meterfleet_orders", "meterfleet_answers"
_AGAIN_S, _BEAT_S = 1.0, 2.0
_PATIENCE_S = 30.0
_BEAT = "still"  # key of a message that is no answer yet
Follow = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


State = Callable[[], Mapping[str, Any]]


async def obey(store: Store, orders: Mapping[str, Follow], listening: asyncio.Event, state: State) -> None:
    """Follow orders until cancelled; goes on by itself when the database was away. `listening` is set at the start;
    `state` says how far the fleet is, for those who wait."""
    async with asyncio.TaskGroup() as heeding:
        while True:
            with contextlib.suppress(StoreUnavailable):
                async with store.notices.listen(_ORDERS) as payloads:
                    listening.set()
                    async for payload in payloads:
                        heeding.create_task(_heed(store, payload, orders, state))
            await asyncio.sleep(_AGAIN_S)


async def _heed(store: Store, payload: str, orders: Mapping[str, Follow], state: State) -> None:
    doing = asyncio.ensure_future(_followed(payload, orders))
    try:
        while not (await asyncio.wait({doing}, timeout=_BEAT_S))[0]:
            await _say(store, {"id": _token(payload), _BEAT: state()})
        await _say(store, doing.result())
    finally:
        doing.cancel()


async def _say(store: Store, words: Mapping[str, Any]) -> None:
    with contextlib.suppress(StoreUnavailable):  # who waits for it has lost the database as well
        await store.notices.send(_ANSWERS, json.dumps(words))


def _token(payload: str) -> str | None:
    try:
        return str(json.loads(payload)["id"])
    except (ValueError, KeyError, TypeError):
        return None


async def _followed(payload: str, orders: Mapping[str, Follow]) -> dict[str, Any]:
    try:
        order = json.loads(payload)
        token, follow = order["id"], orders.get(order["order"])
    except (ValueError, KeyError, TypeError) as error:
        log.warning("an order could not be read: %s", error)
        return {"error": f"not an order: {error}"}
    if follow is None:
        return {"id": token, "error": f"this fleet does not know the order {order['order']!r}"}
    try:
        return {"id": token, **await follow(order)}
    except MeterfleetError as error:
        return {"id": token, "error": str(error)}
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        log.warning("the order %r could not be followed", order["order"], exc_info=True)
        return {"id": token, "error": f"not an order {order['order']!r}: {error!r}"}


Waiting = Callable[[Mapping[str, Any]], None]


async def order(
    store: Store,
    name: str,
    *,
    timeout_s: float = _PATIENCE_S,
    waiting: Waiting = lambda state: None,
    **values: Any,
) -> dict[str, Any]:
    """Give an order to the fleet that serves this database and wait for its answer, for as long as the fleet says that
    it is at it: `waiting` hears how far it is. UserError if it has been silent for too long."""
    token = uuid.uuid4().hex
    async with store.notices.listen(_ANSWERS) as payloads:
        await store.notices.send(_ORDERS, json.dumps({"id": token, "order": name, **values}))
        try:
            async with asyncio.timeout(timeout_s) as patience:
                async for payload in payloads:
                    answer: dict[str, Any] = json.loads(payload)
                    if answer.pop("id", None) != token:
                        continue
                    if _BEAT not in answer:
                        break
                    waiting(answer[_BEAT])
                    patience.reschedule(asyncio.get_running_loop().time() + timeout_s)
        except TimeoutError:
            raise UserError("no fleet answers on this database; is it running?") from None
    if "error" in answer:
        raise UserError(answer["error"])
    return answer
