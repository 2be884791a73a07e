# SPDX-License-Identifier: BSD-2-Clause
"""The gate's own JSON; `docs/schema/gate-1.json` describes it.

`schema` counts up when a key goes away or changes its meaning; keys are added without. Addresses
are strings: JSON numbers lose bits above 2^53.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from raceshim.finding._rules import rule_for
from raceshim.formats._matrix import document as matrix_document
from raceshim.formats._plain import printable
from raceshim.formats._result import GateResult, headline, program_name

if TYPE_CHECKING:
    from datetime import date

    from raceshim.finding._flight import Flight
    from raceshim.finding._merge import Finding
    from raceshim.formats._result import CanaryEvidence, CommandEnd, ProcessEvidence, Runs
    from raceshim.report._model import Access, Frame, Stack
    from raceshim.runs._plan import Task
    from raceshim.runs._tally import Rate, Share
    from raceshim.suppress._apply import Suppressed

Json = dict[str, Any]

SCHEMA = 1


def encode(result: GateResult) -> str:
    """Return the JSON document of a result."""
    return json.dumps(document(result), indent=2, allow_nan=False) + "\n"


def document(result: GateResult) -> Json:
    """Return the JSON document of a result as a value."""
    return {
        "schema": SCHEMA,
        "version": printable(result.version),
        "mode": "command",
        "verdict": result.verdict,
        "exit_code": result.exit_code,
        "headline": headline(result),
        "reasons": [printable(reason) for reason in result.reasons],
        "notes": [printable(note) for note in result.notes],
        "command": [printable(word) for word in result.command],
        "end": None if result.end is None else _end(result.end),
        "started": result.started_utc.isoformat(timespec="seconds") + "Z",
        "root": printable(str(result.root)),
        "detector": _text(result.detector),
        "runs": None if result.runs is None else _runs(result.runs),
        "matrix": matrix_document(result.matrix),
        "processes": [_process(process) for process in result.processes],
        "findings": [
            *(_finding(finding, result, "open") for finding in result.findings),
            *(_finding(finding, result, "tolerated") for finding in result.tolerated),
            *(_finding(item.finding, result, "suppressed", item) for item in result.suppressed),
        ],
        "failures": [
            {"kind": printable(each.kind), "pid": each.pid, "text": printable(each.text)}
            for each in result.failures
        ],
        "left_running": [
            {"pid": pid, "command": printable(command)} for pid, command in result.left
        ],
        "canary": None if result.canaries is None else _canary(result.canaries),
        "stale_suppressions": [
            {
                "rule": printable(item.rule),
                "state": item.state,
                "where": printable(item.where),
                "reason": printable(item.reason),
                "expires": _date(item.expires),
            }
            for item in result.stale
        ],
    }


def _canary(canaries: tuple[CanaryEvidence, ...]) -> Json:
    return {
        "caught": sum(each.caught for each in canaries),
        "programs": [
            {
                "program": printable(each.program),
                "caught": each.caught,
                "cause": printable(each.cause),
            }
            for each in canaries
        ],
    }


def _runs(runs: Runs) -> Json:
    return {
        "counted": runs.counted,
        "clean": runs.clean,
        "races": runs.races,
        "inconclusive": runs.inconclusive,
        "policies": dict(runs.policies),
        "inputs": runs.inputs,
        "sureness": runs.sureness,
    }


def _rate(rate: Rate | None) -> Json | None:
    if rate is None:
        return None
    return {
        **_share(rate.all),
        "runs_to_95": rate.all.runs_to_95,
        "by_policy": {name: _share(share) for name, share in rate.by_policy.items()},
        "by_input": {str(seed): _share(share) for seed, share in rate.by_input.items()},
        "depends_on_input": rate.depends_on_input,
        "best": None if rate.best is None else _task(rate.best),
        "seen_in": [_task(task) for task in rate.tasks],
    }


def _share(share: Share) -> Json:
    low, high = share.bounds
    return {"shown": share.shown, "runs": share.runs, "low": round(low, 6), "high": round(high, 6)}


def _task(task: Task) -> Json:
    return {
        "run": task.number,
        "policy": task.policy,
        "input_seed": task.input_seed,
        "schedule_seed": task.schedule_seed,
    }


def _end(end: CommandEnd) -> Json:
    return {
        "status": end.status if end.status >= 0 else None,
        "signal": -end.status if end.status < 0 else None,
        "timed_out": end.timed_out,
        "seconds": round(max(end.seconds, 0.0), 3),
    }


def _process(process: ProcessEvidence) -> Json:
    return {
        "program": _text(process.program),
        "pid": process.pid,
        "state": process.state,
        "detector": _text(process.detector),
        "completed": process.completed,
        "exit_status": process.status,
        "kinds": [printable(kind) for kind in process.kinds],
        "fingerprints": [printable(fingerprint) for fingerprint in process.fingerprints],
        "reasons": [printable(reason) for reason in process.reasons],
    }


def _finding(
    finding: Finding, result: GateResult, state: str, suppression: Suppressed | None = None
) -> Json:
    report = finding.report
    return {
        "state": state,
        "fingerprint": printable(finding.fingerprint),
        "long_key": printable(finding.long_key),
        "title": printable(finding.title),
        "kind": printable(finding.kind),
        "kind_class": printable(finding.kind_class),
        "rule": rule_for(finding.kind).identity,
        "detector": printable(report.detector),
        "count": finding.count,
        "rate": _rate(result.rate(finding)),
        "pids": list(finding.pids),
        "programs": [printable(program_name(p, result.root)) for p in finding.programs],
        "functions": list(
            dict.fromkeys(printable(access.function or "?") for access in finding.accesses)
        ),
        "accesses": [
            {
                "function": _text(access.function),
                "file": _text(access.file),
                "line": access.line,
                "column": access.column,
                "access": printable(access.access),
                "thread": printable(access.thread),
            }
            for access in finding.accesses
        ],
        "ways": [printable(way) for way in finding.ways],
        "doubts": [printable(doubt) for doubt in finding.doubts],
        "stacks": [_stack(stack) for stack in report.stacks],
        "location": _text(report.location),
        "summary": _text(report.summary),
        "complete": report.complete,
        "text": printable(report.text),
        "flight": None if finding.flight is None else _flight(finding.flight),
        "suppression": None
        if suppression is None
        else {
            "rule": printable(suppression.by.rule),
            "where": printable(suppression.by.where),
            "reason": printable(suppression.by.reason),
            "expires": _date(suppression.by.expires),
        },
    }


def _flight(flight: Flight) -> Json:
    return {
        "path": printable(flight.path),
        "pid": flight.pid,
        "reason": printable(flight.reason),
        "threads": [
            {
                "thread": printable(thread.label),
                "tid": thread.tid,
                "events": thread.events,
                "last": [printable(line) for line in thread.lines],
            }
            for thread in flight.threads
        ],
    }


def _stack(stack: Stack) -> Json:
    return {
        "role": stack.role,
        "label": printable(stack.label),
        "restored": stack.restored,
        "access": None if stack.access is None else _access(stack.access),
        "frames": [_frame(frame) for frame in stack.frames],
    }


def _access(access: Access) -> Json:
    return {
        "operation": printable(access.operation),
        "atomic": access.atomic,
        "size": access.size,
        "address": f"{access.address:#x}",
        "thread": printable(access.thread),
        "mutexes": [printable(mutex) for mutex in access.mutexes],
    }


def _frame(frame: Frame) -> Json:
    return {
        "function": _text(frame.function),
        "file": _text(frame.file),
        "line": frame.line,
        "column": frame.column,
        "module": _text(frame.module),
        "offset": frame.offset,
    }


def _text(text: str | None) -> str | None:
    return None if text is None else printable(text)


def _date(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
