"""Helpers compiled to machine code: those with a fixed meaning at the start, a guest's own when first called."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from threading import Lock
from typing import Any

from pytcg.backend.x86_64.backend import X86Backend
from pytcg.backend.x86_64.runtime import Runtime
from pytcg.exec.blocks.store import TranslationStore
from pytcg.frontend.guest import HelperFunction
from pytcg.native import NativeFunction
from pytcg.tcg.helpers import Action, Helper
from pytcg.tcg.passes.counted_clock import counted_clock
from pytcg.tcg.regalloc import NATIVE_SPILLS, allocate
from pytcg.tcg.state import WORD, Env

#: code memory for what is compiled later: so many bytes, or this part of all if that is less
ROOM, ROOM_PART = 256 << 10, 8


class CompiledHelpers:
    """The compiled helpers of a machine, placed at the start of its code memory.

    `store`: where earlier runs have left what they compiled. `counted_time`: time goes by executed instructions.
    """

    def __init__(
        self,
        runtime: Runtime,
        helpers: Sequence[HelperFunction],
        store: TranslationStore | None = None,
        counted_time: bool = False,
    ) -> None:
        self.counted_time = counted_time
        self.layout = runtime.layout
        self.runtime = runtime
        self.store = store
        self.lock = Lock()
        self.envs: list[Env] = []
        #: host address by number
        self.addresses: dict[int, int] = {}
        #: host code and its entry by number; how many of them the store has
        self.code = {number: (code, entry) for number, code, entry in (store and store.load_helpers()) or ()}
        self.stored = len(self.code)
        #: by number, what Python is to call: functions, some of which see to it that they are not called again
        self.functions = list(helpers)
        for number, helper in enumerate(helpers):
            if isinstance(helper, NativeFunction):
                if number < Helper.FIRST_GUEST or number in self.code:
                    self._compile(number, helper)
                else:
                    self.functions[number] = partial(self._first_call, number, helper)
        buffer = runtime.buffer
        #: position in code memory after what is set aside for helpers
        self.end = buffer.position + min(ROOM, buffer.size // ROOM_PART)

    def attach(self, env: Env) -> None:
        """Tell a vCPU's machine code where they are, now and later."""
        if not any(env is other for other in self.envs):
            self.envs.append(env)
        for number in self.addresses:
            self._install(env, number)

    def _install(self, env: Env, number: int) -> None:
        env.words[env.index + self.layout.offset["natives"] // WORD + number] = self.addresses[number]

    @cached_property
    def backend(self) -> X86Backend:
        """The backend that makes machine code of native routines."""
        return X86Backend(self.layout, ())

    def _compile(self, number: int, helper: NativeFunction[Any, Any]) -> None:
        """Make machine code of a helper, unless an earlier run has, and place it."""
        if number not in self.code:
            # where all are known, the compiler is never imported
            from pytcg.native.compiler import compile_native

            ops, temps = compile_native(helper, self.layout)
            if self.counted_time:
                ops = counted_clock(ops, self.layout)
            self.code[number] = self.backend.emit(allocate(ops, temps, self.backend.native_pool, NATIVE_SPILLS), 0, 0)
        self.addresses[number] = self.runtime.place(*self.code[number], 0)

    def _first_call(self, number: int, helper: NativeFunction[Any, Any], env: Env) -> int:
        """Do what a helper does, compiled from now on."""
        with self.lock:
            if number not in self.addresses:
                self._compile(number, helper)
                self.functions[number] = helper
                for other in self.envs:
                    self._install(other, number)
        action = self.runtime.call_unlocked(env.address, number)
        return helper(env) if action == Action.SLOW else action

    def save(self) -> None:
        """Leave what was compiled for later runs."""
        if self.store and len(self.code) > self.stored:
            self.store.save_helpers([(number, code, entry) for number, (code, entry) in self.code.items()])
