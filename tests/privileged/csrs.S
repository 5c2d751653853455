/* Control and status registers: who may access them, what of them can be written. */
#include "harness.h"

#define REFUSED(number) TRY(csrr a0, number); CAUSE(ILLEGAL); TRY(csrw number, zero); CAUSE(ILLEGAL)
/* S, and U: an access of a CSR is illegal, or is allowed. */
#define S_REFUSED(...) la s10, 77f; .option push; .option norvc; j 78f; .balign 4; 76: __VA_ARGS__; ecall; .option pop; 78: ; IN_S(76b); CAUSE(ILLEGAL)
#define S_ALLOWED(...) .option push; .option norvc; j 78f; .balign 4; 76: __VA_ARGS__; ecall; .option pop; 78: ; IN_S(76b); CAUSE(ECALL_S)
#define U_REFUSED(...) .option push; .option norvc; j 78f; .balign 4; 76: __VA_ARGS__; ecall; .option pop; 78: ; IN_U(76b); CAUSE(ILLEGAL)
#define U_ALLOWED(...) .option push; .option norvc; j 78f; .balign 4; 76: __VA_ARGS__; ecall; .option pop; 78: ; IN_U(76b); CAUSE(ECALL_U)
/* Writing all ones, and zero, leaves these. */
#define HOLDS(number, ones, zeroes) \
	li t0, -1; csrw number, t0; csrr a0, number; CHECK(a0, ones); csrw number, zero; csrr a0, number; CHECK(a0, zeroes)

TEST
	/* those that are there */
	csrr a0, mhartid
	CHECK(a0, 0)
	csrr a0, misa
	li t0, 3 << 62 | 0x14112d		/* A C D F I M S U */
	and a0, a0, t0
	CHECK(a0, 2 << 62 | 0x14112d)
	csrr a0, mconfigptr
	CHECK(a0, 0)
	TRY(csrw mhartid, zero)
	CAUSE(ILLEGAL)
	TRY(csrw mvendorid, zero)
	CAUSE(ILLEGAL)
	csrrs a0, mhartid, zero			/* no write */
	csrrci a0, mhartid, 0
	TRY(csrrsi a0, mhartid, 1)
	CAUSE(ILLEGAL)

	/* those that are not */
	REFUSED(0x010)
	REFUSED(0x102)				/* sedeleg */
	REFUSED(0x200)				/* hypervisor */
	REFUSED(0x600)
	REFUSED(0x5a8)
	REFUSED(0x3ef)
	REFUSED(0x7c0)
	REFUSED(0x9c0)
	REFUSED(0xbff)
	TRY(csrr a0, 0xc80)			/* cycleh */
	CAUSE(ILLEGAL)
	TRY(csrr a0, 0x310)			/* mstatush */
	CAUSE(ILLEGAL)

	/* triggers: none, or some */
	csrw tselect, zero
	csrr a0, tselect
	CHECK(a0, 0)
#ifndef QEMU
	HOLDS(tdata1, 0, 0)
	HOLDS(tdata2, 0, 0)
#endif
	S_REFUSED(csrr a0, tselect)

	/* what can be written */
	HOLDS(mscratch, -1, 0)
	HOLDS(sscratch, -1, 0)
	HOLDS(stval, -1, 0)
	HOLDS(mtval, -1, 0)
	csrw medeleg, zero
#ifndef QEMU					/* more interrupts */
	HOLDS(mie, 0xaaa, 0)
#endif
	WRITE(mideleg, 0x222)
	csrr a0, mideleg
#ifdef QEMU					/* has more of them */
	andi a0, a0, 0x222
#endif
	CHECK(a0, 0x222)
	HOLDS(sie, 0x222, 0)
	WRITE(mie, -1)
	csrr a0, sie
	CHECK(a0, 0x222)
	csrw sie, zero
	csrr a0, mie
	andi a0, a0, 0x2aa
	CHECK(a0, 0x88)
	csrw mie, zero
	WRITE(mideleg, 0x200)
	WRITE(sie, -1)
	csrr a0, mie
	andi a0, a0, 0x2aa
	CHECK(a0, 0x200)
	csrw mie, zero
	csrw mideleg, zero
	HOLDS(sie, 0, 0)
	WRITE(mip, 0x222)
	csrr a0, mip
	andi a0, a0, 0x222
	CHECK(a0, 0x222)
	csrr a0, sip
	CHECK(a0, 0)
	csrw mip, zero
	WRITE(mideleg, 0x222)
	WRITE(sip, -1)				/* only SSIP is written */
	csrr a0, mip
	andi a0, a0, 0x222
	CHECK(a0, 2)
	csrw sip, zero
	csrr a0, mip
	andi a0, a0, 0x222
	CHECK(a0, 0)
	WRITE(mip, 0x200)
	csrr a0, sip
	CHECK(a0, 0x200)
	csrw sip, zero
	csrr a0, sip
	CHECK(a0, 0x200)
	csrw mip, zero
	csrw mideleg, zero

	/* mstatus */
#ifndef QEMU					/* takes a reserved MPP */
	SET(mstatus, MSTATUS_MPP)
	li t0, MPP_S
	csrc mstatus, t0			/* MPP 2 is reserved: MPP stays something legal */
	csrr a0, mstatus
	li t0, MSTATUS_MPP
	and a0, a0, t0
	li t0, 2 << 11
	li s11, __LINE__
	beq a0, t0, fail
#endif
	csrr a0, mstatus
	srli a0, a0, 32
	andi a0, a0, 15
	CHECK(a0, 10)				/* SXL, UXL */
#ifndef QEMU					/* sets some of the hypervisor's */
	SET(mstatus, 0x7fffffff00000000)
	csrr a0, mstatus
	srli a0, a0, 32
	CHECK(a0, 10)
#endif
	SET(mstatus, MSTATUS_MXR | MSTATUS_SUM | MSTATUS_SPP)
	csrr a0, sstatus
	li t0, MSTATUS_MXR | MSTATUS_SUM | MSTATUS_SPP
	and a0, a0, t0
	CHECK(a0, MSTATUS_MXR | MSTATUS_SUM | MSTATUS_SPP)
	SET(mstatus, MSTATUS_MPP | MSTATUS_TVM | MSTATUS_TW | MSTATUS_TSR)
	WRITE(sstatus, 0)
	csrr a0, mstatus
	li t0, MSTATUS_MPP | MSTATUS_TVM | MSTATUS_TW | MSTATUS_TSR | MSTATUS_MXR | MSTATUS_SUM | MSTATUS_SPP
	and a0, a0, t0
	CHECK(a0, MSTATUS_MPP | MSTATUS_TVM | MSTATUS_TW | MSTATUS_TSR)
	csrr a0, sstatus
	CHECK(a0, 2 << 32)
	CLEAR(mstatus, MSTATUS_TVM | MSTATUS_TW | MSTATUS_TSR)

	/* floating point off, clean and dirty */
	CLEAR(mstatus, MSTATUS_FS)
	TRY(fadd.d fa0, fa0, fa0)
	CAUSE(ILLEGAL)
	TRY(csrr a0, fcsr)
	CAUSE(ILLEGAL)
	TRY(csrr a0, frm)
	CAUSE(ILLEGAL)
	TRY(csrwi fflags, 0)
	CAUSE(ILLEGAL)
	TRY(fmv.x.d a0, fa0)
	CAUSE(ILLEGAL)
	la a1, scratch
	TRY(fsd fa0, 0(a1))
	CAUSE(ILLEGAL)
	TRY(c.fld fa0, 0(a1))
	CAUSE(ILLEGAL)
	TRY(fcvt.d.w fa0, a0)
	CAUSE(ILLEGAL)
	S_REFUSED(fadd.s fa0, fa0, fa0)
	U_REFUSED(fadd.s fa0, fa0, fa0)
	SET(mstatus, 1 << 13)
	csrr a0, mstatus
	srli a0, a0, 63
	CHECK(a0, 0)
	fadd.d fa0, fa0, fa0
	csrr a0, mstatus
	li t0, 1 << 63 | MSTATUS_FS
	and a0, a0, t0
	CHECK(a0, 1 << 63 | MSTATUS_FS)
	csrr a0, sstatus
	srli a0, a0, 63
	CHECK(a0, 1)
	CLEAR(mstatus, MSTATUS_FS)
	SET(mstatus, 2 << 13)
	csrr a0, mstatus
	srli a0, a0, 63
	CHECK(a0, 0)
	csrwi fcsr, 0
	csrr a0, sstatus
	srli a0, a0, 63
	CHECK(a0, 1)
	U_ALLOWED(fadd.s fa0, fa0, fa0)
	csrwi frm, 5				/* a reserved mode: what rounds by it is illegal */
	TRY(fadd.d fa0, fa0, fa0)
	CAUSE(ILLEGAL)
	fadd.d fa0, fa0, fa0, rtz
	fsgnj.d fa0, fa0, fa0
	csrwi frm, 0
	TRY(.word 0x02a57553 | 5 << 12 & ~(2 << 12))
	CAUSE(ILLEGAL)
	HOLDS(fcsr, 0xff, 0)
	HOLDS(fflags, 0x1f, 0)
	HOLDS(frm, 7, 0)

	/* privileges */
	S_REFUSED(csrr a0, mstatus)
	S_REFUSED(csrr a0, mhartid)
	S_REFUSED(csrr a0, pmpcfg0)
	S_REFUSED(csrr a0, mcycle)
	S_REFUSED(csrr a0, menvcfg)
	U_REFUSED(csrr a0, mscratch)
	U_REFUSED(csrr a0, sstatus)
	U_REFUSED(csrr a0, satp)
	U_REFUSED(csrr a0, sscratch)
	U_REFUSED(csrr a0, stimecmp)
	U_REFUSED(csrr a0, senvcfg)
	S_ALLOWED(csrr a0, sscratch)
	S_ALLOWED(csrr a0, sstatus)
	S_ALLOWED(csrr a0, satp)
	S_ALLOWED(csrr a0, senvcfg)
	S_REFUSED(mret)
	U_REFUSED(mret)
	U_REFUSED(sret)
	U_REFUSED(sfence.vma)
	U_REFUSED(sinval.vma zero, zero)
#ifndef QEMU
	U_REFUSED(sfence.w.inval)
#endif
	U_REFUSED(wfi)
	S_ALLOWED(sfence.vma)
	S_ALLOWED(sinval.vma zero, zero; sfence.w.inval; sfence.inval.ir)

	/* TVM, TW, TSR */
	SET(mstatus, MSTATUS_TVM)
	S_REFUSED(csrr a0, satp)
	S_REFUSED(csrw satp, zero)
	S_REFUSED(csrrw a0, satp, zero)
	S_REFUSED(sfence.vma)
	S_REFUSED(sfence.vma a0, a1)
	S_REFUSED(sinval.vma zero, zero)
	S_ALLOWED(sfence.w.inval; sfence.inval.ir)
	csrr a0, satp
	sfence.vma
	CLEAR(mstatus, MSTATUS_TVM)
	SET(mstatus, MSTATUS_TSR)
	S_REFUSED(sret)
	CLEAR(mstatus, MSTATUS_TSR)
	SET(mstatus, MSTATUS_TW)
	S_REFUSED(wfi)
	csrwi mie, 2				/* even if there is something to wake it */
	csrwi mip, 2
	wfi
	csrwi mip, 0
	csrwi mie, 0
	CLEAR(mstatus, MSTATUS_TW)

	/* counters */
	WRITE(mcounteren, 0)
	WRITE(scounteren, -1)
	S_REFUSED(csrr a0, cycle)
	S_REFUSED(csrr a0, time)
	S_REFUSED(csrr a0, instret)
	U_REFUSED(csrr a0, time)
	csrr a0, cycle
	csrr a0, time
	csrr a0, instret
	WRITE(mcounteren, 2)
	S_ALLOWED(csrr a0, time)
	S_REFUSED(csrr a0, cycle)
	U_ALLOWED(csrr a0, time)
	U_REFUSED(csrr a0, instret)
	WRITE(scounteren, 1)
	U_REFUSED(csrr a0, time)
	U_REFUSED(csrr a0, cycle)
	S_ALLOWED(csrr a0, time)
	WRITE(mcounteren, 7)
	U_ALLOWED(csrr a0, cycle)
	S_REFUSED(csrr a0, hpmcounter3)
	csrr a0, mhpmcounter3
	csrr a0, mhpmevent31
	csrr a0, mcycle
	csrr a1, mcycle
	li s11, __LINE__
	bleu a1, a0, fail
	csrr a0, minstret
	csrr a1, minstret
	li s11, __LINE__
	bleu a1, a0, fail
	csrr a0, time
1:	csrr a1, time
	beq a0, a1, 1b
	li s11, __LINE__
	bltu a1, a0, fail
	li a2, 1 << 50
	csrw mcycle, a2
	csrr a0, mcycle
	sub a0, a0, a2
	li s11, __LINE__
	bltz a0, fail
	srli a0, a0, 40
	CHECK(a0, 0)
#ifndef QEMU					/* counts on */
	csrwi mcountinhibit, 5
	csrr a0, mcycle
	csrr a1, mcycle
	SAME(a0, a1)
	csrr a0, minstret
	csrr a1, minstret
	SAME(a0, a1)
	csrw minstret, zero
	csrr a0, minstret
	CHECK(a0, 0)
	csrwi mcountinhibit, 0
#endif

	/* satp */
	WRITE(satp, 8 << 60 | 0xabcd << 44 | 0x12345)
	csrr a0, satp
	CHECK(a0, 8 << 60 | 0xabcd << 44 | 0x12345)
	WRITE(satp, 1 << 60 | 1)		/* no such mode: nothing is written */
	csrr a0, satp
	CHECK(a0, 8 << 60 | 0xabcd << 44 | 0x12345)
	WRITE(satp, 7 << 60)
	csrr a0, satp
	CHECK(a0, 8 << 60 | 0xabcd << 44 | 0x12345)
	csrw satp, zero

	/* envcfg */
	WRITE(menvcfg, 0)
	csrr a0, menvcfg
	CHECK(a0, 0)
	WRITE(menvcfg, 1 << 63 | 1)
	csrr a0, menvcfg
	CHECK(a0, 1 << 63 | 1)
	WRITE(senvcfg, 1)
	csrr a0, senvcfg
	CHECK(a0, 1)

	/* stimecmp */
	WRITE(mcounteren, 0)
	S_REFUSED(csrr a0, stimecmp)
	WRITE(mcounteren, 2)
	S_ALLOWED(csrr a0, stimecmp)
	WRITE(menvcfg, 0)
	S_REFUSED(csrr a0, stimecmp)
	S_REFUSED(csrw stimecmp, a0)
	csrr a0, stimecmp

	/* the register that is read is the one that is written */
	li a0, 0x123
	csrw mscratch, a0
	csrrw a0, mscratch, a0
	CHECK(a0, 0x123)
	li a0, 0xf0
	csrrs a0, mscratch, a0
	CHECK(a0, 0x123)
	csrr a1, mscratch
	CHECK(a1, 0x1f3)
	csrrc a1, mscratch, a1
	CHECK(a1, 0x1f3)
	csrrwi a1, mscratch, 31
	CHECK(a1, 0)
	csrrsi a1, mscratch, 0
	CHECK(a1, 31)
	csrrci a1, mscratch, 15
	csrr a1, mscratch
	CHECK(a1, 16)
	PASS

PAGES(scratch, 1)
