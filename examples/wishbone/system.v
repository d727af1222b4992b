// The smallest system around the Wishbone accelerator (configuration tiny4: words of 32 bits): one memory, the accelerator, and a port
// for a host that reaches both. Byte addresses: 64 KiB of memory from 0x1000_0000, registers of the accelerator from 0x8000_0000; ERR
// anywhere else.
`default_nettype none

module system (
  input  wire        clk,
  input  wire        rst,
  // From the host, classic cycles.
  input  wire        host_cyc_i,
  input  wire        host_stb_i,
  input  wire        host_we_i,
  input  wire [31:0] host_adr_i,
  input  wire [31:0] host_dat_i,
  input  wire [3:0]  host_sel_i,
  output wire [31:0] host_dat_o,
  output wire        host_ack_o,
  output wire        host_err_o,
  output wire        irq
);
  localparam WORDS = 16384;

  wire        cyc, stb, we, stall, register_ack, register_err;
  wire [31:0] adr, dat, register_data;
  wire [3:0]  sel;
  wire [2:0]  cti;
  wire [1:0]  bte;
  reg         granted;  // memory: to the accelerator
  reg         memory_ack, memory_err;
  reg  [31:0] memory_data;

  wire at_registers = host_adr_i[31:12] == 20'h80000;
  wire host_wants = host_cyc_i && !at_registers;

  weft_npu_wishbone accelerator (
    .clk(clk), .rst(rst), .irq(irq),
    .wbs_cyc_i(host_cyc_i && at_registers), .wbs_stb_i(host_stb_i), .wbs_we_i(host_we_i),
    .wbs_adr_i(host_adr_i[11:0]), .wbs_sel_i(host_sel_i), .wbs_dat_i(host_dat_i), .wbs_dat_o(register_data),
    .wbs_ack_o(register_ack), .wbs_err_o(register_err), .wbs_stall_o(stall),
    .wbm_cyc_o(cyc), .wbm_stb_o(stb), .wbm_we_o(we), .wbm_adr_o(adr), .wbm_sel_o(sel), .wbm_dat_o(dat),
    .wbm_cti_o(cti), .wbm_bte_o(bte), .wbm_dat_i(memory_data), .wbm_ack_i(memory_ack && granted), .wbm_err_i(memory_err && granted)
  );

  // Whoever has the memory keeps it until its cyc falls; the host goes first.
  always @(posedge clk)
    if (rst) granted <= 1'b0;
    else if (granted) granted <= cyc;
    else granted <= cyc && !host_wants;

  wire        active = granted ? cyc && stb : host_wants && host_stb_i;
  wire [31:0] address = granted ? adr : host_adr_i;
  wire        write = granted ? we : host_we_i;
  wire [31:0] data = granted ? dat : host_dat_i;
  wire [3:0]  select = granted ? sel : host_sel_i;

  // The answer is registered, as block RAM has it: a word every other cycle.
  reg  [31:0] memory [0:WORDS-1];
  wire        hit = address[31:16] == 16'h1000;
  wire        start = active && !memory_ack && !memory_err;
  always @(posedge clk) begin
    memory_ack <= start && hit && !rst;
    memory_err <= start && !hit && !rst;
    memory_data <= memory[address[15:2]];
    if (start && hit && write) begin
      if (select[0]) memory[address[15:2]][7:0] <= data[7:0];
      if (select[1]) memory[address[15:2]][15:8] <= data[15:8];
      if (select[2]) memory[address[15:2]][23:16] <= data[23:16];
      if (select[3]) memory[address[15:2]][31:24] <= data[31:24];
    end
  end

  assign host_dat_o = at_registers ? register_data : memory_data;
  assign host_ack_o = at_registers ? register_ack : memory_ack && !granted;
  assign host_err_o = at_registers ? register_err : memory_err && !granted;

  // A classic host waits for the answer, a memory without bursts needs neither CTI nor BTE, and words have no address bits below them.
  wire unused = &{1'b0, stall, cti, bte, address[1:0]};
endmodule

`default_nettype wire
