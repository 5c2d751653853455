#include "print.h"

#include <stdarg.h>

#include "string.h"

struct style {
    bool left, zeros;
    size_t width;
};

static void fill(char with, size_t width, size_t length)
{
    for (; length < width; length++)
        put_char(with);
}

static void padded(const char *text, struct style style)
{
    if (!style.left)
        fill(style.zeros ? '0' : ' ', style.width, strlen(text));
    print_string(text);
    if (style.left)
        fill(' ', style.width, strlen(text));
}

static void number(u64 value, u64 base, bool negative, struct style style)
{
    char digits[22];
    char *at = digits + sizeof digits;

    *--at = 0;
    do {
        *--at = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    if (negative)
        *--at = '-';
    padded(at, style);
}

void print_string(const char *text)
{
    while (*text)
        put_char(*text++);
}

void print(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    for (; *format; format++) {
        if (*format != '%') {
            put_char(*format);
            continue;
        }
        struct style style = {0};
        bool wide = false;

        for (format++; *format == '-' || *format == '0'; format++)
            *(*format == '-' ? &style.left : &style.zeros) = true;
        for (; *format >= '0' && *format <= '9'; format++)
            style.width = style.width * 10 + (size_t)(*format - '0');
        for (; *format == 'l'; format++)
            wide = true;

        switch (*format) {
        case 'c':
            put_char((char)va_arg(list, int));
            break;
        case 's':
            padded(va_arg(list, const char *), style);
            break;
        case 'd': {
            int64_t value = wide ? va_arg(list, int64_t) : va_arg(list, int);

            number(value < 0 ? -(u64)value : (u64)value, 10, value < 0, style);
            break;
        }
        case 'u':
            number(wide ? va_arg(list, u64) : va_arg(list, u32), 10, false, style);
            break;
        case 'x':
            number(wide ? va_arg(list, u64) : va_arg(list, u32), 16, false, style);
            break;
        case '%':
            put_char('%');
            break;
        }
    }
    va_end(list);
}
