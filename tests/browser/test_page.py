"""The HTML report, driven as its reader would."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from memscope_daemon.model.report import Estimate
from memscope_daemon.model.stacks import MEASURES, NO_FRAME_NAME, Amount
from memscope_daemon.render import amounts, flame_page
from tests.browser.shop import FRAMES, LIBRARIES, STACKS
from tests.support.browser import opened
from tests.unit.render.hostile import NAMES, hostile_report, hostile_stacks

FIELDS = {
    "live_bytes": "live_size",
    "live_count": "live_count",
    "allocated_bytes": "total_size",
    "allocated_count": "allocation_count",
    "peak_bytes": "peak_size",
}
TOTALS = {
    "current_memory_bytes": "live_bytes",
    "active_allocations": "live_count",
    "total_allocated_bytes": "allocated_bytes",
    "total_allocations": "allocated_count",
    "total_deallocated_bytes": "freed_bytes",
    "peak_memory_bytes": "peak_bytes",
}
LABELS = {
    "live_bytes": "Live",
    "live_count": "Blocks live",
    "allocated_bytes": "Allocated",
    "allocated_count": "Blocks allocated",
    "peak_bytes": "At the peak",
}


def estimate(document: dict[str, Any], name: str) -> Estimate:
    """As it stands in a JSON report."""
    high = document[f"{name}_high"]
    return Estimate(
        document[name],
        document[f"{name}_low"],
        math.inf if high is None else high,
        document[f"{name}_samples"],
        document[f"{name}_exact"],
    )


def boxes(page: Page) -> dict[str, str]:
    """The figures of each box by its name, as a screen reader has them."""
    labels = page.locator("#flame .box").evaluate_all("found => found.map(one => one.ariaLabel)")
    return dict(str(label).rsplit("\n", 1) for label in labels)


def box(page: Page, function: str) -> Locator:
    """The first box of a function."""
    return page.locator("#flame .box", has_text=re.compile(f"^{re.escape(function)}$")).first


def share_of(text: str | None) -> float:
    """The percentage in a text."""
    found = re.search(r"([\d.]+) % of", text or "")
    assert found, text
    return float(found[1])


def top_and_width(found: Locator) -> tuple[float, float]:
    place = found.bounding_box()
    assert place is not None
    return place["y"], place["width"]


# --- figures ---------------------------------------------------------------------------------------------


def test_the_totals_are_those_of_the_json_report(page: Page, report_json: dict[str, Any]) -> None:
    shown = {name: page.locator(f"#{name}").inner_text() for name in TOTALS}
    assert shown == {
        name: amounts.estimate_text(estimate(report_json, name), measure) for name, measure in TOTALS.items()
    }


def test_the_table_has_every_site_of_the_json_report_with_its_intervals(
    page: Page, report_json: dict[str, Any]
) -> None:
    rows = page.locator("#sites tbody tr")
    expect(rows).to_have_count(len(report_json["hotspots"]))
    expected = sorted(report_json["hotspots"], key=lambda site: -site["live_size"])
    for index, site in enumerate(expected):
        row, location = rows.nth(index), site["location"]
        where = f"{location['file']}:{location['line']}" if location["file"] else ""
        assert row.locator("button").inner_text() == (location["function"] or NO_FRAME_NAME)
        assert row.locator(".where").text_content() == where
        for measure, field in FIELDS.items():
            shown = row.locator(f"[data-name={measure}]").inner_text()
            assert shown == amounts.estimate_text(estimate(site, field), measure), (index, measure)
        assert row.locator("[data-name=samples]").inner_text() == f"{site['live_size_samples']:,}"


def test_what_the_report_cannot_see_and_its_quality_stand_above_everything_else(
    page: Page, report_json: dict[str, Any]
) -> None:
    assert page.locator("#preface li").all_inner_texts() == report_json["preface"]
    assert page.locator("#grade").inner_text() == f"quality: {report_json['quality']['grade']}"
    expect(page.locator("#quality-text")).to_contain_text("alloc_ring_full 3")
    preface, graph = page.locator("#preface").bounding_box(), page.locator("#flame").bounding_box()
    assert preface is not None and graph is not None and preface["y"] < graph["y"]


@pytest.mark.parametrize("measure", MEASURES)
def test_each_measure_has_its_own_graph_and_order(
    page: Page, report_json: dict[str, Any], measure: str
) -> None:
    page.get_by_role("radio", name=LABELS[measure], exact=True).check(force=True)
    whole = boxes(page)["all"]
    total = next(name for name, of in TOTALS.items() if of == measure)
    value = amounts.estimate_text(estimate(report_json, total), measure).split(" (")[0]
    assert whole.startswith(value.removeprefix("= "))
    assert f", {report_json[f'{total}_samples']} samples" in whole
    sites = sorted(report_json["hotspots"], key=lambda site: -site[FIELDS[measure]])
    assert page.locator("#sites tbody button").all_inner_texts() == [
        site["location"]["function"] or NO_FRAME_NAME for site in sites
    ]
    expect(page.locator("th[aria-sort=descending]")).to_have_text(LABELS[measure])


def test_the_words_for_figures_are_those_of_the_command_line(page: Page) -> None:
    ties = [0.5, 1.5, 2.5, 1.125 * 1024, 1.375 * 1024, 10.25 * 1024, 10.75 * 1024, 100.5 * 1024]
    values = [0.0, 1.0, 37.4, 999.4, 999.6, 1009.0, 104_729.0, 7_340_033.0, 1e9, 3.3e13, 9.9e15, *ties]
    made = [
        Estimate(value, value * low, high, 7, exact)
        for value in values
        for low, high in ((0.5, value * 1.7 + 11), (0.0, value * 500 + 1), (1.0, value), (0.1, math.inf))
        for exact in (low == 1.0,)
    ]
    sums = [Amount(value, value * value / count, count) for value in values for count in (1, 2, 104_729)]
    script = (flame_page.FOLDER / "amounts.js").read_text()
    for measure in ("live_bytes", "live_count"):
        given = [
            [one.value, one.low, None if math.isinf(one.high) else one.high, one.exact] for one in made
        ]
        texts = page.evaluate(
            f"([given, measure]) => {{ {script}; return given.map(([value, low, high, exact]) =>"
            " estimateText({ value, low, high, exact }, measure)); }",
            [given, measure],
        )
        assert texts == [amounts.estimate_text(one, measure) for one in made]
        texts = page.evaluate(
            f"([given, measure]) => {{ {script}; return given.map(([value, variance, samples]) =>"
            " amountText({ value, variance, samples }, measure)); }",
            [[[one.value, one.variance, one.sample_count] for one in sums], measure],
        )
        assert texts == [amounts.amount_text(one, measure) for one in sums]


# --- search ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", ["remember", "ORDER", "json/encoder.py:258", "no such thing"])
def test_search_tells_the_share_of_all_stacks_that_match(
    page: Page, live_bytes: dict[tuple[str, ...], float], wanted: str
) -> None:
    page.get_by_role("searchbox").fill(wanted)
    text = {name: f"{name} ({file}:{line})".lower() for name, (file, line) in FRAMES.items()}
    matching = {name for name in FRAMES if wanted.lower() in text[name]}
    matched = sum(value for stack, value in live_bytes.items() if matching & set(stack))
    share = matched / sum(live_bytes.values())
    found = page.locator("#matched").inner_text()
    assert found.startswith(f"Matched {amounts.percent_text(share)} of all: ")
    marked = page.locator("#flame .box.hit").evaluate_all("found => found.map(one => one.textContent)")
    assert set(marked) == matching
    sites = page.locator("#sites tbody button").all_inner_texts()
    assert set(sites) == matching & {stack[-1] for stack in STACKS}
    page.get_by_role("searchbox").fill("")
    expect(page.locator("#flame .box.hit")).to_have_count(0)
    assert page.locator("#matched").inner_text() == ""


def test_a_click_on_a_site_shows_where_it_stands_in_the_graph(page: Page) -> None:
    page.locator("#sites tbody").get_by_role("button", name="Shop.remember").click()
    marked = page.locator("#flame .box.hit").evaluate_all("found => found.map(one => one.textContent)")
    assert set(marked) == {"Shop.remember"}


def test_within_a_zoom_the_share_is_of_what_is_zoomed_to(
    page: Page, live_bytes: dict[tuple[str, ...], float]
) -> None:
    box(page, "dispatch_request").click()
    page.get_by_role("searchbox").fill("remember")
    below = {stack: value for stack, value in live_bytes.items() if "dispatch_request" in stack}
    share = sum(value for stack, value in below.items() if "Shop.remember" in stack) / sum(below.values())
    found = page.locator("#matched").inner_text()
    assert found.startswith(f"Matched {amounts.percent_text(share)} of what is zoomed to: ")


# --- zoom ------------------------------------------------------------------------------------------------


def test_a_click_zooms_and_back_goes_back(page: Page) -> None:
    whole = top_and_width(box(page, "all"))[1]
    before = top_and_width(box(page, "dispatch_request"))[1]
    assert before < 0.9 * whole
    box(page, "dispatch_request").click()
    assert top_and_width(box(page, "dispatch_request"))[1] == pytest.approx(whole, abs=1)
    box(page, "Shop.order").click()
    assert top_and_width(box(page, "Shop.order"))[1] == pytest.approx(whole, abs=1)
    page.get_by_role("button", name="Back").click()
    expect(box(page, "JSONEncoder.iterencode")).to_be_visible()
    assert top_and_width(box(page, "dispatch_request"))[1] == pytest.approx(whole, abs=1)
    page.get_by_role("button", name="Back").click()
    assert top_and_width(box(page, "dispatch_request"))[1] == pytest.approx(before, abs=1)
    expect(page.get_by_role("button", name="Back")).to_be_disabled()


def test_a_click_on_a_caller_zooms_out_to_it(page: Page) -> None:
    box(page, "JSONEncoder.iterencode").click()
    page.get_by_role("button", name="Whole graph").click()
    expect(page.get_by_role("button", name="Whole graph")).to_be_disabled()
    box(page, "dispatch_request").click()
    box(page, "all").click()
    expect(page.get_by_role("button", name="Whole graph")).to_be_disabled()


def test_the_graph_can_be_walked_and_zoomed_by_keys(page: Page) -> None:
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("Tab")
    expect(box(page, "all")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    focused = page.locator(":focus")
    widest = focused.get_attribute("aria-label")
    assert focused.get_attribute("aria-level") == "3"
    page.keyboard.press("ArrowRight")
    assert focused.get_attribute("aria-level") == "3"
    assert focused.get_attribute("aria-label") != widest
    page.keyboard.press("ArrowLeft")
    assert focused.get_attribute("aria-label") == widest
    page.keyboard.press("Enter")
    whole = top_and_width(box(page, "all"))[1]
    assert focused.get_attribute("aria-label") == widest
    assert top_and_width(focused)[1] == pytest.approx(whole, abs=1)
    page.keyboard.press("Escape")
    expect(box(page, "all")).to_be_focused()
    expect(page.get_by_role("button", name="Whole graph")).to_be_disabled()


def test_a_box_that_is_looked_at_is_described(page: Page) -> None:
    box(page, "Shop.order").hover()
    expect(page.locator("#detail")).to_contain_text("/srv/shop/order.py:31")
    expect(page.locator("#detail")).to_contain_text("samples")


# --- invert, hide libraries, theme -----------------------------------------------------------------------


def test_inverted_the_graph_begins_at_the_lines_that_allocate(
    page: Page, live_bytes: dict[tuple[str, ...], float]
) -> None:
    assert top_and_width(box(page, "all"))[0] > top_and_width(box(page, "main"))[0]
    page.get_by_role("button", name="Invert").click()
    first = page.locator("#flame .box[aria-level='2']").evaluate_all(
        "found => found.map(one => [one.textContent, one.ariaLabel])"
    )
    whole = sum(live_bytes.values())
    by_site: dict[str, float] = {}
    for stack, value in live_bytes.items():
        name = stack[-1] if stack else NO_FRAME_NAME
        by_site[name] = by_site.get(name, 0.0) + value
    assert {name: share_of(label) for name, label in first} == {
        name: share_of(f"{amounts.percent_text(value / whole)} of") for name, value in by_site.items()
    }
    assert top_and_width(box(page, "all"))[0] < top_and_width(box(page, "Shop.remember"))[0]
    page.get_by_role("button", name="Invert").click()
    assert top_and_width(box(page, "all"))[0] > top_and_width(box(page, "main"))[0]


def test_hidden_libraries_are_folded_into_the_code_that_called_them(
    page: Page, live_bytes: dict[tuple[str, ...], float]
) -> None:
    before = boxes(page)
    page.get_by_role("button", name="Hide libraries").click()
    after = boxes(page)
    assert not any(library in name for name in after for library in LIBRARIES)
    assert after["all"] == before["all"], "nothing is lost"
    whole = sum(live_bytes.values())
    alone = sum(value for stack, value in live_bytes.items() if stack and set(stack) <= LIBRARIES)
    assert share_of(after["[libraries only]"]) == share_of(f"{amounts.percent_text(alone / whole)} of")
    order = sum(value for stack, value in live_bytes.items() if "Shop.order" in stack)
    assert share_of(after["Shop.order (/srv/shop/order.py:31)"]) == share_of(
        f"{amounts.percent_text(order / whole)} of"
    )
    page.get_by_role("button", name="Hide libraries").click()
    assert boxes(page) == before


def test_the_theme_follows_the_system_until_somebody_chooses(page: Page) -> None:
    root, button = page.locator("html"), page.get_by_role("button", name="Dark")
    expect(root).to_have_attribute("data-theme", "light")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="dark")
    expect(root).to_have_attribute("data-theme", "dark")
    expect(button).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    button.click()
    expect(root).to_have_attribute("data-theme", "light")
    page.emulate_media(color_scheme="light")
    page.emulate_media(color_scheme="dark")
    expect(root).to_have_attribute("data-theme", "light")


# --- narrow windows, hostile names, no network -----------------------------------------------------------


@pytest.mark.parametrize("width", [390, 768, 1024, 1280])
def test_nothing_sticks_out_of_the_window(browser: Browser, report_html: Path, width: int) -> None:
    with opened(browser, report_html, width) as (page, seen):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        inside = page.locator("button:visible, #search, #sites td").evaluate_all(
            "(found, width) => found.filter(one => one.getBoundingClientRect().right > width).length", width
        )
        assert inside == 0
        assert seen.errors == []


def test_a_name_is_a_name_and_nothing_else(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_bytes(flame_page.render(hostile_report(), hostile_stacks(), "live_bytes"))
    with opened(browser, path) as (page, seen):
        assert page.evaluate("window.hacked === undefined")
        expect(page.locator("script, img")).to_have_count(2)
        shown = page.locator("#sites tbody button").evaluate_all("found => found.map(one => one.textContent)")
        expected = json.loads(json.dumps(NAMES).replace("\\udc80", "\\ufffd"))
        assert sorted(name.replace("\udc80", "\ufffd") for name in shown) == sorted(expected)
        boxes_shown = page.locator("#flame .box").evaluate_all("found => found.map(one => one.textContent)")
        assert len(boxes_shown) == len(NAMES) + 2
        page.get_by_role("searchbox").fill("</script>")
        expect(page.locator("#flame .box.hit")).to_have_count(1)
        assert (seen.errors, seen.requests) == ([], [path.as_uri()])


def test_even_a_script_in_the_page_could_not_reach_the_network(browser: Browser, report_html: Path) -> None:
    with opened(browser, report_html) as (page, seen):
        outcome = page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')")
        assert outcome == "refused"
        assert any("Content Security Policy" in error for error in seen.errors)
        assert seen.requests == [report_html.as_uri()]
