"""gunicorn, whose workers end after :data:`MAX_REQUESTS` requests and are forked anew by a parent that is
watched: the parent is profiled; its workers are silent, their answers right."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from memscope_client import Sampling
from tests.support.daemon import Serving, serving
from tests.support.interpreters import Interpreter, supported_interpreters
from tests.support.other_tools import with_tool
from tests.support.outside import image_words, shim_mappings
from tests.support.rings import children, holders
from tests.support.targets import PROGRAMS
from tests.support.waiting import until

MAX_REQUESTS, WORKERS = 50, 2
#: On the way from its last request to its end a worker may still be given one.
SLACK_REQUESTS = 2 * WORKERS
ANSWER_S = 30.0
EVERYTHING = Sampling.rate(1.0, depth=20)


@contextlib.contextmanager
def gunicorn(interpreter: Interpreter, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The parent and its port. At the end it must go by itself when asked, with exit code 0."""
    with socket.create_server(("127.0.0.1", 0)) as listening, (folder / "gunicorn.log").open("wb") as log:
        options = f"-w {WORKERS} --max-requests {MAX_REQUESTS} --bind fd://{listening.fileno()}"
        process = subprocess.Popen(
            [str(interpreter.path), "-m", "gunicorn", *options.split(), "wsgi_app:application"],
            pass_fds=[listening.fileno()], stdout=log, stderr=log, cwd=folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROGRAMS), "HOME": str(folder)},
        )  # fmt: skip
        try:
            until(lambda: len(children(process.pid)) >= WORKERS, "the workers")
            yield process, listening.getsockname()[1]
            process.terminate()
            assert process.wait(60) == 0, (folder / "gunicorn.log").read_text()[-2000:]
        finally:
            for pid in (*children(process.pid), process.pid) if process.poll() is None else ():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)
            process.wait()


def right_answer(number: int) -> int:
    return sum(3001 + i % 499 for i in range(number % 307))


def ask(port: int, count: int) -> set[int]:
    """Asks ``count`` times, checks each answer; the workers that gave them."""
    workers = set()
    for number in range(count):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
        connection.request("GET", f"/{number}")
        response = connection.getresponse()
        worker, result = map(int, response.read().split())
        connection.close()
        assert (response.status, result) == (200, right_answer(number)), (number, response.status, result)
        workers.add(worker)
    return workers


def visit(daemon: Serving, interpreter: Interpreter, request_count: int, folder: Path) -> str:
    """Attaches to the parent, asks the workers, detaches, asks again; what was seen."""
    with gunicorn(interpreter, folder) as (parent, port):
        ask(port, MAX_REQUESTS)
        session = daemon.client.attach(parent.pid, EVERYTHING).result()
        workers = ask(port, request_count)
        assert len(workers) >= request_count // (MAX_REQUESTS + SLACK_REQUESTS), workers
        assert not holders(children(parent.pid)), "a worker has the session's memory"
        ended = daemon.detach(session)
        assert (ended.end_reason, ended.end_detail) == ("detached", ""), ended
        assert not image_words(parent.pid).pointing_into(shim_mappings(parent.pid))
        ask(port, 2 * MAX_REQUESTS)
    report = daemon.client.report(session.session_id)
    functions = {site.function for site in report.sites}
    assert "answer_request" not in functions
    of_parent = {site.file for site in report.sites if Path(site.file).name == "arbiter.py"}
    assert of_parent, "nothing of the parent was recorded"
    return (
        f"gunicorn under {interpreter.name}: {request_count} requests right, {len(workers)} workers,"
        f" {report.quality.recorded_count} records, all of the parent; {report.quality.lost_count} lost"
    )


def main(arguments: list[str]) -> int:
    """gunicorn's parent is profiled; its many workers are silent and right"""
    parser = argparse.ArgumentParser(prog="scripts/soak gunicorn", description=main.__doc__)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--only", default="", help="interpreters whose name begins so: 3.12")
    args = parser.parse_args(arguments)
    done = 0
    for interpreter in supported_interpreters():
        if not interpreter.name.startswith(args.only):
            continue
        equipped, why_not = with_tool(interpreter, "gunicorn")
        if equipped is None:
            print(f"{interpreter.name}: skipped: {why_not}", flush=True)
            continue
        with tempfile.TemporaryDirectory(prefix="memscope-soak-") as name, serving(Path(name)) as daemon:
            print(visit(daemon, equipped, args.requests, Path(name)), flush=True)
            done += 1
    return int(not done)
