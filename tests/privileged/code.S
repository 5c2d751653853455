/* Code that is written: with fence.i, at another address of the page, by the block itself, across pages. */
#include "harness.h"

#define LI_A0(n) (0x00000513 | (n) << 20)		/* addi a0, zero, n */
#define RET 0x00008067

	.section .bss
	.balign 4096
code:	.skip 3 * 4096
	.text

PAGES(root, 1)

TEST
	la a1, code
	li t0, LI_A0(1)
	sw t0, 0(a1)
	li t0, RET
	sw t0, 4(a1)
	fence.i
	jalr a1
	CHECK(a0, 1)
	/* each size of store, each kind of instruction that stores */
	li t0, LI_A0(2)
	sw t0, 0(a1)
	fence.i
	jalr a1
	CHECK(a0, 2)
	li t0, 0x30
	sb t0, 2(a1)
	fence.i
	jalr a1
	CHECK(a0, 3)
	li t0, 0x0040
	sh t0, 2(a1)
	fence.i
	jalr a1
	CHECK(a0, 4)
	li t0, LI_A0(5) | (RET << 32)
	sd t0, 0(a1)
	fence.i
	jalr a1
	CHECK(a0, 5)
	li t0, LI_A0(6)
	amoswap.w t1, t0, (a1)
	fence.i
	jalr a1
	CHECK(a0, 6)
	li t0, LI_A0(7)
	lr.w t1, (a1)
	sc.w t1, t0, (a1)
	CHECK(t1, 0)
	fence.i
	jalr a1
	CHECK(a0, 7)
	SET(mstatus, MSTATUS_FS)
	li t0, LI_A0(8)
	fmv.w.x fa0, t0
	fsw fa0, 0(a1)
	fence.i
	jalr a1
	CHECK(a0, 8)
	li t0, LI_A0(9) >> 8				/* not aligned */
	lbu t1, 4(a1)
	slli t1, t1, 24
	or t0, t0, t1
	sw t0, 1(a1)
	fence.i
	jalr a1
	CHECK(a0, 9)
#ifndef QEMU						/* has no Zicboz */
	cbo.zero (a1)
	fence.i
	la s10, 1f
	jr a1
1:	CAUSE(ILLEGAL)
	SAME(s3, a1)
#endif

	/* many times, and its neighbours: a page of both code and data */
	li a4, 300
2:	andi t1, a4, 0x3ff
	slli t1, t1, 20
	li t0, LI_A0(0)
	or t0, t0, t1
	sw t0, 0(a1)
	li t0, RET
	sw t0, 4(a1)
	sw a4, 64(a1)
	fence.i
	jalr a1
	SAME(a0, a4)
	addi a4, a4, -1
	bnez a4, 2b

	/* a block that writes ahead of itself, within the page */
	la a1, ahead
	la a2, ahead_template
	li a3, 0
	lw a2, 0(a2)
	li a0, 0
	jalr a1
	CHECK(a0, 77)

	/* a loop whose body changes: the branch back is chained */
	la a1, code
	la a2, looping
	li t1, looping_end - looping
	mv a3, a1
3:	lw t0, 0(a2)
	sw t0, 0(a3)
	addi a2, a2, 4
	addi a3, a3, 4
	addi t1, t1, -4
	bgtz t1, 3b
	fence.i
	li a0, 0
	li a4, 10
	jalr a1
	CHECK(a0, 10 * 1 + 45)

	/* across pages: either half is written */
	la a1, code + 4096 - 2
	li t0, LI_A0(0x123)
	sh t0, 0(a1)
	srli t0, t0, 16
	sh t0, 2(a1)
	li t0, RET
	sw t0, 4(a1)
	fence.i
	jalr a1
	CHECK(a0, 0x123)
	li t0, 0x3210
	sh t0, 2(a1)
	fence.i
	jalr a1
	CHECK(a0, 0x321)
	la t1, code + 4096 - 2
	li t0, 0x0593					/* addi a1, ... */
	sh t0, 0(t1)
	fence.i
	li a0, 0
	jalr t1
	CHECK(a0, 0)
	CHECK(a1, 0x321)

	/* written at another address of the page */
	la a1, code
	li t0, LI_A0(11)
	sw t0, 0(a1)
	li t0, 0x00000073
	sw t0, 4(a1)
	fence.i
	PTE(root, 2, RAM, RWXAD)
	PTE(root, 4, RAM, RWXAD)
	SATP(8, root)
	IN_S(op_jump)
	CHECK(a0, 11)
	li t0, 2 << 30
	add a1, a1, t0					/* code at the other address, stores at the first, and the reverse */
	IN_S(op_jump)
	CHECK(a0, 11)
	la a1, code
	li a2, LI_A0(12) | 0x73 << 32
	IN_S(op_store)
	CAUSE(ECALL_S)
	li t0, 2 << 30
	add a1, a1, t0
	IN_S(op_jump)
	CHECK(a0, 12)
	li a2, LI_A0(13) | 0x73 << 32
	IN_S(op_store)
	CAUSE(ECALL_S)
	la a1, code
	IN_S(op_jump)
	CHECK(a0, 13)
	CAUSE(ECALL_S)
	PASS

	.balign 64
ahead:
	la t0, 1f
	sw a2, 0(t0)
	fence.i
1:	li a0, 55
	ret
ahead_template:
	.option push
	.option norvc
	li a0, 77
	.option pop

	/* adds a counter that it writes into its own instruction */
	.balign 4
	.option push
	.option norvc
looping:
	addi a0, a0, 1
	lw t0, 0(a1)
	li t1, 1 << 20
	add t0, t0, t1
	addi a4, a4, -1
	sw t0, 0(a1)
	fence.i
	bnez a4, looping
	ret
	.option pop
looping_end:
