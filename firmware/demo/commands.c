#include "commands.h"

#include "../common/print.h"
#include "../common/string.h"
#include "arena.h"
#include "bench.h"
#include "describe.h"
#include "faults.h"
#include "power.h"
#include "smp.h"
#include "timer.h"

/* A decimal number; `otherwise` where there is no word or it is none. */
static u64 number(const char *word, u64 otherwise)
{
    u64 value = 0;

    if (!word)
        return otherwise;
    for (; *word; word++) {
        if (*word < '0' || *word > '9')
            return otherwise;
        value = value * 10 + (u64)(*word - '0');
    }
    return value;
}

static void run_help(int count, char *const *words)
{
    (void)count, (void)words;
    for (const struct command *command = commands; command->name; command++)
        print("  %-9s %-18s %s\n", command->name, command->usage, command->help);
    print("Commands may be separated by `;`. The kernel's argument run=\"…\" gives commands to begin with.\n");
}

static void run_uptime(int count, char *const *words)
{
    u64 ms = timer_uptime_ms();

    (void)count, (void)words;
    print("up %lu.%03lu s, %lu timer interrupts\n", ms / 1000, ms % 1000, timer_ticks());
}

static void run_mem(int count, char *const *words)
{
    (void)count, (void)words;
    describe_memory();
}

static void run_cpus(int count, char *const *words)
{
    (void)count, (void)words;
    describe_cpus();
}

/* The sieve of Eratosthenes over the odd numbers, a bit each. */
static void run_primes(int count, char *const *words)
{
    u64 limit = number(count > 1 ? words[1] : NULL, 100000), most = (u64)ARENA_SIZE * 16 - 1;
    u8 *composite = (u8 *)_arena;

    if (limit > most)
        limit = most;
    u64 start = timer_now(), found = limit >= 2, last = 2;

    memset(composite, 0, limit / 16 + 1);
    for (u64 n = 3; n <= limit; n += 2) {
        if (composite[n / 16] >> n / 2 % 8 & 1)
            continue;
        found++;
        last = n;
        for (u64 multiple = n * n; multiple <= limit; multiple += 2 * n)
            composite[multiple / 16] |= (u8)(1 << multiple / 2 % 8);
    }
    print("%lu primes up to %lu", found, limit);
    if (found)
        print(", the last is %lu", last);
    print(" (%lu ms)\n", timer_ms(start, timer_now()));
}

/* Whether the words ask for a loop: those that name none ask for all. */
static bool asked(const char *name, char *const *words)
{
    bool any = false;

    for (; *words; words++) {
        if (!strcmp(name, *words))
            return true;
        any |= number(*words, 0) == 0;
    }
    return !any;
}

/* A number among the words says how often each loop is run. */
static u64 times(char *const *words)
{
    u64 count = 1;

    for (; *words; words++)
        count = number(*words, count);
    return count;
}

static void run_bench(int count, char *const *words)
{
    u64 total = 0, repeat = times(words + 1);

    (void)count;
    for (const struct bench *bench = benches; bench->name; bench++) {
        if (!asked(bench->name, words + 1))
            continue;
        u64 start = timer_now(), checksum = 0;

        for (u64 i = 0; i < repeat; i++)
            checksum = bench->run(_arena);
        u64 ms = timer_ms(start, timer_now());

        total += ms;
        print("bench %-8s %6lu ms  checksum %016lx  %s\n", bench->name, ms, checksum, bench->help);
    }
    print("bench total    %6lu ms\n", total);
}

static void run_fault(int count, char *const *words)
{
    if (!fault(count > 1 ? words[1] : "load"))
        print("fault: the kinds are load, store, text, illegal, breakpoint, fetch and crash\n");
}

static void run_sleep(int count, char *const *words)
{
    u64 seconds = number(count > 1 ? words[1] : NULL, 1), until = timer_uptime_ms() + seconds * 1000;

    while (timer_uptime_ms() < until)
        power_suspend();
}

static void run_smp(int count, char *const *words)
{
    smp_count(number(count > 1 ? words[1] : NULL, 100000));
}

static void run_echo(int count, char *const *words)
{
    for (int i = 1; i < count; i++)
        print("%s%s", i > 1 ? " " : "", words[i]);
    print("\n");
}

static void run_poweroff(int count, char *const *words)
{
    (void)count, (void)words;
    power_off(false);
}

static void run_reboot(int count, char *const *words)
{
    (void)count, (void)words;
    power_reboot();
}

const struct command commands[] = {
    {"help", "", "this list", run_help},
    {"uptime", "", "time since the kernel's start", run_uptime},
    {"mem", "", "memory, as the device tree has it", run_mem},
    {"cpus", "", "the CPUs and their states", run_cpus},
    {"primes", "[LIMIT]", "counts primes", run_primes},
    {"bench", "[NAME]... [TIMES]", "loops of fixed work, with their times", run_bench},
    {"fault", "[KIND]", "a fault, reported and survived", run_fault},
    {"sleep", "[SECONDS]", "suspends this CPU", run_sleep},
    {"smp", "[COUNT]", "all other CPUs count together", run_smp},
    {"echo", "[WORD]...", "prints its words", run_echo},
    {"poweroff", "", "ends the machine", run_poweroff},
    {"reboot", "", "starts it anew", run_reboot},
    {0},
};
