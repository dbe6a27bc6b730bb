"""``memscoped``, and ``python -m memscope_daemon``."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Runs one command, and ends the process with its exit code.

    All is closed and said by then. Python's own way out is not taken: it ends the threads that are still in
    DuckDB or gRPC when they next want the GIL, in the midst of C++ that does not expect it, which aborts the
    process instead of handing over the code.
    """
    code = _run()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _run() -> int:
    try:
        from memscope_daemon.cli import loading

        loading.begin()
        from memscope_daemon.cli.main import main as run

        return run(sys.argv[1:])
    except KeyboardInterrupt:  # while its parts are being loaded
        return 130
    except SystemExit as error:  # of the argument parser: help, or a usage that is none
        return error.code if isinstance(error.code, int) else int(error.code is not None)


if __name__ == "__main__":
    main()
