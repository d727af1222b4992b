/* Every call of the driver, good and bad, on the hardware itself: prints what failed, exits with 0 if nothing did. */
#include <stdio.h>
#include <string.h>

#include "platform.h"

#define LINES 48u /* that the program copies */
#define BYTES (LINES * WEFT_LINE_BYTES)
#define PROGRAM PLATFORM_MEMORY
#define SOURCE (PROGRAM + 4096u)
#define TARGET (SOURCE + 4096u)
#define POLLS 100000u
#define CHECK(condition) check(condition, #condition, __LINE__)

static struct weft npu;
static unsigned failures, checks;

static void check(int good, const char *what, int line)
{
    ++checks;
    if (!good)
        printf("selftest.c:%d: not so: %s\n", line, what), ++failures;
}

/* Window 1, `lines` lines, by way of the scratchpad to window 2. Returns the number of instructions. */
static uint32_t write_program(uint32_t lines)
{
    struct weft_instruction program[5];
    uint8_t *memory = platform_memory(PROGRAM);
    unsigned index, byte;

    program[0] = weft_load_shape(0, 0, 1, 0, 0, 0, 0, 0);
    program[1] = weft_load(0, 1u << WEFT_UNIT_STORE, 1, 0, 0, lines);
    program[2] = weft_store_shape(0, 0, 1, 0, 0);
    program[3] = weft_store(1u << WEFT_UNIT_LOAD, 0, 2, 0, 0, lines);
    program[4] = weft_halt(0, 0);
    for (index = 0; index < 5u; ++index)
        for (byte = 0; byte < WEFT_INSTRUCTION_BYTES; ++byte)
            memory[index * WEFT_INSTRUCTION_BYTES + byte] = (uint8_t)(program[index].word[byte / 8u] >> 8u * (byte % 8u));
    return 5;
}

static void prepare(uint32_t source_bytes, uint32_t source_permission)
{
    unsigned index;

    for (index = 0; index < BYTES; ++index) {
        platform_memory(SOURCE)[index] = (uint8_t)(index * 37u + 11u);
        platform_memory(TARGET)[index] = 0xee;
    }
    CHECK(weft_set_window(&npu, 0, PROGRAM, 4096u, WEFT_MAY_READ) == WEFT_OK);
    CHECK(weft_set_window(&npu, 1, SOURCE, source_bytes, source_permission) == WEFT_OK);
    CHECK(weft_set_window(&npu, 2, TARGET, BYTES, WEFT_MAY_WRITE) == WEFT_OK);
    CHECK(weft_set_window(&npu, 3, 0, 0, 0) == WEFT_OK);
    CHECK(weft_set_program(&npu, 0, write_program(LINES)) == WEFT_OK);
}

static int copied(void)
{
    return !memcmp(platform_memory(SOURCE), platform_memory(TARGET), BYTES);
}

/* Expect the machine to stop for `cause`, to stay stopped, and to work again after a reset. */
static void expect_error(enum weft_cause cause, unsigned queue, uint32_t pc)
{
    struct weft_error error;
    uint32_t pending;

    CHECK(weft_start(&npu, WEFT_ON_ERROR) == WEFT_OK);
    CHECK(weft_wait(&npu, POLLS) == WEFT_STOPPED);
    CHECK(platform_wait_for_interrupt(0));
    CHECK(weft_take_interrupt(&npu, &pending) == WEFT_OK && pending == WEFT_ON_ERROR);
    CHECK(!platform_wait_for_interrupt(100));
    CHECK(weft_get_error(&npu, &error) == WEFT_OK);
    CHECK(error.cause == cause && error.queue == queue && error.pc == pc);
    CHECK(weft_start(&npu, 0) == WEFT_STOPPED);
    platform_break_memory(0, 0);
    CHECK(weft_soft_reset(&npu, POLLS) == WEFT_OK);
    CHECK(weft_poll(&npu) == WEFT_IDLE);
    prepare(BYTES, WEFT_MAY_READ);
    CHECK(weft_execute(&npu, POLLS) == WEFT_OK && copied());
}

/* A bus that answers one register differently, to see that the driver notices. */
struct pretence {
    struct weft_bus bus;
    uint32_t offset, value;
};

static int pretend(void *context, uint32_t offset, uint32_t *value)
{
    const struct pretence *pretence = context;
    int response = pretence->bus.read(pretence->bus.context, offset, value);

    if (offset == pretence->offset)
        *value = pretence->value;
    return response;
}

static int refuse(void *context, uint32_t offset, uint32_t *value)
{
    (void)context, (void)offset, (void)value;
    return 1;
}

static enum weft_result probe_as(uint32_t offset, uint32_t value)
{
    struct pretence pretence;
    struct weft other;
    struct weft_bus bus = platform_registers();

    pretence.bus = bus;
    pretence.offset = offset;
    pretence.value = value;
    bus.read = pretend;
    bus.context = &pretence;
    return weft_probe(&other, bus);
}

static void test_probe(void)
{
    struct weft other;
    struct weft_bus dead = platform_registers();

    dead.read = refuse;
    CHECK(weft_probe(&other, dead) == WEFT_BUS_ERROR);
    CHECK(probe_as(WEFT_REG_ID, 0) == WEFT_NO_DEVICE);
    CHECK(probe_as(WEFT_REG_VERSION, WEFT_VERSION_VALUE + 1u) == WEFT_OTHER_VERSION);
    CHECK(probe_as(WEFT_REG_CONFIG_HASH, ~WEFT_CONFIG_HASH_VALUE) == WEFT_OTHER_CONFIGURATION);
    CHECK(probe_as(WEFT_REG_ID, WEFT_ID_VALUE) == WEFT_OK);
    CHECK(weft_probe(&npu, platform_registers()) == WEFT_OK);
    CHECK(npu.rows == WEFT_ARRAY_ROWS && npu.columns == WEFT_ARRAY_COLUMNS && npu.scratchpad_kib == WEFT_SCRATCHPAD_BYTES / 1024u);
    CHECK(npu.bus.write(npu.bus.context, WEFT_REG_ID, 0) != 0);
}

static void test_arguments(void)
{
    CHECK(weft_set_window(&npu, WEFT_WINDOWS, 0, 0, 0) == WEFT_BAD_ARGUMENT);
    CHECK(weft_set_window(&npu, 1, SOURCE + 1u, BYTES, WEFT_MAY_READ) == WEFT_BAD_ARGUMENT);
    CHECK(weft_set_window(&npu, 1, SOURCE, BYTES + 1u, WEFT_MAY_READ) == WEFT_BAD_ARGUMENT);
    CHECK(weft_set_window(&npu, 1, SOURCE, BYTES, 4u) == WEFT_BAD_ARGUMENT);
    CHECK(weft_set_program(&npu, WEFT_INSTRUCTION_BYTES / 2u, 1) == WEFT_BAD_ARGUMENT);
    CHECK(weft_start(&npu, 4u) == WEFT_BAD_ARGUMENT);
}

static void test_run(void)
{
    uint32_t counters[WEFT_COUNTERS], pending;

    CHECK(weft_poll(&npu) == WEFT_IDLE);
    prepare(BYTES, WEFT_MAY_READ);
    CHECK(weft_execute(&npu, POLLS) == WEFT_OK && copied());
    prepare(BYTES, WEFT_MAY_READ);
    CHECK(weft_start(&npu, WEFT_ON_DONE) == WEFT_OK);
    CHECK(weft_poll(&npu) == WEFT_RUNNING);
    CHECK(weft_start(&npu, 0) == WEFT_RUNNING);
    CHECK(weft_set_window(&npu, 1, SOURCE, BYTES, WEFT_MAY_READ) == WEFT_RUNNING);
    CHECK(weft_set_program(&npu, 0, 5) == WEFT_RUNNING);
    CHECK(weft_wait(&npu, 1) == WEFT_TIMEOUT);
    CHECK(platform_wait_for_interrupt(POLLS));
    CHECK(weft_take_interrupt(&npu, &pending) == WEFT_OK && pending == WEFT_ON_DONE);
    CHECK(!platform_wait_for_interrupt(100) && copied());
    CHECK(weft_get_counters(&npu, counters) == WEFT_OK);
    CHECK(!strcmp(weft_counter_names[0], "CYCLES") && counters[0] > LINES);
    CHECK(counters[(WEFT_REG_COUNT_INSTRUCTIONS - WEFT_REG_COUNT_CYCLES) / 4u] == 5u);
    CHECK(counters[(WEFT_REG_COUNT_DRAM_WRITE_BEATS - WEFT_REG_COUNT_CYCLES) / 4u] == LINES);
}

static void test_errors(void)
{
    prepare(BYTES - WEFT_LINE_BYTES, WEFT_MAY_READ);
    expect_error(WEFT_CAUSE_WINDOW, WEFT_UNIT_LOAD, 1);
    prepare(BYTES, WEFT_MAY_WRITE);
    expect_error(WEFT_CAUSE_WINDOW, WEFT_UNIT_LOAD, 1);
    prepare(BYTES, WEFT_MAY_READ);
    platform_memory(PROGRAM)[2u * WEFT_INSTRUCTION_BYTES] = 0xff;
    expect_error(WEFT_CAUSE_ILLEGAL_OPCODE, WEFT_QUEUE_CONTROL, 2);
    prepare(BYTES, WEFT_MAY_READ);
    CHECK(weft_set_program(&npu, 0, 4) == WEFT_OK); /* no HALT */
    expect_error(WEFT_CAUSE_PROGRAM_END, WEFT_QUEUE_CONTROL, 4);
    prepare(BYTES, WEFT_MAY_READ);
    platform_break_memory(SOURCE + BYTES - 1u, 1);
    expect_error(WEFT_CAUSE_READ_SLVERR, WEFT_UNIT_LOAD, 1);
    prepare(BYTES, WEFT_MAY_READ);
    platform_break_memory(TARGET, 1);
    expect_error(WEFT_CAUSE_WRITE_SLVERR, WEFT_UNIT_STORE, 3);
    CHECK(!strcmp(weft_cause_text(WEFT_CAUSE_ILLEGAL_OPCODE), "unknown opcode"));
    CHECK(!strcmp(weft_cause_text((enum weft_cause)200), "unknown cause"));
}

static void test_reset_of_a_running_program(void)
{
    prepare(BYTES, WEFT_MAY_READ);
    CHECK(weft_start(&npu, 0) == WEFT_OK && weft_poll(&npu) == WEFT_RUNNING);
    CHECK(weft_soft_reset(&npu, 0) == WEFT_TIMEOUT); /* told not to wait at all */
    CHECK(weft_soft_reset(&npu, POLLS) == WEFT_OK && weft_poll(&npu) == WEFT_IDLE);
    prepare(BYTES, WEFT_MAY_READ);
    CHECK(weft_execute(&npu, POLLS) == WEFT_OK && copied());
}

static void test_tensors(void)
{
    const struct weft_tensor tensor = {"t", 1, 2, 2, 3, 4, 2, 3, 1, -7};
    const int8_t elements[6] = {1, -2, 3, -128, 127, 0};
    const uint8_t expected[10] = {9, 9, 1, 254, 3, 249, 128, 127, 0, 249};
    uint8_t window[10];
    int8_t back[6];

    memset(window, 9, sizeof window);
    weft_pack(&tensor, elements, window);
    CHECK(!memcmp(window, expected, sizeof window));
    weft_unpack(&tensor, window, back);
    CHECK(!memcmp(back, elements, sizeof back));
}

int main(void)
{
    test_probe();
    test_arguments();
    test_run();
    test_errors();
    test_reset_of_a_running_program();
    test_tensors();
    printf("%u checks of the driver, %u failed\n", checks, failures);
    return failures ? 1 : 0;
}
