// Who did what, when: cycles by unit, instruction and state, and samples over time.
//
// A unit's state seldom changes, so only changes cost something: each run of equal (instruction, state) is entered once, when
// it ends. Samples cover 2^k cycles; when MAX_SAMPLES are full, pairs merge and k grows, so any run fits.

#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace weft {

constexpr unsigned UNITS = 4, STATES = 16, IDLE = 0, RUN = 5;  // as isa.State: below RUN a unit waits, from RUN it holds an instruction

class Profile {
  public:
    static constexpr uint32_t MAX_SAMPLES = 1024, FIRST_WIDTH = 64;

    std::vector<uint32_t> histogram;  // [unit][instruction][state] cycles; IDLE is not entered
    std::vector<uint64_t> spans;      // [unit][instruction][first cycle, last cycle + 1] at work; all ones and 0 if never
    std::vector<uint32_t> samples;    // [sample][unit][state] cycles
    uint64_t width = FIRST_WIDTH;     // cycles of a sample

    // Starts anew at `cycle` for a program of `length` instructions.
    void begin(uint64_t cycle, uint32_t length) {
        length_ = length;
        histogram.assign(size_t(UNITS) * length * STATES, 0);
        spans.assign(size_t(UNITS) * length * 2, 0);
        for (size_t i = 0; i < spans.size(); i += 2) spans[i] = ~uint64_t(0);
        samples.clear();
        width = FIRST_WIDTH;
        origin_ = cycle;
        key_.fill(0);
        since_.fill(cycle);
        active_ = true;
    }

    // Stops and enters what is still open.
    void end(uint64_t cycle) {
        if (!active_) return;
        for (unsigned unit = 0; unit < UNITS; ++unit) enter(unit, cycle);
        active_ = false;
    }

    void observe(unsigned unit, uint32_t pc, uint32_t state, uint64_t cycle) {
        const uint32_t key = pc << 4 | state;
        if (key == key_[unit]) return;
        if (active_) enter(unit, cycle);
        key_[unit] = key;
        since_[unit] = cycle;
    }

  private:
    uint32_t length_ = 0;
    uint64_t origin_ = 0;
    bool active_ = false;
    std::array<uint32_t, UNITS> key_{};
    std::array<uint64_t, UNITS> since_{};

    void enter(unsigned unit, uint64_t now) {
        const uint32_t pc = key_[unit] >> 4, state = key_[unit] & (STATES - 1);
        if (since_[unit] == now) return;
        if (state != IDLE && pc < length_) histogram[(size_t(unit) * length_ + pc) * STATES + state] += uint32_t(now - since_[unit]);
        if (state >= RUN && pc < length_) {
            uint64_t* span = &spans[(size_t(unit) * length_ + pc) * 2];
            if (since_[unit] < span[0]) span[0] = since_[unit];
            span[1] = now;
        }
        for (uint64_t from = since_[unit]; from < now;) {
            while ((from - origin_) / width >= MAX_SAMPLES) merge();
            const uint64_t index = (from - origin_) / width, border = origin_ + (index + 1) * width;
            const uint64_t until = border < now ? border : now;
            if (samples.size() < (index + 1) * UNITS * STATES) samples.resize((index + 1) * UNITS * STATES, 0);
            samples[(index * UNITS + unit) * STATES + state] += uint32_t(until - from);
            from = until;
        }
        since_[unit] = now;
    }

    void merge() {
        constexpr size_t row = size_t(UNITS) * STATES;
        const size_t count = samples.size() / row;
        for (size_t i = 0; i < count; ++i)
            for (size_t j = 0; j < row; ++j) {
                const uint32_t value = samples[i * row + j];
                if (i % 2) samples[i / 2 * row + j] += value;
                else samples[i / 2 * row + j] = value;
            }
        samples.resize((count + 1) / 2 * row);
        width *= 2;
    }
};

}  // namespace weft
