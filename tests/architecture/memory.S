/* Loads and stores of each size at each place around the end of a page, and of a page that was never touched. */
#include "environment.h"

#define PATTERN 0x8182838485868788
/* At distance d from the end of a page: store, then load by bytes and as stored. */
#define AROUND(store, load, size, d) \
	addi a1, s0, d; \
	store s1, 0(a1); \
	li a2, 0; \
	.set at, (size) - 1; .rept size; slli a2, a2, 8; lbu a3, at(a1); or a2, a2, a3; .set at, at - 1; .endr; \
	slli a4, s1, 64 - 8 * (size); srli a4, a4, 64 - 8 * (size); \
	SAME(a2, a4); \
	load a5, 0(a1); slli a5, a5, 64 - 8 * (size); srli a5, a5, 64 - 8 * (size); \
	SAME(a5, a4); \
	addi s1, s1, 0x11
#define EACH(store, load, size) \
	.irp d, -9, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1; AROUND(store, load, size, \d); .endr

PROGRAM
	la s0, area + PAGE
	li s1, PATTERN
	EACH(sb, lb, 1)
	EACH(sh, lh, 2)
	EACH(sw, lw, 4)
	EACH(sd, ld, 8)
	la s0, area + 3 * PAGE
	EACH(sd, ld, 8)
	la s0, area + 5 * PAGE
	EACH(sw, lwu, 4)

	/* extension of what is loaded */
	la s0, area + 6 * PAGE
	li a1, PATTERN
	sd a1, 0(s0)
	lb a0, 7(s0)
	CHECK(a0, -0x7f)
	lbu a0, 7(s0)
	CHECK(a0, 0x81)
	lh a0, 6(s0)
	CHECK(a0, -0x7e7e)
	lhu a0, 6(s0)
	CHECK(a0, 0x8182)
	lw a0, 4(s0)
	CHECK(a0, -0x7e7d7c7c)
	lwu a0, 4(s0)
	CHECK(a0, 0x81828384)
	lw zero, 0(s0)
	CHECK(zero, 0)

	/* a page that is only read, across its end into one that is only written */
	la s0, area + 8 * PAGE
	ld a0, -4(s0)
	CHECK(a0, 0)
	sw a1, 0(s0)
	ld a0, -4(s0)
	li a2, PATTERN << 32
	SAME(a0, a2)

	/* many pages, several times */
	li s2, 3
1:	la s0, area
	li s3, 32
	li t0, PAGE
2:	lw a0, 128(s0)
	addi a0, a0, 5
	sw a0, 128(s0)
	add s0, s0, t0
	addi s3, s3, -1
	bnez s3, 2b
	addi s2, s2, -1
	bnez s2, 1b
	la s0, area + 31 * PAGE
	lw a0, 128(s0)
	CHECK(a0, 15)
	PASS

	.section .data
	.balign PAGE
area:	.skip 32 * PAGE
