# SPDX-License-Identifier: BSD-2-Clause
"""Dask distributed, which is installed with `raceshim[cluster]` only."""

from __future__ import annotations

from raceshim._errors import ToolError

try:
    import cloudpickle
    import dask
    from distributed import Client, Future, LocalCluster, as_completed
    from distributed.scheduler import KilledWorker
except ImportError:
    raise ToolError(
        "--cluster needs Dask distributed, here and on the workers: pip install 'raceshim[cluster]'"
    ) from None

__all__ = [
    "Client",
    "Future",
    "KilledWorker",
    "LocalCluster",
    "as_completed",
    "cloudpickle",
    "dask",
]
