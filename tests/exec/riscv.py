"""Instruction words for the programs of these tests (RISC-V unprivileged specification, instruction formats)."""

from __future__ import annotations

WFI, ECALL, FENCE_I, MRET = 0x10500073, 0x73, 0x100F, 0x30200073
NOP = 0x13
C_NOP = 1
MCAUSE, MTVAL, MEPC, MTVEC, SATP = 0x342, 0x343, 0x341, 0x305, 0x180


def r_type(opcode: int, funct3: int, funct7: int, rd: int, rs1: int, rs2: int) -> int:
    return funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode


def i_type(opcode: int, funct3: int, rd: int, rs1: int, imm: int) -> int:
    return (imm & 0xFFF) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode


def add(rd: int, rs1: int, rs2: int) -> int:
    return r_type(0x33, 0, 0, rd, rs1, rs2)


def mul(rd: int, rs1: int, rs2: int) -> int:
    return r_type(0x33, 0, 1, rd, rs1, rs2)


def addi(rd: int, rs1: int, imm: int) -> int:
    return i_type(0x13, 0, rd, rs1, imm)


def c_addi(rd: int, imm: int) -> int:
    return (imm >> 5 & 1) << 12 | rd << 7 | (imm & 31) << 2 | 1


def slli(rd: int, rs1: int, shift: int) -> int:
    return i_type(0x13, 1, rd, rs1, shift)


def load(rd: int, rs1: int, imm: int, funct3: int = 3) -> int:
    """ld; funct3 gives another width."""
    return i_type(0x03, funct3, rd, rs1, imm)


def store(rs2: int, rs1: int, imm: int, funct3: int = 3) -> int:
    """sd; funct3 gives another width."""
    return (imm >> 5 & 0x7F) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (imm & 31) << 7 | 0x23


def bne(rs1: int, rs2: int, offset: int, funct3: int = 1) -> int:
    bits = (offset >> 12 & 1) << 31 | (offset >> 5 & 63) << 25 | (offset >> 1 & 15) << 8 | (offset >> 11 & 1) << 7
    return bits | rs2 << 20 | rs1 << 15 | funct3 << 12 | 0x63


def bltu(rs1: int, rs2: int, offset: int) -> int:
    return bne(rs1, rs2, offset, 6)


def auipc(rd: int, imm: int) -> int:
    return imm & 0xFFFFF000 | rd << 7 | 0x17


def lui(rd: int, imm: int) -> int:
    return imm & 0xFFFFF000 | rd << 7 | 0x37


def jal(rd: int, offset: int) -> int:
    low = (offset >> 1 & 0x3FF) << 21 | (offset >> 11 & 1) << 20
    return (offset >> 20 & 1) << 31 | low | (offset >> 12 & 255) << 12 | rd << 7 | 0x6F


def jalr(rd: int, rs1: int, imm: int = 0) -> int:
    return i_type(0x67, 0, rd, rs1, imm)


def amoadd(rd: int, rs1: int, rs2: int) -> int:
    """amoadd.d"""
    return r_type(0x2F, 3, 0, rd, rs1, rs2)


def csrrs(rd: int, csr: int) -> int:
    return i_type(0x73, 2, rd, 0, csr)


def csrrw(csr: int, rs1: int) -> int:
    return i_type(0x73, 1, 0, rs1, csr)


def fcvt_d_l(rd: int, rs1: int) -> int:
    return r_type(0x53, 7, 0x69, rd, rs1, 2)


def fdiv_d(rd: int, rs1: int, rs2: int) -> int:
    return r_type(0x53, 7, 0x0D, rd, rs1, rs2)


def code(*words: int) -> bytes:
    """The words as they lie in memory: two bytes for a compressed instruction."""
    return b"".join(word.to_bytes(4 if word & 3 == 3 else 2, "little") for word in words)
