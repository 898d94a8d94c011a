# SPDX-License-Identifier: MIT
"""Files of faults: link profiles (`profiles/links`) and quirk packs (`profiles/quirks`), by name or by path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from simulator.documents import did_you_mean, is_there, load_document
from simulator.errors import UserError
from simulator.expected import in_words
from simulator.faults.fault import DurationMs, Fault, Share
from simulator.faults.kinds.bandwidth import Bandwidth
from simulator.faults.kinds.delay import Delay
from simulator.faults.kinds.loss import Loss
from simulator.faults.registry import KNOWN
from simulator.resources import data_root

Faults = tuple[Fault, ...]


class LinkProfile(BaseModel):
    """What a network does to a meter's messages."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    title: str
    delay: DurationMs = 0
    jitter: DurationMs = 0
    loss: Share = 0.0
    retransmission: DurationMs = 1000  # after which TCP sends again
    bandwidth: Annotated[int, Field(ge=50)] | None = None  # bits per second

    def faults(self) -> Faults:
        found: list[Fault] = [Delay(self.delay, self.jitter)] if self.delay or self.jitter else []
        found += [Loss(self.loss, self.retransmission)] if self.loss else []
        found += [Bandwidth(self.bandwidth)] if self.bandwidth else []
        return tuple(found)


class QuirkPack(BaseModel):
    """How meters of some make misbehave."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, arbitrary_types_allowed=True)

    title: str
    faults: Annotated[list[Annotated[Any, AfterValidator(lambda entry: _one(entry))]], Field(min_length=1)]


def _one(entry: Any) -> Fault:
    """An entry without an end: a pack says how a meter is."""
    names = [key for key in entry if key in KNOWN] if isinstance(entry, dict) else []
    if len(names) != 1:
        raise ValueError(f"{entry!r} is not one fault; {did_you_mean(str(entry), list(KNOWN))}")
    try:
        return TypeAdapter(KNOWN[names[0]]).validate_python(entry)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(": ".join([*map(str, first["loc"][:1]), in_words([first])])) from None


@lru_cache(maxsize=64)
def link_profile(name: str) -> Faults:
    """Raises UserError: there is no such profile, or its mistakes with their lines."""
    return load_document(_path("links", name, "link profile"), LinkProfile).faults()


@lru_cache(maxsize=64)
def quirk_pack(name: str) -> Faults:
    """Raises UserError: there is no such pack, or its mistakes with their lines."""
    return tuple(load_document(_path("quirks", name, "quirk pack"), QuirkPack).faults)


PACKS: Mapping[str, Callable[[str], Faults]] = {"links": link_profile, "quirks": quirk_pack}
"""By the folder in which they are."""


def pack_names(folder: str) -> list[str]:
    """Of the shipped ones in `links` or `quirks`."""
    return sorted(path.stem for path in (data_root() / "profiles" / folder).glob("*.yaml"))


def _path(folder: str, name: str, kind: str) -> Path:
    if name.endswith((".yaml", ".yml")) or "/" in name:
        return Path(name)
    path = data_root() / "profiles" / folder / f"{name}.yaml"
    if not is_there(path):
        raise UserError(f"there is no {kind} {name!r}; {did_you_mean(name, pack_names(folder))}")
    return path
