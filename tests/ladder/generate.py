"""Random programs out of the instruction tables, that come to an end and access what is there."""

from __future__ import annotations

import random
import struct
from collections import Counter
from dataclasses import dataclass, replace

from pytcg.tcg.types import MASK32, MASK64
from tests.ladder.board import CODE, DATA, DATA_PAGES, PAGE, State
from tests.ladder.forms import Form, forms, named

#: tables whose instructions belong to the privileged programs, what does too, and what is no instruction
LEFT_OUT = {"privileged", "svinval"}
NOT_ALONE = {"illegal", "ebreak"}
BRANCHES = {"beq", "bne", "blt", "bge", "bltu", "bgeu"}
LOADS = {"lb", "lh", "lw", "ld", "lbu", "lhu", "lwu", "flw", "fld"}
STORES = {"sb", "sh", "sw", "sd", "fsw", "fsd"}
FLOAT_CSRS = (1, 2, 3)
ECALL = 0x73
MAX_BYTES = 600
EDGES = (
    *(0, 1, 2, 31, 32, 63, 64, 0x7F),
    *(0x80, 0x7FFFFFFF, 0x80000000, MASK32, 1 << 63, (1 << 63) - 1, MASK64, MASK64 - 1),
)
DOUBLES = (
    *(0.0, -0.0, 1.0, -1.5, 0.1, 1e300, -1e-310, 5e-324),
    *(2**31, -(2.0**31), 2.0**32, 2.0**63, 2.0**64, 1e18 + 0.5, 0.5, 2.5),
)
SINGLES = (
    *(0.0, -0.0, 1.0, -1.5, 0.1, 3e38, -1e-40),
    *(1.5e-45, 2**31, -(2.0**31), 2.0**32, 2.0**63, 2.0**64, 16777217.0, 0.5),
)
SPECIAL_DOUBLES = (
    *(0x7FF0 << 48, 0xFFF0 << 48, 0x7FF8 << 48, 0x7FF0000000000001, 0xFFF8000000001234, 1 << 52, (1 << 52) - 1),
    *(0x7FEFFFFFFFFFFFFF, 0x380FFFFFFFFFFFFF, 0x3690000000000000, 0x47EFFFFFFFFFFFFF),
)
SPECIAL_SINGLES = (
    *(0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001, 0xFFC01234),
    *(0x00800000, 0x007FFFFF, 0x7F7FFFFF, 0x80000001),
)
BOX = MASK64 & ~MASK32


@dataclass(frozen=True)
class Item:
    """An instruction of a program; `address` is what follows from where it lies.

    "": nothing does. "skip": it goes `skip` items on (-n: back). "high", "low": the parts of `value` less the address
    `pair` items before; with `skip`, of the address of the item so far on, plus `value`.
    """

    form: Form
    word: int
    address: str = ""
    skip: int = 0
    value: int = 0
    pair: int = 0
    #: it needs the item before it, so that no jump goes here
    inner: bool = False


Program = list[Item]


def assemble(program: Program, start: int) -> bytes:
    """The code of a program that lies at `start`, and an ecall. Raises ValueError where a distance is too long."""
    places, place = [], start
    for item in program:
        places.append(place)
        place += item.form.size
    places.append(place)
    code = b""
    for index, item in enumerate(program):
        target = places[_target(program, index + item.skip)] if item.skip else 0
        word = item.word
        if item.address == "skip":
            word = item.form.put(word, "imm", target - places[index])
        elif item.address:
            distance = target + item.value - places[max(0, index - item.pair)]
            high = distance + 0x800 & ~0xFFF
            high = (high & MASK32 ^ 1 << 31) - (1 << 31)
            word = item.form.put(
                word, "imm", high if item.address == "high" else distance - (distance + 0x800 & ~0xFFF)
            )
        code += word.to_bytes(item.form.size, "little")
    return code + ECALL.to_bytes(4, "little")


def _target(program: Program, index: int) -> int:
    index = max(0, index)
    while index < len(program) and program[index].inner:
        index += 1
    return min(index, len(program))


def listing(program: Program, start: int) -> str:
    """The words and names of a program."""
    lines, place, code = [], start, assemble(program, start)
    for item in program:
        at = place - start
        word = int.from_bytes(code[at : at + item.form.size], "little")
        lines.append(f"{place:#x}: {word:0{item.form.size * 2}x} {item.form.label} {item.form.arguments(word)}")
        place += item.form.size
    return "\n".join(lines)


def candidates() -> list[Form]:
    """The instructions that programs are made of."""
    return [form for form in forms() if form.table not in LEFT_OUT and form.name not in NOT_ALONE]


class Generator:
    """Makes programs of `candidates`."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.choice = candidates()
        self.fixed: set[int] = set()
        #: how often a form was chosen: of two candidates the rarer one is
        self.chosen: Counter[Form] = Counter()

    def program(self) -> Program:
        """A random program; may turn out to be endless or not to assemble, though seldom."""
        rng, items = self.rng, []
        self.fixed = set()
        for _ in range(rng.randint(1, 20)):
            if rng.random() < 0.06:
                items += self.loop()
            else:
                items += self.instruction()
        return items

    def loop(self) -> Program:
        """A body that is executed a few times."""
        counter = self.rng.choice([n for n in range(1, 32) if n not in self.fixed])
        self.fixed.add(counter)
        body: Program = []
        for _ in range(self.rng.randint(1, 5)):
            body += self.instruction()
        self.fixed.discard(counter)
        addi, bne = named("addi"), named("bne")
        # Jumps out of the body end at its decrement.
        body = [
            replace(item, skip=min(item.skip, len(body) - at)) if item.skip > 0 else item
            for at, item in enumerate(body)
        ]
        return [
            Item(addi, addi.make(rd=counter, imm=self.rng.randint(1, 4))),
            *body,
            Item(addi, addi.make(rd=counter, rs1=counter, imm=-1)),
            Item(bne, bne.make(rs1=counter), "skip", -len(body) - 1),
        ]

    def instruction(self) -> Program:
        """A random instruction, and those before it that make it work."""
        items = None
        while items is None:
            form = min(self.rng.choices(self.choice, k=2), key=self.chosen.__getitem__)
            items = self.fit(form, form.random(self.rng))
            self.chosen[form] += items is not None
        return [items[0], *(replace(item, inner=True) for item in items[1:])]

    def fit(self, form: Form, word: int) -> Program | None:
        """None: this word writes what must not be written, or has no address."""
        rng, name = self.rng, form.name
        arguments = form.arguments(word)
        if form.table not in ("rv64f", "rv64d") and arguments.get("rd", 0) in self.fixed:
            return None
        if arguments.get("rd", 0) in self.fixed and name[:3] in ("feq", "flt", "fle", "fcl", "fmv", "fcv"):
            return None
        if name in BRANCHES:
            return [Item(form, word, "skip", rng.randint(1, 4))]
        if name == "jal":
            return [Item(form, word, "skip", rng.randint(1, 4))]
        if name == "jalr":
            return self.jump(form, word, arguments["rs1"], arguments["imm"])
        if name in LOADS or name in STORES:
            place = DATA + rng.randrange(DATA_PAGES * PAGE - 8) if rng.random() < 0.7 else self.edge()
            return self.based(form, word, arguments["rs1"], place, arguments["imm"])
        if form.table == "rv64a":
            return self.atomic(form, word, arguments["rs1"])
        if form.table in ("zicbom", "zicboz"):
            return self.based(form, word, arguments["rs1"], DATA + rng.randrange(DATA_PAGES * PAGE), 0)
        if form.table == "zicsr":
            return [Item(form, form.put(word, "csr", rng.choice(FLOAT_CSRS)))]
        if "rm" in arguments and arguments["rm"] in (5, 6) and rng.random() < 0.95:
            word = form.put(word, "rm", rng.choice((0, 1, 2, 3, 4, 7, 7, 7)))
        if name in ("auipc", "lui") and form.size == 4 and rng.random() < 0.3:
            word = form.put(word, "imm", rng.choice((-1 << 31, (1 << 31) - 4096, 0, -4096)))
        return [Item(form, word)]

    def edge(self) -> int:
        """An address around the end of a page of data."""
        return DATA + PAGE * self.rng.randrange(1, DATA_PAGES) - self.rng.randint(0, 9)

    def atomic(self, form: Form, word: int, base: int) -> Program | None:
        rng = self.rng
        place = DATA + rng.randrange(0, DATA_PAGES * PAGE, 8)
        if rng.random() < 0.03:
            place += rng.randrange(1, 8)
        elif form.name[-1] == "w":
            place += rng.choice((0, 4))
        items = self.based(form, word, base, place, 0)
        if items is None or form.name[:2] != "sc" or rng.random() < 0.3:
            return items
        load = named("lr" + form.name[2:])
        target = rng.choice([n for n in range(32) if n not in self.fixed and n != base])
        between = []
        if rng.random() < 0.5:
            between = self.instruction()
            # What lies between must keep the base.
            if any(item.address or item.form.arguments(item.word).get("rd") == base for item in between):
                between = []
        return [*items[:-1], Item(load, load.make(rd=target, rs1=base)), *between, items[-1]]

    def based(self, form: Form, word: int, base: int, place: int, offset: int) -> Program | None:
        """An instruction after those that bring `place` less `offset` into its base."""
        if not base or base in self.fixed:
            return None
        addi, rng = named("addi"), self.rng
        if rng.random() < 0.3:
            auipc = named("auipc")
            high = Item(auipc, auipc.make(rd=base), "high", value=place)
            if form.size == 4 and "imm" in form.bits and rng.random() < 0.5:
                return [high, Item(form, word, "low", value=place, pair=1)]
            low = Item(addi, addi.make(rd=base, rs1=base), "low", value=place - offset, pair=1)
            return [replace(high, value=place - offset), low, Item(form, word)]
        lui, value = named("lui"), place - offset
        low_part = (value & 0xFFF ^ 0x800) - 0x800
        return [
            Item(lui, lui.make(rd=base, imm=value - low_part)),
            Item(addi, addi.make(rd=base, rs1=base, imm=low_part)),
            Item(form, word),
        ]

    def jump(self, form: Form, word: int, base: int, offset: int) -> Program | None:
        if not base or base in self.fixed:
            return None
        auipc, addi, rng = named("auipc"), named("addi"), self.rng
        skip = rng.randint(1, 4)
        if form.size == 4 and rng.random() < 0.5:
            return [
                Item(auipc, auipc.make(rd=base), "high", skip + 1),
                Item(form, word, "low", skip, pair=1),
            ]
        odd = rng.random() < 0.2
        return [
            Item(auipc, auipc.make(rd=base), "high", skip + 2, odd - offset),
            Item(addi, addi.make(rd=base, rs1=base), "low", skip + 1, odd - offset, 1),
            Item(form, word),
        ]

    def state(self, length: int) -> State:
        """A random state for a program of `length` bytes, often at the end of a page."""
        rng = self.rng
        x = [0] + [rng.choice((rng.choice(EDGES), rng.getrandbits(64), rng.getrandbits(8))) for _ in range(31)]
        f = [self.float() for _ in range(32)]
        pc = CODE + rng.choice((rng.randrange(0, PAGE), PAGE - rng.randrange(2, length + 2))) & ~1
        frm = rng.choice((0, 1, 2, 3, 4, rng.randrange(8)))
        return State(x, f, frm, rng.choice((0, 0, rng.randrange(32))), rng.randbytes(DATA_PAGES * PAGE), pc)

    def float(self) -> int:
        """The contents of an f register: single, double, or neither."""
        rng = self.rng
        match rng.randrange(7):
            case 0:
                return int(struct.unpack("<Q", struct.pack("<d", rng.choice(DOUBLES)))[0])
            case 1:
                return BOX | int(struct.unpack("<I", struct.pack("<f", rng.choice(SINGLES)))[0])
            case 2:
                return rng.choice(SPECIAL_DOUBLES)
            case 3:
                return BOX | rng.choice(SPECIAL_SINGLES)
            case 4:
                return BOX | rng.getrandbits(32)
            case 5:
                return rng.getrandbits(1) << 63 | rng.randint(1020, 1100) << 52 | rng.getrandbits(52)
        return rng.getrandbits(64)
