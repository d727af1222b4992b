/* Firmware: classify handwritten digits. `samples.h` holds images and what onnxruntime makes of them, as held int8. */
#include <stdio.h>
#include <string.h>

#include "digits.h"
#include "platform.h"
#include "samples.h"

/* One window after the other, each on a page of its own. */
static void place(const struct weft_network *network, uint64_t addresses[WEFT_WINDOWS])
{
    uint64_t next = PLATFORM_MEMORY;
    unsigned index;

    for (index = 0; index < WEFT_WINDOWS; ++index) {
        addresses[index] = next;
        next += (network->window_bytes[index] + 4095u) / 4096u * 4096u;
    }
}

static int largest(const int8_t *scores, unsigned count)
{
    unsigned index, best = 0;

    for (index = 1; index < count; ++index)
        if (scores[index] > scores[best])
            best = index;
    return (int)best;
}

int main(void)
{
    struct weft npu;
    uint64_t addresses[WEFT_WINDOWS];
    uint32_t counters[WEFT_COUNTERS], pending;
    unsigned sample, right = 0, equal = 0;

    if (weft_probe(&npu, platform_registers()) != WEFT_OK)
        return puts("no accelerator of this configuration"), 1;
    printf("weft %u.%u.%u, array of %u x %u, %u KiB of scratchpad\n", (unsigned)(npu.version >> 16), (unsigned)(npu.version >> 8 & 255u),
           (unsigned)(npu.version & 255u), (unsigned)npu.rows, (unsigned)npu.columns, (unsigned)npu.scratchpad_kib);
    place(&digits, addresses);
    memcpy(platform_memory(addresses[0]), digits.image, digits.window_bytes[0]);
    if (weft_load_network(&npu, &digits, addresses) != WEFT_OK)
        return puts("the network does not load"), 1;
    for (sample = 0; sample < SAMPLES; ++sample) {
        int8_t scores[DIGITS_OUTPUT0_ELEMENTS];

        weft_pack(&digits.input, sample_inputs[sample], platform_memory(addresses[digits.input.window]));
        if (weft_start(&npu, WEFT_ON_DONE | WEFT_ON_ERROR) != WEFT_OK || !platform_wait_for_interrupt(10000000u) ||
            weft_take_interrupt(&npu, &pending) != WEFT_OK || pending != WEFT_ON_DONE || weft_poll(&npu) != WEFT_OK) {
            struct weft_error error;

            weft_get_error(&npu, &error);
            return printf("stopped at instruction %u: %s\n", (unsigned)error.pc, weft_cause_text(error.cause)), 1;
        }
        weft_unpack(&digits.outputs[0], platform_memory(addresses[digits.outputs[0].window]), scores);
        right += largest(scores, DIGITS_OUTPUT0_ELEMENTS) == sample_labels[sample];
        equal += !memcmp(scores, sample_outputs[sample], sizeof scores);
    }
    weft_get_counters(&npu, counters);
    printf("%u of %u digits right, %u with the same scores as onnxruntime, %u %s each\n", right, SAMPLES, equal, (unsigned)counters[0],
           weft_counter_names[0]);
    return equal == SAMPLES ? 0 : 1;
}
