#include "line.h"

#include "../common/print.h"
#include "../common/string.h"
#include "console.h"

enum { HISTORY = 8, CTRL_C = 3, BELL = 7, BACKSPACE = 8, CTRL_U = 21, ESCAPE = 27, DELETE = 127 };

static char history[HISTORY][LINE_SIZE];
static unsigned entered; /* lines put into the history so far */

static char line[LINE_SIZE];
static size_t length;

static void erase(size_t count)
{
    for (; count && length; count--, length--)
        print_string("\b \b");
    line[length] = 0;
}

static void insert(const char *text)
{
    for (; *text; text++) {
        if (length == LINE_SIZE - 1) {
            put_char(BELL);
            return;
        }
        put_char(line[length++] = *text);
    }
    line[length] = 0;
}

/* Shows the line `back` lines ago, 0 being an empty one; what is shown then. */
static unsigned recall(unsigned back, int step)
{
    unsigned most = entered < HISTORY ? entered : HISTORY;
    unsigned wanted = back + (unsigned)step;

    if (wanted > most) /* -1 also */
        return back;
    erase(length);
    insert(wanted ? history[(entered - wanted) % HISTORY] : "");
    return wanted;
}

/* The last character of an escape sequence ESC [ x. */
static u8 escape(void)
{
    return console_get() == '[' ? console_get() : 0;
}

static void remember(void)
{
    if (length && !(entered && !strcmp(line, history[(entered - 1) % HISTORY])))
        memcpy(history[entered++ % HISTORY], line, LINE_SIZE);
}

const char *line_read(const char *prompt)
{
    unsigned back = 0;

    print_string(prompt);
    length = 0;
    for (;;) {
        u8 key = console_get();

        switch (key) {
        case '\r':
        case '\n':
            print_string("\n");
            line[length] = 0;
            remember();
            return line;
        case BACKSPACE:
        case DELETE:
            erase(1);
            break;
        case CTRL_U:
            erase(length);
            break;
        case CTRL_C:
            print("^C\n%s", prompt);
            length = 0;
            back = 0;
            break;
        case ESCAPE:
            key = escape();
            if (key == 'A' || key == 'B')
                back = recall(back, key == 'A' ? 1 : -1);
            break;
        default:
            if (key >= ' ')
                insert((const char[]){(char)key, 0});
        }
    }
}
