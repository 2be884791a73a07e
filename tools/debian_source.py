# SPDX-License-Identifier: BSD-2-Clause
"""Fetch a Debian source package, as any user can; nothing of the system changes.

Usage: debian_source.py PACKAGE FOLDER

The machine's own package sources are asked. FOLDER/NAME-VERSION is the source as its authors
have published it, which is printed; a package that is there already is not fetched again.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from pathlib import Path

APT = Path("/etc/apt")


def apt_sources(folder: Path) -> Path:
    """Write this machine's package sources down once more, for source packages."""
    parts = folder / "sources"
    parts.mkdir(exist_ok=True)
    for path in (APT / "sources.list.d").glob("*.sources"):
        text = re.sub(r"^Types:.*", "Types: deb-src", path.read_text(), flags=re.MULTILINE)
        (parts / path.name).write_text(text)
    for path in (APT / "sources.list", *(APT / "sources.list.d").glob("*.list")):
        if path.exists():
            text = re.sub(r"^deb\s", "deb-src ", path.read_text(), flags=re.MULTILINE)
            (parts / f"{path.stem}-src.list").write_text(text)
    return parts


def fetch(package: str, folder: Path) -> Path:
    """Return the folder with a package's source."""
    folder = folder.absolute()
    state = folder / f"{package}-apt"
    for name in ("lists", "cache/archives"):
        (state / name / "partial").mkdir(parents=True, exist_ok=True)
    options = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": apt_sources(state),
        "Dir::State::lists": state / "lists",
        "Dir::Cache": state / "cache",
        "APT::Sandbox::User": "",
    }
    apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]
    if not archives(state):
        for words in (["update"], ["source", "--download-only", package]):
            subprocess.run([*apt, *words], cwd=state, check=True, stdout=subprocess.DEVNULL)
    (archive,) = archives(state)
    with tarfile.open(archive) as tar:
        tree = folder / tar.getnames()[0].split("/")[0]
        if not tree.exists():
            tar.extractall(folder, filter="data")
    return tree


def archives(state: Path) -> list[Path]:
    """Return what the authors have published: one archive, when it is there."""
    return [p for p in state.glob("*.orig.tar.*") if p.suffix != ".asc"]


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    print(fetch(sys.argv[1], Path(sys.argv[2])))
