"""ONNX Runtime's telemetry, which is off here.

From 1.29 on its packages for Linux, macOS, Android and iOS report to their makers which machine
runs which model, and keep an identifier of the device in the user's cache folder and a session in
the temporary one. `ORT_DISABLE_TELEMETRY` forbids all of it if it is set before the library is
initialised, which its import does (https://github.com/microsoft/onnxruntime/pull/27379). On Windows
events go to the system's tracing, which `disable_telemetry_events` ends: `runtime.graph` calls it.
"""

from __future__ import annotations

import logging
import os
import sys

VARIABLE = "ORT_DISABLE_TELEMETRY"


def forbid() -> None:
    """Set the variable for this process and those that it starts, before anything is imported."""
    if "onnxruntime" in sys.modules and os.environ.get(VARIABLE) != "1":
        logging.getLogger("edgehybrid").warning(
            "onnxruntime was imported before edgehybrid, so its telemetry may have begun: import "
            "edgehybrid first, or set %s=1", VARIABLE,
        )  # fmt: skip
    os.environ[VARIABLE] = "1"
