# SPDX-License-Identifier: BSD-2-Clause
"""A report as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from raceshim.report._model import Frame, Report, Stack


def render_report(report: Report) -> str:
    """Show a report: what and where, each stack below what it is, runtime details left out."""
    process = f", process {report.pid}" if report.pid is not None else ""
    lines = [f"{report.detector}: {report.kind}{process}"]
    for stack in report.stacks:
        lines += ["", f"  {stack_title(stack)}"]
        if not stack.restored:
            lines.append("    (the detector has lost this stack)")
        lines += [f"    {_frame(frame)}" for frame in stack.frames]
    if report.location is not None:
        lines += ["", f"  location: {report.location}"]
    if not report.complete:
        lines += [
            "",
            "  This report is incomplete: part of it is missing or mixed with other output.",
        ]
    return "\n".join(lines) + "\n"


def stack_title(stack: Stack) -> str:
    """Say what a stack is of."""
    access = stack.access
    if access is None:
        return (stack.label or "at").rstrip(":") + ":"
    previous = "previous " if stack.role == "previous" else ""
    atomic = "atomic " if access.atomic else ""
    size = f" of {access.size} byte{'' if access.size == 1 else 's'}" if access.size else ""
    thread = f" by {access.thread}" if access.thread else ""
    held = f" holding {', '.join(access.mutexes)}" if access.mutexes else ""
    return f"{previous}{atomic}{access.operation}{size}{thread}{held}:"


def frame_place(frame: Frame) -> str:
    """Say where a frame is: in its source, or else in its module; nothing if nobody knows."""
    if frame.file is not None:
        place = frame.file
        place += f":{frame.line}" if frame.line else ""
        return place + (f":{frame.column}" if frame.column else "")
    if frame.module is not None:
        return f"({frame.module}+{frame.offset or 0:#x})"
    return ""


def _frame(frame: Frame) -> str:
    name, place = frame.function or "??", frame_place(frame)
    return f"{name}  {place}" if place else name
