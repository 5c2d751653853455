/* Numbers of the RISC-V Supervisor Binary Interface 2.0. */
#pragma once

enum sbi_error {
    SBI_SUCCESS = 0,
    SBI_FAILED = -1,
    SBI_NOT_SUPPORTED = -2,
    SBI_INVALID_PARAMETER = -3,
    SBI_INVALID_ADDRESS = -5,
    SBI_ALREADY_AVAILABLE = -6,
};

enum sbi_extension {
    SBI_LEGACY_SET_TIMER = 0,
    SBI_LEGACY_PUTCHAR = 1,
    SBI_LEGACY_GETCHAR = 2,
    SBI_LEGACY_SHUTDOWN = 8,
    SBI_BASE = 0x10,
    SBI_TIME = 0x54494d45,
    SBI_IPI = 0x735049,
    SBI_RFENCE = 0x52464e43,
    SBI_HSM = 0x48534d,
    SBI_SRST = 0x53525354,
    SBI_DBCN = 0x4442434e,
};

enum sbi_base_function {
    SBI_BASE_SPEC_VERSION,
    SBI_BASE_IMPLEMENTATION,
    SBI_BASE_IMPLEMENTATION_VERSION,
    SBI_BASE_PROBE,
    SBI_BASE_VENDOR,
    SBI_BASE_ARCHITECTURE,
    SBI_BASE_CPU_IMPLEMENTATION,
};
enum sbi_rfence_function { SBI_FENCE_I, SBI_SFENCE_VMA, SBI_SFENCE_VMA_ASID };
enum sbi_hsm_function { SBI_HART_START, SBI_HART_STOP, SBI_HART_STATUS, SBI_HART_SUSPEND };
/* Types of suspension, and the first one that is up to the platform, in the lower half of the numbers and in the upper. */
#define SBI_SUSPEND_RETENTIVE 0u
#define SBI_SUSPEND_PLATFORM 0x10000000u
#define SBI_SUSPEND_NON_RETENTIVE 0x80000000u
enum sbi_reset_type { SBI_SHUTDOWN, SBI_COLD_REBOOT, SBI_WARM_REBOOT };
enum sbi_console_function { SBI_CONSOLE_WRITE, SBI_CONSOLE_READ, SBI_CONSOLE_WRITE_BYTE };

/* What SBI_HART_STATUS answers. */
enum sbi_hart_state {
    HART_STARTED = 0,
    HART_STOPPED = 1,
    HART_START_PENDING = 2,
    HART_STOP_PENDING = 3,
    HART_SUSPENDED = 4,
};
