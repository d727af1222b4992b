// The C interface of a compiled model: one accelerator, its DRAM, its registers, its profile. Used by sim/simulator.py.
//
// LINE_BYTES (bytes of the data bus) comes from the command line; memories.inc, made at build time, lists the on-chip memories.
// A cycle: the DRAM drives the inputs, clk falls and everything settles, handshakes are taken, clk rises.

#include <array>
#include <memory>

#include "Vnpu.h"
#include "Vnpu___024root.h"
#include "dram.h"
#include "profile.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

#define API extern "C" __attribute__((visibility("default")))

double sc_time_stamp() { return 0; }

namespace {

struct Memory {
    const char* name;
    uint32_t rows, stride;  // words, and bytes from one to the next
    void* data;
};

enum RunResult { LIMIT = 0, INTERRUPT = 1, VIOLATION = 2 };

class Machine {
  public:
    weft::Dram<LINE_BYTES> dram;
    weft::Profile profile;
    uint64_t cycle = 0;
    std::vector<Memory> memories;

    explicit Machine(uint64_t dram_bytes) : dram(dram_bytes), top_(prepared(context_), "TOP") {
        auto& root = *top_.rootp;
        memories = {
#include "memories.inc"
        };
    }
    ~Machine() { close_trace(); top_.final(); }

    Vnpu& top() { return top_; }

    void step() {
        dram.drive(top_, cycle);
        top_.clk = 0;
        top_.eval();
        dump(0);
        dram.sample(top_, cycle);
        profile.observe(0, top_.trace_load_pc, top_.trace_load_state, cycle);
        profile.observe(1, top_.trace_matrix_pc, top_.trace_matrix_state, cycle);
        profile.observe(2, top_.trace_vector_pc, top_.trace_vector_state, cycle);
        profile.observe(3, top_.trace_store_pc, top_.trace_store_state, cycle);
        top_.clk = 1;
        top_.eval();
        dump(1);
        ++cycle;
    }

    RunResult run(uint64_t cycles) {
        for (const uint64_t end = cycle + cycles; cycle < end;) {
            if (top_.irq) return INTERRUPT;
            if (!dram.violation.empty()) return VIOLATION;
            step();
        }
        return top_.irq ? INTERRUPT : LIMIT;
    }

    void reset(uint32_t cycles) {
        top_.rst = 1;
        for (uint32_t i = 0; i < cycles; ++i) step();
        top_.rst = 0;
    }

    // AXI4-Lite; both return the response, or -1 if none comes in TIMEOUT cycles.
    int csr_write(uint32_t address, uint32_t data) {
        top_.s_axil_awaddr = address;
        top_.s_axil_wdata = data;
        top_.s_axil_wstrb = 15;
        top_.s_axil_awvalid = top_.s_axil_wvalid = top_.s_axil_bready = 1;
        for (uint32_t i = 0; i < TIMEOUT; ++i) {
            settle();
            const bool address_taken = top_.s_axil_awvalid && top_.s_axil_awready, data_taken = top_.s_axil_wvalid && top_.s_axil_wready;
            const bool answered = top_.s_axil_bvalid;
            const int response = top_.s_axil_bresp;
            step();
            if (address_taken) top_.s_axil_awvalid = 0;
            if (data_taken) top_.s_axil_wvalid = 0;
            if (answered) { top_.s_axil_bready = 0; return response; }
        }
        return -1;
    }

    int csr_read(uint32_t address, uint32_t* data) {
        top_.s_axil_araddr = address;
        top_.s_axil_arvalid = top_.s_axil_rready = 1;
        for (uint32_t i = 0; i < TIMEOUT; ++i) {
            settle();
            const bool taken = top_.s_axil_arvalid && top_.s_axil_arready, answered = top_.s_axil_rvalid;
            const int response = top_.s_axil_rresp;
            *data = top_.s_axil_rdata;
            step();
            if (taken) top_.s_axil_arvalid = 0;
            if (answered) { top_.s_axil_rready = 0; return response; }
        }
        return -1;
    }

    bool open_trace([[maybe_unused]] const char* path, [[maybe_unused]] uint64_t first, [[maybe_unused]] uint64_t last) {
#if VM_TRACE
        close_trace();
        trace_ = std::make_unique<VerilatedVcdC>();
        top_.trace(trace_.get(), 99);
        trace_->open(path);
        trace_first_ = first;
        trace_last_ = last;
        return trace_->isOpen();
#else
        return false;
#endif
    }

    void close_trace() {
#if VM_TRACE
        if (trace_) trace_->close();
        trace_.reset();
#endif
    }

  private:
    static constexpr uint32_t TIMEOUT = 1000;
    VerilatedContext context_;
    Vnpu top_;

    // Tracing has to be announced before the model exists.
    static VerilatedContext* prepared(VerilatedContext& context) {
        context.traceEverOn(VM_TRACE);
        return &context;
    }

    // Outputs follow the inputs that were set since the last edge; clk does not move.
    void settle() { top_.eval(); }

#if VM_TRACE
    std::unique_ptr<VerilatedVcdC> trace_;
    uint64_t trace_first_ = 0, trace_last_ = 0;

    void dump(unsigned phase) {
        if (!trace_ || cycle < trace_first_) return;
        if (cycle > trace_last_) { close_trace(); return; }
        trace_->dump(2 * cycle + phase);
    }
#else
    void dump(unsigned) {}
#endif
};

Machine& machine(void* handle) { return *static_cast<Machine*>(handle); }

}  // namespace

// Null if the host does not give `dram_bytes` of address space.
API void* weft_create(uint64_t dram_bytes) {
    auto* created = new Machine(dram_bytes);
    if (created->dram.memory()) return created;
    delete created;
    return nullptr;
}
API void weft_destroy(void* handle) { delete &machine(handle); }
API uint8_t* weft_dram(void* handle) { return machine(handle).dram.memory(); }
API void weft_timing(void* handle, uint64_t bytes_per_cycle, uint64_t latency) {
    machine(handle).dram.bytes_per_cycle = bytes_per_cycle;
    machine(handle).dram.latency = latency;
}
API void weft_windows(void* handle, const uint64_t* base, const uint64_t* size, const uint8_t* permission, uint32_t count) {
    auto& windows = machine(handle).dram.windows;
    windows.clear();
    for (uint32_t i = 0; i < count; ++i) windows.push_back({base[i], size[i], bool(permission[i] & 1), bool(permission[i] & 2)});
}
API void weft_fault(void* handle, uint64_t first, uint64_t last, uint8_t response) {
    machine(handle).dram.faults.push_back({first, last, response});
}
API void weft_clear_faults(void* handle) { machine(handle).dram.faults.clear(); }
API void weft_reset(void* handle, uint32_t cycles) { machine(handle).reset(cycles); }
API int weft_csr_write(void* handle, uint32_t address, uint32_t data) { return machine(handle).csr_write(address, data); }
API int weft_csr_read(void* handle, uint32_t address, uint32_t* data) { return machine(handle).csr_read(address, data); }
API int weft_run(void* handle, uint64_t cycles) { return machine(handle).run(cycles); }
API uint64_t weft_cycle(void* handle) { return machine(handle).cycle; }
API int weft_idle(void* handle) { return machine(handle).dram.idle(); }
API const char* weft_violation(void* handle) { return machine(handle).dram.violation.c_str(); }
API void weft_beats(void* handle, uint64_t* read, uint64_t* write) {
    *read = machine(handle).dram.read_beats;
    *write = machine(handle).dram.write_beats;
}
API void weft_profile_begin(void* handle, uint32_t length) { machine(handle).profile.begin(machine(handle).cycle, length); }
API void weft_profile_end(void* handle) { machine(handle).profile.end(machine(handle).cycle); }
API const uint32_t* weft_histogram(void* handle) { return machine(handle).profile.histogram.data(); }
API const uint64_t* weft_spans(void* handle) { return machine(handle).profile.spans.data(); }
API const uint32_t* weft_samples(void* handle, uint64_t* count, uint64_t* width) {
    auto& profile = machine(handle).profile;
    *count = profile.samples.size() / (weft::UNITS * weft::STATES);
    *width = profile.width;
    return profile.samples.data();
}
API uint32_t weft_memory_count(void* handle) { return uint32_t(machine(handle).memories.size()); }
API const char* weft_memory_name(void* handle, uint32_t index) { return machine(handle).memories[index].name; }
API uint8_t* weft_memory(void* handle, uint32_t index, uint32_t* rows, uint32_t* stride) {
    const Memory& memory = machine(handle).memories[index];
    *rows = memory.rows;
    *stride = memory.stride;
    return static_cast<uint8_t*>(memory.data);
}
API int weft_trace(void* handle, const char* path, uint64_t first, uint64_t last) { return machine(handle).open_trace(path, first, last); }
API void weft_trace_close(void* handle) { machine(handle).close_trace(); }
