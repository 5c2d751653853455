/* Sv39 page tables: the kernel's sections at the top, and a window to physical memory of which only the parts in use
   are mapped. */
#pragma once
#include "../common/types.h"

enum page_flags { PAGE_R = 2, PAGE_W = 4, PAGE_X = 8 };

/* Virtual minus physical address of the kernel; 0 until address translation is on. */
extern u64 kernel_offset;

/* Before address translation is on: the tables for the kernel and the device tree. Answer: the value of satp. */
u64 paging_build(u64 device_tree);

/* Where the window shows a physical address. */
void *paging_window(u64 physical);

/* Maps [physical, physical + size) in the window with the rights given. Same answer. */
void *paging_map(u64 physical, u64 size, u64 flags);
