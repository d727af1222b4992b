/* The platform of examples/driver/platform.h made of the simulated system. Registers and memory are reached through Wishbone alone:
 * the firmware works on a copy of the memory, as on a write-back cache. What it changed is written back before every write to a register,
 * and the copy is filled again when the interrupt came. */
#include <stdio.h>
#include <stdlib.h>

#include "platform.h"

#define REGISTERS 0x80000000u
#define WORDS 16384u

int system_access(uint32_t address, int write, uint32_t *data);
int system_wait(uint64_t cycles);

static uint32_t copy[WORDS], held[WORDS]; /* what the firmware sees; what the memory holds as far as it knows */

static void access_memory(unsigned word, int write, uint32_t *data)
{
    if (system_access(PLATFORM_MEMORY + 4u * word, write, data)) {
        fprintf(stderr, "no memory at word %u\n", word);
        abort();
    }
}

static int read_register(void *context, uint32_t offset, uint32_t *value)
{
    (void)context;
    return system_access(REGISTERS + offset, 0, value);
}

static int write_register(void *context, uint32_t offset, uint32_t value)
{
    unsigned word;

    (void)context;
    for (word = 0; word < WORDS; ++word)
        if (copy[word] != held[word]) {
            access_memory(word, 1, &copy[word]);
            held[word] = copy[word];
        }
    return system_access(REGISTERS + offset, 1, &value);
}

struct weft_bus platform_registers(void)
{
    struct weft_bus bus = {read_register, write_register, 0};

    return bus;
}

uint8_t *platform_memory(uint64_t address)
{
    return (uint8_t *)copy + (address - PLATFORM_MEMORY);
}

int platform_wait_for_interrupt(uint64_t cycles)
{
    int high = system_wait(cycles);
    unsigned word;

    for (word = 0; word < WORDS; ++word) {
        access_memory(word, 0, &held[word]);
        copy[word] = held[word];
    }
    return high;
}
