#include "bench.h"

enum { MEMORY_WORDS = (2 << 20) / 8 };

/* A value that the compiler cannot know. */
static u64 opaque(u64 value)
{
    asm volatile("" : "+r"(value));
    return value;
}

static u64 random_next(u64 *state)
{
    u64 x = *state;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

/* Arithmetic, shifts and logic in registers; several chains of dependent instructions side by side. */
static u64 run_integer(u64 *memory)
{
    u64 a = opaque(1), b = opaque(2), c = opaque(3), d = opaque(4);

    (void)memory;
    for (u64 i = 0; i < 8000000; i++) {
        a += b ^ i;
        b = (b << 5 | b >> 59) + c;
        c ^= c << 7 ^ d;
        d = d * 0x9e3779b97f4a7c15 + i;
    }
    return a ^ b ^ c ^ d;
}

/* The lengths of Collatz sequences: a branch that is hard to foresee every few instructions. */
static u64 run_branchy(u64 *memory)
{
    u64 sum = 0, limit = opaque(200000);

    (void)memory;
    for (u64 start = 1; start < limit; start++) {
        u64 n = start, length = 0;

        while (n != 1) {
            if (n & 1)
                n = n * 3 + 1;
            else
                n >>= 1;
            length++;
        }
        if (length % 3 == 0)
            sum += length;
        else if (length % 3 == 1)
            sum ^= start;
        else
            sum -= 7;
    }
    return sum;
}

/* Passes over 512 KiB: fill, sum, copy, and a read of each byte. */
static u64 run_memory(u64 *memory)
{
    enum { WORDS = MEMORY_WORDS / 8 };
    u64 *copy = memory + WORDS, sum = 0;

    for (u64 pass = 0; pass < 120; pass++) {
        for (u64 i = 0; i < WORDS; i++)
            memory[i] = i * (pass + 1);
        for (u64 i = 1; i < WORDS; i++)
            memory[i] += memory[i - 1];
        for (u64 i = 0; i < WORDS; i++)
            copy[i] = memory[WORDS - 1 - i];
        for (u64 i = 0; i < WORDS * 8; i += 5)
            sum = sum * 31 + ((u8 *)copy)[i];
    }
    return sum;
}

__attribute__((noinline)) static u64 fibonacci(u64 n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

__attribute__((noinline)) static u64 call_add(u64 a, u64 b)
{
    return a + b;
}

__attribute__((noinline)) static u64 call_mix(u64 a, u64 b)
{
    return (a ^ b) * 3;
}

__attribute__((noinline)) static u64 call_shift(u64 a, u64 b)
{
    return (a >> 1) + (b << 1);
}

/* Calls and returns: a recursion, and calls through pointers. */
static u64 run_calls(u64 *memory)
{
    u64 (*const functions[])(u64, u64) = {call_add, call_mix, call_shift, call_mix};
    u64 sum = fibonacci(opaque(31));

    (void)memory;
    for (u64 i = 0; i < 2000000; i++)
        sum = functions[(sum >> 9 ^ i) & 3](sum, i);
    return sum;
}

/* `steps` along a random cycle of pointers to `count` nodes 64 bytes apart: each load waits for the one before it. */
static u64 walk(u64 *memory, u64 count, u64 steps)
{
    enum { APART = 8 };
    u64 state = opaque(88172645463325252), at = 0, sum = 0;

    for (u64 i = 0; i < count; i++)
        memory[i * APART] = i;
    for (u64 i = count - 1; i > 0; i--) { /* Sattolo's shuffle gives one cycle */
        u64 j = random_next(&state) % i, other = memory[j * APART];

        memory[j * APART] = memory[i * APART];
        memory[i * APART] = other;
    }
    for (u64 i = 0; i < steps; i++) {
        at = memory[at * APART];
        sum += at ^ i;
    }
    return sum;
}

/* Over 512 KiB: 128 pages, which an emulated TLB holds. */
static u64 run_chase(u64 *memory)
{
    return walk(memory, 8 << 10, 12000000);
}

/* Over 2 MiB: 512 pages, which may be more than it holds. */
static u64 run_pages(u64 *memory)
{
    return walk(memory, 32 << 10, 2000000);
}

static void sift(u64 *heap, u64 root, u64 count)
{
    u64 value = heap[root], child;

    while ((child = root * 2 + 1) < count) {
        if (child + 1 < count && heap[child + 1] > heap[child])
            child++;
        if (heap[child] <= value)
            break;
        heap[root] = heap[child];
        root = child;
    }
    heap[root] = value;
}

/* Heapsort of 128 Ki words: loads, stores and branches that depend on them. */
static u64 run_sort(u64 *memory)
{
    enum { COUNT = 128 << 10 };
    u64 state = opaque(2463534242), sum = 0;

    for (u64 i = 0; i < COUNT; i++)
        memory[i] = random_next(&state);
    for (u64 i = COUNT / 2; i-- > 0;)
        sift(memory, i, COUNT);
    for (u64 left = COUNT - 1; left > 0; left--) {
        u64 largest = memory[0];

        memory[0] = memory[left];
        memory[left] = largest;
        sift(memory, 0, left);
    }
    for (u64 i = 0; i < COUNT; i++)
        sum = sum * 31 + memory[i];
    return sum;
}

static u32 rotate(u32 value, unsigned count)
{
    return value >> count | value << (32 - count);
}

/* A hash with the rounds of SHA-256 over 2 MiB: 32-bit arithmetic, a small array, long blocks. */
static u64 run_hash(u64 *memory)
{
    u32 state[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const u32 *input = (const u32 *)memory;

    for (u64 i = 0; i < MEMORY_WORDS; i++)
        memory[i] = i * 0x9e3779b97f4a7c15;
    for (u64 block = 0; block < MEMORY_WORDS * 2; block += 16) {
        u32 word[16], s[8];

        for (unsigned i = 0; i < 16; i++)
            word[i] = input[block + i];
        for (unsigned i = 0; i < 8; i++)
            s[i] = state[i];
        for (unsigned round = 0; round < 64; round++) {
            u32 w1 = word[(round + 1) & 15], w14 = word[(round + 14) & 15];
            u32 choice = (s[4] & s[5]) ^ (~s[4] & s[6]), majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
            u32 large = rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25);
            u32 first = s[7] + large + choice + word[round & 15] + round;
            u32 second = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) + majority;

            word[round & 15] += word[(round + 9) & 15] + (rotate(w1, 7) ^ rotate(w1, 18) ^ w1 >> 3)
                + (rotate(w14, 17) ^ rotate(w14, 19) ^ w14 >> 10);
            for (unsigned i = 7; i > 0; i--)
                s[i] = s[i - 1];
            s[4] += first;
            s[0] = first + second;
        }
        for (unsigned i = 0; i < 8; i++)
            state[i] += s[i];
    }
    return (u64)state[0] << 32 | state[7];
}

const struct bench benches[] = {
    {"integer", "arithmetic in registers", run_integer},
    {"branchy", "branches that are hard to foresee", run_branchy},
    {"memory", "passes over arrays", run_memory},
    {"calls", "recursion and calls through pointers", run_calls},
    {"chase", "a walk along pointers", run_chase},
    {"pages", "the same over more pages", run_pages},
    {"sort", "heapsort", run_sort},
    {"hash", "SHA-256's rounds", run_hash},
    {0},
};
