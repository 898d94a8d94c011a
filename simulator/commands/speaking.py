# SPDX-License-Identifier: MIT
"""The commands that speak to one meter, with what this machine knows of its fleets and of objects' names."""

from __future__ import annotations

import typer

from simulator.commands.credentials import fleet_ended, fleet_meters, known_credentials
from simulator.cosem.registry import obis_names
from simulator.headend import changing, commands

app = typer.Typer(rich_markup_mode="rich")
for part in (commands, changing):
    part.register(app, credentials=known_credentials, names=obis_names, fleet=fleet_meters, ended=fleet_ended)
