/* What C and assembly share. */
#pragma once

#define KERNEL_BASE 0xffffffff80000000
#define FRAME_SIZE (32 * 8)
#define STACK_SIZE 16384
