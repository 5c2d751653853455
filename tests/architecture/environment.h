/* The surroundings of the architecture test programs, as suites for the board spike have them: a program is code for U, from
 * PROGRAM to PASS. Without VIRTUAL it runs at its physical addresses. With VIRTUAL (8, 9 or 10: the mode of satp) it runs at
 * address 0 and up, in 4 KiB pages that a small manager in S copies to scattered frames when they are first touched; it also
 * sets their accessed and dirty bits, unless HARDWARE_AD is defined and menvcfg as after a reset.
 *
 * A failed check ends with the low byte of its line as status; another trap than those that the manager knows, with 128 +
 * its cause. a7 and t6 belong to the checks.
 */

#define BASE 0x80000000
#define PAGE 4096
#define MEGAPAGE (2 << 20)
#define FRAMES (BASE + MEGAPAGE)		/* where pages are copied to */
#define SCATTER 211				/* times the number of a page, modulo 512: the number of its frame */

#define PTE_V 1
#define PTE_U 16
#define PTE_RWX 14
#define PTE_A 64
#define PTE_D 128
#define MSTATUS_FS (3 << 13)
#define FS_INITIAL (1 << 13)
#define ILLEGAL 2
#define ECALL_U 8
#define STORE_PAGE 15

#define CHECK(register, value) li a7, __LINE__; li t6, value; bne register, t6, fail
#define SAME(one, other) li a7, __LINE__; bne one, other, fail
#define PASS li a0, 0; ecall

/* An instruction that may trap, which does not matter then. */
#define OPTIONAL(...) la t0, 77f; csrw mtvec, t0; __VA_ARGS__; .balign 4; 77:

#define PROGRAM \
	.section .text; .balign 4; program:

	.option norelax
	.section .text.start, "ax"
	.globl _start
_start:
	csrr a0, mhartid
1:	bnez a0, 1b
	OPTIONAL(csrwi 0x744, 8)			/* resumable non-maskable interrupts on */
	OPTIONAL(csrwi satp, 0)
	OPTIONAL(li t1, (1 << 53) - 1; csrw pmpaddr0, t1; li t1, 0x1f; csrw pmpcfg0, t1)
	OPTIONAL(csrwi mie, 0; csrwi medeleg, 0; csrwi mideleg, 0)
#ifndef HARDWARE_AD
	OPTIONAL(csrwi 0x30a, 0)
#endif
	csrwi mstatus, 0
	li t0, 7
	csrw mcounteren, t0
	csrw scounteren, t0
	la t0, trap
	csrw mtvec, t0
	la sp, stack_top
	csrw mscratch, sp
	la a0, program
#ifdef VIRTUAL
	/* the lowest and the highest 512 GiB (or what the mode has) lead down to a table of pages and to one of megapages */
	la s0, root
	la s1, user_tables
	la s2, kernel_tables
	srli t2, s1, 2
	ori t2, t2, PTE_V
	sd t2, 0(s0)
	srli t2, s2, 2
	ori t2, t2, PTE_V
	li t3, PAGE
	add s0, s0, t3
	sd t2, -8(s0)
	li s3, VIRTUAL - 7
1:	addi s3, s3, -1
	add t4, s1, t3
	add t5, s2, t3
	srli t2, t4, 2
	ori t2, t2, PTE_V
	sd t2, 0(s1)
	beqz s3, 2f
	srli t2, t5, 2
	ori t2, t2, PTE_V
	sd t2, -8(t5)
	mv s1, t4
	mv s2, t5
	j 1b
2:	la t1, leaf_table
	sd t4, 0(t1)
	/* two megapages of the kernel: all of the program, and the frames */
	li t2, BASE >> 2 | PTE_RWX | PTE_V | PTE_A | PTE_D
	sd t2, -16(t5)
	li t2, FRAMES >> 2 | PTE_RWX | PTE_V | PTE_A | PTE_D
	sd t2, -8(t5)
	la t0, root
	srli t0, t0, 12
	li t1, VIRTUAL << 60
	or t0, t0, t1
	csrw satp, t0
	csrr t1, satp
	bne t0, t1, unsupported
	sfence.vma
	li s4, -2 * MEGAPAGE - BASE			/* what is added to an address of the kernel */
	la t0, manager
	add t0, t0, s4
	csrw stvec, t0
	la t0, stack_top
	add t0, t0, s4
	csrw sscratch, t0
	li t0, 1 << ECALL_U | 1 << ILLEGAL | 1 << 12 | 1 << 13 | 1 << STORE_PAGE
	csrw medeleg, t0
	li t0, BASE
	sub a0, a0, t0
#endif
	csrw mepc, a0
	mret
unsupported:
	li a0, 99
	j exit

	/* an exception in the physical program, or one that nobody expects */
	.balign 4
trap:
	csrrw sp, mscratch, sp
	sd t0, -8(sp)
	sd t1, -16(sp)
	csrr t0, mcause
	li t1, ECALL_U
	beq t0, t1, exit
	li t1, ILLEGAL
	bne t0, t1, unexpected
	li t1, MSTATUS_FS
	csrr t0, mstatus
	and t1, t0, t1
	bnez t1, unexpected
	li t1, FS_INITIAL				/* the first use of floating point */
	csrs mstatus, t1
	ld t0, -8(sp)
	ld t1, -16(sp)
	csrrw sp, mscratch, sp
	mret
unexpected:
	csrr a0, mcause
	ori a0, a0, 0x80

	/* a0 is the status */
exit:
	slli a0, a0, 1
	ori a0, a0, 1
	la t0, tohost
1:	sw a0, 0(t0)
	sw zero, 4(t0)
	j 1b

#ifdef VIRTUAL
	.balign 4
manager:
	csrrw sp, sscratch, sp
	sd t0, -8(sp)
	sd t1, -16(sp)
	sd t2, -24(sp)
	sd t3, -32(sp)
	sd t4, -40(sp)
	csrr t0, scause
	li t1, ECALL_U
	beq t0, t1, vm_ended
	li t1, ILLEGAL
	beq t0, t1, vm_illegal
	csrr t0, stval
	li t1, MEGAPAGE
	bgeu t0, t1, vm_lost
	srli t0, t0, 12
	slli t1, t0, 3
	ld t2, leaf_table
	li t3, -2 * MEGAPAGE - BASE
	add t2, t2, t3
	add t1, t1, t2					/* of the entry */
	ld t2, 0(t1)
	beqz t2, vm_fresh
	andi t3, t2, PTE_A
	beqz t3, vm_accessed
	csrr t3, scause
	li t4, STORE_PAGE
	bne t3, t4, vm_lost
	andi t3, t2, PTE_D
	bnez t3, vm_lost
	ori t2, t2, PTE_D
vm_accessed:
	ori t2, t2, PTE_A
	sd t2, 0(t1)
	j vm_resume
vm_fresh:
	li t2, SCATTER
	mul t2, t0, t2
	andi t2, t2, 511
	slli t2, t2, 12					/* offset of the frame */
	slli t3, t0, 12
	li t4, -2 * MEGAPAGE
	add t3, t3, t4
	li t4, -MEGAPAGE
	add t4, t4, t2
	li t0, PAGE
	add t0, t0, t4
1:	ld t2, 0(t3)
	sd t2, 0(t4)
	addi t3, t3, 8
	addi t4, t4, 8
	bltu t4, t0, 1b
	li t2, PAGE
	sub t4, t4, t2
	li t2, MEGAPAGE + FRAMES
	add t4, t4, t2					/* physical address of the frame */
	srli t4, t4, 2
	ori t4, t4, PTE_V | PTE_U | PTE_RWX
	sd t4, 0(t1)
	fence.i
vm_resume:
	csrr t0, stval
	sfence.vma t0
	j vm_back
vm_illegal:
	csrr t0, sstatus
	li t1, MSTATUS_FS
	and t0, t0, t1
	bnez t0, vm_lost
	li t1, FS_INITIAL
	csrs sstatus, t1
vm_back:
	ld t0, -8(sp)
	ld t1, -16(sp)
	ld t2, -24(sp)
	ld t3, -32(sp)
	ld t4, -40(sp)
	csrrw sp, sscratch, sp
	sret
vm_lost:
	csrr a0, scause
	ori a0, a0, 0x80
	j exit
vm_ended:
	bnez a0, exit
	/* a page that differs from what it was copied from is dirty, and each one was accessed */
	ld t0, leaf_table
	li t1, -2 * MEGAPAGE - BASE
	add t0, t0, t1
	li t1, 0
1:	ld t2, 0(t0)
	beqz t2, 3f
	andi t3, t2, PTE_A
	li a0, 97
	beqz t3, exit
	andi t3, t2, PTE_D
	bnez t3, 3f
	slli t3, t1, 12
	li t4, -2 * MEGAPAGE
	add t3, t3, t4
	srli t2, t2, 10
	slli t2, t2, 12
	li t4, -MEGAPAGE - FRAMES
	add t2, t2, t4
	li t4, PAGE
	add t4, t4, t2
2:	ld a1, 0(t2)
	ld a2, 0(t3)
	li a0, 98
	bne a1, a2, exit
	addi t2, t2, 8
	addi t3, t3, 8
	bltu t2, t4, 2b
3:	addi t0, t0, 8
	addi t1, t1, 1
	slti t2, t1, 512
	bnez t2, 1b
	li a0, 0
	j exit

	.section .bss
	.balign PAGE
root:	.skip PAGE
user_tables: .skip 4 * PAGE
kernel_tables: .skip 4 * PAGE
	.section .data
	.balign 8
leaf_table: .dword 0
#endif

	.section .bss
	.balign 16
	.skip 4096
stack_top:

	.section .tohost, "aw", @progbits
	.balign 64
	.globl tohost
	.globl fromhost
	.type tohost, @object
	.type fromhost, @object
	.size tohost, 8
	.size fromhost, 8
tohost:	.dword 0
	.balign 64
fromhost: .dword 0

	.section .text
fail:
	mv a0, a7
	andi a0, a0, 0xff
	bnez a0, 1f
	li a0, 1
1:	ecall
