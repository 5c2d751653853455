/* lr and sc: success, and each way to fail; atomics that fault change nothing. */
#include "harness.h"

PAGES(data, 2)
PAGES(root, 1)

TEST
	la a1, data
	la a2, data + 8
	li a3, 0x1234
	sd zero, 0(a1)
	/* success, once */
	lr.d a0, (a1)
	sc.d a0, a3, (a1)
	CHECK(a0, 0)
	ld a0, 0(a1)
	SAME(a0, a3)
	sc.d a0, zero, (a1)
	CHECK(a0, 1)
	ld a0, 0(a1)
	SAME(a0, a3)
	/* words are signed, their neighbours stay */
	li t0, 0x80000001ffffffff
	sd t0, 0(a1)
	addi a4, a1, 4
	lr.w a0, (a4)
	CHECK(a0, -0x7fffffff)
	li t0, 5
	sc.w a0, t0, (a4)
	CHECK(a0, 0)
	ld a0, 0(a1)
	CHECK(a0, 0x5ffffffff)
	/* another address */
	lr.d a0, (a1)
	sc.d a0, a3, (a2)
	CHECK(a0, 1)
	sc.d a0, a3, (a1)				/* a failed one too ends the reservation */
	CHECK(a0, 1)
	/* never reserved, or reserved and used */
	sc.w a0, a3, (a1)
	CHECK(a0, 1)
	/* a store in between changes what was read */
	lr.d a0, (a1)
	sd a3, 0(a1)
	li t0, 1
	sc.d a0, t0, (a1)
	CHECK(a0, 1)
	ld a0, 0(a1)
	SAME(a0, a3)
	/* the last lr counts */
	lr.d a0, (a1)
	lr.d a0, (a2)
	sc.d a0, a3, (a1)
	CHECK(a0, 1)
	/* x0 as destination, and the address as source */
	lr.d zero, (a1)
	sc.d zero, a2, (a1)
	ld a0, 0(a1)
	SAME(a0, a2)
	lr.d a0, (a1)
	mv a4, a1
	sc.d a4, a4, (a4)
	CHECK(a4, 0)
	ld a0, 0(a1)
	SAME(a0, a1)
	/* a loop that counts */
	sd zero, 0(a1)
	li a4, 1000
1:	lr.d a0, (a1)
	addi a0, a0, 1
	sc.d t0, a0, (a1)
	bnez t0, 1b
	addi a4, a4, -1
	bnez a4, 1b
	ld a0, 0(a1)
	CHECK(a0, 1000)
#ifndef QEMU						/* fails without looking */
	addi a4, a1, 4
	lr.d a0, (a1)
	TRY(sc.d a0, a3, (a4))
	CAUSE(STORE_MISALIGNED)
	SAME(s4, a4)
#endif

	/* signed and unsigned extremes, by word and double word, old value back */
	li t0, 0xffffffff00000001
	sd t0, 0(a1)
	addi a4, a1, 4
	li t0, 7
	amomax.w a0, t0, (a4)
	CHECK(a0, -1)
	lw a0, 0(a4)
	CHECK(a0, 7)
	li t0, -2
	amomaxu.w a0, t0, (a4)
	CHECK(a0, 7)
	lw a0, 0(a4)
	CHECK(a0, -2)
	li t0, 0x100000003				/* the upper half does not count */
	amominu.w a0, t0, (a4)
	CHECK(a0, -2)
	ld a0, 0(a1)
	CHECK(a0, 0x300000001)
	amoswap.d a0, a1, (a1)
	CHECK(a0, 0x300000001)
	mv a0, a1
	amoadd.d a0, a0, (a0)
	SAME(a0, a1)
	ld a0, 0(a1)
	slli t0, a1, 1
	SAME(a0, t0)

	/* on a page that may only be read: a store's fault, nothing changes; lr may */
	PTE(root, 2, RAM, RWXAD)
	PTE(root, 4, RAM, V | R | A)
	SATP(8, root)
	li t0, 2 << 30
	add a1, a1, t0
	ld a5, 0(a2)
	IN_S(op_amo)
	CAUSE(STORE_PAGE)
	SAME(s4, a1)
	IN_S(op_lr)
	CAUSE(ECALL_S)
	ld t0, 0(a2)
	SAME(t0, a5)
	IN_S(op_reserve_and_store)
	CAUSE(STORE_PAGE)
	SAME(s4, a1)
	PASS

	.balign 4
op_reserve_and_store:
	lr.d a0, (a1)
	sc.d a0, a0, (a1)
	ecall
