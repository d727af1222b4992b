// An AXI4 subordinate with a DRAM behind it.
//
// Timing: the first beat of a read burst comes `latency` cycles after its AR was taken; bursts are pipelined and answer in
// order. Read and write beats together move at most `bytes_per_cycle`. A write response follows its last beat by `latency`.
// Everything that the bus rules forbid is a violation: the first one is kept as text and stops the run.

#pragma once

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <string>
#include <sys/mman.h>
#include <vector>

namespace weft {

enum Response : uint8_t { OKAY = 0, SLVERR = 2, DECERR = 3 };

struct Window {
    uint64_t base = 0, size = 0;
    bool read = false, write = false;
};

struct Fault {
    uint64_t first, last;  // bytes, both included
    uint8_t response;
};

struct Burst {
    uint64_t address = 0;
    uint32_t beats = 0;
    uint8_t id = 0, size = 0, type = 0;
    uint64_t ready = 0;  // cycle from which it may answer

    bool operator==(const Burst& other) const {
        return address == other.address && beats == other.beats && id == other.id && size == other.size && type == other.type;
    }
};

template <unsigned LINE>
class Dram {
  public:
    uint64_t bytes_per_cycle = 16, latency = 64;
    std::vector<Window> windows;
    std::vector<Fault> faults;
    std::string violation;
    uint64_t read_beats = 0, write_beats = 0;

    explicit Dram(uint64_t bytes) : bytes_(bytes) {
        void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        memory_ = memory == MAP_FAILED ? nullptr : static_cast<uint8_t*>(memory);
    }
    ~Dram() { if (memory_) munmap(memory_, bytes_); }
    Dram(const Dram&) = delete;
    Dram& operator=(const Dram&) = delete;

    uint8_t* memory() { return memory_; }

    // Sets the ports that the DRAM drives, from its registered state and from `wvalid`, which a manager may not derive from wready.
    template <class Top> void drive(Top& top, uint64_t cycle) {
        tokens_ += bytes_per_cycle;
        const uint64_t most = bytes_per_cycle > 2 * LINE ? bytes_per_cycle : 2 * LINE;
        if (tokens_ > most) tokens_ = most;
        // Whoever was served last gives way.
        if (served_read_) { offer_write(top); offer_read(top, cycle); } else { offer_read(top, cycle); offer_write(top); }
        top.m_axi_arready = reads_.size() < QUEUE;
        top.m_axi_awready = writes_.size() < QUEUE;
        const bool answer = !answers_.empty() && answers_.front().ready <= cycle;
        top.m_axi_bvalid = answer;
        top.m_axi_bresp = answer ? answers_.front().size : 0;
        top.m_axi_bid = answer ? answers_.front().id : 0;
    }

    // Takes the handshakes of this cycle; all ports have settled.
    template <class Top> void sample(Top& top, uint64_t cycle) {
        if (top.m_axi_rvalid && top.m_axi_rready) take_read();
        if (top.m_axi_bvalid && top.m_axi_bready) answers_.pop_front();
        if (top.m_axi_arvalid | read_held_) {
            const Burst burst{top.m_axi_araddr, top.m_axi_arlen + 1u, top.m_axi_arid, top.m_axi_arsize, top.m_axi_arburst, cycle + latency};
            check(cycle, "AR", top.m_axi_arvalid, read_held_, burst, held_read_);
            if (top.m_axi_arready) accept(cycle, burst, false);
            held_read_ = burst;
            read_held_ = !top.m_axi_arready;
        }
        if (top.m_axi_awvalid | write_held_) {
            const Burst burst{top.m_axi_awaddr, top.m_axi_awlen + 1u, top.m_axi_awid, top.m_axi_awsize, top.m_axi_awburst, 0};
            check(cycle, "AW", top.m_axi_awvalid, write_held_, burst, held_write_);
            if (top.m_axi_awready) accept(cycle, burst, true);
            held_write_ = burst;
            write_held_ = !top.m_axi_awready;
        }
        if (top.m_axi_wvalid | beat_held_) {
            uint8_t data[LINE];
            std::memcpy(data, &top.m_axi_wdata, LINE);
            if (beat_held_ && (!top.m_axi_wvalid || std::memcmp(data, held_beat_, LINE))) violate(cycle, "W changed while it waited for wready", 0);
            if (top.m_axi_wready) take_write(top, cycle, data);
            std::memcpy(held_beat_, data, LINE);
            beat_held_ = !top.m_axi_wready;
        }
    }

    // No burst is on its way.
    bool idle() const { return reads_.empty() && writes_.empty() && answers_.empty(); }

  private:
    static constexpr size_t QUEUE = 64;  // bursts in flight each way
    uint64_t bytes_;
    uint8_t* memory_ = nullptr;
    uint64_t tokens_ = 0;
    std::deque<Burst> reads_, writes_, answers_;
    uint32_t read_beat_ = 0, write_beat_ = 0;
    uint8_t write_response_ = OKAY;
    bool read_offered_ = false, write_offered_ = false, served_read_ = false;
    bool read_held_ = false, write_held_ = false, beat_held_ = false;
    Burst held_read_, held_write_;
    uint8_t held_beat_[LINE] = {};

    void violate(uint64_t cycle, const char* what, uint64_t address) {
        if (!violation.empty()) return;
        char text[200];
        std::snprintf(text, sizeof text, "cycle %llu: %s (address 0x%llx)", static_cast<unsigned long long>(cycle), what,
                      static_cast<unsigned long long>(address));
        violation = text;
    }

    void check(uint64_t cycle, const char* channel, bool valid, bool held, const Burst& now, const Burst& before) {
        if (held && (!valid || !(now == before))) violate(cycle, (std::string(channel) + " changed while it waited for ready").c_str(), now.address);
    }

    void accept(uint64_t cycle, const Burst& burst, bool write) {
        const uint64_t last = burst.address + uint64_t(burst.beats) * LINE - 1;
        if ((1u << burst.size) != LINE) violate(cycle, "AxSIZE is not the bus width", burst.address);
        if (burst.type != 1) violate(cycle, "AxBURST is not INCR", burst.address);
        if (burst.address % LINE) violate(cycle, "burst is not aligned to the bus width", burst.address);
        if (burst.address >> 12 != last >> 12) violate(cycle, "burst crosses a 4 KiB boundary", burst.address);
        bool inside = windows.empty();
        for (const Window& window : windows)
            inside |= (write ? window.write : window.read) && burst.address >= window.base && last < window.base + window.size;
        if (!inside) violate(cycle, write ? "write burst outside every writable window" : "read burst outside every readable window", burst.address);
        (write ? writes_ : reads_).push_back(burst);
    }

    uint8_t response(uint64_t address) const {
        for (const Fault& fault : faults)
            if (address + LINE > fault.first && address <= fault.last) return fault.response;
        return address + LINE <= bytes_ ? OKAY : DECERR;
    }

    template <class Top> void offer_read(Top& top, uint64_t cycle) {
        if (!read_offered_ && !reads_.empty() && reads_.front().ready <= cycle && tokens_ >= LINE) {
            const Burst& burst = reads_.front();
            const uint64_t address = burst.address + uint64_t(read_beat_) * LINE;
            const uint8_t code = response(address);
            if (code == OKAY) std::memcpy(&top.m_axi_rdata, memory_ + address, LINE);
            else std::memset(&top.m_axi_rdata, 0, LINE);
            top.m_axi_rresp = code;
            top.m_axi_rid = burst.id;
            top.m_axi_rlast = read_beat_ + 1 == burst.beats;
            tokens_ -= LINE;
            read_offered_ = served_read_ = true;
        }
        top.m_axi_rvalid = read_offered_;
    }

    template <class Top> void offer_write(Top& top) {
        if (!write_offered_ && !writes_.empty() && top.m_axi_wvalid && tokens_ >= LINE) {
            tokens_ -= LINE;
            write_offered_ = true;
            served_read_ = false;
        }
        top.m_axi_wready = write_offered_;
    }

    void take_read() {
        read_offered_ = false;
        ++read_beats;
        if (++read_beat_ == reads_.front().beats) {
            reads_.pop_front();
            read_beat_ = 0;
        }
    }

    template <class Top> void take_write(Top& top, uint64_t cycle, const uint8_t* data) {
        const Burst& burst = writes_.front();
        const uint64_t address = burst.address + uint64_t(write_beat_) * LINE;
        const uint8_t code = response(address);
        if (code == OKAY) std::memcpy(memory_ + address, data, LINE);
        if (write_response_ == OKAY) write_response_ = code;
        if (uint64_t(top.m_axi_wstrb) != STROBES) violate(cycle, "write strobes are not all ones", address);
        const bool last = ++write_beat_ == burst.beats;
        if (bool(top.m_axi_wlast) != last) violate(cycle, "WLAST is not on the last beat", address);
        ++write_beats;
        write_offered_ = false;
        if (last) {
            answers_.push_back({address, 0, burst.id, write_response_, 0, cycle + latency});
            writes_.pop_front();
            write_beat_ = 0;
            write_response_ = OKAY;
        }
    }

    static constexpr uint64_t STROBES = LINE >= 64 ? ~uint64_t(0) : (uint64_t(1) << (LINE % 64)) - 1;
};

}  // namespace weft
