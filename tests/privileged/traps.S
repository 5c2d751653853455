/* Exceptions without translation: cause, epc, tval; status stacks; delegation; vectors. */
#include "harness.h"

PAGES(data, 1)

TEST
	/* illegal instructions, with their bits */
	TRY(.word 0xffffffff)
	TRAPPED(ILLEGAL, 0xffffffff)
	TRY(.half 0)
	TRAPPED(ILLEGAL, 0)
	TRY(.half 0x8002)			/* c.jr x0 */
	TRAPPED(ILLEGAL, 0x8002)
	TRY(.half 0x2001)			/* c.addiw x0 */
	TRAPPED(ILLEGAL, 0x2001)
	TRY(.half 0x6101)			/* c.addi16sp 0 */
	TRAPPED(ILLEGAL, 0x6101)
	TRY(.half 0x4002)			/* c.lwsp x0 */
	TRAPPED(ILLEGAL, 0x4002)
	TRY(.half 0x6002)			/* c.ldsp x0 */
	TRAPPED(ILLEGAL, 0x6002)
	TRY(.half 0x9c41)			/* reserved in CA */
	TRAPPED(ILLEGAL, 0x9c41)
	TRY(.word 0x02002053 | 1 << 25)
	CAUSE(ILLEGAL)
	TRY(csrw 0xc00, zero)			/* cycle is read-only */
	TRAPPED(ILLEGAL, 0xc0001073)
	TRY(csrr a0, 0x7ff)
	TRAPPED(ILLEGAL, 0x7ff02573)
	TRY(.word 0x10200073 | 1 << 7)		/* sret with rd */
	CAUSE(ILLEGAL)
	TRY(.word 0x0000302f | 2 << 27 | 1 << 20)	/* lr.d with rs2 */
	CAUSE(ILLEGAL)
	TRY(.word 0x0000102f)			/* amoadd.h */
	CAUSE(ILLEGAL)
	TRY(.word 0x0000700b)			/* custom */
	CAUSE(ILLEGAL)
	TRY(.word 0x00007003)			/* load of funct3 7 */
	CAUSE(ILLEGAL)
	TRY(.word 0x00004023)			/* store of funct3 4 */
	CAUSE(ILLEGAL)
	TRY(.word 0x00002063)			/* branch of funct3 2 */
	CAUSE(ILLEGAL)
	TRY(.word 0x00001067)			/* jalr of funct3 1 */
	CAUSE(ILLEGAL)
	TRY(.word 0x0200101b)			/* slliw by 32 */
	CAUSE(ILLEGAL)

	/* breakpoints */
	TRY(ebreak)
	CAUSE(BREAKPOINT)
	beqz s4, 1f				/* tval may be zero */
	SAME(s4, s3)
1:	TRY(c.ebreak)
	CAUSE(BREAKPOINT)
	beqz s4, 1f
	SAME(s4, s3)
1:

	/* environment calls */
	TRY(ecall)
	TRAPPED(ECALL_M, 0)
	IN_S(op_ecall)
	TRAPPED(ECALL_S, 0)
	CHECK_AT(s3, op_ecall)
	IN_U(op_ecall)
	TRAPPED(ECALL_U, 0)
	CHECK_AT(s3, op_ecall)

	/* addresses where nothing is */
	li a1, NOWHERE
	TRY(ld a0, 0(a1))
	TRAPPED(LOAD_ACCESS, NOWHERE)
	TRY(lb a0, 3(a1))
	TRAPPED(LOAD_ACCESS, NOWHERE + 3)
	TRY(sd a0, 8(a1))
	TRAPPED(STORE_ACCESS, NOWHERE + 8)
#ifndef QEMU					/* calls it a load */
	TRY(amoadd.w a0, a0, (a1))
	TRAPPED(STORE_ACCESS, NOWHERE)
#endif
	TRY(lr.w a0, (a1))
	TRAPPED(LOAD_ACCESS, NOWHERE)
	IN_M(op_jump)
	TRAPPED(FETCH_ACCESS, NOWHERE)
	CHECK(s3, NOWHERE)
	li a1, RAM + (128 << 20)
	TRY(lw a0, 0(a1))
	TRAPPED(LOAD_ACCESS, RAM + (128 << 20))
	TRY(sw a0, 0(a1))
	TRAPPED(STORE_ACCESS, RAM + (128 << 20))
	sw a0, -4(a1)
	li a2, -1
	sw zero, -4(a1)
	TRY(sd a2, -4(a1))			/* across the end */
	CAUSE(STORE_ACCESS)
	TRY(ld a0, -4(a1))
	CAUSE(LOAD_ACCESS)
#ifndef QEMU					/* stores the half that it can */
	lw a0, -4(a1)
	CHECK(a0, 0)
#endif
	li a1, 1 << 60
	TRY(lw a0, 0(a1))
	TRAPPED(LOAD_ACCESS, 1 << 60)
	TRY(fld fa0, 0(a1))
	CAUSE(ILLEGAL)				/* FS is off: that comes first */
	li a1, -8
	TRY(ld a0, 0(a1))
	TRAPPED(LOAD_ACCESS, -8)
	IN_M(op_jump)
	TRAPPED(FETCH_ACCESS, -8)
	CHECK(s3, -8)

	/* alignment: atomics trap, other accesses to RAM do not */
	la a1, data + 1
#ifndef QEMU					/* calls atomics loads, and lets lr be */
	TRY(amoadd.d a0, a0, (a1))
	CAUSE(STORE_MISALIGNED)
	SAME(s4, a1)
	TRY(amoswap.w a0, a0, (a1))
	CAUSE(STORE_MISALIGNED)
	SAME(s4, a1)
	TRY(lr.d a0, (a1))
	CAUSE(LOAD_MISALIGNED)
	SAME(s4, a1)
#endif
	li a2, 0x1122334455667788
	sd a2, 0(a1)
	ld a0, 0(a1)
	SAME(a0, a2)
	lhu a0, 2(a1)
	CHECK(a0, 0x5566)
	la a1, data + 4096 - 3
	sd a2, -1(a1)
	ld a0, -1(a1)
	SAME(a0, a2)

	/* M stacks its status */
	SET(mstatus, MSTATUS_MIE)
	TRY(ecall)
	li t0, MSTATUS_MPP | MSTATUS_MPIE | MSTATUS_MIE
	and a0, s5, t0
	CHECK(a0, MSTATUS_MPP | MSTATUS_MPIE)
	csrr a0, mstatus			/* mret has unstacked MPIE, which the handler cleared */
	andi a0, a0, MSTATUS_MIE | MSTATUS_MPIE
	CHECK(a0, MSTATUS_MPIE)
	csrr a0, mstatus
	li t0, MSTATUS_MPP
	and a0, a0, t0
	CHECK(a0, 0)

	/* delegation from U and S, not from M */
	WRITE(medeleg, -1)
	csrr a0, medeleg
#ifndef QEMU					/* lets M's own ecall be delegated */
	srli t0, a0, 11
	andi t0, t0, 1
	CHECK(t0, 0)
#endif
	li t0, 0xb1ff
	and a0, a0, t0
	CHECK(a0, 0xb1ff)
	CLEAR(medeleg, 1 << ECALL_S)
	IN_U(op_ecall)
	TRAPPED(ECALL_U, 0)
	CHECK(s6, 1)
	CHECK_AT(s3, op_ecall)
	andi a0, s5, MSTATUS_SPP | MSTATUS_SIE | MSTATUS_SPIE
	CHECK(a0, 0)
	csrsi sstatus, MSTATUS_SIE
	IN_S(illegal_word)
	TRAPPED(ILLEGAL, 0xffffffff)
	CHECK(s6, 1)
	andi a0, s5, MSTATUS_SPP | MSTATUS_SIE | MSTATUS_SPIE
	CHECK(a0, MSTATUS_SPP | MSTATUS_SPIE)
	li a1, NOWHERE
	IN_U(op_load)
	TRAPPED(LOAD_ACCESS, NOWHERE)
	CHECK(s6, 1)
	IN_U(op_store)
	TRAPPED(STORE_ACCESS, NOWHERE)
	IN_U(op_jump)
	TRAPPED(FETCH_ACCESS, NOWHERE)
	CHECK(s3, NOWHERE)
	TRY(.word 0xffffffff)
	CAUSE(ILLEGAL)
	CHECK(s6, 3)
	csrw medeleg, zero

	/* mret and sret: MPRV is cleared on the way to less than M, and stays on the way to M */
	SET(mstatus, MSTATUS_MPRV | MSTATUS_MPP)
	la t0, 1f
	csrw mepc, t0
	mret
1:	csrr a0, mstatus
	li t0, MSTATUS_MPRV
	and a0, a0, t0
	CHECK(a0, MSTATUS_MPRV)
	IN_S(op_ecall)
#ifndef QEMU					/* keeps it */
	li t0, MSTATUS_MPRV
	and a0, s5, t0
	CHECK(a0, 0)
#endif
	SET(mstatus, MSTATUS_SPP | MSTATUS_SPIE | MSTATUS_MPRV)
	csrci mstatus, MSTATUS_SIE
	la t0, op_ecall
	csrw sepc, t0
	la s10, 1f
	sret
1:	TRAPPED(ECALL_S, 0)
	li t0, MSTATUS_SPP | MSTATUS_SIE | MSTATUS_SPIE
	and a0, s5, t0
	CHECK(a0, MSTATUS_SIE | MSTATUS_SPIE)
#ifndef QEMU
	li t0, MSTATUS_MPRV
	and a0, s5, t0
	CHECK(a0, 0)
#endif
	csrci mstatus, MSTATUS_SIE

	/* epc has no lowest bit; a vectored tvec sends exceptions to its base */
#ifndef QEMU					/* masks it when it is used */
	WRITE(mepc, -1)
	csrr a0, mepc
	CHECK(a0, -2)
	WRITE(sepc, 0x1235)
	csrr a0, sepc
	CHECK(a0, 0x1234)
#endif
	csrsi mtvec, 1
	TRY(ecall)
	TRAPPED(ECALL_M, 0)
	csrci mtvec, 1

	/* an instruction that faults writes no register */
	li a1, NOWHERE
	li a0, 0x1234
	TRY(ld a0, 0(a1))
	CHECK(a0, 0x1234)
	mv a0, a1
	TRY(ld a0, 0(a0))
	SAME(a0, a1)
	TRY(amoadd.d a0, a0, (a0))
	SAME(a0, a1)
	PASS

	.balign 4
illegal_word:
	.word 0xffffffff
