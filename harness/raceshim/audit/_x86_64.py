# SPDX-License-Identifier: BSD-2-Clause
"""x86-64: what its instructions do to addresses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import capstone
from capstone import x86_const as x86

from raceshim.audit._machines import Instruction, Step, words
from raceshim.audit._values import SUM, UNKNOWN, Value, number, plus, union

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raceshim.audit._values import State

_CLOBBERED = ("rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11")
_WIDE = {"rip": "rip"} | {
    name: wide
    for wide, names in {
        "rax": "rax eax ax al ah",
        "rbx": "rbx ebx bx bl bh",
        "rcx": "rcx ecx cx cl ch",
        "rdx": "rdx edx dx dl dh",
        "rsi": "rsi esi si sil",
        "rdi": "rdi edi di dil",
        "rbp": "rbp ebp bp bpl",
        "rsp": "rsp esp sp spl",
        **{f"r{n}": f"r{n} r{n}d r{n}w r{n}b" for n in range(8, 16)},
    }.items()
    for name in names.split()
}
_VECTOR = re.compile(r"[xyz]mm(\d+)")
_MOVES = words(
    "mov movabs movq movd movaps movups movapd movupd movdqa movdqu movntps movntdq movsd movlps "
    "vmovq vmovd vmovaps vmovups vmovapd vmovupd vmovdqa vmovdqu vmovdqa64 vmovdqu64 vmovdqu32 "
    "vmovsd vmovlps"
)
#: They leave the low half of a vector register as it is, or as that of their second operand.
_KEEP = words("punpcklqdq movhps movhpd movlhps pinsrq vinserti128 vinsertf128")
_KEEP_SECOND = words("vpunpcklqdq vmovhps vmovhpd vmovlhps vpinsrq")
#: Calls and jumps, those through a pointer, and what loads a pointer or an address.
_CALL = re.compile(rb"(?=[\xe8\xe9])", re.DOTALL)
_GOT_CALL = re.compile(rb"(?=\xff[\x15\x25])", re.DOTALL)
_LOAD = re.compile(rb"(?=[\x48\x4c][\x8b\x8d][\x05\r\x15\x1d%\x2d5=])", re.DOTALL)


class X8664:
    """The processor."""

    arguments = ("rdi", "rsi", "rdx", "rcx", "r8", "r9")
    stack = "rsp"

    def __init__(self) -> None:
        """Start the decoder."""
        self._decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
        self._decoder.detail = True
        self._decoder.skipdata = True

    def decode(self, code: bytes, address: int) -> Iterator[Instruction]:
        """Return the instructions in some bytes."""
        yield from self._decoder.disasm(code, address)

    def calls_to(self, code: bytes, address: int, targets: frozenset[int]) -> Iterator[int]:
        """Return addresses that may be of calls of these functions, or through these pointers."""
        for pattern, size in ((_CALL, 5), (_GOT_CALL, 6), (_LOAD, 7)):
            for found in pattern.finditer(code):
                end = found.start() + size
                distance = int.from_bytes(code[end - 4 : end], "little", signed=True)
                if address + end + distance in targets:
                    yield address + found.start()

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
        name = instruction.mnemonic.rpartition(" ")[2]
        step = self._leads(name, instruction, state)
        if step is None:
            self._change(name, instruction, state)
        return step

    def _leads(self, name: str, instruction: Instruction, state: State) -> Step | None:
        if name in ("ret", "retf", "iretq", "iret"):
            return Step("return", frozenset())
        if name in ("ud2", "hlt", "ud1", "ud0"):
            return Step("trap", frozenset())
        if name not in ("call", "jmp") and not instruction.group(capstone.CS_GRP_JUMP):
            return None
        if not instruction.operands:
            return None
        operand = instruction.operands[0]
        targets = self._read(instruction, operand, state)
        kind = {"call": "call", "jmp": "jump"}.get(name, "branch")
        if operand.type == x86.X86_OP_MEM and operand.mem.index:
            table = self._address(instruction, operand.mem, state, any_index=True)
            return Step(kind, targets, table=table)
        return Step(kind, targets, kind == "jump" and targets == SUM)

    def _change(self, name: str, instruction: Instruction, state: State) -> None:
        operands = instruction.operands
        if name == "push":
            value = self._read(instruction, operands[0], state)
            state.put("rsp", plus(state.get("rsp"), -8))
            state.store(state.get("rsp"), value)
        elif name == "pop":
            state.put(_register(instruction, operands[0].reg), state.load(state.get("rsp")))
            state.put("rsp", plus(state.get("rsp"), 8))
        elif name == "leave":
            state.put("rsp", plus(state.get("rbp"), 8))
            state.put("rbp", state.load(state.get("rbp")))
        elif name.startswith(("movsq", "movsb", "movsd")) and "rep" in instruction.mnemonic:
            state.store(state.get("rdi"), state.load(state.get("rsi")))
            for register in ("rdi", "rsi", "rcx"):
                state.put(register, UNKNOWN)
        elif operands:
            self._write(name, instruction, state)
        else:
            self._forget(instruction, state)

    def _write(self, name: str, instruction: Instruction, state: State) -> None:
        target = instruction.operands[0]
        is_register = target.type == x86.X86_OP_REG
        if name in _KEEP or (
            name == "and" and is_register and target.reg == x86.X86_REG_RSP
        ):  # the frame is aligned, and is the frame
            return
        value = self._result(name, instruction, state)
        if value is None:
            self._forget(instruction, state)
        elif is_register:
            state.put(_register(instruction, target.reg), value if target.size >= 4 else UNKNOWN)
        else:
            known = value if target.size >= 8 else UNKNOWN
            state.store(self._address(instruction, target.mem, state), known)

    def _result(self, name: str, instruction: Instruction, state: State) -> Value | None:
        """Return what an instruction makes of its operands; None if that is not known here."""
        target, *sources = instruction.operands
        if not sources:
            return None
        value: Value | None = None
        if name == "lea":
            value = self._address(instruction, sources[0].mem, state)
        elif name in ("xor", "pxor", "xorps") and target.reg == sources[0].reg:
            value = number(0)
        elif name in ("add", "sub"):
            value = self._sum(name, instruction, state)
        elif (name in _MOVES and len(sources) == 1) or name in _KEEP_SECOND:
            value = self._read(instruction, sources[0], state)
        elif name.startswith("cmov"):
            both = (self._read(instruction, one, state) for one in (target, sources[0]))
            value = union(*both)
        return value

    def _sum(self, name: str, instruction: Instruction, state: State) -> Value | None:
        target, source = instruction.operands
        if source.type == x86.X86_OP_IMM:
            amount = source.imm if name == "add" else -source.imm
            return plus(self._read(instruction, target, state), amount)
        if name == "add" and target.type == source.type == x86.X86_OP_REG:
            return SUM
        return None

    def _forget(self, instruction: Instruction, state: State) -> None:
        if not instruction.mnemonic.startswith(("cmp", "test", "nop", "endbr")):
            _, written = instruction.regs_access()
            for register in written:
                state.put(_register(instruction, register), UNKNOWN)
            self._overwrite(instruction, state)

    def _overwrite(self, instruction: Instruction, state: State) -> None:
        for operand in instruction.operands:
            if operand.type == x86.X86_OP_MEM and operand.access & capstone.CS_AC_WRITE:
                state.store(self._address(instruction, operand.mem, state), UNKNOWN)

    def _read(self, instruction: Instruction, operand: Instruction, state: State) -> Value:
        if operand.type == x86.X86_OP_IMM:
            return number(operand.imm)
        if operand.type == x86.X86_OP_REG:
            return state.get(_register(instruction, operand.reg))
        if operand.size < 8:
            return UNKNOWN
        return state.load(self._address(instruction, operand.mem, state))

    def _address(
        self,
        instruction: Instruction,
        memory: Instruction,
        state: State,
        *,
        any_index: bool = False,
    ) -> Value:
        """Return an operand's address; with `any_index`, as if the index were 0."""
        if memory.segment in (x86.X86_REG_FS, x86.X86_REG_GS):
            return UNKNOWN
        if memory.index and not any_index:
            index = state.get(_register(instruction, memory.index))
            numbers = {atom.number for atom in index if atom.kind == "number"}
            if len(index) != 1 or not numbers:
                return UNKNOWN
            offset = memory.disp + numbers.pop() * memory.scale
        else:
            offset = memory.disp
        if memory.base == x86.X86_REG_RIP:
            return number(instruction.address + instruction.size + offset)
        if not memory.base:
            return number(offset)
        return plus(state.get(_register(instruction, memory.base)), offset)


def _register(instruction: Instruction, register: int) -> str:
    name = instruction.reg_name(register) or ""
    vector = _VECTOR.fullmatch(name)
    return f"v{vector[1]}" if vector else _WIDE.get(name, name)
