"""Ctrl-C during ``memscoped attach`` on a terminal, at any moment from its start to its last file."""

from __future__ import annotations

import json
import os
import random
import signal
from pathlib import Path

from memscope_client import DaemonError
from memscope_daemon.render.formats import DEFAULT_FORMATS, FORMATS
from tests.support.daemon import command, environment
from tests.support.drills.rig import Rig, any_target
from tests.support.outside import image_words, shim_mappings
from tests.support.targets import Target
from tests.support.terminals import Terminal, check_given_back, drain
from tests.support.unharmed import looked_at, settle
from tests.support.waiting import until

LONGEST_WAIT_S = 5.0  # from the start of the command to the view, on a machine that is busy
LONGEST_END_S = 1.5  # of the way out: detach, report, files
DURATION_S = "4"
#: It was in time; it came when all was done; it came before the command had its own way to take it.
EXIT_CODES = (130, 0, -signal.SIGINT)
FILES = {FORMATS[name] for name in DEFAULT_FORMATS}


def ctrl_c(rig: Rig, dice: random.Random) -> str:
    """Target alive and right, no hooks in it, no half file, the terminal as it was; exit code 130."""
    with any_target(dice) as target:
        before = looked_at(target)
        folder = rig.folder / f"out-{dice.getrandbits(40):x}"
        carried, leaves, again = dice.random() < 0.5, dice.random() < 0.4, dice.random() < 0.25
        address = [] if carried else ["--daemon", rig.daemon.address]
        words = ["attach", str(target.pid), "--bytes", "64K", "--duration", DURATION_S, "--out", str(folder)]
        arguments = command(*words, *address)
        with Terminal(arguments, 80, 24, environment(rig.folder), rig.folder) as terminal:
            moment = _strike(terminal, dice, leaves, again)
            code = terminal.ends(120.0)
            assert code in EXIT_CODES, f"exit code {code}:\n{terminal.text}"
            assert "Traceback" not in terminal.sent.decode(errors="replace"), terminal.text
            check_given_back(terminal)
        _check_gone(target)
        if not carried:
            _check_over(rig, target)
        files = _check_files(folder)
        settle(target, before)
        target.works()
        target.end()
    where = "daemon inside" if carried else "daemon beside"
    return f"{target.program}, {where}, {moment}{', twice' if again else ''}: exit code {code}, {files} files"


def _strike(terminal: Terminal, dice: random.Random, leaves: bool, again: bool) -> str:
    """Ctrl-C, as a key or as a signal to the command alone; ``leaves``: after q, on the way out."""
    waits_s = dice.uniform(0.0, LONGEST_END_S if leaves else LONGEST_WAIT_S)
    if leaves:
        terminal.shows("q detach", 60.0)
        terminal.press("q")
    drain(terminal, waits_s)
    _interrupt(terminal, by_key=dice.random() < 0.5)
    if again:
        drain(terminal, dice.uniform(0.0, 0.5))
        _interrupt(terminal, by_key=dice.random() < 0.5)
    return f"{waits_s:.3f} s after {'q' if leaves else 'its start'}"


def _interrupt(terminal: Terminal, by_key: bool) -> None:
    if by_key:
        terminal.press("\x03")
    elif terminal.process.poll() is None:
        os.kill(terminal.process.pid, signal.SIGINT)


def _check_gone(target: Target) -> None:
    """No hooks, as soon as the main thread has passed by."""

    def is_free() -> bool:
        target.works()
        return not image_words(target.pid).pointing_into(shim_mappings(target.pid))

    until(is_free, "the hooks to be out", 60.0)


def _check_over(rig: Rig, target: Target) -> None:
    """No session of it any more."""

    def is_over() -> bool:
        try:
            return all(one.target.pid != target.pid for one in rig.daemon.client.sessions())
        except DaemonError:
            return False

    until(is_over, "the session to be over", 60.0)


def _check_files(folder: Path) -> int:
    """Whole files or none; how many."""
    if not folder.exists():
        return 0
    found = {path.name for path in folder.iterdir()}
    assert found <= FILES, f"something else is left: {found}"
    if "report.json" in found:
        assert json.loads((folder / "report.json").read_text())["schema_version"] == 1
    return len(found)
