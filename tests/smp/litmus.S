/* Litmus tests of RVWMO (Unprivileged ISA manual, chapter 17 and appendix A) on four harts.
 *
 * A test is a thread for each hart, which goes through all slots of memory, and what no slot may hold after that. Every few
 * slots a hart waits a little for its neighbour, so that they are at work on the same ones. Tests of two come first, while
 * the other harts sleep. A slot has two locations, x (0(s0)) and y (0(s3)), in lines of their own, and what the threads
 * have read: a0 and a1 of each. Ends with status 0, or with the number of the test as status.
 */

#define HARTS 4
#define SLOTS 1024
#define SLOT 256
#define Y 64
#define READ 128
#ifndef ROUNDS
#define ROUNDS 5
#endif
#define FINISHER 0x100000
#define CLINT 0x2000000
#define MSIE 8
#define TOGETHER 8					/* slots between two waits */
#define PATIENCE 2000

/* A loop over all slots. a0 and a1 are 0 at first; t0 is 1 and t1 is 2. */
#define THREAD(name, ...) \
	name: la s0, slots; li s1, SLOTS; \
	1: andi t2, s1, TOGETHER - 1; bnez t2, 6f; \
	sd s1, 0(s8); li t2, PATIENCE; \
	5: ld t3, 0(s9); addi t2, t2, -1; bleu t3, s1, 6f; bnez t2, 5b; \
	6: addi s3, s0, Y; li a0, 0; li a1, 0; li t0, 1; li t1, 2; \
	__VA_ARGS__; \
	add t6, s0, s4; sd a0, READ(t6); sd a1, READ + 8(t6); \
	addi s0, s0, SLOT; addi s1, s1, -1; bnez s1, 1b; ret

/* What is looked for in each slot: a0, a1 of hart 0; a2, a3 of hart 1; a4, a5 and a6, a7; x in t0, y in t1. */
#define IS(register, value) li t5, value; bne register, t5, 2f
#define FORBIDDEN(name, ...) \
	name: la s0, slots; li s1, SLOTS; \
	1: ld a0, READ(s0); ld a1, READ + 8(s0); ld a2, READ + 16(s0); ld a3, READ + 24(s0); \
	ld a4, READ + 32(s0); ld a5, READ + 40(s0); ld a6, READ + 48(s0); ld a7, READ + 56(s0); \
	ld t0, 0(s0); ld t1, Y(s0); \
	__VA_ARGS__; j failed; \
	2: addi s0, s0, SLOT; addi s1, s1, -1; bnez s1, 1b; ret

#define TEST(zero, one, two, three, check) .dword zero, one, two, three, check

	.section .text.start, "ax"
	.globl _start
_start:
	csrr s5, mhartid
	slli s4, s5, 4
	la t0, progress
	slli t1, s5, 6
	add s8, t0, t1					/* of this hart, and of its neighbour */
	xori t1, t1, 64
	add s9, t0, t1
	sltiu t0, s5, 2
	beqz t0, asleep
	la s2, tests_of_two
	li s10, 2					/* harts that are awake */
	la s11, two_arrived
	call run_tests
	/* wake the others */
	bnez s5, all_awake
	li t0, CLINT
	li t1, 1
	sw t1, 8(t0)
	sw t1, 12(t0)
	j all_awake
asleep:
	li t0, MSIE
	csrw mie, t0
1:	wfi
	csrr t1, mip
	and t1, t1, t0
	beqz t1, 1b
all_awake:
	la s2, tests
	li s10, HARTS
	la s11, all_arrived
	call run_tests
	bnez s5, .
	li t1, 0x5555
	j finish

/* The tests of the table at s2 by s10 harts, which meet at s11. */
run_tests:
	mv tp, ra
	li s6, 0					/* barriers passed */
each_test:
	li s7, ROUNDS
each_round:
	bnez s5, 3f
	la t0, slots
	li t1, SLOTS * SLOT
	add t1, t0, t1
2:	sd zero, 0(t0)
	addi t0, t0, 8
	bltu t0, t1, 2b
3:	call barrier
	slli t0, s5, 3
	add t0, t0, s2
	ld t0, 0(t0)
	jalr t0
	call barrier
	bnez s5, 4f
	ld t0, 8 * HARTS(s2)
	jalr t0
4:	addi s7, s7, -1
	bnez s7, each_round
	addi s2, s2, 8 * (HARTS + 1)
	ld t0, 0(s2)
	bnez t0, each_test
	call barrier
	jr tp
failed:
	la t0, tests_of_two
	sub t1, s2, t0
	li t2, 8 * (HARTS + 1)
	divu t1, t1, t2
	addi t1, t1, 1
	slli t1, t1, 16
	li t2, 0x3333
	or t1, t1, t2
finish:
	li t0, FINISHER
	sw t1, 0(t0)
	j .

/* All harts come here before one goes on. */
barrier:
	add s6, s6, s10
	li t1, 1
	li t2, SLOTS + TOGETHER
	sd t2, 0(s8)
	fence rw, rw
	amoadd.d zero, t1, (s11)
1:	ld t1, 0(s11)
	bltu t1, s6, 1b
	fence rw, rw
	ret

	.section .data
	.balign 8
tests_of_two:
	TEST(store_y_after_x, read_y_then_x, idle, idle, message_lost)
	TEST(store_y_after_x, read_y_then_x_by_address, idle, idle, message_lost)
	TEST(store_y_released, read_y_acquired_then_x, idle, idle, message_lost)
	TEST(store_y_released, read_y_by_lr_then_x, idle, idle, message_lost)
	TEST(store_x_read_y, store_y_read_x, idle, idle, both_read_zero)
	TEST(swap_x_read_y, swap_y_read_x, idle, idle, both_read_zero)
	TEST(reserve_x_read_y, swap_y_read_x, idle, idle, both_read_zero)
	TEST(read_x_store_y, read_y_store_x, idle, idle, both_read_one)
	TEST(read_x_store_y_by_data, read_y_store_x_by_data, idle, idle, both_read_one)
	TEST(write_x_1_y_2, write_y_1_x_2, idle, idle, first_writes_last)
	TEST(swap_x_1_y_2, swap_y_1_x_2, idle, idle, first_writes_last)
	TEST(write_x_2_y_1, read_y_write_x_1, idle, idle, write_before_what_was_read)
	TEST(add_x, add_x, idle, idle, sum_of_two_is_wrong)
	TEST(count_x, add_x, idle, idle, sum_of_two_is_wrong)
	TEST(count_x, count_x, idle, idle, sum_of_two_is_wrong)
	.dword 0, 0, 0, 0, 0
tests:
	TEST(write_x_twice, read_x_twice, read_x_twice, idle, backwards)
	TEST(write_x, write_y, read_x_then_y, read_y_then_x, two_orders)
	TEST(write_x, write_y, read_x_then_y_acquired, read_y_then_x_acquired, two_orders)
	TEST(write_x, read_x_write_y, read_y_then_x, idle, cause_unseen)
	TEST(add_x, add_x, add_x, add_x, sum_is_wrong)
	TEST(count_x, count_x, add_x, add_x, sum_is_wrong)
	TEST(add_words_of_x, count_words_of_x, add_words_of_x, count_words_of_x, words_are_wrong)
	.dword 0
	.balign 64
two_arrived: .dword 0
	.balign 64
all_arrived: .dword 0
	.balign 64
progress: .skip 64 * HARTS

	.section .bss
	.balign 64
slots:	.skip SLOTS * SLOT

	.section .text
idle:	ret

/* message passing */
THREAD(store_y_after_x, sd t0, 0(s0); fence w, w; sd t0, 0(s3))
THREAD(store_y_released, sd t0, 0(s0); amoswap.d.rl zero, t0, (s3))
THREAD(read_y_then_x, ld a0, 0(s3); fence r, r; ld a1, 0(s0))
THREAD(read_y_then_x_by_address, ld a0, 0(s3); xor t2, a0, a0; add t2, t2, s0; ld a1, 0(t2))
THREAD(read_y_acquired_then_x, amoor.d.aq a0, zero, (s3); ld a1, 0(s0))
THREAD(read_y_by_lr_then_x, lr.d.aq a0, (s3); ld a1, 0(s0))
FORBIDDEN(message_lost, IS(a2, 1); IS(a3, 0))

/* store buffering */
THREAD(store_x_read_y, sd t0, 0(s0); fence rw, rw; ld a0, 0(s3))
THREAD(store_y_read_x, sd t0, 0(s3); fence w, r; ld a0, 0(s0))
THREAD(swap_x_read_y, amoswap.d.aqrl zero, t0, (s0); ld a0, 0(s3))
THREAD(swap_y_read_x, amoswap.w.aqrl zero, t0, (s3); ld a0, 0(s0))
THREAD(reserve_x_read_y, 3: lr.d t2, (s0); sc.d.rl t2, t0, (s0); bnez t2, 3b; fence rw, rw; ld a0, 0(s3))
FORBIDDEN(both_read_zero, IS(a0, 0); IS(a2, 0))

/* load buffering */
THREAD(read_x_store_y, ld a0, 0(s0); fence r, w; sd t0, 0(s3))
THREAD(read_y_store_x, ld a0, 0(s3); fence r, w; sd t0, 0(s0))
THREAD(read_x_store_y_by_data, ld a0, 0(s0); xor t2, a0, a0; ori t2, t2, 1; sd t2, 0(s3))
THREAD(read_y_store_x_by_data, ld a0, 0(s3); xor t2, a0, a0; ori t2, t2, 1; sd t2, 0(s0))
FORBIDDEN(both_read_one, IS(a0, 1); IS(a2, 1))

/* two writes each */
THREAD(write_x_1_y_2, sd t0, 0(s0); fence w, w; sd t1, 0(s3))
THREAD(write_y_1_x_2, sd t0, 0(s3); fence w, w; sd t1, 0(s0))
THREAD(swap_x_1_y_2, amoswap.d.aqrl zero, t0, (s0); amoswap.d.aqrl zero, t1, (s3))
THREAD(swap_y_1_x_2, amoswap.d.aqrl zero, t0, (s3); amoswap.d.aqrl zero, t1, (s0))
FORBIDDEN(first_writes_last, IS(t0, 1); IS(t1, 1))

THREAD(write_x_2_y_1, sd t1, 0(s0); fence w, w; sd t0, 0(s3))
THREAD(read_y_write_x_1, ld a0, 0(s3); xor t2, a0, a0; ori t2, t2, 1; sd t2, 0(s0))
FORBIDDEN(write_before_what_was_read, IS(a2, 1); IS(t0, 2))

/* one location */
THREAD(write_x_twice, sd t0, 0(s0); sd t1, 0(s0))
THREAD(read_x_twice, ld a0, 0(s0); ld a1, 0(s0))
FORBIDDEN(backwards, bltu a3, a2, failed; bltu a5, a4, failed; IS(t0, 1))

/* independent reads of independent writes; a write caused by a write */
THREAD(write_x, sd t0, 0(s0))
THREAD(write_y, sd t0, 0(s3))
THREAD(read_x_then_y, ld a0, 0(s0); fence r, r; ld a1, 0(s3))
THREAD(read_x_then_y_acquired, lr.d.aq a0, (s0); ld a1, 0(s3))
THREAD(read_y_then_x_acquired, lr.w.aq a0, (s3); ld a1, 0(s0))
FORBIDDEN(two_orders, IS(a4, 1); IS(a5, 0); IS(a6, 1); IS(a7, 0))
THREAD(read_x_write_y, ld a0, 0(s0); fence r, w; sd a0, 0(s3))
FORBIDDEN(cause_unseen, IS(a4, 1); IS(a5, 0))

/* nothing is lost, all in one place: by amo, and by lr and sc beside it; by halves of one double word */
#define SUM(name, total) name: ld t0, slots; li t5, total; bne t0, t5, failed; ret
THREAD(add_x, la t3, slots; amoadd.d zero, t0, (t3))
THREAD(count_x, la t3, slots; 3: lr.d t2, (t3); addi t2, t2, 1; sc.d t2, t2, (t3); bnez t2, 3b)
SUM(sum_of_two_is_wrong, 2 * SLOTS)
SUM(sum_is_wrong, HARTS * SLOTS)
THREAD(add_words_of_x, la t3, slots; amoadd.w zero, t0, (t3); addi t3, t3, 4; amoadd.w zero, t1, (t3))
THREAD(count_words_of_x, la t3, slots; 3: lr.w t2, (t3); addi t2, t2, 1; sc.w t2, t2, (t3); bnez t2, 3b; \
	addi t3, t3, 4; 4: lr.w t2, (t3); addi t2, t2, 2; sc.w t2, t2, (t3); bnez t2, 4b)
SUM(words_are_wrong, 2 * HARTS * SLOTS << 32 | HARTS * SLOTS)
