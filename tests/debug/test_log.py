"""The log of -d: its items, ranges and symbols, and a block's way from guest bytes to host bytes in one place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytcg.debug.log import ITEMS, LOGGERS, TRANSLATION, TRAPS, help_text, parse_items, parse_ranges
from pytcg.debug.symbols import FARTHEST, Symbols
from tests.debug.elf import with_symbol
from tests.system.guests import run


def test_every_item_is_in_help() -> None:
    assert all(f"\n{name}" in help_text() for name in ITEMS)
    assert TRANSLATION | TRAPS | set(LOGGERS) <= set(ITEMS)
    assert parse_items("in_asm,int") == {"in_asm", "int"}


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("0x1000..0x1fff", ((0x1000, 0x1FFF),)),
        ("0x1000+0x100", ((0x1000, 0x10FF),)),
        ("4096-16,1..2", ((4080, 4096), (1, 2))),
    ],
)
def test_ranges(text: str, ranges: tuple[tuple[int, int], ...]) -> None:
    assert parse_ranges(text) == ranges


@pytest.mark.parametrize("text", ["", "0x1000", "a..b", "2..1", "0x10+0"])
def test_ranges_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="-dfilter"):
        parse_ranges(text)


@given(st.dictionaries(st.integers(0, 1 << 40), st.text("ab", min_size=1), min_size=1), st.integers(0, 1 << 40))
def test_an_address_is_called_by_the_symbol_before_it(names: dict[int, str], address: int) -> None:
    before = [at for at in names if address - FARTHEST <= at <= address]
    found = Symbols((at, name) for at, name in names.items()).name(address)
    if not before:
        assert found == ""
    else:
        offset = address - max(before)
        assert found == names[max(before)] + (f"+{offset:#x}" if offset else "")


def logged(tmp_path: Path, *options: str, first: str = "") -> str:
    """The log of a run of the demo kernel to its end; what it does `first`."""
    log = tmp_path / "log"
    done = run(*options, "-D", str(log), "-append", f'quiet run="{first}poweroff"')
    assert (done.returncode, done.stderr) == (0, "")
    return log.read_text()


def test_a_block_is_in_one_place(tmp_path: Path) -> None:
    text = logged(tmp_path, "-d", "in_asm,op,op_opt,out_asm", first="bench integer 1; ")
    blocks = text.split("----------------\n")[1:]
    parts = r"IN: flags=0x\w+\n0x.*\n\nOP:\n.*\n\nOP after opt.*\n\nOUT: .*"
    assert len(blocks) > 100 and all(re.fullmatch(parts, block, re.DOTALL) for block in blocks)
    assert any("\n\nOP as the backend emits the loop:\n" in block for block in blocks)


def test_a_filter_leaves_the_rest_out(tmp_path: Path) -> None:
    text = logged(tmp_path, "-d", "in_asm,exec", "-dfilter", "0x1000+0x100")
    assert set(re.findall(r"^Trace 0: (\w+)", text, re.MULTILINE)) == {"0000000000001000"}
    assert text.count("IN:") == 1


def test_the_number_of_the_process_is_in_the_name(tmp_path: Path) -> None:
    run("-d", "page", "-D", f"{tmp_path}/log-%d", "-append", 'run="poweroff"')
    (path,) = tmp_path.glob("log-*")
    assert re.fullmatch(r"log-\d+", path.name) and "/memory@80000000" in path.read_text()


#: lui t0, 0x100 ; lui t1, 5 ; addi t1, t1, 0x555 ; sw t1, 0(t0) ; j .: power off by the test finisher
POWER_OFF = b"".join(
    word.to_bytes(4, "little") for word in (0x001002B7, 0x00005337, 0x55530313, 0x0062A023, 0x0000006F)
)


def test_symbols_of_a_kernel(tmp_path: Path) -> None:
    kernel, log = tmp_path / "kernel", tmp_path / "log"
    kernel.write_bytes(with_symbol("the_start", 0x80000000, POWER_OFF))
    done = run("-bios", "none", "-kernel", str(kernel), "-d", "in_asm,exec", "-D", str(log))
    assert done.returncode == 0
    assert "IN: the_start flags=" in log.read_text()
    assert re.search(r"Trace 0: 0000000080000000/\w+ the_start\n", log.read_text())
