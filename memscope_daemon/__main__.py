"""``memscoped``, and ``python -m memscope_daemon``."""

from __future__ import annotations

import sys


def main() -> int:
    from memscope_daemon.cli.main import main as run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
