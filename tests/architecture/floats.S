/* Floating point that is off at first; flags, rounding and boxes as U sees them; loads and stores across pages. */
#include "environment.h"

#define FLAGS(bits) frflags a0; CHECK(a0, bits); fsflags zero

PROGRAM
	fcvt.d.l fa0, zero				/* the first use: the trap's handler switches it on */
	frcsr a0
	CHECK(a0, 0)

	/* inexact by each mode, static and dynamic */
	li a1, 1
	li a2, 3
	fcvt.d.l fa1, a1
	fcvt.d.l fa2, a2
	fdiv.d fa3, fa1, fa2, rne
	FLAGS(1)
	fmv.x.d a3, fa3
	CHECK(a3, 0x3fd5555555555555)
	fdiv.d fa3, fa1, fa2, rup
	fmv.x.d a3, fa3
	CHECK(a3, 0x3fd5555555555556)
	fsrmi 3						/* up */
	fdiv.d fa3, fa1, fa2
	fmv.x.d a3, fa3
	CHECK(a3, 0x3fd5555555555556)
	fsrmi 2						/* down */
	fneg.d fa1, fa1
	fdiv.d fa3, fa1, fa2
	fmv.x.d a3, fa3
	CHECK(a3, 0xbfd5555555555556)
	fsrmi 1						/* to zero */
	fdiv.d fa3, fa1, fa2
	fmv.x.d a3, fa3
	CHECK(a3, 0xbfd5555555555555)
	fsrmi 4						/* ties away */
	li a1, 0x3ff0000010000000			/* half of the last place of a single */
	fmv.d.x fa1, a1
	fcvt.s.d fa1, fa1
	fmv.x.w a1, fa1
	CHECK(a1, 0x3f800001)
	fsrmi 0
	frcsr a0
	CHECK(a0, 1)
	fsflags zero

	/* division by zero, invalid, overflow, underflow */
	fcvt.d.l fa0, zero
	fdiv.d fa3, fa2, fa0
	FLAGS(8)
	fdiv.d fa3, fa0, fa0
	FLAGS(16)
	fmv.x.d a0, fa3
	CHECK(a0, 0x7ff8000000000000)
	li a0, 0x7fefffffffffffff
	fmv.d.x fa4, a0
	fadd.d fa3, fa4, fa4
	FLAGS(5)
	li a0, 1
	fmv.d.x fa4, a0
	fmul.d fa3, fa4, fa4
	FLAGS(3)
	fmv.x.d a0, fa3
	CHECK(a0, 0)

	/* comparisons with NaNs; classes; minimum with one NaN */
	li a0, 0x7ff4000000000000			/* signalling */
	fmv.d.x fa4, a0
	feq.d a0, fa4, fa4
	CHECK(a0, 0)
	FLAGS(16)
	li a0, 0x7ff8000000000000
	fmv.d.x fa5, a0
	feq.d a0, fa5, fa5
	FLAGS(0)
	flt.d a0, fa5, fa5
	CHECK(a0, 0)
	FLAGS(16)
	fclass.d a0, fa4
	CHECK(a0, 1 << 8)
	fclass.d a0, fa5
	CHECK(a0, 1 << 9)
	fmin.d fa3, fa5, fa2
	fmv.x.d a0, fa3
	CHECK(a0, 0x4008000000000000)
	FLAGS(0)

	/* conversions that saturate */
	li a0, -1
	fcvt.s.l fa0, a0
	fcvt.wu.s a0, fa0, rtz
	CHECK(a0, 0)
	FLAGS(16)
	li a0, 0x7f800000
	fmv.w.x fa0, a0
	fcvt.w.s a0, fa0
	CHECK(a0, 0x7fffffff)
	fcvt.lu.s a0, fa0
	CHECK(a0, -1)
	FLAGS(16)

	/* a single is boxed; what is no box reads as NaN */
	li a0, 0x40000000
	fmv.w.x fa0, a0
	fmv.x.d a0, fa0
	CHECK(a0, 0xffffffff40000000)
	li a0, 0x40000000
	fmv.d.x fa0, a0
	fadd.s fa1, fa0, fa0
	fmv.x.w a0, fa1
	CHECK(a0, 0x7fc00000)
	fsgnj.s fa1, fa0, fa0
	fmv.x.d a0, fa1
	CHECK(a0, 0xffffffff7fc00000)

	/* one rounding in a fused product */
	li a0, 0x3ff0000000000001
	fmv.d.x fa0, a0
	li a0, 0xbff0000000000002
	fmv.d.x fa1, a0
	fmadd.d fa2, fa0, fa0, fa1
	fmv.x.d a0, fa2
	CHECK(a0, 0x3970000000000000)

	/* across the end of a page that was never touched */
	la s0, area + PAGE
	li a0, 0x0123456789abcdef
	fmv.d.x fa0, a0
	fsd fa0, -4(s0)
	ld a1, -4(s0)
	SAME(a0, a1)
	fld fa1, -4(s0)
	fmv.x.d a1, fa1
	SAME(a0, a1)
	fsw fa0, -2(s0)
	flw fa1, -2(s0)
	fmv.x.d a1, fa1
	CHECK(a1, 0xffffffff89abcdef)
	PASS

	.section .data
	.balign PAGE
area:	.skip 2 * PAGE
