"""Disassembly for logs, by capstone; words that it does not know are printed as data."""

from __future__ import annotations

from collections.abc import Callable

import capstone

MASK64 = 0xFFFFFFFFFFFFFFFF
#: guest or host architecture -> capstone's architecture and mode, and the smallest instruction in bytes
ARCHITECTURES = {
    "riscv64": (capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV64 | capstone.CS_MODE_RISCVC, 2),
    "x86_64": (capstone.CS_ARCH_X86, capstone.CS_MODE_64, 1),
}


def disassembler(architecture: str) -> Callable[[bytes, int], list[str]]:
    """A function from bytes and their address to lines of text. Raises KeyError for an unknown architecture."""
    arch, mode, unit = ARCHITECTURES[architecture]
    engine = capstone.Cs(arch, mode)

    def lines(code: bytes, address: int) -> list[str]:
        out = []
        at = 0
        while at < len(code):
            for insn in engine.disasm(code[at:], (address + at) & MASK64):
                out.append(f"0x{insn.address:016x}:  {insn.bytes.hex():<22} {insn.mnemonic} {insn.op_str}".rstrip())
                at += insn.size
            if at < len(code):
                size = 4 if unit == 2 and code[at] & 3 == 3 else unit
                data = code[at : at + size]
                values = " ".join(f"{byte:#04x}" for byte in data)
                out.append(f"0x{(address + at) & MASK64:016x}:  {data.hex():<22} .byte {values}")
                at += size
        return out

    return lines
