"""The network of `-netdev user`: libslirp speaks TCP and UDP to the guest, and sockets to the world.

It is entered in the event loop only. What it waits for is gathered in one epoll descriptor, which the loop watches.
"""

from __future__ import annotations

import ctypes
import logging
import os
import select
from contextlib import suppress
from ipaddress import IPv6Address
from itertools import count
from pathlib import Path
from time import monotonic_ns

from pytcg.devices.network import Network
from pytcg.exec.events.eventloop import EventLoop, Timer
from pytcg.machine.errors import MachineError
from pytcg.machine.netdevs import libslirp
from pytcg.machine.netdevs.addresses import addresses
from pytcg.machine.netdevs.backends import User

log = logging.getLogger("pytcg")

#: the IPv6 network, its length in bits, and in it the host and the name server
PREFIX, PREFIX_BITS, HOST6, NAME_SERVER6 = IPv6Address("fec0::"), 64, IPv6Address("fec0::2"), IPv6Address("fec0::3")
MS_NS = 1_000_000
FOREVER_MS = 0xFFFFFFFF
#: libslirp's names of events, and epoll's
EVENTS = (
    (libslirp.POLL_IN, select.EPOLLIN),
    (libslirp.POLL_OUT, select.EPOLLOUT),
    (libslirp.POLL_PRI, select.EPOLLPRI),
    (libslirp.POLL_ERR, select.EPOLLERR),
    (libslirp.POLL_HUP, select.EPOLLHUP),
)


class UserNetwork(Network):
    """Raises MachineError where there is no libslirp, for addresses that cannot be, and for ports that are taken.

    While the guest has no room for frames its connections are not looked at, which holds their other ends up.
    """

    def __init__(self, user: User, loop: EventLoop) -> None:
        super().__init__()
        self.loop = loop
        self._library = libslirp.load()
        self._config = _configuration(user)
        self._poller = select.epoll()
        #: the poller's descriptors, with the events that are waited for, and with those that have come
        self._polled: dict[int, int] = {}
        self._ready: dict[int, int] = {}
        #: the same as libslirp has last asked for them; it knows them by their place in the list
        self._wanted: list[tuple[int, int]] = []
        self._timer = loop.timer(self._turn)
        #: timers of libslirp's own, by number
        self._timers: dict[int, Timer] = {}
        self._numbers = count(1)
        self._due = False
        self._callbacks = libslirp.Callbacks(
            send_packet=libslirp.SendPacket(self._receive),
            guest_error=libslirp.GuestError(self._complain),
            clock_get_ns=libslirp.ClockNs(lambda opaque: monotonic_ns()),
            timer_free=libslirp.TimerFree(lambda timer, opaque: self._timers.pop(timer).cancel()),
            timer_mod=libslirp.TimerArm(lambda timer, ms, opaque: self._timers[timer].arm(ms * MS_NS)),
            register_poll_fd=libslirp.PollFd(lambda fd, opaque: None),
            unregister_poll_fd=libslirp.PollFd(self._unpoll),
            notify=libslirp.Notify(lambda opaque: self._soon()),
            timer_new_opaque=libslirp.TimerNew(self._new_timer),
        )
        self._add_poll = libslirp.AddPoll(self._want)
        self._get_events = libslirp.GetEvents(self._events)
        self._slirp = self._library.slirp_new(self._config, self._callbacks, None)
        loop.add_reader(self._poller.fileno(), self._turn)
        for rule in user.hostfwd:
            ends = libslirp.in4(rule.host), rule.host_port, libslirp.in4(rule.guest), rule.guest_port
            if self._library.slirp_add_hostfwd(self._slirp, rule.udp, *ends):
                reason = os.strerror(ctypes.get_errno())
                self.close()
                raise MachineError(f"-netdev user,hostfwd={rule}: the host does not give that port: {reason}")
        self._soon()

    def send(self, frame: bytes) -> bool:
        self._library.slirp_input(self._slirp, frame, len(frame))
        self._soon()
        return True

    def accept_input(self) -> None:
        if self.waiting and self.deliver():
            self._soon()

    def close(self) -> None:
        self.loop.remove_reader(self._poller.fileno())
        self._timer.cancel()
        self._library.slirp_cleanup(self._slirp)
        for timer in self._timers.values():
            timer.cancel()
        self._poller.close()

    def _soon(self) -> None:
        """Have a turn as soon as everything else that is due is done."""
        if not self._due:
            self._due = True
            self.loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Let libslirp see to its sockets, hand over what it has for the guest, and see what it wants to wait for."""
        self._due = False
        if self._poller.closed:
            return
        if self.deliver():
            self._ready = dict(self._poller.poll(0))
            self._library.slirp_pollfds_poll(self._slirp, 0, self._get_events, None)
        if self.deliver():
            self._wanted.clear()
            timeout = ctypes.c_uint32(FOREVER_MS)
            self._library.slirp_pollfds_fill(self._slirp, timeout, self._add_poll, None)
            self._timer.arm(monotonic_ns() + timeout.value * MS_NS)
            self._poll(dict(self._wanted))
        else:
            self._poll({})

    def _poll(self, wanted: dict[int, int]) -> None:
        """Wait for events of these descriptors, and no others."""
        for fd in self._polled.keys() - wanted.keys():
            self._unpoll(fd, None)
        for fd, events in wanted.items():
            if fd not in self._polled:
                self._poller.register(fd, events)
            elif self._polled[fd] != events:
                self._poller.modify(fd, events)
        self._polled = wanted

    def _want(self, fd: int, events: int, opaque: int | None) -> int:
        self._wanted.append((fd, sum(theirs for ours, theirs in EVENTS if events & ours)))
        return len(self._wanted) - 1

    def _events(self, index: int, opaque: int | None) -> int:
        found = self._ready.get(self._wanted[index][0], 0)
        return sum(ours for ours, theirs in EVENTS if found & theirs)

    def _unpoll(self, fd: int, opaque: int | None) -> None:
        if self._polled.pop(fd, None) is not None:
            # one that was closed has left the poller by itself
            with suppress(OSError):
                self._poller.unregister(fd)

    def _receive(self, data: int, size: int, opaque: int | None) -> int:
        self.hold(ctypes.string_at(data, size))
        return size

    def _complain(self, message: bytes, opaque: int | None) -> None:
        log.info("-netdev user: %s", message.decode(errors="replace"))

    def _new_timer(self, kind: int, of: int | None, opaque: int | None) -> int:
        number = next(self._numbers)
        self._timers[number] = self.loop.timer(lambda: self._fire(kind, of))
        return number

    def _fire(self, kind: int, of: int | None) -> None:
        self._library.slirp_handle_timer(self._slirp, kind, of)
        self._soon()


def _configuration(user: User) -> libslirp.Config:
    """Raises MachineError."""
    found = addresses(user)
    if user.tftp and not Path(user.tftp).is_dir():
        raise MachineError(f"-netdev user,tftp={user.tftp}: there is no such directory")
    texts = {"vhostname": user.hostname, "tftp_path": user.tftp, "bootfile": user.bootfile}
    return libslirp.Config(
        version=libslirp.CONFIG_VERSION,
        restricted=user.restrict,
        in_enabled=user.ipv4,
        vnetwork=libslirp.in4(found.network.network_address),
        vnetmask=libslirp.in4(found.network.netmask),
        vhost=libslirp.in4(found.host),
        in6_enabled=user.ipv6,
        vprefix_addr6=libslirp.in6(PREFIX),
        vprefix_len=PREFIX_BITS,
        vhost6=libslirp.in6(HOST6),
        vdhcp_start=libslirp.in4(found.guest),
        vnameserver=libslirp.in4(found.name_server),
        vnameserver6=libslirp.in6(NAME_SERVER6),
        vdomainname=user.domainname.encode() or None,
        **{name: text.encode() or None for name, text in texts.items()},
    )
