"""Memory that machine code and Python share to find blocks."""

from __future__ import annotations

from pytcg.exec.blocks.table import (
    BLOCKS_LIMIT,
    BLOCKS_MASK,
    END,
    MAX_BLOCKS,
    NEXT_ENTRY,
    POSITION,
    USED,
    BlockTable,
    Index,
    SharedWords,
)


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
    memories = (table.blocks.memory, table.entries, table.heads, table.origins)
    for memory in memories:
        memory.words[3] = 1
    table.control.words[USED // 8] = 9
    table.clear(0x1000, 0x2000)
    assert not any(any(memory.words[:16]) for memory in memories)
    assert (table.counter(POSITION), table.counter(END), table.counter(USED)) == (0x1000, 0x2000, 0)
    assert table.counter(NEXT_ENTRY) == table.entries.address


def test_an_index_grows_up_to_its_memory() -> None:
    table = BlockTable(1)
    assert not table.grow_blocks()
    sizes = []
    while True:
        size = table.blocks.size
        sizes.append(size)
        assert table.counter(BLOCKS_LIMIT) == size * 3 // 4
        assert table.counter(BLOCKS_MASK) == (size - 1) * 8
        table.control.words[USED // 8] = size * 3 // 4
        table.blocks.memory.words[size - 1] = 1
        if not table.grow_blocks():
            break
        assert not table.blocks.memory.words[size - 1]
    assert sizes == [Index.LEAST << n for n in range(len(sizes))]
    assert sizes[-1] == Index.MOST == len(table.blocks.memory.words)
    assert table.counter(BLOCKS_LIMIT) == MAX_BLOCKS
