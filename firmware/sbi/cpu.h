/* What the firmware sets up in each CPU: privileges, delegation, memory protection. */
#pragma once
#include "../common/types.h"

#define MSTATUS_MPIE (1u << 7)
#define MSTATUS_MPP_SHIFT 11
#define MSTATUS_MPP (3u << MSTATUS_MPP_SHIFT)
#define SSTATUS_SIE (1u << 1)
#define SSTATUS_SPIE (1u << 5)
#define SSTATUS_SPP (1u << 8)

/* Bits of mip and mie. */
#define MIP_SSIP (1u << 1)
#define MIP_MSIP (1u << 3)
#define MIP_STIP (1u << 5)
#define MIP_MTIP (1u << 7)
#define MIP_SEIP (1u << 9)

extern bool cpu_has_sstc; /* stimecmp is there and enabled */

/* For each hart, before it enters S-mode. */
void cpu_setup(void);

bool cpu_has_supervisor(void);

/* Whether [address, address + size) touches the firmware's own memory. */
bool cpu_is_protected(u64 address, u64 size);
void cpu_protected_region(u64 *base, u64 *size);
