# SPDX-License-Identifier: BSD-2-Clause
"""Flame graphs: documents that are well-formed whatever a function is called, and true to scale."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import raceshim as package
from lxml import etree, html
from profiles import Builder, usual
from raceshim.prof._main import main

NASTY = "f</script><script>alert(1)</script><!--&\"'\x1b\x00]]>"
SVG = "{http://www.w3.org/2000/svg}"
SCRIPT = Path(package.__file__).parent / "prof/flamegraph.js"


def draw(builder: Builder, output: Path, *options: str) -> str:
    """Return the graph of a profile."""
    file = builder.write(output.with_suffix(".pb.gz"))
    assert main(["flamegraph", "-o", str(output), *options, str(file)]) == 0
    return output.read_text(encoding="utf-8")


def svg(builder: Builder, folder: Path, *options: str) -> dict[str, tuple[float, float, float]]:
    """Return x, y and width of the rectangles by what they say of themselves."""
    root = etree.fromstring(draw(builder, folder / "x.svg", *options).encode())
    assert root.tag == f"{SVG}svg"
    found = {}
    for group in root.iter(f"{SVG}g"):
        title, rect = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        x, y, width = (float(rect.get(name)) for name in ("x", "y", "width"))
        found[title.text] = (x, y, width)
    return found


def page_data(text: str) -> dict[str, Any]:
    """Return the tree that a page carries."""
    (script,) = html.fromstring(text).xpath('//script[@type="application/json"]')
    value: dict[str, Any] = json.loads(script.text)
    return value


def test_svg_is_true_to_scale(tmp_path: Path) -> None:
    found = svg(usual(), tmp_path)
    assert list(found) == [
        "all: 1s, 100.0%",
        "main: 1s, 100.0%",
        "worker: 1s, 100.0%",
        "hot75: 750ms, 75.0%",
        "memcpy [libc.so.6]: 150ms, 15.0%",
        "hot25: 250ms, 25.0%",
    ]
    whole, hot75, memcpy, hot25 = (list(found.values())[i] for i in (0, 3, 4, 5))
    assert hot75[2] / whole[2] == pytest.approx(0.75, abs=0.001)
    assert memcpy[2] / whole[2] == pytest.approx(0.15, abs=0.001)
    assert hot75[0] == memcpy[0] == whole[0]
    assert hot25[0] == pytest.approx(hot75[0] + hot75[2], abs=0.5)
    assert hot25[1] == hot75[1] == memcpy[1] - 17 == whole[1] + 3 * 17


def test_svg_of_callers(tmp_path: Path) -> None:
    found = svg(usual(), tmp_path, "--callers")
    assert found["hot75: 600ms, 60.0%"][1] == found["memcpy [libc.so.6]: 150ms, 15.0%"][1]
    assert found["hot75: 150ms, 15.0%"][1] > found["hot75: 600ms, 60.0%"][1]


def test_svg_says_what_it_is_of(tmp_path: Path) -> None:
    text = draw(usual().sample("_LostExtra", 100), tmp_path / "x.svg", "--title", "A & B")
    words = etree.fromstring(text.encode()).xpath("//*[local-name()='text']/text()")
    assert words[0] == "A & B"
    assert "clock: perf_event cpu-clock 100 Hz" in words
    assert "lost: 50.0% (extra 1s)" in words


def test_svg_loads_and_runs_nothing(tmp_path: Path) -> None:
    text = draw(usual(), tmp_path / "x.svg")
    assert "script" not in text
    assert re.findall(r"(?:href|src|url|import)\b", text) == []
    assert re.findall(r"https?://\S+", text) == ['http://www.w3.org/2000/svg"']


@pytest.mark.parametrize("suffix", ["svg", "html"])
def test_no_name_spoils_the_document(tmp_path: Path, suffix: str) -> None:
    builder = Builder().sample("main f", 1).comment(f"clock: {NASTY}")
    builder.message.string_table[builder.string("f")] = NASTY.encode() + b"\xff"
    text = draw(builder, tmp_path / f"x.{suffix}")
    if suffix == "svg":
        root = etree.fromstring(text.encode())
        assert any("</script>" in (t or "") for t in root.xpath("//*[local-name()='title']/text()"))
        assert root.xpath("//*[local-name()='script']") == []
    else:
        scripts = html.fromstring(text).xpath("//script")
        assert len(scripts) == 2
        assert "</script><script>alert(1)" in page_data(text)["names"][-1][0]


def test_page_is_well_formed_and_self_contained(tmp_path: Path) -> None:
    text = draw(usual(), tmp_path / "x.html")
    parser = etree.HTMLParser(recover=False)
    etree.fromstring(text, parser)
    assert [e for e in parser.error_log if "Tag " not in e.message] == []  # of HTML 4
    root = html.fromstring(text)
    assert root.xpath("//@src | //link | //@href") == []
    assert "default-src 'none'" in root.xpath("//meta/@content")[1]
    assert root.xpath("//h1/text()")[0].startswith("cpu of ")
    assert {"search", "reset", "graph", "told", "found", "key"} <= set(root.xpath("//@id"))
    assert "SPDX" not in text


def test_page_carries_the_tree(tmp_path: Path) -> None:
    data = page_data(draw(usual().sample("_LostExtra", 100), tmp_path / "x.html"))
    names = [data["names"][i] for i in data["name"]]
    assert list(zip(data["depth"], [n[0] for n in names], data["cum"], strict=True)) == [
        (0, "all", 2_000_000_000),
        (1, "_LostExtra", 1_000_000_000),
        (1, "main", 1_000_000_000),
        (2, "worker", 1_000_000_000),
        (3, "hot75", 750_000_000),
        (4, "memcpy [libc.so.6]", 150_000_000),
        (3, "hot25", 250_000_000),
    ]
    assert [n[2] for n in names] == ["all", "lost", *["program"] * 3, "library", "program"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("__tsan_read8", "detector"),
        ("__interceptor_memcpy", "detector"),
        ("___interceptor_memcpy", "detector"),
        ("_ZN6__tsan12ScopedReportC1Ev", "detector"),
        ("_ZN6__tsan_wrong", "detector"),
        ("tsan_is_mine", "program"),
        ("libc:memcpy", "library"),
    ],
)
def test_colours_tell_whose_code_it_is(tmp_path: Path, name: str, kind: str) -> None:
    data = page_data(draw(Builder().sample(f"main {name}", 1), tmp_path / "x.html"))
    assert data["names"][-1][2] == kind
    assert re.fullmatch(r"#[0-9a-f]{6}", data["names"][-1][1])


def test_empty_profiles_have_graphs(tmp_path: Path) -> None:
    for suffix in ("svg", "html"):
        assert "all" in draw(Builder(), tmp_path / f"x.{suffix}")


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_pages_script_places_and_finds(tmp_path: Path) -> None:
    file = tmp_path / "x.html"
    data = page_data(draw(usual().sample("main worker hot75 hot75", 10), file))
    script = f"""
const {{ readTree, findAll, ancestors, amount }} = require({str(SCRIPT)!r});
const tree = readTree({json.dumps(data)});
const names = tree.name.map((i) => tree.names[i][0]);
console.log(JSON.stringify({{
  start: [...tree.start], parent: [...tree.parent], deepest: tree.deepest, names,
  hot: findAll(tree, /hot75/).sum, memcpy: findAll(tree, /mem/).sum,
  none: findAll(tree, /x{{9}}/).sum,
  way: [...ancestors(tree, names.indexOf("hot25"))].map((i) => names[i]),
  amounts: [[750e6, "nanoseconds"], [0, "count"], [1e9, "nanoseconds"], [1536, "bytes"],
            [100, "count"]].map(([v, u]) => amount(v, u)),
}}));
"""
    printed = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    found = json.loads(printed.stdout)
    assert found["names"] == [
        *("all", "main", "worker", "hot75", "memcpy [libc.so.6]", "hot75", "hot25"),
    ]
    unit = 10_000_000
    assert [n // unit for n in found["start"]] == [0, 0, 0, 0, 0, 15, 85]
    assert found["parent"] == [-1, 0, 1, 2, 3, 3, 2]
    assert found["deepest"] == 4
    assert found["hot"] == 85 * unit  # hot75 below hot75 is in it already
    assert (found["memcpy"], found["none"]) == (15 * unit, 0)
    assert found["way"] == ["hot25", "worker", "main", "all"]
    assert found["amounts"] == ["750ms", "0", "1s", "1.5kB", "100"]
