/* The shell. */
#pragma once

/* Runs the commands of bootargs' run=, the first time, then those that are typed. */
_Noreturn void shell(void);
