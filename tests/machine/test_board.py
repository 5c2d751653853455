"""The boards are QEMU's in addresses and interrupts; what -smp and -m change; resolving reg and interrupts."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pytcg.machine import fdt
from pytcg.machine.boards import board_file, read_tree
from pytcg.machine.cpus import cpu_model, set_cpu_properties
from pytcg.machine.description import boot_cpu, cpu_nodes, device_nodes, interrupts, memory_node, windows
from pytcg.machine.errors import MachineError
from pytcg.machine.patch import choose, set_chosen, set_cpus, set_htif, set_memory
from pytcg.machine.tree import Node, Tree, TreeError

#: nodes of QEMU's boards that ours do not have
NOT_MODELLED = (
    *("pci", "platform-bus", "flash@0"),
    *("pwm", "ethernet", "spi", "dma", "cache-controller", "otp", "mmc"),
)
#: nodes of ours that QEMU has without telling the guest
UNTOLD = ("/soc/rom@1000", "/soc/l2lim@8000000")


def board(name: str = "virt") -> Tree:
    return read_tree(board_file(name, "riscv64"))


def wiring(tree: Tree) -> dict[str, tuple[object, object]]:
    phandles = tree.phandles()
    return {
        node.path: (windows(node), [(i.controller.path, i.specifier) for i in interrupts(node, phandles)])
        for node in device_nodes(tree)
        if not node.name.startswith(NOT_MODELLED)
    }


@pytest.mark.parametrize(
    ("name", "cpus"),
    [("virt", 1), ("virt", 3), ("virt,aclint=on", 2), ("spike", 1), ("spike", 3), ("sifive_u", 2), ("sifive_u", 5)],
)
@pytest.mark.skipif(not shutil.which("qemu-system-riscv64"), reason="not run: QEMU (qemu-system-misc) is not installed")
def test_addresses_and_interrupts_are_those_of_qemu(tmp_path: Path, name: str, cpus: int) -> None:
    blob = tmp_path / "board.dtb"
    command = ["qemu-system-riscv64", "-M", f"{name},dumpdtb={blob}", "-smp", str(cpus), "-nographic"]
    subprocess.run(command, check=True, capture_output=True)
    theirs = fdt.unpack(blob.read_bytes())
    name, *options = name.split(",")
    ours = board(name)
    choose(ours, dict(option.split("=") for option in options))
    set_cpus(ours, cpus)
    mine = {path: wires for path, wires in wiring(ours).items() if path not in UNTOLD}
    assert mine == wiring(theirs)
    assert windows(memory_node(ours)) == windows(memory_node(theirs))
    for path in ("/poweroff", "/reboot") if name == "virt" else ():
        nodes = [tree.find(path) for tree in (ours, theirs)]
        assert nodes[0] and nodes[1] and nodes[0].u32("value") == nodes[1].u32("value")
    chosen = [tree.find("/chosen") for tree in (ours, theirs)]
    assert chosen[0] and chosen[1]
    assert chosen[0].strings("stdout-path") == chosen[1].strings("stdout-path")


def test_more_cpus_are_wired_as_the_first_is() -> None:
    tree = board()
    set_cpus(tree, 12)
    names = [node.name for node in cpu_nodes(tree)]
    assert names[:2] == ["cpu@0", "cpu@1"] and names[10] == "cpu@a" and len(names) == 12
    assert [node.u32("reg") for node in cpu_nodes(tree)] == list(range(12))
    plic = tree.find("/soc/plic@c000000")
    assert plic
    lines = [(i.controller.parent, i.specifier) for i in interrupts(plic, tree.phandles())]
    assert lines == [(cpu, (number,)) for cpu in cpu_nodes(tree) for number in (11, 9)]


def test_the_words_of_htif_are_where_both_symbols_are() -> None:
    tree = board("spike")
    node = tree.find("/htif")
    assert node
    for symbols in ({}, {"tohost": 0x80001000}, {"fromhost": 0x80001000}):
        set_htif(tree, symbols)
        assert windows(node) == [(0x1000000, 0x1000)]
    set_htif(tree, {"tohost": 0x80001000, "fromhost": 0x80001040})
    assert windows(node) == [(0x80001040, 8), (0x80001000, 8)]


@pytest.mark.parametrize("count", [0, 65])
def test_a_number_of_cpus_that_cannot_be(count: int) -> None:
    with pytest.raises(MachineError, match=f"-smp {count}"):
        set_cpus(board(), count)


def test_further_cpus_are_copies_of_the_last_one_and_may_go_again() -> None:
    tree = board("sifive_u")
    before = fdt.pack(tree)
    plic = tree.find("/soc/interrupt-controller@c000000")
    assert plic
    for count in (4, 2, 3, 1):
        set_cpus(tree, count)
        cpus = cpu_nodes(tree)
        assert [node.u32("reg") for node in cpus] == list(range(count))
        lines = [(i.controller.parent, i.specifier) for i in interrupts(plic, tree.phandles())]
        assert lines == [(cpus[0], (11,)), *((cpu, (number,)) for cpu in cpus[1:] for number in (11, 9))]
        if count == 2:
            assert fdt.pack(tree) == before


def test_the_topology_goes_when_the_number_of_cpus_changes() -> None:
    tree = board()
    tree.root.child("cpus").child("cpu-map").child("cluster0")
    set_cpus(tree, 1)
    assert tree.find("/cpus/cpu-map")
    set_cpus(tree, 2)
    assert not tree.find("/cpus/cpu-map")


def test_a_kernel_starts_on_the_first_cpu_that_is_enabled() -> None:
    assert boot_cpu(cpu_nodes(board())) == 0
    nodes = cpu_nodes(board("sifive_u"))
    assert boot_cpu(nodes) == 1
    with pytest.raises(TreeError, match="disabled"):
        boot_cpu(nodes[:1])


def test_options_of_a_board_choose_nodes() -> None:
    names = {}
    for value in ("off", "on"):
        tree = board()
        choose(tree, {"aclint": value})
        names[value] = {node.name for node in device_nodes(tree) if "@2" in node.name} - {"flash@20000000"}
        assert not any("pytcg,option" in node.properties for node in tree.root.walk())
    assert names == {"off": {"clint@2000000"}, "on": {"mswi@2000000", "mtimer@2004000", "sswi@2f00000"}}
    default = board()
    choose(default, {})
    assert default.find("/soc/clint@2000000") and not default.find("/soc/mswi@2000000")


@pytest.mark.parametrize(
    ("chosen", "message"), [({"aclnt": "on"}, "did you mean aclint"), ({"aclint": "1"}, "aclint=off|on")]
)
def test_options_that_a_board_has_not(chosen: dict[str, str], message: str) -> None:
    with pytest.raises(MachineError, match=re.escape(message)):
        choose(board(), chosen)


def test_memory_and_chosen() -> None:
    tree = board()
    set_memory(tree, 5 << 30)
    assert windows(memory_node(tree)) == [(0x80000000, 5 << 30)]
    set_chosen(tree, "console=ttyS0", (0x84000000, 0x84000123))
    chosen = tree.find("/chosen")
    assert chosen and chosen.strings("bootargs") == ("console=ttyS0",)
    assert chosen.cells("linux,initrd-start") == (0, 0x84000000)
    assert chosen.cells("linux,initrd-end") == (0, 0x84000123)
    assert len(chosen.properties["rng-seed"]) == 32


def test_isa_strings() -> None:
    tree = board()
    nodes = cpu_nodes(tree)
    set_cpu_properties(nodes, cpu_model(nodes, "rv64,zba=off,zicboz=off"))
    node = nodes[0]
    extensions = node.strings("riscv,isa-extensions")
    assert "zbb" in extensions and "zba" not in extensions
    assert node.strings("riscv,isa")[0].startswith("rv64imafdc_")
    assert node.u32("riscv,cbom-block-size") == 64
    assert "riscv,cboz-block-size" not in node.properties
    with pytest.raises(MachineError, match="-cpu rv32"):
        cpu_model(nodes, "rv32")


def test_what_the_cpus_of_a_board_can_do(caplog: pytest.LogCaptureFixture) -> None:
    tree = board("sifive_u")
    nodes = cpu_nodes(tree)
    assert cpu_model(nodes, "").string == "rv64imafdc_zicntr_zicsr_zifencei_zihpm"
    assert "zba" in cpu_model(nodes, "rv64")
    nodes[1].set_strings("riscv,isa", "rv64imac_zicsr")
    with pytest.raises(MachineError, match="differ"):
        cpu_model(nodes, "")
    nodes[0].set_strings("riscv,isa", "rv64imac_zicsr")
    assert "f" not in cpu_model(nodes, "") and not caplog.messages
    for node in nodes:
        node.set_strings("riscv,isa", "rv64imach_zicsr_zvl")
    assert cpu_model(nodes, "").string == "rv64imac_zicsr"
    assert "without h, zvl" in caplog.text
    for node in nodes:
        node.set_strings("riscv,isa", "rv32imac")
    with pytest.raises(MachineError, match="/cpus/cpu@0: riscv,isa: 'rv32imac' is no 64-bit RISC-V"):
        cpu_model(nodes, "")


def bus(ranges: bytes | None, reg: tuple[int, ...]) -> Node:
    root = Node("")
    root.set_cells("#address-cells", 2)
    root.set_cells("#size-cells", 2)
    inner = root.add(Node("bus"))
    inner.set_cells("#address-cells", 1)
    inner.set_cells("#size-cells", 1)
    if ranges is not None:
        inner.properties["ranges"] = ranges
    node = inner.add(Node("device@10"))
    node.set_cells("reg", *reg)
    return node


def test_reg_is_translated_by_ranges() -> None:
    assert windows(bus(b"", (0x10, 4, 0x20, 8))) == [(0x10, 4), (0x20, 8)]
    ranges = b"".join(n.to_bytes(4, "big") for n in (0x0, 0x1, 0x40000000, 0x1000))
    assert windows(bus(ranges, (0x10, 4))) == [(0x1_4000_0010, 4)]
    with pytest.raises(TreeError, match="in no range"):
        windows(bus(ranges, (0xFFE, 4)))
    with pytest.raises(TreeError, match="has no ranges"):
        windows(bus(None, (0x10, 4)))
    with pytest.raises(TreeError, match="no multiple of 2"):
        windows(bus(b"", (0x10, 4, 5)))


@pytest.mark.parametrize(
    ("name", "cells", "message"),
    [
        ("interrupts-extended", (99, 1), "no interrupt controller has the phandle 0x63"),
        ("interrupts", (1,), "go to no controller"),
    ],
)
def test_interrupts_that_lead_nowhere(name: str, cells: tuple[int, ...], message: str) -> None:
    tree = board()
    node = tree.root.add(Node("lost"))
    node.set_cells(name, *cells)
    with pytest.raises(TreeError, match=message):
        interrupts(node, tree.phandles())


def test_an_unknown_board() -> None:
    with pytest.raises(MachineError, match=r"no riscv64 board virtt \(did you mean virt\?\)"):
        board_file("virtt", "riscv64")
