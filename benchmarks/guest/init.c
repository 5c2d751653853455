/* The first process of the benchmark initrd: runs the programs that its arguments name, NAME or NAME:TIMES, or all of
   them, and powers the machine off. It prints `begin NAME`, and after the program `NAME MILLISECONDS CHECKSUM`. */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

static const struct program programs[] = {
    {"integer", run_integer},
    {"matrix", run_matrix},
    {"nbody", run_nbody},
    {"copy", run_copy},
    {"string", run_string},
    {"sha256", run_sha256},
    {"interpreter", run_interpreter},
    {"calls", run_calls},
    {"chase", run_chase},
    {"syscalls", run_syscalls},
    {"faults", run_faults},
    {"fork", run_fork},
    {"pipes", run_pipes},
    {"clock", run_clock},
    {"timer", run_timer},
    {"mmio", run_mmio},
    /* these only when they are named */
    {"pair", run_pair},
    {"stall", run_stall},
};
enum { PROGRAMS = sizeof programs / sizeof *programs, UNNAMED = PROGRAMS - 2 };

_Noreturn static void power_off(void)
{
    fflush(stdout);
    reboot(RB_POWER_OFF);
    _exit(1);
}

_Noreturn void fail(const char *what)
{
    printf("bench: %s: %s\n", what, strerror(errno));
    power_off();
}

void *take_pages(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        fail("mmap");
    return memory;
}

void give_pages(void *memory, size_t bytes)
{
    munmap(memory, bytes);
}

static u64 now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (u64)now.tv_sec * 1000 + (u64)now.tv_nsec / 1000000;
}

static void run(const struct program *program, u64 times)
{
    printf("begin %s\n", program->name);
    u64 start = now_ms(), checksum = program->run(times), end = now_ms();

    printf("%s %lu %016lx\n", program->name, end - start, checksum);
}

int main(int count, char **words)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int p = 0; p < PROGRAMS; p++) {
        size_t length = strlen(programs[p].name);
        int named = 0;

        for (int w = 1; w < count; w++) {
            if (strncmp(words[w], programs[p].name, length) || (words[w][length] && words[w][length] != ':'))
                continue;
            named = 1;
            run(&programs[p], words[w][length] ? strtoul(words[w] + length + 1, NULL, 10) : 1);
        }
        if (count == 1 && !named && p < UNNAMED)
            run(&programs[p], 1);
    }
    power_off();
}
