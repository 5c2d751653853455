/* A guest that writes numbered sectors to the disk in virtio slot 7 and flushes each, in M-mode. It says on the console
   what status each write and each flush got: "NUMBER WRITE FLUSH". FIRST: the first sector; COUNT: how many there are,
   after which it powers off. */

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

#define UART ((volatile u8 *)0x10000000)
#define SLOT(offset) (*(volatile u32 *)(0x10008000 + (offset)))
#define FINISHER (*(volatile u32 *)0x100000)
enum { PAGE_SIZE = 0x28, QUEUE_SEL = 0x30, QUEUE_NUM = 0x38, QUEUE_ALIGN = 0x3c, QUEUE_PFN = 0x40, NOTIFY = 0x50, STATUS = 0x70 };
enum { SIZE = 8, NEXT = 1, WRITE = 2, OUT = 1, FLUSH = 4, PENDING = 0xff, SECTOR_WORDS = 64 };

struct descriptor { u64 address; u32 length; u16 flags, next; };
/* a legacy queue: the used ring in the second page */
static struct {
    struct descriptor table[SIZE];
    volatile u16 flags, index, ring[SIZE];
} queue __attribute__((aligned(8192)));
static struct { u32 type, reserved; u64 sector; } header;
static u64 sector[SECTOR_WORDS];
static volatile u8 status;
static u8 stack[4096] __attribute__((aligned(16), used));

__attribute__((naked, section(".text.start"))) void _start(void) {
    __asm__("la sp, stack\n li t0, 4096\n add sp, sp, t0\n j run");
}

static void print(u64 number, char end) {
    char digits[20];
    int count = 0;
    do digits[count++] = '0' + number % 10; while (number /= 10);
    while (count) *UART = digits[--count];
    *UART = end;
}

static u8 request(u32 type, u64 number) {
    header.type = type;
    header.sector = number;
    status = PENDING;
    queue.table[0].next = type == OUT ? 1 : 2;
    queue.ring[queue.index % SIZE] = 0;
    __sync_synchronize();
    queue.index++;
    __sync_synchronize();
    SLOT(NOTIFY) = 0;
    while (status == PENDING) {}
    return status;
}

__attribute__((used, noreturn)) void run(void) {
    queue.table[0] = (struct descriptor){(u64)&header, sizeof header, NEXT, 1};
    queue.table[1] = (struct descriptor){(u64)sector, sizeof sector, NEXT, 2};
    queue.table[2] = (struct descriptor){(u64)&status, 1, WRITE, 0};
    SLOT(STATUS) = 0;
    SLOT(STATUS) = 3;
    SLOT(PAGE_SIZE) = 4096;
    SLOT(QUEUE_SEL) = 0;
    SLOT(QUEUE_NUM) = SIZE;
    SLOT(QUEUE_ALIGN) = 4096;
    SLOT(QUEUE_PFN) = (u64)&queue >> 12;
    SLOT(STATUS) = 7;
    for (u64 number = FIRST; number < FIRST + COUNT; number++) {
        for (int i = 0; i < SECTOR_WORDS; i++) sector[i] = number << 8 | i;
        print(number, ' ');
        print(request(OUT, number), ' ');
        print(request(FLUSH, 0), '\n');
    }
    FINISHER = 0x5555;
    for (;;) {}
}
