# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim prof top`, `tree`, `diff` and `raw`: the numbers, and whom they are told to."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from profiles import CALLS, PERIOD, Builder, rows, usual
from raceshim._errors import UsageError
from raceshim.prof._main import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness_programs import Raceshim

needs_go = pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed")


@pytest.fixture
def prof(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return the command, which has to succeed without a word on stderr."""

    def run(*words: str | Path) -> str:
        assert main([str(word) for word in words]) == 0
        printed = capsys.readouterr()
        assert printed.err == ""
        return printed.out

    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return usual().write(tmp_path / "usual.pb.gz")


def test_top(prof: Callable[..., str], file: Path) -> None:
    printed = prof("top", file)
    assert printed.startswith(f"cpu of {file}: 1s in 100 samples over 2s\n")
    assert "clock: perf_event cpu-clock 100 Hz\n" in printed
    assert rows(printed) == {
        "function": ["flat", "flat%", "sum%", "cum", "cum%"],
        "hot75": ["600ms", "60.0%", "60.0%", "750ms", "75.0%"],
        "hot25": ["250ms", "25.0%", "85.0%", "250ms", "25.0%"],
        "memcpy [libc.so.6]": ["150ms", "15.0%", "100.0%", "150ms", "15.0%"],
        "main": ["0", "0.0%", "100.0%", "1s", "100.0%"],
        "worker": ["0", "0.0%", "100.0%", "1s", "100.0%"],
    }


def test_top_by_cum_and_cut_off(prof: Callable[..., str], file: Path) -> None:
    printed = prof("top", "--cum", "-n", "3", file)
    assert list(rows(printed))[1:] == ["main", "worker", "hot75"]
    assert printed.endswith("and 2 more with 40.0% of flat; -n shows them\n")


def test_a_function_that_calls_itself_counts_once(prof: Callable[..., str], tmp_path: Path) -> None:
    file = Builder().sample("main f f f", 10).write(tmp_path / "x.pb.gz")
    assert rows(prof("top", file))["f"] == ["100ms", "100.0%", "100.0%", "100ms", "100.0%"]


def test_files_given_at_once_are_added(prof: Callable[..., str], tmp_path: Path) -> None:
    one = usual().write(tmp_path / "a.pb.gz")
    two = Builder(shift=0x100000).samples(CALLS).write(tmp_path / "b.pb.gz")
    printed = prof("top", one, two)
    assert "cpu of 2 files: 2s in 200 samples" in printed
    assert rows(printed)["hot75"][0] == "1.2s"
    assert prof("top", tmp_path).splitlines()[1:] == printed.splitlines()[1:]


def test_functions_of_different_programs_are_told_apart(
    prof: Callable[..., str], tmp_path: Path
) -> None:
    one = Builder("/bin/one").sample("main", 1).write(tmp_path / "a.pb.gz")
    two = Builder("/bin/two").sample("main", 3).write(tmp_path / "b.pb.gz")
    table = rows(prof("top", one, two))
    assert (table["main [two]"][0], table["main [one]"][0]) == ("30ms", "10ms")


@pytest.mark.parametrize(
    ("options", "shares"),
    [
        (["--focus", "^hot75$"], {"hot75": "80.0%", "memcpy [libc.so.6]": "20.0%"}),
        (["--focus", "libc"], {"hot75": "0.0%", "memcpy [libc.so.6]": "100.0%"}),
        (["--ignore", "memcpy|hot25"], {"hot75": "100.0%"}),
        (["--ignore", "x.c$"], {"hot75": "60.0%", "hot25": "25.0%"}),
    ],
)
def test_focus_and_ignore(
    prof: Callable[..., str], file: Path, options: list[str], shares: dict[str, str]
) -> None:
    printed = prof("top", *options, file)
    found = rows(printed)
    assert {name: found[name][1] for name in shares} == shares
    assert ("selected: " in printed) == (options[1] != "x.c$")


def test_labels(prof: Callable[..., str], tmp_path: Path) -> None:
    builder = (
        Builder().sample("main a", 1, thread="w", tid=1).sample("main b", 2, thread="w", tid=2)
    )
    file = builder.sample("main c", 4, thread="x", tid=2).write(tmp_path / "x.pb.gz")

    def functions(*labels: str) -> set[str]:
        words = [word for label in labels for word in ("--label", label)]
        return set(rows(prof("top", *words, file))) & set("abc")

    assert functions() == {"a", "b", "c"}
    assert functions("thread=w") == {"a", "b"}
    assert functions("tid=2") == {"b", "c"}
    assert functions("thread=w", "tid=2") == {"b"}
    assert functions("tid=1", "tid=2") == {"a", "b", "c"}
    assert functions("nothing=w") == set()


def test_the_value_that_counts_is_chosen(prof: Callable[..., str], file: Path) -> None:
    for wish in ("samples", "0"):
        printed = prof("top", "--sample-index", wish, file)
        assert printed.startswith(f"samples of {file}: 100 over 2s\n")
        assert rows(printed)["hot75"][0] == "60"
    with pytest.raises(UsageError, match=r"has samples, cpu \(0 to 1\)"):
        main(["top", "--sample-index", "wall", str(file)])


def test_losses_are_told(prof: Callable[..., str], tmp_path: Path) -> None:
    builder = usual().sample("_LostOverflow", 20).sample("_LostExtra", 5)
    file = builder.write(tmp_path / "x.pb.gz")
    printed = prof("top", file)
    assert "lost: 20.0% (extra 50ms, overflow 200ms)\n" in printed
    assert rows(printed)["_LostOverflow"][0] == "200ms"
    assert "lost:" in prof("top", "--focus", "hot", file)  # what was lost may have been of it


def test_by_line_module_and_address(prof: Callable[..., str], tmp_path: Path) -> None:
    builder = Builder().sample("main@m.c:9 work@w.c:1", 1).sample("main@m.c:9 work@w.c:2", 3)
    file = builder.write(tmp_path / "x.pb.gz")
    assert rows(prof("top", "--by", "line", file))["work w.c:2"][0] == "30ms"
    assert rows(prof("top", "--by", "file", file))["w.c"][0] == "40ms"
    assert rows(prof("top", "--by", "module", file))["/bin/prog"][0] == "40ms"
    addresses = rows(prof("top", "--by", "address", file))
    assert sorted(name.split("+")[0] for name in addresses if "work" in name) == ["prog"] * 2
    assert rows(prof("top", file))["work"][0] == "40ms"


def test_names_of_cpp_are_readable(prof: Callable[..., str], tmp_path: Path) -> None:
    builder = Builder().sample("main _ZN6__tsan12ScopedReportC1Ev _Zwrong", 1)
    printed = prof("tree", builder.write(tmp_path / "x.pb.gz"))
    assert "  __tsan::ScopedReport::ScopedReport\n" in printed
    assert "  _Zwrong\n" in printed


def test_tree(prof: Callable[..., str], file: Path) -> None:
    lines = [line for line in prof("tree", file).splitlines() if "%" in line and "cum%" not in line]
    assert [re.sub(r"\s{2,}", "|", line.strip()) for line in lines] == [
        "1s|100.0%|all",
        "1s|100.0%|main",
        "1s|100.0%|worker",
        "750ms|75.0%|600ms|hot75",
        "150ms|15.0%|150ms|memcpy [libc.so.6]",
        "250ms|25.0%|250ms|hot25",
    ]
    assert lines[3].endswith("  hot75")
    assert lines[4].index("memcpy") - lines[3].index("hot75") == 2


def test_tree_of_callers(prof: Callable[..., str], file: Path) -> None:
    printed = prof("tree", "--callers", "--focus", "memcpy", file)
    names = [line.split()[-1] for line in printed.splitlines() if "100.0%" in line][-5:]
    assert names == ["all", "[libc.so.6]", "hot75", "worker", "main"]


def test_tree_is_cut_by_share_and_depth(prof: Callable[..., str], file: Path) -> None:
    assert "memcpy" in prof("tree", "--min", "15", file)
    assert "memcpy" not in prof("tree", "--min", "16", file)
    assert "hot75" not in prof("tree", "--depth", "2", file)


def test_deep_stacks_are_no_trouble(prof: Callable[..., str], tmp_path: Path) -> None:
    file = Builder().sample("main " + "f g " * 5000, 1).write(tmp_path / "deep.pb.gz")
    assert len(prof("tree", file).splitlines()) > 10000
    assert json.loads(prof("tree", "--json", "-", file))["nodes"][-1]["depth"] == 10001
    for name in ("deep.svg", "deep.html"):
        prof("flamegraph", "-o", tmp_path / name, file)


def test_diff(prof: Callable[..., str], file: Path, tmp_path: Path) -> None:
    after = Builder().samples({"main worker hot75": 20, "main worker hot25": 25, "main new": 5})
    printed = prof("diff", file, after.write(tmp_path / "after.pb.gz"))
    assert rows(printed) == {
        "function": ["before", "after", "change", "points"],
        "hot75": ["600ms", "60.0%", "200ms", "40.0%", "-400ms", "-20.0"],
        "memcpy [libc.so.6]": ["150ms", "15.0%", "0", "0.0%", "-150ms", "-15.0"],
        "new": ["0", "0.0%", "50ms", "10.0%", "+50ms", "+10.0"],
        "hot25": ["250ms", "25.0%", "250ms", "50.0%", "0", "+25.0"],
    }
    even = rows(prof("diff", "--normalize", file, tmp_path / "after.pb.gz"))
    assert even["hot25"] == ["125ms", "25.0%", "250ms", "50.0%", "+125ms", "+25.0"]
    cum = rows(prof("diff", "--cum", file, tmp_path / "after.pb.gz"))
    assert cum["worker"] == ["1s", "100.0%", "450ms", "90.0%", "-550ms", "-10.0"]


def test_diff_takes_two_profiles_of_one_kind(file: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="diff needs two profiles"):
        main(["diff", str(file)])
    wall = usual()
    wall.message.sample_type[1].type = wall.string("wall")
    with pytest.raises(UsageError, match="has no wall/nanoseconds"):
        main(["diff", str(file), str(wall.write(tmp_path / "wall.pb.gz"))])


def test_raw_has_everything(prof: Callable[..., str], tmp_path: Path) -> None:
    builder = usual().sample("main work@w.c:7", 1, thread="w", tid=12).sample("_LostExtra", 2)
    printed = prof("raw", builder.write(tmp_path / "x.pb.gz"))
    for line in (
        "types: samples/count, cpu/nanoseconds",
        "period: 10000000 cpu/nanoseconds",
        "time: 2023-11-14 22:13:20.000+00:00",
        "duration: 2s",
        "comment: clock: perf_event cpu-clock 100 Hz",
        f"mapping: 0x10000-0x18000 0x1000 /bin/prog {1:040x}",
        "sample: 1 10000000 thread=w tid=12",
        "  _LostExtra",
    ):
        assert line in printed.splitlines()
    assert re.search(r"^  work w\.c:7 /bin/prog\+0x[0-9a-f]+$", printed, re.MULTILINE)


def test_folded_stacks(prof: Callable[..., str], file: Path) -> None:
    assert prof("raw", "--folded", "--sample-index", "samples", file).splitlines() == [
        "main;worker;hot25 25",
        "main;worker;hot75 60",
        "main;worker;hot75;memcpy [libc.so.6] 15",
    ]


def test_json(prof: Callable[..., str], file: Path, tmp_path: Path) -> None:
    def content(*words: str | Path) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(prof(*words, "--json", "-"))
        assert (value["schema"], value["mode"], value["command"]) == (1, "prof", words[0])
        return value

    top = content("top", "-n", "1", file)
    assert top["rows"][0] == {
        "name": "hot75", "module": "prog", "file": "", "line": 0,
        "flat": 60 * PERIOD, "cum": 75 * PERIOD,
    }  # fmt: skip
    assert len(top["rows"]) == 5  # -n is for people
    assert (top["type"], top["unit"], top["total"], top["samples"]) == (
        "cpu", "nanoseconds", 100 * PERIOD, 100,
    )  # fmt: skip
    assert (top["files"], top["duration_ns"], top["lost"]) == ([str(file)], 2_000_000_000, {})
    nodes = content("tree", file)["nodes"]
    assert [(n["depth"], n["name"], n["cum"] // PERIOD) for n in nodes[:4]] == [
        (0, "all", 100), (1, "main", 100), (2, "worker", 100), (3, "hot75", 75),
    ]  # fmt: skip
    diff = content("diff", file, usual().sample("main hot25", 25).write(tmp_path / "b.pb.gz"))
    assert diff["rows"][0]["name"] == "hot25"
    assert diff["rows"][0]["after"] == 50 * PERIOD
    assert (diff["rows"][0]["share_before"], diff["rows"][0]["share_after"]) == (25, 40)
    raw = content("raw", file)
    stacks = [[raw["frames"][i]["function"] for i in s["stack"]] for s in raw["samples"]]
    assert stacks[1] == ["memcpy", "hot75", "worker", "main"]
    assert raw["samples"][1]["values"] == [15, 15 * PERIOD]


def test_json_goes_to_a_file_beside_the_text(
    prof: Callable[..., str], file: Path, tmp_path: Path
) -> None:
    printed = prof("top", "--json", tmp_path / "top.json", file)
    assert "hot75" in printed
    assert json.loads((tmp_path / "top.json").read_text())["command"] == "top"


def test_names_cannot_drive_the_terminal(prof: Callable[..., str], tmp_path: Path) -> None:
    builder = usual()
    builder.message.string_table[builder.string("hot75")] = b"h\x1b[31m\n\r<b>&"
    file = builder.comment("clock: \x1b]0;x\x07").write(tmp_path / "x.pb.gz")
    for command in ("top", "tree", "raw"):
        assert "\x1b" not in prof(command, file)


def test_what_is_wrong_is_told_by_the_command(raceshim: Raceshim, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pb.gz"
    bad.write_bytes(usual().bytes()[:50])
    for words, status, message in (
        (["top", bad], 4, "bad.pb.gz: truncated: the compressed data is cut off"),
        (["top", tmp_path / "none"], 2, "no such file or directory"),
        (["top"], 2, "no input"),
        (["top", "--focus", "(", bad], 2, "--focus: '(' is no regular expression"),
        (["top", "--by", "colour", bad], 2, "--by: 'colour' is none of function, line"),
        (["top", "--label", "x", usual().write(tmp_path / "a")], 2, "say key=value"),
        (["tree", "--min", "101", bad], 2, "--min: '101' is no number from 0 to 100"),
        (["flamegraph", "-o", "x.png", tmp_path / "a"], 2, "name it .svg"),
        (["nonsense"], 2, "invalid choice: 'nonsense'"),
        ([], 2, "usage: raceshim prof"),
    ):
        done = raceshim("prof", *words, status=status)
        assert message in done.stderr
        assert done.stdout == ""


def test_a_reader_that_goes_away_is_no_error(raceshim: Raceshim, tmp_path: Path) -> None:
    file = Builder().sample("main " + "f g " * 5000, 1).write(tmp_path / "deep.pb.gz")
    command = " ".join(raceshim.line("prof", "raw", file)) + " | head -n 1"
    done = subprocess.run(
        ["sh", "-c", command], env=raceshim.environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("files: ")
    assert done.stderr == ""


def test_help_is_a_page(raceshim: Raceshim) -> None:
    for command in ("record", "top", "tree", "diff", "flamegraph", "raw"):
        text = raceshim("prof", command, "--help").stdout
        assert "examples:\n  raceshim prof " in text
        assert "exit status: " in text


@needs_go
def test_go_sees_the_same(prof: Callable[..., str], tmp_path: Path) -> None:
    builder = usual().sample("main odd@o.c:3", 7, thread="w").sample("_LostExtra", 3)
    file = builder.write(tmp_path / "x.pb.gz")
    go = ["go", "tool", "pprof", "-symbolize=none", "-nodecount=100"]
    printed = subprocess.run(
        [*go, "-top", str(file)], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    theirs = {
        words[5]: (words[0], words[3])
        for words in (line.split() for line in printed.splitlines())
        if len(words) == 6 and words[1].endswith("%")
    }
    ours = {
        name.split()[0]: (cells[0], cells[3])
        for name, cells in rows(prof("top", file)).items()
        if name != "function"
    }
    assert {n: _milliseconds(v) for n, v in theirs.items()} == {
        n: _milliseconds(v) for n, v in ours.items()
    }
    assert len(ours) == 7


def _milliseconds(texts: tuple[str, str]) -> tuple[float, ...]:
    units = {"ms": 1.0, "s": 1000.0, "": 1.0}
    parts = [re.fullmatch(r"([\d.]+)(\w*)", text) for text in texts]
    return tuple(float(m[1]) * units[m[2]] for m in parts if m)
