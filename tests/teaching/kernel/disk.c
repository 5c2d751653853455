/* A virtio block device with one queue of eight descriptors, by interrupts; LEGACY: as of the interface's version 1. */
#include "kernel.h"

enum { QUEUE = 8, NEXT = 1, DEVICE_WRITES = 2 };
enum {
    MAGIC = 0x00, VERSION = 0x04, DEVICE = 0x08, VENDOR = 0x0c, OFFERED = 0x10, ACCEPTED = 0x20, PAGE_SIZE = 0x28,
    SELECT = 0x30, MOST = 0x34, SIZE = 0x38, FRAME_NUMBER = 0x40, READY = 0x44, NOTIFY = 0x50, PENDING = 0x60,
    HANDLED = 0x64, STATUS = 0x70, DESCRIPTORS = 0x80, AVAILABLE = 0x90, USED = 0xa0,
};
#ifdef LEGACY
enum { WANTED = 1 };
#else
enum { WANTED = 2 };
#endif

struct descriptor {
    u64 address;
    u32 size;
    u16 flags, next;
};
struct available {
    u16 flags, index, ring[QUEUE];
};
struct used {
    u16 flags, index;
    struct {
        u32 head, size;
    } ring[QUEUE];
};
struct request {
    u32 type, reserved;
    u64 sector;
};

static struct lock lock;
static struct descriptor *descriptors;
static volatile struct available *available;
static volatile struct used *used;
static struct request requests[QUEUE];
static u8 statuses[QUEUE], taken[QUEUE];
static struct buffer *buffers[QUEUE];
static u16 seen;
#ifdef LEGACY
static u8 queue_memory[2 * PAGE] __attribute__((aligned(PAGE)));
#endif

static u32 get(u64 offset) {
    return mmio32(DISK + offset);
}

static void put(u64 offset, u64 value) {
    mmio32(DISK + offset) = (u32)value;
}

/* Every feature that would change what a plain request looks like is left out, in the low word only: as others do. */
static u32 features(void) {
    u32 refused[] = {5, 7, 9, 11, 12, 27, 28, 29};
    u32 offered = get(OFFERED);
    for (u64 i = 0; i < sizeof refused / sizeof *refused; i++)
        offered &= ~(1u << refused[i]);
    return offered;
}

static void place_queue(void) {
#ifdef LEGACY
    descriptors = (void *)queue_memory;
    available = (void *)(queue_memory + QUEUE * sizeof *descriptors);
    used = (void *)(queue_memory + PAGE);
    put(STATUS, get(STATUS) | 4);
    put(PAGE_SIZE, PAGE);
    put(SELECT, 0);
    put(SIZE, QUEUE);
    put(FRAME_NUMBER, (u64)queue_memory / PAGE);
#else
    u64 offsets[] = {DESCRIPTORS, AVAILABLE, USED}, pages[3];
    for (int i = 0; i < 3; i++) {
        pages[i] = (u64)page_new();
        memset((void *)pages[i], 0, PAGE);
    }
    descriptors = (void *)pages[0];
    available = (void *)pages[1];
    used = (void *)pages[2];
    put(SIZE, QUEUE);
    for (int i = 0; i < 3; i++) {
        put(offsets[i], pages[i]);
        put(offsets[i] + 4, pages[i] >> 32);
    }
    put(READY, 1);
    put(STATUS, get(STATUS) | 4);
#endif
}

void disk_init(void) {
    if (get(MAGIC) != 0x74726976 || get(VERSION) != WANTED || get(DEVICE) != 2 || get(VENDOR) != 0x554d4551)
        panic("no disk");
    put(STATUS, 0);
    put(STATUS, 1);
    put(STATUS, 3);
    put(ACCEPTED, features());
    put(STATUS, 11);
    if (!(get(STATUS) & 8))
        panic("the disk refuses what it offers");
    put(SELECT, 0);
    if (WANTED == 2 && get(READY))
        panic("the disk is ready before its time");
    if (get(MOST) < QUEUE)
        panic("the disk's queue is too short");
    place_queue();
}

static int take(void) {
    for (int i = 0; i < QUEUE; i++)
        if (!taken[i]) {
            taken[i] = 1;
            return i;
        }
    return -1;
}

static int take_three(int chain[3]) {
    for (int i = 0; i < 3; i++)
        if ((chain[i] = take()) < 0) {
            while (i--)
                taken[chain[i]] = 0;
            return -1;
        }
    return 0;
}

void disk_transfer(struct buffer *buffer, int write) {
    int chain[3];
    acquire(&lock);
    while (take_three(chain) < 0)
        sleep(taken, &lock);
    int head = chain[0];
    requests[head] = (struct request){write != 0, 0, (u64)buffer->block * (BLOCK / 512)};
    statuses[head] = 0xff;
    descriptors[head] = (struct descriptor){(u64)&requests[head], sizeof *requests, NEXT, (u16)chain[1]};
    descriptors[chain[1]] =
        (struct descriptor){(u64)buffer->data, BLOCK, (write ? 0 : DEVICE_WRITES) | NEXT, (u16)chain[2]};
    descriptors[chain[2]] = (struct descriptor){(u64)&statuses[head], 1, DEVICE_WRITES, 0};
    buffer->in_flight = 1;
    buffers[head] = buffer;
    available->ring[available->index % QUEUE] = (u16)head;
    fence();
    available->index++;
    fence();
    put(NOTIFY, 0);
    while (buffer->in_flight)
        sleep(buffer, &lock);
    for (int i = 0; i < 3; i++)
        taken[chain[i]] = 0;
    wake(taken);
    release(&lock);
}

void disk_interrupt(void) {
    acquire(&lock);
    put(HANDLED, get(PENDING) & 3);
    fence();
    while (seen != used->index) {
        fence();
        u32 head = used->ring[seen++ % QUEUE].head;
        if (statuses[head])
            panic("the disk reports an error");
        buffers[head]->in_flight = 0;
        wake(buffers[head]);
    }
    release(&lock);
}
