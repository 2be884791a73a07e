# SPDX-License-Identifier: BSD-2-Clause
"""What `raceshim trace` makes of traces: tables, lines, and the formats of others."""

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
from raceshim._errors import ToolError, UsageError
from raceshim.trace._main import main
from raw_traces import SECOND, START, Generation, text, usual

SCRIPT = Path(package.__file__).parent / "trace/timeline.js"
NASTY = "f</script><script>alert(1)</script><!--&\"'\x1b\x00]]>"


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    two = usual(2, begin=START + SECOND)
    two.losses = {0: 3}
    two.last = True
    file = tmp_path / "x.trace"
    file.write_bytes(usual().bytes() + two.bytes())
    return file


def test_summary_counts(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["summary", "--json", f"{file}.json", str(file)]) == 0
    out = capsys.readouterr().out
    head = out.splitlines()[0]
    assert head == f"{file}: 40 events over 1.000s in 2 generations, 3 lost; program 4711"
    assert "1 flows, 2 messages" in out
    assert re.search(r"^ *2 +1\.76us +880ns +880ns +region +work$", out, re.MULTILINE)
    assert re.search(r"^ *2 +780ns +390ns +390ns +wait +wait for mutex$", out, re.MULTILINE)
    assert re.search(r"^ *2 +-7 +-7 +-7 +queue$", out, re.MULTILINE)
    assert re.search(r"^ *3 +buffers were full$", out, re.MULTILINE)
    told = json.loads(Path(f"{file}.json").read_text())
    assert (told["schema"], told["mode"], told["command"]) == (1, "trace", "summary")
    assert (told["events"], told["lost"], told["wrong"]) == (40, 3, [])
    assert [(t["tid"], t["events"], t["waits"]) for t in told["threads"]] == [
        (4711, 22, 2),
        (4712, 8, 0),
    ]


def test_events_are_lines_in_order(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 40
    assert lines[:3] == [
        "0.000000000  main 4711  *  thread begins",
        "0.000000010  main 4711  >  work",
        "0.000000020  main 4711  *  here",
    ]
    assert '0.000000090  main 4711  *  app  "it is \u00e9t\u00e9"' in lines
    assert "0.000000050  queue  =  queue  -7" in lines
    assert "0.000000110  worker 4712  *  send  <- 0xffffffffffffffff" in lines
    assert [float(line.split()[0]) for line in lines] == sorted(
        float(line.split()[0]) for line in lines
    )


def test_events_are_selected(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "--thread", "worker", "--name", "send|ends", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert main(["events", "--name", "\u00e9t\u00e9", "--json", "-", str(file)]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(o["name"], o["text"], o["tid"]) for o in told] == [
        ("app", "it is \u00e9t\u00e9", 4711)
    ] * 2
    with pytest.raises(UsageError, match="no regular expression"):
        main(["events", "--name", "(", str(file)])


def test_check_says_what_is_wrong(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(file)]) == 0
    assert "in order: 40 events, 2 generations, 3 lost" in capsys.readouterr().out
    bad = Generation()
    bad.batch(1, "t").add(1, 4, bad.name("a")).add(2, 5, bad.name("b"))
    file.write_bytes(bad.bytes())
    assert main(["check", "--json", f"{file}.json", str(file)]) == 1
    assert "wrong: 0.000000001 t 1: 'b' ends where 'a' began last" in capsys.readouterr().out
    assert len(json.loads(Path(f"{file}.json").read_text())["wrong"]) == 1


@pytest.mark.parametrize("command", ["summary", "events", "check", "to-json", "html"])
def test_a_trace_that_is_cut_off_is_shown_and_said_so(
    file: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes(file.read_bytes()[:-1])
    assert main([command, str(file)]) == 4
    captured = capsys.readouterr()
    assert "truncated: the generation at byte" in captured.err
    assert captured.out


def test_usage(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "raceshim trace" in capsys.readouterr().err
    with pytest.raises(UsageError, match="no such file"):
        main(["summary", str(tmp_path / "none")])
    with pytest.raises(UsageError, match="name one with -o"):
        main(["to-ctf", str(file)])
    with pytest.raises(UsageError, match="other files"):
        main(["to-ctf", "-o", str(tmp_path), str(file)])
    with pytest.raises(ToolError, match=r"Not a directory|No such"):
        main(["to-perfetto", "-o", str(file / "x"), str(file)])


def test_chrome_json(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.json"
    assert main(["to-json", "-o", str(out), str(file)]) == 0
    told = json.loads(out.read_text())
    assert told["otherData"]["lost"] == 3
    events: list[dict[str, Any]] = told["traceEvents"]
    phases = "".join(sorted(e["ph"] for e in events))
    assert (
        phases == "B" * 4 + "C" * 2 + "E" * 4 + "M" * 3 + "b" * 4 + "e" * 4 + "ff" + "i" * 22 + "ss"
    )
    (work, _) = (e for e in events if e["name"] == "work" and e["ph"] == "B")
    assert (work["pid"], work["tid"]) == (4711, 4711)
    assert work["ts"] == pytest.approx((START + 20) / 1000)
    stacks: dict[int, int] = {}
    for e in events:
        if e["ph"] in "BE":
            stacks[e["tid"]] = stacks.get(e["tid"], 0) + (1 if e["ph"] == "B" else -1)
            assert stacks[e["tid"]] >= 0
    assert set(stacks.values()) == {0}
    (leaves, arrives) = (next(e for e in events if e["ph"] == phase) for phase in "sf")
    assert leaves["id"] == arrives["id"] == "0xffffffffffffffff"
    assert arrives["tid"] == 4712


def babeltrace(folder: Path) -> list[str]:
    """Return the lines that babeltrace2 prints, with nothing on stderr."""
    done = subprocess.run(
        ["babeltrace2", "--clock-gmt", "--clock-date", folder],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_ctf_is_what_babeltrace_reads(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ctf"
    for _ in range(2):  # the second time over the first
        assert main(["to-ctf", "-o", str(folder), str(file)]) == 0
    lines = babeltrace(folder)
    assert len(lines) == 41
    assert "[2023-11-14 22:13:20.000000010]" in lines[0]
    assert re.search(r'instant: \{ pid = 4711, tid = 4711, thread = "main" \}, .*begins', lines[0])
    assert re.search(r'begin: \{.*\}, \{ name = "work", category = "", args = "" \}$', lines[1])
    everything = "\n".join(lines)
    assert (
        'counter: { pid = 4711, tid = 0, thread = "" }, { name = "queue", value = -7 }'
        in everything
    )
    assert 'text = "it is \u00e9t\u00e9"' in everything
    assert everything.count("flow = 18446744073709551615") == 4
    assert re.search(r'lost: .* \{ count = 3, reason = "buffers were full" \}$', lines[-1])
    kinds = {m[1] for line in lines if (m := re.search(r"\) (\w+): \{", line))}
    assert kinds == {
        "begin", "end", "instant", "counter", "task_begin", "task_end", "flow", "flow_end", "log",
        "lost",
    }  # fmt: skip


def test_ctf_of_many_packets(tmp_path: Path) -> None:
    g = Generation()
    batch = g.batch(1, "t")
    for time in range(1, 60_001):
        batch.add(time, 1, g.name("x" * 20))
    file = tmp_path / "x.trace"
    file.write_bytes(g.bytes())
    assert main(["to-ctf", "-o", str(tmp_path / "ctf"), str(file)]) == 0
    assert (tmp_path / "ctf/stream").read_bytes().count(b"\xc1\x1f\xfc\xc1") == 3
    assert len(babeltrace(tmp_path / "ctf")) == 60_000


def page(file: Path, *options: str) -> str:
    out = file.with_suffix(".html")
    assert main(["html", "-o", str(out), *options, str(file)]) == 0
    return out.read_text(encoding="utf-8")


def page_data(text: str) -> dict[str, Any]:
    (script,) = html.fromstring(text).xpath('//script[@type="application/json"]')
    value: dict[str, Any] = json.loads(script.text)
    return value


def test_page_is_well_formed_and_self_contained(file: Path) -> None:
    text = page(file, "--title", "A & B")
    parser = etree.HTMLParser(recover=False)
    etree.fromstring(text, parser)
    assert [e for e in parser.error_log if "Tag " not in e.message] == []  # of HTML 4
    root = html.fromstring(text)
    assert root.xpath("//@src | //link | //@href") == []
    assert re.findall(r"https?://", text) == []
    assert "default-src 'none'" in root.xpath("//meta/@content")[1]
    assert root.xpath("//h1/text()") == ["A & B"]
    assert {"search", "reset", "graph", "told", "found"} <= set(root.xpath("//@id"))
    assert "SPDX" not in text


def test_page_carries_the_trace(file: Path) -> None:
    data = page_data(page(file))
    tracks = [label for label, _ in data["tracks"]]
    assert tracks[:2] == ["main 4711", "worker 4712"]
    assert set(tracks[2:]) == {"queue", "request", "step"}
    work = data["texts"].index("work")
    assert [s[:4] for s in data["slices"] if s[4] == work] == [
        [0, 0, 10, 880],
        [0, 0, SECOND + 10, 880],
    ]
    waits = [s for s in data["slices"] if data["texts"][s[4]] == "wait for mutex"]
    assert [s[1] for s in waits] == [1, 1]
    assert data["flows"] == [[0, 80, 1, 110], [0, SECOND + 80, 1, SECOND + 110]]
    assert data["length"] == 2 * 0 + SECOND + 890


def test_no_name_spoils_the_page(file: Path) -> None:
    g = Generation()
    g.batch(1, "t").add(1, 1, g.name(NASTY)).add(2, 11, g.name("log") + text(NASTY))
    file.write_bytes(g.bytes())
    told = page(file, "--title", NASTY)
    assert len(html.fromstring(told).xpath("//script")) == 2
    assert any("</script><script>alert(1)" in t for t in page_data(told)["texts"])


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_pages_script_lays_out_and_finds(file: Path) -> None:
    script = f"""
const {{ layOut, time, ticks, findAll, colour }} = require({str(SCRIPT)!r});
const data = {json.dumps(page_data(page(file)))};
console.log(JSON.stringify({{
  lanes: layOut(data).lanes.map((l) => [l.label, l.row, l.rows]), rows: layOut(data).rows,
  found: findAll(data, /wait|been|\u00e9t\u00e9/).map(([t, kind]) => [t, kind]),
  times: [time(0), time(1500), time(2e9), time(1234567, 1000)],
  ticks: ticks(0, 100, 10), one: colour("a") === colour("a"),
}}));
"""
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told["lanes"][0] == ["main 4711", 0, 3]
    assert told["lanes"][1] == ["worker 4712", 3, 2]
    assert told["rows"] == sum(rows for *_, rows in told["lanes"])
    assert told["found"] == [[90, 1], [100, 0], [SECOND + 90, 1], [SECOND + 100, 0]]
    assert told["times"] == ["0ns", "1.5us", "2s", "1.235ms"]
    assert told["ticks"] == {"step": 10, "found": [*range(0, 101, 10)]}
    assert told["one"]
