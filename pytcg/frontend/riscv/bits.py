"""Numbers of the RISC-V privileged architecture (version 1.13), and the translation flags made of them."""

from __future__ import annotations

# Privilege levels.
PRIV_U, PRIV_S, PRIV_M = 0, 1, 3

# MMU modes of data accesses (translation flags, bits 0-1). A fetch has the mode equal to its privilege (bits 2-3).
MODE_U, MODE_S, MODE_SUM, MODE_M = 0, 1, 2, 3

# Translation flags.
FLAG_MODE = 3
FLAG_PRIV_SHIFT = 2
FLAG_PRIV = 3 << FLAG_PRIV_SHIFT
#: mstatus.FS is known to be on. Set in U only: where it is clear, the first floating-point instruction of a block tests
#: mstatus.FS when it runs, so that a kernel that switches FS off at each trap keeps its jump cache.
FLAG_FS_ON = 1 << 4
FLAG_FRM_SHIFT = 5
FLAG_FRM = 3 << FLAG_FRM_SHIFT
FLAG_COUNT = 1 << 7
# Kinds of frm in the translation flags: one that the host rounds by, round to nearest with ties away, a reserved value.
FRM_HOST, FRM_RMM, FRM_INVALID = 0, 1, 2

# mstatus.
MSTATUS_SIE, MSTATUS_MIE, MSTATUS_SPIE, MSTATUS_MPIE = 1 << 1, 1 << 3, 1 << 5, 1 << 7
MSTATUS_SPP = 1 << 8
MSTATUS_MPP_SHIFT = 11
MSTATUS_MPP = 3 << MSTATUS_MPP_SHIFT
MSTATUS_FS = 3 << 13
MSTATUS_MPRV, MSTATUS_SUM, MSTATUS_MXR = 1 << 17, 1 << 18, 1 << 19
MSTATUS_TVM, MSTATUS_TW, MSTATUS_TSR = 1 << 20, 1 << 21, 1 << 22
MSTATUS_UXL, MSTATUS_SXL = 2 << 32, 2 << 34
MSTATUS_SD = 1 << 63
#: what a change of floating-point state sets. SD goes with FS being 3, in the field as in what a read shows
MSTATUS_DIRTY = MSTATUS_FS | MSTATUS_SD
SSTATUS = MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_FS | MSTATUS_SUM | MSTATUS_MXR
MSTATUS = SSTATUS | MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_MPP | MSTATUS_MPRV | MSTATUS_TVM | MSTATUS_TW | MSTATUS_TSR

# Interrupts: bits of mip and mie, and codes of mcause.
INTERRUPT = 1 << 63
IRQ_SSI, IRQ_MSI, IRQ_STI, IRQ_MTI, IRQ_SEI, IRQ_MEI = 1, 3, 5, 7, 9, 11
MIP_SSIP, MIP_MSIP, MIP_STIP, MIP_MTIP, MIP_SEIP, MIP_MEIP = 1 << 1, 1 << 3, 1 << 5, 1 << 7, 1 << 9, 1 << 11
MIP_S = MIP_SSIP | MIP_STIP | MIP_SEIP
MIP_ALL = MIP_S | MIP_MSIP | MIP_MTIP | MIP_MEIP

# Exceptions: codes of mcause.
CAUSE_FETCH_MISALIGNED, CAUSE_FETCH_ACCESS, CAUSE_ILLEGAL, CAUSE_BREAKPOINT = 0, 1, 2, 3
CAUSE_LOAD_MISALIGNED, CAUSE_LOAD_ACCESS, CAUSE_STORE_MISALIGNED, CAUSE_STORE_ACCESS = 4, 5, 6, 7
CAUSE_ECALL_U = 8
CAUSE_FETCH_PAGE, CAUSE_LOAD_PAGE, CAUSE_STORE_PAGE = 12, 13, 15

# menvcfg and senvcfg.
ENVCFG_FIOM, ENVCFG_CBIE, ENVCFG_CBCFE, ENVCFG_CBZE = 1 << 0, 3 << 4, 1 << 6, 1 << 7
MENVCFG_ADUE, MENVCFG_PBMTE, MENVCFG_STCE = 1 << 61, 1 << 62, 1 << 63
CBIE_RESERVED = 2 << 4

# mcounteren, scounteren, mcountinhibit.
COUNTER_CY, COUNTER_TM, COUNTER_IR = 1 << 0, 1 << 1, 1 << 2

# satp.
SATP_MODE_SHIFT = 60
SATP_SV39, SATP_SV57 = 8, 10
SATP_PPN = (1 << 44) - 1
SATP_ASID_SHIFT, SATP_ASID = 44, 0xFFFF << 44

# Page-table entries.
PTE_V, PTE_R, PTE_W, PTE_X, PTE_U, PTE_G, PTE_A, PTE_D = (1 << bit for bit in range(8))
PTE_PPN = ((1 << 44) - 1) << 10
PTE_RESERVED = ((1 << 7) - 1) << 54
PTE_PBMT = 3 << 61
PTE_N = 1 << 63
PAGE_SHIFT = 12
PAGE = 1 << PAGE_SHIFT
PAGE_MASK = (1 << 64) - PAGE
PHYSICAL_BITS = 56

# Bits of a pmpcfg byte.
PMP_R, PMP_W, PMP_X = 1, 2, 4
PMP_A_SHIFT = 3
PMP_TOR, PMP_NA4, PMP_NAPOT = 1, 2, 3
PMP_RWX = PMP_R | PMP_W | PMP_X
PMP_L = 1 << 7
PMP_ENTRIES = 16
