"""``memscoped``, and ``python -m memscope_daemon``."""

from __future__ import annotations

import sys


def main() -> int:
    try:
        from memscope_daemon.cli.main import main as run

        return run(sys.argv[1:])
    except KeyboardInterrupt:  # while its parts are being loaded
        return 130


if __name__ == "__main__":
    sys.exit(main())
