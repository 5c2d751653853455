/* Reset entry, trap entry, and the way into the next stage.
   a0 = hart id, a1 = device tree, a2 = fw_dynamic information. */
#include "layout.h"

    .section .text.start, "ax"
    .globl _start
_start:
    csrw mie, zero
    csrw mscratch, zero             /* 0 while in M-mode: a trap now is the firmware's own fault */
    la t0, trap_entry
    csrw mtvec, t0

    li t0, MAX_HARTS
    bgeu a0, t0, park
    addi t1, a0, 1
    slli t1, t1, STACK_SHIFT
    la sp, stacks
    add sp, sp, t1

    li s0, 0                        /* the boot hart: 0, unless the information names another */
    beqz a2, 1f
    ld t1, 0(a2)
    li t2, FW_DYNAMIC_MAGIC
    bne t1, t2, 1f
    ld t1, 40(a2)
    bgeu t1, t0, 1f
    mv s0, t1
1:  bne a0, s0, wait_for_boot

    la t0, _bss
    la t1, _bss_end
2:  sd zero, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 2b
    call boot_main

wait_for_boot:                      /* .data is as loaded until the boot hart has set boot_done */
    csrwi mie, 8                    /* MSIE: the boot hart ends each wait by an IPI */
    la t0, boot_done
1:  lw t1, 0(t0)
    fence r, rw
    bnez t1, 2f
    wfi
    j 1b
2:  call secondary_main

park:
    wfi
    j park

    .section .text
/* Saves all registers of S- or U-mode in a struct frame on this hart's stack, whose top mscratch holds. */
    .balign 4
trap_entry:
    csrrw sp, mscratch, sp
    beqz sp, trap_in_firmware
    addi sp, sp, -FRAME_SIZE
    sd x1, 8(sp)
    .irp n, 3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd x\n, \n*8(sp)
    .endr
    csrrw t0, mscratch, zero
    sd t0, 16(sp)
    mv a0, sp
    call trap_handle
    addi t0, sp, FRAME_SIZE
    csrw mscratch, t0
    .irp n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld x\n, \n*8(sp)
    .endr
    ld sp, 16(sp)
    mret

trap_in_firmware:
    csrrw sp, mscratch, sp
    call trap_panic

/* Where mtvec points while a CSR that may be missing is tried: skips the instruction, t0 = 0. Uses t1. */
    .balign 4
    .globl trap_skip
trap_skip:
    csrr t1, mepc
    addi t1, t1, 4
    csrw mepc, t1
    li t0, 0
    mret

/* void enter(u64 hart, u64 argument): to mepc in the mode of mstatus.MPP, with this hart's stack empty. */
    .globl enter
enter:
    addi t1, a0, 1
    slli t1, t1, STACK_SHIFT
    la t0, stacks
    add t0, t0, t1
    csrw mscratch, t0
    fence.i
    mret

    .section .stacks, "aw", @nobits
    .balign 16
stacks:
    .skip MAX_HARTS << STACK_SHIFT
