"""The table of placed blocks."""

from __future__ import annotations

from pytcg.exec.blocktable import BlockTable

PC, PHYSICAL, FLAGS, HOST = 0xFFFFFFFF80001234, 0x80201234, 5, 0x7F0000001230


def test_a_block_is_found_by_all_that_it_depends_on() -> None:
    table = BlockTable()
    table.add(PC, PHYSICAL, FLAGS, 0, HOST)
    assert table.find(PC, PHYSICAL, FLAGS, 0) == HOST
    assert not table.find(PC + 2, PHYSICAL, FLAGS, 0)
    assert not table.find(PC, PHYSICAL + 4096, FLAGS, 0)
    assert not table.find(PC, PHYSICAL, FLAGS + 1, 0)
    assert not table.find(PC, PHYSICAL, FLAGS, 0x80202000)


def test_a_dead_block_is_not_found_and_hides_no_other() -> None:
    table = BlockTable()
    # all of one hash: each is found by probing past those before it
    first = table.add(PC, PHYSICAL, FLAGS, 0, HOST)
    table.add(PC, PHYSICAL, FLAGS + 1, 0, HOST + 16)
    table.kill(first)
    assert not table.find(PC, PHYSICAL, FLAGS, 0)
    assert table.find(PC, PHYSICAL, FLAGS + 1, 0) == HOST + 16
    assert table.host_of(first) == HOST


def test_nothing_is_found_after_clear() -> None:
    table = BlockTable()
    pcs = range(PC, PC + 100000, 50)
    for pc in pcs:
        table.add(pc, PHYSICAL, FLAGS, 0, HOST)
    assert table.used == len(pcs)
    table.clear()
    assert table.used == 0
    assert not any(table.find(pc, PHYSICAL, FLAGS, 0) for pc in pcs)
    assert not any(table.words)
