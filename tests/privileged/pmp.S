/* Physical memory protection: TOR, NA4, NAPOT, order, locks, M, regions smaller than a page, page tables. */
#include "harness.h"

#define OFF 0
#define PR 1
#define PW 2
#define PX 4
#define TOR (1 << 3)
#define NA4 (2 << 3)
#define NAPOT (3 << 3)
#define LOCK (1 << 7)
#define ALL (PR | PW | PX)
/* the bytes of pmpcfg0, entry 0 first */
#define CONFIG(c0, c1, c2, c3) WRITE(pmpcfg0, (c0) | (c1) << 8 | (c2) << 16 | (c3) << 24)
#define ADDRESS(entry, symbol, more) la t0, symbol + (more); srli t0, t0, 2; csrw pmpaddr##entry, t0
/* naturally aligned power of two: size is 8 at least */
#define REGION(entry, symbol, more, size) la t0, symbol + (more); srli t0, t0, 2; ori t0, t0, ((size) >> 3) - 1; csrw pmpaddr##entry, t0
/* all of memory by the last entry used here */
#define REST(entry) WRITE(pmpaddr##entry, -1)
#define AT(symbol, more) la a1, symbol + (more)
#define LOADS(more) AT(data, more); IN_S(op_load); CAUSE(ECALL_S); IN_U(op_load); CAUSE(ECALL_U)
#define NO_LOAD(more) AT(data, more); IN_S(op_load); CAUSE(LOAD_ACCESS); SAME(s4, a1); IN_U(op_load); CAUSE(LOAD_ACCESS); SAME(s4, a1)
#define STORES(more) AT(data, more); IN_S(op_store); CAUSE(ECALL_S); IN_U(op_store); CAUSE(ECALL_U)
#define NO_STORE(more) AT(data, more); IN_S(op_store); CAUSE(STORE_ACCESS); SAME(s4, a1); IN_U(op_store); CAUSE(STORE_ACCESS); SAME(s4, a1)

PAGES(data, 4)
PAGES(root, 2)

TEST
	/* registers */
	csrw pmpcfg0, zero
	WRITE(pmpaddr0, -1)
	csrr a0, pmpaddr0
	slli a0, a0, 10
	CHECK(a0, -1 << 10)
	TRY(csrr a0, 0x3a1)			/* odd ones are of RV32 */
	CAUSE(ILLEGAL)
	CONFIG(PW, 0, 0, 0)			/* W without R is reserved */
	csrr a0, pmpcfg0
#ifndef QEMU
	andi a0, a0, PR | PW
	li s11, __LINE__
	li t0, PW
	beq a0, t0, fail
#endif
	csrw pmpcfg0, zero

	/* nothing matches: M may, S and U may not */
	AT(data, 0)
	ld a0, 0(a1)
#ifndef QEMU					/* allows all while all entries are off */
	IN_S(op_ecall)
	CAUSE(FETCH_ACCESS)
	CHECK_AT(s4, op_ecall)
	IN_U(op_ecall)
	CAUSE(FETCH_ACCESS)
#endif

	/* TOR */
	REST(3)
	ADDRESS(0, data, 0x1000)
	ADDRESS(1, data, 0x2000)
	CONFIG(OFF, TOR | PR, OFF, NAPOT | ALL)
	STORES(0xff8)
	NO_STORE(0x1000)
	LOADS(0x1000)
	LOADS(0x1ff8)
	NO_STORE(0x1ff8)
	STORES(0x2000)
	/* across the boundary */
	AT(data, 0xffc)
	IN_S(op_store)
	CAUSE(STORE_ACCESS)
	/* M is not concerned */
	AT(data, 0x1000)
	sd a2, 0(a1)

	/* the first that matches counts */
	CONFIG(TOR | ALL, TOR, OFF, NAPOT | ALL)
	NO_LOAD(0x1000)
	LOADS(0xff8)
	REGION(0, data, 0x1000, 0x1000)
	CONFIG(NAPOT | PR | PW, TOR, OFF, NAPOT | ALL)
	STORES(0x1000)
	STORES(0x1ff8)
	AT(data, 0x1000)
	IN_S(op_jump)
	CAUSE(FETCH_ACCESS)
	SAME(s4, a1)
	SAME(s3, a1)

	/* a permission that is taken away is gone at once */
	CONFIG(NAPOT, OFF, OFF, NAPOT | ALL)
	NO_LOAD(0x1ff8)
	CONFIG(NAPOT | ALL, OFF, OFF, NAPOT | ALL)
	LOADS(0x1ff8)

	/* within a page */
	REGION(0, data, 0x1040, 16)
	CONFIG(NAPOT, OFF, OFF, NAPOT | ALL)
	STORES(0x1038)
	NO_LOAD(0x1040)
	NO_LOAD(0x1048)
	LOADS(0x1050)
	NO_LOAD(0x103c)				/* partly in it */
	NO_LOAD(0x104c)
	AT(data, 0x103f)
	IN_S(op_load_byte)
	CAUSE(ECALL_S)
	AT(data, 0x104f)
	IN_S(op_load_byte)
	CAUSE(LOAD_ACCESS)
	SAME(s4, a1)
	ADDRESS(0, data, 0x1100)
	CONFIG(NA4, OFF, OFF, NAPOT | ALL)
	AT(data, 0x1103)
	IN_U(op_store_byte)
	CAUSE(STORE_ACCESS)
	AT(data, 0x1104)
	IN_U(op_store_byte)
	CAUSE(ECALL_U)
	NO_LOAD(0x1100)
	NO_LOAD(0x10fc)
	LOADS(0x10f8)
	LOADS(0x1104)
	AT(data, 0x1100)
#ifndef QEMU					/* calls it a load */
	IN_S(op_amo)
	CAUSE(STORE_ACCESS)
#endif
	IN_S(op_lr)
	CAUSE(LOAD_ACCESS)
	AT(data, 0x1108)
	IN_S(op_amo)
	CAUSE(ECALL_S)

#ifndef QEMU					/* checks the first instruction of a block */
	/* code within a page: what may be executed ends in the middle of it */
	IN_S(walk_in)
	CAUSE(ECALL_S)
	ADDRESS(0, walk_end, 0)
	CONFIG(NA4 | PR, OFF, OFF, NAPOT | ALL)
	IN_S(walk_in)
	CAUSE(FETCH_ACCESS)
	CHECK_AT(s3, walk_end)
	CHECK_AT(s4, walk_end)
	CHECK(a0, 2)
	IN_U(walk_in)
	CAUSE(FETCH_ACCESS)
	CHECK_AT(s3, walk_end)
	CONFIG(NA4 | PX, OFF, OFF, NAPOT | ALL)
	IN_S(walk_in)
	CAUSE(ECALL_S)
	CHECK_AT(s3, walk_end)
	ADDRESS(0, walk_half, 0)		/* an instruction of which the second half may not be executed */
	CONFIG(NA4, OFF, OFF, NAPOT | ALL)
	IN_S(walk_across)
	CAUSE(FETCH_ACCESS)
	CHECK_AT(s3, walk_half - 2)
	CHECK_AT(s4, walk_half)
	ADDRESS(0, walk_end, 0)			/* only this may be executed, by S */
	CONFIG(NA4 | PX, OFF, OFF, NAPOT | PR | PW)
	IN_S(walk_end)
	CAUSE(ECALL_S)
	IN_S(walk_in)
	CAUSE(FETCH_ACCESS)
#endif

	/* MPRV */
	CONFIG(NAPOT, OFF, OFF, NAPOT | ALL)
	REGION(0, data, 0x1000, 0x1000)
	AT(data, 0x1000)
	CLEAR(mstatus, MSTATUS_MPP)
	SET(mstatus, MSTATUS_MPRV)
	TRY(ld a0, 0(a1))
	CAUSE(LOAD_ACCESS)
	CLEAR(mstatus, MSTATUS_MPRV)
	ld a0, 0(a1)

	/* page tables are read and written as S: an access fault of the access's own kind */
	REGION(0, root, 0, 0x1000)
	CONFIG(OFF, OFF, OFF, NAPOT | ALL)
	PTE(root, 2, RAM, RWXAD)
	PTE(root, 4, RAM, RWXAD)
	SATP(8, root)
	AT(data, 0)
	IN_S(op_load)
	CAUSE(ECALL_S)
	CONFIG(NAPOT, OFF, OFF, NAPOT | ALL)
	sfence.vma
	IN_S(op_ecall)
	CAUSE(FETCH_ACCESS)
	CHECK_AT(s4, op_ecall)
	CLEAR(mstatus, MSTATUS_MPP)
	SET(mstatus, MSTATUS_MPRV | MPP_S)
	TRY(sd a0, 0(a1))
	CAUSE(STORE_ACCESS)
	SAME(s4, a1)
	csrw satp, zero
	csrw pmpcfg0, zero

	/* locks */
	REST(3)
	REGION(0, data, 0x2000, 0x1000)
	CONFIG(NAPOT | LOCK | PR, OFF, OFF, NAPOT | ALL)
	AT(data, 0x2000)
	ld a0, 0(a1)
	TRY(sd a0, 0(a1))
	CAUSE(STORE_ACCESS)
	SAME(s4, a1)
	AT(data, 0x1ffc)
	TRY(sd a0, 0(a1))
	CAUSE(STORE_ACCESS)
	AT(data, 0x2000)
	IN_M(op_jump)
	CAUSE(FETCH_ACCESS)
	STORES(0x1ff8)
	NO_STORE(0x2000)
	CONFIG(OFF, OFF, OFF, NAPOT | ALL)	/* nothing of it changes */
	csrr a0, pmpcfg0
	andi a0, a0, 0xff
	CHECK(a0, NAPOT | LOCK | PR)
	csrr a1, pmpaddr0
	csrw pmpaddr0, zero
	csrr a0, pmpaddr0
	SAME(a0, a1)
	ADDRESS(1, data, 0x3000)		/* a locked TOR locks its start too */
	ADDRESS(2, data, 0x3010)
	CONFIG(OFF, OFF, TOR | LOCK, NAPOT | ALL)
	csrr a2, pmpaddr1
	csrw pmpaddr1, zero
	csrr a0, pmpaddr1
	SAME(a0, a2)
	AT(data, 0x3008)
	TRY(ld a0, 0(a1))
	CAUSE(LOAD_ACCESS)
	AT(data, 0x3010)
	ld a0, 0(a1)
	PASS

	.option push
	.section .walk, "ax"
	.balign 4096
walk_in:
	c.li a0, 1
	addi a0, a0, 1
	c.j walk_end
	.balign 64
walk_end:
	ecall
	.balign 4
walk_across:
	c.nop
	lui a0, 0x12345
walk_half = . - 2
	ecall
	.option pop
	.text
