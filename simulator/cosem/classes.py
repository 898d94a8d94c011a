# SPDX-License-Identifier: MIT
"""The interface classes as a declared table: attributes with their types, versions, methods (Blue Book 4).

A line is what the standard says of a class and nothing about any meter. A class that is not here cannot be in a model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from simulator.cosem.types import Choice, parse_type


@dataclass(frozen=True, slots=True)
class AttributeDeclaration:
    index: int
    name: str
    type: Choice


@dataclass(frozen=True, slots=True)
class MethodDeclaration:
    index: int
    name: str
    parameter: Choice


class InterfaceClass(NamedTuple):
    class_id: int
    version: int
    name: str
    attributes: tuple[AttributeDeclaration, ...]  # index 1, the logical name, comes first
    methods: tuple[MethodDeclaration, ...]

    def attribute(self, name: str) -> AttributeDeclaration | None:
        return next((a for a in self.attributes if a.name == name), None)


def declare(class_id: int, version: int, name: str, attributes: str, methods: str = "") -> InterfaceClass:
    named = [line.split(maxsplit=1) for line in ("logical_name logical-name\n" + attributes).splitlines() if line]
    acts = [line.split(maxsplit=1) for line in methods.strip().splitlines()]
    return InterfaceClass(
        class_id,
        version,
        name,
        tuple(AttributeDeclaration(i, word, parse_type(kind)) for i, (word, kind) in enumerate(named, 1)),
        tuple(MethodDeclaration(i, word, parse_type(kind)) for i, (word, kind) in enumerate(acts, 1)),
    )


_CAPTURE_OBJECTS = "array(structure(long-unsigned,logical-name,integer,long-unsigned))"
_CALENDAR = """
calendar_name_{0} octet-string
season_profile_{0} array(structure(octet-string,stamp,octet-string))
week_profile_table_{0} array(structure(octet-string,unsigned,unsigned,unsigned,unsigned,unsigned,unsigned,unsigned))
day_profile_table_{0} array(structure(unsigned,array(structure(stamp-time,logical-name,long-unsigned))))
"""
_IP_METHODS = "add_{0} {1}\ndelete_{0} {1}\nget_nbof_{0} integer"

CLASSES: dict[int, InterfaceClass] = {
    entry.class_id: entry
    for entry in (
        declare(1, 0, "Data", "value any"),
        declare(3, 0, "Register", "value any\nscaler_unit structure(integer,enum)", "reset integer"),
        declare(
            4,
            0,
            "Extended register",
            "value any\nscaler_unit structure(integer,enum)\nstatus any\ncapture_time stamp",
            "reset integer",
        ),
        declare(
            5,
            0,
            "Demand register",
            """current_average_value any
last_average_value any
scaler_unit structure(integer,enum)
status any
capture_time stamp
start_time_current stamp
period double-long-unsigned
number_of_periods long-unsigned""",
            "reset integer\nnext_period integer",
        ),
        declare(
            7,
            1,
            "Profile generic",
            f"""buffer array
capture_objects {_CAPTURE_OBJECTS}
capture_period double-long-unsigned
sort_method enum
sort_object structure(long-unsigned,logical-name,integer,long-unsigned)
entries_in_use double-long-unsigned
profile_entries double-long-unsigned""",
            "reset integer\ncapture integer",
        ),
        declare(
            8,
            0,
            "Clock",
            """time stamp
time_zone long
status unsigned
daylight_savings_begin stamp
daylight_savings_end stamp
daylight_savings_deviation integer
daylight_savings_enabled boolean
clock_base enum""",
            """adjust_to_quarter integer
adjust_to_measuring_period integer
adjust_to_minute integer
adjust_to_preset_time integer
preset_adjusting_time structure(stamp,stamp,stamp)
shift_time long""",
        ),
        declare(
            9,
            0,
            "Script table",
            "scripts array(structure(long-unsigned,array(structure(enum,long-unsigned,logical-name,integer,any))))",
            "execute long-unsigned",
        ),
        declare(
            11,
            0,
            "Special days table",
            "entries array(structure(long-unsigned,stamp-date,unsigned))",
            "insert structure(long-unsigned,stamp-date,unsigned)\ndelete long-unsigned",
        ),
        declare(
            15,
            1,
            "Association LN",
            """object_list array
associated_partners_id structure(integer,long-unsigned)
application_context_name octet-string
xDLMS_context_info structure(bit-string[24],long-unsigned,long-unsigned,unsigned,integer,octet-string)
authentication_mechanism_name octet-string
secret octet-string
association_status enum
security_setup_reference logical-name""",
            """reply_to_HLS_authentication octet-string
change_HLS_secret octet-string
add_object any
remove_object any""",
        ),
        declare(
            17,
            0,
            "SAP assignment",
            "SAP_assignment_list array(structure(long-unsigned,octet-string))",
            "connect_logical_device structure(long-unsigned,octet-string)",
        ),
        declare(
            18,
            0,
            "Image transfer",
            """image_block_size double-long-unsigned
image_transferred_blocks_status bit-string
image_first_not_transferred_block_number double-long-unsigned
image_transfer_enabled boolean
image_transfer_status enum
image_to_activate_info array(structure(double-long-unsigned,octet-string,octet-string))""",
            """image_transfer_initiate structure(octet-string,double-long-unsigned)
image_block_transfer structure(double-long-unsigned,octet-string)
image_verify integer
image_activate integer""",
        ),
        declare(
            20,
            0,
            "Activity calendar",
            _CALENDAR.format("active") + _CALENDAR.format("passive") + "activate_passive_calendar_time stamp",
            "activate_passive_calendar integer",
        ),
        declare(
            21,
            0,
            "Register monitor",
            """thresholds array(any)
monitored_value structure(long-unsigned,logical-name,integer)
actions array(structure(structure(logical-name,long-unsigned),structure(logical-name,long-unsigned)))""",
        ),
        declare(
            22,
            0,
            "Single action schedule",
            """executed_script structure(logical-name,long-unsigned)
type enum
execution_time array(structure(stamp-time,stamp-date))""",
        ),
        declare(
            23,
            1,
            "IEC HDLC setup",
            """comm_speed enum
window_size_transmit unsigned
window_size_receive unsigned
max_info_field_length_transmit long-unsigned
max_info_field_length_receive long-unsigned
inter_octet_time_out long-unsigned
inactivity_time_out long-unsigned
device_address long-unsigned""",
        ),
        declare(
            29,
            2,
            "Auto connect",
            """mode enum
repetitions unsigned
repetition_delay long-unsigned
calling_window array(structure(stamp,stamp))
destination_list array(octet-string)""",
            "connect integer",
        ),
        declare(
            40,
            0,
            "Push setup",
            f"""push_object_list {_CAPTURE_OBJECTS}
send_destination_and_method structure(enum,octet-string,enum)
communication_window array(structure(stamp,stamp))
randomisation_start_interval long-unsigned
number_of_retries unsigned
repetition_delay long-unsigned""",
            "push integer",
        ),
        declare(
            41,
            0,
            "TCP-UDP setup",
            """TCP_UDP_port long-unsigned
IP_reference logical-name
MSS long-unsigned
nb_of_sim_conn unsigned
inactivity_time_out long-unsigned""",
        ),
        declare(
            42,
            0,
            "IPv4 setup",
            """DL_reference logical-name
IP_address double-long-unsigned
multicast_IP_address array(double-long-unsigned)
IP_options array(structure(unsigned,unsigned,octet-string))
subnet_mask double-long-unsigned
gateway_IP_address double-long-unsigned
use_DHCP_flag boolean
primary_DNS_address double-long-unsigned
secondary_DNS_address double-long-unsigned""",
            _IP_METHODS.format("mc_IP_address", "double-long-unsigned"),
        ),
        declare(
            48,
            0,
            "IPv6 setup",
            """DL_reference logical-name
address_config_mode enum
unicast_IPv6_addresses array(octet-string)
multicast_IPv6_addresses array(octet-string)
gateway_IPv6_addresses array(octet-string)
primary_DNS_address octet-string
secondary_DNS_address octet-string
traffic_class unsigned
neighbor_discovery_setup array(structure(unsigned,long-unsigned,double-long-unsigned))""",
            "add_IPv6_address structure(enum,octet-string)\nremove_IPv6_address structure(enum,octet-string)",
        ),
        declare(
            64,
            0,
            "Security setup",
            """security_policy enum
security_suite enum
client_system_title octet-string
server_system_title octet-string""",
            "security_activate enum\nglobal_key_transfer array(structure(enum,octet-string))",
        ),
        declare(
            70,
            0,
            "Disconnect control",
            "output_state boolean\ncontrol_state enum\ncontrol_mode enum",
            "remote_disconnect integer\nremote_reconnect integer",
        ),
        declare(
            71,
            0,
            "Limiter",
            """monitored_value structure(long-unsigned,logical-name,integer)
threshold_active any
threshold_normal any
threshold_emergency any
min_over_threshold_duration double-long-unsigned
min_under_threshold_duration double-long-unsigned
emergency_profile structure(long-unsigned,stamp,double-long-unsigned)
emergency_profile_group_id_list array(long-unsigned)
emergency_profile_active boolean
actions structure(structure(logical-name,long-unsigned),structure(logical-name,long-unsigned))""",
        ),
    )
}
