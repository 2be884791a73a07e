# SPDX-License-Identifier: BSD-2-Clause
"""AArch64: what its instructions do to addresses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import capstone
from capstone import arm64_const as arm64

from raceshim.audit._machines import Instruction, Step, words
from raceshim.audit._values import SUM, UNKNOWN, Value, number, plus, union

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raceshim.audit._values import State

_CLOBBERED = (*(f"x{n}" for n in range(19)), "x30")
_NAME = re.compile(r"([wxbhsdqv])(\d+)")
_NAMED = {"fp": "x29", "lr": "x30", "wsp": "sp"}
_LOADS = words("ldr ldur ldp ldnp")
_STORES = words("str stur stp stnp stlr stlur")
_CALLS = words("blr blraaz blrabz")
_JUMPS = words("br braaz brabz")
_RETURNS = words("ret retaa retab eret")
_TRAPS = words("brk udf hlt")
_BRANCHES = words("cbz cbnz tbz tbnz")


class AArch64:
    """The processor."""

    arguments = tuple(f"x{n}" for n in range(8))
    stack = "sp"

    def __init__(self) -> None:
        """Start the decoder."""
        self._decoder = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
        self._decoder.detail = True
        self._decoder.skipdata = True

    def decode(self, code: bytes, address: int) -> Iterator[Instruction]:
        """Return the instructions in some bytes."""
        yield from self._decoder.disasm(code, address)

    def calls_to(self, code: bytes, address: int, targets: frozenset[int]) -> Iterator[int]:
        """Return addresses of direct calls and jumps, and of what loads from these pages."""
        pages = {target >> 12 for target in targets}
        for place in range(0, len(code) - 3, 4):
            word = int.from_bytes(code[place : place + 4], "little")
            if word & 0x7C000000 == 0x14000000:
                distance = (word & 0x3FFFFFF ^ 0x2000000) - 0x2000000
                if address + place + 4 * distance in targets:
                    yield address + place
            elif word & 0x9F000000 == 0x90000000:  # adrp
                distance = word >> 29 & 3 | word >> 3 & 0x1FFFFC
                distance = (distance ^ 0x100000) - 0x100000
                if (address + place >> 12) + distance in pages:
                    yield address + place

    def after_call(self, state: State) -> None:
        """Forget what the callee may have changed."""
        for register in _CLOBBERED:
            state.put(register, UNKNOWN)
        for register in [name for name in state.registers if name.startswith("v")]:
            state.put(register, UNKNOWN)

    def execute(self, instruction: Instruction, state: State) -> Step | None:
        """Do what an instruction does; return where it leads, unless that is on."""
        if not instruction.id:
            return None  # data
        name = instruction.mnemonic
        step = _leads(name, instruction, state)
        if step is None and instruction.operands:
            _change(name, instruction, state)
        return step


def _leads(name: str, instruction: Instruction, state: State) -> Step | None:
    if name in _RETURNS or name in _TRAPS:
        return Step("return" if name in _RETURNS else "trap", frozenset())
    is_always = instruction.cc in (arm64.ARM64_CC_INVALID, arm64.ARM64_CC_AL)
    if name == "bl" or name in _CALLS:
        kind = "call"
    elif name in _JUMPS or (name == "b" and is_always):
        kind = "jump"
    elif name == "b" or name.startswith("b.") or name in _BRANCHES:
        kind = "branch"
    else:
        return None
    targets = _read(instruction, instruction.operands[-1], state)
    return Step(kind, targets, name in _JUMPS and targets == SUM)


def _change(name: str, instruction: Instruction, state: State) -> None:
    target, *sources = instruction.operands
    if name in _LOADS or name in _STORES:
        _move(name, instruction, state)
        return
    value = UNKNOWN
    if name in ("adrp", "adr"):
        value = number(sources[0].imm)
    elif name in ("mov", "movz", "fmov", "movi", "dup"):
        value = _shifted(instruction, sources[0], state)
    elif name == "movk":
        value = _part(state.get(_register(instruction, target)), sources[0])
    elif name in ("add", "sub") and len(sources) > 1:
        value = _sum(name, instruction, state)
    elif name.startswith("csel"):
        value = union(*(_read(instruction, one, state) for one in sources[:2]))
    elif target.type != arm64.ARM64_OP_REG or name.startswith(
        ("cmp", "cmn", "tst", "ccmp", "prfm")
    ):
        return
    if target.type == arm64.ARM64_OP_REG and target.vector_index <= 0:
        state.put(_register(instruction, target), value)


def _sum(name: str, instruction: Instruction, state: State) -> Value:
    first, second = instruction.operands[1:3]
    if second.type != arm64.ARM64_OP_IMM:
        return SUM if name == "add" else UNKNOWN
    amount = second.imm << second.shift.value
    return plus(_read(instruction, first, state), amount if name == "add" else -amount)


def _shifted(instruction: Instruction, source: Instruction, state: State) -> Value:
    if source.type == arm64.ARM64_OP_IMM:
        return number(source.imm << source.shift.value)
    return _read(instruction, source, state)


def _part(old: Value, source: Instruction) -> Value:
    """Put 16 bits into a number, as `movk` does."""
    shift = source.shift.value
    mask = 0xFFFF << shift
    if any(atom.kind != "number" for atom in old):
        return UNKNOWN
    return union(*(number(atom.number & ~mask | source.imm << shift) for atom in old))


def _move(name: str, instruction: Instruction, state: State) -> None:
    """Load or store a register, or two."""
    operands = instruction.operands
    place = next((n for n, one in enumerate(operands) if one.type == arm64.ARM64_OP_MEM), None)
    if place is None:  # a literal: its address is an immediate
        if name == "ldr":
            state.put(_register(instruction, operands[0]), state.load(number(operands[1].imm)))
        return
    memory = operands[place].mem
    base = _named(instruction, memory.base)
    after = operands[place + 1].imm if len(operands) > place + 1 else None
    start = plus(state.get(base), memory.disp) if not memory.index else UNKNOWN
    offset = 0
    for operand in operands[:place]:
        register = _register(instruction, operand)
        size = _size(instruction, operand)
        where = plus(start, offset)
        if name in _LOADS:
            state.put(register, state.load(where) if size >= 8 else UNKNOWN)
        else:
            state.store(where, state.get(register) if size >= 8 else UNKNOWN)
        offset += size
    if instruction.writeback:
        state.put(base, start if after is None else plus(start, after))


def _read(instruction: Instruction, operand: Instruction, state: State) -> Value:
    if operand.type == arm64.ARM64_OP_IMM:
        return number(operand.imm)
    if operand.type == arm64.ARM64_OP_REG:
        return state.get(_register(instruction, operand))
    return UNKNOWN


def _register(instruction: Instruction, operand: Instruction) -> str:
    return _named(instruction, operand.reg)


def _named(instruction: Instruction, register: int) -> str:
    name = instruction.reg_name(register) or ""
    if name in ("xzr", "wzr"):
        return "zero"
    found = _NAME.fullmatch(name)
    if found is None:
        return _NAMED.get(name, name)
    return f"x{found[2]}" if found[1] in "wx" else f"v{found[2]}"


def _size(instruction: Instruction, operand: Instruction) -> int:
    letter = (instruction.reg_name(operand.reg) or "x")[0]
    return {"w": 4, "s": 4, "b": 1, "h": 2, "q": 16}.get(letter, 8)
