#include "shell.h"

#include "../common/print.h"
#include "../common/string.h"
#include "commands.h"
#include "line.h"
#include "machine.h"
#include "trap.h"

enum { WORDS = 16, SCRIPT_SIZE = 512 };

static int split(char *text, char **words)
{
    int count = 0;

    while (count < WORDS - 1) {
        while (*text == ' ')
            *text++ = 0;
        if (!*text)
            break;
        words[count++] = text;
        while (*text && *text != ' ')
            text++;
    }
    words[count] = NULL;
    return count;
}

static void run(char *text)
{
    char *words[WORDS];
    int count = split(text, words);

    if (!count)
        return;
    for (const struct command *command = commands; command->name; command++) {
        if (!strcmp(command->name, words[0])) {
            command->run(count, words);
            return;
        }
    }
    print("%s: no such command; `help` names them\n", words[0]);
}

/* Runs the commands of a text that are separated by semicolons. */
static void run_all(const char *text, size_t length)
{
    char script[SCRIPT_SIZE];
    size_t start = 0;

    if (length >= SCRIPT_SIZE)
        length = SCRIPT_SIZE - 1;
    memcpy(script, text, length);
    script[length] = 0;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && script[i] != ';')
            continue;
        script[i] = 0;
        run(script + start);
        start = i + 1;
    }
}

/* The value of run= in the kernel's arguments (or demo.run=), which may be in double quotes. */
static const char *find_script(size_t *length)
{
    const char *at = machine.arguments;

    while (*at) {
        const char *value = at + (strncmp(at, "demo.", 5) ? 0 : 5);
        bool found = !strncmp(value, "run=", 4), quoted = false;
        const char *end = at;

        for (; *end && (quoted || *end != ' '); end++)
            quoted ^= *end == '"';
        if (found) {
            value += 4;
            quoted = *value == '"';
            value += quoted;
            *length = (size_t)(end - value) - (quoted && end[-1] == '"');
            return value;
        }
        for (at = end; *at == ' '; at++)
            continue;
    }
    return NULL;
}

_Noreturn void shell(void)
{
    static bool script_done;
    size_t length;
    const char *script = script_done ? NULL : find_script(&length);

    script_done = true;
    trap_expect(false);
    if (script)
        run_all(script, length);
    for (;;) {
        const char *line = line_read("pytcg> ");

        run_all(line, strlen(line));
    }
}
