"""Stacks in the file format of speedscope: one sampled profile for each measure.

A "sample" of the format is a stack, its weight what was allocated under it. Order in time means nothing: the
views "left heavy" and "sandwich" are the ones to look at.
"""

from __future__ import annotations

import json
from typing import Any

from memscope_daemon import __version__
from memscope_daemon.model.report import Report
from memscope_daemon.model.stacks import MEASURES, NO_FRAME_NAME, Frame, Origin, StackFigures

SCHEMA = "https://www.speedscope.app/file-format-schema.json"
NO_FRAME = Frame(NO_FRAME_NAME, "", 0, Origin.UNKNOWN)
DIGITS = 12

Json = dict[str, Any]


def render(report: Report, stacks: tuple[StackFigures, ...], measure: str) -> bytes:
    """The file; ``measure`` is the profile that is shown first."""
    frames: dict[Frame, int] = {}
    samples = [
        [frames.setdefault(frame, len(frames)) for frame in row.frames or (NO_FRAME,)] for row in stacks
    ]
    target = report.session.target
    document = {
        "$schema": SCHEMA,
        "exporter": f"memscope@{__version__}",
        "name": f"{target.program or 'python'} (pid {target.pid})",
        "activeProfileIndex": MEASURES.index(measure),
        "shared": {"frames": [_frame(frame) for frame in frames]},
        "profiles": [_profile(stacks, samples, each) for each in MEASURES],
    }
    return (json.dumps(document, allow_nan=False, separators=(",", ":")) + "\n").encode()


def _frame(frame: Frame) -> Json:
    """What is not known is left out."""
    found: Json = {"name": frame.function or "?"}
    if frame.file:
        found["file"] = frame.file
    if frame.line:
        found["line"] = frame.line
    return found


def _profile(stacks: tuple[StackFigures, ...], samples: list[list[int]], measure: str) -> Json:
    values = [float(f"{row.of(measure).value:.{DIGITS}g}") for row in stacks]
    chosen = [index for index, value in enumerate(values) if value > 0.0]
    weights = [values[index] for index in chosen]
    return {
        "type": "sampled",
        "name": measure.replace("_", " "),
        "unit": "bytes" if measure.endswith("_bytes") else "none",
        "startValue": 0,
        "endValue": sum(weights),
        "samples": [samples[index] for index in chosen],
        "weights": weights,
    }
