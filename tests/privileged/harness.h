/* What the privileged test programs share. A program is one file: this, then code from TEST to PASS.
 *
 * Registers: s2 cause, s3 epc, s4 tval, s5 status, s6 the privilege that took the last trap (3 M, 1 S); s9 what is to be
 * added to an address of code for U; s10 where to go on after a trap, in M; s11 the source line of the check being made.
 * t0-t6 are scratch. All traps come back to M.
 *
 * A failed check prints its line, cause, epc and tval of the last trap, a0 and a1, and ends with status 1.
 */

#define FINISHER 0x100000
#define UART 0x10000000
#define CLINT 0x2000000
#define MTIMECMP (CLINT + 0x4000)
#define MTIME (CLINT + 0xbff8)
#define RAM 0x80000000
#define NOWHERE 0x0e000000

#define ILLEGAL 2
#define BREAKPOINT 3
#define ECALL_U 8
#define ECALL_S 9
#define ECALL_M 11
#define FETCH_ACCESS 1
#define LOAD_MISALIGNED 4
#define LOAD_ACCESS 5
#define STORE_MISALIGNED 6
#define STORE_ACCESS 7
#define FETCH_PAGE 12
#define LOAD_PAGE 13
#define STORE_PAGE 15
#define IRQ(code) ((1 << 63) | (code))

#define MSTATUS_SIE (1 << 1)
#define MSTATUS_MIE (1 << 3)
#define MSTATUS_SPIE (1 << 5)
#define MSTATUS_MPIE (1 << 7)
#define MSTATUS_SPP (1 << 8)
#define MSTATUS_MPP (3 << 11)
#define MPP_S (1 << 11)
#define MSTATUS_FS (3 << 13)
#define MSTATUS_MPRV (1 << 17)
#define MSTATUS_SUM (1 << 18)
#define MSTATUS_MXR (1 << 19)
#define MSTATUS_TVM (1 << 20)
#define MSTATUS_TW (1 << 21)
#define MSTATUS_TSR (1 << 22)

#define V 1
#define R 2
#define W 4
#define X 8
#define U 16
#define G 32
#define A 64
#define D 128
#define N (1 << 63)
#define PBMT(n) ((n) << 61)
#define RWXAD (V | R | W | X | A | D)

/* csr names that assemblers may lack */
#define menvcfg 0x30a
#define senvcfg 0x10a
#define stimecmp 0x14d

/* A register holds a number; a register holds an address. */
#define CHECK(register, value) li s11, __LINE__; li t6, value; bne register, t6, fail
#define CHECK_AT(register, symbol) li s11, __LINE__; la t6, symbol; bne register, t6, fail
#define SAME(one, other) li s11, __LINE__; bne one, other, fail
/* The last trap had this cause; this cause and tval. */
#define CAUSE(cause) CHECK(s2, cause)
#define TRAPPED(cause, tval) CHECK(s2, cause); CHECK(s4, tval)

/* Set and clear bits that do not fit into an immediate. */
#define SET(csr, bits) li t0, bits; csrs csr, t0
#define CLEAR(csr, bits) li t0, bits; csrc csr, t0
#define WRITE(csr, bits) li t0, bits; csrw csr, t0

/* The instructions `...` are to trap in M. */
#define TRY(...) la s10, 77f; 76: __VA_ARGS__; li s11, __LINE__; j fail; 77: la t6, 76b; bne s3, t6, fail
/* Run the code at `label`, which ends with an ecall or a trap, in a privilege (MPP) of 0 or 1 or 3. */
#define RUN(mode, label) \
	li s11, __LINE__; CLEAR(mstatus, MSTATUS_MPP); SET(mstatus, (mode) << 11); \
	la t0, label; .if (mode) == 0; add t0, t0, s9; .endif; \
	csrw mepc, t0; la s10, 77f; mret; 77:
#define IN_M(label) RUN(3, label)
#define IN_S(label) RUN(1, label)
#define IN_U(label) RUN(0, label)

/* A page-table entry: an address, and bits; a number as an entry. */
#define PTE(table, index, target, bits) \
	la t0, target; srli t0, t0, 2; li t1, bits; or t0, t0, t1; la t1, table; li t2, (index) * 8; add t1, t1, t2; sd t0, 0(t1)
#define RAW_PTE(table, index, entry) li t0, entry; la t1, table; li t2, (index) * 8; add t1, t1, t2; sd t0, 0(t1)
#define SATP(mode, table) la t0, table; srli t0, t0, 12; li t1, (mode) << 60; or t0, t0, t1; csrw satp, t0; sfence.vma

#define TEST .section .text; test:
#ifdef SPIKE
/* End with status 0 or 1; show the byte in t2, changing t3 and t4. */
#define PASS li t1, 1; END
#define FAIL li t1, 3; END
#define END la t0, tohost; sd t1, 0(t0); j .
#define SHOW li t3, 0x0101 << 48; or t3, t3, t2; la t4, tohost; sd t3, 0(t4); la t4, fromhost; sd zero, 0(t4)
	.section .tohost, "aw", @progbits
	.globl tohost
	.globl fromhost
	.type tohost, @object
	.type fromhost, @object
	.size tohost, 8
	.size fromhost, 8
	.balign 64
tohost:	.dword 0
	.balign 64
fromhost: .dword 0
#else
#define PASS li t0, FINISHER; li t1, 0x5555; sw t1, 0(t0); j .
#define FAIL li t0, FINISHER; li t1, 0x13333; sw t1, 0(t0); j .
#define SHOW li t3, UART; sb t2, 0(t3)
#endif

	.section .text.start, "ax"
	.globl _start
_start:
	csrw mie, zero
	la t0, m_trap
	csrw mtvec, t0
	la t0, s_trap
	csrw stvec, t0
	csrw medeleg, zero
	csrw mideleg, zero
	csrw satp, zero
	li t0, -1
	csrw pmpaddr0, t0
	li t0, 0x1f
	csrw pmpcfg0, t0
	li s9, 0
	li s11, 0
	li s6, 0
	j test

	.balign 4
m_trap:
	csrr t0, mcause
	li t1, ECALL_S
	bne t0, t1, 1f
	csrr t0, mepc
	la t1, s_trap_done
	beq t0, t1, 2f
1:	csrr s2, mcause
	csrr s3, mepc
	csrr s4, mtval
	csrr s5, mstatus
	li s6, 3
2:	csrw mepc, s10
	li t0, MSTATUS_MPP
	csrs mstatus, t0
	li t0, MSTATUS_MPIE | MSTATUS_MPRV
	csrc mstatus, t0
	mret

	.balign 4
s_trap:
	csrr s2, scause
	csrr s3, sepc
	csrr s4, stval
	csrr s5, sstatus
	li s6, 1
s_trap_done:
	ecall

fail:
	csrw satp, zero
	mv s8, a0
	mv a0, s11
	call print
	mv a0, s2
	call print
	mv a0, s3
	call print
	mv a0, s4
	call print
	mv a0, s8
	call print
	mv a0, a1
	call print
	FAIL

/* A hexadecimal number and a new line to the console; keeps the other arguments. */
print:
	li t1, 60
1:	srl t2, a0, t1
	andi t2, t2, 15
	li t3, 10
	blt t2, t3, 2f
	addi t2, t2, 'a' - '0' - 10
2:	addi t2, t2, '0'
	SHOW
	addi t1, t1, -4
	bgez t1, 1b
	li t2, '\n'
	SHOW
	ret

/* Accesses at a1, of a2 where they store. */
	.balign 4
op_ecall:
	ecall
op_load:
	ld a0, 0(a1)
	ecall
op_load_byte:
	lbu a0, 0(a1)
	ecall
op_store:
	sd a2, 0(a1)
	ecall
op_store_byte:
	sb a2, 0(a1)
	ecall
op_amo:
	amoadd.d a0, a2, (a1)
	ecall
op_lr:
	lr.d a0, (a1)
	ecall
op_jump:
	jr a1

/* An aligned page of tables or data. */
#define PAGES(name, count) .section .bss; .balign 4096; name: .skip 4096 * (count); .section .text
