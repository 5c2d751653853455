#include "string.h"

void *memcpy(void *to, const void *from, size_t count)
{
    return memmove(to, from, count);
}

void *memmove(void *to, const void *from, size_t count)
{
    u8 *target = to;
    const u8 *source = from;
    bool words = (((uintptr_t)target | (uintptr_t)source) & 7) == 0;

    if (target <= source || target >= source + count) {
        for (; words && count >= 8; count -= 8, target += 8, source += 8)
            *(u64 *)target = *(const u64 *)source;
        while (count--)
            *target++ = *source++;
    } else {
        while (count--)
            target[count] = source[count];
    }
    return to;
}

void *memset(void *to, int value, size_t count)
{
    u8 *target = to;
    u64 word = (u8)value * 0x0101010101010101ull;

    for (; count && (uintptr_t)target & 7; count--)
        *target++ = (u8)value;
    for (; count >= 8; count -= 8, target += 8)
        *(u64 *)target = word;
    while (count--)
        *target++ = (u8)value;
    return to;
}

size_t strlen(const char *text)
{
    size_t length = 0;

    while (text[length])
        length++;
    return length;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t count)
{
    for (; count; count--, a++, b++) {
        if (*a != *b)
            return (u8)*a - (u8)*b;
        if (!*a)
            break;
    }
    return 0;
}
