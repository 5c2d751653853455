/* Zicbom and Zicboz: gates, permissions, faults (Unprivileged ISA manual, chapter 19). */
#include "harness.h"

#define CBIE (3 << 4)
#define CBCFE (1 << 6)
#define CBZE (1 << 7)

PAGES(root, 1)
PAGES(data, 1)

TEST
	la a1, data
	cbo.zero (a1)
	cbo.flush (a1)
	cbo.inval (a1)
	csrw menvcfg, zero
	csrw senvcfg, zero
	IN_S(op_zero)
	CAUSE(ILLEGAL)
	IN_S(op_flush)
	CAUSE(ILLEGAL)
	IN_S(op_clean)
	CAUSE(ILLEGAL)
	IN_S(op_inval)
	TRAPPED(ILLEGAL, 0x0005a00f)
	WRITE(menvcfg, CBZE)
	IN_S(op_zero)
	CAUSE(ECALL_S)
	IN_U(op_zero)
	CAUSE(ILLEGAL)
	IN_S(op_flush)
	CAUSE(ILLEGAL)
	WRITE(menvcfg, CBIE | CBCFE | CBZE)
	IN_S(op_flush)
	CAUSE(ECALL_S)
	IN_S(op_inval)
	CAUSE(ECALL_S)
	IN_U(op_flush)
	CAUSE(ILLEGAL)
	WRITE(senvcfg, CBIE | CBCFE | CBZE)
	IN_U(op_flush)
	CAUSE(ECALL_U)
	IN_U(op_inval)
	CAUSE(ECALL_U)
	IN_U(op_zero)
	CAUSE(ECALL_U)

	/* 64 bytes are zeroed, from anywhere in the block */
	li a2, -1
	sd a2, 56(a1)
	sd a2, 64(a1)
	sd a2, 120(a1)
	sd a2, 128(a1)
	addi a1, a1, 77
	cbo.zero (a1)
	la a1, data
	ld a0, 56(a1)
	CHECK(a0, -1)
	ld a0, 64(a1)
	CHECK(a0, 0)
	ld a0, 120(a1)
	CHECK(a0, 0)
	ld a0, 128(a1)
	CHECK(a0, -1)

	/* faults are those of stores, at the address given */
	li a1, NOWHERE + 5
	TRY(cbo.zero (a1))
	TRAPPED(STORE_ACCESS, NOWHERE + 5)
	TRY(cbo.flush (a1))
	TRAPPED(STORE_ACCESS, NOWHERE + 5)

	PTE(root, 2, RAM, RWXAD)
	PTE(root, 4, RAM, RWXAD | U)
	PTE(root, 5, RAM, V | R | A)
	PTE(root, 6, RAM, V | X | A)
	SATP(8, root)
	li a1, 7 << 30 | 0x1008
	IN_S(op_flush)
	TRAPPED(STORE_PAGE, 7 << 30 | 0x1008)
	IN_S(op_zero)
	TRAPPED(STORE_PAGE, 7 << 30 | 0x1008)
	/* read-only: managed, but not zeroed */
	la a1, data
	li t0, 3 << 30
	add a1, a1, t0
	addi a1, a1, 9
	IN_S(op_flush)
	CAUSE(ECALL_S)
	IN_S(op_clean)
	CAUSE(ECALL_S)
	IN_S(op_inval)
	CAUSE(ECALL_S)
	IN_S(op_zero)
	CAUSE(STORE_PAGE)
	SAME(s4, a1)
	/* executable only */
	li t0, 1 << 30
	add a1, a1, t0
	IN_S(op_clean)
	CAUSE(STORE_PAGE)
	SAME(s4, a1)
	PASS

	.balign 4
op_zero:
	cbo.zero (a1)
	ecall
op_flush:
	cbo.flush (a1)
	ecall
op_clean:
	cbo.clean (a1)
	ecall
op_inval:
	cbo.inval (a1)
	ecall
