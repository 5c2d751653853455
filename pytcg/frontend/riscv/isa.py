"""ISA extensions: what a `-cpu` string configures, what the guest is told, and which instruction tables are enabled."""

from __future__ import annotations

from dataclasses import dataclass

#: every implemented extension, in the canonical order of ISA strings, with the extensions that it needs
EXTENSIONS: dict[str, tuple[str, ...]] = {
    "i": (),
    "m": (),
    "a": (),
    "f": ("zicsr",),
    "d": ("f",),
    "c": (),
    "zicbom": (),
    "zicbop": (),
    "zicboz": (),
    "zicntr": ("zicsr",),
    "zicond": (),
    "zicsr": (),
    "zifencei": (),
    "zihintpause": (),
    "zihpm": ("zicntr",),
    "zawrs": ("a",),
    "zba": (),
    "zbb": (),
    "zbc": (),
    "zbs": (),
    "sstc": ("zicntr",),
    "svadu": (),
    "svinval": (),
    "svnapot": (),
    "svpbmt": (),
}

#: instruction tables, with the extensions that together enable them. Zicbop's and Zihintpause's instructions are hints
#: within the table of the base; the privileged architecture is always there.
TABLES: dict[str, tuple[str, ...]] = {
    "rv64i": ("i",),
    "rv64m": ("m",),
    "rv64a": ("a",),
    "rv64f": ("f",),
    "rv64d": ("d",),
    "rvc": ("c",),
    "rvcd": ("c", "d"),
    "zicbom": ("zicbom",),
    "zicboz": ("zicboz",),
    "zicond": ("zicond",),
    "zicsr": ("zicsr",),
    "zifencei": ("zifencei",),
    "zawrs": ("zawrs",),
    "zba": ("zba",),
    "zbb": ("zbb",),
    "zbc": ("zbc",),
    "zbs": ("zbs",),
    "svinval": ("svinval",),
    "privileged": (),
}

CPUS = ("rv64", "max")
MANDATORY = ("i", "zicsr")
_VALUES = {"on": True, "true": True, "off": False, "false": False}
_MXL_64 = 2 << 62


@dataclass(frozen=True)
class Isa:
    """A set of extensions, in canonical order."""

    extensions: tuple[str, ...]
    base: str = "rv64i"

    def __contains__(self, extension: str) -> bool:
        return extension in self.extensions

    @property
    def string(self) -> str:
        """The device tree's riscv,isa."""
        letters = "".join(name for name in self.extensions if len(name) == 1)
        return "_".join((f"rv64{letters}", *(name for name in self.extensions if len(name) > 1)))

    @property
    def misa(self) -> int:
        """The misa CSR: 64 bits wide, the single-letter extensions, B for all of Zba, Zbb and Zbs, S and U."""
        letters = [name for name in self.extensions if len(name) == 1] + ["s", "u"]
        if all(name in self for name in ("zba", "zbb", "zbs")):
            letters.append("b")
        return _MXL_64 | sum(1 << ord(letter) - ord("a") for letter in letters)

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the instruction tables that are enabled."""
        return tuple(name for name, needed in TABLES.items() if all(extension in self for extension in needed))


def configure(spec: str = "rv64") -> Isa:
    """The ISA of a `-cpu` string such as "rv64,zba=off,c=on".

    Switching an extension off switches off what needs it. Raises ValueError for an unknown CPU, property or value, and
    for a property that contradicts another.
    """
    cpu, *properties = spec.split(",")
    if cpu not in CPUS:
        raise ValueError(f"unknown RISC-V CPU {cpu!r}{_hint(cpu, CPUS)}; there are: {', '.join(CPUS)}")
    asked: dict[str, bool] = {}
    for item in properties:
        name, equals, value = item.partition("=")
        if name not in EXTENSIONS:
            raise ValueError(f"unknown CPU property {name!r}{_hint(name, EXTENSIONS)}")
        if not equals or value not in _VALUES:
            raise ValueError(f"CPU property {name} must be on or off, not {value!r}")
        asked[name] = _VALUES[value]
        if name in MANDATORY and not asked[name]:
            raise ValueError(f"CPU property {name} cannot be off")
    missing = {name for name, on in asked.items() if not on}
    while dependent := {name for name, needs in EXTENSIONS.items() if missing.intersection(needs)} - missing:
        for name in dependent:
            if asked.get(name):
                raise ValueError(f"CPU property {name}=on needs {' and '.join(EXTENSIONS[name])}, which is off")
        missing |= dependent
    return Isa(tuple(name for name in EXTENSIONS if name not in missing))


def parse(string: str) -> tuple[Isa, tuple[str, ...]]:
    """The ISA of a device tree's riscv,isa, and the extensions that it names and that are not there.

    Raises ValueError for another base than rv64i.
    """
    letters, *names = string.lower().split("_")
    if not letters.startswith("rv64") or letters[4:5] not in ("i", "g"):
        raise ValueError(f"{string!r} is no 64-bit RISC-V")
    single = letters[4:].replace("g", "imafd")
    asked = {*single, *names, *MANDATORY}
    if letters[4] == "g":
        asked.add("zifencei")
    while needed := {need for name in asked for need in EXTENSIONS.get(name, ())} - asked:
        asked |= needed
    # privileged modes are always there
    missing = sorted(asked - set(EXTENSIONS) - {"s", "u"})
    return Isa(tuple(name for name in EXTENSIONS if name in asked)), tuple(missing)


def _hint(name: str, known: tuple[str, ...] | dict[str, tuple[str, ...]]) -> str:
    # only mistakes pay for it
    from difflib import get_close_matches

    close = get_close_matches(name, known, 1)
    return f"; did you mean {close[0]!r}?" if close else ""
