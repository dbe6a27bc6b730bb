"""The command as its user meets it: a process of its own, real signals, pipes and files."""

from __future__ import annotations

import json
import os
import pty
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from memscope_client._pb import control_service_pb2
from tests.unit.cli.fake_daemon import COLLAPSED, JSON, SESSION_ID, FakeDaemon, Serving

DEADLINE_S = 30


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeDaemon]:
    fake = FakeDaemon(pid=os.getpid())
    with Serving(fake, f"unix:{tmp_path}/d.sock"):
        yield fake


def start(
    tmp_path: Path, *arguments: str, stdout: int = subprocess.PIPE, **env: str
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "memscope_daemon", *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**environment(tmp_path), **env},
    )


def environment(tmp_path: Path) -> dict[str, str]:
    root = str(Path(__file__).parents[3])
    own = {"XDG_RUNTIME_DIR": str(tmp_path / "run"), "MEMSCOPE_STATE_DIR": str(tmp_path / "state")}
    (tmp_path / "run").mkdir(exist_ok=True)
    return {**os.environ, **own, "PYTHONPATH": root}


def attach(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    return start(tmp_path, "attach", str(os.getpid()), "--daemon", f"unix:{tmp_path}/d.sock", *arguments)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=DEADLINE_S)
    return process.returncode, out, err


def wait_for_line(process: subprocess.Popen[str], text: str) -> None:
    assert process.stderr is not None
    deadline = threading.Timer(DEADLINE_S, process.kill)
    deadline.start()
    try:
        for line in process.stderr:
            if text in line:
                return
    finally:
        deadline.cancel()
    pytest.fail(f"standard error ended without {text!r}")


def test_a_session_of_a_given_length_ends_with_report_and_files(daemon: FakeDaemon, tmp_path: Path) -> None:
    code, out, err = finish(attach(tmp_path, "--duration", "0.2", "--out", "deep/er"))
    assert code == 0, err
    assert (tmp_path / "deep/er/report.json").read_bytes() == JSON
    assert (tmp_path / "deep/er/stacks.collapsed").read_bytes() == COLLAPSED
    assert "looking at the target" in err
    assert "6.00 MiB (4.20\u20138.40)" in out
    assert "leak (app/app.py:7)" in out


def test_the_first_line_says_what_the_report_cannot_see(daemon: FakeDaemon, tmp_path: Path) -> None:
    _, out, _ = finish(attach(tmp_path, "--duration", "0.1"))
    assert out.startswith("RSS 31 MiB; 7 before\n")


def test_the_quality_line_names_each_loss(daemon: FakeDaemon, tmp_path: Path) -> None:
    _, out, _ = finish(attach(tmp_path, "--duration", "0.1"))
    assert "quality: good" in out
    assert "reentry 2" in out


def test_files_are_for_their_owner_alone(daemon: FakeDaemon, tmp_path: Path) -> None:
    finish(attach(tmp_path, "--duration", "0.1", "--out", "r"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "r").iterdir()}
    assert modes == dict.fromkeys(["report.json", "stacks.collapsed", "report.html"], 0o600)


def test_the_default_folder_names_program_and_pid(daemon: FakeDaemon, tmp_path: Path) -> None:
    finish(attach(tmp_path, "--duration", "0.1"))
    (folder,) = tmp_path.glob("memscope-*")
    assert folder.name.startswith(f"memscope-app.py-{os.getpid()}-")


def test_json_stands_alone_on_standard_output(daemon: FakeDaemon, tmp_path: Path) -> None:
    _, out, err = finish(attach(tmp_path, "--duration", "0.1", "--json"))
    assert json.loads(out)["schema_version"] == 1
    assert "tracking app.py" in err


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_detaches_reports_and_is_the_exit_code(
    daemon: FakeDaemon, tmp_path: Path, number: int, code: int
) -> None:
    process = attach(tmp_path, "--out", "r")
    wait_for_line(process, "tracking")
    process.send_signal(number)
    got, out, _ = finish(process)
    assert got == code
    assert daemon.detaching.is_set()
    assert "leak" in out
    assert (tmp_path / "r/report.json").exists()


def test_a_second_ctrl_c_does_not_wait_for_the_detach(daemon: FakeDaemon, tmp_path: Path) -> None:
    daemon.hold_detach.clear()
    process = attach(tmp_path)
    wait_for_line(process, "tracking")
    process.send_signal(signal.SIGINT)
    assert daemon.detaching.wait(DEADLINE_S)
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)
    daemon.hold_detach.set()
    assert code == 130
    assert "not waiting any longer" in err


def test_ctrl_c_while_attaching_gives_up(daemon: FakeDaemon, tmp_path: Path) -> None:
    daemon.hold_attach.clear()
    process = attach(tmp_path)
    wait_for_line(process, "looking at the target")
    process.send_signal(signal.SIGINT)
    code, out, _ = finish(process)
    assert (code, out) == (130, "")
    assert not daemon.detaching.is_set()


def test_the_end_of_the_target_is_a_report_and_exit_code_4(daemon: FakeDaemon, tmp_path: Path) -> None:
    process = attach(tmp_path, "--out", "r")
    wait_for_line(process, "tracking")
    daemon.end("END_REASON_TARGET_EXITED", "killed by SIGKILL")
    code, out, err = finish(process)
    assert code == 4
    assert "killed by SIGKILL" in err
    assert "leak" in out
    assert (tmp_path / "r/stacks.collapsed").exists()


def test_a_refusal_says_reason_next_step_and_code(daemon: FakeDaemon, tmp_path: Path) -> None:
    daemon.refusal = control_service_pb2.ErrorDetail(
        code="attach.zombie", message="it is a zombie", next_step="let its parent reap it", exit_code=3
    )
    code, out, err = finish(attach(tmp_path))
    assert (code, out) == (3, "")
    assert "it is a zombie" in err
    assert "let its parent reap it" in err
    assert "attach.zombie" in err


def test_a_closed_pipe_ends_quietly(daemon: FakeDaemon, tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    arguments = ("attach", str(os.getpid()), "--daemon", f"unix:{tmp_path}/d.sock", "--duration", "0.1")
    process = start(tmp_path, *arguments, stdout=write_end)
    os.close(write_end)
    _, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0
    assert "Traceback" not in err
    assert "Broken" not in err


def test_a_terminal_that_can_show_nothing_gets_no_live_view(daemon: FakeDaemon, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    arguments = ("attach", str(os.getpid()), "--daemon", f"unix:{tmp_path}/d.sock", "--duration", "0.2")
    process = start(tmp_path, *arguments, stdout=theirs, TERM="dumb")
    os.close(theirs)
    shown = read_all(ours)
    assert process.wait(DEADLINE_S) == 0
    assert "quality: good" in shown
    assert "\x1b[?1049h" not in shown


def read_all(descriptor: int) -> str:
    chunks = []
    while True:
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:  # a terminal ends with EIO
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(descriptor)
    return b"".join(chunks).decode(errors="replace")


def test_background_prints_the_session_and_how_to_end_it(daemon: FakeDaemon, tmp_path: Path) -> None:
    code, out, err = finish(attach(tmp_path, "--background"))
    assert (code, out) == (0, SESSION_ID + "\n")
    assert f"memscoped detach {os.getpid()}" in err
    assert not daemon.detaching.is_set()


def test_detach_reports_like_attach(daemon: FakeDaemon, tmp_path: Path) -> None:
    finish(attach(tmp_path, "--background"))
    address = f"unix:{tmp_path}/d.sock"
    code, out, _ = finish(start(tmp_path, "detach", str(os.getpid()), "--daemon", address, "--out", "r"))
    assert code == 0
    assert "leak (app/app.py:7)" in out
    assert (tmp_path / "r/report.json").read_bytes() == JSON


def test_detach_finds_a_session_at_any_known_address(tmp_path: Path) -> None:
    environment(tmp_path)
    folder = tmp_path / "run" / "memscope"
    folder.mkdir(mode=0o700)
    fake = FakeDaemon(pid=os.getpid())
    fake.session.state = 2
    with Serving(fake, f"unix:{folder}/attach-104729.sock"):
        code, out, err = finish(start(tmp_path, "detach", str(os.getpid())))
    assert code == 0, err
    assert "leak" in out


def test_sampling_options_reach_the_daemon(daemon: FakeDaemon, tmp_path: Path) -> None:
    finish(attach(tmp_path, "--duration", "0.1", "--bytes", "64K", "--depth", "17", "--seed", "12345"))
    assert daemon.asked is not None
    sampling = daemon.asked.sampling
    assert (sampling.mode, sampling.value, sampling.depth) == (1, 65536.0, 17)
    assert (sampling.seed, sampling.seed_given, sampling.stacks) == (12345, True, True)


def test_the_default_is_the_preset_production(daemon: FakeDaemon, tmp_path: Path) -> None:
    finish(attach(tmp_path, "--duration", "0.1"))
    assert daemon.asked is not None
    sampling = daemon.asked.sampling
    assert (sampling.preset, sampling.mode, sampling.value) == ("production", 1, 524288.0)
    assert not sampling.seed_given


def test_what_is_to_be_written_by_itself_reaches_the_daemon_from_command_line_environment_and_file(
    daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("MEMSCOPE_EVERY", "5m")
    (tmp_path / "memscope").mkdir()
    file = tmp_path / "memscope" / "config.toml"
    file.write_text('auto_export = "/var/r"\nevery = 7\nkeep_exports = 3\n')
    _, _, err = finish(attach(tmp_path, "--duration", "0.1", "--export-format", "json,collapsed"))
    assert daemon.asked is not None
    order = daemon.asked.auto_export
    assert (order.folder, order.every_s, order.keep_count) == ("/var/r", 300.0, 3)
    assert list(order.formats) == ["json", "collapsed"]
    assert "of an older version" in err, "it does not say that it will do so"
    finish(attach(tmp_path, "--duration", "0.1", "--auto-export", "here", "--every", "end"))
    order = daemon.asked.auto_export
    assert (order.folder, order.every_s) == (str(tmp_path / "here"), 0.0)
    _, _, err = finish(attach(tmp_path, "--duration", "0.1", "--auto-export", "none"))
    assert daemon.asked.auto_export.folder == ""
    assert "of an older version" not in err


def test_how_to_write_reports_without_a_folder_is_a_usage_error(daemon: FakeDaemon, tmp_path: Path) -> None:
    code, _, err = finish(attach(tmp_path, "--every", "60"))
    assert (code, daemon.asked) == (2, None)
    assert "--auto-export DIR" in err


@pytest.mark.parametrize("wrong", [("--rate", "0"), ("--rate", "1.5"), ("--bytes", "5Q"), ("--depth", "513")])
def test_a_senseless_setting_is_a_usage_error(
    daemon: FakeDaemon, tmp_path: Path, wrong: tuple[str, str]
) -> None:
    code, out, err = finish(attach(tmp_path, *wrong))
    assert (code, out) == (2, "")
    assert err
    assert daemon.asked is None


def test_a_daemon_asked_for_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    code, _, err = finish(attach(tmp_path))
    assert code == 1
    assert "client.unavailable" in err
