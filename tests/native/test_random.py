"""Compiled routines do what their Python copies do, for random routines."""

from __future__ import annotations

from random import Random

import pytest

from pytcg.native import intrinsics
from pytcg.native.compiler import compile_native
from pytcg.tcg.state import Env, Layout, env_class
from pytcg.tcg.types import Cond
from tests.native.interpreter import check, run
from tests.native.programs import Program, define

LAYOUT = Layout()
ENV = env_class(LAYOUT)
NAMES = {"MODE": 1, "Cond": Cond, **vars(intrinsics)}


def fresh_env(words: list[int]) -> Env:
    env = ENV(LAYOUT)
    for index, word in enumerate(words):
        env.words[index] = env.arg[index & 3] = env.scratch[index] = word
    env.pc, env.ret, env.flags = words[:3]
    return env


@pytest.mark.parametrize("start", range(0, 75, 25))
def test_compiled_equals_python(start: int) -> None:
    for seed in range(start, start + 25):
        random = Random(seed)
        words = [random.choice((random.getrandbits(64), random.randrange(6))) for _ in range(8)]
        top = define(Program(seed).text(), NAMES)["top"]
        expected, actual = fresh_env(words), fresh_env(words)
        result = top(expected)
        ops, temps = compile_native(top, LAYOUT)
        check(ops, temps)
        assert run(ops, actual) == result, seed
        expected.self = actual.self = 0
        assert actual.words == expected.words, seed
