/* Work of the kinds that embedded CPUs are compared by: linked lists that are searched, reversed and sorted, small
   integer matrices, a state machine over text, and a checksum bit by bit. */
#include "bench.h"

enum { NODES = 200, SIDE = 16, TEXT = 512 };

struct node {
    struct node *next;
    u32 key, data;
};

static u16 crc(u16 sum, u32 value)
{
    for (int bit = 0; bit < 16; bit++, value >>= 1)
        sum = (u16)((sum ^ value) & 1 ? sum >> 1 ^ 0xa001 : sum >> 1);
    return sum;
}

static struct node *reverse(struct node *list)
{
    struct node *done = NULL;

    while (list) {
        struct node *next = list->next;

        list->next = done;
        done = list;
        list = next;
    }
    return done;
}

static struct node *merge(struct node *a, struct node *b)
{
    struct node *head = NULL, **end = &head;

    while (a && b) {
        struct node **smaller = a->key <= b->key ? &a : &b;

        *end = *smaller;
        end = &(*smaller)->next;
        *smaller = *end;
    }
    *end = a ? a : b;
    return head;
}

static struct node *sort(struct node *list)
{
    struct node *middle = list, *rest;

    if (!list || !list->next)
        return list;
    for (struct node *end = list->next; end && end->next; end = end->next->next)
        middle = middle->next;
    rest = middle->next;
    middle->next = NULL;
    return merge(sort(list), sort(rest));
}

static u32 lists(struct node *nodes, u64 *state)
{
    struct node *list = NULL;
    u32 sum = 0;

    for (int i = 0; i < NODES; i++) {
        nodes[i] = (struct node){list, (u32)(random_next(state) % 1000), (u32)i};
        list = &nodes[i];
    }
    for (u32 wanted = 0; wanted < 40; wanted++) {
        for (struct node *at = list; at; at = at->next) {
            if (at->key % 41 == wanted) {
                sum += at->data;
                break;
            }
        }
    }
    list = reverse(sort(reverse(list)));
    for (struct node *at = list; at; at = at->next)
        sum = sum * 31 + at->key;
    return sum;
}

static u32 matrices(u64 *state)
{
    int a[SIDE][SIDE], b[SIDE][SIDE];
    u32 sum = 0;

    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            a[i][j] = (short)random_next(state);
            b[i][j] = (short)random_next(state);
        }
    }
    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            int dot = 0;

            for (int k = 0; k < SIDE; k++)
                dot += a[i][k] * b[k][j] >> 2;
            sum += (u32)dot;
        }
    }
    return sum;
}

/* Counts the numbers in a text by kind: integer, with a point, with an exponent, broken. */
static u32 state_machine(const char *text)
{
    enum state { START, INTEGER, POINT, EXPONENT, BROKEN } state = START;
    u32 counts[5] = {0}, sum = 0;

    for (; *text; text++) {
        char c = *text;

        if (c == ',') {
            counts[state]++;
            state = START;
            continue;
        }
        switch (state) {
        case START:
            state = c >= '0' && c <= '9' ? INTEGER : c == '.' ? POINT : BROKEN;
            break;
        case INTEGER:
            state = c >= '0' && c <= '9' ? INTEGER : c == '.' ? POINT : c == 'e' ? EXPONENT : BROKEN;
            break;
        case POINT:
            state = c >= '0' && c <= '9' ? POINT : c == 'e' ? EXPONENT : BROKEN;
            break;
        case EXPONENT:
            state = c >= '0' && c <= '9' ? EXPONENT : BROKEN;
            break;
        case BROKEN:
            break;
        }
    }
    for (int i = 0; i < 5; i++)
        sum = sum * 17 + counts[i];
    return sum;
}

u64 run_integer(u64 times)
{
    static struct node nodes[NODES];
    static char text[TEXT + 1];
    u64 state = opaque(88172645463325252);
    u16 sum = 0;

    for (u64 round = 0; round < times * 2500; round++) {
        for (int i = 0; i < TEXT; i++)
            text[i] = "0123456789,,,.e+"[random_next(&state) & 15];
        sum = crc(sum, lists(nodes, &state));
        sum = crc(sum, matrices(&state));
        sum = crc(sum, state_machine(text));
    }
    return sum;
}
