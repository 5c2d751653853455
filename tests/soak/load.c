/* The first process of a Linux guest: forks, pipes, code that is made and made anew, pages that come and go, all
   checked, in as many processes as are asked for. `load SECONDS PROCESSES`; the last line is "load: passed" or what
   went wrong, and then the power is switched off. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define MAX_PROCESSES 64
#define REPORT_SECONDS 60

/* Counters that all processes share. */
struct totals {
    uint64_t forks, bytes, functions, pages, failures;
};
static struct totals *totals;

static uint64_t state;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void add(uint64_t *counter, uint64_t n)
{
    __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static void require(int holds, const char *what)
{
    if (holds)
        return;
    add(&totals->failures, 1);
    printf("load: failed: %s (process %d)\n", what, (int)getpid());
    fflush(stdout);
    _exit(1);
}

static pid_t split(void)
{
    fflush(stdout);
    pid_t child = fork();
    require(child >= 0, "fork");
    add(&totals->forks, 1);
    return child;
}

static void join(pid_t child)
{
    int status;
    require(waitpid(child, &status, 0) == child && status == 0, "a child ended with an error");
}

static void send(int pipe, const void *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t n = write(pipe, (const char *)data + at, size - at);
        require(n > 0, "write to a pipe");
        at += n;
    }
}

static size_t receive(int pipe, void *data, size_t size)
{
    size_t at = 0;
    while (at < size) {
        ssize_t n = read(pipe, (char *)data + at, size - at);
        require(n >= 0, "read from a pipe");
        if (!n)
            break;
        at += n;
    }
    return at;
}

/* producer | filter | consumer: bytes in portions of odd sizes, changed on the way, compared at the end. */
static void pipeline(void)
{
    static unsigned char data[1 << 16], copy[1 << 16];
    size_t size = 1 + draw() % sizeof data, portion = 1 + draw() % 5000;
    unsigned char mask = draw();
    for (size_t i = 0; i < size; i++)
        data[i] = draw();
    int first[2], second[2];
    require(!pipe(first) && !pipe(second), "pipe");
    pid_t producer = split();
    if (!producer) {
        for (size_t at = 0; at < size; at += portion)
            send(first[1], data + at, size - at < portion ? size - at : portion);
        _exit(0);
    }
    pid_t filter = split();
    if (!filter) {
        close(first[1]);
        for (size_t n; (n = receive(first[0], copy, portion));) {
            for (size_t i = 0; i < n; i++)
                copy[i] ^= mask;
            send(second[1], copy, n);
        }
        _exit(0);
    }
    close(first[0]);
    close(first[1]);
    close(second[1]);
    require(receive(second[0], copy, sizeof copy) == size, "the length of what came out of a pipeline");
    for (size_t i = 0; i < size; i++)
        require(copy[i] == (data[i] ^ mask), "a byte of what came out of a pipeline");
    close(second[0]);
    join(producer);
    join(filter);
    add(&totals->bytes, size);
}

static void fence_code(void *code, size_t size)
{
    require(!syscall(__NR_riscv_flush_icache, code, (char *)code + size, 0), "riscv_flush_icache");
}

/* li a0, number; ret */
static void make_function(uint32_t *code, unsigned number)
{
    code[0] = number << 20 | 0x513;
    code[1] = 0x8067;
}

/* Functions that this process writes and calls, and that it writes and a child calls, each in memory of both. */
static void made_code(void)
{
    size_t size = 4 * PAGE;
    char *code = mmap(0, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    require(code != MAP_FAILED, "mmap of code");
    int there[2], back[2];
    require(!pipe(there) && !pipe(back), "pipe");
    pid_t child = split();
    if (!child) {
        close(there[1]);
        for (uint32_t at; receive(there[0], &at, sizeof at) == sizeof at;) {
            fence_code(code, size);
            int answer = ((int (*)(void))(code + at))();
            send(back[1], &answer, sizeof answer);
        }
        _exit(0);
    }
    close(there[0]);
    for (int i = 0; i < 100; i++) {
        uint32_t at = draw() % (size - 8) & -4;
        int number = draw() % 2048, answer;
        make_function((uint32_t *)(code + at), number);
        fence_code(code, size);
        require(((int (*)(void))(code + at))() == number, "the answer of a function just made");
        send(there[1], &at, sizeof at);
        require(receive(back[0], &answer, sizeof answer) == sizeof answer, "a child's answer");
        require(answer == number, "the answer of a function that another process has made");
    }
    close(there[1]);
    join(child);
    close(back[0]);
    close(back[1]);
    munmap(code, size);
    add(&totals->functions, 200);
}

/* Pages that are shared with a child until one writes, and given back; the addresses are used again at once. */
static void moving_pages(void)
{
    size_t count = 1 + draw() % 64, words = count * PAGE / sizeof(uint64_t);
    uint64_t seed = draw();
    uint64_t *memory = mmap(0, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(memory != MAP_FAILED, "mmap");
    for (size_t i = 0; i < words; i += 64) {
        require(!memory[i], "a new page is zero");
        memory[i] = seed + i;
    }
    pid_t child = split();
    for (size_t i = 0; i < words; i += 64) {
        require(memory[i] == seed + i, "a page after fork");
        memory[i] = seed * (child ? 3 : 5) + i;
    }
    require(!mprotect(memory, count * PAGE, PROT_READ), "mprotect");
    for (size_t i = 0; i < words; i += 64)
        require(memory[i] == seed * (child ? 3 : 5) + i, "a page after it was copied");
    if (!child)
        _exit(0);
    join(child);
    munmap(memory, count * PAGE);
    add(&totals->pages, count);
}

static void work(double end)
{
    while (now() < end && !totals->failures)
        switch (draw() % 3) {
        case 0: pipeline(); break;
        case 1: made_code(); break;
        case 2: moving_pages(); break;
        }
    exit(0);
}

int main(int argc, char **argv)
{
    double begin = now(), end = begin + (argc > 1 ? atof(argv[1]) : 10), report = begin;
    int processes = argc > 2 ? atoi(argv[2]) : 4;
    pid_t children[MAX_PROCESSES];
    totals = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    require(totals != MAP_FAILED, "mmap");
    for (int i = 0; i < processes; i++) {
        children[i] = split();
        if (!children[i]) {
            state = 0x9E3779B97F4A7C15 * (i + 1);
            work(end);
        }
    }
    while (now() < end && !totals->failures) {
        sleep(1);
        if (now() >= report + REPORT_SECONDS || now() >= end) {
            report = now();
            printf("load: %.0f s: %llu forks, %llu bytes through pipes, %llu calls of made code, %llu pages\n",
                   report - begin, (unsigned long long)totals->forks, (unsigned long long)totals->bytes,
                   (unsigned long long)totals->functions, (unsigned long long)totals->pages);
            fflush(stdout);
        }
    }
    for (int i = 0; i < processes; i++) {
        int status;
        waitpid(children[i], &status, 0);
        if (status)
            totals->failures++;
    }
    puts(totals->failures ? "load: failed" : "load: passed");
    fflush(stdout);
    sync();
    reboot(RB_POWER_OFF);
    return 1;
}
