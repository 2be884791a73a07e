# SPDX-License-Identifier: BSD-2-Clause
"""What is sent to workers as it stands, by value: so it can say that raceshim is not there.

Everything else is sent by name. Dask's scheduler unpickles what it is given, and needs no raceshim
for this. Nothing but the standard library may be imported, and that inside of the functions.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def call(module: str, name: str, *arguments: object) -> Any:  # noqa: ANN401 - whatever it returns
    """Call a function of raceshim's on a worker."""
    import importlib  # noqa: PLC0415

    return getattr(importlib.import_module(f"raceshim.{module}"), name)(*arguments)


def as_it_is(data: bytes) -> bytes:
    """Return data: so it is a task's result, which workers get from each other."""
    return data


def facts(digests: list[str], dask_worker: Any = None) -> dict[str, Any]:  # noqa: ANN401 - Dask's
    """Tell what a worker is, and which files it has not got."""
    import hashlib  # noqa: PLC0415
    import importlib.util  # noqa: PLC0415
    import os  # noqa: PLC0415
    import platform  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    spec = importlib.util.find_spec("raceshim")
    sources = hashlib.sha256()
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent
        for file in sorted(folder.rglob("*.py")):
            sources.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes())
    store = Path(dask_worker.local_directory, "raceshim-files") if dask_worker else None
    return {
        "raceshim": sources.hexdigest()[:12] if spec is not None else None,
        "machine": platform.machine(),
        "host": platform.node(),
        "pid": os.getpid(),
        "missing": [one for one in digests if store is None or not (store / one).is_file()],
    }


def end(gate: str, now: bool, forget: bool) -> None:
    """Make no more runs of a gate; see `_worker.end`."""
    import sys  # noqa: PLC0415

    worker = sys.modules.get("raceshim.cluster._worker")
    if worker is not None:  # whoever has not imported it has none of them
        worker.end(gate, now=now, forget=forget)
