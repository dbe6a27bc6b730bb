"""CPython's own tests, under an interpreter that ships them: with memscope coming and going they must end as
without.

Each module runs in a process of its own, which waits until it is attached to. From then on every
:data:`PERIOD_S` the hooks of the preset ``full`` go out and come back. What differs, case by case, is run
again :data:`AGAIN` times either way: a case that is not steady without us either is not ours.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

from memscope_client import DaemonError, Sampling
from tests.support.daemon import Serving, serving
from tests.support.interpreters import Interpreter, supported_interpreters
from tests.support.pools import workers

MODULES = (
    "test_list", "test_dict", "test_set", "test_gc", "test_threading", "test_fork1", "test_subprocess",
    "test_asyncio", "test_json", "test_pickle", "test_weakref", "test_signal", "test_code", "test_sys",
    "test_tracemalloc", "test_audit", "test_sys_settrace", "test_generators", "test_contextlib",
)  # fmt: skip
FULL = Sampling.rate(1.0, depth=20)
PERIOD_S, ATTACHED_S = 5.0, 4.0
AGAIN = 3
LONGEST_S = 1200.0
#: Waits for its parent's word, then is ``python -m test``. In a shell's background SIGINT may be ignored,
#: and there is a test that waits for one for ever.
GATED = """
import os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
os.read(int(sys.argv[1]), 1)
os.close(int(sys.argv[1]))
sys.argv[:] = ["test", *sys.argv[2:]]
runpy.run_module("test", run_name="__main__", alter_sys=True)
"""

Results = dict[str, str]  # case or "the whole" -> how it ended


def ships_tests(interpreter: Interpreter) -> bool:
    asked = [str(interpreter.path), "-I", "-c", "import test.libregrtest, test.test_list"]
    return subprocess.run(asked, capture_output=True, timeout=60, check=False).returncode == 0


def testable() -> tuple[Interpreter, ...]:
    """Those that ship their tests, oldest first."""
    return tuple(filter(ships_tests, supported_interpreters()))


class Visits:
    """Comes and goes, in a thread of its own, for as long as the process runs. Before the first attach has
    come or was refused, ``with`` does not go on."""

    def __init__(self, daemon: Serving, pid: int) -> None:
        self.attached, self.refused = 0, list[str]()
        self._daemon, self._pid = daemon, pid
        self._first, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="visits")

    def __enter__(self) -> Visits:
        self._thread.start()
        self._first.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            self._visit()
            self._over.wait(max(0.0, began + PERIOD_S - time.monotonic()))

    def _visit(self) -> None:
        try:
            session = self._daemon.client.attach(self._pid, FULL).result()
            self.attached += 1
        except DaemonError as error:
            self.refused.append(error.code)
            return
        finally:
            self._first.set()
        self._over.wait(ATTACHED_S)
        with contextlib.suppress(DaemonError):  # it has ended
            self._daemon.detach(session)


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    results: Results
    took_s: float
    attached: int = 0
    refused: tuple[str, ...] = ()


def run(interpreter: Interpreter, module: str, *, watched: bool) -> Run:
    """One module, to its end."""
    with tempfile.TemporaryDirectory(prefix="memscope-own-") as name:
        folder = Path(name)
        (folder / "home").mkdir()
        with _gated(interpreter, module, folder) as (process, gate):
            visits, took_s = _go(process, gate, folder) if watched else (None, _go_alone(process, gate))
        results = _read(folder / "results.xml", process.returncode)
        if process.returncode not in (0, 2, 3):  # 2: some failed; 3: all right, surroundings changed
            kept = Path(tempfile.gettempdir()) / f"memscope-own-{interpreter.name}-{module}.log"
            shutil.copy(folder / "log", kept)
        attached, refused = (visits.attached, tuple(visits.refused)) if visits else (0, ())
        return Run(results, took_s, attached, refused)


def _go(process: subprocess.Popen[bytes], gate: int, folder: Path) -> tuple[Visits, float]:
    with serving(folder / "home") as daemon, Visits(daemon, process.pid) as visits:
        took_s = _go_alone(process, gate)
    return visits, took_s


def _go_alone(process: subprocess.Popen[bytes], gate: int) -> float:
    """Until it has ended, or the time is up; seconds."""
    began = time.monotonic()
    os.write(gate, b"g")
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(LONGEST_S)
    return time.monotonic() - began


@contextlib.contextmanager
def _gated(
    interpreter: Interpreter, module: str, folder: Path
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The process that waits at its gate. All that it has started ends with it."""
    theirs, gate = os.pipe()
    arguments = ["-v", "--junit-xml", str(folder / "results.xml"), module]
    (folder / "tmp").mkdir()
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TMPDIR": str(folder / "tmp")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(interpreter.path), "-c", GATED, str(theirs), *arguments],
            pass_fds=[theirs], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            cwd=folder / "tmp", env=environment, start_new_session=True,
        )  # fmt: skip
    os.close(theirs)
    try:
        yield process, gate
    finally:
        os.close(gate)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _read(path: Path, exit_code: int) -> Results:
    results = {"the whole": f"exit code {exit_code}"}
    for case in ElementTree.parse(path).iter("testcase") if path.exists() else ():
        name = case.get("name", "?")
        while name in results:
            name += "'"
        results[name] = (
            "+".join(sorted(each.tag for each in case if not each.tag.startswith("system"))) or "passed"
        )
    return results


def differing(one: Results, other: Results) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def compare(interpreter: Interpreter, module: str) -> bool:
    """Runs a module without us and with us and prints what came of it; whether nothing differs but what is
    not steady without us either."""
    alone, watched = (run(interpreter, module, watched=each) for each in (False, True))
    passed = sum(how == "passed" for how in watched.results.values())
    print(
        f"{interpreter.name} {module}: {len(alone.results) - 1} cases, {passed} passed,"
        f" {alone.took_s:.0f} s without us, {watched.took_s:.0f} s with; {watched.attached} attaches"
        + (f", refused: {', '.join(watched.refused)}" if watched.refused else ""),
        flush=True,
    )
    names = differing(alone.results, watched.results)
    return _explained(interpreter, module, names, alone, watched) if names else watched.attached > 0


def _explained(interpreter: Interpreter, module: str, names: list[str], alone: Run, watched: Run) -> bool:
    """Runs it again, both ways, and says of each case whether it is steady without us."""
    without = [alone, *(run(interpreter, module, watched=False) for _ in range(AGAIN))]
    beside = [watched, *(run(interpreter, module, watched=True) for _ in range(AGAIN))]
    fine = True
    for name in names:
        ours, theirs = ([each.results.get(name, "absent") for each in runs] for runs in (beside, without))
        unsteady = len(set(theirs)) > 1
        print(f"  {'unsteady' if unsteady else 'DIFFERS'}: {name}: without {theirs}, with {ours}", flush=True)
        fine &= unsteady
    return fine


def main(arguments: list[str]) -> int:
    """CPython's own tests end with us as without"""
    parser = argparse.ArgumentParser(prog="scripts/soak cpython-tests", description=main.__doc__)
    parser.add_argument("--only", help="interpreters whose name begins so: 3.12")
    parser.add_argument("--jobs", type=int, default=2, help="so many interpreters at a time (2)")
    parser.add_argument("--modules", nargs="+", default=MODULES, metavar="MODULE")
    args = parser.parse_args(arguments)
    found = [each for each in testable() if each.name.startswith(args.only or "")]
    print("interpreters: " + ", ".join(each.name for each in found), flush=True)
    with workers(args.jobs) as pool:
        parts = pool.map(lambda each: [module for module in args.modules if not compare(each, module)], found)
        wrong = [(each.name, module) for each, part in zip(found, parts, strict=True) for module in part]
    print(
        f"cpython-tests: {len(found) * len(args.modules)} modules, differing: {wrong or 'none'}", flush=True
    )
    return int(bool(wrong) or not found)
