"""ONNX Runtime, told to keep to itself.

From when they are loaded on, its published builds tell their maker about their use, by an identifier that they keep in
the user's home. The variable that they look at then is set here, so nothing else of Face Match imports them.
"""

from __future__ import annotations

import os
from typing import Any

_SILENT = "ORT_DISABLE_TELEMETRY"
_ERROR_SEVERITY = 3


def session(graph: bytes) -> Any:
    """An `onnxruntime.InferenceSession` of a serialized graph: one core per call, no spinning, errors alone are logged.

    Raises:
        Exception: the graph cannot be used; ONNX Runtime's own errors have no common base.
    """
    os.environ[_SILENT] = "1"
    import onnxruntime  # noqa: PLC0415  (looks at the variable when it is loaded)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERROR_SEVERITY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(graph, sess_options=options, providers=["CPUExecutionProvider"])
