/* Harts that change each other's code, in M-mode. Macros:
   COUNT      how often it is called
   FUNCTION   address of the function that is changed
   SHARED     address of the words that the harts share
   Hart 0 ends the run with status 0, or 1 where a call returned what it could not. */
    .option norelax
    .text
    .globl _start
_start:
    li s0, SHARED
    li s1, FUNCTION
    li s2, COUNT
    bnez a0, other

#ifdef ORDERED
/* A function made to order: hart 0 writes one that returns a number, hart 1 calls it and answers what it got. */
    li t0, 0
1:  addi t0, t0, 1
    andi t1, t0, 0x3ff
    slli t2, t1, 20
    addi t2, t2, 0x513          /* addi a0, x0, t1 */
    sh t2, 0(s1)
    srli t2, t2, 16
    sh t2, 2(s1)
    fence rw, rw
    sd t0, 0(s0)
2:  ld t2, 8(s0)
    bne t2, t0, 2b
    fence rw, rw
    ld t2, 16(s0)
    bne t2, t1, fail
    bne t0, s2, 1b
    j pass

other:
    li t0, 0
1:  ld t2, 0(s0)
    beq t2, t0, 1b
    mv t0, t2
    fence rw, rw
    fence.i
    jalr s1
    sd a0, 16(s0)
    fence rw, rw
    sd t0, 8(s0)
    j 1b
#else
/* A function that one hart changes while others call it: each call returns what it was before or after. */
    li t1, 0x00100513           /* li a0, 1 */
    li t2, 0x00200513           /* li a0, 2 */
1:  sw t1, 0(s1)
    sw t2, 0(s1)
    sd zero, 64(s1)             /* data beside it */
    ld t0, 0(s0)
    bnez t0, fail
    ld t0, 8(s0)
    bltu t0, s2, 1b
    j pass

other:
    li t0, 0
    li t1, 2
1:  jalr s1
    addi t0, t0, 1
    sd t0, 8(s0)
    addi a0, a0, -1
    bltu a0, t1, 1b
    sd a0, 0(s0)
2:  j 2b
#endif

fail:
    li t0, 0x13333
    j end
pass:
    li t0, 0x5555
end:
    li t1, 0x100000
    sw t0, 0(t1)
1:  j 1b
