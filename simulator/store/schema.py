# SPDX-License-Identifier: MIT
"""The schema `sim` of a database: made, looked at, dropped. What is not meterfleet's is refused and left as it is.

Every function works within the caller's transaction.
"""

from __future__ import annotations

from simulator.errors import UserError
from simulator.resources import data_root
from simulator.store.connections import Connection
from simulator.store.migrating import SIM, lost_with, misfit
from simulator.store.queries import query


async def make(connection: Connection) -> None:
    """Apply schema.sql to a database without a schema `sim`. UserError if what is there is not for this program."""
    await connection.execute(query("schema_lock"))
    if not await _is_there(connection):
        await connection.execute((data_root() / "schema.sql").read_bytes())
    await _check_version(connection)


async def look(connection: Connection) -> None:
    """UserError if there is none that this program can read."""
    if not await _is_there(connection):
        raise UserError("no fleet has ever been in this database; name another one, or `meterfleet spawn 10` makes one")
    await _check_version(connection)


async def drop(connection: Connection) -> None:
    """All that it holds is lost. UserError if something of it, or that rests on it, is somebody else's."""
    await connection.execute(query("schema_lock"))
    if not await _is_there(connection):
        return
    cursor = await connection.execute(query("strangers"), SIM.made_by(await _version(connection)))
    if strangers := [name for (name,) in await cursor.fetchall()]:
        raise lost_with(SIM, strangers)
    await connection.execute(query("drop_schema"))


async def _is_there(connection: Connection) -> bool:
    """UserError if it is somebody else's."""
    cursor = await connection.execute(query("schema_present"))
    ((is_there, is_ours),) = await cursor.fetchall()
    if is_there and not is_ours:
        raise UserError("the database has a schema `sim` that is not meterfleet's; use another database")
    return bool(is_there)


async def _check_version(connection: Connection) -> None:
    if (version := await _version(connection)) != SIM.version:
        raise misfit(SIM, version)


async def _version(connection: Connection) -> int:
    await connection.execute(query("adopt_schema"))
    cursor = await connection.execute(query("schema_version"))
    ((version,),) = await cursor.fetchall()
    return int(version)
