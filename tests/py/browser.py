# SPDX-License-Identifier: BSD-2-Clause
"""Chromium without a screen, spoken to through a pipe in its DevTools protocol."""

from __future__ import annotations

import fcntl
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

#: Gives the browser its two ends as 3 and 4, which is where it looks for them.
_START = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); "
    "os.execvp(sys.argv[3], sys.argv[3:])"
)
_PATIENCE = 120.0


class Browser:
    """A browser with one page; `events` is all that it has told of."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._folder = tempfile.TemporaryDirectory(prefix="raceshim-browser-")
        self._data = b""
        self._number = 0
        self._session: str | None = None

    def __enter__(self) -> Self:
        to, self._to = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in os.pipe())
        self._from, back = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in os.pipe())
        line = [
            "chromium",
            "--headless",
            "--no-sandbox",  # the tests may run as root
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--remote-debugging-pipe",
            f"--user-data-dir={self._folder.name}",
            "about:blank",
        ]
        self._browser = subprocess.Popen(
            [sys.executable, "-c", _START, str(to), str(back), *line],
            pass_fds=(to, back),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to)
        os.close(back)
        target = self("Target.createTarget", url="about:blank")["targetId"]
        attached = self("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._to)
        try:
            self._browser.wait(10)
        except subprocess.TimeoutExpired:
            self._browser.kill()
            self._browser.wait()
        os.close(self._from)
        self._folder.cleanup()

    def __call__(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call a method, and return what it returns."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            got = self._next()
            if got.get("id") == self._number:
                assert "error" not in got, (method, got["error"])
                return dict(got["result"])

    def open(self, page: Path | str) -> float:
        """Open a page; return how many seconds it took until it was loaded and drawn."""
        start = time.monotonic()
        self.load(page)
        # An animation frame comes before the next drawing; the second one after it.
        self.evaluate("new Promise((f) => requestAnimationFrame(() => requestAnimationFrame(f)))")
        return time.monotonic() - start

    def load(self, page: Path | str) -> None:
        """Open a page whose scripts may be switched off; return when it is loaded."""
        url = page.as_uri() if isinstance(page, Path) else page
        self.events.clear()
        self("Page.navigate", url=url)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self._next()

    def click(self, selector: str) -> None:
        """Click on an element as a mouse does, without a script."""
        root = self("DOM.getDocument")["root"]["nodeId"]
        node = self("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        box = self("DOM.getBoxModel", nodeId=node)["model"]["content"]
        at = {"x": box[0] + 5, "y": box[1] + 5, "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self("Input.dispatchMouseEvent", type=kind, **at)

    def html(self) -> str:
        """Return what the document is by now."""
        root = self("DOM.getDocument")["root"]["nodeId"]
        return str(self("DOM.getOuterHTML", nodeId=root)["outerHTML"])

    def evaluate(self, expression: str) -> Any:  # noqa: ANN401 - a value of JavaScript's
        """Return what an expression is in the page."""
        found = self(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def told(self, *methods: str) -> list[dict[str, Any]]:
        """Return the events of some kinds."""
        return [event["params"] for event in self.events if event.get("method") in methods]

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + _PATIENCE
        while b"\0" not in self._data:
            ready, _, _ = select.select([self._from], [], [], deadline - time.monotonic())
            part = os.read(self._from, 1 << 16) if ready else b""
            assert part, "the browser says nothing"
            self._data += part
        message, _, self._data = self._data.partition(b"\0")
        value: dict[str, Any] = json.loads(message)
        self.events.append(value)
        return value
