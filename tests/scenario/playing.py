# SPDX-License-Identifier: MIT
"""What tests of scenarios share: one played in this process, on the database that they give, and a judge of form."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import cache

import jsonschema
from live import free_port

from simulator.fleet.pace import MAX_SPEED
from simulator.fleet.runner import RunOptions
from simulator.scenario.replay import Result, replay
from simulator.scenario.scenario import Scenario
from simulator.scenario.schema import schema_text
from simulator.store.database import Store

Play = Callable[..., Awaitable[Result]]


async def played(scenario: Scenario, dsn: str, *, speed: float = MAX_SPEED) -> Result:
    listens = scenario.listens([f"wrapper,address=127.62.0.1,port={free_port()}"])
    return await replay(scenario, RunOptions(listens, speed), await Store.open(dsn))


@cache
def judge() -> jsonschema.Draft202012Validator:
    schema = json.loads(schema_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)
