"""Instruction tables are read, and their mistakes found, as promised."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytcg.frontend.decoder import Decoder
from pytcg.frontend.decodetree import DecodeError, Definitions, Pattern
from pytcg.frontend.riscv.decoding import decoder, patterns, trans_functions
from pytcg.frontend.riscv.isa import TABLES, configure

TABLE = """
%a    4:4
%b    0:4          # low bits
%imm  0:s2 4:3 !shl=1
&ab   a b
@ab   .... ---- ........ &ab %a %b
add   0000 ---- .... .... @ab
sub   0001 ---- \\
      ---- .... &ab a=3 %b
jump  0010 ---- - ... -- .. %imm
wide  0011 x:4 y:s4 0000
{
  nop   0100 00000000 0000
  move  0100 ---- .... .... @ab
}
"""


def read(text: str) -> list[Pattern]:
    return Definitions().read(text, "test.decode")


def trans_ab(ctx: object, a: int, b: int) -> None:
    """Two arguments."""


def trans_one(ctx: object, imm: int) -> None:
    """One argument."""


def trans_none(ctx: object) -> None:
    """No argument."""


FUNCTIONS = {
    "add": trans_ab,
    "sub": trans_ab,
    "jump": trans_one,
    "wide": trans_ab,
    "nop": trans_none,
    "move": trans_ab,
}


@pytest.mark.parametrize(
    ("word", "name", "arguments"),
    [
        (0x0F12, "add", (1, 2)),
        (0x1012, "sub", (3, 2)),
        (0x2013, "jump", (((-1 << 3) | 1) << 1,)),
        (0x3A70, "wide", (10, 7)),
        (0x3A80, "wide", (10, -8)),
        (0x4000, "nop", ()),
        (0x4001, "move", (0, 1)),
        (0x5000, None, None),
    ],
)
def test_decode(word: int, name: str | None, arguments: tuple[int, ...] | None) -> None:
    tree = Decoder(read(TABLE), FUNCTIONS)
    pattern, decoded = tree.match(word), tree.decode(word)
    assert (pattern and pattern.name) == name
    assert decoded == (None if name is None else (FUNCTIONS[name], arguments))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x 0000 ....", "no field covers bits 0xf"),
        ("x 0000 a:4 &ab", "'ab'"),
        ("&ab a b\nx 0000 a:4 &ab", "arguments a given for the set a, b"),
        ("@f 0000 ....\nx 0001 a:4 @f", "fixed bits differ"),
        ("@f 0000 ....\nx 0001 a:5 @f", "9 bits, but the format has 8"),
        ("x 0000 ---- %a", "'a'"),
        ("%a 4:8\nx 0000 ---- %a", "outside of the 8 bits"),
        ("%a 0:4\n%a 0:5", "defined before"),
        ("{\nx 0000", "not closed"),
        ("}", "unexpected }"),
        ("%a 0:4 !mul=3", "!mul"),
        ("!", "unexpected !"),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    with pytest.raises(DecodeError, match=r"test\.decode") as error:
        read(text)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nop 00--\nmove 0- a:1 b:1", "move overlaps nop"),
        ("{\nnop 00--\n}\nnop 0000", "nop overlaps nop"),
        ("other 0000", "there is no trans_other"),
        ("add 0000 a:4", "trans_add takes 2 arguments, not 1"),
    ],
)
def test_decoder_mistakes(text: str, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        Decoder(read(text), FUNCTIONS)


ALL = [pattern for table in TABLES for pattern in patterns(table)]


@given(st.sampled_from(ALL), st.integers(0, (1 << 32) - 1))
def test_riscv_words_decode(pattern: Pattern, bits: int) -> None:
    """Every word of a pattern decodes to it, or to an earlier one of its group."""
    word = bits & (1 << pattern.width) - 1 & ~pattern.mask | pattern.value
    tree = decoder(configure().tables, pattern.width)
    found = tree.match(word)
    assert found is not None
    assert found == pattern or (found.group == pattern.group != "" and ALL.index(found) < ALL.index(pattern))
    decoded = tree.decode(word)
    assert decoded is not None
    assert decoded[0] is trans_functions()[found.name]
    assert len(decoded[1]) == len(found.names)


@given(st.integers(0, (1 << 32) - 1))
def test_riscv_matches_are_true(word: int) -> None:
    """What the tree finds is what a search of the whole list finds."""
    width = 32 if word & 3 == 3 else 16
    word &= (1 << width) - 1
    found = decoder(configure().tables, width).match(word)
    matching = [pattern for pattern in ALL if pattern.width == width and word & pattern.mask == pattern.value]
    assert found == (matching[0] if matching else None)
