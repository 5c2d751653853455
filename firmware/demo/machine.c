#include "machine.h"

#include "../common/string.h"

enum { SUPERVISOR_EXTERNAL = 9 };

struct machine machine;

bool machine_is_type(const struct fdt_node *node, const char *type)
{
    const char *value = fdt_string(node, "device_type");

    return value && !strcmp(value, type);
}

bool machine_has_extension(const struct fdt_node *cpu, const char *extension)
{
    size_t length = strlen(extension);
    u32 size;
    const char *list = fdt_property(cpu, "riscv,isa-extensions", &size);
    const char *isa = fdt_string(cpu, "riscv,isa");

    for (const char *at = list; list && at < list + size; at += strlen(at) + 1) {
        if (!strcmp(at, extension))
            return true;
    }
    for (; isa && *isa; isa++) {
        if (*isa == '_' && !strncmp(isa + 1, extension, length) && (isa[length + 1] == '_' || !isa[length + 1]))
            return true;
    }
    return false;
}

/* The boot hart's node, and the phandle of its interrupt controller, which is a child of it; 0 where there is none. */
static u32 find_boot_cpu(struct fdt_node *cpu)
{
    struct fdt_node node;
    bool inside = false;
    u64 id;

    if (!fdt_root(machine.fdt, &node))
        return 0;
    while (fdt_next(&node)) {
        if (machine_is_type(&node, "cpu")) {
            inside = fdt_reg(&node, 0, &id, NULL) && id == machine.boot_hart;
            if (inside)
                *cpu = node;
        } else if (inside && fdt_compatible(&node, "riscv,cpu-intc")) {
            return fdt_u32(&node, "phandle", 0);
        }
    }
    return 0;
}

static void find_plic(u32 cpu_phandle)
{
    struct fdt_node node = {.depth = -1};
    u32 length;

    if (!fdt_find(machine.fdt, "riscv,plic0", &node)) {
        node.depth = -1;
        if (!fdt_find(machine.fdt, "sifive,plic-1.0.0", &node))
            return;
    }
    const u32 *wire = fdt_property(&node, "interrupts-extended", &length);

    for (u32 context = 0; wire && context < length / 8; context++) {
        if (fdt_swap(wire[context * 2]) != cpu_phandle || fdt_swap(wire[context * 2 + 1]) != SUPERVISOR_EXTERNAL)
            continue;
        machine.plic_context = context;
        fdt_reg(&node, 0, &machine.plic, &machine.plic_size);
        return;
    }
}

void machine_init(const void *fdt, u64 boot_hart)
{
    struct fdt_node node, cpu = {0};

    machine = (struct machine){.fdt = fdt, .boot_hart = boot_hart, .time_hz = 10000000, .arguments = ""};
    if (fdt_find_path(fdt, "/cpus", &node))
        machine.time_hz = fdt_u32(&node, "timebase-frequency", 10000000);
    if (fdt_find_path(fdt, "/chosen", &node) && fdt_string(&node, "bootargs"))
        machine.arguments = fdt_string(&node, "bootargs");

    u32 cpu_phandle = find_boot_cpu(&cpu);

    machine.has_sstc = cpu.fdt && machine_has_extension(&cpu, "sstc");
    if (cpu_phandle)
        find_plic(cpu_phandle);
    if (uart_find(fdt, &node, &machine.uart, &machine.uart_address, &machine.uart_size))
        machine.uart_interrupt = fdt_u32(&node, "interrupts", 0);
}
