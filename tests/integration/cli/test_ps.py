"""``memscoped ps`` and ``inspect``: what is running here, told without stopping anybody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from memscope_client import Sampling
from tests.support.daemon import command, environment, memscoped, serving
from tests.support.interpreters import Interpreter, supported_interpreters
from tests.support.rings import descendants, is_running, kill_all
from tests.support.targets import Target
from tests.support.waiting import until


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a short path, for sockets."""
    return tmp_path_factory.mktemp("m")


def listed(folder: Path, *arguments: str) -> dict[int, dict[str, object]]:
    done = memscoped(folder, "ps", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["schema"] == "memscope.ps/1"
    return {row["pid"]: row for row in told["processes"]}


@pytest.mark.parametrize("interpreter", supported_interpreters(), ids=lambda each: each.name)
def test_every_interpreter_is_listed_with_its_version(folder: Path, interpreter: Interpreter) -> None:
    with Target(interpreter, "wait_read") as target:
        row = listed(folder)[target.pid]
        assert row["python_version"] == "{}.{}".format(*interpreter.version)
        assert str(row["program"]).endswith("wait_read.py")
        assert (row["memscope"], row["objection"], row["uid"]) == ("none", None, os.getuid())
        assert int(str(row["resident_bytes"])) > 1 << 20
        assert os.getpid() in listed(folder)  # these tests
        target.works()


def test_a_command_line_is_cut_after_the_script(folder: Path) -> None:
    script = folder / "served.py"
    script.write_text("import sys; sys.stdin.read()")
    words = [sys.executable, str(script), "--password", "hunter2"]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as process:
        until(lambda: process.pid in listed(folder), "the process")
        done = memscoped(folder, "ps")
        assert "served.py" in done.stdout
        assert "hunter2" not in done.stdout
        assert process.stdin is not None
        process.stdin.close()


def test_a_session_is_told_and_hooks_that_were_left_behind(folder: Path) -> None:
    with Target(supported_interpreters()[-1], "busy") as target:
        with serving(folder) as daemon:
            session = daemon.client.attach(target.pid, Sampling.bytes(64 << 10)).result()
            # a daemon at an address of its own is not known; its shipper is seen
            assert listed(folder)[target.pid]["memscope"] == "active_elsewhere"
            known = listed_by_one_who_knows(folder, daemon.address)
            assert known[target.pid]["memscope"] == "active"
            assert known[target.pid]["session_id"] == session.session_id
            own = set(listed(folder, "--all")) - set(listed(folder))
            assert daemon.process.pid in own
            pids = [daemon.process.pid, *descendants(daemon.process.pid)]
            kill_all(pids)
            daemon.process.wait()
            until(lambda: not any(map(is_running, pids)), "all of memscope to be gone")
        assert listed(folder)[target.pid]["memscope"] == "left_behind"
        assert f"left behind: memscoped detach {target.pid}" in memscoped(folder, "ps").stdout
        assert memscoped(folder, "detach", str(target.pid)).returncode == 0
        assert listed(folder)[target.pid]["memscope"] == "none"
        target.works()
        target.end()


def listed_by_one_who_knows(folder: Path, address: str) -> dict[int, dict[str, object]]:
    """The list, by somebody who knows of that daemon."""
    done = subprocess.run(
        command("ps", "--json"),
        env={**environment(folder), "MEMSCOPE_DAEMON": address},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return {row["pid"]: row for row in json.loads(done.stdout)["processes"]}


def test_inspect_shows_the_stack_of_each_thread_without_stopping_it(folder: Path) -> None:
    with Target(supported_interpreters()[-1], "fifty_threads") as target:
        done = memscoped(folder, "inspect", str(target.pid), "--json", "--timeout", "60")
        told = json.loads(done.stdout)
        assert done.returncode == 0, told
        assert told["ok"]
        assert len(told["threads"]) > 50
        names = {"native_id", "name", "is_active", "owns_gil", "frames"}
        assert all(set(one) == names for one in told["threads"])
        files = {frame["file"] for one in told["threads"] for frame in one["frames"]}
        assert any(str(file).endswith("fifty_threads.py") for file in files)
        text = memscoped(folder, "inspect", str(target.pid), "--timeout", "60").stdout
        assert "read without stopping it" in text
        assert "fifty_threads.py:" in text
        target.works()
        target.end()


def test_what_cannot_be_inspected_is_an_answer_with_a_code(folder: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            done = memscoped(folder, "inspect", str(process.pid), "--json", "--timeout", "60")
        finally:
            process.kill()
    told = json.loads(done.stdout)
    assert done.returncode == 3
    assert (told["ok"], told["code"]) == (False, "inspect.not-readable")
    assert told["next_step"]
    gone = memscoped(folder, "inspect", "4194303")
    assert gone.returncode == 3
    assert "inspect.no-such-process" in gone.stderr
