# SPDX-License-Identifier: BSD-2-Clause
"""Run again what has shown a finding: `raceshim repro FINGERPRINT`.

A gate of several runs remembers for each finding the run to try again: its command, folder, policy
and seeds. That is kept for the user, in $XDG_STATE_HOME/raceshim (~/.local/state/raceshim), and not
in the project, where it would be one more file to ignore. The lines of `--results` hold the same
for whoever gets them from another machine.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._campaign import Campaign, CampaignVerdict
from raceshim._command import Bench
from raceshim._errors import ToolError, UsageError
from raceshim._files import write_text
from raceshim._repeat import run_tasks
from raceshim.formats._lines import Result, Setting, decode, encode, read
from raceshim.runs._rates import runs_to
from raceshim.runs._tally import Share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from raceshim._options import Settings
    from raceshim.runs._plan import Task

#: So sure it is that a finding which is still there shows again, and so many runs at most for it.
_CONFIDENCE = 0.99
_FEWEST, _MOST = 10, 1000
#: So many findings are remembered; the oldest are forgotten.
_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Remembered:
    """A run that has shown a finding, and how often runs like it did."""

    fingerprint: str
    title: str
    setting: Setting
    task: Task
    share: Share

    @property
    def runs(self) -> int:
        """In how many runs it shows again, with a probability of 99 %."""
        rate = self.share.shown / self.share.runs if self.share.runs else 0.0
        return min(max(runs_to(rate, _CONFIDENCE) or _MOST, _FEWEST), _MOST)


def remember(verdict: CampaignVerdict) -> str | None:
    """Keep the best run of each finding; return why that was not possible, if it was not."""
    try:
        for finding in (*verdict.findings, *verdict.tolerated):
            rate = verdict.rates[finding.fingerprint]
            if rate.best is not None:
                share = rate.by_policy[rate.best.policy]
                item = Remembered(
                    finding.fingerprint, finding.title, verdict.setting, rate.best, share
                )
                write_text(str(_file(finding.fingerprint)), _encode(item))
        _forget()
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        return f"raceshim repro will know nothing of these findings: {error}"
    return None


def recall(fingerprint: str, results: str | None) -> Remembered:
    """Return the run to try again: of a file of lines, or of what was kept."""
    if results is not None:
        return _from_lines(fingerprint, Path(results))
    if not fingerprint.replace("-", "").isalnum():
        raise UsageError(f"{fingerprint!r} is no fingerprint")
    try:
        return _decode(_file(fingerprint).read_text(encoding="utf-8"))
    except (OSError, RuntimeError):
        raise UsageError(
            f"nothing is known of {fingerprint}: a gate of several runs (--runs) remembers what it "
            "finds, and --results names lines of another machine"
        ) from None
    except (ValueError, KeyError) as error:
        raise ToolError(f"{_file(fingerprint)} cannot be read: {error!r}") from None


def reproduce(
    item: Remembered, settings: Settings, progress: Callable[[Campaign], None]
) -> tuple[CampaignVerdict, bool]:
    """Repeat a run until it shows its finding; return what was seen, and whether it was that."""
    options = dict(item.setting.options)
    told: dict[str, object] = {"evidence": options.get("evidence", settings.evidence)}
    if settings.timeout is None and "timeout" in options:
        told["timeout"] = float(options["timeout"])
    settings.__dict__.update(told)
    try:
        os.chdir(item.setting.folder)
    except OSError as error:
        raise ToolError(f"{item.setting.folder}: {error.strerror}") from None
    runs = settings.runs if "runs" in settings.told else item.runs
    shown = False
    with Bench(item.setting.command, settings, item.setting.detector) as bench:
        campaign = Campaign(item.setting, bench.suppressions, policy=bench.policy)
        for number, result in enumerate(
            run_tasks(bench, item.setting, repeat(item.task, runs), 1, None)
        ):
            # All of them are one and the same task; only here each counts.
            campaign.add(replace(result, task=replace(item.task, number=number)))
            progress(campaign)
            shown = campaign.tally.rate(item.fingerprint).all.shown > 0
            if shown:
                break
        return campaign.verdict(notes=bench.notes), shown


def merge(files: Iterable[Path]) -> Iterator[Result]:
    """Read the lines of several files, which must be of one command and one build."""
    first: Setting | None = None
    for file in files:
        for result in read(file):
            if first is None:
                first = result.setting
            for what in ("command", "detector", "build"):
                was, now = getattr(first, what), getattr(result.setting, what)
                if was != now:
                    raise UsageError(f"{file}: another {what} than the lines before: {now}, {was}")
            yield result


def judge_lines(files: Iterable[Path], settings: Settings) -> CampaignVerdict:
    """Judge the runs of several files together, as if one gate had run them all."""
    campaign: Campaign | None = None
    with Bench((), settings, None) as bench:
        for result in merge(files):
            if campaign is None:
                campaign = Campaign(result.setting, bench.suppressions, policy=bench.policy)
            campaign.add(result)
    if campaign is None:
        raise ToolError("there are no runs in these files")
    return campaign.verdict()


def _from_lines(fingerprint: str, path: Path) -> Remembered:
    campaign: Campaign | None = None
    for result in read(path):
        campaign = campaign or Campaign(result.setting)
        campaign.add(result)
    verdict = campaign.verdict() if campaign is not None else None
    found = verdict.findings if verdict is not None else ()
    finding = next((one for one in found if one.fingerprint == fingerprint), None)
    if verdict is None or finding is None:
        known = ", ".join(one.fingerprint for one in found)
        raise UsageError(f"no run of {path} has shown {fingerprint} (but {known or 'nothing'})")
    rate = verdict.rates[fingerprint]
    if rate.best is None:
        raise UsageError(f"no run of {path} has shown {fingerprint}")
    return Remembered(
        fingerprint, finding.title, verdict.setting, rate.best, rate.by_policy[rate.best.policy]
    )


def _folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "raceshim" / "repro"


def _file(fingerprint: str) -> Path:
    return _folder() / f"{fingerprint}.json"


def _encode(item: Remembered) -> str:
    bare = Result(item.setting, item.task, 0, timed_out=False, seconds=0.0, cpu=None)
    share = {"shown": item.share.shown, "runs": item.share.runs}
    head = {"fingerprint": item.fingerprint, "title": item.title, **share}
    return json.dumps(head) + "\n" + encode(bare)


def _decode(text: str) -> Remembered:
    first, _, line = text.partition("\n")
    head, result = json.loads(first), decode(line)
    return Remembered(
        head["fingerprint"],
        head["title"],
        result.setting,
        result.task,
        Share(head["shown"], head["runs"]),
    )


def _forget() -> None:
    files = sorted(_folder().glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
    for file in files[:-_KEPT]:
        with contextlib.suppress(FileNotFoundError):
            file.unlink()
