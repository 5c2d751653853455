/* Interrupts: lines and their registers, enables by privilege, delegation, order, vectors, wfi, timers. */
#include "harness.h"

#define SSI (1 << 1)
#define MSI (1 << 3)
#define STI (1 << 5)
#define MTI (1 << 7)
#define SEI (1 << 9)
#define STCE (1 << 63)
/* From here on an interrupt goes on at `label` in M. */
#define ON_TRAP(label) li s2, 0; la s10, label
/* Wait until a bit of mip is as `branch` (beqz: set) says. */
#define UNTIL_PENDING(bit) 77: csrr t0, mip; li t1, bit; and t0, t0, t1; beqz t0, 77b
#define UNTIL_NOT_PENDING(bit) 77: csrr t0, mip; li t1, bit; and t0, t0, t1; bnez t0, 77b
#define MSIP(value) li t0, CLINT; li t1, value; sw t1, 0(t0)
#define DEADLINE(more) csrr t1, time; li t0, more; add t1, t1, t0; li t0, MTIMECMP; sd t1, 0(t0)
#define NEVER li t0, MTIMECMP; li t1, -1; sd t1, 0(t0)

TEST
	NEVER
	/* software interrupt of M: pending, enabled in mie, enabled in mstatus */
	csrci mstatus, MSTATUS_MIE
	WRITE(mie, MSI)
	MSIP(1)
	UNTIL_PENDING(MSI)
	ON_TRAP(1f)
	csrsi mstatus, MSTATUS_MIE		/* taken before the next instruction */
0:	li s11, __LINE__
	j fail
1:	TRAPPED(IRQ(3), 0)
	CHECK_AT(s3, 0b)
	csrr a0, mip
	andi a0, a0, MSI
	CHECK(a0, MSI)
	li a0, -1				/* the line is not written by software */
	csrc mip, a0
	csrr a0, mip
	andi a0, a0, MSI
	CHECK(a0, MSI)
	MSIP(0)
	UNTIL_NOT_PENDING(MSI)

	/* by mie */
	csrw mie, zero
	csrsi mstatus, MSTATUS_MIE
	MSIP(1)
	UNTIL_PENDING(MSI)
	ON_TRAP(1f)
	csrsi mie, MSI
0:	li s11, __LINE__
	j fail
1:	TRAPPED(IRQ(3), 0)
	CHECK_AT(s3, 0b)

	/* by mret */
	csrci mstatus, MSTATUS_MIE
	SET(mstatus, MSTATUS_MPP | MSTATUS_MPIE)
	ON_TRAP(1f)
	la t0, 0f
	csrw mepc, t0
	mret
0:	li s11, __LINE__
	j fail
1:	TRAPPED(IRQ(3), 0)
	CHECK_AT(s3, 0b)

	/* below M, M's interrupts are enabled whatever MIE is */
	csrci mstatus, MSTATUS_MIE
	IN_S(op_ecall)
	TRAPPED(IRQ(3), 0)
	CHECK_AT(s3, op_ecall)
	IN_U(op_ecall)
	TRAPPED(IRQ(3), 0)
	MSIP(0)
	UNTIL_NOT_PENDING(MSI)
	csrw mie, zero

	/* a loop does not escape */
	WRITE(mie, MTI)
	ON_TRAP(1f)
	DEADLINE(2000)
	csrsi mstatus, MSTATUS_MIE
0:	j 0b
1:	TRAPPED(IRQ(7), 0)
	CHECK_AT(s3, 0b)
	csrr a0, time
	li t0, MTIMECMP
	ld a1, 0(t0)
	li s11, __LINE__
	bltu a0, a1, fail
	NEVER
	UNTIL_NOT_PENDING(MTI)

	/* nor one by indirect jumps, nor one in U */
	ON_TRAP(1f)
	DEADLINE(2000)
	csrsi mstatus, MSTATUS_MIE
	la a0, 0f
0:	jr a0
1:	CAUSE(IRQ(7))
	NEVER
	UNTIL_NOT_PENDING(MTI)
	csrci mstatus, MSTATUS_MIE
	DEADLINE(2000)
	IN_U(forever)
	CAUSE(IRQ(7))
	CHECK_AT(s3, forever)
	NEVER
	UNTIL_NOT_PENDING(MTI)

#ifndef QEMU					/* takes the lowest number */
	/* order: M external, software, timer; then S */
	WRITE(mie, MSI | MTI | SSI | SEI | STI)
	li t0, MTIMECMP
	sd zero, 0(t0)
	MSIP(1)
	WRITE(mip, SSI | SEI | STI)
	UNTIL_PENDING(MSI)
	UNTIL_PENDING(MTI)
	ON_TRAP(1f)
	csrsi mstatus, MSTATUS_MIE
1:	CAUSE(IRQ(3))
	MSIP(0)
	UNTIL_NOT_PENDING(MSI)
	ON_TRAP(1f)
	csrsi mstatus, MSTATUS_MIE
1:	CAUSE(IRQ(7))
	NEVER
	UNTIL_NOT_PENDING(MTI)
	ON_TRAP(1f)
	csrsi mstatus, MSTATUS_MIE
1:	CAUSE(IRQ(9))
	CLEAR(mip, SEI)
	ON_TRAP(1f)
	csrsi mstatus, MSTATUS_MIE
1:	CAUSE(IRQ(1))
	CLEAR(mip, SSI)
	ON_TRAP(1f)
	csrsi mstatus, MSTATUS_MIE
1:	CAUSE(IRQ(5))
	CLEAR(mip, STI)
	csrci mstatus, MSTATUS_MIE
#endif
	WRITE(mie, MSI | MTI | SSI | SEI | STI)

	/* delegated: not taken in M, taken in S with SIE, always in U */
	WRITE(mideleg, SSI | STI | SEI)
	WRITE(mip, SSI)
	csrsi mstatus, MSTATUS_MIE
	nop
	csrci mstatus, MSTATUS_MIE | MSTATUS_SIE
	IN_S(op_ecall)
	CAUSE(ECALL_S)
	csrsi sstatus, MSTATUS_SIE
	IN_S(op_ecall)
	CAUSE(IRQ(1))
	CHECK(s6, 1)
	CHECK_AT(s3, op_ecall)
	csrci sstatus, MSTATUS_SIE
	IN_U(op_ecall)
	CAUSE(IRQ(1))
	CHECK(s6, 1)
	CLEAR(mie, SSI)
	IN_U(op_ecall)
	CAUSE(ECALL_U)
	SET(mie, SSI)
	/* S lets it in */
	IN_S(open_up)
	CAUSE(IRQ(1))
	CHECK_AT(s3, opened_up)
	csrci sstatus, MSTATUS_SIE
	IN_S(clear_it)
	CAUSE(ECALL_S)
	csrr a0, mip
	andi a0, a0, SSI
	CHECK(a0, 0)
	IN_S(raise_it)
	CAUSE(IRQ(1))
	CHECK_AT(s3, raised_it)
	csrw mip, zero
	csrci sstatus, MSTATUS_SIE
	/* one that is not delegated comes before those that are */
	WRITE(mideleg, SSI)
	WRITE(mip, SSI | SEI)
	IN_U(op_ecall)
	CAUSE(IRQ(9))
	CHECK(s6, 3)
	csrw mip, zero
	csrw mideleg, zero

	/* vectors */
	la t0, vectors
	addi t0, t0, 1
	csrw mtvec, t0
	li a0, 0
	WRITE(mie, MSI)
	MSIP(1)
	UNTIL_PENDING(MSI)
	ON_TRAP(1f)
	csrsi mstatus, MSTATUS_MIE
1:	CHECK(a0, 3)
	MSIP(0)
	UNTIL_NOT_PENDING(MSI)
	li a0, 0
	ON_TRAP(1f)
	ecall
1:	CHECK(a0, 100)
	csrci mstatus, MSTATUS_MIE
	la t0, m_trap
	csrw mtvec, t0
	la t0, vectors + 0x80
	addi t0, t0, 1
	csrw stvec, t0
	WRITE(mideleg, SEI)
	WRITE(mie, SEI)
	WRITE(mip, SEI)
	IN_U(op_ecall)
	CAUSE(IRQ(9))
	CHECK(a0, 9)
	csrw mip, zero
	csrw mideleg, zero
	la t0, s_trap
	csrw stvec, t0

	/* wfi: ends by what is enabled in mie, whatever mstatus is; goes on behind itself */
	csrci mstatus, MSTATUS_MIE
	WRITE(mie, MTI)
	DEADLINE(20000)
	wfi
	csrr a0, time
	li t0, MTIMECMP
	ld a1, 0(t0)
	li s11, __LINE__
	bltu a0, a1, fail
	wfi					/* at once, while it is pending */
	ON_TRAP(1f)
	NEVER
	UNTIL_NOT_PENDING(MTI)
	DEADLINE(20000)
	csrsi mstatus, MSTATUS_MIE
0:	wfi
	j 0b
1:	CAUSE(IRQ(7))
	csrci mstatus, MSTATUS_MIE
	NEVER
	UNTIL_NOT_PENDING(MTI)
	DEADLINE(20000)
	IN_S(sleep)
	CAUSE(IRQ(7))
	NEVER
	UNTIL_NOT_PENDING(MTI)

	/* stimecmp drives STIP, which software cannot then */
	csrw mie, zero
	WRITE(mcounteren, 2)
	WRITE(menvcfg, STCE)
	WRITE(stimecmp, -1)
	WRITE(mip, STI)
	csrr a0, mip
	andi a0, a0, STI
	CHECK(a0, 0)
	csrw stimecmp, zero
	UNTIL_PENDING(STI)
	CLEAR(mip, STI)
	csrr a0, mip
	andi a0, a0, STI
	CHECK(a0, STI)
	WRITE(stimecmp, -1)
	csrr a0, mip				/* no later than the next read */
	andi a0, a0, STI
	CHECK(a0, 0)
	WRITE(mideleg, STI)
	WRITE(mie, STI)
	csrr t0, time
	li t1, 20000
	add t0, t0, t1
	csrw stimecmp, t0
	csrsi sstatus, MSTATUS_SIE
	IN_S(sleep)
	CAUSE(IRQ(5))
	CHECK(s6, 1)
	csrr a0, time
	csrr a1, stimecmp
	li s11, __LINE__
	bltu a0, a1, fail
	csrci sstatus, MSTATUS_SIE
	IN_U(forever)				/* still pending */
	CAUSE(IRQ(5))
	WRITE(menvcfg, 0)			/* STIP is software's again */
	WRITE(mip, 0)
	csrr a0, mip
	andi a0, a0, STI
	CHECK(a0, 0)
	PASS

	.balign 4
forever:
	j forever
sleep:
	wfi
	j sleep
open_up:
	csrsi sstatus, MSTATUS_SIE
opened_up:
	ecall
clear_it:
	csrci sip, SSI
	ecall
raise_it:
	csrsi sstatus, MSTATUS_SIE
	csrsi sip, SSI
raised_it:
	ecall

	.option norvc
	.balign 256
vectors:
	j vector_exception
	.irp code, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	j vector_\code
	.endr
	.balign 0x80
	j vector_exception
	.irp code, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	j s_vector_\code
	.endr
vector_exception:
	li a0, 100
	j m_trap
	.irp code, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
vector_\code:
	li a0, \code
	j m_trap
s_vector_\code:
	li a0, \code
	j s_trap
	.endr
