/* The line editor. */
#pragma once
#include "../common/types.h"

enum { LINE_SIZE = 128 };

/* A line typed at the prompt, without its end. Backspace, Ctrl-U (erase), Ctrl-C (another line), up
   and down (history). */
const char *line_read(const char *prompt);
