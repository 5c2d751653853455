"""The text form of flat ops: one op a line, printed and parsed from the op table.

    L1:
    add.i64 x5, x6, #16
    guest_ld.i64 x5, x2, off=8, mop=s32/m1, insn=4
    brcond.i64 x5, #0, ne, L1
    call t0, x5, _, _, helper=9, insn=4

Operands, conditions and labels stand by position, the other fields as `name=value`; `b` and `imm` share one place.
`;` starts a comment. `parse_ops(format_ops(ops)) == ops` for all ops that `tcg/verify.py` accepts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pytcg.tcg.ops import INPUT_FIELDS, Op, OpDef, code, definition, name_of
from pytcg.tcg.state import CONST, ENV, HOST_REG, NUM_GLOBALS, SPILL, TEMP
from pytcg.tcg.types import MO_ALIGN, MO_MODE, MO_MODE_SHIFT, MO_SIGN, MO_SIZE, Cond, Rm, Type

ABSENT = "_"
OPERAND_FIELDS = INPUT_FIELDS | {"d"}
#: first letter of an operand -> number of its first one
BASES = {"g": 0, "h": HOST_REG, "s": SPILL, "t": TEMP}


def format_operand(number: int, names: Sequence[str] = ()) -> str:
    """An operand's name; `names` are the guest's names of the globals, beside which the others get a leading `%`."""
    if number == CONST:
        return ABSENT
    if number < NUM_GLOBALS:
        return names[number] if number < len(names) else f"g{number}"
    if number == ENV:
        return "env"
    letter, base = next((letter, base) for letter, base in reversed(BASES.items()) if number >= base)
    return f"{'%' if names else ''}{letter}{number - base}"


def parse_operand(text: str, names: Mapping[str, int]) -> int:
    """The number of an operand's name. Raises ValueError."""
    if text == ABSENT:
        return CONST
    if text == "env":
        return ENV
    if text in names:
        return names[text]
    plain = text.removeprefix("%")
    if plain[:1] not in BASES or not plain[1:].isdigit():
        raise ValueError(f"not an operand: {text}")
    return BASES[plain[0]] + int(plain[1:])


def format_mop(mop: int) -> str:
    """Memory-operation bits, such as `u8`, `s32/m1` or `s64/m3/align`."""
    text = f"{'s' if mop & MO_SIGN else 'u'}{8 << (mop & MO_SIZE)}"
    if mop & MO_MODE:
        text += f"/m{mop >> MO_MODE_SHIFT & 3}"
    return text + "/align" if mop & MO_ALIGN else text


def parse_mop(text: str) -> int:
    """The inverse of `format_mop`. Raises ValueError."""
    size, *parts = text.split("/")
    mop = {"8": 0, "16": 1, "32": 2, "64": 3}.get(size[1:], -1)
    if mop < 0 or size[0] not in "us":
        raise ValueError(f"not a memory operation: {text}")
    if size[0] == "s":
        mop |= MO_SIGN
    for part in parts:
        mop |= MO_ALIGN if part == "align" else int(part.removeprefix("m")) << MO_MODE_SHIFT
    return mop


def format_op(op: Op, names: Sequence[str] = ()) -> str:
    """One op as a line. Raises IndexError for a code that the table does not have."""
    row = definition(op[0])
    values = dict(zip(row.fields, op[1:], strict=True))
    if row.name == "label":
        return f"L{values['label']}:"
    parts = []
    for field, value in values.items():
        if field == "imm":
            if "b" not in values:
                parts.append(f"#{value}")
        elif field == "b" and value == CONST and "imm" in values:
            parts.append(f"#{values['imm']}")
        elif field in OPERAND_FIELDS:
            parts.append(format_operand(value, names))
        elif field == "cond":
            parts.append(Cond(value).name.lower())
        elif field == "label":
            parts.append(f"L{value}")
        elif field == "rm":
            parts.append(f"rm={Rm(value).name.lower()}")
        elif field == "mop":
            parts.append(f"mop={format_mop(value)}")
        else:
            parts.append(f"{field}={value}")
    return f"{name_of(op[0])} {', '.join(parts)}".rstrip()


def format_ops(ops: Iterable[Op], names: Sequence[str] = ()) -> str:
    """Ops as lines; labels stand at the margin, the rest is indented."""
    lines = (format_op(op, names) for op in ops)
    return "".join(f"{line}\n" if line.endswith(":") else f"    {line}\n" for line in lines)


def _parse_field(field: str, text: str, names: Mapping[str, int]) -> int:
    if field in OPERAND_FIELDS:
        return parse_operand(text, names)
    if field == "label":
        return int(text.removeprefix("L"))
    if field == "cond":
        return Cond[text.upper()]
    prefix = f"{field}="
    if not text.startswith(prefix):
        raise ValueError(f"expected {prefix}… instead of {text}")
    text = text.removeprefix(prefix)
    if field == "rm":
        return Rm[text.upper()]
    return parse_mop(text) if field == "mop" else int(text, 0)


def _parse_fields(row: OpDef, parts: list[str], names: Mapping[str, int]) -> list[int]:
    values: dict[str, int] = {}
    written = [field for field in row.fields if field != "imm" or "b" not in row.fields]
    if len(parts) != len(written):
        raise ValueError(f"{row.name} has {len(written)} fields, not {len(parts)}")
    for field, part in zip(written, parts, strict=True):
        if row.imm and part.startswith("#") and field in ("b", "imm"):
            values["b"], values["imm"] = CONST, int(part[1:], 0)
        elif field == "imm":
            raise ValueError(f"expected #… instead of {part}")
        else:
            values[field] = _parse_field(field, part, names)
    return [int(values.get(field, 0)) for field in row.fields]


def parse_op(line: str, names: Mapping[str, int] | None = None) -> Op:
    """One line (without comment) as an op; `names` maps the guest's register names to operands. Raises ValueError."""
    try:
        if line.endswith(":"):
            return code("label"), int(line[:-1].removeprefix("L"))
        head, _, rest = line.partition(" ")
        name, _, type_name = head.partition(".")
        op_code = code(name, Type[type_name.upper()] if type_name else Type.NONE)
        parts = [part.strip() for part in rest.split(",")] if rest.strip() else []
        return op_code, *_parse_fields(definition(op_code), parts, names or {})
    except (KeyError, ValueError) as error:
        raise ValueError(f"cannot read op {line!r}: {error}") from error


def parse_ops(text: str, names: Mapping[str, int] | None = None) -> list[Op]:
    """Ops from lines; empty lines and comments are skipped. Raises ValueError."""
    lines = (line.partition(";")[0].strip() for line in text.splitlines())
    return [parse_op(line, names) for line in lines if line]
