/* Integers at their limits: 32-bit forms, multiplication and division, bits, x0, and the compressed forms. */
#include "environment.h"

#define TWO(op, x, y, result) li a1, x; li a2, y; op a0, a1, a2; CHECK(a0, result)
#define ONE(op, x, result) li a1, x; op a0, a1; CHECK(a0, result)
#define IMMEDIATE(op, x, y, result) li a1, x; op a0, a1, y; CHECK(a0, result)
#define MOST_NEGATIVE (-0x8000000000000000)
#ifndef MOST_POSITIVE					/* a test of this test defines it wrongly */
#define MOST_POSITIVE 0x7fffffffffffffff
#endif

PROGRAM
	TWO(addw, 0x7fffffff, 1, -0x80000000)
	TWO(subw, -0x80000000, 1, 0x7fffffff)
	TWO(add, MOST_POSITIVE, 1, MOST_NEGATIVE)
	TWO(sllw, 1, 31, -0x80000000)
	TWO(sllw, 1, 32, 1)
	TWO(srlw, -1, 4, 0x0fffffff)
	TWO(sraw, 0x80000000, 4, -0x08000000)
	TWO(sll, 1, 63, MOST_NEGATIVE)
	TWO(sll, 1, 64, 1)
	TWO(sra, MOST_NEGATIVE, 63, -1)
	TWO(srl, MOST_NEGATIVE, 63, 1)
	TWO(slt, -1, 0, 1)
	TWO(sltu, -1, 0, 0)
	IMMEDIATE(sltiu, 0, -1, 1)
	IMMEDIATE(slti, MOST_NEGATIVE, -2048, 1)
	IMMEDIATE(addiw, 0x17fffffff, 1, -0x80000000)
	IMMEDIATE(sraiw, 0x180000000, 31, -1)
	IMMEDIATE(xori, 0, -1, -1)
	TWO(mul, 0x100000001, 0x100000001, 0x200000001)
	TWO(mulh, -1, -1, 0)
	TWO(mulhu, -1, -1, -2)
	TWO(mulhsu, -1, -1, -1)
	TWO(mulw, 0x80000001, 0x7fffffff, -1)
	TWO(div, MOST_NEGATIVE, -1, MOST_NEGATIVE)
	TWO(rem, MOST_NEGATIVE, -1, 0)
	TWO(div, 7, 0, -1)
	TWO(rem, 7, 0, 7)
	TWO(divu, 7, 0, -1)
	TWO(remu, -7, 0, -7)
	TWO(div, -7, 2, -3)
	TWO(rem, -7, 2, -1)
	TWO(divw, 0x80000000, -1, -0x80000000)
	TWO(remw, 0x80000000, -1, 0)
	TWO(divuw, 0xffffffff00000007, 0, -1)
	TWO(remuw, 0x80000000, 0, -0x80000000)
	/* bits */
	TWO(sh1add, 3, 4, 10)
	TWO(sh3add.uw, 0xffffffff00000001, 2, 10)
	TWO(add.uw, -1, 1, 0x100000000)
	IMMEDIATE(slli.uw, -1, 4, 0xffffffff0)
	TWO(andn, 0xff, 0x0f, 0xf0)
	TWO(orn, 0, -16, 15)
	TWO(xnor, 5, 5, -1)
	ONE(clz, 1, 63)
	ONE(clz, 0, 64)
	ONE(clzw, 0, 32)
	ONE(ctz, 0, 64)
	ONE(ctzw, 0x100000000, 32)
	ONE(cpop, -1, 64)
	ONE(cpopw, -1, 32)
	ONE(sext.b, 0x180, -0x80)
	ONE(sext.h, 0x18000, -0x8000)
	ONE(zext.h, -1, 0xffff)
	ONE(orc.b, 0x0100200000000080, 0xff00ff00000000ff)
	ONE(rev8, 0x0102030405060708, 0x0807060504030201)
	TWO(max, -1, 1, 1)
	TWO(maxu, -1, 1, -1)
	TWO(min, -1, 1, -1)
	TWO(minu, -1, 1, 1)
	TWO(rol, 0x8000000000000001, 1, 3)
	TWO(ror, 3, 1, 0x8000000000000001)
	TWO(rolw, 0x80000001, 33, 3)
	IMMEDIATE(roriw, 1, 1, -0x80000000)
	TWO(clmul, 3, 3, 5)
	TWO(clmulh, -1, 2, 1)
	TWO(clmulr, MOST_NEGATIVE, MOST_NEGATIVE, MOST_NEGATIVE)
	TWO(bset, 0, 127, MOST_NEGATIVE)
	TWO(bclr, -1, 64, -2)
	TWO(binv, 1, 0, 0)
	TWO(bext, MOST_NEGATIVE, 63, 1)
	/* the register that is always zero */
	li a1, 5
	add zero, a1, a1
	lui zero, 5
	mul zero, a1, a1
	CHECK(zero, 0)
	/* compressed */
	.option push
	.option rvc
	c.li a0, -32
	CHECK(a0, -32)
	c.lui a0, 0xfffe1
	CHECK(a0, -0x1f000)
	li a0, 0x7fffffff
	c.addiw a0, 1
	CHECK(a0, -0x80000000)
	c.srai a0, 31
	CHECK(a0, -1)
	c.srli a0, 60
	CHECK(a0, 15)
	c.andi a0, -6
	CHECK(a0, 10)
	li a1, 3
	c.sub a0, a1
	CHECK(a0, 7)
	c.xor a0, a1
	CHECK(a0, 4)
	c.or a0, a1
	CHECK(a0, 7)
	c.and a0, a1
	CHECK(a0, 3)
	li a1, 0xffffffff
	c.addw a0, a1
	CHECK(a0, 2)
	c.subw a0, a1
	CHECK(a0, 3)
	la sp, area
	c.addi4spn a0, sp, 1020
	la a1, area + 1020
	SAME(a0, a1)
	mv a2, sp
	c.addi16sp sp, -512
	c.addi16sp sp, 496
	c.addi16sp sp, 16
	SAME(a2, sp)
	c.sdsp a1, 504(sp)
	c.ldsp a0, 504(sp)
	SAME(a0, a1)
	c.swsp a1, 252(sp)
	c.lwsp a0, 252(sp)
	sext.w a2, a1
	SAME(a0, a2)
	mv a0, sp
	c.sd a1, 248(a0)
	c.ld a2, 248(a0)
	SAME(a1, a2)
	c.sw a1, 124(a0)
	c.lw a2, 124(a0)
	sext.w a1, a1
	SAME(a1, a2)
	c.li a0, 0
	c.beqz a0, 1f
	j fail
1:	c.bnez a0, 2f
	la a1, 3f
	c.jalr a1
2:	j fail
3:	c.mv a0, ra
	la a1, 2b
	SAME(a0, a1)
	.option pop
	PASS

	.section .data
	.balign 16
area:	.skip 1024
