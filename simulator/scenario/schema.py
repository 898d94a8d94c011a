# SPDX-License-Identifier: MIT
"""The JSON Schema of scenario files, for editors: made from the declarations that the parser uses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from simulator.scenario.expectations import EXPECTATIONS
from simulator.scenario.grammar import Head
from simulator.scenario.steps import STEPS

_PARAMETER = {"type": "string", "pattern": r"\$\{\w+\}"}
_REF = "#/$defs/{model}"
_OWN = ("parameters", "include")  # no parameters in these


def schema() -> dict[str, Any]:
    kinds: list[type[BaseModel]] = [*STEPS.values(), *EXPECTATIONS.values()]
    wanted: list[tuple[Any, Literal["validation"]]] = [(kind, "validation") for kind in (Head, *kinds)]
    _, made = models_json_schema(wanted, ref_template=_REF)
    parts: dict[str, Any] = {name: _open(part) for name, part in made["$defs"].items()}
    head = parts.pop("Head")
    for name in _OWN:
        head["properties"][name] = made["$defs"]["Head"]["properties"][name]
    head["properties"]["timeline"]["items"] = {"oneOf": [_ref(kind) for kind in STEPS.values()]}
    head["properties"]["expect"]["items"] = {"oneOf": [_ref(kind) for kind in EXPECTATIONS.values()]}
    head["required"].remove("fleet")  # which may be of a file that is included
    head["anyOf"] = [{"required": ["fleet"]}, {"required": ["include"]}]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A meterfleet scenario",
            **{key: value for key, value in head.items() if key != "title"}, "$defs": parts}  # fmt: skip


def schema_text() -> str:
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _ref(kind: type[BaseModel]) -> Mapping[str, str]:
    return {"$ref": _REF.format(model=kind.__name__)}


def _open(part: Any, *, is_value: bool = True) -> Any:
    """Wherever a value that is no text may stand, a parameter may stand too."""
    if isinstance(part, list):
        return [_open(item) for item in part]
    if not isinstance(part, dict):
        return part
    opened = {
        key: {name: _open(item) for name, item in value.items()} if key == "properties" else
        value if key in ("default", "const", "enum", "required") else _open(value)
        for key, value in part.items() if key != "title"
    }  # fmt: skip
    closed = opened.get("type") in ("integer", "number", "boolean") or "enum" in opened or "pattern" in opened
    if not (closed and is_value) or "const" in opened:
        return opened
    about = {key: opened.pop(key) for key in ("description", "default") if key in opened}
    return {**about, "anyOf": [opened, _PARAMETER]}
