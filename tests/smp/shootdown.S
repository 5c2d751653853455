/* A page moves from frame to frame under the harts that use it. Hart 0 changes the entry, interrupts the others, and takes
 * the old frame for itself once each has done its fence: no load may find that frame afterwards, and no store go there.
 * Ends with status 0, or with the line of the failed check.
 */

#define HARTS 4
#ifndef TIMES
#define TIMES 80
#endif
#define FINISHER 0x100000
#define CLINT 0x2000000
#define PAGE 4096
#define RAM 0x80000000
#define WINDOW 0x40000000
#define MSIE 8
#define POISON 0xdead
#define LEAF 0xcf					/* V R W X A D */
#define TABLE 1
#define MPP_S (1 << 11)

#define FAIL li t1, __LINE__ << 16 | 0x3333; j finish

	.section .text.start, "ax"
	.globl _start
_start:
	csrr s5, mhartid
	li t0, -1
	csrw pmpaddr0, t0
	li t0, 0x1f
	csrw pmpcfg0, t0
	bnez s5, worker

	/* the window's page, and all memory for S */
	la t0, middle
	srli t0, t0, 2
	ori t0, t0, TABLE
	la t1, root
	sd t0, 8(t1)
	li t2, LEAF					/* devices, for a failure */
	sd t2, 0(t1)
	li t2, RAM >> 2 | LEAF
	sd t2, 16(t1)
	la t0, leaves
	srli t0, t0, 2
	ori t0, t0, TABLE
	la t1, middle
	sd t0, 0(t1)
	li s0, 0					/* the generation; its frame is s0 & 1 */
	la s1, frames
	sd s0, 0(s1)
	srli t0, s1, 2
	ori t0, t0, LEAF
	la t1, leaves
	sd t0, 0(t1)
	fence rw, rw
	la t1, ready
	li t0, 1
	sd t0, 0(t1)
	la t1, working
1:	ld t0, 0(t1)
	sltiu t0, t0, HARTS - 1
	bnez t0, 1b

next:
	addi s0, s0, 1
	/* the new frame has the number of the generation, the old one is in use */
	andi t0, s0, 1
	slli t0, t0, 12
	add s2, s1, t0					/* new */
	li t1, PAGE
	xor t0, t0, t1
	add s3, s1, t0					/* old */
	sd s0, 0(s2)
	fence rw, rw
	srli t0, s2, 2
	ori t0, t0, LEAF
	la t1, leaves
	sd t0, 0(t1)
	la t1, generation
	sd s0, 0(t1)
	la t1, fenced
	sd zero, 0(t1)
	fence rw, rw
	li t0, CLINT
	li t2, 1
	sw t2, 4(t0)
	sw t2, 8(t0)
	sw t2, 12(t0)
1:	ld t0, 0(t1)
	sltiu t0, t0, HARTS - 1
	bnez t0, 1b
	fence rw, rw
	/* the old frame is no one's now */
	li t0, POISON
	sd t0, 0(s3)
	sd t0, 8(s3)
	sd t0, 16(s3)
	sd t0, 24(s3)
	li t2, 200
1:	addi t2, t2, -1
	bnez t2, 1b
	ld t1, 8(s3)
	bne t1, t0, stored_late
	ld t1, 16(s3)
	bne t1, t0, stored_late
	ld t1, 24(s3)
	bne t1, t0, stored_late
	li t0, TIMES
	bne s0, t0, next
	li t1, 0x5555
finish:
	li t0, FINISHER
	sw t1, 0(t0)
	j .
stored_late:
	FAIL

worker:
	la t0, fence_handler
	csrw mtvec, t0
	la t0, ready
1:	ld t1, 0(t0)
	beqz t1, 1b
	fence rw, rw
	li t0, MSIE
	csrw mie, t0
	la t0, root
	srli t0, t0, 12
	li t1, 8 << 60
	or t0, t0, t1
	csrw satp, t0
	sfence.vma
	li t0, MPP_S
	csrs mstatus, t0
	la t0, use
	csrw mepc, t0
	slli s6, s5, 3
	li s7, WINDOW
	add s6, s6, s7					/* what this hart stores to */
	li s8, 0					/* the last generation whose fence was done */
	li s9, 0
	la t0, working
	li t1, 1
	amoadd.d zero, t1, (t0)
	mret
use:
	mv t1, s8
	ld t0, 0(s7)
	bltu t0, t1, read_old
	sd s9, 0(s6)
	addi s9, s9, 1
	li t2, POISON
	beq t0, t2, read_poison
	j use
read_old:
	FAIL
read_poison:
	FAIL
no_interrupt:
	FAIL

	.balign 4
fence_handler:
	csrr t4, mcause
	bgez t4, no_interrupt
	csrw mscratch, t0
	li t0, CLINT
	slli t4, s5, 2
	add t0, t0, t4
	sw zero, 0(t0)
	fence rw, rw
	ld s8, generation
	/* of all, or of the address */
	andi t4, s8, 1
	beqz t4, 1f
	sfence.vma
	j 2f
1:	sfence.vma s7, zero
2:	fence rw, rw
	la t4, fenced
	li t5, 1
	amoadd.d zero, t5, (t4)
	csrr t0, mscratch
	mret

	.section .data
	.balign 64
ready:	.dword 0
	.balign 64
working: .dword 0
	.balign 64
generation: .dword 0
	.balign 64
fenced:	.dword 0

	.section .bss
	.balign PAGE
root:	.skip PAGE
middle:	.skip PAGE
leaves:	.skip PAGE
	.balign 2 * PAGE
frames:	.skip 2 * PAGE
