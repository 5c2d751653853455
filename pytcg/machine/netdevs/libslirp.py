"""What is used of libslirp, a network stack in a library, by ctypes.

Source: libslirp 4.7, libslirp.h.
"""

from __future__ import annotations

import ctypes
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_bool,
    c_char_p,
    c_int,
    c_int64,
    c_size_t,
    c_uint8,
    c_uint32,
    c_void_p,
)
from ipaddress import IPv4Address, IPv6Address

from pytcg.machine.errors import MachineError

LIBRARY = "libslirp.so.0"
CONFIG_VERSION = 4
#: the first release that knows this version of the configuration
NEEDED = (4, 7)
POLL_IN, POLL_OUT, POLL_PRI, POLL_ERR, POLL_HUP = 1, 2, 4, 8, 16


class In4(Structure):
    """struct in_addr"""

    _fields_ = (("s_addr", c_uint32),)


class In6(Structure):
    """struct in6_addr, aligned as its 32-bit words are"""

    _fields_ = (("s6_addr32", c_uint32 * 4),)


class Config(Structure):
    """struct SlirpConfig"""

    _fields_ = (
        ("version", c_uint32),
        ("restricted", c_int),
        ("in_enabled", c_bool),
        ("vnetwork", In4),
        ("vnetmask", In4),
        ("vhost", In4),
        ("in6_enabled", c_bool),
        ("vprefix_addr6", In6),
        ("vprefix_len", c_uint8),
        ("vhost6", In6),
        ("vhostname", c_char_p),
        ("tftp_server_name", c_char_p),
        ("tftp_path", c_char_p),
        ("bootfile", c_char_p),
        ("vdhcp_start", In4),
        ("vnameserver", In4),
        ("vnameserver6", In6),
        ("vdnssearch", c_void_p),
        ("vdomainname", c_char_p),
        ("if_mtu", c_size_t),
        ("if_mru", c_size_t),
        ("disable_host_loopback", c_bool),
        ("enable_emu", c_bool),
        ("outbound_addr", c_void_p),
        ("outbound_addr6", c_void_p),
        ("disable_dns", c_bool),
        ("disable_dhcp", c_bool),
    )


SendPacket = CFUNCTYPE(c_size_t, c_void_p, c_size_t, c_void_p)
GuestError = CFUNCTYPE(None, c_char_p, c_void_p)
ClockNs = CFUNCTYPE(c_int64, c_void_p)
TimerFree = CFUNCTYPE(None, c_void_p, c_void_p)
TimerArm = CFUNCTYPE(None, c_void_p, c_int64, c_void_p)
PollFd = CFUNCTYPE(None, c_int, c_void_p)
Notify = CFUNCTYPE(None, c_void_p)
TimerNew = CFUNCTYPE(c_void_p, c_int, c_void_p, c_void_p)
AddPoll = CFUNCTYPE(c_int, c_int, c_int, c_void_p)
GetEvents = CFUNCTYPE(c_int, c_int, c_void_p)


class Callbacks(Structure):
    """struct SlirpCb; those of older versions are not called"""

    _fields_ = (
        ("send_packet", SendPacket),
        ("guest_error", GuestError),
        ("clock_get_ns", ClockNs),
        ("timer_new", c_void_p),
        ("timer_free", TimerFree),
        ("timer_mod", TimerArm),
        ("register_poll_fd", PollFd),
        ("unregister_poll_fd", PollFd),
        ("notify", Notify),
        ("init_completed", c_void_p),
        ("timer_new_opaque", TimerNew),
    )


#: result and parameters of the functions
PROTOTYPES = {
    "slirp_version_string": (c_char_p,),
    "slirp_new": (c_void_p, POINTER(Config), POINTER(Callbacks), c_void_p),
    "slirp_cleanup": (None, c_void_p),
    "slirp_pollfds_fill": (None, c_void_p, POINTER(c_uint32), AddPoll, c_void_p),
    "slirp_pollfds_poll": (None, c_void_p, c_int, GetEvents, c_void_p),
    "slirp_input": (None, c_void_p, c_char_p, c_int),
    "slirp_handle_timer": (None, c_void_p, c_int, c_void_p),
    "slirp_add_hostfwd": (c_int, c_void_p, c_int, In4, c_int, In4, c_int),
}


def in4(address: IPv4Address) -> In4:
    """The same in network order."""
    return In4.from_buffer_copy(address.packed)


def in6(address: IPv6Address) -> In6:
    """The same in network order."""
    return In6.from_buffer_copy(address.packed)


def load(name: str = LIBRARY) -> ctypes.CDLL:
    """The library. Raises MachineError where it is not installed, or too old."""
    try:
        # It never blocks. To give the interpreter's lock up at each call would mean to wait for it at each, too.
        library = ctypes.PyDLL(name, use_errno=True)
    except OSError:
        raise MachineError(
            f"-netdev user needs the library {name}, which is not installed (on Debian: apt install libslirp0)"
        ) from None
    for function, (result, *parameters) in PROTOTYPES.items():
        found = getattr(library, function)
        found.restype, found.argtypes = result, parameters
    version = library.slirp_version_string().decode()
    if tuple(int(part) for part in version.split(".")[:2]) < NEEDED:
        raise MachineError(f"-netdev user needs libslirp {NEEDED[0]}.{NEEDED[1]} or later; this is {version}")
    return library
