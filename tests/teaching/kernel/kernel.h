/* A kernel of the Unix kind, as courses write them: what its parts share. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

enum { HARTS = 3, PROCESSES = 64, PIPES = 8, BUFFERS = 20, PAGE = 4096, BLOCK = 1024, NAME = 16 };

/* The board, and the address space: kernel memory at its physical address, the trampoline on top of each space. */
#define FINISHER 0x100000ul
#define CLINT 0x2000000ul
#define PLIC 0xc000000ul
#define UART 0x10000000ul
#define DISK 0x10001000ul
#define RAM 0x80000000ul
#define RAM_END 0x88000000ul
#define SPACE_END (1ul << 38)
#define TRAMPOLINE (SPACE_END - PAGE)
#define FRAME (TRAMPOLINE - PAGE)
#define KERNEL_STACK(index) (TRAMPOLINE - ((index) + 1) * 2 * PAGE)
enum { UART_IRQ = 10, DISK_IRQ = 1 };

#define PTE_V 1ul
#define PTE_R 2ul
#define PTE_W 4ul
#define PTE_X 8ul
#define PTE_U 16ul

#define SIE 2ul
#define SPIE (1ul << 5)
#define SPP (1ul << 8)

#define csr_read(name) ({ u64 value_; asm volatile("csrr %0, " #name : "=r"(value_)::"memory"); value_; })
#define csr_write(name, value) asm volatile("csrw " #name ", %0" ::"r"((u64)(value)) : "memory")
#define csr_set(name, bits) asm volatile("csrs " #name ", %0" ::"r"((u64)(bits)) : "memory")
#define csr_clear(name, bits) asm volatile("csrc " #name ", %0" ::"r"((u64)(bits)) : "memory")
#define fence() __sync_synchronize()
#define mmio32(address) (*(volatile u32 *)(address))
#define mmio64(address) (*(volatile u64 *)(address))

struct lock {
    u32 taken;
    int hart;
};

struct context {
    u64 ra, sp, s[12];
};

/* The trampoline knows these offsets. */
struct frame {
    u64 kernel_satp, kernel_sp, handler, pc, hart;
    u64 registers[32];
};
enum { SP = 2, A0 = 10, A1, A2, A7 = 17 };

enum state { UNUSED, EMBRYO, SLEEPING, RUNNABLE, RUNNING, ZOMBIE };

struct process {
    struct lock lock;
    enum state state;
    void *channel;
    int killed, status, pid;
    struct process *parent;
    u64 size;
    u64 *table;
    struct frame *frame;
    struct context context;
};

struct hart {
    struct process *process;
    struct context scheduler;
    int depth, enabled;
};

struct buffer {
    u32 block, users;
    int valid, busy, in_flight, dirty;
    u8 data[BLOCK];
};

/* lock.c */
void acquire(struct lock *lock);
void release(struct lock *lock);
int holding(struct lock *lock);
void interrupts_off(void);
void interrupts_back(void);
int hart_id(void);
struct hart *this_hart(void);

/* print.c */
void print(const char *format, ...);
_Noreturn void panic(const char *why);
_Noreturn void power_off(int status);

/* page.c */
void pages_init(void);
void *page_new(void);
void page_free(void *page);
u64 pages_free(void);
void *memset(void *to, int value, u64 size);
void *memcpy(void *to, const void *from, u64 size);
int same(const char *a, const char *b, u64 size);

/* space.c */
extern u64 *kernel_table;
void space_init(void);
void space_enter(void);
u64 satp_of(u64 *table);
u64 *space_new(struct frame *frame);
void space_free(u64 *table, u64 size);
int space_map(u64 *table, u64 at, u64 physical, u64 size, u64 flags);
int space_grow(u64 *table, u64 from, u64 to);
void space_shrink(u64 *table, u64 from, u64 to);
int space_copy(u64 *from, u64 *to, u64 size);
int space_demand(u64 *table, u64 at, u64 size);
void space_guard(u64 *table, u64 at);
int copy_out(struct process *process, u64 to, const void *from, u64 size);
int copy_in(struct process *process, void *to, u64 from, u64 size);

/* process.c */
struct process *current(void);
u64 kernel_stack(struct process *process);
void process_init(void);
void process_first(void);
_Noreturn void schedule(void);
void yield(void);
void sleep(void *channel, struct lock *lock);
void wake(void *channel);
int fork(void);
_Noreturn void leave(int status);
int wait(u64 status);
int kill(int pid);
int killed(struct process *process);
int grow(long bytes);

/* exec.c */
int exec(const char *name);

/* trap.c, trampoline.S */
extern char trampoline[], user_entry[], user_return[], kernel_entry[], kernel_end[], text_end[];
void context_switch(struct context *from, struct context *to);
void trap_init(void);
void trap_return(void);
extern u64 ticks;
extern struct lock tick_lock;

/* call.c */
void system_call(void);

/* console.c */
void console_init(void);
void console_interrupt(void);
int console_write(u64 from, u64 size);
int console_read(u64 to, u64 size);
void console_put(int byte);

/* disk.c, cache.c, journal.c */
void disk_init(void);
void disk_interrupt(void);
void disk_transfer(struct buffer *buffer, int write);
struct buffer *buffer_get(u32 block);
void buffer_put(struct buffer *buffer);
void journal_recover(void);
void journal_begin(void);
void journal_write(struct buffer *buffer);
void journal_end(void);

/* pipe.c */
int pipe_new(void);
int pipe_write(int pipe, u64 from, u64 size);
int pipe_read(int pipe, u64 to, u64 size);
