# SPDX-License-Identifier: BSD-2-Clause
"""The tables of the history, in any database that SQLAlchemy knows.

A *commit* is a state of the sources, in the order of its time. A row of runs is one file that the
gate has written, known by its digest, so it counts once; with `gate --runs` it tells of many runs.
A *sighting* is a finding in such a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from raceshim._errors import ToolError, UsageError
from raceshim.history._sql import exc, sa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Answer = TypeVar("Answer")
VERSION = 1
#: So often a transaction is tried that another one gets in the way of.
_TRIES = 8
_METADATA = sa.MetaData()

SCHEMA = sa.Table("raceshim_schema", _METADATA, sa.Column("version", sa.Integer, primary_key=True))
COMMITS = sa.Table(
    "raceshim_commits",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(200), unique=True, nullable=False),
    #: Seconds since 1970, UTC.
    sa.Column("time", sa.BigInteger, nullable=False, index=True),
)
RUNS = sa.Table(
    "raceshim_runs",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("digest", sa.String(64), unique=True, nullable=False),
    sa.Column("commit_id", sa.ForeignKey(COMMITS.c.id), nullable=False, index=True),
    sa.Column("lane", sa.String(500), nullable=False),
    sa.Column("started", sa.BigInteger, nullable=False),
    sa.Column("verdict", sa.String(40), nullable=False),
    sa.Column("conclusive", sa.Boolean, nullable=False),
    #: How many runs of the command it tells of.
    sa.Column("counted", sa.Integer, nullable=False),
)
FINDINGS = sa.Table(
    "raceshim_findings",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("fingerprint", sa.String(80), unique=True, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("kind_class", sa.String(40), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
)
SIGHTINGS = sa.Table(
    "raceshim_sightings",
    _METADATA,
    sa.Column("finding_id", sa.ForeignKey(FINDINGS.c.id), primary_key=True),
    sa.Column("run_id", sa.ForeignKey(RUNS.c.id), primary_key=True, index=True),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("reports", sa.Integer, nullable=False),
    #: How many of those runs have shown it.
    sa.Column("shown", sa.Integer, nullable=False),
)


#: What an error may be when another one was faster: the same row, the same table, a deadlock.
_IN_THE_WAY = (
    exc.IntegrityError,
    exc.OperationalError,
    exc.ProgrammingError,
    exc.InternalError,
)


class Database:
    """An open database."""

    def __init__(self, url: str, *, make: bool) -> None:
        """Open it; `make` the tables if they are not there."""
        try:
            parsed = sa.make_url(url)
        except exc.ArgumentError:
            raise UsageError(f"--db: {url!r} is no URL of a database") from None
        self._shown = parsed.render_as_string(hide_password=True)
        # SQLite waits for other writers, and begins as a writer: two readers that both want to
        # write would end each other.
        is_sqlite = parsed.get_backend_name() == "sqlite"
        arguments: dict[str, Any] = {"timeout": 60} if is_sqlite else {}
        try:
            self._engine = sa.create_engine(parsed, connect_args=arguments, poolclass=sa.NullPool)
        except (exc.NoSuchModuleError, ImportError) as error:
            raise ToolError(f"{self._shown}: {error}") from None
        self._begin_immediately = is_sqlite
        if is_sqlite:
            sa.event.listen(self._engine, "connect", _sort_in_memory)
        self.within(lambda connection: self._prepare(connection, make=make), writes=make)

    def within(self, work: Callable[[sa.Connection], Answer], *, writes: bool = False) -> Answer:
        """Do something in a transaction; if another one gets in the way, again."""
        for attempt in range(_TRIES):
            try:
                with self._engine.connect() as connection:
                    if writes and self._begin_immediately:
                        connection.exec_driver_sql("BEGIN IMMEDIATE")
                    result = work(connection)
                    connection.commit()
                    return result
            except _IN_THE_WAY as error:
                is_last = attempt == _TRIES - 1
                if not writes or is_last or "unable to open" in str(error):
                    raise self._failure(error) from None
            except exc.SQLAlchemyError as error:
                raise self._failure(error) from None
        raise AssertionError

    def _failure(self, error: exc.SQLAlchemyError) -> ToolError:
        return ToolError(f"{self._shown}: {str(error).splitlines()[0]}")

    def _prepare(self, connection: sa.Connection, *, make: bool) -> None:
        if make:
            _METADATA.create_all(connection)
            if not list(connection.execute(sa.select(SCHEMA.c.version))):
                connection.execute(sa.insert(SCHEMA).values(version=VERSION))
        elif not sa.inspect(connection).has_table(SCHEMA.name):
            raise UsageError(f"{self._shown}: there is no history; begin with history record")
        (version,) = connection.execute(sa.select(SCHEMA.c.version)).scalars()
        if version != VERSION:
            raise ToolError(f"{self._shown}: schema {version}; this raceshim knows {VERSION}")


def _sort_in_memory(connection: Any, _record: object) -> None:  # noqa: ANN401 - a driver's own
    """Let SQLite put rows in order without files: on a busy disk, those took 20 times as long."""
    connection.execute("PRAGMA temp_store = MEMORY")


def in_parts(values: list[Any], size: int = 500) -> Iterator[list[Any]]:
    """Return a list in pieces that any database takes as parameters."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
