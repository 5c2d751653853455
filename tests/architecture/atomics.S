/* lr, sc and amo: reservations that hold and that do not, words beside words, pages that are touched first by one of them. */
#include "environment.h"

/* old value, and what is left, of an operation on a word or double word */
#define AMO(op, store, load, before, operand, old, after) \
	li t0, before; store t0, 0(s0); li t1, operand; op a0, t1, (s0); CHECK(a0, old); load a1, 0(s0); CHECK(a1, after)

PROGRAM
	la s0, fresh
	li a1, 5
	amoadd.w a0, a1, (s0)
	CHECK(a0, 0)
	lw a0, 0(s0)
	CHECK(a0, 5)
	la s0, fresh + PAGE
	lr.d a0, (s0)
	CHECK(a0, 0)
	la s0, fresh + 2 * PAGE
	sc.d a0, a1, (s0)
	CHECK(a0, 1)
	ld a0, 0(s0)
	CHECK(a0, 0)
	la s0, fresh + 3 * PAGE
1:	lr.d a0, (s0)
	sc.d a0, a1, (s0)				/* the page may become dirty in between */
	bnez a0, 1b
	ld a0, 0(s0)
	CHECK(a0, 5)
	sc.d a0, zero, (s0)
	CHECK(a0, 1)
	ld a0, 0(s0)
	CHECK(a0, 5)

	/* without a reservation, with one of another address */
	la s1, fresh + 4 * PAGE
	sw zero, 0(s1)
	lr.w a0, (s0)
	sc.w a0, a1, (s1)
	CHECK(a0, 1)
	lw a0, 0(s1)
	CHECK(a0, 0)

	/* as often as it takes */
	sd zero, 0(s0)
	li s2, 1024
2:	lr.w a0, (s0)
	addi a0, a0, 1
	sc.w a0, a0, (s0)
	bnez a0, 2b
	addi s2, s2, -1
	bnez s2, 2b
	lw a0, 0(s0)
	CHECK(a0, 1024)

	AMO(amoswap.w, sw, lw, -1, 2, -1, 2)
	AMO(amoadd.w, sw, lw, 0x7fffffff, 1, 0x7fffffff, -0x80000000)
	AMO(amoand.w, sw, lw, 0x70f0, 0x3333, 0x70f0, 0x3030)
	AMO(amoor.w, sw, lw, 0x70f0, 0x3333, 0x70f0, 0x73f3)
	AMO(amoxor.w, sw, lw, 0x70f0, 0x3333, 0x70f0, 0x43c3)
	AMO(amomax.w, sw, lw, -2, 1, -2, 1)
	AMO(amomaxu.w, sw, lw, -2, 1, -2, -2)
	AMO(amomin.w, sw, lw, -2, 1, -2, -2)
	AMO(amominu.w, sw, lw, -2, 1, -2, 1)
	AMO(amoswap.d, sd, ld, -1, 2, -1, 2)
	AMO(amoadd.d, sd, ld, 0x7fffffffffffffff, 1, 0x7fffffffffffffff, -0x8000000000000000)
	AMO(amoand.d, sd, ld, 0x70f000000000, 0x333300000000, 0x70f000000000, 0x303000000000)
	AMO(amoor.d, sd, ld, 0x70f000000000, 0x333300000000, 0x70f000000000, 0x73f300000000)
	AMO(amoxor.d, sd, ld, 0x70f000000000, 0x333300000000, 0x70f000000000, 0x43c300000000)
	AMO(amomax.d, sd, ld, -2, 1, -2, 1)
	AMO(amomaxu.d, sd, ld, -2, 1, -2, -2)
	AMO(amomin.d, sd, ld, -2, 1, -2, -2)
	AMO(amominu.d, sd, ld, -2, 1, -2, 1)

	/* the word beside it stays; the upper half of the operand does not count */
	li t0, 0x1111111122222222
	sd t0, 0(s0)
	li t1, 0xffffffff00000001
	addi s1, s0, 4
	amoadd.w.aqrl a0, t1, (s1)
	CHECK(a0, 0x11111111)
	ld a0, 0(s0)
	CHECK(a0, 0x1111111222222222)
	PASS

	.section .data
	.balign PAGE
fresh:	.skip 5 * PAGE
