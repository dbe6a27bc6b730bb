"""DuckDB instances without a database of their own, into which the file of a session is attached.

An instance takes 35 ms of a processor to make, and a file that is attached to one that is there takes three.
So those that are no longer wanted are kept, a few, for the sessions to come. Each serves one file at a time:
whatever breaks it breaks no other session.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import threading
from pathlib import Path

import duckdb

MEMORY_LIMIT = "256MiB"
TEMPORARY_LIMIT = "4GiB"
#: As what the session's file is known inside.
DATABASE = "capture"
KEPT_MAX = 4
_NUMBERS = itertools.count()
#: Files that are attached to an engine of this process. DuckDB's lock keeps other processes out; two engines
#: here that write to one file would ruin it.
_ATTACHED: set[Path] = set()
_ATTACHED_LOCK = threading.Lock()


class Engine:
    """One instance; files of ``folder`` can be attached to it, and nothing else can be reached from it."""

    def __init__(self, folder: Path) -> None:
        """:raises duckdb.Error: it cannot be made."""
        self._path: Path | None = None
        self._root = duckdb.connect(":memory:", config={"memory_limit": MEMORY_LIMIT, "threads": "1"})
        spilled = folder / f"spill-{os.getpid()}-{next(_NUMBERS)}.tmp"
        for setting in (
            f"temp_directory = {_quoted(spilled)}",
            f"max_temp_directory_size = '{TEMPORARY_LIMIT}'",
            "autoinstall_known_extensions = false",
            "autoload_known_extensions = false",
            "python_enable_replacements = false",
            f"allowed_directories = [{_quoted(folder)}]",
            "enable_external_access = false",
            "allowed_configs = ['memory_limit']",
            "lock_configuration = true",
        ):
            self._root.execute(f"SET {setting}")

    def attach(self, path: Path) -> duckdb.DuckDBPyConnection:
        """A connection to that file, which is made if there is none.

        :raises duckdb.Error: it is no database, another process has it open, or the like.
        :raises OSError: this process has it open.
        """
        with _ATTACHED_LOCK:
            if path in _ATTACHED:
                raise OSError(errno.EBUSY, "this process has it open")
            _ATTACHED.add(path)
        self._path = path
        connection = self._root.cursor()
        connection.execute(f"ATTACH {_quoted(path)} AS {DATABASE}")
        connection.execute(f"USE {DATABASE}")
        return connection

    def detach(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Closes the connection and the file, into which all that was committed is written.

        :raises duckdb.Error: the file may still be attached; the engine is of no more use.
        """
        connection.execute("USE memory")
        connection.execute(f"DETACH {DATABASE}")
        connection.close()
        self._let_go()

    def close(self) -> None:
        """Ends it, with whatever is attached."""
        self._root.close()
        self._let_go()

    def _let_go(self) -> None:
        with _ATTACHED_LOCK:
            path, self._path = self._path, None
            if path is not None:
                _ATTACHED.discard(path)


class Engines:
    """Engines for the files of one folder. Safe to use from many threads.

    ``keeps``: so many that are not in use stay. The first is made ahead, behind the caller's back.
    ``blank``: what a new file begins as, once somebody has made one; to make its tables takes five times as
    long.
    """

    def __init__(self, folder: Path, keeps: int = KEPT_MAX) -> None:
        self.blank = b""
        self._folder, self._keeps = folder.absolute(), keeps
        self._lock = threading.Lock()
        self._ready: list[Engine] = []
        self._closed = False
        if keeps:
            threading.Thread(target=self._make_one, name="engine", daemon=True).start()

    def take(self) -> Engine:
        """One that is ready, else a new one.

        :raises duckdb.Error: none can be made.
        """
        with self._lock:
            if self._ready:
                return self._ready.pop()
        return Engine(self._folder)

    def give_back(self, engine: Engine) -> None:
        """Nothing is attached to it any more."""
        with self._lock:
            if not self._closed and len(self._ready) < self._keeps:
                self._ready.append(engine)
                return
        engine.close()

    def close(self) -> None:
        """Ends those that are ready; those in use end as they are given back."""
        with self._lock:
            self._closed = True
            ready, self._ready = self._ready, []
        for engine in ready:
            engine.close()

    def _make_one(self) -> None:
        with contextlib.suppress(duckdb.Error):  # then whoever wants one is told
            self.give_back(Engine(self._folder))


def _quoted(path: Path) -> str:
    """As a text of SQL."""
    return "'" + str(path).replace("'", "''") + "'"
