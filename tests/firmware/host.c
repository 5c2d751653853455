/* What the tests see of firmware/common on the host: output goes into a buffer. */
#include "../../firmware/common/fdt.h"
#include "../../firmware/common/print.h"

char output[1 << 16];
size_t output_length;

void put_char(char character)
{
    if (output_length < sizeof output)
        output[output_length++] = character;
}

/* A line a node: depth, name, whether it is enabled, and its `reg` entries. */
void dump(const void *fdt)
{
    struct fdt_node node;
    u64 address, size;

    for (bool more = fdt_root(fdt, &node); more; more = fdt_next(&node)) {
        print("%d '%s' %d", node.depth, node.name, fdt_enabled(&node));
        for (u32 i = 0; fdt_reg(&node, i, &address, &size); i++)
            print(" %lx+%lx", address, size);
        print("\n");
    }
}

/* The name of the node at a path; NULL where there is none. */
const char *name_at(const void *fdt, const char *path)
{
    static struct fdt_node node;

    return fdt_find_path(fdt, path, &node) ? node.name : NULL;
}
