/* The firmware's UART, shared by its messages and the debug console of SBI. */
#pragma once
#include "../common/types.h"

void console_init(void);

/* Sends or receives up to `count` bytes at the physical address; console_read does not wait. Answer: how many bytes. */
u64 console_write(const u8 *bytes, u64 count);
u64 console_read(u8 *bytes, u64 count);
