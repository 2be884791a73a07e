# SPDX-License-Identifier: BSD-2-Clause
"""SQLAlchemy, which is installed with `raceshim[history]` only."""

from __future__ import annotations

from raceshim._errors import ToolError

try:
    import sqlalchemy as sa
    from sqlalchemy import exc
except ImportError:
    raise ToolError(
        "the history is kept with SQLAlchemy: pip install 'raceshim[history]'"
    ) from None

__all__ = ["exc", "sa"]
