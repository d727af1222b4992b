// The simulated system as a library: its clock, and its host port.
#include <cstdint>

#include "Vsystem.h"

double sc_time_stamp() { return 0; }

namespace {

constexpr int PATIENCE = 10000;

struct System {
    VerilatedContext context;
    Vsystem top{&context};

    System() {
        top.rst = 1;
        for (int i = 0; i < 4; ++i) step();
        top.rst = 0;
    }

    void step() {
        top.clk = 0;
        top.eval();
        top.clk = 1;
        top.eval();
    }
};

System& board() {
    static System only;
    return only;
}

}  // namespace

#define API extern "C" __attribute__((visibility("default")))

// One classic Wishbone cycle of one word; 0 for ACK, 1 for ERR, 2 for neither within PATIENCE clock cycles.
API int system_access(uint32_t address, int write, uint32_t* data) {
    Vsystem& top = board().top;
    int result = 2;
    top.host_cyc_i = top.host_stb_i = 1;
    top.host_we_i = write;
    top.host_adr_i = address;
    top.host_sel_i = 15;
    top.host_dat_i = write ? *data : 0;
    for (int i = 0; i < PATIENCE && result == 2; ++i) {
        top.eval();
        if (top.host_ack_o && !write) *data = top.host_dat_o;
        if (top.host_ack_o || top.host_err_o) result = top.host_err_o;
        board().step();
    }
    top.host_cyc_i = top.host_stb_i = 0;
    board().step();
    return result;
}

// Let at most `cycles` pass until the interrupt is high; 0 if it stays low.
API int system_wait(uint64_t cycles) {
    for (; cycles && !board().top.irq; --cycles) board().step();
    return board().top.irq;
}
