"""Which frames a virtio network card takes, and the commands by which the driver says so.

Source: Virtual I/O Device (VIRTIO) specification 1.2, sections 5.1.6.5.1 and 5.1.6.5.2.
"""

from __future__ import annotations

from typing import Any

#: classes of commands, and the commands of each
RECEIVE_MODE, MAC = 0, 1
#: the receive modes in the order of their commands: for each, a byte of 0 or 1
MODES = ("promiscuous", "all_multicast", "all_unicast", "no_multicast", "no_unicast", "no_broadcast")
SET_TABLES, SET_ADDRESS = 0, 1
ADDRESS_BYTES = 6
COUNT_BYTES = 4
BROADCAST = b"\xff" * ADDRESS_BYTES


class Filter:
    """The state is that of a card whose driver has said nothing: it takes every frame."""

    def __init__(self, address: bytes) -> None:
        self.address = address
        self.modes = {name: name == "promiscuous" for name in MODES}
        #: other addresses that are taken, of stations and of groups
        self.unicast: frozenset[bytes] = frozenset()
        self.multicast: frozenset[bytes] = frozenset()

    def save(self) -> dict[str, Any]:
        """The state, as plain values."""
        tables = {"unicast": sorted(self.unicast), "multicast": sorted(self.multicast)}
        return {"address": self.address, "modes": dict(self.modes), **tables}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over what `save` gave."""
        self.address, self.modes = saved["address"], dict(saved["modes"])
        self.unicast, self.multicast = frozenset(saved["unicast"]), frozenset(saved["multicast"])

    def takes(self, frame: bytes) -> bool:
        """Whether a frame from the network is for this card."""
        modes = self.modes
        if modes["promiscuous"]:
            return True
        to = frame[:ADDRESS_BYTES]
        if to == BROADCAST:
            return not modes["no_broadcast"]
        if to[0] & 1:
            return not modes["no_multicast"] and (modes["all_multicast"] or to in self.multicast)
        return not modes["no_unicast"] and (modes["all_unicast"] or to == self.address or to in self.unicast)

    def command(self, kind: int, command: int, data: bytes) -> bool:
        """Carry out a command of the driver's; False for one that there is not, or whose data are wrong."""
        if kind == RECEIVE_MODE and command < len(MODES) and len(data) == 1:
            self.modes[MODES[command]] = bool(data[0])
            return True
        if kind == MAC and command == SET_ADDRESS and len(data) == ADDRESS_BYTES:
            self.address = data
            return True
        if kind == MAC and command == SET_TABLES:
            unicast, rest = _table(data)
            multicast, rest = _table(rest or b"")
            if rest == b"":
                self.unicast, self.multicast = frozenset(unicast), frozenset(multicast)
                return True
        return False


def _table(data: bytes) -> tuple[list[bytes], bytes | None]:
    """The addresses of a table, which begins with their count, and what follows it; None where the table is cut off."""
    end = COUNT_BYTES + ADDRESS_BYTES * int.from_bytes(data[:COUNT_BYTES], "little")
    if len(data) < max(end, COUNT_BYTES):
        return [], None
    return [data[at : at + ADDRESS_BYTES] for at in range(COUNT_BYTES, end, ADDRESS_BYTES)], data[end:]
