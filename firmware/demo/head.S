/* The Image header (Linux's Documentation/arch/riscv/boot-image-header.rst), the way into C, and the trap entry. */
#include "layout.h"

    .section .text.start, "ax"
    .globl _start
_start:
    .option push
    .option norvc
    j start
    .word 0
    .option pop
    .quad 0x200000                  /* offset from the start of RAM */
    .quad _image_size
    .quad 0                         /* flags: little-endian */
    .word 2                         /* header version 0.2 */
    .word 0
    .quad 0
    .ascii "RISCV\0\0\0"
    .ascii "RSC\x05"
    .word 0

/* a0 = hart id, a1 = physical address of the device tree; address translation off. */
start:
    csrw sie, zero
    mv s0, a0
    mv s1, a1
    lla sp, stack_top
    lla t0, _bss
    lla t1, _bss_end
1:  sd zero, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 1b
    mv a0, a1
    call paging_build               /* a0 = satp */
    lla t0, _start
    li t1, KERNEL_BASE
    sub s2, t1, t0                  /* virtual minus physical address of the kernel */
    lla t2, virtual
    add t2, t2, s2
    csrw stvec, t2
    sfence.vma
    csrw satp, a0                   /* the next fetch faults, and goes on at stvec */
    .balign 4
virtual:
    sfence.vma
    lla sp, stack_top
    lla t0, trap_entry
    csrw stvec, t0
    mv a0, s0
    mv a1, s1
    mv a2, s2
    call kernel_main

    .section .text
/* Saves the registers in a struct frame on the stack; x[0] is the pc. */
    .balign 4
trap_entry:
    addi sp, sp, -FRAME_SIZE
    sd x1, 8(sp)
    .irp n, 3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd x\n, \n*8(sp)
    .endr
    addi t0, sp, FRAME_SIZE
    sd t0, 16(sp)
    csrr t0, sepc
    sd t0, 0(sp)
    mv a0, sp
    call trap_handle
    ld t0, 0(sp)
    csrw sepc, t0
    .irp n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld x\n, \n*8(sp)
    .endr
    ld sp, 16(sp)
    sret

/* A new start of the shell on an empty stack, after a fault that nobody expected. */
    .globl shell_restart
shell_restart:
    lla sp, stack_top
    call shell

/* Where `smp` starts a hart, address translation off: a0 = hart id, a1 = &struct smp_work (physical). */
    .globl smp_entry
smp_entry:
    ld t0, 0(a1)                    /* how often to add */
    addi t1, a1, 8                  /* the shared sum */
    li t2, 1
1:  amoadd.d zero, t2, (t1)
    addi t0, t0, -1
    bnez t0, 1b
    li a7, 0x48534d                 /* HSM: stop this hart */
    li a6, 1
    ecall
2:  wfi
    j 2b

    .section .stack, "aw", @nobits
    .balign 16
    .skip STACK_SIZE
    .globl stack_top
stack_top:
