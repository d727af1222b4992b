/* weft_driver.h: what firmware needs to run programs and networks on a weft accelerator.
 * Freestanding C99: no heap, no library, no global state. Compile weft_driver.c with your firmware.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A run, with the network that `weft compile --c` wrote:
 *
 *     struct weft npu;
 *     weft_probe(&npu, weft_mmio(0x40000000u));          registers at that address
 *     weft_load_network(&npu, &digits, addresses);       where the four windows lie on the bus
 *     weft_pack(&digits.input, image, window[1]);
 *     weft_execute(&npu, 1000000u);                      start and poll
 *     weft_unpack(&digits.outputs[0], window[2], scores);
 *
 * If caches lie between processor and accelerator, write back what the accelerator reads before weft_start and
 * invalidate what it wrote after the run.
 */
#ifndef WEFT_DRIVER_H
#define WEFT_DRIVER_H

#include <stdint.h>

#include "weft.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define WEFT_ALIGNED __attribute__((aligned(WEFT_LINE_BYTES))) /* for memory that becomes a window */
#else
#define WEFT_ALIGNED
#endif

/* What a call came to. */
enum weft_result {
    WEFT_OK = 0,
    WEFT_RUNNING,             /* not finished yet */
    WEFT_STOPPED,             /* the machine stopped on an error: weft_get_error, then weft_soft_reset */
    WEFT_TIMEOUT,             /* polled as often as allowed */
    WEFT_IDLE,                /* nothing was started since the last reset */
    WEFT_BUS_ERROR,           /* a register access was refused */
    WEFT_NO_DEVICE,           /* register ID is not weft's */
    WEFT_OTHER_VERSION,       /* hardware of another version than weft.h */
    WEFT_OTHER_CONFIGURATION, /* hardware, or network, of another configuration than weft.h */
    WEFT_BAD_ARGUMENT         /* out of range or not aligned */
};

/* Access to the registers. Each function returns 0, or anything else if the bus answered with an error. */
struct weft_bus {
    int (*read)(void *context, uint32_t offset, uint32_t *value);
    int (*write)(void *context, uint32_t offset, uint32_t value);
    void *context;
};

/* One accelerator; filled by weft_probe. */
struct weft {
    struct weft_bus bus;
    uint32_t version, rows, columns, scratchpad_kib;
};

/* Why the machine stopped. `queue` is an enum weft_unit, or WEFT_QUEUE_CONTROL. */
struct weft_error {
    enum weft_cause cause;
    unsigned queue;
    uint32_t pc, address;
};

/* A tensor, held as int8 in the order height, width, channels, inside a window: `rows` rows of `row_bytes` elements,
 * `stride` bytes from row to row. A network with uint8 ends holds element - 128; one with float ends holds
 * round(element / scale) + zero_point, see the macros beside the network. */
struct weft_tensor {
    const char *name;
    uint32_t window, offset, rows, row_bytes, stride;
    uint32_t height, width, channels;
    int8_t fill; /* what pads a row */
};

/* A compiled network. Windows: 0 program and constants, 1 input, 2 outputs, 3 spilled tensors. */
struct weft_network {
    const char *name;
    uint32_t config_hash;
    const uint8_t *image; /* contents of window 0 */
    uint32_t instructions;
    uint32_t window_bytes[WEFT_WINDOWS], permission[WEFT_WINDOWS];
    struct weft_tensor input;
    const struct weft_tensor *outputs;
    uint32_t output_count;
};

#define WEFT_MAY_READ WEFT_REG_WINDOW0_PERMISSION_READ_MASK
#define WEFT_MAY_WRITE WEFT_REG_WINDOW0_PERMISSION_WRITE_MASK
#define WEFT_ON_DONE WEFT_REG_INTR_STATE_DONE_MASK
#define WEFT_ON_ERROR WEFT_REG_INTR_STATE_ERROR_MASK

/* The usual bus: registers in memory at `base`. */
struct weft_bus weft_mmio(uintptr_t base);

/* Check that there is a weft of this version and configuration; reads its shape. */
enum weft_result weft_probe(struct weft *npu, struct weft_bus bus);

/* Program DRAM window `index`: bus address and size in bytes, both multiples of WEFT_LINE_BYTES, and WEFT_MAY_*.
 * WEFT_RUNNING while a program runs. */
enum weft_result weft_set_window(const struct weft *npu, unsigned index, uint64_t address, uint32_t size, uint32_t permission);

/* The program: byte offset in window 0, a multiple of 16 and of the line, and number of instructions. */
enum weft_result weft_set_program(const struct weft *npu, uint32_t offset, uint32_t instructions);

/* Program the windows of a network, window i at bus address addresses[i], and its program. Its image must lie at addresses[0]. */
enum weft_result weft_load_network(const struct weft *npu, const struct weft_network *network, const uint64_t addresses[WEFT_WINDOWS]);

/* Start; `interrupts` are those that raise the line (WEFT_ON_*), 0 to poll. */
enum weft_result weft_start(const struct weft *npu, uint32_t interrupts);

/* WEFT_OK when the program has reached HALT, WEFT_RUNNING, WEFT_STOPPED, or WEFT_IDLE. */
enum weft_result weft_poll(const struct weft *npu);

/* Poll until the program ends, at most `polls` times. */
enum weft_result weft_wait(const struct weft *npu, uint32_t polls);

/* weft_start without interrupts, then weft_wait. */
enum weft_result weft_execute(const struct weft *npu, uint32_t polls);

/* For the interrupt's handler: what is pending (WEFT_ON_*), and clear it. */
enum weft_result weft_take_interrupt(const struct weft *npu, uint32_t *pending);

/* The first error since the last reset; cause WEFT_CAUSE_NONE if there is none. */
enum weft_result weft_get_error(const struct weft *npu, struct weft_error *error);

/* A cause in words. */
const char *weft_cause_text(enum weft_cause cause);

/* Stop whatever runs, forget an error; waits for the bus to drain, at most `polls` reads. Windows keep their values. */
enum weft_result weft_soft_reset(const struct weft *npu, uint32_t polls);

/* All counters of the last run, and their names in the same order. */
enum weft_result weft_get_counters(const struct weft *npu, uint32_t counters[WEFT_COUNTERS]);
extern const char *const weft_counter_names[WEFT_COUNTERS];

/* Elements in the order height, width, channels <-> bytes of the tensor's window. */
void weft_pack(const struct weft_tensor *tensor, const int8_t *elements, uint8_t *window);
void weft_unpack(const struct weft_tensor *tensor, const uint8_t *window, int8_t *elements);

#ifdef __cplusplus
}
#endif

#endif
