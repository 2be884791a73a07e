# SPDX-License-Identifier: BSD-2-Clause
"""The pages in a real browser: what they load, what their scripts do, and what they cannot do."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from browser import Browser
from format_samples import finding, golden, result, rich
from raceshim.formats import _json
from raceshim.formats._documents import Document
from raceshim.trace._page import page as trace_page
from raceshim.view._page import Extras, page
from test_view import trace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.long
NASTY = "</script><script>window.broken=1</script><img src=x onerror=window.broken=1>"
VISIBLE = "[...document.querySelectorAll('details.finding')].filter((e) => !e.hidden).length"
OPEN = "document.querySelectorAll('details.finding[open]').length"


@pytest.fixture(name="browser", scope="module")
def _browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


def written(folder: Path, **fields: Any) -> Path:  # noqa: ANN401
    file = folder / "page.html"
    documents = [Document("a.json", "", _json.document(rich()))]
    file.write_text(page(documents, Extras(**fields)), encoding="utf-8")
    return file


def errors(browser: Browser) -> list[str]:
    """Return what the browser has complained of."""
    logged = [e["entry"]["text"] for e in browser.told("Log.entryAdded")]
    return logged + [str(e) for e in browser.told("Runtime.exceptionThrown")]


def requested(browser: Browser) -> list[str]:
    return [e["request"]["url"] for e in browser.told("Network.requestWillBeSent")]


def search(browser: Browser, text: str) -> int:
    browser.evaluate(
        f"(() => {{ const s = document.getElementById('search'); s.value = {text!r};"
        "s.dispatchEvent(new Event('input')); })()"
    )
    return int(browser.evaluate(VISIBLE))


def test_the_page_loads_nothing_and_has_no_errors(browser: Browser, tmp_path: Path) -> None:
    file = written(tmp_path, timelines={"": [trace()]})
    browser.open(file)
    assert requested(browser) == [file.as_uri()]
    assert errors(browser) == []
    assert browser.evaluate("document.getElementById('bar').hidden") is False
    assert browser.evaluate("document.getElementById('found').textContent") == "7 of 7"


def test_findings_are_searched_and_filtered(browser: Browser, tmp_path: Path) -> None:
    browser.open(written(tmp_path))
    assert search(browser, "heap-use-after-free") == 1
    assert search(browser, "no such thing") == 0
    assert search(browser, "(") == 0  # no expression yet: the last one stays
    assert browser.evaluate("document.getElementById('search').className") == "bad"
    assert search(browser, "") == 7
    browser.evaluate(
        "(() => { const s = document.getElementById('state'); s.value = 'suppressed';"
        "s.dispatchEvent(new Event('change')); })()"
    )
    assert browser.evaluate(VISIBLE) == 2


def test_links_and_buttons_open_findings(browser: Browser, tmp_path: Path) -> None:
    file = written(tmp_path)
    browser.open(file)
    assert browser.evaluate(OPEN) == 0
    browser.evaluate("document.getElementById('open').click()")
    assert browser.evaluate(OPEN) == 7
    for kind in ("keyDown", "keyUp"):
        browser("Input.dispatchKeyEvent", type=kind, key="Escape", code="Escape")
    assert browser.evaluate(OPEN) == 0
    name = rich().findings[1].fingerprint
    browser.open("about:blank")
    browser.open(f"{file.as_uri()}#{name}")
    assert browser.evaluate("document.querySelector('details.finding[open]').id") == name
    assert browser.evaluate(OPEN) == 1


def test_the_page_is_dark_where_people_want_it_so(browser: Browser, tmp_path: Path) -> None:
    browser.open(written(tmp_path))
    colours = []
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        browser("Emulation.setEmulatedMedia", features=[feature])
        colours.append(browser.evaluate("getComputedStyle(document.body).backgroundColor"))
    browser("Emulation.setEmulatedMedia", features=[])
    assert colours == ["rgb(255, 255, 255)", "rgb(27, 27, 31)"]


def test_all_can_be_read_without_a_script(browser: Browser, tmp_path: Path) -> None:
    browser("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.load(written(tmp_path, timelines={"": [trace()]}))
        html = browser.html()
        browser.click("details.finding summary")
        clicked = browser.html()
    finally:
        browser("Emulation.setScriptExecutionDisabled", value=False)
    assert '<div id="bar" hidden' in html
    assert html.count('<details class="finding') == 7
    assert re.findall(r"<details[^>]* (?:hidden|open)=\"\"", html) == []
    assert "<figure>" in html
    assert len(re.findall(r"<details[^>]* open=\"\"", clicked)) == 1


def test_what_a_program_prints_is_never_run(browser: Browser, tmp_path: Path) -> None:
    report = golden("tsan-clang-19-race_plain")
    stacks = tuple(
        replace(s, frames=tuple(replace(f, function=NASTY, file=NASTY) for f in s.frames))
        for s in report.stacks
    )
    one = finding(replace(report, stacks=stacks, kind=NASTY, text=NASTY), programs=(NASTY,))
    of = result(1, findings=(one,), command=(NASTY,), reasons=(NASTY,))
    file = tmp_path / "x.html"
    html = page([Document(NASTY, "", _json.document(of))], Extras(title=NASTY))
    file.write_text(html, encoding="utf-8")
    browser.open(file)
    assert browser.evaluate("window.broken") is None
    assert requested(browser) == [file.as_uri()]
    assert errors(browser) == []
    # The control: markup that did get in is shown up, and the policy still lets none of it run.
    file.write_text(html.replace("<main", f"{NASTY}<main"), encoding="utf-8")
    browser.open(file)
    assert browser.evaluate("window.broken") is None
    assert len(errors(browser)) >= 2
    # And without the policy it would.
    start, _, rest = html.partition('<meta http-equiv="Content-Security-Policy"')
    bare = start + rest.partition(">")[2]
    file.write_text(bare.replace("<main", f"{NASTY}<main"), encoding="utf-8")
    browser.open(file)
    assert browser.evaluate("window.broken") == 1


def test_the_page_of_a_trace_draws_under_the_same_policy(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "trace.html"
    file.write_text(trace_page(trace()), encoding="utf-8")
    browser.open(file)
    assert errors(browser) == []
    assert browser.evaluate("document.getElementById('graph').width") > 100
    assert browser.evaluate("document.getElementById('found').textContent") is not None
