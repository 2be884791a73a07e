# SPDX-License-Identifier: BSD-2-Clause
"""The page of results: all of them, for people, and nothing that a report could break out of."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import html5lib
import pytest
from format_samples import (
    EXAMPLES,
    HOSTILE,
    ROOT,
    finding,
    golden,
    golden_reports,
    race,
    result,
    rich,
)
from hypothesis import given, settings
from raceshim._errors import ToolError, UsageError
from raceshim.cover._model import Row, Share
from raceshim.formats import _json
from raceshim.formats._documents import Document
from raceshim.formats._plain import one_line
from raceshim.report._parse import Frame, Stack
from raceshim.trace._model import BEGIN, END, INSTANT, Event, Trace, Track
from raceshim.view import _page
from raceshim.view._main import main as report_main
from raceshim.view._page import Extras, page
from raceshim.view._source import Sources
from raw_traces import usual

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from harness_programs import Programs, Raceshim
    from raceshim.formats._result import GateResult
    from raceshim.report._parse import Report

#: Elements and attributes that a page may be made of.
TAGS = frozenset(
    re.findall(
        r"\w+",
        "html head meta title style body h1 h2 h3 p br div main section details summary span code "
        "small a table thead tbody tr th td b i ol li pre mark dl dt dd svg rect path g text "
        "figure figcaption input select option button script",
    )
)
LINK = re.compile(r"#.*")


def told(of: GateResult, where: str = "race.json") -> Document:
    return Document(where, "", _json.document(of))


def parsed(html: str) -> Element:
    """Parse a page, by a parser that raises where a browser would only guess."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return parser.parse(html)


def tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def findings(root: Element) -> list[Element]:
    return [e for e in root.iter("details") if "finding" in e.get("class", "").split()]


def text(element: Element) -> str:
    return "".join(element.itertext())


def check_harmless(root: Element) -> None:
    """Check that a page loads nothing, and has one script: the page's own."""
    scripts = [text(e) for e in root.iter("script")]
    assert len(scripts) == 1
    policy = next(
        e.get("content", "") for e in root.iter("meta") if e.get("http-equiv") is not None
    )
    digest = b64encode(sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    for element in root.iter():
        if not isinstance(element.tag, str):
            continue  # a comment
        assert tag(element) in TAGS, element.tag
        for name, value in element.attrib.items():
            assert not name.startswith("on"), name
            assert name not in ("src", "action", "srcset", "background", "data")
            assert name != "href" or LINK.fullmatch(value), value


def test_a_page_has_every_finding_with_both_stacks() -> None:
    of = rich()
    root = parsed(page([told(of)]))
    check_harmless(root)
    shown = findings(root)
    every = (*of.findings, *of.tolerated, *(item.finding for item in of.suppressed))
    assert [e.get("id") for e in shown] == [f.fingerprint for f in every]
    assert [e.get("data-state") for e in shown] == [
        *["open"] * 4, "tolerated", *["suppressed"] * 2
    ]  # fmt: skip
    for element, one in zip(shown, every, strict=True):
        stacks = [e for e in element.iter("section") if e.get("class") == "stack"]
        assert len(stacks) == len(one.report.stacks)
        names = [text(b) for stack in stacks for b in stack.iter("b")]
        assert sorted(names) == sorted(
            one_line(frame.function or "??") for s in one.report.stacks for frame in s.frames
        )
        assert one.title in text(element)


def test_rates_have_their_interval_and_policies() -> None:
    of = rich()
    (shown, *_) = findings(parsed(page([told(of)])))
    rate = of.rate(of.findings[0])
    assert rate is not None
    assert rate.all.text() in text(shown)
    rows = [text(e) for e in shown.iter("tr")]
    assert any(row.startswith("noise") and "of 4 runs" in row for row in rows), rows


def test_every_golden_report_is_on_the_page() -> None:
    every = tuple({f.fingerprint: f for f in map(finding, golden_reports())}.values())
    root = parsed(page([told(result(1, findings=every))]))
    assert {e.get("id") for e in findings(root)} == {f.fingerprint for f in every}
    rules = {e.get("id") for e in root.iter("dt")}
    links = {e.get("href", "")[1:] for e in root.iter("a")}
    assert links <= rules


def test_results_of_several_machines_are_one_page() -> None:
    one, other = race(2), finding(golden("tsan-clang-19-race_template"))
    both = [
        told(result(1, findings=(one, other)), "a.json"),
        told(result(1, tolerated=(one,), command=("make", "more")), "b.json"),
    ]
    root = parsed(page(both))
    shown = {e.get("id"): e for e in findings(root)}
    assert len(shown) == 2
    assert shown[one.fingerprint].get("data-state") == "open"
    assert shown[one.fingerprint].get("data-results") == "0 1"
    assert "reported 4 times" in text(shown[one.fingerprint])
    (table,) = [e for e in root.iter("table") if e.get("class") == "matrix"]
    rows = [[text(cell) for cell in row.iter("td")] for row in table.iter("tr")][1:]
    assert sorted(row[1:] for row in rows) == [["", "yes", "yes"], ["only some", "yes", "-"]]


def at(file: str, line: int) -> Report:
    frame = Frame("bump", file, line, 3, None, None)
    report = golden("tsan-clang-19-race_plain")
    return replace(report, stacks=tuple(replace(stack, frames=(frame,)) for stack in report.stacks))


def marked(html: str) -> list[str]:
    return [text(e).strip() for e in parsed(html).iter("mark")]


def test_source_stands_beside_the_stack(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a.c").write_text("".join(f"line {n} <b>\n" for n in range(1, 30)))
    of = result(1, findings=(finding(at("/build/of/another/src/a.c", 7)),))
    content = replace(told(of), content=_json.document(of) | {"root": "/build/of/another"})
    html = page([content], Extras(sources=Sources([tmp_path])))
    assert marked(html)[:2] == ["7  line 7 <b>"] * 2
    assert "line 4 &lt;b&gt;" in html
    assert "line 3 &lt;b&gt;" not in html
    assert marked(page([content])) == []
    beyond = told(result(1, findings=(finding(at("src/a.c", 77)),)))
    assert marked(page([beyond], Extras(sources=Sources([tmp_path])))) == []


@pytest.mark.parametrize("name", ["{secret}", "../secret", "link", "/proc/self/environ", "a\0b"])
def test_no_file_elsewhere_is_shown(tmp_path: Path, name: str) -> None:
    secret, below = tmp_path / "secret", tmp_path / "below"
    secret.write_text("secret\n")
    below.mkdir()
    (below / "link").symlink_to(secret)
    report = at(name.format(secret=secret), 1)
    html = page([told(result(1, findings=(finding(report),)))], Extras(sources=Sources([below])))
    assert marked(html) == []
    if name != "a\0b":  # the control: below the folder it is shown
        wider = Extras(sources=Sources([Path("/")] if name[0] == "/" else [tmp_path, below]))
        of = told(result(1, findings=(finding(at(str(secret), 1)),)))
        assert marked(page([of], wider))[:1] == ["1  secret"]


def trace() -> Trace:
    tracks = {1: Track(1, "thread", "<main>", tid=7), 2: Track(2, "thread", "worker", tid=8)}
    events = [
        Event(100, BEGIN, 1, "outer <x>"),
        Event(200, BEGIN, 1, "inner"),
        Event(300, INSTANT, 2, "tick"),
        Event(400, END, 1),
        Event(900, END, 1),
    ]
    return Trace("run <1>.pftrace", events, tracks)


def test_a_timeline_stands_with_its_finding() -> None:
    of = result(1, findings=(race(),))
    extras = Extras(timelines={race().fingerprint: [trace()], "": [trace()]})
    root = parsed(page([told(of)], extras))
    check_harmless(root)
    (shown,) = findings(root)
    assert len(list(shown.iter("figure"))) == 1
    assert len(list(root.iter("figure"))) == 2
    titles = {text(e) for e in shown.iter() if tag(e) == "title"}
    assert titles == {"outer <x>, 800ns", "inner, 200ns", "tick, at 200ns"}
    labels = [text(e) for e in shown.iter() if tag(e) == "text"]
    assert "<main> 7" in labels
    assert "worker 8" in labels


def test_a_trace_that_the_result_names_is_drawn(tmp_path: Path) -> None:
    of = _json.document(result(1, findings=(race(),)))
    for name, content, figures in (
        ("run.trace", usual().bytes(), 1),
        ("other.c", b"int main;", 0),
        ("missing", None, 0),
    ):
        file = tmp_path / name
        if content is not None:
            file.write_bytes(content)
        of["findings"][0]["flight"] = {"path": str(file), "pid": 1, "reason": "", "threads": []}
        (shown,) = findings(parsed(page([Document("x", "", of)])))
        assert len(list(shown.iter("figure"))) == figures


def test_coverage_is_summed_up() -> None:
    rows = [Row("src", Share(1, 2), Share(1, 1), Share()), Row("total", Share(1, 2))]
    root = parsed(page([told(result(0))], Extras(coverage=rows)))
    assert "50.0% (1/2)" in text(root)


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 130])
def test_every_verdict_is_told_with_its_reasons(code: int) -> None:
    of = result(code, reasons=("no process ran under it",), notes=("look <there>",))
    shown = text(parsed(page([told(of)])))
    assert of.verdict in shown
    assert "no process ran under it" in shown
    assert "look <there>" in shown


def many(count: int, frames: int) -> GateResult:
    """Return a result of findings that are all different, with stacks so deep."""
    report = golden("tsan-clang-19-race_plain")
    found = []
    for number in range(count):
        calls = tuple(
            Frame(
                f"call_{number}_{depth}",
                f"{ROOT}/src/f{number}.c",
                depth + 1,
                3,
                None,
                None,
            )
            for depth in range(frames)
        )
        stacks = tuple(replace(stack, frames=calls) for stack in report.stacks)
        one = replace(report, stacks=stacks, text=report.text * (frames // 4))
        found.append(replace(finding(one), fingerprint=f"v1-{number:016x}"))
    return result(1, findings=tuple(found))


def test_a_page_stays_small_and_says_what_it_lacks() -> None:
    small = page([told(many(500, 8))])
    assert len(small) < 5_000_000
    assert "shorter than in the results" not in small
    large = page([told(many(500, 50))])
    assert len(large.encode()) < 5_000_000
    assert large.count('<details class="finding ') == 500
    assert re.search(r"\d+ are shorter than in the results", large)


def test_findings_without_room_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_page, "_BYTES", 60_000)
    html = page([told(many(100, 30))])
    assert len(html.encode()) < 75_000
    shown = html.count('<details class="finding ')
    assert 5 < shown < 100
    assert f"{100 - shown} findings are not on this page" in html


def _damaged(content: dict[str, Any], what: str) -> None:
    (first, *_) = content["findings"]
    match what:
        case "no findings":
            del content["findings"]
        case "markup for a number":
            first["rate"] = {**first["rate"], "shown": "<img src=x>"}
        case "markup for runs to 95 %":
            first["rate"] = {**first["rate"], "runs_to_95": "<img src=x>"}
        case "another state":
            first["state"] = 'x" onclick="y'
        case "stacks are none":
            first["stacks"] = [1]
        case "unknown frame":
            first["stacks"][0]["frames"] = [{"x": 1}]


@pytest.mark.parametrize(
    "what",
    [
        "no findings",
        "markup for a number",
        "markup for runs to 95 %",
        "another state",
        "stacks are none",
        "unknown frame",
    ],
)
def test_damaged_results_are_refused(what: str) -> None:
    content = _json.document(rich())
    _damaged(content, what)
    with pytest.raises(ToolError, match=r"x\.json: damaged"):
        page([Document("x.json", "", content)])


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(max_examples=max(EXAMPLES // 4, 30), deadline=None)
@given(of=HOSTILE)
def test_no_report_becomes_markup(of: GateResult) -> None:
    trouble = Extras(title='"><script>x</script>', timelines={"": [trace()]})
    root = parsed(page([told(of, "<x>.json")], trouble))
    check_harmless(root)
    every = (*of.findings, *of.tolerated, *(item.finding for item in of.suppressed))
    assert {e.get("id") for e in findings(root)} == {one_line(f.fingerprint) for f in every}


def test_the_checks_of_this_file_see_markup() -> None:
    html = page([told(rich())])
    for bad in (
        '<img src="x">',
        '<p onclick="x">x</p>',
        "<script>x</script>",
        '<a href="http://x">x</a>',
    ):
        with pytest.raises((AssertionError, ValueError)):
            check_harmless(parsed(html.replace("<main", f"{bad}<main")))
    with pytest.raises(html5lib.html5parser.ParseError):
        parsed(html.replace("</main>", "</div>"))


def test_gate_writes_the_page_with_the_source(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    racy = programs("plain", race=True)
    file, data = tmp_path / "race.html", tmp_path / "race.json"
    raceshim("gate", "--html", file, "--json", data, "--", racy, status=1, cwd=racy.parent)
    root = parsed(file.read_text(encoding="utf-8"))
    check_harmless(root)
    assert len(findings(root)) == 1
    (first, *_) = marked(file.read_text(encoding="utf-8"))
    assert "shared++" in first
    again = tmp_path / "again.html"
    options = ("--title", "again", "--sources", racy.parent, "-o", again)
    raceshim("report", "html", data, *options)
    assert "shared++" in marked(again.read_text(encoding="utf-8"))[0]
    assert text(next(parsed(again.read_text(encoding="utf-8")).iter("h1"))) == "again"
    shown = raceshim("report", "html", data, cwd=tmp_path).stdout
    assert marked(shown) == []


def test_runs_of_a_gate_have_rates_on_the_page(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    racy, file = programs("plain", race=True), tmp_path / "race.html"
    raceshim("gate", "--runs", "2", "--policy", "none", "--html", file, "--", racy, status=1)
    assert re.search(r"\d of 2 runs \(", file.read_text(encoding="utf-8"))


def test_a_folder_of_programs_has_a_page(raceshim: Raceshim, tmp_path: Path) -> None:
    program = Path(__file__).parents[2] / "testdata" / "races" / "norace_create_join.c"
    file, data = tmp_path / "p.html", tmp_path / "p.json"
    raceshim("gate", "--html", file, "--json", data, program)
    assert "norace_create_join.c" in text(parsed(file.read_text(encoding="utf-8")))
    assert raceshim("report", "html", data).stdout.count("norace_create_join.c") >= 1


def test_what_cannot_be_read_is_no_page(raceshim: Raceshim, tmp_path: Path) -> None:
    bad, good, out = tmp_path / "bad.json", tmp_path / "good.json", tmp_path / "x.html"
    bad.write_text("{}")
    good.write_text(json.dumps(_json.document(rich())))
    shown = raceshim("report", "html", "-o", out, good, bad, status=4).stderr
    assert "bad.json: not written by raceshim gate --json" in shown
    assert not out.exists()
    for words in (
        ["-o", str(out), str(tmp_path / "none.json")],
        ["-o", str(good / "x"), str(good)],
    ):
        with pytest.raises(ToolError):
            report_main(["html", *words])
    for option in ("--sources", "--trace"):
        with pytest.raises(UsageError):
            report_main(["html", option, str(tmp_path / "none"), str(good)])
    assert report_main([]) == 2


def test_stacks_of_other_kinds_have_a_place() -> None:
    report = replace(
        golden("tsan-clang-19-race_plain"), stacks=(Stack("at", "other", (), None, restored=False),)
    )
    shown = text(parsed(page([told(result(1, findings=(finding(report),)))])))
    assert "the detector has lost this stack" in shown
