#include "fdt.h"

#include "string.h"

static const u32 *struct_start(const struct fdt_header *fdt)
{
    return (const u32 *)((const u8 *)fdt + fdt_swap(fdt->struct_offset));
}

static const u32 *struct_end(const struct fdt_header *fdt)
{
    return struct_start(fdt) + fdt_swap(fdt->struct_size) / 4;
}

static u32 words(u32 bytes)
{
    return bytes / 4 + (bytes % 4 != 0);
}

/* The token after `at` and what belongs to it; the end of the block where it would lie beyond that. */
static const u32 *skip(const struct fdt_header *fdt, const u32 *at)
{
    const u32 *end = struct_end(fdt);
    u64 length = 1;

    if (fdt_swap(*at) == FDT_PROP)
        length = end - at < 3 ? 3 : 3 + words(fdt_swap(at[1]));
    else if (fdt_swap(*at) == FDT_BEGIN_NODE)
        length = 1 + words((u32)strlen((const char *)(at + 1)) + 1);
    return length < (u64)(end - at) ? at + length : end;
}

static void enter(struct fdt_node *node, const u32 *begin)
{
    node->name = (const char *)(begin + 1);
    node->properties = skip(node->fdt, begin);
    if (node->depth < FDT_MAX_DEPTH) {
        node->cells[node->depth].address = fdt_u32(node, "#address-cells", 2);
        node->cells[node->depth].size = fdt_u32(node, "#size-cells", 1);
    }
}

bool fdt_valid(const void *fdt)
{
    const struct fdt_header *header = fdt;

    return header && ((uintptr_t)fdt & 3) == 0 && fdt_swap(header->magic) == FDT_MAGIC
        && fdt_swap(header->last_compatible_version) <= 17 && fdt_swap(header->version) >= 17;
}

bool fdt_root(const void *fdt, struct fdt_node *node)
{
    if (!fdt_valid(fdt))
        return false;
    *node = (struct fdt_node){.fdt = fdt, .properties = struct_start(fdt), .depth = -1};
    return fdt_next(node);
}

bool fdt_next(struct fdt_node *node)
{
    const u32 *end = struct_end(node->fdt);

    for (const u32 *at = node->properties; at < end; at = skip(node->fdt, at)) {
        switch (fdt_swap(*at)) {
        case FDT_BEGIN_NODE:
            node->depth++;
            enter(node, at);
            return true;
        case FDT_END_NODE:
            node->depth--;
            break;
        case FDT_PROP:
        case FDT_NOP:
            break;
        default:
            return false;
        }
    }
    return false;
}

bool fdt_find(const void *fdt, const char *compatible, struct fdt_node *node)
{
    bool found = node->depth < 0 ? fdt_root(fdt, node) : fdt_next(node);

    while (found && !(fdt_compatible(node, compatible) && fdt_enabled(node)))
        found = fdt_next(node);
    return found;
}

/* Whether `name` is the first component of `path`, and how long that is; a unit address may be left out. */
static size_t component(const char *path, const char *name)
{
    size_t length = 0;

    while (path[length] && path[length] != '/' && path[length] == name[length])
        length++;
    bool whole = (!path[length] || path[length] == '/') && (!name[length] || name[length] == '@');
    return whole ? length : 0;
}

bool fdt_find_path(const void *fdt, const char *path, struct fdt_node *node)
{
    int depth = 0; /* of the part of the path that has been found */

    if (!fdt_root(fdt, node))
        return false;
    while (*path == '/')
        path++;
    while (*path) {
        if (!fdt_next(node) || node->depth <= depth)
            return false;
        size_t length = node->depth == depth + 1 ? component(path, node->name) : 0;

        if (length) {
            depth++;
            path += length;
            while (*path == '/')
                path++;
        }
    }
    return true;
}

const u32 *fdt_children(const struct fdt_node *node)
{
    const u32 *at = node->properties;

    while (at < struct_end(node->fdt) && (fdt_swap(*at) == FDT_PROP || fdt_swap(*at) == FDT_NOP))
        at = skip(node->fdt, at);
    return at;
}

const void *fdt_property(const struct fdt_node *node, const char *name, u32 *length)
{
    const char *strings = (const char *)node->fdt + fdt_swap(node->fdt->strings_offset);
    u32 size = fdt_swap(node->fdt->strings_size);
    const u32 *end = struct_end(node->fdt);

    for (const u32 *at = node->properties; at < end; at = skip(node->fdt, at)) {
        u32 token = fdt_swap(*at);

        if (token == FDT_NOP)
            continue;
        if (token != FDT_PROP || end - at < 3)
            return NULL;
        u32 bytes = fdt_swap(at[1]), offset = fdt_swap(at[2]);

        if (offset < size && !strcmp(strings + offset, name)) {
            if (bytes > (u64)(end - at - 3) * 4)
                return NULL;
            if (length)
                *length = bytes;
            return at + 3;
        }
    }
    return NULL;
}

u32 fdt_u32(const struct fdt_node *node, const char *name, u32 otherwise)
{
    u32 length;
    const u32 *value = fdt_property(node, name, &length);

    return value && length >= 4 ? fdt_swap(*value) : otherwise;
}

const char *fdt_string(const struct fdt_node *node, const char *name)
{
    u32 length;
    const char *value = fdt_property(node, name, &length);

    return value && length && !value[length - 1] ? value : NULL;
}

bool fdt_compatible(const struct fdt_node *node, const char *name)
{
    u32 length;
    const char *list = fdt_property(node, "compatible", &length);

    if (!list || !length || list[length - 1])
        return false;
    for (const char *at = list; at < list + length; at += strlen(at) + 1) {
        if (!strcmp(at, name))
            return true;
    }
    return false;
}

bool fdt_enabled(const struct fdt_node *node)
{
    const char *status = fdt_string(node, "status");

    return !status || !strcmp(status, "okay") || !strcmp(status, "ok");
}

static u64 number(const u32 *cells, u32 count)
{
    u64 value = 0;

    while (count--)
        value = value << 32 | fdt_swap(*cells++);
    return value;
}

bool fdt_reg(const struct fdt_node *node, u32 index, u64 *address, u64 *size)
{
    u32 length;
    const u32 *reg = fdt_property(node, "reg", &length);

    if (!reg || node->depth < 1 || node->depth > FDT_MAX_DEPTH)
        return false;
    struct fdt_cells cells = node->cells[node->depth - 1];
    u64 entry = (u64)cells.address + cells.size;

    if ((index + 1) * entry * 4 > length)
        return false;
    reg += index * entry;
    *address = number(reg, cells.address);
    if (size)
        *size = number(reg + cells.address, cells.size);
    return true;
}
