"""Direct models of the instructions that Unicorn does not have: Zba, Zbb, Zbc, Zbs and Zicond."""

from __future__ import annotations

from collections.abc import Callable

from pytcg.tcg.types import MASK32, MASK64, sext


def low(value: int) -> int:
    return value & MASK32


def signed32(value: int) -> int:
    return sext(value, 32)


def bytes_of(value: int) -> bytes:
    return (value & MASK64).to_bytes(8, "little")


def rotate_right(value: int, count: int, width: int) -> int:
    bits = f"{value & (1 << width) - 1:0{width}b}"
    count %= width
    return int(bits[width - count :] + bits[: width - count], 2)


def product(a: int, b: int) -> int:
    result = 0
    for bit in range(64):
        if b >> bit & 1:
            result ^= a << bit
    return result


def leading(value: int, width: int) -> int:
    bits = f"{value & (1 << width) - 1:0{width}b}"
    return len(bits) - len(bits.lstrip("0"))


def trailing(value: int, width: int) -> int:
    bits = f"{value & (1 << width) - 1:0{width}b}"
    return len(bits) - len(bits.rstrip("0"))


#: pattern -> result of rs1 and of rs2 or the immediate
MODELS: dict[str, Callable[[int, int], int]] = {
    "add_uw": lambda a, b: b + low(a),
    "sh1add": lambda a, b: b + a * 2,
    "sh2add": lambda a, b: b + a * 4,
    "sh3add": lambda a, b: b + a * 8,
    "sh1add_uw": lambda a, b: b + low(a) * 2,
    "sh2add_uw": lambda a, b: b + low(a) * 4,
    "sh3add_uw": lambda a, b: b + low(a) * 8,
    "slli_uw": lambda a, b: low(a) << b,
    "andn": lambda a, b: a & ~b,
    "orn": lambda a, b: a | ~b,
    "xnor": lambda a, b: ~(a ^ b),
    "clz": lambda a, b: leading(a, 64),
    "clzw": lambda a, b: leading(a, 32),
    "ctz": lambda a, b: trailing(a, 64),
    "ctzw": lambda a, b: trailing(a, 32),
    "cpop": lambda a, b: bin(a).count("1"),
    "cpopw": lambda a, b: bin(low(a)).count("1"),
    "max": lambda a, b: max(sext(a, 64), sext(b, 64)),
    "maxu": max,
    "min": lambda a, b: min(sext(a, 64), sext(b, 64)),
    "minu": min,
    "sext_b": lambda a, b: sext(a, 8),
    "sext_h": lambda a, b: sext(a, 16),
    "zext_h": lambda a, b: a & 0xFFFF,
    "rol": lambda a, b: rotate_right(a, -b, 64),
    "rolw": lambda a, b: signed32(rotate_right(a, -b, 32)),
    "ror": lambda a, b: rotate_right(a, b, 64),
    "rorw": lambda a, b: signed32(rotate_right(a, b, 32)),
    "rori": lambda a, b: rotate_right(a, b, 64),
    "roriw": lambda a, b: signed32(rotate_right(a, b, 32)),
    "orc_b": lambda a, b: int.from_bytes(bytes(0xFF * (byte > 0) for byte in bytes_of(a)), "little"),
    "rev8": lambda a, b: int.from_bytes(bytes_of(a), "big"),
    "clmul": lambda a, b: product(a, b),
    "clmulh": lambda a, b: product(a, b) >> 64,
    "clmulr": lambda a, b: product(a, b) >> 63,
    "bclr": lambda a, b: a & ~(1 << b % 64),
    "bext": lambda a, b: a >> b % 64 & 1,
    "binv": lambda a, b: a ^ 1 << b % 64,
    "bset": lambda a, b: a | 1 << b % 64,
    "bclri": lambda a, b: a & ~(1 << b),
    "bexti": lambda a, b: a >> b & 1,
    "binvi": lambda a, b: a ^ 1 << b,
    "bseti": lambda a, b: a | 1 << b,
    "czero_eqz": lambda a, b: a if b else 0,
    "czero_nez": lambda a, b: 0 if b else a,
}
