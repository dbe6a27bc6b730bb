"""The report as one HTML file: what is in it. What it does in a browser stands in tests/browser."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from memscope_daemon.model.stacks import MEASURES, NO_FRAME_NAME, Amount
from memscope_daemon.query.report import report
from memscope_daemon.query.stacks import stack_figures
from memscope_daemon.render import flame_page, report_json
from tests.unit.query.evidence_for_tests import evidence
from tests.unit.render.hostile import NAMES, hostile_report, hostile_stacks
from tests.unit.server.mini_shipper import events

PROGRAM = events(
    kind=[1, 1, 1, 2, 1],
    allocation_id=[1, 2, 3, 1, 4],
    size_bytes=[31, 37, 101, 31, 13],
    stack_id=[1, 1, 2, 1, 0],
)


POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


class Page(HTMLParser):
    """The elements of a page, and what stands in its scripts."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._is_script = False
        self.feed(content.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._is_script = tag == "script"
        if self._is_script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._is_script = False

    def handle_data(self, data: str) -> None:
        if self._is_script:
            self.scripts[-1] += data

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.scripts[0])
        return found

    def stacks(self, measure: str) -> dict[tuple[str, ...], list[float]]:
        """Value, variance and samples of each stack, by the names of its frames."""
        data = self.data
        names = [data["strings"][frame[0]] for frame in data["frames"]]
        amounts = data["amounts"][measure]
        return {
            tuple(names[index] for index in stack): amounts[3 * at : 3 * at + 3]
            for at, stack in enumerate(data["stacks"])
        }


def page_of(program: Any, measure: str = "live_bytes") -> Page:
    made = evidence(program)
    return Page(flame_page.render(report(made), stack_figures(made), measure))


def hostile_page() -> Page:
    return Page(flame_page.render(hostile_report(), hostile_stacks(), "live_bytes"))


def test_the_figures_of_the_page_are_those_of_the_json_report() -> None:
    assert page_of(PROGRAM).data["report"] == json.loads(report_json.render(report(evidence(PROGRAM))))


def test_the_stacks_of_the_page_are_those_of_the_session() -> None:
    page = page_of(PROGRAM)
    one, two, none = ("main", "allocate_1"), ("main", "allocate_2"), (NO_FRAME_NAME,)
    assert page.stacks("live_bytes") == {one: [37, 0, 1], two: [101, 0, 1], none: [13, 0, 1]}
    assert page.stacks("allocated_count") == {one: [2, 0, 2], two: [1, 0, 1], none: [1, 0, 1]}


@pytest.mark.parametrize("measure", MEASURES)
def test_the_measure_that_was_asked_for_is_shown_first(measure: str) -> None:
    assert page_of(PROGRAM, measure).data["measure"] == measure


def test_a_session_without_samples_is_a_page_all_the_same() -> None:
    assert page_of(events(size_bytes=[])).data["stacks"] == []


def test_no_name_can_break_out_of_the_data() -> None:
    clean, hostile = page_of(PROGRAM), hostile_page()
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in clean.elements]
    assert hostile.scripts[1] == clean.scripts[1]
    assert not re.search("[<>&\u2028\u2029]", hostile.scripts[0])
    assert {stack[-1] for stack in hostile.stacks("live_bytes")} == set(NAMES)
    assert [site["location"]["function"] for site in hostile.data["report"]["hotspots"]] == list(NAMES)


def test_the_page_may_fetch_nothing() -> None:
    page = hostile_page()
    (policy,) = (
        attributes["content"]
        for tag, attributes in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith(POLICY)
    assert not any("src" in attributes for _, attributes in page.elements)
    assert [attributes["href"] for tag, attributes in page.elements if tag == "link"] == ["data:,"]
    assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttp|Socket|innerHTML|\beval\b", page.scripts[1])


def test_the_scripts_and_the_style_cannot_end_their_element() -> None:
    for path in flame_page.FOLDER.iterdir():
        if path.suffix != ".html":
            assert "</" not in path.read_text(), path
    assert {path.name for path in flame_page.FOLDER.glob("*.js")} == set(flame_page.SCRIPTS)


def test_stacks_that_are_too_many_are_joined_and_their_sums_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flame_page, "STACKS_MAX", 3)
    made = evidence(events(size_bytes=[31, 37, 37, 101, 13, 7], stack_id=[1, 2, 2, 3, 4, 5]))
    stacks = stack_figures(made)
    page = Page(flame_page.render(report(made), stacks, "live_bytes"))
    assert page.data["joined_stacks"] == 3
    assert page.stacks("live_bytes") == {
        ("main", "allocate_2"): [74, 0, 2],
        ("main", "allocate_3"): [101, 0, 1],
        ("[3 smaller stacks]",): [51, 0, 3],
    }
    for measure in MEASURES:
        whole = sum((row.of(measure) for row in stacks), Amount())
        assert sum(row[0] for row in page.stacks(measure).values()) == pytest.approx(whole.value)


def test_sites_that_are_too_many_are_left_to_the_json_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flame_page, "SITES_MAX", 2)
    data = page_of(events(size_bytes=[31, 37, 101], stack_id=[1, 2, 3])).data
    names = [site["location"]["function"] for site in data["report"]["hotspots"]]
    assert (names, data["site_count"]) == (["allocate_3", "allocate_2"], 3)
