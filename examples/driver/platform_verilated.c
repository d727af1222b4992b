/* The platform of platform.h made of the Verilated RTL: the shared library that `weft sim` uses too (sim/harness/harness.cpp). */
#include <stdio.h>
#include <stdlib.h>

#include "platform.h"

void *weft_create(uint64_t dram_bytes);
void weft_reset(void *handle, uint32_t cycles);
uint8_t *weft_dram(void *handle);
int weft_csr_read(void *handle, uint32_t address, uint32_t *data);
int weft_csr_write(void *handle, uint32_t address, uint32_t data);
int weft_run(void *handle, uint64_t cycles);
const char *weft_violation(void *handle);
void weft_fault(void *handle, uint64_t first, uint64_t last, uint8_t response);
void weft_clear_faults(void *handle);

static void *machine(void)
{
    static void *handle;

    if (!handle) {
        handle = weft_create(UINT64_C(1) << 29);
        if (!handle)
            abort();
        weft_reset(handle, 4);
    }
    return handle;
}

static void check(void)
{
    if (*weft_violation(machine())) {
        fprintf(stderr, "rule of the bus broken: %s\n", weft_violation(machine()));
        abort();
    }
}

static int read_register(void *context, uint32_t offset, uint32_t *value)
{
    int response = weft_csr_read(context, offset, value);

    check();
    return response;
}

static int write_register(void *context, uint32_t offset, uint32_t value)
{
    int response = weft_csr_write(context, offset, value);

    check();
    return response;
}

struct weft_bus platform_registers(void)
{
    struct weft_bus bus = {read_register, write_register, 0};

    bus.context = machine();
    return bus;
}

uint8_t *platform_memory(uint64_t address)
{
    return weft_dram(machine()) + address;
}

int platform_wait_for_interrupt(uint64_t cycles)
{
    int result = weft_run(machine(), cycles);

    check();
    return result == 1;
}

void platform_break_memory(uint64_t address, uint64_t bytes)
{
    if (bytes)
        weft_fault(machine(), address, address + bytes - 1u, 2);
    else
        weft_clear_faults(machine());
}
