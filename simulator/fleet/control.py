# SPDX-License-Identifier: MIT
"""Orders to a running fleet, from another process that knows its database: `{"id", "order", …}` in, an answer out.

Both sides are here: `obey` in the fleet, `order` in a command. An order that cannot be followed is answered by words.
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
_AGAIN_S = 1.0
Follow = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


async def obey(store: Store, orders: Mapping[str, Follow], listening: asyncio.Event) -> None:
    """Follow orders until cancelled; goes on by itself when the database was away. `listening` is set at the start."""
    while True:
        with contextlib.suppress(StoreUnavailable):
            async with store.notices.listen(_ORDERS) as payloads:
                listening.set()
                async for payload in payloads:
                    await store.notices.send(_ANSWERS, json.dumps(await _followed(payload, orders)))
        await asyncio.sleep(_AGAIN_S)


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


async def order(store: Store, name: str, *, timeout_s: float = 30.0, **values: Any) -> dict[str, Any]:
    """Give an order to the fleet that serves this database and wait for its answer. UserError if none comes."""
    token = uuid.uuid4().hex
    async with store.notices.listen(_ANSWERS) as payloads:
        await store.notices.send(_ORDERS, json.dumps({"id": token, "order": name, **values}))
        try:
            async with asyncio.timeout(timeout_s):
                async for payload in payloads:
                    answer: dict[str, Any] = json.loads(payload)
                    if answer.pop("id", None) == token:
                        break
        except TimeoutError:
            raise UserError("no fleet answers on this database; is it running?") from None
    if "error" in answer:
        raise UserError(answer["error"])
    return answer
