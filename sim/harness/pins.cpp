// The C interface of a model that is reached through a serial line alone. Used by sim/pins.py.
//
// CLOCK, RX and TX are the names of the ports (RX is the model's input). memories.inc, made at build time, lists the on-chip
// memories. Characters are 8N1; a bit takes `divisor` cycles, in both directions. All other inputs stay zero.

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include "Vpins.h"
#include "Vpins___024root.h"
#include "verilated.h"

#define API extern "C" __attribute__((visibility("default")))

double sc_time_stamp() { return 0; }

namespace {

struct Memory {
    const char* name;
    uint32_t rows, stride;  // words, and bytes from one to the next
    void* data;
};

// What goes on the line: a character in the low byte, and how it is disturbed.
enum Flags : uint16_t { NO_STOP = 0x100, PAUSE = 0x200, GLITCH = 0x400 };
constexpr uint32_t BITS = 10;  // start, data, stop

class Pins {
  public:
    std::vector<Memory> memories;
    std::deque<uint16_t> to_model;
    std::deque<uint8_t> from_model;
    uint64_t cycle = 0, errors = 0;  // errors: characters of the model without a stop bit
    uint32_t divisor = 4;

    Pins() : top_(&context_, "TOP") {
        auto& root = *top_.rootp;
        memories = {
#include "memories.inc"
        };
        top_.RX = 1;
    }
    ~Pins() { top_.final(); }

    // Clock until `count` characters have come, at most `cycles`.
    void run(uint64_t cycles, uint64_t count) {
        for (const uint64_t end = cycle + cycles; cycle < end && from_model.size() < count;) step();
    }

    // Clock until everything has been sent.
    void flush() {
        while (!to_model.empty() || sending_) step();
    }

  private:
    VerilatedContext context_;
    Vpins top_;
    uint32_t sending_ = 0, send_time_ = 0, pattern_ = 0;  // bits left, cycles of this bit left, bits
    uint32_t receiving_ = 0, receive_time_ = 0, shift_ = 0;

    void step() {
        drive();
        top_.CLOCK = 0;
        top_.eval();
        sample();
        top_.CLOCK = 1;
        top_.eval();
        ++cycle;
    }

    void drive() {
        if (!sending_) {
            top_.RX = 1;
            if (to_model.empty()) return;
            const uint16_t item = to_model.front();
            to_model.pop_front();
            sending_ = BITS;
            send_time_ = item & GLITCH ? 1 : divisor;
            pattern_ = item & GLITCH ? 0x3FE : item & PAUSE ? 0x3FF : (item & 0xFFu) << 1 | (item & NO_STOP ? 0 : 0x200);
        }
        top_.RX = pattern_ & 1;
        if (--send_time_) return;
        send_time_ = divisor;
        pattern_ >>= 1;
        --sending_;
    }

    void sample() {
        if (!receiving_) {
            if (top_.TX) return;
            receiving_ = BITS;
            receive_time_ = divisor / 2 + 1;
        }
        if (--receive_time_) return;
        receive_time_ = divisor;
        shift_ = shift_ >> 1 | uint32_t(top_.TX) << (BITS - 1);
        if (--receiving_) return;
        if (shift_ & 0x200) from_model.push_back(shift_ >> 1 & 0xFF); else ++errors;
    }
};

}  // namespace

API Pins* weft_create() { return new Pins; }
API void weft_destroy(Pins* pins) { delete pins; }
API void weft_set_divisor(Pins* pins, uint32_t cycles) { pins->divisor = cycles; }
API uint64_t weft_cycle(Pins* pins) { return pins->cycle; }
API uint64_t weft_errors(Pins* pins) { return pins->errors; }
API uint64_t weft_waiting(Pins* pins) { return pins->from_model.size(); }
API void weft_run(Pins* pins, uint64_t cycles, uint64_t count) { pins->run(cycles, count); }
API void weft_flush(Pins* pins) { pins->flush(); }
API void weft_send(Pins* pins, const uint16_t* items, uint64_t count) { pins->to_model.insert(pins->to_model.end(), items, items + count); }

// Takes at most `count` characters; returns how many.
API uint64_t weft_receive(Pins* pins, uint8_t* data, uint64_t count) {
    count = std::min<uint64_t>(count, pins->from_model.size());
    std::copy_n(pins->from_model.begin(), count, data);
    pins->from_model.erase(pins->from_model.begin(), pins->from_model.begin() + long(count));
    return count;
}

API uint32_t weft_memory_count(Pins* pins) { return pins->memories.size(); }
API const char* weft_memory_name(Pins* pins, uint32_t index) { return pins->memories[index].name; }
API void* weft_memory(Pins* pins, uint32_t index, uint32_t* rows, uint32_t* stride) {
    *rows = pins->memories[index].rows;
    *stride = pins->memories[index].stride;
    return pins->memories[index].data;
}
