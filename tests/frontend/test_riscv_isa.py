"""-cpu strings, and what the guest is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytcg.frontend.riscv.decoding import patterns
from pytcg.frontend.riscv.isa import EXTENSIONS, MANDATORY, TABLES, configure, parse


def test_all_extensions() -> None:
    isa = configure("rv64")
    assert isa.string == (
        "rv64imafdc_zicbom_zicbop_zicboz_zicntr_zicond_zicsr_zifencei_zihintpause_zihpm_zawrs_zba_zbb_zbc_zbs"
        "_sstc_svadu_svinval_svnapot_svpbmt"
    )
    assert isa.base == "rv64i"
    assert isa.extensions == tuple(EXTENSIONS)
    assert isa.misa == 2 << 62 | sum(1 << ord(letter) - ord("a") for letter in "abcdfimsu")
    assert isa.tables == tuple(TABLES)


def test_switched_off() -> None:
    isa = configure("rv64,zba=off,c=off,svadu=true,f=off")
    assert "zba" not in isa
    assert isa.string.startswith("rv64ima_zicbom")
    assert isa.misa & 0xFFFF == sum(1 << ord(letter) - ord("a") for letter in "aim")
    assert not {"rvc", "rvcd", "rv64f", "rv64d", "zba"} & set(isa.tables)
    assert {"zbb", "rv64m"} <= set(isa.tables)
    assert "rvcd" not in configure("rv64,d=off").tables


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("rv46", "unknown RISC-V CPU 'rv46'; did you mean 'rv64'?; there are: rv64, max"),
        ("rv64,zbaa=on", "unknown CPU property 'zbaa'; did you mean 'zba'?"),
        ("rv64,hypervisor=on", "unknown CPU property 'hypervisor'"),
        ("rv64,c", "CPU property c must be on or off, not ''"),
        ("rv64,c=maybe", "CPU property c must be on or off, not 'maybe'"),
        ("rv64,i=off", "CPU property i cannot be off"),
        ("rv64,f=off,d=on", "CPU property d=on needs f, which is off"),
        ("rv64,", "unknown CPU property ''"),
    ],
)
def test_errors(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match="CPU") as error:
        configure(spec)
    assert str(error.value) == message


def test_tables() -> None:
    for table, needed in TABLES.items():
        assert set(needed) <= set(EXTENSIONS)
        assert patterns(table)


@pytest.mark.parametrize(
    ("string", "expected", "missing"),
    [
        ("rv64imac", "rv64imac_zicsr", ()),
        ("rv64gc", "rv64imafdc_zicsr_zifencei", ()),
        ("RV64IMAFDCSU_Zba", "rv64imafdc_zicsr_zba", ()),
        ("rv64id_zvbb", "rv64ifd_zicsr", ("zvbb",)),
    ],
)
def test_strings_of_device_trees(string: str, expected: str, missing: tuple[str, ...]) -> None:
    model, left_out = parse(string)
    assert (model.string, left_out) == (expected, missing)


@given(st.sets(st.sampled_from(sorted(EXTENSIONS))))
def test_a_string_says_what_it_was_made_from(off: set[str]) -> None:
    spec = ",".join(["rv64", *(f"{name}=off" for name in sorted(off - set(MANDATORY)))])
    model = configure(spec)
    assert parse(model.string) == (model, ())
