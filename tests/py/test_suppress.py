# SPDX-License-Identifier: BSD-2-Clause
"""A suppression hides what it says, tells why, and does not outlive its bug in silence."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raceshim._errors import UsageError
from raceshim.finding._fingerprint import KIND_CLASSES, fingerprint
from raceshim.finding._merge import merge
from raceshim.report._parse import MACHINE_STACK_FORMAT, Report, parse_log
from raceshim.suppress._apply import FILE_NAME, Applied, Suppression, apply, load, merge_applied
from raceshim.suppress._parse import parse_rules, parse_thread_rules
from raceshim.suppress._rules import THREAD_TYPES, Rule, ThreadRule, template_matches

REPORTS = Path(__file__).parents[2] / "testdata" / "reports"
TODAY = date(2026, 6, 15)
REASON = 'reason = "a counter for display only"\n'


@cache
def one(name: str) -> Report:
    return parse_log((REPORTS / f"{name}.txt").read_text()).reports[0]


def rules(body: str) -> tuple[Rule, ...]:
    return parse_rules(body, FILE_NAME)


def rule(body: str, until: str = "expires = 2026-12-31\n") -> Rule:
    (found,) = rules(f"[[suppression]]\n{body}\n{REASON}{until}")
    return found


def thread_rule(line: str) -> ThreadRule:
    (found,) = parse_thread_rules(line, "tsan.supp")
    return found


def hides(suppression: Suppression, report: Report, roots: tuple[str, ...] = ()) -> bool:
    return bool(apply([suppression], [report], today=TODAY, roots=roots).suppressed)


# Our own file


def test_a_fingerprint_suppresses_its_bug_and_no_other() -> None:
    report, other = one("tsan-clang-19-race_plain"), one("tsan-clang-19-race_atomic")
    found = rule(f'fingerprint = "{fingerprint(report).text}"')
    applied = apply([found], [report, other, report], today=TODAY)
    (suppressed,) = applied.suppressed
    assert (suppressed.finding.count, suppressed.by) == (2, found)
    assert suppressed.by.reason == "a counter for display only"
    assert applied.kept == merge([other])
    assert applied.hits == ((found, 2),)
    assert applied.unused == applied.expired == ()


def test_a_fingerprint_made_with_one_compiler_suppresses_anothers_report() -> None:
    found = rule(f'fingerprint = "{fingerprint(one("tsan-gcc-12-race_memset")).text}"')
    assert hides(found, one("tsan-clang-14-race_memset"))


def test_a_long_key_suppresses_one_way_to_the_bug() -> None:
    report = one("tsan-clang-19-race_memset")
    first, *rest = report.stacks
    caller = replace(first.frames[-1], function="another_caller")
    other = replace(report, stacks=(replace(first, frames=(*first.frames[:-1], caller)), *rest))
    found = rule(f'fingerprint = "{fingerprint(report).long_key}"')
    applied = apply([found], [report, other], today=TODAY)
    assert [one.finding.count for one in applied.suppressed] == [1]
    assert [one.count for one in applied.kept] == [1]
    assert applied.kept[0].fingerprint == applied.suppressed[0].finding.fingerprint


@pytest.mark.parametrize(
    ("body", "hidden"),
    [
        ('function = "writer"\nkind = "race"', True),
        ('function = "write*"\nkind = "race"', True),
        ('function = "write"\nkind = "race"', False),
        ('function = "writer"\nkind = "memory"', False),
        ('function = ["writer", "main"]\nkind = "race"', True),
        ('function = ["main", "writer"]\nkind = "race"', True),
        ('function = ["writer", "writer"]\nkind = "race"', False),
        ('function = ["writer", "*"]\nkind = "race"', True),
        ('file = "race_plain.c"\nkind = "race"', True),
        ('file = "*.h"\nkind = "race"', False),
        ('function = "writer"\nfile = "race_plain.c"\nkind = "race"', True),
        ('function = "writer"\nfile = "other.c"\nkind = "race"', False),
        ('function = ["writer", "main"]\nfile = "race_?lain.c"\nkind = "race"', True),
        ('function = "writer"\nfile = ["race_plain.c", "*.h"]\nkind = "race"', False),
        ('function = "pthread_create"\nkind = "race"', False),
    ],
)
def test_patterns(body: str, hidden: bool) -> None:
    assert hides(rule(body), one("tsan-clang-19-race_plain")) is hidden


def test_a_file_may_be_named_by_its_path_in_the_project() -> None:
    report = one("tsan-clang-19-race_plain")
    stacks = tuple(
        replace(
            stack,
            frames=tuple(
                replace(frame, file=frame.file and f"/ci/7/project/src/{frame.file}")
                for frame in stack.frames
            ),
        )
        for stack in report.stacks
    )
    moved = replace(report, stacks=stacks)
    for pattern in ("race_plain.c", "src/race_plain.c", "src/*", "*/src/race_*"):
        found = rule(f'file = "{pattern}"\nkind = "race"')
        assert hides(found, moved)
        assert hides(found, moved, ("/ci/7/project",))
    assert not hides(rule('file = "rc/race_plain.c"\nkind = "race"'), moved)


def test_a_suppression_holds_through_its_last_day_and_then_is_told() -> None:
    report = one("tsan-clang-19-race_plain")
    found = rule('function = "writer"\nkind = "race"', "expires = 2026-06-15\n")
    on_the_day = apply([found], [report], today=TODAY)
    assert (on_the_day.kept, on_the_day.expired) == ((), ())
    after = apply([found], [report, report], today=TODAY + timedelta(days=1))
    assert [one.count for one in after.kept] == [2]
    assert after.suppressed == after.unused == ()
    assert after.expired == ((found, 2),)


def test_a_suppression_that_matches_nothing_is_told() -> None:
    report = one("tsan-clang-19-race_plain")
    gone = rule('function = "gone"\nkind = "race"')
    old = rule('function = "gone"\nkind = "race"', "expires = 2020-01-01\n")
    applied = apply([gone, old], [report], today=TODAY)
    assert applied.unused == (gone,)
    assert applied.expired == ((old, 0),)
    assert applied.kept == merge([report])


def test_a_permanent_one_says_why_and_never_expires() -> None:
    found = rule('function = "writer"\nkind = "race"', 'permanent = "the format is frozen"\n')
    assert (found.permanent, found.expires) == ("the format is frozen", None)
    assert not found.is_expired(date.max)


def test_the_first_of_several_gets_the_finding_and_none_of_them_is_unused() -> None:
    report = one("tsan-clang-19-race_plain")
    expired = rule('function = "main"\nkind = "race"', "expires = 2020-01-01\n")
    first = rule('function = "writer"\nkind = "race"')
    second = thread_rule("race:writer")
    applied = apply([expired, first, second], [report], today=TODAY)
    assert [one.by for one in applied.suppressed] == [first]
    assert applied.unused == ()
    assert applied.hits == ((expired, 1), (first, 1), (second, 1))


def test_shards_add_up_to_the_whole() -> None:
    reports = [
        one(f"tsan-{compiler}-{case}")
        for compiler in ("clang-14", "clang-19", "gcc-12")
        for case in ("race_plain", "race_atomic", "thread_leak")
    ]
    suppressions = [
        rule('function = "writer"\nkind = "race"'),
        thread_rule("thread:main"),
        rule('function = "gone"\nkind = "race"'),
    ]

    def run(part: list[Report]) -> Applied:
        return apply(suppressions, part, today=TODAY)

    whole = run(reports)
    shards = [run(reports[at::3]) for at in range(3)]
    assert merge_applied(*shards) == whole
    assert merge_applied(shards[2], shards[0], shards[1]) == whole
    assert merge_applied(merge_applied(*shards[:2]), shards[2]) == whole
    assert [len(one.suppressed) for one in (whole, *shards)] == [2, 1, 0, 1]
    assert whole.unused == (suppressions[2],)
    with pytest.raises(ValueError, match="the same suppressions"):
        merge_applied(whole, apply([], reports, today=TODAY))


VALID = f"""\
[[suppression]]
fingerprint = "v1-0123456789abcdef"
{REASON}expires = 2026-12-31
"""


def test_where_an_entry_stands_is_known_even_behind_strings_of_many_lines() -> None:
    trap = 'reason = """\nfirst\n[[suppression]]\nlast\n"""\n'
    text = f"# comment\n\n{VALID.replace(REASON, trap)}\n\n  [[ suppression ]] # again\n"
    text += VALID.split("\n", 1)[1]
    assert [found.where for found in rules(text)] == [f"{FILE_NAME}:3", f"{FILE_NAME}:13"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[suppression]]\nx", "2: "),
        ("a = [1,", "1: "),
        ("[suppression]\nreason = 'some'", "1: write each as [[suppression]]"),
        ("\nsuppression = []\n", None),
        ("\nsuppression = [1]\n", "2: write each as"),
        ("\n[[supression]]\n", "2: 'supression' is unknown"),
        ("title = 'x'\n" + VALID, "1: 'title' is unknown"),
        (VALID + "reasons = 'x'\n", "5: 'reasons' is unknown; is 'reason' meant?"),
        (VALID + "\n" + VALID.replace(REASON, ""), "6: a reason is missing"),
        (VALID.replace("a counter for display only", " "), "3: reason says nothing"),
        (VALID.replace("a counter for display only", "?"), "3: reason says nothing"),
        (VALID.replace(REASON, "reason = 5\n"), "3: reason must be a text"),
        (VALID.replace("expires = 2026-12-31", ""), "1: give a date in"),
        (VALID + 'permanent = "just so"\n', "5: give either"),
        (VALID.replace("2026-12-31", "2026-13-31"), "4: "),
        (VALID.replace("2026-12-31", "2026-12-31T10:00:00"), "4: expires must be a day"),
        (VALID.replace("2026-12-31", '"soon"'), "4: 'soon' is no date"),
        (VALID.replace("2026-12-31", "5"), "4: expires must be a day"),
        (VALID.replace("v1-", ""), "2: '0123456789abcdef' is no fingerprint"),
        (VALID.replace("v1-", "v9-"), "2: 'v9-0123456789abcdef' is of another version"),
        (VALID + 'kind = "races"\n', "5: 'races' is none of race, memory"),
        (VALID + 'function = "f"\n', "1: give a fingerprint or patterns"),
        (VALID.replace("fingerprint", "issue"), "1: neither a fingerprint nor"),
        (VALID.replace("fingerprint", "function"), "1: patterns need a kind"),
        (
            VALID.replace('fingerprint = "v1-0123456789abcdef"', 'function = "*"\nkind = "race"'),
            "1: the patterns match everything",
        ),
        (VALID + "function = ['a', 'b', 'c']\n", "5: function must be one pattern, or two"),
        (VALID + "function = []\n", "5: function must be one pattern, or two"),
        (VALID + "function = ['']\n", "5: function must be one pattern, or two"),
        (VALID + "function = [1]\n", "5: function must be a text"),
        (VALID + "file = 1\n", "5: file must be a text"),
        ("a = " + "[" * 5000, "1: "),
        ("a = " + "9" * 5000, "1: "),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, message: str | None) -> None:
    if message is None:
        assert rules(text) == ()
        return
    with pytest.raises(UsageError) as caught:
        rules(text)
    assert str(caught.value).startswith(f"{FILE_NAME}:{message}")


def test_files_are_read_by_their_name(tmp_path: Path) -> None:
    ours, theirs = tmp_path / FILE_NAME, tmp_path / "tsan.supp"
    ours.write_text(VALID)
    theirs.write_text("# one day\nrace:writer\n")
    (found,) = load(ours)
    assert (found.where, found.rule) == (f"{ours}:1", "v1-0123456789abcdef")
    (found,) = load(theirs)
    assert (found.where, found.rule, found.reason) == (f"{theirs}:2", "race:writer", "one day")
    ours.write_bytes(b"# one\n# two \xff\n")
    with pytest.raises(UsageError, match=rf"{FILE_NAME}:2: this is no UTF-8"):
        load(ours)
    with pytest.raises(UsageError, match="cannot be read"):
        load(tmp_path / "none.toml")


def test_the_documentations_example_is_valid() -> None:
    page = (Path(__file__).parents[2] / "docs" / "suppressions.md").read_text()
    blocks = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert [len(rules(block)) for block in blocks] == [2]
    assert all(f" {name}" in page for name in KIND_CLASSES)
    assert all(f"`{name}`" in page for name in THREAD_TYPES)


# ThreadSanitizer's format


def test_a_comment_is_the_reason_of_the_lines_below_it() -> None:
    found = parse_thread_rules(
        "# the logger, see\n# issue 12\nrace:log_*\nrace_top:^log$ \r\n\n  # other\n\tthread:x\n"
        "\nsignal:y\n",
        "s",
    )
    assert [(each.where, each.rule, each.reason) for each in found] == [
        ("s:3", "race:log_*", "the logger, see issue 12"),
        ("s:4", "race_top:^log$", "the logger, see issue 12"),
        ("s:7", "thread:x", "other"),
        ("s:9", "signal:y", ""),
    ]


@pytest.mark.parametrize("line", ["rice:x", "race", "race :x", "race:", "race:^", "Race:x", ":x"])
def test_a_line_that_the_runtime_would_die_of_is_told(line: str) -> None:
    with pytest.raises(UsageError, match=r"^s:2: "):
        parse_thread_rules(f"race:fine\n{line}\n", "s")


@pytest.mark.parametrize(
    ("line", "case", "hidden"),
    [
        ("race:writer", "race_plain", True),
        ("race:race_plain.c", "race_plain", True),
        ("race:^writer$", "race_plain", True),
        ("race:^rite", "race_plain", False),
        ("race:w*er", "race_plain", True),
        ("race:^shared$", "race_plain", True),  # the variable
        ("race:pthread_create", "race_plain", False),  # where the thread comes from
        ("race_top:writer", "race_plain", True),
        ("race_top:copies", "race_memset", False),
        ("race_top:memcpy", "race_memset", True),
        ("race:copies", "race_memset", True),
        ("race:malloc", "race_memset", False),  # where the memory comes from
        ("race:writer", "thread_leak", False),
        ("thread:main", "thread_leak", True),
        ("thread:pthread_create", "thread_leak", True),
        ("race:main", "thread_leak", False),
        ("mutex:takes", "mutex_invalid", True),
        ("mutex:main", "mutex_destroy_locked", True),
        ("mutex:takes", "mutex_destroy_locked", True),
        ("deadlock:both", "lock_order", True),
        ("deadlock:backwards", "lock_order", True),
        ("mutex:both", "lock_order", False),
        ("signal:allocates", "signal_unsafe", True),
        ("signal:spoils", "signal_errno", True),
        ("race:object_set", "external", True),
        ("race:frees", "uaf_thread", True),
        ("race:calls", "race_vptr", True),
        ("race:crashes", "segv", False),
    ],
)
@pytest.mark.parametrize("compiler", ["clang-14", "clang-19", "gcc-12"])
def test_lines_mean_what_they_mean_to_the_runtime(
    line: str, case: str, hidden: bool, compiler: str
) -> None:
    assert hides(thread_rule(line), one(f"tsan-{compiler}-{case}")) is hidden


def test_a_library_is_matched_where_it_called_an_intercepted_function() -> None:
    report = one("tsan-gcc-12-race_memset")
    stacks = tuple(
        replace(
            stack,
            frames=tuple(
                replace(frame, module="/opt/lib/libold.so.1")
                if frame.function == "copies"
                else frame
                for frame in stack.frames
            ),
        )
        for stack in report.stacks
    )
    old = replace(report, stacks=stacks)
    assert hides(thread_rule("called_from_lib:libold.so"), old)
    assert not hides(thread_rule("called_from_lib:libold.so"), report)
    assert not hides(thread_rule("called_from_lib:libother.so"), old)


def test_lines_of_threadsanitizer_are_for_its_reports_only() -> None:
    report = one("asan-clang-19-asan_uaf")
    assert not hides(thread_rule("race:writes"), report)
    assert hides(rule('function = "writes"\nkind = "memory"'), report)


RACING = """
#include <pthread.h>

int the_counter;

static void deep_writer(void)
{
	the_counter++;
}

static void *thread_main(void *arg)
{
	deep_writer();
	return arg;
}

int main(void)
{
	pthread_t thread;

	pthread_create(&thread, 0, thread_main, 0);
	deep_writer();
	pthread_join(thread, 0);
	return 0;
}
"""
_TEMPLATES = (
    "deep_writer", "^deep", "eep_writer$", "^eep", "deep_write$", "d*r", "^d*r$", "*deep*", "r$",
    "e$", "^deep_writer$", "thread_main", "main", "^main$", "in$", "program.c", "program.c$",
    "^program", "*/program.c$", "^/*/program$", "the_counter", "^the", "counter$", "the$", "*",
    "$", "d$p", "dee*_**writer", "deep writer", "pthread_create", "_r_", "**x", "^*eep", "er$",
    "deep_writer*", "deep_writer*$", "^deep_writer$$", "e*e*e", "e*e*e*e*e*e",
)  # fmt: skip
LINES = (
    *(f"race:{template}" for template in _TEMPLATES),
    *("race_top:deep_writer", "race_top:main", "race_top:thread_main", "thread:main"),
)


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("compiler", ["clang-19", "clang-14", "gcc-12"])
def test_the_runtime_itself_agrees(compiler: str, every: int, tmp_path: Path) -> None:
    """Each pattern is given to the runtime, and to us for the report that it suppressed or not."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    (tmp_path / "program.c").write_text(RACING)
    program = tmp_path / "program"
    command = [compiler, "-g", "-O0", "-pthread", "-fsanitize=thread", program.with_suffix(".c")]
    subprocess.run([*command, "-o", program], check=True)

    def run(*options: str) -> tuple[Report, ...]:
        merged = [f'stack_trace_format="{MACHINE_STACK_FORMAT}"', "atexit_sleep_ms=0", *options]
        env = {**os.environ, "TSAN_OPTIONS": ":".join(merged)}
        done = subprocess.run(
            ["setarch", "-R", program], env=env, capture_output=True, text=True, check=False
        )
        parsed = parse_log(done.stderr)
        assert parsed.complete, done.stderr
        return parsed.reports

    report = run()[0]
    file = tmp_path / "supp"
    answers = set()
    for line in LINES[::every]:
        file.write_text(f"{line}\n")
        # A runtime misses a race now and then: silence counts when it lasts.
        silent = not any(run(f"suppressions={file}") for _ in range(3))
        assert hides(thread_rule(line), report) is silent, line
        answers.add(silent)
    assert answers == {True, False}


@pytest.mark.parametrize(
    ("template", "text", "matches"),
    [
        ("ab", "xaby", True),
        ("ab$", "xab", True),
        ("ab$", "abab", False),  # the first place that fits is taken
        ("*ab$", "abab", False),
        ("a*b$", "ab", True),
        ("a*$", "abc", True),
        ("^", "x", True),
        ("", "x", True),
        ("", "", False),
        ("*", "", False),
        ("a$b", "a", True),
    ],
)
def test_template_matches(template: str, text: str, matches: bool) -> None:
    assert template_matches(template, text) is matches


# Anything at all


@given(st.text(alphabet="race:thdmuxlok_p*^$# \t\r\n", max_size=60))
def test_any_text_is_lines_or_an_error_with_its_line(text: str) -> None:
    try:
        found = parse_thread_rules(text, "s")
    except UsageError as error:
        place, line, _ = str(error).split(":", 2)
        assert (place, 1 <= int(line) <= text.count("\n") + 1) == ("s", True)
    else:
        wanted = [line for line in text.split("\n") if line.strip(" \t\r")]
        assert len(found) == len([line for line in wanted if line.lstrip(" \t")[0] != "#"])


PIECES = st.sampled_from(
    [
        "[[suppression]]", "[suppression]", "[[other]]", 'fingerprint = "v1-0123456789abcdef"',
        'reason = "because of it"', "expires = 2030-01-01", 'permanent = "ever"', 'kind = "race"',
        'function = ["a", "b"]', 'file = "x"', '"""', "'''", "# [[suppression]]", "x = 1", "",
        'reason = """', "[[suppression]] # c", "[suppression.deep]", "expires = 1", "\x00", "\r",
    ]
)  # fmt: skip


@given(st.lists(PIECES, max_size=14).map("\n".join) | st.text(max_size=40))
def test_any_text_is_entries_or_an_error_with_its_line_in_toml(text: str) -> None:
    try:
        found = rules(text)
    except UsageError as error:
        place, line, _ = str(error).split(":", 2)
        assert (place, 1 <= int(line) <= text.count("\n") + 2) == (FILE_NAME, True)
    else:
        for each in found:
            line = text.split("\n")[int(each.where.rpartition(":")[2]) - 1]
            assert line.strip().startswith("[[")
            assert each.reason
            assert (each.expires is None) != (each.permanent is None)


@given(st.text(alphabet="ab*$^", max_size=8), st.text(alphabet="ab", max_size=8))
def test_a_template_never_fails(template: str, text: str) -> None:
    assert template_matches(template, text) in (True, False)
    if not set(template) & set("*$^"):
        assert template_matches(template, text) is (bool(text) and template in text)
