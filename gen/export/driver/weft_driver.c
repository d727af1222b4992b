/* See weft_driver.h. SPDX-License-Identifier: Apache-2.0 */
#include "weft_driver.h"

#define NAME(name, text) #name,
#define TEXT(name, text) text,

static const char *const cause_texts[] = {WEFT_CAUSES(TEXT)};
const char *const weft_counter_names[WEFT_COUNTERS] = {WEFT_COUNTER_LIST(NAME)};

/* Leave the calling function unless the call worked. */
#define TRY(call)                        \
    do {                                 \
        enum weft_result result_ = call; \
        if (result_ != WEFT_OK)          \
            return result_;              \
    } while (0)

static int mmio_read(void *context, uint32_t offset, uint32_t *value)
{
    *value = *(volatile uint32_t *)((uintptr_t)context + offset);
    return 0;
}

static int mmio_write(void *context, uint32_t offset, uint32_t value)
{
    *(volatile uint32_t *)((uintptr_t)context + offset) = value;
    return 0;
}

struct weft_bus weft_mmio(uintptr_t base)
{
    struct weft_bus bus = {mmio_read, mmio_write, 0};

    bus.context = (void *)base;
    return bus;
}

static enum weft_result get(const struct weft *npu, uint32_t offset, uint32_t *value)
{
    return npu->bus.read(npu->bus.context, offset, value) ? WEFT_BUS_ERROR : WEFT_OK;
}

static enum weft_result put(const struct weft *npu, uint32_t offset, uint32_t value)
{
    return npu->bus.write(npu->bus.context, offset, value) ? WEFT_BUS_ERROR : WEFT_OK;
}

static uint32_t field(uint32_t word, uint32_t mask, unsigned shift)
{
    return (word & mask) >> shift;
}

/* Registers of a program are read-only while one runs. */
static enum weft_result settled(const struct weft *npu)
{
    uint32_t status;

    TRY(get(npu, WEFT_REG_STATUS, &status));
    return status & WEFT_REG_STATUS_BUSY_MASK ? WEFT_RUNNING : WEFT_OK;
}

enum weft_result weft_probe(struct weft *npu, struct weft_bus bus)
{
    uint32_t id, hash, shape;

    npu->bus = bus;
    TRY(get(npu, WEFT_REG_ID, &id));
    if (id != WEFT_ID_VALUE)
        return WEFT_NO_DEVICE;
    TRY(get(npu, WEFT_REG_VERSION, &npu->version));
    if (npu->version != WEFT_VERSION_VALUE)
        return WEFT_OTHER_VERSION;
    TRY(get(npu, WEFT_REG_SHAPE, &shape));
    npu->rows = field(shape, WEFT_REG_SHAPE_ROWS_MASK, WEFT_REG_SHAPE_ROWS_SHIFT);
    npu->columns = field(shape, WEFT_REG_SHAPE_COLUMNS_MASK, WEFT_REG_SHAPE_COLUMNS_SHIFT);
    npu->scratchpad_kib = field(shape, WEFT_REG_SHAPE_SCRATCHPAD_KIB_MASK, WEFT_REG_SHAPE_SCRATCHPAD_KIB_SHIFT);
    TRY(get(npu, WEFT_REG_CONFIG_HASH, &hash));
    return hash == WEFT_CONFIG_HASH_VALUE ? WEFT_OK : WEFT_OTHER_CONFIGURATION;
}

enum weft_result weft_set_window(const struct weft *npu, unsigned index, uint64_t address, uint32_t size, uint32_t permission)
{
    const uint32_t step = WEFT_REG_WINDOW1_BASE - WEFT_REG_WINDOW0_BASE;

    if (index >= WEFT_WINDOWS || address % WEFT_LINE_BYTES || size % WEFT_LINE_BYTES || permission & ~(WEFT_MAY_READ | WEFT_MAY_WRITE))
        return WEFT_BAD_ARGUMENT;
    TRY(settled(npu));
    TRY(put(npu, WEFT_REG_WINDOW0_BASE + index * step, (uint32_t)address));
    TRY(put(npu, WEFT_REG_WINDOW0_BASE_HIGH + index * step, (uint32_t)(address >> 32)));
    TRY(put(npu, WEFT_REG_WINDOW0_SIZE + index * step, size));
    return put(npu, WEFT_REG_WINDOW0_PERMISSION + index * step, permission);
}

enum weft_result weft_set_program(const struct weft *npu, uint32_t offset, uint32_t instructions)
{
    if (offset % WEFT_LINE_BYTES || offset % WEFT_INSTRUCTION_BYTES)
        return WEFT_BAD_ARGUMENT;
    TRY(settled(npu));
    TRY(put(npu, WEFT_REG_PROGRAM_OFFSET, offset));
    return put(npu, WEFT_REG_PROGRAM_LENGTH, instructions);
}

enum weft_result weft_load_network(const struct weft *npu, const struct weft_network *network, const uint64_t addresses[WEFT_WINDOWS])
{
    unsigned index;

    if (network->config_hash != WEFT_CONFIG_HASH_VALUE)
        return WEFT_OTHER_CONFIGURATION;
    for (index = 0; index < WEFT_WINDOWS; ++index)
        TRY(weft_set_window(npu, index, addresses[index], network->window_bytes[index], network->permission[index]));
    return weft_set_program(npu, 0, network->instructions);
}

enum weft_result weft_start(const struct weft *npu, uint32_t interrupts)
{
    uint32_t status;

    if (interrupts & ~(WEFT_ON_DONE | WEFT_ON_ERROR))
        return WEFT_BAD_ARGUMENT;
    TRY(get(npu, WEFT_REG_STATUS, &status));
    if (status & WEFT_REG_STATUS_BUSY_MASK)
        return WEFT_RUNNING;
    if (status & WEFT_REG_STATUS_ERROR_MASK)
        return WEFT_STOPPED;
    TRY(put(npu, WEFT_REG_INTR_STATE, WEFT_ON_DONE | WEFT_ON_ERROR));
    TRY(put(npu, WEFT_REG_INTR_ENABLE, interrupts));
    return put(npu, WEFT_REG_CONTROL, WEFT_REG_CONTROL_START_MASK);
}

enum weft_result weft_poll(const struct weft *npu)
{
    uint32_t status;

    TRY(get(npu, WEFT_REG_STATUS, &status));
    if (status & WEFT_REG_STATUS_ERROR_MASK)
        return WEFT_STOPPED;
    if (status & WEFT_REG_STATUS_BUSY_MASK)
        return WEFT_RUNNING;
    return status & WEFT_REG_STATUS_DONE_MASK ? WEFT_OK : WEFT_IDLE;
}

enum weft_result weft_wait(const struct weft *npu, uint32_t polls)
{
    while (polls--) {
        enum weft_result result = weft_poll(npu);

        if (result != WEFT_RUNNING)
            return result;
    }
    return WEFT_TIMEOUT;
}

enum weft_result weft_execute(const struct weft *npu, uint32_t polls)
{
    TRY(weft_start(npu, 0));
    return weft_wait(npu, polls);
}

enum weft_result weft_take_interrupt(const struct weft *npu, uint32_t *pending)
{
    TRY(get(npu, WEFT_REG_INTR_STATE, pending));
    return put(npu, WEFT_REG_INTR_STATE, *pending);
}

enum weft_result weft_get_error(const struct weft *npu, struct weft_error *error)
{
    uint32_t word;

    TRY(get(npu, WEFT_REG_ERROR, &word));
    error->cause = (enum weft_cause)field(word, WEFT_REG_ERROR_CAUSE_MASK, WEFT_REG_ERROR_CAUSE_SHIFT);
    error->queue = field(word, WEFT_REG_ERROR_QUEUE_MASK, WEFT_REG_ERROR_QUEUE_SHIFT);
    TRY(get(npu, WEFT_REG_ERROR_PC, &error->pc));
    return get(npu, WEFT_REG_ERROR_ADDRESS, &error->address);
}

const char *weft_cause_text(enum weft_cause cause)
{
    return (unsigned)cause < sizeof cause_texts / sizeof *cause_texts ? cause_texts[cause] : "unknown cause";
}

enum weft_result weft_soft_reset(const struct weft *npu, uint32_t polls)
{
    uint32_t status;

    TRY(put(npu, WEFT_REG_CONTROL, WEFT_REG_CONTROL_RESET_MASK));
    while (polls--) {
        TRY(get(npu, WEFT_REG_STATUS, &status));
        if (!status)
            return WEFT_OK;
    }
    return WEFT_TIMEOUT;
}

enum weft_result weft_get_counters(const struct weft *npu, uint32_t counters[WEFT_COUNTERS])
{
    uint32_t index;

    for (index = 0; index < WEFT_COUNTERS; ++index)
        TRY(get(npu, WEFT_REG_COUNT_CYCLES + 4u * index, &counters[index]));
    return WEFT_OK;
}

void weft_pack(const struct weft_tensor *tensor, const int8_t *elements, uint8_t *window)
{
    uint32_t row, byte;

    for (row = 0; row < tensor->rows; ++row)
        for (byte = 0; byte < tensor->stride; ++byte)
            window[tensor->offset + row * tensor->stride + byte] =
                (uint8_t)(byte < tensor->row_bytes ? elements[row * tensor->row_bytes + byte] : tensor->fill);
}

void weft_unpack(const struct weft_tensor *tensor, const uint8_t *window, int8_t *elements)
{
    uint32_t row, byte;

    for (row = 0; row < tensor->rows; ++row)
        for (byte = 0; byte < tensor->row_bytes; ++byte) {
            const uint8_t held = window[tensor->offset + row * tensor->stride + byte];

            elements[row * tensor->row_bytes + byte] = (int8_t)(held < 128 ? held : (int)held - 256);
        }
}
