# SPDX-License-Identifier: MIT
"""A model with other defaults than its file gives: for what a run of a fleet may choose, such as where pushes go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from simulator.cosem.model import Attribute, ClientView, Model, Setting


def with_defaults(model: Model, defaults: Mapping[bytes, bytes]) -> Model:
    """`defaults`: encoded values by attribute; what the model has no such setting for is passed over."""

    def changed(attribute: Attribute) -> Attribute:
        known = isinstance(attribute.source, Setting) and attribute.key in defaults
        return attribute._replace(source=Setting(defaults[attribute.key])) if known else attribute

    def seen(view: ClientView) -> ClientView:
        readable = {key: changed(attribute) for key, attribute in view.readable.items()}
        return replace(view, readable=readable, writable={key: changed(one) for key, one in view.writable.items()})

    objects = tuple(one._replace(attributes=tuple(map(changed, one.attributes))) for one in model.objects)
    return replace(model, objects=objects, views={client: seen(view) for client, view in model.views.items()})
