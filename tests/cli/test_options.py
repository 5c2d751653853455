"""The command line: QEMU's spellings become Options, and mistakes become one line."""

from __future__ import annotations

import re
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from pytcg import __version__
from pytcg.cli.main import main
from pytcg.cli.parse import Answer, parse
from pytcg.cli.table import OPTIONS, TABLE
from pytcg.machine.chardevs.backends import (
    Backend,
    CharacterDevice,
    File,
    Null,
    Pipe,
    Pty,
    Ringbuf,
    Serial,
    Socket,
    Stdio,
)
from pytcg.machine.errors import MachineError
from pytcg.machine.netdevs.backends import Datagrams, Forwarding, Netdev, User, Wire
from pytcg.machine.options import Accelerator, DeviceSpec, Drive, FirmwareFile, Icount, Loader, Options

MODERN = DeviceSpec("virtio-mmio", (("force-legacy", False),))

SSH = Forwarding(False, IPv4Address(0), 2222, IPv4Address(0), 22)
NAMES = Forwarding(True, IPv4Address("127.0.0.1"), 53, IPv4Address("10.0.2.16"), 54)


def card(netdev: str, *values: tuple[str, str]) -> DeviceSpec:
    return DeviceSpec("virtio-net-device", (("netdev", netdev), *values))


def options(line: str) -> Options:
    return parse(OPTIONS, line.split())


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("-M virt", "board", "virt"),
        ("-machine my/board.dts", "board", "my/board.dts"),
        ("--machine type=virt", "board", "virt"),
        ("-m 1G", "memory", 1 << 30),
        ("-m 256", "memory", 256 << 20),
        ("-m size=0.5g", "memory", 1 << 29),
        ("-m 4096K", "memory", 4 << 20),
        ("-smp 2", "cpus", 2),
        ("-smp cpus=4,cores=2", "cpus", 4),
        ("-smp sockets=2,cores=3", "cpus", 6),
        ("-cpu rv64,zba=off", "cpu", "rv64,zba=off"),
        ("-kernel linux", "kernel", Path("linux")),
        ("-initrd initrd.gz", "initrd", Path("initrd.gz")),
        ("-append a=b", "append", "a=b"),
        ("-dtb x.dtb", "dtb", Path("x.dtb")),
        ("-bios none", "bios", "none"),
        ("-serial none", "serials", ("",)),
        ("-serial chardev:a -serial none", "serials", ("a", "")),
        ("-mon a", "monitors", ("a",)),
        ("-mon chardev=a -monitor chardev:b", "monitors", ("a", "b")),
        ("-monitor none", "monitors", ()),
        ("-nographic", "serials", None),
        ("-nodefaults", "defaults", False),
        ("-echr 20", "escape", 20),
        ("-no-reboot", "no_reboot", True),
        ("-S", "stopped", True),
        ("-action reboot=shutdown", "no_reboot", True),
        ("-no-reboot -action shutdown=poweroff,reboot=reset", "no_reboot", False),
        ("-action shutdown=pause,panic=none", "no_shutdown", True),
        ("-rtc base=2026-01-31T12:00:00,clock=vm", "epoch_ns", 1769860800 * 10**9),
        ("-rtc base=2026-01-31", "epoch_ns", 1769817600 * 10**9),
        ("-rtc base=utc", "epoch_ns", None),
        ("-seed 5", "seed", 5),
        ("-icount 7", "icount", Icount(7)),
        ("-icount shift=auto,sleep=off,align=off", "icount", Icount(3, sleep=False)),
        ("-daemonize", "daemonize", True),
        ("-pidfile pid", "pid_file", Path("pid")),
        ("-M virt,dumpdtb=tree", "dump_tree", Path("tree")),
        ("-name guest", "name", "guest"),
        ("-no-shutdown", "no_shutdown", True),
        ("-d in_asm,op -d int", "log", frozenset(("in_asm", "op", "int"))),
        ("-D log", "log_file", Path("log")),
        ("-dfilter 0x1000+0x10", "log_ranges", ((0x1000, 0x100F),)),
        ("--stats", "stats", "text"),
        ("--stats=json", "stats", "json"),
        ("-stats=json", "stats", "json"),
        ("--arch riscv64", "arch", "riscv64"),
        ("-accel tcg,backend=tci,count=on", "accelerator", Accelerator("tcg", "tci", True)),
        ("-accel tcg,tb-size=2", "accelerator", Accelerator("tcg", code_mib=2)),
        ("-accel kvm -accel hvf -accel tcg -accel tcg,count=on", "accelerator", Accelerator("tcg")),
        ("-device virtio-rng", "devices", (DeviceSpec("virtio-rng-device"),)),
        (
            "-device virtio-blk-device,drive=x0,bus=virtio-mmio-bus.0,logical_block_size=4K",
            "devices",
            (
                DeviceSpec(
                    "virtio-blk-device", (("drive", "x0"), ("bus", "virtio-mmio-bus.0"), ("logical_block_size", 4096))
                ),
            ),
        ),
        ("-global virtio-mmio.force-legacy=false", "globals", (MODERN,)),
        ("-global driver=virtio-mmio,property=force-legacy,value=off", "globals", (MODERN,)),
        ("-drive file=a,if=none,format=raw,id=x0", "drives", (Drive(Path("a"), "none", "x0"),)),
        (
            "-drive file=a,readonly=on,unit=1,cache=unsafe",
            "drives",
            (Drive(Path("a"), "virtio", "", 1, True, sync="never"),),
        ),
        ("-drive file=a,aio=native,werror=report", "drives", (Drive(Path("a")),)),
        ("-object rng-random,id=r0,filename=/dev/random -object rng-builtin,id=r1", "random_sources", ("r0", "r1")),
        ("-drive file=a,snapshot,file.locking=off", "drives", (Drive(Path("a"), snapshot=True, locking=False),)),
        (
            "-fw_cfg opt/a,string=b -fw_cfg name=opt/c,file=d",
            "firmware_files",
            (FirmwareFile("opt/a", text="b"), FirmwareFile("opt/c", Path("d"))),
        ),
        ("-pflash a -pflash b", "drives", (Drive(Path("a"), "pflash"), Drive(Path("b"), "pflash"))),
        (
            "-netdev user,id=n0,restrict=on,hostfwd=tcp::2222-:22,hostfwd=udp:127.0.0.1:53-10.0.2.16:54,"
            "net=10.0.3.0/24",
            "netdevs",
            (Netdev("n0", User(net="10.0.3.0/24", restrict=True, hostfwd=(SSH, NAMES))),),
        ),
        ("-netdev socket,id=a,listen=:1234", "netdevs", (Netdev("a", Wire(Socket("", "1234", "", True, False))),)),
        (
            "-netdev socket,id=a,connect=[::1]:1234",
            "netdevs",
            (Netdev("a", Wire(Socket("::1", "1234", wait=False))),),
        ),
        (
            "-netdev socket,id=a,mcast=230.0.0.1:1234",
            "netdevs",
            (Netdev("a", Datagrams(("230.0.0.1", 1234), ("0.0.0.0", 0))),),
        ),
        (
            "-netdev socket,id=a,udp=h:1,localaddr=:2 -netdev dgram,id=b,remote.type=inet,remote.host=h,remote.port=1,"
            "local.type=inet,local.port=2",
            "netdevs",
            tuple(Netdev(name, Datagrams(("h", 1), ("", 2))) for name in "ab"),
        ),
        (
            "-netdev dgram,id=a,remote.host=230.0.0.1,remote.port=1,local.host=127.0.0.1",
            "netdevs",
            (Netdev("a", Datagrams(("230.0.0.1", 1), ("127.0.0.1", 0))),),
        ),
        (
            "-netdev stream,id=a,server=on,addr.type=unix,addr.path=x",
            "netdevs",
            (Netdev("a", Wire(Socket(path="x", server=True, wait=False))),),
        ),
        (
            "-netdev stream,id=a,addr.type=inet,addr.host=h,addr.port=1,reconnect-ms=1500",
            "netdevs",
            (Netdev("a", Wire(Socket("h", "1", wait=False, reconnect=2))),),
        ),
        ("-accel kvm", "accelerator", Accelerator("kvm")),
        ("-M virt,accel=kvm:tcg", "accelerator", Accelerator("tcg")),
        (
            "-device loader,file=a,,b,addr=0x80,force-raw=on -device loader,file=c",
            "loaders",
            (Loader(Path("a,b"), 0x80, True), Loader(Path("c"))),
        ),
    ],
)
def test_an_option_becomes_a_field(line: str, field: str, value: object) -> None:
    found = options(line)
    assert getattr(found, field) == value
    others = [name for name in vars(Options()) if name != field]
    assert [getattr(found, name) for name in others] == [getattr(Options(), name) for name in others]


def test_the_command_line_of_kunit() -> None:
    line = "-nodefaults -m 1024 -kernel Image -append x -no-reboot -nographic"
    found = options(f"{line} -accel kvm -accel hvf -accel tcg -serial stdio")
    assert (found.memory, found.no_reboot, found.defaults) == (1 << 30, True, False)
    assert found.chardevs == (CharacterDevice("serial0", Stdio(signal=True)),)
    assert found.accelerator == Accelerator("tcg")


def test_the_command_line_of_virtme() -> None:
    found = options(
        "-parallel none -net none -vga none -display none -no-reboot -name x -echr 1 -serial none "
        "-chardev file,path=/dev/stdout,id=console -chardev socket,id=monitor,path=/x,server=on,wait=off "
        "-mon chardev=monitor"
    )
    assert (found.no_reboot, found.serials, found.monitors) == (True, ("",), ("monitor",))
    assert [device.backend for device in found.chardevs] == [
        File("/dev/stdout"),
        Socket(path="/x", server=True, wait=False),
    ]


@pytest.mark.parametrize(
    ("text", "backend"),
    [
        ("stdio", Stdio()),
        ("mon:stdio", Stdio(signal=False)),
        ("null", Null()),
        ("pty", Pty()),
        ("file:a=b", File("a=b")),
        ("pipe:/tmp/x", Pipe("/tmp/x")),
        ("tcp::4444", Socket(port="4444")),
        ("tcp:[::1]:4,server,nowait", Socket("::1", "4", server=True, wait=False)),
        ("tcp:host:5,server=on,wait=off,nodelay", Socket("host", "5", server=True, wait=False, nodelay=True)),
        ("tcp:host:5,reconnect=2", Socket("host", "5", reconnect=2)),
        ("unix:/x", Socket(path="/x")),
        ("unix:/x,server=on,wait=off", Socket(path="/x", server=True, wait=False)),
        ("/dev/ttyUSB0", Serial("/dev/ttyUSB0")),
        ("rfc2217://host:1", Serial("rfc2217://host:1")),
    ],
)
def test_the_short_forms_of_serial(text: str, backend: Backend) -> None:
    found = options(f"-serial {text}")
    muxed = text.startswith("mon:")
    assert found.chardevs == (CharacterDevice("serial0", backend, muxed),)
    assert (found.serials, found.monitors) == (("serial0",), ("serial0",) if muxed else None)


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("null,id=a,mux=on", CharacterDevice("a", Null(), True)),
        ("ringbuf,id=a,size=4096", CharacterDevice("a", Ringbuf(4096))),
        ("stdio,id=a,signal=off,logfile=f", CharacterDevice("a", Stdio(False), log_file=Path("f"))),
        ("pty,id=a,path=link", CharacterDevice("a", Pty("link"))),
        ("file,id=a,path=f,append=on,input-path=g", CharacterDevice("a", File("f", "g", True))),
        ("socket,id=a,host=h,port=1,server", CharacterDevice("a", Socket("h", "1", server=True))),
        ("serial,id=a,path=loop://", CharacterDevice("a", Serial("loop://"))),
    ],
)
def test_chardev(text: str, device: CharacterDevice) -> None:
    assert options(f"-chardev {text}").chardevs == (device,)


MISTAKES = [
    ("-action reboot=maybe", "-action reboot maybe: there is only reset, shutdown"),
    ("-action rebot=reset", "no property 'rebot' (did you mean reboot?)"),
    ("-rtc base=yesterday", "-rtc base=yesterday: not a date"),
    ("-rtc clock=sun", "there is only host, rt, vm"),
    ("-seed x", "-seed: 'x' is not a number"),
    ("-kernal x", "no option -kernal (did you mean -kernel?)"),
    ("-kernel=x", "no option -kernel=x (did you mean -kernel?)"),
    ("linux", "what is 'linux' for? (a kernel goes to -kernel)"),
    ("-m", "-m needs a value: -m SIZE"),
    ("-m lots", "-m lots: not a size"),
    ("-m 0", "-m 0: a machine needs memory"),
    ("-m -5", "-m -5: a machine needs memory"),
    ("-m nan", "-m nan: not a size"),
    ("-m 1G,slots=2", "-m: no property 'slots'"),
    ("-accel tcg,tb-size=0", "code memory is of 1 to 2047 MiB"),
    ("-smp two", "-smp: 'two' is not a number"),
    ("-smp 0", "-smp 0: a machine needs CPUs"),
    ("-smp 2,maxcpus=4", "all numbers must agree"),
    ("-smp 3,cores=2", "all numbers must agree"),
    ("-M virt,acel=tcg", "the board has no option 'acel' (did you mean accel?)"),
    ("-accel tgc", "-accel tgc: there is only tcg (did you mean tcg?)"),
    ("-accel tcg,count=maybe", "'maybe' is neither on nor off"),
    ("-serial stdoi", "-serial stdoi: there is only"),
    ("-serial stdoi", "(did you mean stdio?)"),
    ("-serial tcp:host", "an address is HOST:PORT"),
    ("-serial tcp:host:http", "'http' is not a port"),
    ("-serial unix:", "a socket has a path, or a host and a port"),
    ("-serial unix:x,sever", "no property 'sever' (did you mean server?)"),
    ("-serial tcp::1,server,reconnect=1", "a server does not reconnect"),
    ("-serial file:", "path is missing"),
    ("-chardev sockt,id=a", "there is no such backend (did you mean socket?)"),
    ("-chardev pty", "-chardev pty needs id="),
    ("-chardev null,id=a -chardev null,id=a", "two chardevs with the id a"),
    ("-chardev ringbuf,id=a,size=3", "not a power of two"),
    ("-mon mode=readline", "-mon needs chardev=ID"),
    ("-mon a,mode=control", "there is only readline"),
    ("-echr 0", "-echr 0: a key is"),
    ("-display gtk", "-display gtk: there is only none"),
    ("-net bridge", "-net bridge: there is no such network"),
    ("-device virtio-rgn-device", "no device 'virtio-rgn-device' (did you mean virtio-rng-device?)"),
    ("-device virtio-mmio", "no device 'virtio-mmio'"),
    ("-device virtio-blk-device,drve=x", "no property 'drve' (did you mean drive?)"),
    ("-device virtio-blk-device,discard=perhaps", "'perhaps' is neither on nor off"),
    ("-device virtio-blk-device,queue-size=65536", "65536 is not a number of 16 bits"),
    ("-device virtio-blk-device,logical_block_size=big", "big: not a size"),
    ("-global virtio-mmio", "-global virtio-mmio: not DRIVER.PROPERTY=VALUE"),
    ("-global virtio-mimo.force-legacy=off", "no device 'virtio-mimo' (did you mean virtio-mmio?)"),
    ("-global virtio-mmio.force-legcy=off", "virtio-mmio has no property 'force-legcy' (did you mean force-legacy?)"),
    ("-global virtio-mmio.force-legacy=x", "'x' is neither on nor off"),
    ("-drive id=x", "-drive id=x: it needs file="),
    ("-drive file=x,fromat=raw", "no property 'fromat' (did you mean format?)"),
    ("-drive file=x,format=qcow2", "-drive format qcow2: there is only raw"),
    ("-drive file=x,if=ide", "-drive if ide: there is only none, virtio, pflash"),
    ("-drive file=x,cache=some", "-drive cache some: there is only"),
    ("-fw_cfg opt/x", "it needs one of file= and string="),
    ("-fw_cfg opt/x,strng=a", "no property 'strng' (did you mean string?)"),
    ("-drive file=x,werror=stop", "-drive werror stop: there is only report"),
    ("-object rng-random,filename=/dev/urandom", "it needs id="),
    ("-object rng-egd,id=r0", "-object rng-egd: there is only rng-random, rng-builtin"),
    ("-object rng-random,id=r0,filename=x", "-object rng-random,filename x: there is only /dev/urandom, /dev/random"),
    ("-drive file=x,unit=one", "'one' is not a number"),
    ("-device loader", "-device loader needs file="),
    ("-device loader,file=x,addr=here", "'here' is not a number"),
    ("-dfilter here", "-dfilter: 'here' is not a range"),
    ("-d in_asn", "-d: unknown log item 'in_asn'"),
    ("-icount shift=11", "-icount shift=11: an instruction takes"),
    ("-icount align=on", "-icount align on: there is only off"),
    ("--stats=xml", "--stats xml: there is only text, json"),
]


@pytest.mark.parametrize(("line", "message"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str], line: str, message: str) -> None:
    assert main(line.split()) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("pytcg-system: ") and said.err.count("\n") == 1
    assert message in said.err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-kernel /nowhere/linux", "cannot read kernel /nowhere/linux: No such file or directory"),
        ("-bios none", "nothing to start"),
        ("-bios /dev/null", "/dev/null is an empty file"),
        ("-kernel /dev/null", "/dev/null is not a kernel: it is an empty file"),
        ("-M virtt", "no riscv64 board virtt (did you mean virt?)"),
        ("-M /nowhere.dts", "cannot read device tree /nowhere.dts: No such file or directory"),
        ("--arch riscv46", "no guest architecture riscv46"),
        ("-cpu rv64,zbz=on", "-cpu rv64,zbz=on: unknown CPU property 'zbz'"),
        ("-smp 1000", "-smp 1000: the board can have 1 to 64 CPUs"),
        ("-m 1M", "not enough memory"),
        ("-icount 1 -smp 2", "-icount is for one CPU"),
        ("-serial chardev:nosuch", "no chardev nosuch"),
        ("-chardev null,id=a -serial chardev:a -mon a", "chardev a has a user already: give it mux=on"),
        ("-serial stdio -monitor stdio", "only one chardev can be on stdio"),
        ("-M virt,dumpdtb=/nowhere/x", "cannot write the device tree to /nowhere/x: No such file or directory"),
        ("-pidfile /nowhere/x", "cannot write the process number to /nowhere/x: No such file or directory"),
        ("-serial unix:/nowhere/x", "chardev serial0: cannot open unix:/nowhere/x: No such file or directory"),
        ("-serial unix:/nowhere/x,server,nowait", "cannot open unix:/nowhere/x: No such file or directory"),
        ("-serial file:/nowhere/x", "cannot open /nowhere/x: No such file or directory"),
        ("-serial pipe:/nowhere/x", "cannot open /nowhere/x: No such file or directory"),
        ("-serial nosuch://x", "cannot open serial port nosuch://x"),
        ("-accel tcg,backend=arm", "there is no backend 'arm' (backends: x86_64, tci)"),
    ],
)
def test_a_machine_that_cannot_be_is_one_line(capsys: pytest.CaptureFixture[str], line: str, message: str) -> None:
    assert main(line.split()) == 1
    said = capsys.readouterr()
    assert said.err.startswith("pytcg-system: ") and said.err.count("\n") == 1
    assert message in said.err


def test_an_internal_error_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(options: Options) -> None:
        raise KeyError("oops")

    monkeypatch.setattr("pytcg.machine.machine.Machine", broken)
    assert main([]) == 1
    assert capsys.readouterr().err == "pytcg-system: internal error: KeyError: 'oops'\n"


@pytest.mark.parametrize("spelling", ["-version", "--version"])
def test_the_version_is_what_tools_parse(capsys: pytest.CaptureFixture[str], spelling: str) -> None:
    assert main([spelling]) == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert line == f"QEMU emulator version 9.2.0 (pytcg {__version__})"
    assert re.fullmatch(r"\d+\.\d+\.\d+", line.split()[3])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("-h", ("usage: pytcg-system", "-kernel FILE")),
        ("-M help", ("virt", "riscv64")),
        ("-cpu help", ("rv64", "zba")),
        ("-d help", ("in_asm",)),
        ("-device help", ("file=FILE", 'name "virtio-blk-device", bus virtio-bus', "Storage devices:")),
        ("-device virtio-blk-device,help", ("virtio-blk-device options:", "drive=<str> ", "(default: true)")),
        ("-accel help", ("tcg",)),
        ("-chardev help", ("stdio", "socket", "TCP")),
        ("-netdev help", ("-netdev KIND,id=ID", "user ", "stream", "passt")),
        ("-nic help", ("model=",)),
        ("-net help", ("-net nic",)),
        ("-device virtio-net-device,help", ("netdev=<str>", "mac=<str>", "host_mtu=<uint16>")),
    ],
)
def test_questions_are_answered(line: str, words: tuple[str, ...]) -> None:
    with pytest.raises(Answer) as answer:
        options(line)
    assert all(word in str(answer.value) for word in words)


@pytest.mark.parametrize(
    ("line", "netdevs", "devices"),
    [
        ("-nic none -net none", (), ()),
        ("-nic user -nic user,id=x", (Netdev("nic0", User()), Netdev("x", User())), (card("nic0"), card("x"))),
        ("-net user,hostname=guest -net nic", (Netdev("net0", User(hostname="guest")),), (card("net0"),)),
        (
            "-net nic,model=virtio,macaddr=52:54:00:00:00:01 -nic user,mac=52:54:00:00:00:02",
            (Netdev("nic0", User()),),
            (card("net0", ("mac", "52:54:00:00:00:01")), card("nic0", ("mac", "52:54:00:00:00:02"))),
        ),
    ],
)
def test_networks_with_their_cards(line: str, netdevs: tuple[Netdev, ...], devices: tuple[DeviceSpec, ...]) -> None:
    found = options(line)
    assert (found.netdevs, found.devices) == (netdevs, devices)


def test_every_option_is_in_help_once() -> None:
    names = [name for group in TABLE.values() for option in group for name in option.names]
    assert len(names) == len(set(names))
    with pytest.raises(Answer) as answer:
        options("--help")
    page = str(answer.value)
    assert all(option.spelling in page for option in OPTIONS)
    words = " ".join(page.split())
    assert all(option.help and " ".join(option.help.split()) in words for option in OPTIONS)
    assert max(map(len, page.splitlines())) <= 120


def test_mistakes_are_machine_errors() -> None:
    with pytest.raises(MachineError):
        options("-nonsense")
