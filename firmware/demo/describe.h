/* Prints what the device tree says. */
#pragma once

void describe_memory(void);
void describe_cpus(void);
