/* Accesses and instructions that must end a process, with the cause that its parent sees. */
#include "user.h"

static char text[64];

static long put(char *at, const char *string) {
    char *start = at;
    while (*string)
        *at++ = *string++;
    return at - start;
}

void check(const char *name, long value) {
    char *at = text + put(text, name), digits[20];
    int count = 0;
    at += put(at, value < 0 ? ": -" : ": ");
    u64 rest = value < 0 ? -(u64)value : (u64)value;
    do
        digits[count++] = (char)('0' + rest % 10);
    while (rest /= 10);
    while (count)
        *at++ = digits[--count];
    *at++ = '\n';
    call(CALL_WRITE, (u64)text, at - text, 0);
}

enum { LOAD, STORE, FETCH, KINDS };

static void touch(int kind, u64 at) {
    if (kind == LOAD)
        *(volatile u8 *)at;
    else if (kind == STORE)
        *(volatile u8 *)at = 99;
    else
        ((void (*)(void))at)();
}

#define INSTRUCTIONS(one)                                                                                              \
    one("ebreak") one("csrr a0, sstatus") one("csrr a0, mhartid") one("csrw satp, zero") one("sret") one("mret")       \
    one("wfi") one("sfence.vma") one("rdcycle a0") one("rdtime a0") one(".4byte 0") one(".4byte 0xffffffff")           \
    one("li a0, 0x1001; amoadd.w a0, a0, (a0)") one("li a0, 0x1004; lr.d a0, (a0)") one(".4byte 0x02007053")

static void instruction(int which) {
    int index = 0;
#define CASE(source)                                                                                                   \
    if (index++ == which)                                                                                              \
        asm volatile(source ::: "a0", "memory");
    INSTRUCTIONS(CASE)
}

#define COUNT(source) +1

static void child_of(int kind, u64 at) {
    long pid = fork();
    if (pid == 0) {
        if (kind == KINDS)
            instruction((int)at);
        else
            touch(kind, at);
        leave(1);
    }
    int status = 0;
    wait(&status);
    check(kind == LOAD ? "load" : kind == STORE ? "store" : kind == FETCH ? "fetch" : "instruction", status);
}

void faults(void) {
    u64 top = grow(0), guard = top - 3 * PAGE;
    u64 places[] = {top, guard, 0x10000000, 0x80000000, 0x3fffffe000, 0x3ffffff000, 1ul << 38, 1ul << 39, 1ul << 62,
                    -4096ul, -2ul, 0xeaeb0b5b00002f5e};
    for (u64 i = 0; i < SIZE(places); i++)
        for (int kind = 0; kind < KINDS; kind++)
            child_of(kind, places[i]);
    for (int i = 0; i < INSTRUCTIONS(COUNT); i++)
        child_of(KINDS, i);
}
