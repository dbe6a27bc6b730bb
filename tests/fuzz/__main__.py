"""Feeds one entry until the time is up or something is found: ``python -m tests.fuzz ENTRY CORPUS FOUND
SECONDS SEED``. Guided by coverage (atheris, libFuzzer): inputs that reach new lines go to CORPUS, what fails
goes to FOUND.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["memscope_daemon"], enable_loader_override=False):
    from tests.fuzz.entries import ENTRIES

LONGEST_BYTES = 8192


def main(entry: str, corpus: str, found: str, seconds: str, seed: str) -> None:
    options = [
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        f"-max_len={LONGEST_BYTES}",
        f"-artifact_prefix={found}/",
        "-timeout=20",
        "-malloc_limit_mb=1024",
        "-rss_limit_mb=12000",  # the fuzzer itself keeps some kB of each execution
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    atheris.Setup([sys.argv[0], *options, corpus], ENTRIES[entry])
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
