#include "ecall.h"

#include "../common/csr.h"
#include "board.h"
#include "console.h"
#include "cpu.h"
#include "hart.h"
#include "ipi.h"
#include "layout.h"
#include "reset.h"
#include "timer.h"

_Static_assert(sizeof(struct frame) == FRAME_SIZE, "start.S and ecall.h agree");

enum {
    SPEC_VERSION_2_0 = 2 << 24,
    IMPLEMENTATION_ID = 0x70746367, /* "ptcg", not a registered one */
    IMPLEMENTATION_VERSION = 1 << 16,
};

struct result {
    int64_t error;
    u64 value;
};

struct extension {
    u64 id;
    struct result (*call)(u64 function, const u64 *argument);
};

static const struct extension *find(u64 id);

static struct result value(u64 value)
{
    return (struct result){SBI_SUCCESS, value};
}

static struct result error(int code)
{
    return (struct result){code, 0};
}

static struct result call_base(u64 function, const u64 *argument)
{
    switch (function) {
    case SBI_BASE_SPEC_VERSION:
        return value(SPEC_VERSION_2_0);
    case SBI_BASE_IMPLEMENTATION:
        return value(IMPLEMENTATION_ID);
    case SBI_BASE_IMPLEMENTATION_VERSION:
        return value(IMPLEMENTATION_VERSION);
    case SBI_BASE_PROBE:
        return value(find(argument[0]) != NULL);
    case SBI_BASE_VENDOR:
        return value(csr_read(mvendorid));
    case SBI_BASE_ARCHITECTURE:
        return value(csr_read(marchid));
    case SBI_BASE_CPU_IMPLEMENTATION:
        return value(csr_read(mimpid));
    }
    return error(SBI_NOT_SUPPORTED);
}

static struct result call_time(u64 function, const u64 *argument)
{
    if (function != 0)
        return error(SBI_NOT_SUPPORTED);
    timer_set(argument[0]);
    return value(0);
}

static struct result call_ipi(u64 function, const u64 *argument)
{
    if (function != 0)
        return error(SBI_NOT_SUPPORTED);
    return error(ipi_send_all((struct hart_set){argument[0], argument[1]}, MAIL_SOFTWARE_INTERRUPT));
}

static struct result call_rfence(u64 function, const u64 *argument)
{
    if (function > SBI_SFENCE_VMA_ASID)
        return error(SBI_NOT_SUPPORTED);
    struct hart_set set = {argument[0], argument[1]};

    return error(ipi_fence(set, function, argument[2], argument[3], argument[4]));
}

/* There are the two default states: the hart goes on after the call, or afresh at `address`. */
static struct result call_suspend(u32 type, u64 address, u64 argument)
{
    bool retentive = type == SBI_SUSPEND_RETENTIVE;

    if ((type & ~SBI_SUSPEND_NON_RETENTIVE) >= SBI_SUSPEND_PLATFORM)
        return error(SBI_NOT_SUPPORTED);
    if (!retentive && type != SBI_SUSPEND_NON_RETENTIVE)
        return error(SBI_INVALID_PARAMETER);
    if (!retentive && cpu_is_protected(address, 4))
        return error(SBI_INVALID_ADDRESS);
    hart_suspend();
    if (!retentive)
        hart_enter(address, argument, MODE_S);
    return value(0);
}

static struct result call_hsm(u64 function, const u64 *argument)
{
    switch (function) {
    case SBI_HART_START:
        return error(hart_start(argument[0], argument[1], argument[2]));
    case SBI_HART_STOP:
        hart_stop();
    case SBI_HART_STATUS:
        if (argument[0] >= MAX_HARTS || !harts[argument[0]].present)
            return error(SBI_INVALID_PARAMETER);
        return value(hart_state((unsigned)argument[0]));
    case SBI_HART_SUSPEND:
        return call_suspend((u32)argument[0], argument[1], argument[2]);
    }
    return error(SBI_NOT_SUPPORTED);
}

static struct result call_srst(u64 function, const u64 *argument)
{
    u32 type = (u32)argument[0], reason = (u32)argument[1];

    if (function != 0)
        return error(SBI_NOT_SUPPORTED);
    if (type > SBI_WARM_REBOOT || reason > 1)
        return error(SBI_INVALID_PARAMETER);
    if (!reset_is_supported(type))
        return error(SBI_NOT_SUPPORTED);
    reset_system(type, reason == 1);
}

/* Whether S-mode may have the firmware access these bytes of physical memory for it. */
static bool is_ram(u64 address, u64 size)
{
    u64 offset = address - board.ram;

    return offset < board.ram_size && size <= board.ram_size - offset && !cpu_is_protected(address, size);
}

static struct result call_dbcn(u64 function, const u64 *argument)
{
    u64 count = argument[0], address = argument[1];
    u8 byte = (u8)argument[0];

    if (function == SBI_CONSOLE_WRITE_BYTE) {
        console_write(&byte, 1);
        return value(0);
    }
    if (function > SBI_CONSOLE_WRITE_BYTE)
        return error(SBI_NOT_SUPPORTED);
    if (argument[2] != 0 || !is_ram(address, count))
        return error(SBI_INVALID_PARAMETER);
    if (function == SBI_CONSOLE_WRITE)
        return value(console_write((const u8 *)address, count));
    return value(console_read((u8 *)address, count));
}

/* The calls of SBI 0.1 that old kernels begin with: their one result is in a0. */
static struct result call_legacy(u64 id, const u64 *argument)
{
    u8 byte = (u8)argument[0];

    switch (id) {
    case SBI_LEGACY_SET_TIMER:
        timer_set(argument[0]);
        break;
    case SBI_LEGACY_PUTCHAR:
        console_write(&byte, 1);
        break;
    case SBI_LEGACY_GETCHAR:
        return error(console_read(&byte, 1) ? byte : -1);
    case SBI_LEGACY_SHUTDOWN:
        reset_system(SBI_SHUTDOWN, false);
    }
    return value(0);
}

static const struct extension extensions[] = {
    {SBI_LEGACY_SET_TIMER, call_legacy},
    {SBI_LEGACY_PUTCHAR, call_legacy},
    {SBI_LEGACY_GETCHAR, call_legacy},
    {SBI_LEGACY_SHUTDOWN, call_legacy},
    {SBI_BASE, call_base},
    {SBI_TIME, call_time},
    {SBI_IPI, call_ipi},
    {SBI_RFENCE, call_rfence},
    {SBI_HSM, call_hsm},
    {SBI_SRST, call_srst},
    {SBI_DBCN, call_dbcn},
};

static const struct extension *find(u64 id)
{
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
        if (extensions[i].id == id)
            return &extensions[i];
    }
    return NULL;
}

void ecall(struct frame *frame)
{
    u64 *a = frame->x + 10, id = a[7];
    bool legacy = id < SBI_BASE;
    const struct extension *extension = find(id);
    struct result result = extension ? extension->call(legacy ? id : a[6], a) : error(SBI_NOT_SUPPORTED);

    a[0] = (u64)result.error;
    if (!legacy)
        a[1] = result.value;
}
