/* A reader of flattened device trees (Devicetree Specification 0.4, chapter 5). */
#pragma once
#include "types.h"

enum fdt_token { FDT_BEGIN_NODE = 1, FDT_END_NODE = 2, FDT_PROP = 3, FDT_NOP = 4, FDT_END = 9 };

#define FDT_MAGIC 0xd00dfeedu
#define FDT_MAX_DEPTH 8

/* All fields are big-endian; offsets and sizes are in bytes, offsets from the header. */
struct fdt_header {
    u32 magic, total_size, struct_offset, strings_offset, reserve_offset;
    u32 version, last_compatible_version, boot_cpu, strings_size, struct_size;
};

/* How many 32-bit cells an address and a size have in the `reg` of a node's children. */
struct fdt_cells {
    u32 address, size;
};

/* A place in the tree: one node. */
struct fdt_node {
    const struct fdt_header *fdt;
    const u32 *properties; /* the first token after the node's name */
    const char *name;
    int depth; /* the root is 0 */
    struct fdt_cells cells[FDT_MAX_DEPTH]; /* of the node (at its depth) and those it lies in */
};

static inline u32 fdt_swap(u32 value)
{
    return __builtin_bswap32(value);
}

bool fdt_valid(const void *fdt);

/* The root; then fdt_next goes through all nodes in document order and answers false after the last. */
bool fdt_root(const void *fdt, struct fdt_node *node);
bool fdt_next(struct fdt_node *node);

/* The next node after `node` that is compatible with `name`; with one of depth -1, the first. */
bool fdt_find(const void *fdt, const char *compatible, struct fdt_node *node);
bool fdt_find_path(const void *fdt, const char *path, struct fdt_node *node);

/* The token after the node's properties, where its children begin. */
const u32 *fdt_children(const struct fdt_node *node);

/* A property's value and length in bytes; NULL where the node has none of that name. */
const void *fdt_property(const struct fdt_node *node, const char *name, u32 *length);
u32 fdt_u32(const struct fdt_node *node, const char *name, u32 otherwise);
const char *fdt_string(const struct fdt_node *node, const char *name);
bool fdt_compatible(const struct fdt_node *node, const char *name);
bool fdt_enabled(const struct fdt_node *node);

/* Entry `index` of `reg`, in the cells of the parent; addresses are taken as CPU addresses (empty `ranges`). */
bool fdt_reg(const struct fdt_node *node, u32 index, u64 *address, u64 *size);
