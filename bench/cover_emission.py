# SPDX-License-Identifier: BSD-2-Clause
"""What writing coverage costs a program that goes on: time and size, beside clang's own runtime.

A generated program of 2,400 functions with 9 counters each, of which a fifth ran, as in a daemon.
Both runtimes write to /dev/shm in the same run. Bars: our file in less time than
`__llvm_profile_write_file`, a tenth of its size at most; reading all counters and looking at them
within 8 times memcpy of the same bytes (the reading alone: 4 times).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from raceshim.cc import _prefix

HERE = Path(__file__).parent
FUNCTIONS = 2400
SIZE_BAR, COPY_BAR = 10, 8


def functions() -> str:
    """Return the source of functions with branches; a fifth of them is called."""
    bodies = [
        f"__attribute__((noinline)) int f{i}(int x)\n{{\n"
        + "".join(f"\tif (x % {k} == 1) x += {i + k};\n" for k in range(2, 10))
        + "\treturn x;\n}\n"
        for i in range(FUNCTIONS)
    ]
    calls = "".join(f"\tx += f{i}(x);\n" for i in range(0, FUNCTIONS, 5))
    used = ", ".join(f"f{i}" for i in range(FUNCTIONS))
    return (
        "".join(bodies)
        + f"int (*all[])(int) = {{{used}}};\n"
        + f"int run_functions(int x)\n{{\n{calls}\treturn x;\n}}\n"
    )


def build(folder: Path, compiler: str, *, ours: bool) -> Path:
    """Build the program with one of the runtimes."""
    source, program = folder / "functions.c", folder / ("ours" if ours else "stock")
    source.write_text(functions())
    command = [
        compiler, "-O1", "-fprofile-instr-generate", "-fcoverage-mapping",
        f"-I{_prefix.includes()}", str(source), str(HERE / "cover_emission.c"), "-o", str(program),
    ]  # fmt: skip
    if ours:
        registrar = folder / "registrar.o"
        subprocess.run(
            [
                compiler, "-c", "-O1", "-fPIC", f"-I{_prefix.includes()}", "-DRSH_COVER_ENGINE=1",
                "-DRSH_COVER_MODE=2", "-DRSH_COVER_PROGRAM",
                _prefix.share("cover_registrar.c"), "-o", str(registrar),
            ],
            check=True,
        )  # fmt: skip
        command += ["-DOURS", str(registrar), _prefix.archive()]
    subprocess.run(command, check=True)
    return program


def measure(program: Path, output: Path) -> list[float]:
    """Run one program and return the microseconds that it prints."""
    output.mkdir()
    done = subprocess.run([program, output], capture_output=True, text=True, check=True, cwd=output)
    return [float(word) for word in done.stdout.split()]


def main() -> int:
    """Measure and print; the exit status is 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compiler", default="clang-19")
    options = parser.parse_args()
    shared = Path("/dev/shm")  # noqa: S108 - memory is what is measured
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as name:
        folder = Path(name)
        programs = [build(folder, options.compiler, ours=ours) for ours in (True, False)]
        emit, look, copy = measure(programs[0], folder / "out-ours")
        (stock,) = measure(programs[1], folder / "out-stock")
        size = next((folder / "out-ours").glob("covcounters.*")).stat().st_size
        profraw = (folder / "out-stock" / "stock.profraw").stat().st_size
    print(f"write counters     {emit:7.1f} us   {emit / stock:5.2f} of clang's {stock:.1f} us")
    print(f"size               {size:7d} B    1/{profraw / size:.1f} of clang's {profraw} B")
    print(f"read and look      {look:7.1f} us   {look / copy:5.2f} of memcpy's {copy:.1f} us")
    return int(emit >= stock or profraw < SIZE_BAR * size or look > COPY_BAR * copy)


if __name__ == "__main__":
    sys.exit(main())
