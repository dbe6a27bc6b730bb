"""The flame graph as one SVG file."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

import pytest

from memscope_daemon.model.stacks import MEASURES, NOTHING, Amount, Frame, Origin, StackFigures
from memscope_daemon.query.report import report
from memscope_daemon.query.stacks import stack_figures
from memscope_daemon.render import flame_svg
from tests.unit.query.evidence_for_tests import evidence
from tests.unit.render.hostile import NAMES, hostile_report, hostile_stacks
from tests.unit.server.mini_shipper import BYTES, events

SVG = "{http://www.w3.org/2000/svg}"
PROGRAM = events(
    kind=[1, 1, 1, 2, 1],
    allocation_id=[1, 2, 3, 1, 4],
    size_bytes=[31, 37, 101, 31, 13],
    stack_id=[1, 1, 2, 1, 0],
)


def drawn(content: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(content)


def boxes(svg: ElementTree.Element) -> Iterator[tuple[str, str, ElementTree.Element]]:
    """Name, figures and rectangle of each box."""
    for group in svg.iter(f"{SVG}g"):
        title, rectangle = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        assert title is not None and title.text and rectangle is not None
        name, figures = title.text.rsplit("\n", 1)
        yield name, figures, rectangle


def of_program(measure: str) -> ElementTree.Element:
    made = evidence(PROGRAM)
    return drawn(flame_svg.render(report(made), stack_figures(made), measure))


def test_each_box_tells_name_figures_and_share() -> None:
    found = {name: figures for name, figures, _ in boxes(of_program("live_bytes"))}
    assert found == {
        "all": "151 B, 3 samples, 100 % of all",
        "main (main.py:1)": "138 B, 2 samples, 91 % of all",
        "allocate_2 (file_2.py:2)": "101 B, 1 sample, 67 % of all",
        "allocate_1 (file_1.py:1)": "37 B, 1 sample, 25 % of all",
        "[no Python frame]": "13 B, 1 sample, 8.6 % of all",
    }


def test_a_box_is_as_wide_as_its_figure_and_stands_on_its_caller() -> None:
    found = {name: rectangle for name, _, rectangle in boxes(of_program("allocated_bytes"))}

    def at(name: str, attribute: str) -> float:
        return float(found[name].attrib[attribute])

    assert at("main (main.py:1)", "width") == pytest.approx(at("all", "width") * 169 / 182, abs=0.1)
    assert at("allocate_2 (file_2.py:2)", "y") < at("main (main.py:1)", "y") < at("all", "y")
    # The widest stands left, and beside it without a gap the next one.
    two = at("allocate_2 (file_2.py:2)", "x")
    assert two == at("main (main.py:1)", "x")
    assert at("allocate_1 (file_1.py:1)", "x") == pytest.approx(
        two + at("allocate_2 (file_2.py:2)", "width"), abs=0.1
    )


@pytest.mark.parametrize("measure", MEASURES)
def test_the_whole_and_what_cannot_be_seen_stand_above_the_graph(measure: str) -> None:
    texts = [text.text or "" for text in of_program(measure).findall(f"{SVG}text")]
    assert texts[0].startswith("made_up.py · pid 4242 · CPython 3.11.2 · ")
    assert texts[0].endswith({"live_count": "= 3", "allocated_count": "= 4"}.get(measure, " B"))
    assert any(text.startswith("RSS is not known") for text in texts)
    assert any(text.startswith("quality: exact") for text in texts)


def test_a_sampled_figure_has_its_error() -> None:
    made = evidence(events(size_bytes=[31] * 25, weight=[16_913.3] * 25), mode=BYTES, value=524_288.0)
    svg = drawn(flame_svg.render(report(made), stack_figures(made), "live_bytes"))
    assert {figures for _, figures, _ in boxes(svg)} == {"12.5 MiB ± 20 %, 25 samples, 100 % of all"}


def test_any_name_may_stand_in_it() -> None:
    content = flame_svg.render(hostile_report(), hostile_stacks(), "live_bytes")
    svg = drawn(content)
    assert len(list(boxes(svg))) == len(NAMES) + 2
    assert {element.tag.removeprefix(SVG) for element in svg.iter()} == {
        "svg", "title", "style", "text", "g", "rect",
    }  # fmt: skip
    names = {name for name, _, _ in boxes(svg)}
    assert f"{NAMES[0]} (/srv/{NAMES[0]}.py:1)" in names


def test_nothing_has_to_be_fetched_and_nothing_runs() -> None:
    svg = drawn(flame_svg.render(hostile_report(), hostile_stacks(), "live_bytes"))
    attributes = {name for element in svg.iter() for name in element.attrib}
    assert not {name for name in attributes if name.startswith("on") or "href" in name}
    (style,) = (element.text or "" for element in svg.iter(f"{SVG}style"))
    assert "url(" not in style and "@import" not in style


def test_a_session_without_samples_is_a_graph_without_boxes() -> None:
    made = evidence(events(size_bytes=[]))
    assert list(boxes(drawn(flame_svg.render(report(made), (), "live_bytes")))) == []


def test_boxes_too_narrow_to_be_seen_are_left_out_and_deep_stacks_are_drawn_whole() -> None:
    deep = tuple(Frame(f"f{depth}", "deep.py", depth, Origin.USER) for depth in range(1, 513))
    tiny = (Frame("tiny", "tiny.py", 1, Origin.STDLIB),)
    rows = [
        StackFigures(frames, Amount(value, 0.0, 1), NOTHING, NOTHING, NOTHING, NOTHING)
        for frames, value in ((deep, 1e9), (tiny, 1.0))
    ]
    names = [name for name, _, _ in boxes(drawn(flame_svg.render(hostile_report(), rows, "live_bytes")))]
    assert len(names) == 513
    assert not any(name.startswith("tiny") for name in names)
