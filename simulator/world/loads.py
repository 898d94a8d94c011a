# SPDX-License-Identifier: MIT
"""Load shapes as files (profiles/loads/*.yaml): their grammar, and reading a folder of them.

Every mistake of every file is reported at once. Nothing here computes a load: that is shapes.py.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from simulator.documents import did_you_mean, load_document
from simulator.errors import Mistake, UserError
from simulator.resources import data_root
from simulator.world.daytime import MONTH_DAYS, MONTH_STARTS


def _day_of_year(text: str) -> str:
    found = re.fullmatch(r"(\d\d)-(\d\d)", text)
    if not found or not 1 <= int(found[1]) <= 12 or not 1 <= int(found[2]) <= MONTH_DAYS[int(found[1]) - 1]:
        raise ValueError(f"{text!r} is not a day of the year; write month-day, for example 03-21")
    return text


def _time_of_day(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise ValueError(f"{text!r} is not a time of day; write hour:minute, for example 05:38")
    return text


Level = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Hours = Annotated[list[Level], Field(min_length=24, max_length=24)]
Months = Annotated[list[Level], Field(min_length=12, max_length=12)]
DayOfYear = Annotated[str, AfterValidator(_day_of_year)]
TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Spread(_Part):
    """A log-normal-like quantity: one deviation is a factor of exp(spread)."""

    median: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    spread: Annotated[float, Field(ge=0, le=1.5)] = 0.0


class PowerFactor(_Part):
    mean: Annotated[float, Field(ge=0.5, le=0.999)]
    spread: Annotated[float, Field(ge=0, le=0.1)] = 0.0
    leading: bool = False


class Noise(_Part):
    """Relative deviations: `slot` from one quarter hour to the next (bursts), `day` from one day to the next."""

    slot: Annotated[float, Field(ge=0, le=1.9)] = 0.0
    day: Annotated[float, Field(ge=0, le=0.3)] = 0.0


class Period(_Part):
    """From a date until the next period: hourly means of any unit, only their proportions count."""

    from_: DayOfYear = Field(alias="from")
    weekday: Hours
    saturday: Hours
    sunday: Hours

    @property
    def first_day(self) -> int:
        month, day = map(int, self.from_.split("-"))
        return int(MONTH_STARTS[month - 1]) + day - 1


class Photovoltaics(_Part):
    kwp: Spread
    performance: Share
    cloud_loss: Annotated[list[Share], Field(min_length=12, max_length=12)]
    clear_sky: Annotated[list[Hours], Field(min_length=12, max_length=12)]  # kW per kW/m2, by month and hour


class LoadDocument(_Part):
    """One load. Its day comes from exactly one of periods, dusk_to_dawn, shape_of (another load's day) and mix."""

    name: str
    description: str
    source: str
    yearly_kwh: Spread | None = None
    power_factor: PowerFactor = PowerFactor(mean=0.95, spread=0.02)
    noise: Noise = Noise()
    monthly: Months | None = None
    periods: Annotated[list[Period], Field(min_length=1)] | None = None
    dusk_to_dawn: Annotated[list[tuple[TimeOfDay, TimeOfDay]], Field(min_length=12, max_length=12)] | None = None
    shape_of: str | None = None
    mix: Annotated[dict[str, Annotated[float, Field(gt=0)]], Field(min_length=1)] | None = None
    pv: Photovoltaics | None = None

    @model_validator(mode="after")
    def _one_day(self) -> LoadDocument:
        days = [self.periods, self.dusk_to_dawn, self.shape_of, self.mix]
        if sum(day is not None for day in days) != 1:
            raise ValueError("give exactly one of periods, dusk_to_dawn, shape_of and mix")
        if (self.mix is None) != (self.yearly_kwh is not None):
            raise ValueError("yearly_kwh is needed, except in a mix, where it has no meaning")
        if any(dawn >= dusk for dusk, dawn in self.dusk_to_dawn or []):
            raise ValueError("dusk_to_dawn: each pair is dusk in the evening, then dawn before it in the same day")
        if self.periods and not any(sum(period.weekday) for period in self.periods):
            raise ValueError("periods: the load is zero on every weekday")
        return self


def read_loads(folder: Path | None = None) -> dict[str, LoadDocument]:
    """All loads of a folder (default: the shipped ones) by name. Raises UserError with the mistakes of all files."""
    folder = folder or data_root() / "profiles" / "loads"
    loads: dict[str, LoadDocument] = {}
    mistakes: list[Mistake] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            loads[path.stem] = load_document(path, LoadDocument)
        except UserError as error:
            mistakes += error.mistakes
    for name, load in loads.items():
        mistakes += [Mistake(str(folder / f"{name}.yaml"), 0, 0, text) for text in _doubts(name, load, loads)]
    if mistakes or not loads:
        raise UserError(mistakes or [Mistake(str(folder), 0, 0, "no load shapes (*.yaml) here")])
    return loads


def _doubts(name: str, load: LoadDocument, loads: dict[str, LoadDocument]) -> list[str]:
    """What is wrong between files: a name unlike the file's, a reference to a load without a day of its own."""
    usable = [other for other, document in loads.items() if document.mix is None]
    own_day = [other for other in usable if loads[other].shape_of is None]
    doubts = [] if load.name == name else [f"name: is {load.name!r}, must be the file's name {name!r}"]
    if load.shape_of is not None and load.shape_of not in own_day:
        doubts.append(
            f"shape_of: no load {load.shape_of!r} with a day of its own; {did_you_mean(load.shape_of, own_day)}"
        )
    unknown = [other for other in load.mix or {} if other not in usable]
    doubts += [f"mix: no load {other!r}; {did_you_mean(other, usable)}" for other in unknown]
    return doubts
