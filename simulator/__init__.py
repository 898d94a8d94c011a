# SPDX-License-Identifier: MIT
"""meterfleet: a fleet of virtual DLMS/COSEM smart meters whose state lives in PostgreSQL."""

__version__ = "0.1.0"
