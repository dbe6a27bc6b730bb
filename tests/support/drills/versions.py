"""A daemon goes, and another one comes to its address that speaks another protocol."""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path

from memscope_client import Sampling, Session
from memscope_daemon.shim import layout
from tests.support.daemon import ROOT, Serving, memscoped
from tests.support.drills.rig import Rig, any_target, some_time
from tests.support.outside import image_words, shim_mappings
from tests.support.rings import RingView, descendants, holders, is_running
from tests.support.samples import stored_count
from tests.support.waiting import until

SPOKEN = "PROTOCOL_VERSION = 1\n"
OTHER = "PROTOCOL_VERSION = 2\n"
SAYS_IT = Path("memscope_daemon/server/ingest_service.py")


def other_tree(folder: Path) -> Path:
    """A memscope whose daemon speaks another protocol."""
    for package in ("memscope_daemon", "memscope_client"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    text = (folder / SAYS_IT).read_text()
    assert SPOKEN in text
    (folder / SAYS_IT).write_text(text.replace(SPOKEN, OTHER))
    return folder


def other_version(rig: Rig, dice: random.Random) -> str:
    """The shipper is refused, and leaves the target as it was; what was stored stays; clients are told."""
    with tempfile.TemporaryDirectory(prefix="memscope-other-", dir=rig.folder) as name:
        tree = other_tree(Path(name) / "tree")
        daemon = Serving(Path(name))
        try:
            with any_target(dice) as target:
                session = daemon.client.attach(target.pid, Sampling.rate(1.0, depth=5)).result()
                with RingView(target.pid) as rings:
                    until(lambda: is_stored(daemon, session), "something to be stored")
                    some_time(dice)
                    (shipper,) = holders(descendants(daemon.process.pid))
                    daemon.process.kill()
                    daemon.process.wait()
                    daemon.client.close()
                    daemon = Serving(Path(name), tree)
                    until(lambda: rings.state is layout.State.DETACHED, "the hooks to be out")
                    written = rings.written_count
                target.works()
                until(lambda: not is_running(shipper), "the shipper to have gone")
                assert not image_words(target.pid).pointing_into(shim_mappings(target.pid))
                stored = stored_count(session.store_path)
                assert 0 < stored <= written, (stored, written)
                check_told(Path(name), target.pid, daemon)
                target.works()
                target.end()
        finally:
            daemon.stop()
    return f"{target.program}: {stored} of {written} records were stored before"


def is_stored(daemon: Serving, session: Session) -> bool:
    """A report is made of what is stored, and stores what waits."""
    return daemon.client.report(session.session_id).quality.recorded_count > 0


def check_told(folder: Path, pid: int, daemon: Serving) -> None:
    """A client of this version says what is wrong, and what to do."""
    done = memscoped(folder, "attach", str(pid), "--duration", "1", "--daemon", daemon.address)
    assert done.returncode == 1, done.stderr
    assert "speaks protocol 2, this client 1" in done.stderr, done.stderr
    assert "use the command of that version" in done.stderr, done.stderr
