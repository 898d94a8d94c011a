# SPDX-License-Identifier: MIT
"""Versions of interface classes beside the one in classes.py, for models that choose them (Blue Book 4 and 5).

A model says `class_versions: {15: 2}`; without a word it gets the version of classes.py.
"""

from __future__ import annotations

from typing import Any

from simulator.cosem.classes import CLASSES, InterfaceClass, declare

_ASSOCIATION_0 = """object_list array
associated_partners_id structure(integer,long-unsigned)
application_context_name octet-string
xDLMS_context_info structure(bit-string[24],long-unsigned,long-unsigned,unsigned,integer,octet-string)
authentication_mechanism_name octet-string
secret octet-string
association_status enum"""
_ASSOCIATION_2 = f"""{_ASSOCIATION_0}
security_setup_reference logical-name
user_list array(structure(unsigned,visible-string))
current_user structure(unsigned,visible-string)"""
_ASSOCIATION_METHODS = """reply_to_HLS_authentication octet-string
change_HLS_secret octet-string
add_object any
remove_object any"""
_USER_METHODS = f"""{_ASSOCIATION_METHODS}
add_user structure(unsigned,visible-string)
remove_user structure(unsigned,visible-string)"""
_DESCRIPTION = "long-unsigned,logical-name,integer,long-unsigned"
_RESTRICTION = "structure(enum,any)"  # none, by date, by entry
_PUSH_COMMON = """send_destination_and_method structure(enum,octet-string,enum)
communication_window array(structure(stamp,stamp))
randomisation_start_interval long-unsigned
number_of_retries unsigned"""
_PUSH_ROUTE = """port_reference logical-name
push_client_SAP integer
push_protection_parameters array(any)"""
_PUSH_1 = f"""push_object_list array(structure({_DESCRIPTION},{_RESTRICTION}))
{_PUSH_COMMON}
repetition_delay long-unsigned
{_PUSH_ROUTE}"""
_PUSH_2 = f"""push_object_list array(structure({_DESCRIPTION},{_RESTRICTION},array(structure({_DESCRIPTION}))))
{_PUSH_COMMON}
repetition_delay structure(long-unsigned,long-unsigned,long-unsigned)
{_PUSH_ROUTE}
push_operation_method enum
confirmation_parameters structure(stamp,double-long-unsigned)
last_confirmation_date_time stamp"""

_OTHERS = (
    declare(15, 0, "Association LN", _ASSOCIATION_0, _ASSOCIATION_METHODS),
    declare(15, 2, "Association LN", _ASSOCIATION_2, _USER_METHODS),
    declare(15, 3, "Association LN", _ASSOCIATION_2, _USER_METHODS),
    declare(40, 1, "Push setup", _PUSH_1, "push integer"),
    declare(40, 2, "Push setup", _PUSH_2, "push integer\nreset integer"),
    declare(40, 3, "Push setup", _PUSH_2, "push integer\nreset integer"),
    declare(
        64,
        1,
        "Security setup",
        """security_policy enum
security_suite enum
client_system_title octet-string
server_system_title octet-string
certificates array(structure(enum,enum,octet-string,octet-string,octet-string,octet-string))""",
        """security_activate enum
key_transfer array(structure(enum,octet-string))
key_agreement array(structure(enum,octet-string))
generate_key_pair enum
generate_certificate_request enum
import_certificate octet-string
export_certificate structure(enum,any)
remove_certificate structure(enum,any)""",
    ),
)
_VERSIONS = {(one.class_id, one.version): one for one in (*CLASSES.values(), *_OTHERS)}


def versions_of(class_id: int) -> list[int]:
    return sorted(version for known, version in _VERSIONS if known == class_id)


def attribute_names(class_id: int) -> list[str]:
    """Of all versions of a class: a default may stand for a version that only some models choose."""
    declared = (one for (known, _), one in _VERSIONS.items() if known == class_id)
    return list(dict.fromkeys(attribute.name for one in declared for attribute in one.attributes))


def interface_class(class_id: int, version: int | None) -> InterfaceClass | None:
    """None for a version that is not declared."""
    return CLASSES[class_id] if version is None else _VERSIONS.get((class_id, version))


def widened(push_objects: Any, version: int) -> Any:
    """A push_object_list as version 0 writes it, with what later versions add to each object: no restriction, and no
    choice of columns (Blue Book 4.4.8.2)."""
    more: list[Any] = [[0, {"null-data": None}], []][:version]
    short = isinstance(push_objects, list) and all(isinstance(one, list) and len(one) == 4 for one in push_objects)
    return [[*one, *more] for one in push_objects] if short else push_objects
