/* A kernel that does what a script in memory says, and prints two numbers for each of its lines.
 *
 * A line is eight double words: what to do, x, a0 to a3, a6, a7. See `do_table` for what there is to do. Traps are caught
 * all the time; what a line printed before a trap is its cause and stval then.
 */

#define SCRIPT 0x80400000
#define UART 0x10000000
#define SECOND_LINE 64
#define TICKS_PATIENCE 20000000				/* two seconds */

#define SHOW(register) mv a0, register; call print

	.section .text.start, "ax"
	.globl _start
_start:
	/* the script runs on hart 0; another one that the firmware has chosen starts it, and stops */
	beqz a0, 2f
1:	li a0, 0
	la a1, _start
	li a6, 0
	li a7, 0x48534d
	ecall
	bnez a0, 1b
	li a6, 1
	ecall
2:	la sp, stack_top
	la t0, trapped
	csrw stvec, t0
	li s0, SCRIPT
next:
	ld t0, 0(s0)
	bltz t0, finished
	li s1, 0					/* what is printed */
	li s2, 0
	slli t0, t0, 3
	la t1, do_table
	add t1, t1, t0
	ld t1, 0(t1)
	ld s3, 8(s0)					/* x */
	ld a0, 16(s0)
	ld a1, 24(s0)
	ld a2, 32(s0)
	ld a3, 40(s0)
	ld a6, 48(s0)
	ld a7, 56(s0)
	jr t1
done:
	SHOW(s1)
	SHOW(s2)
	li a0, '\n'
	call put
	addi s0, s0, SECOND_LINE
	j next

	.balign 8
do_table:
	.dword do_call, do_wait, do_store, do_load, do_pending, do_rest, do_run, do_sleep, do_receive, do_until

do_call:						/* an SBI call */
	ecall
	mv s1, a0
	mv s2, a1
	j done
do_wait:						/* until the double word at x is a0; whether it came to that */
	rdtime t0
	li t1, TICKS_PATIENCE
	add t1, t0, t1
1:	ld t0, 0(s3)
	beq t0, a0, 2f
	rdtime t0
	bltu t0, t1, 1b
	j done
2:	fence r, rw
	li s1, 1
	j done
do_until:						/* the call, until it has the value x */
	mv s4, a0
	rdtime t0
	li t1, TICKS_PATIENCE
	add t1, t0, t1
1:	mv a0, s4
	ecall
	mv s1, a0
	mv s2, a1
	beq s2, s3, done
	rdtime t0
	bltu t0, t1, 1b
	j done
do_store:						/* a0 to x */
	fence rw, w
	sd a0, 0(s3)
	j done
do_load:						/* the double words at x and after it */
	ld s1, 0(s3)
	ld s2, 8(s3)
	j done
do_pending:						/* the bits a0 of sip, then clear the bits a1 of it */
	csrr s1, sip
	and s1, s1, a0
	csrc sip, a1
	j done
do_rest:						/* until a0 ticks have passed */
	rdtime t0
	add t0, t0, a0
1:	rdtime t1
	bltu t1, t0, 1b
	j done
do_run:							/* the code at x, which returns or traps; cause and stval */
	li s1, -1
	fence.i
	jalr s3
	j done
do_sleep:						/* wfi with the bits a0 of sie; those of sip, and whether time has passed */
	csrs sie, a0
	rdtime s2
	wfi
	csrr s1, sip
	and s1, s1, a0
	csrc sie, a0
	rdtime t0
	sltu s2, s2, t0
	j done
do_receive:						/* with interrupts of the bits a0 until one comes: cause, and the pc is lost */
	csrs sie, a0
	csrsi sstatus, 2
	rdtime t0
	li t1, TICKS_PATIENCE
	add t1, t0, t1
1:	rdtime t0
	bltu t0, t1, 1b
	csrci sstatus, 2
	csrc sie, a0
	j done

	.balign 4
trapped:
	csrr s1, scause
	csrr s2, stval
	csrci sstatus, 2
	csrw sie, zero
	bltz s1, 1f
	csrr t1, sepc
	sub t1, t1, s3
	slli t1, t1, 32
	add s1, s1, t1
1:	la t0, done
	csrw sepc, t0
	li t0, 1 << 8
	csrs sstatus, t0
	li t0, 1 << 5					/* SPIE: no interrupts after it */
	csrc sstatus, t0
	sret

finished:
	li a0, 0
	li a1, 0
	li a6, 0
	li a7, 0x53525354
	ecall
	j .

	/* Another hart comes here with a1 the address of four double words: it writes a0, satp and SIE, and sie to the
	 * last three, then 1 to the first, and stops when that is 2, suspends at 3, without its state at 4. */
	.globl second
	.balign 4
second:
	mv s0, a1
	sd a0, 8(s0)
	csrr t0, satp
	csrr t1, sstatus
	andi t1, t1, 2
	or t0, t0, t1
	sd t0, 16(s0)
	csrr t0, sie
	sd t0, 24(s0)
	li t0, 1
	fence rw, w
	sd t0, 0(s0)
	csrsi sie, 2
1:	ld t0, 0(s0)
	li a7, 0x48534d
	li a0, 0
	la a1, second
	mv a2, s0
	addi t1, t0, -3
	li a6, 3
	beqz t1, 2f
	li a0, 0x80000000
	addi t1, t0, -4
	beqz t1, 2f
	li a6, 1
	addi t1, t0, -2
	bnez t1, 1b
	csrw sie, zero
2:	csrci sip, 2					/* of an earlier call */
	ecall
	csrci sip, 2
	li t0, 5					/* it came back */
	sd t0, 0(s0)
	j 1b

/* The number in a0 and a space; one byte. */
print:
	addi sp, sp, -32
	sd ra, 0(sp)
	sd s4, 8(sp)
	sd s5, 16(sp)
	mv s4, a0
	li s5, 60
1:	srl a0, s4, s5
	andi a0, a0, 15
	li t0, 10
	blt a0, t0, 2f
	addi a0, a0, 'a' - '0' - 10
2:	addi a0, a0, '0'
	call put
	addi s5, s5, -4
	bgez s5, 1b
	li a0, ' '
	call put
	ld ra, 0(sp)
	ld s4, 8(sp)
	ld s5, 16(sp)
	addi sp, sp, 32
	ret
put:
	li t0, UART
1:	lbu t1, 5(t0)
	andi t1, t1, 0x20
	beqz t1, 1b
	sb a0, 0(t0)
	ret

	.section .bss
	.balign 16
	.skip 4096
stack_top:
