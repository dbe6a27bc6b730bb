"""A real program whose every allocation is known, recorded whole by a session that keeps hardly any event."""

from __future__ import annotations

from memscope_client import Sampling
from tests.integration.test_truth import EXACT_SCALE, differences
from tests.support.interpreters import supported_interpreters
from tests.support.samples import read_samples
from tests.support.targets import Target
from tests.support.truth import Run, known_sites


def test_every_figure_is_exact_though_all_but_a_thousand_events_are_forgotten(daemon) -> None:
    sampling = Sampling.rate(1.0, depth=20)
    with Target(supported_interpreters()[-1], "truth") as target:
        known = known_sites(target, EXACT_SCALE)
        target.ask("prepare", EXACT_SCALE)
        session = daemon.client.attach(target.pid, sampling, history="testing").result()
        target.ask("work", deadline_s=120.0)
        ended = daemon.detach(session)
        target.ask("drop")
        target.end()
    report = daemon.client.report(session.session_id)
    run = Run(sampling, known, report, tuple(read_samples(ended.store_path)))
    assert report.quality.lost_count == 0, report.quality
    assert report.history.preset == "testing"
    assert report.history.kept_count <= 1_000 < report.history.forgotten_count
    assert len(run.samples) <= report.history.kept_count
    wrong = [difference for each in known for difference in differences(each, run.site(each))]
    assert not wrong, "\n".join(wrong)
