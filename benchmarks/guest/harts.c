/* Several harts at once. These are run when they are named, not among all. */
#define _GNU_SOURCE
#include "bench.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void stay_on(int hart)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(hart, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static pid_t child(void)
{
    pid_t pid = fork();

    if (pid < 0)
        fail("fork");
    return pid;
}

/* Two processes that compute. */
u64 run_pair(u64 times)
{
    enum { ROUNDS = 3 };

    for (int n = 0; n < 2; n++)
        if (child() == 0)
            _exit(run_integer(times * ROUNDS) == 0);
    for (int n = 0; n < 2; n++) {
        int status;

        if (wait(&status) < 0 || status)
            fail("a child");
    }
    return times;
}

/* Run code that was never there before, for ever. */
_Noreturn static void always_something_new(void)
{
    enum { PAGE = 4096, WORDS = 32, ADDI_A0 = 0x00050513, RET = 0x00008067 };
    u32 *code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    u64 seed = 88172645463325252;

    if (code == MAP_FAILED)
        fail("mmap");
    for (;;) {
        for (int n = 0; n < WORDS; n++)
            code[n] = ADDI_A0 | (u32)(random_next(&seed) << 20);
        code[WORDS] = RET;
        __builtin___clear_cache((char *)code, (char *)(code + WORDS + 1));
        ((void (*)(void))code)();
    }
}

/* The longest time between two looks at the clock, in ticks. */
static u64 longest_gap(u64 duration)
{
    u64 begin, last, now, longest = 0;

    __asm__ volatile("rdtime %0" : "=r"(begin));
    last = begin;
    do {
        __asm__ volatile("rdtime %0" : "=r"(now));
        if (now - last > longest)
            longest = now - last;
        last = now;
    } while (now - begin < duration);
    return longest;
}

/* That time, in microseconds, while another hart has nothing to do, and while it runs new code. */
u64 run_stall(u64 times)
{
    enum { TICKS_MS = 10000, TICKS_US = 10, DURATION_MS = 500 };
    u64 duration = times * DURATION_MS * TICKS_MS;
    pid_t other;

    stay_on(1);
    printf("alone %lu us\n", longest_gap(duration) / TICKS_US);
    other = child();
    stay_on(other ? 1 : 0);
    if (!other)
        always_something_new();
    printf("stalled %lu us\n", longest_gap(duration) / TICKS_US);
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    return times;
}
