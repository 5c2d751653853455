"""Memory that machine code and Python share to find blocks."""

from __future__ import annotations

from pytcg.exec.blocktable import END, POSITION, USED, BlockTable, SharedWords


def test_cleared_words_are_zero_again() -> None:
    """Whatever kind of mapping they are: after a flush stale host addresses must not be found."""
    shared = SharedWords(100_000)
    shared.words[:] = memoryview(b"\xa5" * len(shared.words) * 8).cast("Q")
    shared.clear()
    assert not any(shared.words)
    shared.words[7] = 1
    assert shared.words[7] == 1


def test_nothing_is_left_in_a_cleared_table() -> None:
    table = BlockTable(16)
    for memory in (table.table, table.heads, table.origins):
        memory.words[3] = 1
    table.control.words[USED // 8] = 9
    table.clear(0x1000, 0x2000)
    assert not any(any(memory.words[:16]) for memory in (table.table, table.heads, table.origins))
    assert (table.counter(POSITION), table.counter(END), table.counter(USED)) == (0x1000, 0x2000, 0)
