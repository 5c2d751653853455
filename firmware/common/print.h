/* Formatted output. */
#pragma once

/* What the program that links this gives: one character to its console. */
void put_char(char character);

void print_string(const char *text);

/* %c %s %d %u %x and %ld %lu %lx, with a width, `0` to fill with zeros and `-` to fill on the right. */
__attribute__((format(printf, 1, 2))) void print(const char *format, ...);
