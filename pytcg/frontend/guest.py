"""What the rest of the emulator asks of a guest architecture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

from pytcg.frontend.units import Units, WordClass
from pytcg.tcg.ops import Op
from pytcg.tcg.state import Env, Layout

#: a helper's function: `helper(env) -> Action`; see docs/architecture.md, "Helpers"
HelperFunction = Callable[[Any], int]


class Translation(NamedTuple):
    """A translated block: its ops, how many temporaries they use, its length in bytes and in guest instructions.

    Length 0: the only instruction goes on in the next page, whose first half-word was not given.
    """

    ops: list[Op]
    temps: int
    length: int
    insns: int


class Extras(NamedTuple):
    """What translations do besides what the guest asks for."""

    #: counted blocks begin only below the limit
    limited: bool = False
    #: blocks call Helper.TRACE as they begin
    traced: bool = False
    #: every exit is looked up
    unchained: bool = False


NO_EXTRAS = Extras()


class Mapping(NamedTuple):
    """A run of pages that are mapped alike; `attributes` are letters of the guest's."""

    virtual: int
    physical: int
    size: int
    attributes: str


class Guest(ABC):
    """A guest architecture in one configuration. Unless said otherwise, a method is for the vCPU's own thread."""

    name: ClassVar[str]
    layout: ClassVar[Layout]
    #: the state of a vCPU: `env_class(layout)`; `reset` gives it its values
    env_class: ClassVar[type[Env]]
    #: names of the operands 0..63
    register_names: ClassVar[tuple[str, ...]]
    #: globals that deserve a host register, hottest first
    hot_registers: ClassVar[tuple[int, ...]]
    #: bit of the translation flags that makes blocks count their instructions in env.executed
    count_flag: ClassVar[int]
    #: functions by helper number; None where the number is not the guest's
    helpers: ClassVar[Sequence[HelperFunction | None]]
    #: what its units are
    units: ClassVar[Units]
    #: names by helper number
    helper_names: ClassVar[Sequence[str]]

    @property
    @abstractmethod
    def configuration(self) -> str:
        """What translations depend on besides the guest bytes and flags, such as the extensions that there are."""

    @abstractmethod
    def translate(self, half: memoryview, index: int, flags: int, next_half: int = -1) -> Translation:
        """Translate the block that starts at half-word `index` of a page.

        `half` is the page as 16-bit words, `flags` the translation flags, `next_half` the first half-word of the page
        that follows in guest virtual memory (-1: not given). Not reentrant.
        """

    @abstractmethod
    def word_classes(self) -> dict[int, WordClass]:
        """By number the classes of instruction words that have an immediate, which is no part of a form.

        Empty where blocks are not to be put together from units.
        """

    @abstractmethod
    def translate_unit(self, words: Sequence[int], flags: int) -> tuple[list[Op], int]:
        """Ops of a unit of one or two instruction words that begins a block, and how many temporaries they use.

        The block does not end with it, unless it ends in a jump. Not reentrant.
        """

    @abstractmethod
    def reset(self, env: Any, index: int, pc: int = 0) -> None:
        """Put vCPU number `index` into its reset state, at `pc`; its caches are the engine's to empty."""

    @abstractmethod
    def probe(self, env: Any, address: int, access: int, mode: int, size: int = 1) -> int:
        """Translate a guest virtual address for an access (READ, WRITE or FETCH) of `size` bytes in an MMU mode.

        CONTINUE: env.ret is the physical address. JUMP: the guest's exception was raised.
        """

    @abstractmethod
    def raise_access_fault(self, env: Any, address: int, access: int) -> int:
        """Raise the exception of an access to a physical address where nothing is."""

    @abstractmethod
    def raise_misaligned(self, env: Any, address: int, access: int) -> int:
        """Raise the exception of an access that must be aligned and is not."""

    @abstractmethod
    def interrupt(self, env: Any) -> int:
        """Take a pending interrupt if one is enabled (JUMP)."""

    @abstractmethod
    def set_irq(self, env: Any, mask: int, level: bool) -> int:
        """Drive interrupt lines, a mask of the guest's interrupt bits: the bits of env.irq that tell the vCPU, or 0.

        Any thread, one at a time.
        """

    @abstractmethod
    def wire(self, mask: int) -> tuple[int, str] | None:
        """How machine code may drive an interrupt line, if it may: by which bits of env.irq it tells the vCPU, and

        which field of the CPU state is then `mask` while the line is high ("": none, as setting the line is an event).
        """

    @abstractmethod
    def has_work(self, env: Any) -> bool:
        """Whether a vCPU that waits for an interrupt has to go on."""

    @abstractmethod
    def log_traps(self, env: Any) -> None:
        """Note traps from now on, until the next reset, for `take_traps`."""

    @abstractmethod
    def take_traps(self, env: Any) -> list[tuple[str, str]]:
        """For each trap noted since the last call, the log item that is for its kind, and a line of text."""

    @abstractmethod
    def describe(self, env: Any) -> str:
        """The registers, as text for a log or a monitor."""

    @abstractmethod
    def registers(self, env: Any) -> dict[str, int]:
        """Registers by the names that a debugger's user types, "pc" among them."""

    @abstractmethod
    def debug_translate(self, env: Any, address: int) -> int | None:
        """Physical address of a virtual one as data, for a debugger: no permission is asked for, nothing changes.

        None where nothing is mapped.
        """

    @abstractmethod
    def mappings(self, env: Any) -> list[Mapping]:
        """What the current page tables map; runs that continue each other are one."""
