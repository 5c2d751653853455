/* Control that is hard to follow: an interpreter that calls a function for each operation, and recursion. */
#include "bench.h"

struct machine {
    const u32 *at;
    u64 stack[16], *top, variables[4];
    int running;
};

typedef void operation(struct machine *machine, u32 argument);

static void op_push(struct machine *m, u32 n) { *m->top++ = n; }
static void op_load(struct machine *m, u32 n) { *m->top++ = m->variables[n]; }
static void op_store(struct machine *m, u32 n) { m->variables[n] = *--m->top; }
static void op_add(struct machine *m, u32 n) { (void)n, m->top--, m->top[-1] += m->top[0]; }
static void op_mul(struct machine *m, u32 n) { (void)n, m->top--, m->top[-1] *= m->top[0]; }
static void op_xor(struct machine *m, u32 n) { (void)n, m->top--, m->top[-1] ^= m->top[0]; }
static void op_shift(struct machine *m, u32 n) { m->top[-1] >>= n; }
static void op_stop(struct machine *m, u32 n) { (void)n, m->running = 0; }
static void op_loop(struct machine *m, u32 n)
{
    if (--m->variables[0])
        m->at -= n;
}

enum { PUSH, LOAD, STORE, ADD, MUL, XOR, SHIFT, STOP, LOOP };

static operation *const operations[] = {
    op_push, op_load, op_store, op_add, op_mul, op_xor, op_shift, op_stop, op_loop,
};

static u64 interpret(const u32 *code, u64 rounds)
{
    struct machine machine = {.at = code, .top = machine.stack, .variables = {rounds, 1}, .running = 1};

    while (machine.running) {
        u32 word = *machine.at++;

        operations[word & 0xff](&machine, word >> 8);
    }
    return machine.variables[1];
}

u64 run_interpreter(u64 times)
{
    static const u32 code[] = {
        LOAD | 1 << 8, PUSH | 31 << 8, MUL, LOAD | 0 << 8, ADD, STORE | 1 << 8,         /* b = b * 31 + a */
        LOAD | 1 << 8, SHIFT | 7 << 8, LOAD | 1 << 8, XOR, STORE | 1 << 8, LOOP | 12 << 8, /* b ^= b >> 7 */
        STOP,
    };

    return interpret(code, times * 800000);
}

__attribute__((noinline)) static u64 fibonacci(u64 n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

__attribute__((noinline)) static u64 ackermann(u64 m, u64 n)
{
    return m == 0 ? n + 1 : ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

u64 run_calls(u64 times)
{
    u64 sum = 0;

    for (u64 round = 0; round < times * 2; round++)
        sum += fibonacci(opaque(32)) + ackermann(opaque(2), opaque(1200));
    return sum;
}
