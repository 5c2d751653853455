"""Makes the devices of `machine/models.py` from the values of their properties; all raise MachineError.

Modules of devices are imported as they are needed.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytcg.machine.errors import MachineError

if TYPE_CHECKING:
    from pytcg.machine.plugging import Plugboard

Values = Mapping[str, Any]

log = logging.getLogger("pytcg")

#: features of a network card that can be withheld: bits (section 5.1.3 of the virtio specification) by QEMU's names
NETWORK_FEATURES = {
    "mrg_rxbuf": 15,
    "status": 16,
    "ctrl_vq": 17,
    "ctrl_rx": 18,
    "ctrl_rx_extra": 20,
    "ctrl_mac_addr": 23,
}
#: features that are nothing without the control queue
NEED_CONTROL = ("ctrl_rx", "ctrl_rx_extra", "ctrl_mac_addr")
MAC_ADDRESS = re.compile(r"[0-9a-f]{2}([:-][0-9a-f]{2}){5}", re.IGNORECASE)
#: IPv4 wants no less, and no frame is longer
LEAST_MTU, LARGEST_MTU = 68, 65514


def block(board: Plugboard, values: Values) -> None:
    from pytcg.devices.virtio.blk import VirtioBlk
    from pytcg.machine.drives import open_image

    drive = values["drive"]
    if not drive:
        raise MachineError("-device virtio-blk-device needs drive=ID, of a -drive if=none,id=ID")
    found = board.drives.take(drive)
    device = VirtioBlk(
        board.host,
        open_image(found),
        values["serial"],
        found.sync,
        values["logical_block_size"],
        values["queue-size"],
        values["discard"],
        values["write-zeroes"],
    )
    board.plug(device, values)


def network(board: Plugboard, values: Values) -> None:
    from pytcg.devices.network import Unplugged
    from pytcg.devices.virtio.net import VirtioNet

    mac, mtu, netdev = values["mac"], values["host_mtu"], values["netdev"]
    if mac and (not MAC_ADDRESS.fullmatch(mac) or int(mac[:2], 16) & 1):
        raise MachineError(f"virtio-net-device,mac={mac}: not the address of a card, such as 52:54:00:12:34:56")
    if mtu and not LEAST_MTU <= mtu <= LARGEST_MTU:
        raise MachineError(f"virtio-net-device,host_mtu={mtu}: an MTU is of {LEAST_MTU} to {LARGEST_MTU} bytes")
    features = {name for name in NETWORK_FEATURES if values[name]}
    if "ctrl_vq" not in features:
        features -= set(NEED_CONTROL)
    if not netdev:
        log.warning("a virtio-net-device leads nowhere: it has no netdev=ID")
    device = VirtioNet(
        board.host,
        board.netdevs.take(netdev) if netdev else Unplugged(),
        board.netdevs.address(bytes.fromhex(re.sub("[:-]", "", mac or ""))),
        sum(1 << NETWORK_FEATURES[name] for name in features),
        mtu,
        values["rx_queue_size"],
        values["tx_queue_size"],
    )
    board.plug(device, values)
    board.cards.update({name: device for name in (values["id"], netdev) if name})


def random(board: Plugboard, values: Values) -> None:
    from pytcg.devices.virtio.rng import VirtioRng

    board.plug(VirtioRng(board.host, board.random_bytes(values["rng"] or "")), values)


def serial(board: Plugboard, values: Values) -> None:
    from pytcg.devices.virtio.console import VirtioConsole

    console = VirtioConsole(board.host)
    board.plug(console, values)
    board.offer_console(console, values["id"] or "")


def port(board: Plugboard, values: Values) -> None:
    chardev = values["chardev"]
    console = board.take_console(values["bus"] or "")
    if chardev:
        console.attach(board.chardev(chardev))
