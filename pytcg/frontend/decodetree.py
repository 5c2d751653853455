"""Reader of instruction tables in decodetree's style: text in, a list of `Pattern`s out.

A line of a table (a backslash at its end continues it, `#` starts a comment) is one of

    %imm_b  31:s1 7:1 25:6 8:4 !shl=1       a field: pieces `position:length`, most significant first; `s` makes the
                                            first one signed. `!shl=n` shifts the value left, `!add=n` adds to it
    &r      rd rs1 rs2                      an argument set: names, in the order that trans functions take them
    @r      ....... ..... ..... ... ..... .......  &r rd=%rd rs1=%rs1 rs2=%rs2       a format
    add     0000000 ..... ..... 000 ..... 0110011  @r                                a pattern

A bit is 0, 1, `.` (part of a field) or `-` (ignored); `name:length` among the bits is a field in place; `%name` is
short for `name=%name`, and `name=7` is a constant. Patterns between `{` and `}` may overlap: the first that matches
wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

_T = TypeVar("_T")
_PIECE = re.compile(r"(\d+):(s?)(\d+)")
_INLINE = re.compile(r"([A-Za-z_]\w*):(s?)(\d+)")
_FIXED, _ONES, _DOTS = (str.maketrans("01.-", digits) for digits in ("1100", "0100", "0010"))
_MODIFIERS = {"!shl": "({} << {})", "!add": "({} + {})"}


class DecodeError(ValueError):
    """A mistake in an instruction table."""


class Value(NamedTuple):
    """An argument: a Python expression of the instruction word `w`, and the bits of the word that it depends on."""

    source: str
    mask: int = 0


class Shape(NamedTuple):
    """The bits and arguments of a format or of a pattern. `dots` are the bits that a field has to cover."""

    width: int
    mask: int
    value: int
    dots: int
    names: tuple[str, ...] | None
    values: dict[str, Value]


class Pattern(NamedTuple):
    """A row of an instruction table: a word matches if `word & mask == value`. `group` is "" outside of braces."""

    name: str
    width: int
    mask: int
    value: int
    names: tuple[str, ...]
    source: str
    group: str
    where: str


@dataclass
class Definitions:
    """The fields, argument sets and formats that a table may refer to."""

    fields: dict[str, Value] = field(default_factory=dict)
    sets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    formats: dict[str, Shape] = field(default_factory=dict)

    def lines(self, text: str) -> Iterator[tuple[int, list[str]]]:
        """The logical lines of a table: number of the last physical line and tokens."""
        pending: list[str] = []
        for number, line in enumerate(text.splitlines(), 1):
            line = line.partition("#")[0].rstrip()
            pending += line.removesuffix("\\").split()
            if pending and not line.endswith("\\"):
                yield number, pending
                pending = []

    def read(self, text: str, where: str) -> list[Pattern]:
        """The patterns of a table, whose other lines are added to these definitions. Raises DecodeError."""
        patterns: list[Pattern] = []
        group = ""
        for number, (name, *tokens) in self.lines(text):
            place = f"{where}:{number}"
            try:
                if name == "{" and not group:
                    group = place
                elif name == "}" and group:
                    group = ""
                elif name[0] == "%":
                    _define(self.fields, name[1:], _field(tokens))
                elif name[0] == "&":
                    _define(self.sets, name[1:], tuple(tokens))
                elif name[0] == "@":
                    _define(self.formats, name[1:], self._shape(tokens))
                elif name.isidentifier():
                    patterns.append(_pattern(name, self._shape(tokens), group, place))
                else:
                    raise DecodeError(f"unexpected {name}")
            except (ValueError, KeyError) as error:
                raise DecodeError(f"{place}: {name}: {error}") from error
        if group:
            raise DecodeError(f"{where}: a group is not closed")
        return patterns

    def copy(self) -> Definitions:
        """Definitions to which a table can add its own."""
        return Definitions(dict(self.fields), dict(self.sets), dict(self.formats))

    def _shape(self, tokens: list[str]) -> Shape:
        bits = ""
        inline: list[tuple[str, str, int, int]] = []
        names = base = None
        values: dict[str, Value] = {}
        for token in tokens:
            first = token[0]
            if first in "01.-":
                bits += token
            elif first == "&":
                names = self.sets[token[1:]]
            elif first == "@":
                base = self.formats[token[1:]]
            elif match := _INLINE.fullmatch(token):
                length = int(match[3])
                bits += "." * length
                inline.append((match[1], match[2], len(bits), length))
            else:
                name, _, value = token.removeprefix("%").partition("=")
                value = value or token
                values[name] = self.fields[value[1:]] if value[0] == "%" else Value(str(int(value, 0)))
        for name, sign, end, length in inline:
            values[name] = _field([f"{len(bits) - end}:{sign}{length}"])
        mask, value_bits, dots = (int(bits.translate(table) or "0", 2) for table in (_FIXED, _ONES, _DOTS))
        shape = Shape(len(bits), mask, value_bits, dots, names, values)
        return _merge(base, shape) if base else shape


def _define(table: dict[str, _T], name: str, value: _T) -> None:
    if table.setdefault(name, value) != value:
        raise DecodeError("defined before, and differently")


def _merge(base: Shape, shape: Shape) -> Shape:
    """A shape with what its format adds. Its own arguments win; fixed bits of both must agree."""
    if base.width != shape.width:
        raise DecodeError(f"{shape.width} bits, but the format has {base.width}")
    if (base.value ^ shape.value) & base.mask & shape.mask:
        raise DecodeError("fixed bits differ from those of the format")
    mask, value, dots = base.mask | shape.mask, base.value | shape.value, base.dots | shape.dots
    names = base.names if shape.names is None else shape.names
    return Shape(base.width, mask, value, dots & ~mask, names, {**base.values, **shape.values})


def _field(tokens: list[str]) -> Value:
    source, mask = "0", 0
    for token in tokens:
        if match := _PIECE.fullmatch(token):
            position, length = int(match[1]), int(match[3])
            piece = f"(w >> {position} & {(1 << length) - 1})"
            if match[2]:
                piece = f"(({piece} ^ {1 << length - 1}) - {1 << length - 1})"
            source = f"({source} << {length} | {piece})" if mask else piece
            mask |= ((1 << length) - 1) << position
        else:
            modifier, _, number = token.partition("=")
            source = _MODIFIERS[modifier].format(source, int(number, 0))
    return Value(source, mask)


def _pattern(name: str, shape: Shape, group: str, where: str) -> Pattern:
    names = tuple(shape.values) if shape.names is None else shape.names
    if set(names) != set(shape.values):
        raise DecodeError(f"arguments {', '.join(shape.values)} given for the set {', '.join(names)}")
    covered = 0
    for value in shape.values.values():
        covered |= value.mask
    if missing := shape.dots & ~shape.mask & ~covered:
        raise DecodeError(f"no field covers bits {missing:#x}")
    if covered >> shape.width:
        raise DecodeError(f"a field lies outside of the {shape.width} bits")
    source = "".join(shape.values[name].source + ", " for name in names)
    return Pattern(name, shape.width, shape.mask, shape.value, names, f"({source})", group, where)
