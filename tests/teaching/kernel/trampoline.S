# Where harts start, and the ways into and out of the kernel.

.section .start, "ax"
.globl _start
_start:
    csrr    a0, mhartid
    la      sp, boot_stacks
    addi    a1, a0, 1
    slli    a1, a1, 12
    add     sp, sp, a1
    call    machine_start
1:  j       1b

#ifdef TIMER_BY_CLINT
# Machine timer interrupt: the next deadline, and a supervisor software interrupt. mscratch: three words, mtimecmp, interval.
.globl machine_timer
.balign 4
machine_timer:
    csrrw   a0, mscratch, a0
    sd      a1, 0(a0)
    sd      a2, 8(a0)
    sd      a3, 16(a0)
    ld      a1, 24(a0)
    ld      a2, 32(a0)
    ld      a3, 0(a1)
    add     a3, a3, a2
    sd      a3, 0(a1)
    li      a1, 2
    csrw    sip, a1
    ld      a3, 16(a0)
    ld      a2, 8(a0)
    ld      a1, 0(a0)
    csrrw   a0, mscratch, a0
    mret
#endif

.section .trampoline, "ax"
.globl trampoline, user_entry, user_return
.balign 4096
trampoline:
user_entry:
    csrw    sscratch, a0
    li      a0, 0x3fffffe000
    .irp    n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    sd      x\n, 40 + 8 * \n(a0)
    .endr
    csrr    t0, sscratch
    sd      t0, 40 + 8 * 10(a0)
    ld      sp, 8(a0)
    ld      tp, 32(a0)
    ld      t0, 16(a0)
    ld      t1, 0(a0)
    sfence.vma
    csrw    satp, t1
    sfence.vma
    jr      t0

user_return:                        # (satp)
    sfence.vma
    csrw    satp, a0
    sfence.vma
    li      a0, 0x3fffffe000
    .irp    n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    ld      x\n, 40 + 8 * \n(a0)
    .endr
    ld      a0, 40 + 8 * 10(a0)
    sret

.text
.globl kernel_entry
.balign 4
kernel_entry:
    addi    sp, sp, -256
    .irp    n, 1, 3, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31
    sd      x\n, 8 * \n(sp)
    .endr
    call    kernel_trap
    .irp    n, 1, 3, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31
    ld      x\n, 8 * \n(sp)
    .endr
    addi    sp, sp, 256
    sret

.globl context_switch               # (from, to)
context_switch:
    sd      ra, 0(a0)
    sd      sp, 8(a0)
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    sd      s\n, 16 + 8 * \n(a0)
    .endr
    ld      ra, 0(a1)
    ld      sp, 8(a1)
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    ld      s\n, 16 + 8 * \n(a1)
    .endr
    ret

.bss
.balign 4096
boot_stacks:
    .skip   4096 * 3
