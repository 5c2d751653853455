/* Sizes that C and assembly share. */
#pragma once

#define MAX_HARTS 64       /* hart ids 0..63: one word of a hart mask */
#define STACK_SHIFT 12     /* a stack of 4 KiB a hart */
#define FRAME_SIZE (32 * 8)

#define FW_DYNAMIC_MAGIC 0x4942534f /* "OSBI" */
