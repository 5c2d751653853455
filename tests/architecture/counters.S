/* Counters as U reads them: they go on, and cannot be written by the names that only read. */
#include "environment.h"

#define RISES(counter) csrr a0, counter; 1: csrr a1, counter; beq a0, a1, 1b; li a7, __LINE__; bltu a1, a0, fail

PROGRAM
	RISES(cycle)
#ifndef QEMU						/* its board spike has no time */
	RISES(time)
#endif
	RISES(instret)
	rdcycle a0
	rdinstret a0
#ifndef QEMU
	/* a second is ten million ticks, and a hundred are over soon */
	rdtime a0
	addi a0, a0, 100
1:	rdtime a1
	bltu a1, a0, 1b
	csrrci a0, time, 0
#endif
	/* reads that write nothing */
	csrrs a0, cycle, zero
	csrrci a0, instret, 0
	PASS
