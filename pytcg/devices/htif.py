"""Host-target interface of RISC-V simulators: two words of memory, by which the guest calls the host and is answered.

Source: riscv-isa-sim's fesvr, as the firmware and the test suites that are built for it use it. A call has the device
in bits 56-63, the command in bits 48-55 and a payload. The binding is OpenSBI's: `reg` is `fromhost`, or both words.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import ClassVar, Self

from pytcg.devices.base import Device, Wiring
from pytcg.devices.chardev import Chardev
from pytcg.devices.wiring import Memory
from pytcg.softmmu.regions import BusError

WORD = 8
SYSTEM, CONSOLE = 0, 1
READ, WRITE = 0, 1
COMMAND_SHIFT = 48
PAYLOAD = (1 << COMMAND_SHIFT) - 1
#: an answer of the console holds a byte
VALID = 0x100
#: system calls are numbered as Linux's
SYS_WRITE = 64
STDOUT, STDERR = 1, 2
MAX_STATUS = 0xFF


class Htif(Device):
    """`tohost` and `fromhost` are guest physical addresses. A call is taken when its upper half is stored.

    `tohost` becomes zero once a call is done; a call that writes waits for room in the chardev.
    """

    compatible = ("ucb,htif0",)
    is_serial = True
    in_memory: ClassVar[bool] = True
    state = ("reading",)

    def __init__(
        self, fromhost: int, tohost: int, memory: Memory, chardev: Chardev, shutdown: Callable[[int], None]
    ) -> None:
        self.fromhost = fromhost
        self.tohost = tohost
        self.memory = memory
        self.chardev = chardev
        self.shut_down = shutdown
        #: the call of a guest that waits for a byte; 0: none does
        self.reading = 0
        super().__init__()
        chardev.connect(self)
        memory.watch(tohost + WORD // 2, WORD // 2, self.called)
        memory.watch(fromhost, WORD, chardev.accept_input)

    @classmethod
    def create(cls, wiring: Wiring) -> Self:
        if not wiring.windows:
            raise ValueError("reg has no address")
        fromhost = wiring.windows[0][0]
        tohost = wiring.windows[1][0] if len(wiring.windows) > 1 else fromhost + WORD
        return cls(fromhost, tohost, wiring.memory, wiring.chardev, wiring.shutdown)

    def reset(self) -> None:
        super().reset()
        self.reading = 0
        for word in (self.tohost, self.fromhost):
            self.memory.write(word, WORD, 0)

    def called(self) -> None:
        """Do what `tohost` asks for."""
        call = self.memory.read(self.tohost, WORD)
        device, command, payload = call >> 56, call >> COMMAND_SHIFT & 0xFF, call & PAYLOAD
        if call == 0 or (device == CONSOLE and command == WRITE and not self.chardev.room()):
            return
        self.memory.write(self.tohost, WORD, 0)
        if device == CONSOLE and command == READ:
            self.reading = call
            self.chardev.accept_input()
        elif device == CONSOLE and command == WRITE:
            self.chardev.write(bytes((payload & 0xFF,)))
            self._answer(call, VALID | payload & 0xFF)
        elif device == SYSTEM and payload & 1:
            status = payload >> 1
            self.shut_down(status & MAX_STATUS or int(status > 0))
        elif device == SYSTEM:
            self._system_call(payload)
            self._answer(call, 1)

    def _answer(self, call: int, value: int) -> None:
        self.memory.write(self.fromhost, WORD, call & ~PAYLOAD | value)

    def _system_call(self, block: int) -> None:
        """Eight words at a guest physical address: number and arguments, of which the first becomes the result."""
        try:
            number, file, address, size = (self.memory.read(block + WORD * n, WORD) for n in range(4))
            result = -errno.ENOSYS
            if number == SYS_WRITE and file in (STDOUT, STDERR):
                result = min(size, self.chardev.room())
                self.chardev.write(self.memory.read(address, result).to_bytes(result, "little"))
            self.memory.write(block, WORD, result)
        except BusError:
            # Nothing is there that could be answered.
            return

    def can_receive(self) -> int:
        return int(self.reading != 0 and self.memory.read(self.fromhost, WORD) == 0)

    def receive(self, data: bytes) -> None:
        call, self.reading = self.reading, 0
        self._answer(call, VALID | data[0])

    def receive_break(self) -> None:
        """HTIF has no breaks."""

    def can_send(self) -> None:
        self.called()
