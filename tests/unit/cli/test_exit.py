"""The way out of a command, with threads still in C++."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, threading
import duckdb
from memscope_daemon import __main__
from memscope_daemon.cli import main as cli

def work():
    begun.release()
    while True:
        duckdb.connect(":memory:").close()

def run(arguments):
    for _ in range(2):
        threading.Thread(target=work, daemon=True).start()
        begun.acquire()
    print("said")
    {end}

begun = threading.Semaphore(0)
cli.main = run
__main__.main()
"""


def test_threads_that_are_in_the_store_do_not_change_the_exit_code() -> None:
    ways = {"return 3": 3, "sys.exit(2)": 2, "sys.exit()": 0, "raise KeyboardInterrupt": 130}
    for end, code in ways.items():
        command = [sys.executable, "-c", PROGRAM.format(end=end)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (code, "said\n", ""), end


def test_a_reader_that_has_gone_changes_nothing_either() -> None:
    command = [sys.executable, "-m", "memscope_daemon", "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.wait(60) == 0
        assert b"Traceback" not in process.stderr.read()
