"""The file of one session: a DuckDB database that events are appended to.

What was committed is there after a crash. Memory is bounded by the limits set on open; numpy arrays go in and
come out as they are. A Capture belongs to the thread that opened it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import numpy as np

from memscope_daemon import clock
from memscope_daemon.errors import SystemFailure
from memscope_daemon.files import write_whole
from memscope_daemon.model.columns import COLUMN_TYPES, Array, Columns, EventKind
from memscope_daemon.model.dictionary import DictionaryRows, LossRow
from memscope_daemon.model.sums import Sums
from memscope_daemon.model.system import NO_ROWS, ROW, ROW_NAMES
from memscope_daemon.store import schema
from memscope_daemon.store.engine import DATABASE, MEMORY_LIMIT, Engine, Engines

#: What was stored lies in DuckDB's memory as well, some 100 bytes an event, until so many have come; roughly,
#: so that sessions which began together do not all write at once. To write them into the file proper takes
#: three syncs and up to some MB of the disk, so it is not done all the time.
SETTLE_ROWS, SETTLE_EACH_NS = 1024, 15_000_000_000
#: Nothing is as small, so DuckDB goes through all it holds, and also forgets what it remembers of pages that
#: are gone (a kilobyte each commit, up to some MB).
SETTLED_LIMIT = "0B"
COLUMN_NAMES = tuple(COLUMN_TYPES)
#: So many go in through arrays that DuckDB knows already: to tell it of others takes as long again as to
#: store so few, and it remembers some 300 bytes of each that it was told of.
FEW_ROWS, FEW_LOOKS = 512, 128
FEW_VALUES = 48  # of a table's rows that go in as values of a statement

Result = TypeVar("Result")


class Capture:
    """A session's file, open for appending and for questions. Use :meth:`open`. ``is_new``: nothing was in it
    when it was opened."""

    def __init__(self, engines: Engines, engine: Engine, path: Path) -> None:
        self._engines, self._engine = engines, engine
        blank = engines.blank  # others may be making the first file just now
        self.is_new, self._is_blank = not path.exists(), bool(blank)
        if self.is_new and blank:
            write_whole(path, blank)
        self._connection = engine.attach(path.absolute())
        self._noted: set[str] = set()  # names that are committed in the table meta
        self._rows_to_come, self._settled_ns = _some(SETTLE_ROWS), clock.monotonic_ns()
        self._few_events = {name: np.zeros(FEW_ROWS, dtype) for name, dtype in COLUMN_TYPES.items()}
        self._few_looks = {name: np.zeros(FEW_LOOKS, ROW[name]) for name in ROW_NAMES}
        self.path = path

    @classmethod
    def open(cls, path: Path, engines: Engines | None = None) -> Capture:
        """Opens the file, or makes it (0600). ``engines``: of its folder; None: it has one of its own.

        :raises SystemFailure: it cannot be opened, is in use, or is of another version.
        """
        return _guarded("opened", path, lambda: cls._open(path, engines or Engines(path.parent, keeps=0)))

    @classmethod
    def _open(cls, path: Path, engines: Engines) -> Capture:
        engine = engines.take()
        try:
            capture = cls(engines, engine, path)
            capture._prepare()
        except BaseException:
            engine.close()
            raise
        return capture

    def close(self) -> None:
        """Everything that was committed is in the file; where that fails, in the one beside it."""
        try:
            self._engine.detach(self._connection)
        except duckdb.Error:
            self._connection.close()
            self._engine.close()
        else:
            self._engines.give_back(self._engine)

    def meta(self) -> dict[str, str]:
        """Everything that was noted down, by name."""
        return dict(self._connection.execute("SELECT name, value FROM meta").fetchall())

    def append(
        self,
        columns: Sequence[Columns],
        rows: Sequence[DictionaryRows],
        losses: Iterable[LossRow],
        meta: Mapping[str, str],
        looks: Array = NO_ROWS,
    ) -> None:
        """Appends all of it, or nothing. ``looks``: of the system monitor, ``model.system.ROW``.

        :raises SystemFailure: code ``store.not-written``; the file is as it was, and the call can be
        repeated.
        """
        _guarded("written", self.path, lambda: self._append(columns, rows, losses, meta, looks))

    def forget(self, cut: int, sums: Mapping[str, Sums], meta: Mapping[str, str]) -> None:
        """Takes the events whose rowid is below ``cut`` off; allocations of blocks that are live stay, aside.
        ``sums`` is what is known of all that were ever taken off, in place of what was said before.

        :raises SystemFailure: code ``store.not-written``; the file is as it was.
        """
        _guarded("written", self.path, lambda: self._forget(cut, sums, meta))

    def replace_looks(self, first_ns: int, before_ns: int, looks: Array) -> None:
        """What the system monitor saw from ``first_ns`` until ``before_ns`` is ``looks`` from now on.

        :raises SystemFailure: code ``store.not-written``; the file is as it was.
        """
        _guarded("written", self.path, lambda: self._replace_looks(first_ns, before_ns, looks))

    def shrink(self) -> None:
        """Gives the room of what was taken off back to the file, for what comes."""
        _guarded("written", self.path, lambda: self._connection.execute(f"CHECKPOINT {DATABASE}").fetchall())

    def settle_if_due(self) -> None:
        """Leaves what was stored to the disk alone, once it is enough: the memory of a session does not grow
        with its events. What is asked for is read again.

        :raises SystemFailure: the disk is full, or the like; everything is there as it was.
        """
        now_ns = clock.monotonic_ns()
        if self._rows_to_come > 0 or now_ns - self._settled_ns < SETTLE_EACH_NS:
            return
        self._settled_ns = now_ns
        self.shrink()
        self._rows_to_come = _some(SETTLE_ROWS)
        self._let_go()

    def _let_go(self) -> None:
        """Of pages of the file that were read or written: no smaller limit is kept to at once but by letting
        go of them. What is in use stays, and DuckDB says so."""
        for limit in (SETTLED_LIMIT, MEMORY_LIMIT):
            with contextlib.suppress(duckdb.Error):
                self._connection.execute(f"SET memory_limit = '{limit}'")

    @property
    def used_bytes(self) -> int:
        """What the file takes of the disk, room for what comes not counted."""
        ((blocks, block_bytes),) = self.rows(
            f"SELECT used_blocks, block_size FROM pragma_database_size() WHERE database_name = '{DATABASE}'"
        )
        beside = self.path.with_name(self.path.name + ".wal")
        return int(blocks * block_bytes) + (beside.stat().st_size if beside.exists() else 0)

    def query(self, sql: str, parameters: Sequence[object] = ()) -> dict[str, Array]:
        """The result's columns by name."""
        found = _guarded("read", self.path, lambda: self._connection.execute(sql, parameters).fetchnumpy())
        return {name: np.asarray(values) for name, values in found.items()}

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The result, row by row; for small tables."""
        return _guarded("read", self.path, lambda: self._connection.execute(sql).fetchall())

    def _prepare(self) -> None:
        if self.is_new:
            self._create()
            self._noted = {"store_version"}
        else:
            self._check()
        self._connection.register("few_events", self._few_events)
        self._connection.register("few_looks", self._few_looks)

    def _check(self) -> None:
        found = self._connection.execute(
            f"SELECT table_name FROM duckdb_tables() WHERE database_name = '{DATABASE}'"
        ).fetchall()
        tables = {name for (name,) in found}
        if not tables:  # whoever made it came no further
            self._make_tables()
        meta = self.meta()
        self._noted = set(meta)
        version = meta.get("store_version")
        if version in schema.LACKING:
            version = self._bring_up(schema.LACKING[version])
        if version != str(schema.STORE_VERSION):
            raise SystemFailure(
                "store.other-version",
                f"{self.path} was written by another version of memscope (store version {version})",
                "open it with that version",
            )
        if tables and schema.SYSTEM_SAMPLES not in tables:
            self._connection.execute(schema.SYSTEM)

    def _create(self) -> None:
        """A file that begins as others of its engines did; the first of them is made by hand."""
        if self._is_blank:
            return
        self._make_tables()
        self._engine.detach(self._connection)  # so that all of it is in the file
        self._engines.blank = self.path.read_bytes()
        self._connection = self._engine.attach(self.path.absolute())

    def _make_tables(self) -> None:
        with self._transaction():
            for statement in schema.CREATE:
                self._connection.execute(statement)
            self._replace("meta", [("store_version", str(schema.STORE_VERSION))])
        self.path.chmod(0o600)

    def _bring_up(self, lacking: Sequence[str]) -> str:
        """A file of an older version lacks some tables and columns, that is all."""
        with self._transaction():
            for statement in lacking:
                self._connection.execute(statement)
            self._replace("meta", [("store_version", str(schema.STORE_VERSION))])
        return str(schema.STORE_VERSION)

    def _forget(self, cut: int, sums: Mapping[str, Sums], meta: Mapping[str, str]) -> None:
        gone = f"SELECT allocation_id FROM events WHERE rowid < {cut} AND kind = {int(EventKind.FREE)}"
        with self._transaction():
            self._connection.execute(
                f"INSERT INTO kept SELECT * FROM events WHERE rowid < {cut} AND kind <> {int(EventKind.FREE)}"
                f" AND allocation_id NOT IN ({gone})"
            )
            self._connection.execute(f"DELETE FROM kept WHERE allocation_id IN ({gone})")
            self._connection.execute(f"DELETE FROM events WHERE rowid < {cut}")
            self._connection.execute("DELETE FROM forgotten")
            for name, part in sums.items():
                self._insert_sums(name, part)
            self._replace("meta", list(meta.items()))

    def _insert_sums(self, name: str, part: Sums) -> None:
        keys = np.flatnonzero(part.row("samples"))
        if len(keys):
            columns = np.concatenate([part.added, part.largest])[:, keys]
            names = np.array([name] * len(keys), dtype=object)
            arrays = dict(zip(schema.SUM_NAMES, columns, strict=True))
            self._insert("forgotten", {"name": names, "key": keys, **arrays})

    def _append(
        self,
        columns: Sequence[Columns],
        rows: Sequence[DictionaryRows],
        losses: Iterable[LossRow],
        meta: Mapping[str, str],
        looks: Array,
    ) -> None:
        with self._transaction():
            self._append_events(columns)
            self._append_looks(looks)
            for added in rows:
                if not added.is_empty:
                    self._append_dictionary(added)
            self._replace("losses", [dataclasses.astuple(loss) for loss in losses])
            self._set_meta(meta)
        self._noted |= meta.keys()

    def _append_events(self, columns: Sequence[Columns]) -> None:
        if parts := [batch.arrays() for batch in columns if batch.count]:
            arrays = {name: np.concatenate([part[name] for part in parts]) for name in COLUMN_NAMES}
            self._insert_some("events", arrays, "few_events", self._few_events)

    def _append_looks(self, looks: Array) -> None:
        if len(looks):
            arrays = {name: np.ascontiguousarray(looks[name]) for name in ROW_NAMES}
            self._insert_some(schema.SYSTEM_SAMPLES, arrays, "few_looks", self._few_looks)

    def _replace_looks(self, first_ns: int, before_ns: int, looks: Array) -> None:
        with self._transaction():
            self._connection.execute(
                f"DELETE FROM {schema.SYSTEM_SAMPLES} WHERE timestamp >= ? AND timestamp < ?",
                (first_ns, before_ns),
            )
            self._append_looks(looks)

    def _append_dictionary(self, rows: DictionaryRows) -> None:
        self._insert_rows("strings", [(number, text) for number, text in rows.strings.items()])
        self._insert_rows(
            "frames",
            [
                (n, f.function_string_id, f.file_string_id, f.line, f.first_line, *f.position[1:])
                for n, f in rows.frames.items()
            ],
        )
        self._insert_rows("stacks", [(number, stack.truncated) for number, stack in rows.stacks.items()])
        self._insert_rows(
            "stack_frames",
            [
                (number, at, frame)
                for number, stack in rows.stacks.items()
                for at, frame in enumerate(stack.frame_ids)
            ],
        )
        self._insert_rows(
            "threads (thread_id, native_id, python_id, name_string_id, first_seen_ns)",
            [
                (n, t.native_id, t.python_id, t.name_string_id, t.first_seen_ns)
                for n, t in rows.threads.items()
            ],
        )
        self._insert_rows(
            "sampling",
            [(n, s.mode, s.value, s.depth, s.stacks, s.seed, s.since_ns) for n, s in rows.settings.items()],
        )

    def _insert_rows(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """A few in one statement; more by column, because a value takes a hundred times as long there."""
        if 0 < len(rows) <= FEW_VALUES // len(rows[0]):
            self._put("INSERT", table, rows)
        elif rows:
            columns = zip(*rows, strict=True)
            self._insert(table, {f"c{at}": _array(values) for at, values in enumerate(columns)})

    def _insert_some(
        self, table: str, arrays: Mapping[str, Array], known: str, few: dict[str, Array]
    ) -> None:
        """By the arrays ``few``, which DuckDB knows as ``known``, where there is room in them."""
        count = len(next(iter(arrays.values())))
        self._rows_to_come -= count
        if count > len(next(iter(few.values()))):
            self._insert(table, arrays)
            return
        for name, values in arrays.items():
            few[name][:count] = values
        names = ", ".join(arrays)
        self._connection.execute(f"INSERT INTO {table} SELECT {names} FROM {known} LIMIT {count}")

    def _insert(self, table: str, arrays: Mapping[str, Array]) -> None:
        self._connection.register("incoming", arrays)
        try:
            self._connection.execute(f"INSERT INTO {table} SELECT {', '.join(arrays)} FROM incoming")
        finally:
            self._connection.unregister("incoming")

    def _set_meta(self, meta: Mapping[str, str]) -> None:
        """With every commit: a row that is updated where it stands costs less than one that is replaced, and
        leaves nothing behind in memory."""
        there = {name: value for name, value in meta.items() if name in self._noted}
        self._insert_rows("meta", [item for item in meta.items() if item[0] not in there])
        if there:
            cases = " ".join(["WHEN ? THEN ?"] * len(there))
            names = ", ".join("?" * len(there))
            pairs = [text for item in there.items() for text in item]
            self._connection.execute(
                f"UPDATE meta SET value = CASE name {cases} END WHERE name IN ({names})", [*pairs, *there]
            )

    def _replace(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            self._put("INSERT OR REPLACE", table, rows)

    def _put(self, verb: str, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """In one statement: each costs milliseconds."""
        row = f"({', '.join('?' * len(rows[0]))})"
        values = [value for one in rows for value in one]
        self._connection.execute(f"{verb} INTO {table} VALUES {', '.join([row] * len(rows))}", values)

    @contextlib.contextmanager
    def _transaction(self) -> Any:
        self._connection.begin()
        try:
            yield
            self._connection.commit()
        except BaseException:
            # A failed commit has rolled back already, and then there is nothing left to roll back.
            with contextlib.suppress(duckdb.Error):
                self._connection.rollback()
            raise


def peek(path: Path) -> dict[str, str]:
    """What was noted down in a file that nobody has open.

    :raises SystemFailure: somebody has, or there is none: none is made.
    """
    if not path.exists():
        raise SystemFailure("store.not-opened", f"there is no {path}", "it may have been removed")
    with contextlib.closing(Capture.open(path)) as capture:
        return capture.meta()


def _array(values: tuple[Any, ...]) -> Array:
    if isinstance(values[0], str):
        return np.array(values, dtype=object)
    if isinstance(values[0], int) and not isinstance(values[0], bool):
        wide = max(values) >= 1 << 63  # seeds and thread identities use all 64 bits
        return np.array(values, dtype=np.uint64 if wide else np.int64)
    return np.array(values)


def _some(count: int) -> int:
    """About so many."""
    return int(count * random.uniform(0.5, 1.5))


def _guarded(verb: str, path: Path, action: Callable[[], Result]) -> Result:
    """Runs ``action``; what DuckDB or the system has against it becomes one of our errors."""
    try:
        return action()
    except (duckdb.Error, OSError, ValueError) as error:  # numpy's: columns that do not fit each other
        reason = str(error).partition("\n")[0]
        raise SystemFailure(
            f"store.not-{verb}",
            f"{path} could not be {verb}: {reason}",
            "see that the disk has room, and that no other program has the file open",
            error,
        ) from error
