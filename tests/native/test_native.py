"""Native routines by hand: what Python does with them, what they compile to, and what is refused."""

from __future__ import annotations

import ctypes
from enum import IntEnum
from typing import Any

import pytest

from pytcg.native import NativeError, NativeFunction, intrinsics, native
from pytcg.native.compiler import compile_native
from pytcg.native.intrinsics import cas64, clock, fill, ld8, ld32, ld64, signed_lt, st8, st32, st64
from pytcg.tcg import types
from pytcg.tcg.helpers import Action
from pytcg.tcg.ops import name_of
from pytcg.tcg.state import READ, WRITE, Field, Layout, env_class
from tests.native.interpreter import check, run
from tests.native.programs import define

LAYOUT = Layout([Field("csr"), Field("table", 16)])
ENV = env_class(LAYOUT)
LIMIT = -4096


class Mode(IntEnum):
    U = 0
    S = 1


@native
def page(address: int) -> int:
    """A module constant that is negative."""
    return address & LIMIT


@native
def permitted(env: Any, access: int, mode: int) -> bool:
    if access == WRITE:
        return mode == Mode.S and env.csr & 2 != 0
    return not (mode == Mode.U and env.csr & 1)


@native
def walk(env: Any) -> int:
    """All kinds of statements."""
    level: int = 3
    address = env.arg[0]
    while True:
        if level == 0:
            return Action.SLOW
        level -= 1
        entry = env.table[address >> level * 2 & 15]
        if entry & 1 == 0:
            continue
        if entry & 2 or not permitted(env, READ, Mode.S):
            break
    env.table[level + 1] += page(entry)
    env.ret = (entry << 8) - address
    return Action.CONTINUE if permitted(env, WRITE, Mode.S) else Action.JUMP


@native
def memory(env: Any) -> int:
    """All intrinsics that touch memory."""
    base = env.arg[0]
    st8(base, 0x1FF)
    st32(base + 4, -2)
    st64(base + 8, -3)
    found = cas64(base + 8, -3, ld8(base))
    found += cas64(base + 8, 5, 6)
    fill(base + 16, found, 4)
    fill(base + 48, ld32(base + 4), env.arg[1])
    return ld64(base + 8) + clock()


def names(function: NativeFunction[..., Any]) -> list[str]:
    """The names of the ops that a routine compiles to."""
    ops, temps = compile_native(function, LAYOUT)
    check(ops, temps)
    return [name_of(op[0]) for op in ops]


@pytest.mark.parametrize("csr", range(4))
@pytest.mark.parametrize("entry", [0, 1, 3, 0xFFFF_FFFF_FFFF_F003])
def test_walk(csr: int, entry: int) -> None:
    states = [ENV(LAYOUT), ENV(LAYOUT)]
    for env in states:
        env.csr = csr
        env.arg[0] = 0x123456
        env.table[0x6 >> 1] = env.table[5] = entry
    ops, temps = compile_native(walk, LAYOUT)
    check(ops, temps)
    assert walk(states[0]) == run(ops, states[1])
    for env in states:
        env.self = 0
    assert states[0].words == states[1].words


def test_memory() -> None:
    intrinsics.use_counter(lambda: 1000)
    results = []
    for routine in (memory, lambda env: run(compile_native(memory, LAYOUT)[0], env)):
        block = (ctypes.c_uint64 * 12)()
        env = ENV(LAYOUT)
        env.arg[0], env.arg[1] = ctypes.addressof(block), 3
        results.append((routine(env), list(block)))
    assert results[0] == results[1]
    found = (1 << 64) - 3 + 0xFF & types.MASK64
    assert results[0] == (1255, [0xFFFF_FFFE_0000_00FF, 255, *[found] * 4, *[0xFFFF_FFFE] * 3, 0, 0, 0])


def test_values_wrap() -> None:
    @native
    def sums(a: int, b: int) -> int:
        return -(a + b) * 3 - ~a

    assert sums(2**64 - 1, 2) == (-1 * 3 - 0) % 2**64
    assert sums(-1, 2) == sums(2**64 - 1, 2)


def test_closures_and_signed_order() -> None:
    bound = -5

    @native
    def below(a: int) -> bool:
        return signed_lt(a, bound) or a == types.Cond.LT

    @native
    def outer(a: int) -> int:
        return 1 if below(a) else 0

    assert [outer(x) for x in (-6, -5, 0, 2)] == [1, 0, 0, 1]


def test_constants_decide_branches() -> None:
    @native
    def chosen(env: Any) -> int:
        mode = Mode.S
        if mode == Mode.U or (READ == 1 and env.csr):
            env.csr = 1
            return Action.JUMP
        return Action.SLOW if mode + 1 == 2 else env.csr

    assert names(chosen) == ["movi.i64", "ret"]


def test_conditions_are_branches() -> None:
    @native
    def bits(env: Any) -> int:
        if env.csr & 3 and not env.ret & 1:
            env.pc = 1
        return env.pc & ~env.csr

    assert names(bits) == [
        *("ld.i64", "brcond.i64", "ld.i64", "brcond.i64", "movi.i64", "st.i64", "label"),
        *("ld.i64", "ld.i64", "andc.i64", "ret"),
    ]


def test_small_constants_fold_into_offsets() -> None:
    @native
    def offsets(env: Any) -> int:
        i = env.ret
        env.table[i + 2] = ld32(env.pc + 8 - 24)
        return env.table[3] + env.table[2 + i - 1]

    ops, _ = compile_native(offsets, LAYOUT)
    table = LAYOUT.offset["table"]
    assert [op[3] for op in ops if name_of(op[0]) == "ld.i64" and op[3] in (-16, table + 24, table + 8)] == [
        *(-16, table + 24, table + 8)
    ]
    assert [op[3] for op in ops if name_of(op[0]) == "st.i64"] == [table + 16]


def test_tracebacks_name_the_source_line() -> None:
    env = ENV(LAYOUT)

    @native
    def outside(env: Any) -> int:
        i = 15
        i += 1
        return env.table[i]

    with pytest.raises(IndexError) as caught:
        outside(env)
    last = caught.traceback[-1]
    assert str(last.path) == __file__
    assert last.lineno == outside.line + 3


def test_decorated_functions_keep_their_names() -> None:
    assert (page.__name__, page.__doc__) == ("page", "A module constant that is negative.")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("for i in range(3):\n        env.pc = i", "no For statement"),
        ("return env.pc // 2", "no operator FloorDiv"),
        ("return nothing", "nothing is not defined"),
        ("return name", "name is not an int, but str"),
        ("return len(env.pc, 2)", "len is not defined"),
        ("return 1 < env.pc < 3", "no chain of comparisons"),
        ("return env.pc << 64", "shift by more than 63"),
        ("return page(env.pc, 1)", "page has 1 parameters besides env"),
        ("return permitted(READ, 0)", "the first argument of permitted is env"),
        ("return st8(env.self, 1)", "st8 has no value"),
        ("st8(env.self)", "st8 has 2 arguments"),
        ("env.pc, env.ret = 1, 2", "no Tuple expression"),
        ("page.line = 2", "page.line is not a constant"),
        ("env = 2", "env is not a local"),
        ("return env", "env is no value"),
        ("if env.pc:\n        return 1", "may end without return"),
        ("return", "return without a value"),
        ("return env.nothing", "the CPU state has no field nothing"),
        ("return env.table", "env.table is an array"),
        ("return env.csr[1]", "env.csr is a word"),
        ("return env.table[16]", r"env.table\[16\] is out of range"),
        ("a = b\n    b = a\n    return 0", "b is read before it is assigned"),
        ("env.pc + 1", "an expression without effect"),
    ],
)
def test_refused(body: str, message: str) -> None:
    names = {"page": page, "permitted": permitted, "READ": READ, "st8": st8, "name": "text"}
    routine = define(f"@native\ndef refused(env):\n    {body}\n", names)["refused"]
    with pytest.raises(NativeError, match=message) as caught:
        compile_native(routine, LAYOUT)
    file, line, text = str(caught.value).split(":", 2)
    assert text.startswith(" native refused: ")
    assert file == routine.function.__code__.co_filename
    assert int(line) in (3, 4)


def test_parameters_of_a_top_level_routine_are_refused() -> None:
    with pytest.raises(NativeError, match="a top-level routine takes only env"):
        compile_native(page, LAYOUT)


def test_recursion_is_refused() -> None:
    @native
    def endless(env: Any) -> int:
        return endless(env)

    with pytest.raises(NativeError, match="recursion"):
        compile_native(endless, LAYOUT)


@native
def oddly_laid_out(
    env: Any,
) -> int:
    value = env.arg[0]
    # a comment at the margin does not end a function

    return int(
        value + 1
)  # fmt: skip


def test_the_source_of_a_function_is_its_own_lines() -> None:
    env = ENV(LAYOUT)
    env.arg[0] = 41
    assert oddly_laid_out(env) == 42
    assert oddly_laid_out.definition.body[-1][1] > oddly_laid_out.line
    with pytest.raises(NativeError, match="its source is not found"):
        _ = native(eval("lambda env: 1")).definition
