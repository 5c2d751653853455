/* What test suites probe before and between their tests: optional registers, granules, vectors, fetches, aliases. */
#include "harness.h"

/* A register that need not be there: 0 in s2 if it is, its cause if it is not. */
#define PROBE(...) li s2, 0; la s10, 77f; __VA_ARGS__; 77:
/* Run the code at a virtual address in S. */
#define RUN_AT(address) li a1, address; CLEAR(mstatus, MSTATUS_MPP); SET(mstatus, MPP_S); csrw mepc, a1; la s10, 77f; mret; 77: CAUSE(ECALL_S)
#define SSIP 2

PAGES(root, 1)
PAGES(middle, 1)
PAGES(leaves, 1)

TEST
	PROBE(csrwi 0x744, 8)			/* mnstatus */
	CHECK(s2, ILLEGAL)
	PROBE(csrr a0, 0x7c0)
	CHECK(s2, ILLEGAL)
	PROBE(csrwi satp, 0)
	CHECK(s2, 0)
	PROBE(csrr a0, 0xc21)			/* vtype */
	CHECK(s2, ILLEGAL)

	/* triggers: what selects them holds the number of one, and that has no type or one that can be asked for */
	li a0, 1 << 63
	PROBE(csrw tselect, a0; csrr a1, tselect)
	CHECK(s2, 0)
	li s11, __LINE__
	beq a0, a1, fail
	csrwi tselect, 0
	csrr a0, tselect
	CHECK(a0, 0)

	/* the granule of PMP: four bytes */
	csrw pmpcfg0, zero
	li a0, -1
	csrw pmpaddr0, a0
	csrr a1, pmpaddr0
	csrc pmpaddr0, a0
#ifndef QEMU					/* has bits above those of physical addresses */
	CHECK(a1, (1 << 54) - 1)
#endif
	andi a1, a1, 1
	CHECK(a1, 1)
	csrr a0, pmpaddr0
	CHECK(a0, 0)
	li a0, (1 << 53) - 1
	csrw pmpaddr0, a0
	li a0, 0x1f
	csrw pmpcfg0, a0
	IN_U(op_ecall)
	CAUSE(ECALL_U)

	/* registers of the machine */
	csrr a0, misa
	srli a0, a0, 62
	CHECK(a0, 2)
	csrr a0, mimpid
	csrr a0, marchid
	csrr a0, mvendorid
	li a0, 0
	csrs mtvec, a0
	csrs mepc, a0

	/* a software interrupt that S raised is taken by M, at its place in a table, out of a loop of one jump */
	la t0, vectors
	ori t0, t0, 1
	csrrw s0, mtvec, t0
	csrwi mip, SSIP
	csrwi mie, SSIP
	la s10, 2f
	csrsi mstatus, MSTATUS_MIE
1:	j 1b
2:	CAUSE(IRQ(1))
	CHECK_AT(s3, 1b)
	csrw mtvec, s0
	csrwi mie, 0

	/* wfi in S goes on when what is delegated is pending; so it does in U at once, or it is illegal there */
	csrwi mideleg, SSIP
	csrwi mie, SSIP
	IN_S(op_wait)
	CAUSE(ECALL_S)
	csrwi mip, 0
	csrwi mie, 0
	csrwi mideleg, 0

	/* instructions at half words; the lowest bit of a target does not count */
	la a1, half + 2
	IN_S(op_jump)
	CAUSE(ECALL_S)
	CHECK_AT(s3, half + 2)
	la a1, half + 3
	IN_S(op_jump)
	CAUSE(ECALL_S)
	CHECK_AT(s3, half + 2)

	/* where nothing can be: a fetch, a load, a store; what links has linked */
	li a1, 1 << 63
	li ra, 0
	IN_S(op_call)
	TRAPPED(FETCH_ACCESS, 1 << 63)
	CHECK(s3, 1 << 63)
	CHECK_AT(ra, op_call + 4)
	IN_S(op_load)
	TRAPPED(LOAD_ACCESS, 1 << 63)
	IN_S(op_store)
	TRAPPED(STORE_ACCESS, 1 << 63)

	/* two pages of code whose numbers are exchanged; then both are one */
	PTE(root, 0, middle, V)
	PTE(middle, 0, leaves, V)
	PTE(leaves, 0, odd, V | X | A)
	PTE(leaves, 1, even, V | X | A)
	PTE(root, 3, RAM, RWXAD)
	SATP(8, root)
	RUN_AT(0)
	CHECK(a0, 321)
	RUN_AT(4096)
	CHECK(a0, 123)
	RUN_AT(0)
	CHECK(a0, 321)
	PTE(leaves, 0, even, V | X | A)
	sfence.vma
	RUN_AT(0)
	CHECK(a0, 123)

	/* dirty pages, through MPRV: a store that is refused leaves the entry, one that is done marks it */
	PTE(root, 2, RAM, V | R | W | X | U)
	PTE(root, 3, RAM, V | R | W | X)
	sfence.vma
	la a1, data
	CLEAR(mstatus, MSTATUS_MPP | MSTATUS_SUM)
	SET(mstatus, MSTATUS_MPRV | MPP_S)
	TRY(sw a1, 0(a1))			/* a page of U without SUM */
	CAUSE(STORE_PAGE)
	ld a0, root + 16
	andi a0, a0, A | D
	CHECK(a0, 0)
	CLEAR(mstatus, MSTATUS_MPP)
	SET(mstatus, MSTATUS_MPRV | MSTATUS_SUM | MPP_S)
	lw a0, 0(a1)
	CHECK(a0, 0)
	li a2, 77
	sw a2, 0(a1)
	lw a0, 0(a1)
	CHECK(a0, 77)
	CLEAR(mstatus, MSTATUS_MPRV)
	ld a0, root + 16
	andi a0, a0, A | D
	CHECK(a0, A | D)
	lw a0, data
	CHECK(a0, 77)
	ld a0, root + 24
	andi a0, a0, A | D
	CHECK(a0, 0)

	/* a large page whose number has low bits is none */
	ld a0, root + 16
	ori a0, a0, 1 << 10
	la a1, root
	sd a0, 16(a1)
	sfence.vma
	la a1, data
	CLEAR(mstatus, MSTATUS_MPP)
	SET(mstatus, MSTATUS_MPRV | MPP_S)
	TRY(sw a1, 0(a1))
	CAUSE(STORE_PAGE)
	SAME(s4, a1)
	CLEAR(mstatus, MSTATUS_MPRV)

	/* an unprivileged program cannot write counters, nor see the status of others */
	csrw satp, zero
	sfence.vma
	WRITE(mcounteren, 7)
	WRITE(scounteren, 7)
	IN_U(write_cycle)
	CAUSE(ILLEGAL)
	CHECK_AT(s3, write_cycle)
	IN_U(read_status)
	CAUSE(ILLEGAL)
	IN_U(op_break)
	CAUSE(BREAKPOINT)
	CHECK_AT(s3, op_break)
	PASS

	.balign 256
vectors:
	j fail
	j m_trap
	.rept 14
	j fail
	.endr

	.option push
	.option norvc
	.balign 4
write_cycle:
	csrw cycle, zero
	ecall
read_status:
	csrr a0, sstatus
	ecall
op_break:
	ebreak
op_wait:
	wfi
	ecall
op_call:
	jalr a1
	.balign 4
half:	.half 0
	ecall
	.balign 4096
even:	li a0, 123
	ecall
	.balign 4096
odd:	li a0, 321
	ecall
	.option pop

PAGES(data, 1)
