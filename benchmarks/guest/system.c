/* What the kernel does for a process: system calls, page faults, new processes, switches, clocks and devices. */
#include "bench.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096 };

u64 run_syscalls(u64 times)
{
    u64 sum = 0;

    for (u64 i = 0; i < times * 200000; i++)
        sum += (u64)syscall(SYS_getppid) + i;
    return sum;
}

/* Pages that are touched for the first time, written again after mprotect, and returned. */
u64 run_faults(u64 times)
{
    enum { BYTES = 16 << 20 };
    u64 sum = 0;

    for (u64 round = 0; round < times * 24; round++) {
        u8 *memory = take_pages(BYTES);

        for (u64 at = 0; at < BYTES; at += PAGE)
            memory[at] = (u8)(at / PAGE);
        mprotect(memory, BYTES, PROT_READ);
        mprotect(memory, BYTES, PROT_READ | PROT_WRITE);
        for (u64 at = 0; at < BYTES; at += PAGE * 4)
            sum += ++memory[at];
        give_pages(memory, BYTES);
    }
    return sum;
}

/* Processes that write to some of their parent's pages and end. */
u64 run_fork(u64 times)
{
    enum { BYTES = 1 << 20 };
    u8 *memory = take_pages(BYTES);
    u64 sum = 0;

    for (u64 at = 0; at < BYTES; at += PAGE)
        memory[at] = 1;
    for (u64 round = 0; round < times * 120; round++) {
        int status;
        pid_t child = fork();

        if (child < 0)
            fail("fork");
        if (child == 0) {
            for (u64 at = 0; at < BYTES / 4; at += PAGE)
                memory[at]++;
            _exit(memory[0]);
        }
        waitpid(child, &status, 0);
        sum += (u64)WEXITSTATUS(status);
    }
    give_pages(memory, BYTES);
    return sum;
}

/* A byte there and back between two processes: two switches a round. */
u64 run_pipes(u64 times)
{
    int there[2], back[2];
    u64 sum = 0;
    u8 byte = 0;

    if (pipe(there) || pipe(back))
        fail("pipe");
    pid_t child = fork();

    if (child < 0)
        fail("fork");
    if (child == 0) {
        close(there[1]);
        while (read(there[0], &byte, 1) == 1) {
            byte++;
            if (write(back[1], &byte, 1) != 1)
                break;
        }
        _exit(0);
    }
    for (u64 i = 0; i < times * 2500; i++) {
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
            fail("pipes");
        sum += byte;
    }
    close(there[0]), close(there[1]), close(back[0]), close(back[1]);
    waitpid(child, NULL, 0);
    return sum;
}

/* The time counter, by way of the vDSO. */
u64 run_clock(u64 times)
{
    struct timespec before = {0}, now;
    u64 backwards = 0;

    for (u64 i = 0; i < times * 20000; i++) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        backwards += now.tv_sec < before.tv_sec || (now.tv_sec == before.tv_sec && now.tv_nsec < before.tv_nsec);
        before = now;
    }
    return backwards;
}

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
    (void)number;
    alarms = alarms + 1;
}

/* Timer interrupts that find the process asleep, and others that find it at work. */
u64 run_timer(u64 times)
{
    enum { SLEEPS = 500, ALARMS = 100, EACH = 1000000 };
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct itimerspec every = {{0, EACH}, {0, EACH}};
    timer_t timer;

    for (u64 i = 0; i < times * SLEEPS; i++)
        nanosleep(&(struct timespec){0, 100000}, NULL);
    signal(SIGALRM, on_alarm);
    alarms = 0;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &every, NULL))
        fail("timer");
    while ((u64)alarms < times * ALARMS)
        continue;
    timer_delete(timer);
    return times;
}

/* Loads and stores of device registers: those of the first virtio slot, which no driver has claimed. */
u64 run_mmio(u64 times)
{
    enum { VIRTIO = 0x10001000, MAGIC = 0, FEATURES_SELECT = 5, ACCESSES = 50000 };
    int memory = open("/dev/mem", O_RDWR | O_SYNC);
    u64 sum = 0;

    if (memory < 0)
        fail("/dev/mem");
    volatile u32 *registers = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, VIRTIO);

    if (registers == MAP_FAILED)
        fail("mmap of a device");
    for (u64 i = 0; i < times * ACCESSES; i += 2) {
        sum += registers[MAGIC];
        registers[FEATURES_SELECT] = 0;
    }
    munmap((void *)registers, PAGE);
    close(memory);
    return sum;
}
