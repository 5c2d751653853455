/* The shell's commands. */
#pragma once

struct command {
    const char *name, *usage, *help;
    void (*run)(int count, char *const *words); /* words[0] is the name; words[count] is NULL */
};

/* Ends with one that has no name. */
extern const struct command commands[];
