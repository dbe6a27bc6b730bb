"""``memscoped doctor``: what is in the way of an attach, told without touching anybody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.daemon import ROOT, command, environment, memscoped
from tests.support.interpreters import supported_interpreters
from tests.support.targets import Target


def test_the_host_of_these_tests_lets_memscope_attach(tmp_path: Path) -> None:
    done = memscoped(tmp_path, "doctor", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["schema"] == "memscope.doctor/1"
    assert told["ok"]
    assert {"system", "kernel", "rights", "tracing", "shim"} == {one["topic"] for one in told["host"]}


def executable(pid: int) -> list[str]:
    """Its executable mappings; the others grow and shrink by themselves."""
    return [line for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if "x" in line.split()[1]]


def test_a_good_target_is_called_good_and_stays_as_it_is(tmp_path: Path) -> None:
    interpreter = supported_interpreters()[0]
    with Target(interpreter, "wait_read") as target:
        code = executable(target.pid)
        done = memscoped(tmp_path, "doctor", str(target.pid))
        assert done.returncode == 0, done.stdout
        assert interpreter.name.partition("-")[0] in done.stdout
        assert f"can attach to process {target.pid}" in done.stdout
        assert executable(target.pid) == code
        assert Path(f"/proc/{target.pid}/stat").read_text().split()[2] in "RS"
        target.works()


def test_every_objection_is_listed_with_its_next_step(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            done = memscoped(tmp_path, "doctor", str(process.pid), "--json")
        finally:
            process.kill()
    assert done.returncode == 3
    told = json.loads(done.stdout)
    bad = [one for one in told["process"] if not one["ok"]]
    assert [one["code"] for one in bad] == ["attach.not-python"]
    assert all(one["next_step"] for one in bad)
    assert not told["ok"]


def test_a_pid_that_nobody_has_is_all_that_is_said(tmp_path: Path) -> None:
    done = memscoped(tmp_path, "doctor", str(2**22 - 1))
    assert done.returncode == 3
    assert "attach.no-such-process" in done.stdout
    assert "1 in the way" in done.stdout


@pytest.mark.parametrize("arguments", [("attach", "1"), ("serve",), ("detach", "1"), ("doctor",)])
def test_on_another_system_every_command_that_attaches_says_so(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    program = "import platform, runpy, sys\n"
    program += "platform.system, platform.machine = lambda: 'Darwin', lambda: 'arm64'\n"
    program += (
        "sys.argv = ['memscoped', *sys.argv[1:]]; runpy.run_module('memscope_daemon', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment(tmp_path),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "attach.platform" in done.stdout + done.stderr
    assert "Darwin" in done.stdout + done.stderr


def test_for_an_unprivileged_user_other_people_s_processes_are_in_the_way(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can become somebody else")
    tmp_path.chmod(0o777)
    done = subprocess.run(
        [
            "setpriv",
            "--reuid",
            "65534",
            "--regid",
            "65534",
            "--clear-groups",
            *command("doctor", str(os.getpid())),
        ],
        env={**environment(tmp_path), "HOME": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "Permission denied" in done.stderr or "No module" in done.stderr:
        pytest.skip("this checkout cannot be read by other users")
    assert done.returncode == 3, done.stderr
    assert "attach.other-user" in done.stdout
