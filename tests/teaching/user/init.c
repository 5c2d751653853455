/* The stress test: each part prints one line, which does not depend on who ran when. */
#include "user.h"

enum { TEAM = 4, ROUNDS = 12 };
extern void check(const char *name, long value);
extern void faults(void);

static u64 random_next(u64 *state) {
    return (*state = *state * 6364136223846793005ul + 1442695040888963407ul) >> 33;
}

/* Status of a child that does `work(argument)`. */
static long child(long (*work)(long), long argument) {
    long pid = fork();
    if (pid == 0)
        leave(work(argument));
    return pid;
}

/* Sum of what TEAM children of the work leave with. */
static long team(long (*work)(long)) {
    long sum = 0;
    for (int i = 0; i < TEAM; i++)
        if (child(work, i) < 0)
            return -1000;
    for (int i = 0; i < TEAM; i++) {
        int status = 0;
        wait(&status);
        sum += status;
    }
    return sum;
}

static long forks(long round) {
    long count = 0, pid;
    (void)round;
    while ((pid = fork()) > 0)
        count++;
    if (pid == 0)
        leave(0);
    for (long i = 0; i < count; i++)
        if (wait(0) < 0)
            return -1;
    return wait(0) == -1 ? count : -2;
}

static long memory(long who) {
    for (int round = 0; round < 4; round++) {
        u64 size = 300 * PAGE + 100 * who, from = grow(size);
        for (u64 *at = (u64 *)((from + 7) & ~7ul); (u64)(at + 1) <= from + size; at++)
            if (*at)
                return -1;
            else
                *at = (u64)at * (who + 1);
        for (u64 *at = (u64 *)((from + 7) & ~7ul); (u64)(at + 1) <= from + size; at++)
            if (*at != (u64)at * (who + 1))
                return -2;
        grow(-size);
    }
    return grow(1ul << 40) == -1 && grow(200ul << 20) == -1;
}

static long promised(long who) {
    enum { STEP = 37 * PAGE };
    const u64 size = 48ul << 20;
    u64 from = promise(size);
    for (u64 at = from; at < from + size; at += STEP)
        *(u64 *)at = at + who;
    if (fork() == 0) {
        for (u64 at = from; at < from + size; at += STEP) {
            if (*(u64 *)at != at + who)
                leave(-1);
            *(u64 *)at = 0;
        }
        leave(7);
    }
    int status;
    wait(&status);
    for (u64 at = from; at < from + size; at += STEP)
        if (*(u64 *)at != at + who)
            return -2;
    return status;
}

/* The same physical pages hold one program after another. */
static long programs(long who) {
    long sum = 0;
    for (int round = 0; round < ROUNDS; round++) {
        if (fork() == 0)
            leave(exec((round + who) % 2 ? "one" : "two"));
        int status;
        wait(&status);
        sum += status;
    }
    return sum;
}

static long made_code(long who) {
    u32 *code = (u32 *)((grow(2 * PAGE) + PAGE - 1) & -PAGE);
    for (long i = 0; i < 500; i++) {
        long value = (i * 7 + who) & 1023;
        code[0] = (u32)value << 20 | 0x513;
        code[1] = 0x8067;
        asm volatile("fence.i" ::: "memory");
        if (((long (*)(void))code)() != value)
            return -1;
    }
    return 1;
}

/* Long enough to be interrupted on whichever hart it is. */
static long computing(long who) {
    u64 state = 1, sum = 0;
    for (int i = 0; i < 3000000; i++)
        sum ^= random_next(&state);
    return (long)(sum & 0xffff) + who;
}

static long piped(long who) {
    enum { TOTAL = 20000 };
    static u8 data[700];
    long pipe = call(CALL_PIPE, 0, 0, 0);
    if (fork() == 0) {
        for (u64 sent = 0; sent < TOTAL;) {
            u64 step = 1 + (sent * 13 + who) % sizeof data;
            step = TOTAL - sent < step ? TOTAL - sent : step;
            for (u64 i = 0; i < step; i++)
                data[i] = (u8)((sent + i) * 7 + who);
            sent += call(CALL_PIPE_WRITE, pipe, (u64)data, step);
        }
        leave(0);
    }
    for (long seen = 0; seen < TOTAL;) {
        long step = call(CALL_PIPE_READ, pipe, (u64)data, sizeof data);
        for (long i = 0; i < step; i++)
            if (data[i] != (u8)((seen + i) * 7 + who))
                return -1;
        seen += step;
    }
    wait(0);
    return 1;
}

static long blocks(long who) {
    enum { FIRST = 100, COUNT = 12 };
    static u64 block[BLOCK / 8];
    for (u64 round = 0; round < 3; round++) {
        for (u64 i = 0; i < COUNT; i++) {
            u64 number = FIRST + who * COUNT + i;
            for (u64 j = 0; j < SIZE(block); j++)
                block[j] = number * 1000003 + round * 77 + j;
            call(CALL_BLOCK_WRITE, number, (u64)block, 0);
        }
        for (u64 i = 0; i < COUNT; i++) {
            u64 number = FIRST + who * COUNT + i;
            call(CALL_BLOCK_READ, number, (u64)block, 0);
            for (u64 j = 0; j < SIZE(block); j++)
                if (block[j] != number * 1000003 + round * 77 + j)
                    return -1;
        }
    }
    return 1;
}

enum { ACCOUNTS = 40, ACCOUNT_COUNT = 8 };

static long total(void) {
    static long block[BLOCK / 8];
    long sum = 0;
    for (int i = 0; i < ACCOUNT_COUNT; i++) {
        call(CALL_BLOCK_READ, ACCOUNTS + i, (u64)block, 0);
        sum += block[0];
    }
    return sum;
}

static long accounts(long who) {
    u64 state = who;
    for (int i = 0; i < 15; i++) {
        u64 from = random_next(&state) % ACCOUNT_COUNT, step = 1 + random_next(&state) % (ACCOUNT_COUNT - 1);
        call(CALL_MOVE, ACCOUNTS + from, ACCOUNTS + (from + step) % ACCOUNT_COUNT, random_next(&state) % 100);
    }
    return 1;
}

static long spin(long who) {
    for (volatile long i = who;; i++)
        ;
}

/* One that runs, one that sleeps and one that waits for input are killed. */
static long killing(long who) {
    long pids[3];
    pids[0] = child(spin, who);
    for (int i = 1; i < 3; i++)
        if ((pids[i] = fork()) == 0) {
            if (i == 1)
                pause(1ul << 40);
            call(CALL_PIPE_READ, 7, (u64)pids, 1);
            leave(5);
        }
    pause(1);
    for (int i = 0; i < 3; i++)
        kill(pids[i]);
    long ended = 0;
    for (int i = 0; i < 3; i++)
        ended += wait(0) > 0;
    return ended;
}

static long mixture(long who) {
    u64 state = 12345 + who;
    for (int i = 0; i < 30; i++)
        switch (random_next(&state) % 6) {
        case 0:
            if (fork() == 0)
                leave(exec("one"));
            wait(0);
            break;
        case 1: grow(random_next(&state) % 20000); break;
        case 2: call(CALL_BLOCK_READ, 100 + random_next(&state) % 60, grow(BLOCK), 0); break;
        case 3: accounts((long)state); break;
        case 4: *(u8 *)(promise(3 * PAGE) + PAGE) = 1; break;
        case 5: pause(random_next(&state) % 2); break;
        }
    return 1;
}

static void echo_lines(void) {
    char line[80];
    long size;
    do {
        size = call(CALL_READ, (u64)line, sizeof line, 0);
        call(CALL_WRITE, (u64)line, size, 0);
    } while (line[0] != '.');
}

__attribute__((section(".start"))) void _start(void) {
    long before = pages();
    check("total", total());
    check("forks", forks(0));
    check("memory", team(memory));
    check("promised", team(promised));
    faults();
    check("programs", team(programs));
    check("made code", team(made_code));
    check("computing", team(computing));
    check("pipes", team(piped));
    check("blocks", team(blocks));
    check("accounts", team(accounts));
    check("total", total());
    check("killing", team(killing));
    check("mixture", team(mixture));
    check("total", total());
    check("pages lost", before - pages());
    echo_lines();
    call(CALL_POWER_OFF, 0, 0, 0);
}
