/* Code that is written, and lies across the ends of pages: of words, half words, and of what was never fetched. */
#include "environment.h"

#define LI_A0(n) (0x00000513 | (n) << 20)		/* addi a0, zero, n */
#define ADDI_A0(n) (0x00050513 | (n) << 20)		/* addi a0, a0, n */
#define RET 0x00008067
#define C_RET 0x8082

PROGRAM
	/* written, executed, written again */
	la s0, place
	li s1, 100
1:	li t0, LI_A0(0)
	slli t1, s1, 20
	or t0, t0, t1
	sw t0, 0(s0)
	li t0, RET
	sw t0, 4(s0)
	fence.i
	jalr s0
	SAME(a0, s1)
	addi s1, s1, -1
	bnez s1, 1b

	/* an instruction whose halves are in two pages, of which each is written in turn */
	la s0, place + PAGE - 2
	li t0, LI_A0(0x123)
	sh t0, 0(s0)
	srli t0, t0, 16
	sh t0, 2(s0)
	li t0, C_RET
	sh t0, 4(s0)
	fence.i
	jalr s0
	CHECK(a0, 0x123)
	li t0, LI_A0(0x456) >> 16
	sh t0, 2(s0)
	fence.i
	jalr s0
	CHECK(a0, 0x456)
	li t0, LI_A0(0x456) & 0xffff | 1 << 7		/* addi a1 */
	sh t0, 0(s0)
	li a1, 0
	li a0, 7
	fence.i
	jalr s0
	CHECK(a0, 7)
	CHECK(a1, 0x456)

	/* falling from page to page: the next one is fetched for the first time, or has been data before */
	la s0, runs_out
	li a0, 0
	jalr s0
	CHECK(a0, 6)
	la s0, runs_out
	li a0, 0
	jalr s0
	CHECK(a0, 6)

	/* a loop that counts in its own first instruction */
	la s0, place + 2 * PAGE
	la t0, counting
	li t1, counting_end - counting
2:	lw t2, 0(t0)
	sw t2, 0(s0)
	addi t0, t0, 4
	addi s0, s0, 4
	addi t1, t1, -4
	bgtz t1, 2b
	fence.i
	la s0, place + 2 * PAGE
	li a0, 0
	li s1, 20
	jalr s0
	CHECK(a0, 20 + 190)

	/* a store ahead of the pc in the same run of instructions */
	la s0, target
	li t0, ADDI_A0(40)
	li a0, 1
	sw t0, 0(s0)
	fence.i
	.balign 4
target:	.word ADDI_A0(1)
	CHECK(a0, 41)
	PASS

	.option push
	.option norvc
	.balign 4
counting:
	addi a0, a0, 1
	lw t0, 0(s0)
	li t1, 1 << 20
	add t0, t0, t1
	addi s1, s1, -1
	sw t0, 0(s0)
	fence.i
	bnez s1, counting
	ret
	.option pop
counting_end:

	.balign PAGE
	.skip PAGE - 6
runs_out:
	.option push
	.option rvc
	c.addi a0, 1
	.option norvc
	addi a0, a0, 2
	addi a0, a0, 3					/* its first half ends the page */
	ret
	.option pop

	.section .data
	.balign PAGE
place:	.skip 4 * PAGE
