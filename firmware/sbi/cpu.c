#include "cpu.h"

#include "../common/csr.h"

/* Tries to write a CSR, by number; false where the CPU has none of that number. */
#define csr_try_write(csr, value)                                                              \
    ({                                                                                         \
        register u64 ok_ asm("t0") = 1;                                                        \
        u64 vector_;                                                                           \
        asm volatile("csrrw %1, mtvec, %2\n\tcsrw " #csr ", %3\n\tcsrw mtvec, %1"              \
                     : "+&r"(ok_), "=&r"(vector_) : "r"(trap_skip), "r"((u64)(value)) : "t1", "memory"); \
        ok_ != 0;                                                                              \
    })


#define MENVCFG_STCE (1ull << 63)
#define MENVCFG_PBMTE (1ull << 62)
#define MENVCFG_ADUE (1ull << 61)
#define MENVCFG_CBZE (1ull << 7)
#define MENVCFG_CBCFE (1ull << 6)
#define MENVCFG_CBIE (3ull << 4) /* cbo.inval invalidates */

/* Exceptions for S-mode to handle: all but illegal instructions, misaligned accesses and access faults, which are
   redirected (trap.c), and what S-mode's ecall asks of the firmware. Bits the CPU does not have read as zero. */
#define DELEGATED_EXCEPTIONS 0xf4b509
#define DELEGATED_INTERRUPTS (MIP_SSIP | MIP_STIP | MIP_SEIP)

#define PMP_NAPOT (3u << 3)
#define PMP_RWX 7u

extern char FIRMWARE_BASE[], FIRMWARE_SIZE[]; /* symbols of sbi.lds */
void trap_skip(void);

bool cpu_has_sstc;

static void protect(void)
{
    u64 base, size;

    cpu_protected_region(&base, &size);
    csr_try_write(pmpaddr0, (base | (size / 2 - 1)) >> 2);
    csr_try_write(pmpaddr1, ~0ull);
    csr_try_write(pmpcfg0, PMP_NAPOT | (PMP_NAPOT | PMP_RWX) << 8);
    asm volatile("sfence.vma" ::: "memory");
}

static void enable_extensions(void)
{
    u64 wanted = MENVCFG_STCE | MENVCFG_PBMTE | MENVCFG_ADUE | MENVCFG_CBZE | MENVCFG_CBCFE | MENVCFG_CBIE;

    csr_try_write(0x30c, ~0ull); /* mstateen0: nothing is kept from S-mode */
    csr_try_write(mcounteren, ~0ull);
    csr_try_write(mcountinhibit, 0);
    if (csr_try_write(0x30a, wanted)) /* menvcfg */
        cpu_has_sstc = csr_read(0x30a) & MENVCFG_STCE && csr_try_write(0x14d, ~0ull); /* stimecmp */
}

void cpu_setup(void)
{
    csr_write(medeleg, DELEGATED_EXCEPTIONS);
    csr_write(mideleg, DELEGATED_INTERRUPTS);
    enable_extensions();
    protect();
}

bool cpu_has_supervisor(void)
{
    u64 misa = csr_read(misa);

    return misa == 0 || misa >> ('S' - 'A') & 1; /* 0: the CPU does not tell */
}

void cpu_protected_region(u64 *base, u64 *size)
{
    *base = (u64)FIRMWARE_BASE;
    *size = (u64)FIRMWARE_SIZE;
}

bool cpu_is_protected(u64 address, u64 size)
{
    u64 base, length;

    cpu_protected_region(&base, &length);
    return address < base + length && size > 0 && (address >= base || address + size > base);
}
