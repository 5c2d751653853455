"""What the rest of the emulator asks of a guest architecture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

from pytcg.tcg.helpers import Action
from pytcg.tcg.ops import Op
from pytcg.tcg.state import Env, Layout

#: a helper's function: `helper(env) -> Action`; see docs/architecture.md, "Helpers"
HelperFunction = Callable[[Any], int]


class Translation(NamedTuple):
    """A translated block: its ops, the number of temporaries that they use, its length in bytes and in guest instructions.

    Length 0: the only instruction goes on in the next page, whose first half-word was not given.
    """

    ops: list[Op]
    temps: int
    length: int
    insns: int


class Guest(ABC):
    """A guest architecture in one configuration."""

    name: ClassVar[str]
    layout: ClassVar[Layout]
    env_class: ClassVar[type[Env]]
    #: names of the operands 0..63
    register_names: ClassVar[tuple[str, ...]]
    #: globals that deserve a host register, hottest first
    hot_registers: ClassVar[tuple[int, ...]]
    #: functions by helper number; None where the number is not the guest's
    helpers: Sequence[HelperFunction | None]

    @abstractmethod
    def translate(self, half: memoryview, index: int, flags: int, next_half: int = -1) -> Translation:
        """Translate the block that starts at half-word `index` of a page.

        `half` is the page as 16-bit words, `flags` the translation flags, `next_half` the first half-word of the page that
        follows in guest virtual memory (-1: not given). Not reentrant.
        """

    @abstractmethod
    def new_env(self) -> Env:
        """The state of a new vCPU. `reset` gives it its values."""

    @abstractmethod
    def reset(self, env: Env) -> None:
        """Put a vCPU into its reset state."""

    @abstractmethod
    def probe(self, env: Env, address: int, access: int, mode: int) -> Action:
        """Translate a guest virtual address for an access (READ, WRITE or FETCH) in an MMU mode.

        CONTINUE: env.ret is the physical address. JUMP: the guest's exception was raised.
        """

    @abstractmethod
    def raise_access_fault(self, env: Env, address: int, access: int) -> Action:
        """Raise the exception of an access to a physical address where nothing is."""

    @abstractmethod
    def interrupt(self, env: Env) -> Action:
        """Take a pending interrupt if one is enabled."""

    @abstractmethod
    def describe(self, env: Env) -> str:
        """The registers, as text for a log or a monitor."""
