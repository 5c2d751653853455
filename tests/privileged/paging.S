/* Page-table walks, for LEVELS of 3, 4 or 5: each level, permissions, modes, A and D, sfence.vma, satp, Svnapot, Svpbmt. */
#include "harness.h"

#define MODE (LEVELS + 5)
#define BITS (12 + 9 * LEVELS)
/* bytes that an entry of a level maps; level 0 is that of the leaves */
#define SIZE(level) (1 << (12 + 9 * (level)))
#define SLOT(level, va) (((va) >> (12 + 9 * (level))) & 511)
/* code: its address for S, and that for U */
#define U_CODE (2 << 30)
#define ADUE (1 << 61)
#define PBMTE (1 << 62)

/* The page under test and its address: below 256 GiB, in a table of its own at each level. */
#define VA 0x2a55400000
#define EXPECT_LOAD(cause) li a1, VA + 8; IN_S(op_load); CHECK(s2, cause)

PAGES(root, 5)
PAGES(tables, 6)
	.bss
	.balign 0x10000
PAGES(data, 16)

/* the leaf under test: the table of level 0 */
#define LEAF(bits) PTE(leaf_table, SLOT(0, VA), data, bits); sfence.vma
#define S_GETS(op, cause) IN_S(op); CHECK(s2, cause); .if (cause) != ECALL_S; SAME(s4, a1); .endif
#define U_GETS(op, cause) IN_U(op); CHECK(s2, cause); .if (cause) != ECALL_U; SAME(s4, a1); .endif

PAGES(leaf_table, 1)
PAGES(two, 1)
PAGES(two_tables, 2)

TEST
	li s9, U_CODE
	/* upper levels: root -> ... -> gigapages of code; the path to VA */
#if LEVELS == 5
	PTE(root, 0, root + 0x1000, V)
	PTE(root + 0x1000, 0, root + 0x2000, V)
#define TOP root + 0x2000
#elif LEVELS == 4
	PTE(root, 0, root + 0x2000, V)
#define TOP root + 0x2000
#else
#define TOP root
#endif
	PTE(TOP, 2, RAM, RWXAD | G)
	PTE(TOP, 4, RAM, RWXAD | U)
	PTE(TOP, SLOT(2, VA), tables, V)
	PTE(tables, SLOT(1, VA), leaf_table, V)
	la a0, data
	li t0, 0x1111
	sd t0, 8(a0)
	li t0, 0x2222
	li t1, 0x1000
	add t1, t1, a0
	sd t0, 8(t1)
	LEAF(RWXAD)
	SATP(MODE, root)
	csrr a0, satp
	srli a0, a0, 60
	CHECK(a0, MODE)

	/* an address that is mapped */
	li a1, VA + 8
	li a2, 0x3333
	S_GETS(op_load, ECALL_S)
	CHECK(a0, 0x1111)
	S_GETS(op_store, ECALL_S)
	la a0, data
	ld a0, 8(a0)
	CHECK(a0, 0x3333)
	U_GETS(op_load, LOAD_PAGE)
	U_GETS(op_store, STORE_PAGE)
	IN_U(op_jump)
	TRAPPED(FETCH_PAGE, VA + 8)
	CHECK(s3, VA + 8)
	S_GETS(op_amo, ECALL_S)

	/* addresses that are not canonical */
	li a1, 1 << (BITS - 1)
	S_GETS(op_load, LOAD_PAGE)
	li a1, VA + 8 + (1 << BITS)
	S_GETS(op_store, STORE_PAGE)
	li a1, VA + 8 - (1 << 63)
	S_GETS(op_load, LOAD_PAGE)
	li a1, -8
	S_GETS(op_load, LOAD_PAGE)
	li a1, 1 << (BITS - 1)
	IN_S(op_jump)
	CAUSE(FETCH_PAGE)
	SAME(s4, a1)
	SAME(s3, a1)
	PTE(root, 256, RAM, RWXAD)			/* the upper half: only where it is a gigapage */
#if LEVELS == 3
	sfence.vma
	li a1, -(1 << 38)
	S_GETS(op_load, ECALL_S)
#endif
	RAW_PTE(root, 256, 0)
	sfence.vma

	/* permissions: R, W, X, U by privilege */
	li a1, VA + 8
	LEAF(V | R | A | D)
	S_GETS(op_load, ECALL_S)
	S_GETS(op_store, STORE_PAGE)
	S_GETS(op_amo, STORE_PAGE)
	S_GETS(op_lr, ECALL_S)
	IN_S(op_jump)
	TRAPPED(FETCH_PAGE, VA + 8)
	LEAF(V | X | A | D)
	S_GETS(op_load, LOAD_PAGE)
	S_GETS(op_lr, LOAD_PAGE)
	S_GETS(op_store, STORE_PAGE)
	SET(sstatus, MSTATUS_MXR)
	S_GETS(op_load, ECALL_S)
	S_GETS(op_store, STORE_PAGE)
	CLEAR(sstatus, MSTATUS_MXR)
	S_GETS(op_load, LOAD_PAGE)
	LEAF(V | W | A | D)				/* reserved */
	S_GETS(op_load, LOAD_PAGE)
	LEAF(V | W | X | A | D)
	S_GETS(op_load, LOAD_PAGE)
	LEAF(R | W | X | A | D)				/* not valid */
	S_GETS(op_load, LOAD_PAGE)
	LEAF(V | A | D)					/* a table at the last level */
	S_GETS(op_load, LOAD_PAGE)
	LEAF(V)
	S_GETS(op_load, LOAD_PAGE)
	LEAF(RWXAD | U)
	U_GETS(op_load, ECALL_U)
	U_GETS(op_store, ECALL_U)
	U_GETS(op_amo, ECALL_U)
	S_GETS(op_load, LOAD_PAGE)
	S_GETS(op_store, STORE_PAGE)
	SET(sstatus, MSTATUS_SUM)
	S_GETS(op_load, ECALL_S)
	S_GETS(op_store, ECALL_S)
	IN_S(op_jump)					/* SUM is not for fetches */
	TRAPPED(FETCH_PAGE, VA + 8)
	CLEAR(sstatus, MSTATUS_SUM)
	S_GETS(op_load, LOAD_PAGE)
	LEAF(V | X | U | A | D)
	SET(sstatus, MSTATUS_MXR)
	U_GETS(op_load, ECALL_U)
	S_GETS(op_load, LOAD_PAGE)
	SET(sstatus, MSTATUS_SUM)
	S_GETS(op_load, ECALL_S)
	CLEAR(sstatus, MSTATUS_SUM | MSTATUS_MXR)

	/* MPRV: M's loads and stores as those of MPP */
	LEAF(RWXAD | U)
	CLEAR(mstatus, MSTATUS_MPP)
	SET(mstatus, MSTATUS_MPRV)
	ld a0, 0(a1)
	TRY(ld a0, 0(zero))
	TRAPPED(LOAD_PAGE, 0)
	CLEAR(mstatus, MSTATUS_MPP)
	SET(mstatus, MSTATUS_MPRV | MPP_S)
	TRY(ld a0, 0(a1))
	TRAPPED(LOAD_PAGE, VA + 8)
	CLEAR(mstatus, MSTATUS_MPP)
	SET(mstatus, MSTATUS_MPRV | MPP_S | MSTATUS_SUM)
	ld a0, 0(a1)
	CLEAR(mstatus, MSTATUS_MPRV | MSTATUS_SUM)
	la a3, data
	ld a0, 0(a3)

	/* reserved bits, at the leaf and above */
	LEAF(RWXAD)
#ifndef QEMU						/* has no reserved bits */
	.irp bit, 54, 55, 56, 57, 58, 59, 60
	LEAF(RWXAD | (1 << \bit))
	S_GETS(op_load, LOAD_PAGE)
	.endr
#endif
	LEAF(RWXAD | (3 << 8))				/* RSW is software's */
	S_GETS(op_load, ECALL_S)
#ifndef QEMU						/* allows some of these above a leaf */
	PTE(tables, SLOT(1, VA), leaf_table, V | (1 << 60))
	sfence.vma
	S_GETS(op_load, LOAD_PAGE)
	PTE(tables, SLOT(1, VA), leaf_table, V | A)
	sfence.vma
	S_GETS(op_load, LOAD_PAGE)
	PTE(tables, SLOT(1, VA), leaf_table, V | D)
	sfence.vma
	S_GETS(op_load, LOAD_PAGE)
	PTE(tables, SLOT(1, VA), leaf_table, V | U)
	sfence.vma
	S_GETS(op_load, LOAD_PAGE)
	PTE(tables, SLOT(1, VA), leaf_table, V | N)
	sfence.vma
	S_GETS(op_load, LOAD_PAGE)
	PTE(tables, SLOT(1, VA), leaf_table, V | PBMT(1))
	sfence.vma
	S_GETS(op_load, LOAD_PAGE)
#endif
	PTE(tables, SLOT(1, VA), leaf_table, 0)
	sfence.vma
	S_GETS(op_load, LOAD_PAGE)
	PTE(tables, SLOT(1, VA), leaf_table, V | G)
	sfence.vma
	S_GETS(op_load, ECALL_S)
	PTE(tables, SLOT(1, VA), leaf_table, V)

	/* tables and pages where nothing is: access faults of the kind of the access */
#ifndef QEMU						/* page faults */
	PTE(tables, SLOT(1, VA), NOWHERE, V)
	sfence.vma
	S_GETS(op_load, LOAD_ACCESS)
	S_GETS(op_store, STORE_ACCESS)
	IN_S(op_jump)
	TRAPPED(FETCH_ACCESS, VA + 8)
#endif
	PTE(tables, SLOT(1, VA), leaf_table, V)
	PTE(leaf_table, SLOT(0, VA), NOWHERE, RWXAD)
	sfence.vma
	S_GETS(op_load, LOAD_ACCESS)
	S_GETS(op_store, STORE_ACCESS)
	IN_S(op_jump)
	TRAPPED(FETCH_ACCESS, VA + 8)

	/* superpages at each level, and misaligned ones */
	PTE(tables, SLOT(1, VA), RAM, RWXAD)
	sfence.vma
	la a3, data
	li t0, RAM - (VA & -SIZE(1))
	sub a1, a3, t0
	addi a1, a1, 8
	li t0, 0x4444
	sd t0, 8(a3)
	S_GETS(op_load, ECALL_S)
	CHECK(a0, 0x4444)
	PTE(tables, SLOT(1, VA), RAM + 0x1000, RWXAD)
	sfence.vma
	S_GETS(op_load, LOAD_PAGE)
	PTE(tables, SLOT(1, VA), RAM + 0x100000, RWXAD)
	sfence.vma
	S_GETS(op_load, LOAD_PAGE)
	PTE(TOP, SLOT(2, VA), RAM, RWXAD)
	sfence.vma
	la a3, data
	li t0, RAM - (VA & -SIZE(2))
	sub a1, a3, t0
	addi a1, a1, 8
	S_GETS(op_load, ECALL_S)
	CHECK(a0, 0x4444)
	PTE(TOP, SLOT(2, VA), RAM + SIZE(1), RWXAD)
	sfence.vma
	S_GETS(op_load, LOAD_PAGE)
	PTE(TOP, SLOT(2, VA), RAM + SIZE(0), RWXAD)
	sfence.vma
	S_GETS(op_store, STORE_PAGE)
#if LEVELS > 3
	PTE(root, 1, 0, RWXAD)				/* the lowest superpage of the top level: RAM is at 2 GiB */
	sfence.vma
	la a1, data + 8
	li t0, SIZE(LEVELS - 1)
	add a1, a1, t0
	S_GETS(op_load, ECALL_S)
	CHECK(a0, 0x4444)
	PTE(root, 1, RAM, RWXAD)
	sfence.vma
	S_GETS(op_load, LOAD_PAGE)
	RAW_PTE(root, 1, 0)
#endif
	PTE(TOP, SLOT(2, VA), tables, V)
	PTE(tables, SLOT(1, VA), leaf_table, V)

	/* A and D: page faults, or set by hardware */
	li a1, VA + 8
#ifndef QEMU						/* always sets them */
	csrw menvcfg, zero
	LEAF(V | R | W | X | D)
	S_GETS(op_load, LOAD_PAGE)
	S_GETS(op_store, STORE_PAGE)
	IN_S(op_jump)
	TRAPPED(FETCH_PAGE, VA + 8)
	LEAF(V | R | W | X | A)
	S_GETS(op_load, ECALL_S)
	S_GETS(op_store, STORE_PAGE)
	S_GETS(op_amo, STORE_PAGE)
	la a3, leaf_table
	li t0, SLOT(0, VA) * 8
	add a3, a3, t0
	ld a0, 0(a3)
	andi a0, a0, A | D
	CHECK(a0, A)
	WRITE(menvcfg, ADUE)
#endif
	la a3, leaf_table
	li t0, SLOT(0, VA) * 8
	add a3, a3, t0
	LEAF(V | R | W | X)
	S_GETS(op_load, ECALL_S)
	ld a0, 0(a3)
	andi a0, a0, A | D
	CHECK(a0, A)
	S_GETS(op_load, ECALL_S)
	S_GETS(op_store, ECALL_S)
	ld a0, 0(a3)
	andi a0, a0, A | D
	CHECK(a0, A | D)
	LEAF(V | R | W | X)
	S_GETS(op_amo, ECALL_S)
	ld a0, 0(a3)
	andi a0, a0, A | D
	CHECK(a0, A | D)
	LEAF(V | R)					/* what is not permitted sets nothing */
	S_GETS(op_store, STORE_PAGE)
	ld a0, 0(a3)
	andi a0, a0, A | D
	CHECK(a0, 0)
	csrw menvcfg, zero

	/* sfence.vma: by address, by address in a superpage, by ASID; satp */
	LEAF(RWXAD)
	S_GETS(op_load, ECALL_S)
	PTE(leaf_table, SLOT(0, VA), data + 0x1000, RWXAD)
	li t0, VA
	sfence.vma t0
	S_GETS(op_load, ECALL_S)
	CHECK(a0, 0x2222)
	RAW_PTE(leaf_table, SLOT(0, VA), 0)
	li t0, VA + 0x123
	sfence.vma t0, zero
	S_GETS(op_load, LOAD_PAGE)
	LEAF(RWXAD)
	S_GETS(op_load, ECALL_S)
	RAW_PTE(leaf_table, SLOT(0, VA), 0)
	sfence.vma zero, zero
	S_GETS(op_load, LOAD_PAGE)
	LEAF(RWXAD)
	S_GETS(op_load, ECALL_S)
	PTE(leaf_table, SLOT(0, VA), data, V | R | A | D)
	sfence.vma a1
	S_GETS(op_store, STORE_PAGE)
	PTE(tables, SLOT(1, VA), RAM, RWXAD)
	sfence.vma
	li a1, VA - (VA & (SIZE(1) - 1)) + 0x3008	/* cached, then fenced by another address in it */
	S_GETS(op_load, ECALL_S)
	RAW_PTE(tables, SLOT(1, VA), 0)
	li t0, VA - (VA & (SIZE(1) - 1)) + 0x155000
	sfence.vma t0
	S_GETS(op_load, LOAD_PAGE)
	PTE(tables, SLOT(1, VA), leaf_table, V)
	LEAF(RWXAD)
	li a1, VA + 8
	S_GETS(op_load, ECALL_S)
	PTE(two, SLOT(LEVELS - 1, VA), 0, 0)		/* another address space without VA, of the same ASID */
#if LEVELS == 3
	PTE(two, 2, RAM, RWXAD)
	PTE(two, 4, RAM, RWXAD | U)
	SATP(MODE, two)
	S_GETS(op_load, LOAD_PAGE)
	la t0, root					/* back, with another ASID and no fence */
	srli t0, t0, 12
	li t1, MODE << 60 | 5 << 44
	or t0, t0, t1
	csrw satp, t0
	S_GETS(op_load, ECALL_S)
	la t0, two
	srli t0, t0, 12
	li t1, MODE << 60 | 6 << 44
	or t0, t0, t1
	csrw satp, t0
	S_GETS(op_load, LOAD_PAGE)

	/* two address spaces that have other pages at VA and the same global one after it, without a fence between */
#define SPACE(table, asid) la t0, table; srli t0, t0, 12; li t1, MODE << 60 | (asid) << 44; or t0, t0, t1; csrw satp, t0
#define LOADS(value) S_GETS(op_load, ECALL_S); CHECK(a0, value)
	PTE(two, SLOT(2, VA), two_tables, V)
	PTE(two_tables, SLOT(1, VA), two_tables + 0x1000, V)
	PTE(two_tables + 0x1000, SLOT(0, VA), data + 0x1000, RWXAD)
	PTE(two_tables + 0x1000, SLOT(0, VA) + 1, data + 0x2000, RWXAD | G)
	PTE(leaf_table, SLOT(0, VA) + 1, data + 0x2000, RWXAD | G)
	la a0, data
	li t0, 0x1111
	sd t0, 8(a0)
	li t0, 0x2222
	li t1, 0x1000
	add a0, a0, t1
	sd t0, 8(a0)
	add a0, a0, t1
	sd t0, 16(a0)
	sfence.vma
	.rept 3
	SPACE(root, 0x1234)
	li a1, VA + 8
	LOADS(0x1111)
	li a1, VA + 0x1010
	LOADS(0x2222)
	SPACE(two, 0xf234)
	li a1, VA + 8
	LOADS(0x2222)
	li a1, VA + 0x1010
	LOADS(0x2222)
	.endr
	/* all 16 bits of an ASID count, in satp and in fences, which see only the low ones of rs2 */
	csrr a0, satp
	srli a0, a0, 44
	CHECK(a0, MODE << 16 | 0xf234)
	PTE(leaf_table, SLOT(0, VA), data + 0x1000, RWXAD)
	li t1, 0x1234
	sfence.vma zero, t1
	SPACE(root, 0x1234)
	li a1, VA + 8
	LOADS(0x2222)
	PTE(leaf_table, SLOT(0, VA), data, RWXAD)
	li t0, VA
	li t1, 0x1234
	sfence.vma t0, t1
	LOADS(0x1111)
	SPACE(two, 0xf234)
	LOADS(0x2222)
	PTE(two_tables + 0x1000, SLOT(0, VA), data, RWXAD)
	li t1, 0xf234
	sfence.vma zero, t1
	LOADS(0x1111)
	/* a global page goes with a fence for all ASIDs */
	RAW_PTE(two_tables + 0x1000, SLOT(0, VA) + 1, 0)
	RAW_PTE(leaf_table, SLOT(0, VA) + 1, 0)
	li a1, VA + 0x1010
	li t0, VA + 0x1000
	sfence.vma t0
	S_GETS(op_load, LOAD_PAGE)
	SPACE(root, 0x1234)
	S_GETS(op_load, LOAD_PAGE)
	SATP(MODE, root)
	li a1, VA + 8
#endif

	/* Svnapot: 64 KiB, by bits 3-0 of the page number */
	la a3, data
	li t0, 0xffff
	and t0, a3, t0
	CHECK(t0, 0)
	PTE(leaf_table, SLOT(0, VA), data + 0x8000, RWXAD | N)
	PTE(leaf_table, SLOT(0, VA) + 3, data + 0x8000, RWXAD | N)
	sfence.vma
	li t0, 0x5555
	sd t0, 8(a3)
	li t1, 0x3000
	add t1, t1, a3
	li t0, 0x6666
	sd t0, 8(t1)
	S_GETS(op_load, ECALL_S)
	CHECK(a0, 0x5555)
	li a1, VA + 0x3008
	S_GETS(op_load, ECALL_S)
	CHECK(a0, 0x6666)
	PTE(leaf_table, SLOT(0, VA) + 3, data + 0x4000, RWXAD | N)	/* reserved */
	sfence.vma
	S_GETS(op_load, LOAD_PAGE)
	PTE(leaf_table, SLOT(0, VA) + 3, data, RWXAD | N)
	sfence.vma
	S_GETS(op_load, LOAD_PAGE)
	PTE(leaf_table, SLOT(0, VA) + 3, 0, 0)
	li a1, VA + 8
	PTE(tables, SLOT(1, VA), RAM, RWXAD | N)	/* not at this level */
	sfence.vma
	S_GETS(op_load, LOAD_PAGE)
	PTE(tables, SLOT(1, VA), leaf_table, V)

	/* Svpbmt */
#ifndef QEMU						/* has no PBMTE */
	LEAF(RWXAD | PBMT(1))
	S_GETS(op_load, LOAD_PAGE)
#endif
	WRITE(menvcfg, PBMTE)
	sfence.vma
	S_GETS(op_load, ECALL_S)
	LEAF(RWXAD | PBMT(2))
	S_GETS(op_load, ECALL_S)
#ifndef QEMU						/* has no reserved type */
	LEAF(RWXAD | PBMT(3))
	S_GETS(op_load, LOAD_PAGE)
#endif
	csrw menvcfg, zero

	/* an access across pages: the tval of the second is its own */
	LEAF(RWXAD)
	RAW_PTE(leaf_table, SLOT(0, VA) + 1, 0)
	sfence.vma
	li a1, VA + 0xffb
	IN_S(op_load)
	TRAPPED(LOAD_PAGE, VA + 0x1000)
	la a3, data + 0xff8
	li t0, 0x77
	sd t0, 0(a3)
	IN_S(op_store)
	TRAPPED(STORE_PAGE, VA + 0x1000)
	ld a0, 0(a3)					/* nothing is stored */
	CHECK(a0, 0x77)
	PTE(leaf_table, SLOT(0, VA) + 1, data + 0x5000, RWXAD)
	sfence.vma
	li a2, 0x1122334455667788
	S_GETS(op_store, ECALL_S)
	S_GETS(op_load, ECALL_S)
	SAME(a0, a2)
	la a3, data + 0x5000
	lwu a0, 0(a3)
	CHECK(a0, 0x112233)
	RAW_PTE(leaf_table, SLOT(0, VA), 0)		/* the first page faults before the second */
	sfence.vma
	IN_S(op_load)
	TRAPPED(LOAD_PAGE, VA + 0xffb)

	/* an instruction across pages */
	LEAF(RWXAD)
	la a3, data + 0xffe
	li t0, 0x0537					/* lui a0, ... */
	sh t0, 0(a3)
	la a3, data + 0x5000
	li t0, 0x1234					/* 0x12340 */
	sh t0, 0(a3)
	li t0, 0x00000073				/* ecall */
	sw t0, 2(a3)
	fence.i
	li a1, VA + 0xffe
	IN_S(op_jump)
	TRAPPED(ECALL_S, 0)
	CHECK(s3, VA + 0x1002)
	CHECK(a0, 0x12340000)
	la a4, data + 0x6000
	li t0, 0x4321
	sh t0, 0(a4)
	li t0, 0x00000073
	sw t0, 2(a4)
	PTE(leaf_table, SLOT(0, VA) + 1, data + 0x6000, RWXAD)	/* the second page becomes another */
	li t0, VA + 0x1000
	sfence.vma t0
	IN_S(op_jump)
	TRAPPED(ECALL_S, 0)
	CHECK(a0, 0x43210000)
	li t0, 0x2345					/* and is written to */
	sh t0, 0(a4)
	fence.i
	IN_S(op_jump)
	CHECK(a0, 0x23450000)
	RAW_PTE(leaf_table, SLOT(0, VA) + 1, 0)
	sfence.vma
	IN_S(op_jump)
	TRAPPED(FETCH_PAGE, VA + 0x1000)
	CHECK(s3, VA + 0xffe)
	PTE(leaf_table, SLOT(0, VA) + 1, data + 0x6000, V | R | W | A | D)
	sfence.vma
	IN_S(op_jump)
	TRAPPED(FETCH_PAGE, VA + 0x1000)
	CHECK(s3, VA + 0xffe)
	RAW_PTE(leaf_table, SLOT(0, VA), 0)
	sfence.vma
	IN_S(op_jump)
	TRAPPED(FETCH_PAGE, VA + 0xffe)

	/* the same code at other addresses, and other code at the same address */
	LEAF(RWXAD)
	la a3, data
	li t0, 0x00000517				/* auipc a0, 0 */
	sw t0, 0(a3)
	li t0, 0x00000073
	sw t0, 4(a3)
	PTE(leaf_table, SLOT(0, VA) + 1, data, RWXAD)
	sfence.vma
	fence.i
	li a1, VA
	IN_S(op_jump)
	CHECK(a0, VA)
	li a1, VA + 0x1000
	IN_S(op_jump)
	CHECK(a0, VA + 0x1000)
	la a3, data + 0x7000
	li t0, 0x00001517				/* auipc a0, 1 */
	sw t0, 0(a3)
	li t0, 0x00000073
	sw t0, 4(a3)
	fence.i
	PTE(leaf_table, SLOT(0, VA) + 1, data + 0x7000, RWXAD)
	li t0, VA + 0x1000
	sfence.vma t0
	IN_S(op_jump)
	CHECK(a0, VA + 0x2000)
	PASS
