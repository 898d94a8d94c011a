# SPDX-License-Identifier: MIT
"""What a meter can be asked for: the names that tie an OBIS registry to the meter's columns.

A number travels inside the product as a whole number of `10 ** exponent` units, so that registers, rows and readings
never differ by a rounding. Names that are not here cannot be a source in obis/.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["number", "stamp", "text", "bits"]

WATT, VOLT_AMPERE, VAR, WATT_HOUR, VOLT_AMPERE_HOUR, VAR_HOUR = 27, 28, 29, 30, 31, 32
AMPERE, VOLT, HERTZ, MINUTE, COUNT = 33, 35, 44, 6, 255
KILO_UNITS = frozenset(range(WATT, VAR_HOUR + 1))  # the store keeps these in kilo units
UNIT_NAMES = {
    MINUTE: "min",
    7: "s",
    8: "deg",
    9: "degC",
    WATT: "W",
    VOLT_AMPERE: "VA",
    VAR: "var",
    WATT_HOUR: "Wh",
    VOLT_AMPERE_HOUR: "VAh",
    VAR_HOUR: "varh",
    AMPERE: "A",
    VOLT: "V",
    HERTZ: "Hz",
    72: "dB",
    COUNT: "",
}


class Quantity(NamedTuple):
    name: str
    kind: Kind = "number"
    unit: int = COUNT  # Blue Book 4.3.2, unit enumeration
    exponent: int = 0

    @property
    def store_power(self) -> int:
        """The store's column times ten to this power is the whole number: 3 for kWh kept as Wh, 2 for V kept as cV."""
        return (3 if self.unit in KILO_UNITS else 0) - self.exponent


PHASES = ("r", "y", "b")
ENERGIES = ("wh_import", "wh_export", "vah_import", "vah_export", "varh_q1", "varh_q2", "varh_q3", "varh_q4")
DEMANDS = ("w_import", "w_export", "va_import", "va_export")
TARIFF_ENERGIES = ("wh_import", "vah_import")
TARIFF_DEMANDS = ("w_import", "va_import")
DEMAND_KINDS = ("", "_last", "_sliding", "_sliding_last")  # of a demand register: block or sliding, now or at its end
ZONES = tuple(range(1, 9))
COUNTERS = ("tamper_count", "programming_count", "power_failure_count")
TEXTS = ("serial", "device_id", "logical_device_name", "system_title", "imei", "iccid")


def energy_unit(name: str) -> int:
    prefix = name.split("_")[0]
    return {"wh": WATT_HOUR, "vah": VOLT_AMPERE_HOUR, "varh": VAR_HOUR}[prefix]


def _demand_unit(name: str) -> int:
    return WATT if name.startswith("w_") else VOLT_AMPERE


def _all() -> list[Quantity]:
    number = [Quantity(f"voltage_{p}", unit=VOLT, exponent=-2) for p in PHASES]
    number += [Quantity(f"current_{p}", unit=AMPERE, exponent=-3) for p in (*PHASES, "n")]
    number += [Quantity(f"power_factor_{p}", exponent=-3) for p in PHASES]
    number += [Quantity(f"active_power_{p}", unit=WATT) for p in PHASES]
    number += [
        Quantity("power_factor", exponent=-3),
        Quantity("frequency", unit=HERTZ, exponent=-2),
        Quantity("active_power", unit=WATT),
        Quantity("reactive_power", unit=VAR),
        Quantity("apparent_power", unit=VOLT_AMPERE),
    ]
    number += [Quantity(f"average_voltage_{p}", unit=VOLT, exponent=-2) for p in PHASES]
    number += [Quantity(f"average_current_{p}", unit=AMPERE, exponent=-3) for p in (*PHASES, "n")]
    number += [Quantity(f"energy_{e}", unit=energy_unit(e)) for e in ENERGIES]
    number += [Quantity(f"block_{e}", unit=energy_unit(e)) for e in ENERGIES]
    number += [Quantity(f"energy_{e}_tz{z}", unit=energy_unit(e)) for e in TARIFF_ENERGIES for z in ZONES]
    number += [Quantity(f"max_demand_{d}", unit=_demand_unit(d)) for d in DEMANDS]
    number += [Quantity(f"max_demand_{d}_tz{z}", unit=_demand_unit(d)) for d in TARIFF_DEMANDS for z in ZONES]
    number += [Quantity(f"demand_{d}{kind}", unit=_demand_unit(d)) for d in TARIFF_DEMANDS for kind in DEMAND_KINDS]
    number += [
        Quantity(n, exponent=-3)
        for n in ("average_power_factor", "billing_power_factor", "billing_power_factor_export")
    ]
    number += [
        Quantity(n, unit=MINUTE) for n in ("power_on_minutes", "billing_power_on_minutes", "power_failure_minutes")
    ]
    number += [Quantity(n) for n in (*COUNTERS, "billing_count", "billing_periods", "block_interval_s", "health")]
    number += [Quantity(n) for n in ("relay_output", "relay_state", *(f"last_event_{log}" for log in range(7)))]
    stamps = [Quantity(n, "stamp") for n in ("clock", "billing_date", *(f"demand_{d}_start" for d in TARIFF_DEMANDS))]
    stamps += [Quantity(f"max_demand_{d}_time", "stamp") for d in DEMANDS]
    stamps += [Quantity(f"max_demand_{d}_tz{z}_time", "stamp") for d in TARIFF_DEMANDS for z in ZONES]
    return [*number, *stamps, *(Quantity(n, "text") for n in TEXTS), Quantity("event_status_word", "bits")]


QUANTITIES: dict[str, Quantity] = {quantity.name: quantity for quantity in _all()}
