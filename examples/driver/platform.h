/* What the firmware needs from its board: registers, memory on the bus, and the interrupt. */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <stdint.h>

#include "weft_driver.h"

#define PLATFORM_MEMORY 0x10000000u /* bus address of memory that processor and accelerator share */

/* The registers of the accelerator. */
struct weft_bus platform_registers(void);

/* The same memory as the processor sees it: `address` is a bus address from PLATFORM_MEMORY upwards. */
uint8_t *platform_memory(uint64_t address);

/* Sleep until the interrupt line is high, at most `cycles`; 0 if it stays low. */
int platform_wait_for_interrupt(uint64_t cycles);

/* Answer every access to these bytes with SLVERR, 0 bytes for none; for tests. */
void platform_break_memory(uint64_t address, uint64_t bytes);

#endif
