/* Memory: copies and fills, strings, and a walk along pointers over more pages than any TLB holds. */
#include "bench.h"

#include <string.h>

enum { COPY = 1 << 20, TEXT = 4096 };

u64 run_copy(u64 times)
{
    u8 *from = take_pages(COPY), *to = take_pages(COPY);
    u64 sum = 0;

    for (u64 i = 0; i < COPY; i++)
        from[i] = (u8)(i * 7);
    for (u64 round = 0; round < times * 80; round++) {
        memcpy(to, from + (round & 7), COPY - 8);
        memmove(from + 64, from, COPY / 2);
        memset(from, (int)round, 4096);
        sum += to[round * 31 % COPY];
    }
    give_pages(from, COPY);
    give_pages(to, COPY);
    return sum;
}

u64 run_string(u64 times)
{
    static char text[TEXT], other[TEXT];
    u64 sum = 0, state = opaque(2463534242);

    for (u64 round = 0; round < times * 8000; round++) {
        u64 length = TEXT / 2 + random_next(&state) % (TEXT / 2 - 1);

        memset(text, 'a' + (int)(round % 26), length);
        text[length] = 0;
        text[length - 1] = '!';
        strcpy(other, text);
        sum += strlen(other) + (u64)(strchr(text, '!') - text) + (u64)(strcmp(text, other) == 0);
        sum += (u64)(memcmp(text, other, length) == 0);
    }
    return sum;
}

/* One cycle through all of 64 MiB, a node a cache line: Sattolo's shuffle, and then each load waits for the last. */
u64 run_chase(u64 times)
{
    enum { BYTES = 64 << 20, APART = 8, COUNT = BYTES / 8 / APART };
    u64 *memory = take_pages(BYTES), state = opaque(88172645463325252), at = 0, sum = 0;

    for (u64 i = 0; i < COUNT; i++)
        memory[i * APART] = i;
    for (u64 i = COUNT - 1; i > 0; i--) {
        u64 j = random_next(&state) % i, other = memory[j * APART];

        memory[j * APART] = memory[i * APART];
        memory[i * APART] = other;
    }
    for (u64 i = 0; i < times * 1500000; i++) {
        at = memory[at * APART];
        sum += at ^ i;
    }
    give_pages(memory, BYTES);
    return sum;
}
