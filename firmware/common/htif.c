#include "htif.h"

/* A call: device in bits 56-63, command in bits 48-55, a payload. Source: riscv-isa-sim's fesvr. */
#define CONSOLE_READ (1ull << 56)
#define CONSOLE_WRITE (1ull << 56 | 1ull << 48)
#define COMMAND (0xffffull << 48)

static int held = -1; /* a byte that came while another call was made */
static bool asked;    /* for a byte */

/* An answer is taken before the next call is made, since that one's would take its place. */
static void take_answer(const struct htif *htif)
{
    u64 answer = *htif->fromhost;

    if (answer == 0)
        return;
    *htif->fromhost = 0;
    if ((answer & COMMAND) == CONSOLE_READ) {
        held = answer & 0xff;
        asked = false;
    }
}

static void call(const struct htif *htif, u64 what)
{
    do
        take_answer(htif);
    while (*htif->tohost);
    *htif->tohost = what;
    take_answer(htif);
}

void htif_put(const struct htif *htif, u8 byte)
{
    call(htif, CONSOLE_WRITE | byte);
}

int htif_get(const struct htif *htif)
{
    int byte;

    take_answer(htif);
    if (held < 0 && !asked) {
        asked = true;
        call(htif, CONSOLE_READ);
    }
    byte = held;
    held = -1;
    return byte;
}

void htif_exit(const struct htif *htif, u32 status)
{
    call(htif, (u64)status << 1 | 1);
}
