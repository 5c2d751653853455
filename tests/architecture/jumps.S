/* Jumps: the lowest bit of a register's target, links, targets at half words, far pages, recursion. */
#include "environment.h"

PROGRAM
	la t0, 1f + 1
	jalr t1, t0, 0
	j fail_here
	.balign 4
1:	la t0, 2f
	jalr t0, 3(t0)					/* 3 is 2: the half word after it; the link is the register itself */
2:	.half 0x0001
	.half 0x0001
	la t1, 2b
	SAME(t0, t1)
	jal t0, 3f
4:	j 5f
3:	la t1, 4b
	SAME(t0, t1)
	jr t0
5:
	/* each page of many, twice: direct and by register */
	li a0, 0
	li s0, 2
6:	la s1, pages
	li s2, 16
7:	jalr s1
	li t0, PAGE
	add s1, s1, t0
	addi s2, s2, -1
	bnez s2, 7b
	call pages
	addi s0, s0, -1
	bnez s0, 6b
	CHECK(a0, 2 * 17)

	/* fibonacci(12), with the stack in a page of its own */
	la sp, stack + PAGE
	li a0, 12
	call fibonacci
	CHECK(a0, 144)

	/* branches of all kinds, at their limits */
	li a0, -1
	li a1, 1
	bltu a0, a1, fail_here
	bge a0, a1, fail_here
	blt a1, a0, fail_here
	bgeu a1, a0, fail_here
	beq a0, a1, fail_here
	bne a0, a0, fail_here
	bge a0, a0, 8f
	j fail_here
8:	PASS

fail_here:
	li a7, 1
	j fail

fibonacci:
	li t0, 2
	bltu a0, t0, 9f
	addi sp, sp, -32
	sd ra, 0(sp)
	sd a0, 8(sp)
	addi a0, a0, -1
	call fibonacci
	sd a0, 16(sp)
	ld a0, 8(sp)
	addi a0, a0, -2
	call fibonacci
	ld t0, 16(sp)
	add a0, a0, t0
	ld ra, 0(sp)
	addi sp, sp, 32
9:	ret

	.balign PAGE
pages:
	.rept 16
	addi a0, a0, 1
	ret
	.balign PAGE
	.endr

	.section .data
	.balign PAGE
stack:	.skip PAGE
