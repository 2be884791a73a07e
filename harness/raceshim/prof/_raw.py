# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim prof raw`: everything that a profile says, as text, folded stacks or JSON."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from raceshim.formats._plain import one_line
from raceshim.prof._names import amount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raceshim.prof._model import Frame, Label, Profile
    from raceshim.prof._names import Namer


def raw_text(profile: Profile) -> Iterator[str]:
    """Return the profile in words, samples with the largest values first."""
    yield f"files: {', '.join(map(one_line, profile.files))}"
    yield "types: " + ", ".join(one_line(f"{t.type}/{t.unit}") for t in profile.types)
    if profile.period:
        kind = profile.period_type
        yield one_line(f"period: {profile.period} {kind.type}/{kind.unit}")
    if profile.time:
        yield f"time: {_date(profile.time)}"
    if profile.duration:
        yield f"duration: {amount(profile.duration, 'nanoseconds')}"
    for comment in profile.comments:
        yield f"comment: {one_line(comment)}"
    for m in profile.mappings:
        place = f"{m.start:#x}-{m.limit:#x} {m.offset:#x}"
        yield one_line(f"mapping: {place} {m.module.path} {m.module.build_id}")
    for sample in sorted(profile.samples, key=lambda s: s.values[::-1], reverse=True):
        labels = " ".join(_label(label) for label in sample.labels)
        yield one_line(f"sample: {' '.join(map(str, sample.values))} {labels}")
        for frame in sample.stack:
            yield f"  {_frame(frame)}"


def folded(profile: Profile, index: int, namer: Namer) -> Iterator[str]:
    """Return a line for each stack, root first, as flamegraph.pl and speedscope read it."""
    sums: dict[str, int] = {}
    for sample, value in profile.values(index):
        names = [namer.text(namer.entity(frame)).replace(";", ":") for frame in sample.stack]
        line = ";".join(reversed(names))
        sums[line] = sums.get(line, 0) + value
    for line in sorted(sums):
        yield f"{line} {sums[line]}"


def raw_json(profile: Profile) -> dict[str, object]:
    """Return the profile as an object for JSON: frames are in a table of their own."""
    frames: dict[Frame, int] = {}
    samples = [
        {
            "stack": [frames.setdefault(frame, len(frames)) for frame in sample.stack],
            "values": list(sample.values),
            "labels": [
                {"key": x.key, "value": x.value, **({"unit": x.unit} if x.unit else {})}
                for x in sample.labels
            ],
        }
        for sample in profile.samples
    ]
    return {
        "types": [list(kind) for kind in profile.types],
        "period": {"value": profile.period, "type": list(profile.period_type)},
        "time_ns": profile.time,
        "duration_ns": profile.duration,
        "comments": list(profile.comments),
        "mappings": [
            {
                "start": m.start,
                "limit": m.limit,
                "offset": m.offset,
                "file": m.module.path,
                "build_id": m.module.build_id,
            }
            for m in profile.mappings
        ],
        "frames": [
            {
                "function": f.function,
                "file": f.file,
                "line": f.line,
                "module": f.module.path,
                "build_id": f.module.build_id,
                "offset": f.offset,
                "inlined": f.inlined,
            }
            for f in frames
        ],
        "samples": samples,
    }


def _frame(frame: Frame) -> str:
    place = f"{frame.module.path or '?'}+{frame.offset:#x}" if not frame.lost else ""
    line = f"{frame.file}:{frame.line}" if frame.file else ""
    inlined = "(inlined)" if frame.inlined else ""
    return one_line(" ".join(x for x in (frame.function, inlined, line, place) if x))


def _label(label: Label) -> str:
    return f"{label.key}={label.value}{label.unit}"


def _date(nanoseconds: int) -> str:
    try:
        when = dt.datetime.fromtimestamp(nanoseconds / 1e9, dt.UTC)
    except (OverflowError, ValueError, OSError):
        return f"{nanoseconds} ns after 1970"
    return when.isoformat(sep=" ", timespec="milliseconds")
