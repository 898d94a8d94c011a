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
_FAILED = "failed"  # key of an answer: the error is no mistake in the order
_ROOM = 8_000  # octets: a notification of PostgreSQL has fewer
_CUT = 600  # characters, which JSON makes 12 octets of at most
Follow = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
State = Callable[[], Mapping[str, Any]]


async def obey(store: Store, orders: Mapping[str, Follow], listening: asyncio.Event, state: State) -> None:
    """Follow orders until cancelled; goes on by itself when the database was away. `listening` is set at the start;
    `state` says how far the fleet is, for those who wait."""
    async with asyncio.TaskGroup() as heeding:
        while True:
            with contextlib.suppress(StoreUnavailable):
                async with store.notices.listen(_ORDERS) as payloads:
                    await store.hold_fleet()  # or others would believe, up to the next write, that nobody serves it
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
        await store.notices.send(_ANSWERS, _fitting(words))


def _fitting(words: Mapping[str, Any]) -> str:
    told = json.dumps(words)
    if len(told) < _ROOM:
        return told
    error = words.get("error", "the answer is too long to be told; what was ordered is done")
    cut = f"{error[:_CUT]} ..." if len(error) > _CUT else error
    return json.dumps({"id": words.get("id"), "error": cut, _FAILED: words.get(_FAILED, False)})


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
    except StoreUnavailable as error:
        return {"id": token, "error": f"give the order again; {error}", _FAILED: True}
    except MeterfleetError as error:
        return {"id": token, "error": str(error), _FAILED: not isinstance(error, UserError)}
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        log.warning("the order %r could not be followed", order["order"], exc_info=True)
        return {"id": token, "error": f"not an order {order['order']!r}: {error!r}"}
    except Exception as error:  # a bug of ours costs this order its answer, never the fleet its life
        log.exception("the order %r could not be followed", order["order"])
        return {"id": token, "error": f"the order {order['order']!r} met a mistake of ours: {error!r}", _FAILED: True}


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
    it is at it: `waiting` hears how far it is. UserError if the order is wrong, or if it has been silent for too long;
    another MeterfleetError if the fleet has failed to follow it."""
    token = uuid.uuid4().hex
    told = json.dumps({"id": token, "order": name, **values})
    if len(told) >= _ROOM:
        raise UserError(
            f"the order is too long ({len(told):,} octets of {_ROOM:,}); name meters by ranges, or give several"
        )
    async with store.notices.listen(_ANSWERS) as payloads:
        await store.notices.send(_ORDERS, told)
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
        raise (MeterfleetError if answer.get(_FAILED) else UserError)(answer["error"])
    return answer
