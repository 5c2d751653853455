"""Our firmware answers as OpenSBI does: a script of SBI calls and traps in S-mode, executed on both and compared."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tests.guestprogram import QEMU, build, pytcg, run
from tests.system.guests import GUESTS, needs

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
OURS = ROOT / "firmware" / "images" / "riscv64" / "sbi.bin"
OPENSBI = "opensbi-trixie/fw_dynamic.bin"
HARTS = 3
MASK64 = (1 << 64) - 1
#: error and value, or what else a line prints
Answers = list[tuple[int, int]]
SCRIPT, PLACE, TEXT = 0x80400000, 0x80600000, 0x80610000
CALL, WAIT, STORE, LOAD, PENDING, REST, RUN, SLEEP, RECEIVE, UNTIL = range(10)
BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN, SUSP = (
    0x10, 0x54494D45, 0x735049, 0x52464E43, 0x48534D, 0x53525354, 0x4442434E, 0x53555350
)  # fmt: skip
START, STOP, STATUS, SUSPEND = range(4)
SSIP, STIP = 2, 32
STOPPED, SUSPENDED = 1, 4
NEVER = MASK64
RET, RET_SHORT = 0x8067, 0x8082


@dataclass(frozen=True)
class Line:
    """One line of the script. `differs`: why the two firmwares need not answer alike ("": they must)."""

    name: str
    action: int
    x: int = 0
    arguments: tuple[int, ...] = ()
    function: int = 0
    extension: int = 0
    code: bytes = b""
    differs: str = ""
    #: why QEMU need not give the same answer
    not_qemu: str = ""

    def pack(self, place: int) -> bytes:
        """Its bytes; code lies at `place`."""
        values = (*self.arguments, 0, 0, 0, 0)[:4]
        row = (self.action, place if self.code else self.x, *values, self.function, self.extension)
        return struct.pack("<8Q", *(value & MASK64 for value in row))


def call(name: str, extension: int, function: int, *arguments: int, differs: str = "") -> Line:
    return Line(name, CALL, 0, arguments, function, extension, differs=differs)


def trap(name: str, *words: int, differs: str = "", not_qemu: str = "") -> Line:
    """Code of 16-bit words (up to 0xFFFF) and 32-bit ones, then a return."""
    code = b"".join(struct.pack("<H" if word & 3 != 3 else "<I", word) for word in (*words, RET))
    return Line(name, RUN, code=code, differs=differs, not_qemu=not_qemu)


def changing(name: str, hart: int, to: int, then: int) -> list[Line]:
    """Tell another hart what to do by its word, and wait until its state is what it is to be."""
    return [
        Line(f"{name}: told", STORE, PLACE + 64 * hart, (to,)),
        Line(f"{name}: state {then}", UNTIL, then, (hart,), STATUS, HSM),
    ]


def starting(hart: int, second: int) -> list[Line]:
    place = PLACE + 64 * hart
    return [
        Line(f"hart {hart}: word", STORE, place, (0,)),
        call(f"hart {hart}: start", HSM, START, hart, second, place),
        Line(f"hart {hart}: here", WAIT, place, (1,)),
        Line(f"hart {hart}: a0, satp and SIE", LOAD, place + 8),
        call(f"hart {hart}: started", HSM, STATUS, hart),
        call(f"hart {hart}: start it again", HSM, START, hart, second, place),
    ]


def script(second: int) -> list[Line]:
    own = "each says what it is"
    optional = "an implementation's choice"
    return [
        # base
        *(call(f"base {n}", BASE, n, differs=own) for n in range(3)),
        *(replace(call(f"base {n}", BASE, n), not_qemu="its version") for n in range(4, 7)),
        *(call(f"probe {e:#x}", BASE, 3, e) for e in (BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN, 0xB000000, SUSP)),
        *(call(f"function 0xbad of {e:#x}", e, 0xBAD) for e in (BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN, SUSP)),
        call("unknown extension", 0x0A000000, 0),
        call("unknown extension", 0x7FFFFFFF, 1, 2, 3, 4),
        call("FWFT", 0x46574654, 0, 0, differs="only OpenSBI has it"),
        # time
        call("timer at once", TIME, 0, 0),
        Line("pending", PENDING, 0, (STIP,)),
        Line("taken", RECEIVE, 0, (STIP,)),
        call("timer never", TIME, 0, NEVER),
        Line("not pending", PENDING, 0, (STIP,)),
        Line("cannot be cleared by sip", PENDING, 0, (STIP, STIP)),
        # ipi
        call("ipi to nobody", IPI, 0, 0, 0),
        call("ipi to nobody from 1", IPI, 0, 0, 1),
        call("ipi to nobody from -2", IPI, 0, 0, -2),
        call("ipi to itself", IPI, 0, 1, 0),
        Line("pending", PENDING, 0, (SSIP, SSIP)),
        Line("cleared", PENDING, 0, (SSIP,)),
        call("ipi to itself", IPI, 0, 1, 0),
        Line("taken", RECEIVE, 0, (SSIP,)),
        Line("cleared", PENDING, 0, (SSIP, SSIP)),
        call("ipi to all", IPI, 0, 0, -1),
        Line("pending", PENDING, 0, (SSIP, SSIP)),
        call("ipi to one that is not there", IPI, 0, 2, HARTS - 1, differs="OpenSBI before 1.7 lets it pass"),
        call("ipi from one that is not there", IPI, 0, 1, HARTS, differs="OpenSBI before 1.7 lets it pass"),
        call("ipi from far", IPI, 0, 1, 1 << 40, differs="OpenSBI before 1.7 lets it pass"),
        # fences
        *(call(f"fence {n} to all", RFENCE, n, 0, -1, 0, 0) for n in range(3)),
        *(call(f"fence {n} to itself", RFENCE, n, 1, 0, 0x1000, 0x3000) for n in range(3)),
        call("fence of everything", RFENCE, 1, 1, 0, 0, -1),
        *(call(f"fence {n} of a hypervisor", RFENCE, n, 1, 0, 0, 0, differs=optional) for n in range(3, 7)),
        # harts
        call("state of this hart", HSM, STATUS, 0),
        call("state of a stopped hart", HSM, STATUS, 1),
        call("state of no hart", HSM, STATUS, HARTS),
        call("state of hart -1", HSM, STATUS, -1),
        call("start this hart", HSM, START, 0, second, 0),
        call("start no hart", HSM, START, HARTS, second, 0),
        call("start hart -1", HSM, START, -1, second, 0),
        call("start at the firmware", HSM, START, 1, 0x80000000, 0),
        *starting(1, second),
        *starting(2, second),
        call("ipi to two", IPI, 0, 6, 0),
        call("fence on three", RFENCE, 1, 7, 0, 0, 0),
        *changing("suspended", 1, 3, SUSPENDED),
        call("wake it", IPI, 0, 1, 1),
        Line("came back", WAIT, PLACE + 64, (5,)),
        call("started", HSM, STATUS, 1),
        *changing("suspended without its state", 1, 4, SUSPENDED),
        call("wake it", IPI, 0, 2, 0),
        Line("began again", WAIT, PLACE + 64, (1,)),
        Line("a0, satp and SIE", LOAD, PLACE + 64 + 8),
        call("started", HSM, STATUS, 1),
        *changing("stopped", 1, 2, STOPPED),
        call("ipi to a stopped hart", IPI, 0, 2, 0),
        call("fence on a stopped hart", RFENCE, 1, 2, 0, 0, 0),
        call("still stopped", HSM, STATUS, 1),
        *starting(1, second),
        *changing("stopped", 1, 2, STOPPED),
        *changing("stopped", 2, 2, STOPPED),
        *(call(f"suspend of type {t:#x}", HSM, SUSPEND, t, second, 0) for t in (1, 0x0FFFFFFF, 0x80000001)),
        *(call(f"suspend of type {t:#x}", HSM, SUSPEND, t, second, 0) for t in (0x10000000, 0x90000000)),
        call("timer soon", TIME, 0, 0),
        Line("sleep", SLEEP, 0, (STIP,)),
        call("timer never", TIME, 0, NEVER),
        # console
        Line("a message", STORE, PLACE, (int.from_bytes(b"message\n", "little"),)),
        call("write", DBCN, 0, 8, PLACE, 0),
        call("write nothing", DBCN, 0, 0, PLACE, 0),
        call("write from the firmware", DBCN, 0, 8, 0x80000000, 0),
        call(
            "write from high above", DBCN, 0, 8, PLACE, 1, differs="OpenSBI says that it failed, not that it is wrong"
        ),
        call("write byte", DBCN, 2, 0x61626362),
        call("read nothing", DBCN, 1, 8, PLACE, 0),
        call("read to the firmware", DBCN, 1, 8, 0x80000000, 0),
        # reset: with what is not there
        call("reset type 3", SRST, 0, 3, 0),
        call("reset type of a vendor", SRST, 0, 0xF0000000, 0),
        call("reset reason 2", SRST, 0, 0, 2),
        # traps that come to S, whoever delegated them
        trap("nothing", RET_SHORT),
        trap("illegal 32-bit", 0xFFFFFFFF),
        trap("illegal 16-bit", 0x0000, differs="OpenSBI reads the instruction again, with 32 bits"),
        trap("mret", 0x30200073),
        trap("csrr a0, mstatus", 0x30002573),
        trap("csrw time, a0", 0xC0151073),
        trap("ebreak", 0x00100073, not_qemu="stval is zero, and may be the pc"),
        trap("c.ebreak", 0x9002, not_qemu="stval is zero, and may be the pc"),
        trap("lui a0; jr a0 to nowhere", 0x0E000537, 0x00050067),
        trap("lui a0; ld a0, (a0) from nowhere", 0x0E000537, 0x00053503),
        trap("lui a0; sd a0, 8(a0) to nowhere", 0x0E000537, 0x00A53423),
        trap("lui a0; ld a0, (a0) from the firmware", 0x00080537, 0x00C51513, 0x00053503),
        trap("amoadd.w a0, a0, (sp + 1)", 0x00110513, 0x00A5252F, differs="OpenSBI 1.6 does it for S"),
        trap("rdtime a0", 0xC0102573),
        trap("rdcycle a0", 0xC0002573),
    ]


def entry(elf: Path, name: str) -> int:
    with elf.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        return next(int(symbol["st_value"]) for symbol in table.iter_symbols() if symbol.name == name)


@dataclass
class Session:
    """The script as files."""

    elf: Path
    lines: list[Line]
    blobs: list[tuple[Path, int]]

    def options(self, bios: Path) -> list[str]:
        loaders = [f"loader,file={path},addr={address:#x},force-raw=on" for path, address in self.blobs]
        devices = [word for loader in loaders for word in ("-device", loader)]
        return [
            *("-M", "virt", "-smp", str(HARTS), "-nographic", "-bios", str(bios), "-kernel", str(self.elf)),
            *devices,
        ]

    def answers(self, done: tuple[int, str]) -> Answers:
        status, output = done
        found = [(int(a, 16), int(b, 16)) for a, b in re.findall(r"([0-9a-f]{16}) ([0-9a-f]{16}) ", output)]
        assert (status, len(found)) == (0, len(self.lines)), output
        assert "message" in output and "b" in output
        return found


@pytest.fixture(scope="module")
def session(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Session:
    assert pytestconfig.cache is not None
    elf = build(HERE / "calls.S", HERE / "link.ld", Path(pytestconfig.cache.mkdir("sbi")))
    lines = script(entry(elf, "second"))
    folder = tmp_path_factory.mktemp("sbi")
    rows, code = b"", b""
    for line in lines:
        rows += line.pack(TEXT + len(code))
        code += line.code + bytes(-len(line.code) % 16)
    for name, data in (("rows", rows + struct.pack("<8q", -1, *[0] * 7)), ("code", code)):
        (folder / name).write_bytes(data)
    return Session(elf, lines, [(folder / "rows", SCRIPT), (folder / "code", TEXT)])


def differences(lines: list[Line], ours: Answers, theirs: Answers, excused: Callable[[Line], str]) -> dict[str, str]:
    """The lines of which the answers differ without a reason, and how."""
    return {
        line.name: f"{mine[0]:x} {mine[1]:x} and {other[0]:x} {other[1]:x}"
        for line, mine, other in zip(lines, ours, theirs, strict=True)
        if mine != other and not excused(line)
    }


@needs(OPENSBI)
def test_firmware_answers_as_opensbi(session: Session) -> None:
    ours = session.answers(pytcg(*session.options(OURS)))
    theirs = session.answers(pytcg(*session.options(GUESTS / OPENSBI)))
    assert differences(session.lines, ours, theirs, lambda line: line.differs) == {}


@pytest.mark.skipif(not QEMU, reason="not run: QEMU (qemu-system-misc) is not installed")
@pytest.mark.parametrize("bios", [OURS, pytest.param(GUESTS / OPENSBI, marks=needs(OPENSBI))], ids=("ours", "OpenSBI"))
def test_answers_are_those_on_qemu(session: Session, bios: Path) -> None:
    assert QEMU
    on_qemu = session.answers(run(QEMU, "-cpu", "rv64,h=off", *session.options(bios)))
    here = session.answers(pytcg(*session.options(bios)))
    assert differences(session.lines, here, on_qemu, lambda line: line.not_qemu) == {}
