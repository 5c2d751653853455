/* Adding one node to a flattened tree in place. */
#include "board.h"

#include "../common/fdt.h"
#include "../common/string.h"

/* The names of the properties that are added, as a piece of the strings block; padded so that what follows
   stays aligned. */
static const char names[48] __attribute__((aligned(4))) = "#address-cells\0#size-cells\0ranges\0no-map\0reg";
enum { ADDRESS_CELLS = 0, SIZE_CELLS = 15, RANGES = 27, NO_MAP = 34, REG = 41 };

/* A piece of the structure block under construction. */
struct piece {
    u32 names; /* offset of `names` in the strings block */
    u32 words;
    u32 word[64];
};

static void add_word(struct piece *piece, u32 word)
{
    piece->word[piece->words++] = fdt_swap(word);
}

static void add_begin(struct piece *piece, const char *name)
{
    u32 length = (u32)strlen(name) + 1, last = piece->words + (length + 3) / 4;

    add_word(piece, FDT_BEGIN_NODE);
    piece->word[last] = 0;
    memcpy(piece->word + piece->words, name, length);
    piece->words = last + 1;
}

static void add_property(struct piece *piece, u32 name, u32 cells)
{
    add_word(piece, FDT_PROP);
    add_word(piece, cells * 4);
    add_word(piece, piece->names + name);
}

static void add_cells(struct piece *piece, u64 value, u32 cells)
{
    while (cells--)
        add_word(piece, cells > 1 ? 0 : (u32)(value >> cells * 32));
}

static u32 larger(u32 a, u32 b)
{
    return a > b ? a : b;
}

/* Opens `bytes` (a multiple of 8, for the alignment of the blocks) at `offset` and moves what lies behind. */
static void make_room(struct fdt_header *fdt, u32 offset, u32 bytes)
{
    u32 *block[] = {&fdt->struct_offset, &fdt->strings_offset, &fdt->reserve_offset};
    u32 strings_end = fdt_swap(fdt->strings_offset) + fdt_swap(fdt->strings_size);
    u32 struct_end = fdt_swap(fdt->struct_offset) + fdt_swap(fdt->struct_size);
    u32 end = larger(strings_end, struct_end);

    if (fdt_swap(fdt->reserve_offset) >= end)
        end = fdt_swap(fdt->total_size);
    memmove((u8 *)fdt + offset + bytes, (u8 *)fdt + offset, end - offset);
    for (u32 i = 0; i < 3; i++) {
        if (fdt_swap(*block[i]) >= offset)
            *block[i] = fdt_swap(fdt_swap(*block[i]) + bytes);
    }
    fdt->total_size = fdt_swap(larger(fdt_swap(fdt->total_size), end + bytes));
}

/* Adds `names` to the strings; where they begin there. */
static u32 add_names(struct fdt_header *fdt)
{
    u32 size = fdt_swap(fdt->strings_size), end = fdt_swap(fdt->strings_offset) + size;

    make_room(fdt, end, sizeof names);
    memcpy((u8 *)fdt + end, names, sizeof names);
    fdt->strings_size = fdt_swap(size + sizeof names);
    return size;
}

static void insert(struct fdt_header *fdt, const u32 *at, struct piece *piece)
{
    u32 offset = (u32)((const u8 *)at - (const u8 *)fdt);

    if (piece->words & 1)
        add_word(piece, FDT_NOP);
    make_room(fdt, offset, piece->words * 4);
    memcpy((u8 *)fdt + offset, piece->word, piece->words * 4);
    fdt->struct_size = fdt_swap(fdt_swap(fdt->struct_size) + piece->words * 4);
}

void board_reserve(void *fdt, u64 base, u64 size)
{
    struct fdt_node node;
    struct piece piece = {0};

    if (!fdt_valid(fdt))
        return;
    piece.names = add_names(fdt);

    bool exists = fdt_find_path(fdt, "/reserved-memory", &node);

    if (!exists)
        fdt_root(fdt, &node);
    struct fdt_cells cells = node.cells[node.depth];

    if (!exists) {
        add_begin(&piece, "reserved-memory");
        add_property(&piece, ADDRESS_CELLS, 1);
        add_word(&piece, cells.address);
        add_property(&piece, SIZE_CELLS, 1);
        add_word(&piece, cells.size);
        add_property(&piece, RANGES, 0);
    }
    add_begin(&piece, "mmode_resv@80000000");
    add_property(&piece, REG, cells.address + cells.size);
    add_cells(&piece, base, cells.address);
    add_cells(&piece, size, cells.size);
    add_property(&piece, NO_MAP, 0);
    add_word(&piece, FDT_END_NODE);
    if (!exists)
        add_word(&piece, FDT_END_NODE);
    insert(fdt, fdt_children(&node), &piece);
}
