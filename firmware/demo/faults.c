#include "faults.h"

#include "../common/print.h"
#include "../common/string.h"
#include "arena.h"
#include "trap.h"

static u64 *const nowhere = (u64 *)0x123456789008;

extern char _start[];

static void fault_load(void)
{
    asm volatile("ld a0, 0(%0)" ::"r"(nowhere) : "a0", "memory");
}

static void fault_store(void)
{
    asm volatile("sd zero, 0(%0)" ::"r"(nowhere) : "memory");
}

/* The kernel's text is mapped read-only. */
static void fault_text(void)
{
    asm volatile("sw zero, 0(%0)" ::"r"(_start) : "memory");
}

static void fault_illegal(void)
{
    asm volatile(".4byte 0xffffffff");
}

static void fault_breakpoint(void)
{
    asm volatile("ebreak");
}

/* Data is not mapped as executable: a call there comes back by the trap handler. */
static void fault_fetch(void)
{
    asm volatile("jalr ra, 0(%0)" ::"r"(_arena) : "ra", "memory");
}

static const struct {
    const char *name;
    void (*raise)(void);
    bool crash; /* as if nobody expected it */
} faults[] = {
    {"load", fault_load, false},
    {"store", fault_store, false},
    {"text", fault_text, false},
    {"illegal", fault_illegal, false},
    {"breakpoint", fault_breakpoint, false},
    {"fetch", fault_fetch, false},
    {"crash", fault_load, true},
};

bool fault(const char *name)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        if (strcmp(faults[i].name, name))
            continue;
        trap_expect(!faults[i].crash);
        faults[i].raise();
        trap_expect(false);
        print("survived\n");
        return true;
    }
    return false;
}
