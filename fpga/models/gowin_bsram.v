// Behaviour of the Gowin block RAM, for simulation; written from the description in Gowin UG285 (BSRAM and SSRAM user guide).
//
// 2048 groups of 8 bits, or of 9 in the primitives with X9 in their names. A port of two or four groups has an enable for each of them in its
// lowest address bits; narrow ports reach a part of a group of 8. Modelled: ports without output registers, rising clocks, both kinds of
// reset, the three write modes. Any other mode is an unknown module. What a port reads while the other one writes is the old contents
// here, and undefined in the device.
module GOWIN_BSRAM #(
    parameter GROUP = 9, parameter WIDTH_A = 36, parameter WIDTH_B = 36, parameter [1:0] MODE_A = 0, parameter [1:0] MODE_B = 0,
    parameter READ_A = 0, parameter READ_B = 0, parameter [2:0] BLOCK_A = 0, parameter [2:0] BLOCK_B = 0, parameter RESET_MODE = "SYNC",
    parameter [2048*GROUP-1:0] CONTENTS = 0
) (
    input clk_a, ce_a, we_a, reset_a, input [2:0] block_a, input [13:0] address_a, input [35:0] in_a, output reg [35:0] out_a,
    input clk_b, ce_b, we_b, reset_b, input [2:0] block_b, input [13:0] address_b, input [35:0] in_b, output reg [35:0] out_b
);
    reg [GROUP-1:0] memory [0:2047];
    integer group;
    initial begin
        for (group = 0; group < 2048; group = group + 1) memory[group] = CONTENTS[group*GROUP +: GROUP];
        out_a = 0;
        out_b = 0;
    end

    // An access touches the four groups from `base` on: where its data may go in them, and which bits it writes.
    function [4*GROUP-1:0] positions(input integer width, input [35:0] data);
        case (width)
            1: positions = {(4*GROUP){data[0]}};
            2: positions = {(2*GROUP){data[1:0]}};
            4: positions = {GROUP{data[3:0]}};
            default: positions = data[4*GROUP-1:0];
        endcase
    endfunction

    function [4*GROUP-1:0] mask(input integer width, input [13:0] address);
        case (width)
            1: mask = 1 << address[2:0];
            2: mask = 3 << { address[2:1], 1'b0 };
            4: mask = 15 << { address[2], 2'b0 };
            GROUP: mask = { {(3*GROUP){1'b0}}, {GROUP{1'b1}} };
            2*GROUP: mask = { {(2*GROUP){1'b0}}, {GROUP{address[1]}}, {GROUP{address[0]}} };
            default: mask = { {GROUP{address[3]}}, {GROUP{address[2]}}, {GROUP{address[1]}}, {GROUP{address[0]}} };
        endcase
    endfunction

    function [10:0] base(input integer width, input [13:0] address);
        base = width == 4*GROUP ? { address[13:5], 2'b0 } : width == 2*GROUP ? { address[13:4], 1'b0 } : address[13:3];
    endfunction

    function [35:0] selected(input integer width, input [13:0] address, input [4*GROUP-1:0] groups);
        case (width)
            1: selected = { 35'b0, groups[{ 3'b0, address[2:0] } +: 1] };
            2: selected = { 34'b0, groups[{ 3'b0, address[2:1], 1'b0 } +: 2] };
            4: selected = { 32'b0, groups[{ 3'b0, address[2], 2'b0 } +: 4] };
            default: selected = groups;
        endcase
    endfunction

    wire [10:0] base_a = base(WIDTH_A, address_a), base_b = base(WIDTH_B, address_b);
    wire [4*GROUP-1:0] old_a = { memory[base_a | 3], memory[base_a | 2], memory[base_a | 1], memory[base_a] };
    wire [4*GROUP-1:0] old_b = { memory[base_b | 3], memory[base_b | 2], memory[base_b | 1], memory[base_b] };
    wire [4*GROUP-1:0] mask_a = mask(WIDTH_A, address_a), mask_b = mask(WIDTH_B, address_b);
    wire [4*GROUP-1:0] new_a = old_a & ~mask_a | positions(WIDTH_A, in_a) & mask_a;
    wire [4*GROUP-1:0] new_b = old_b & ~mask_b | positions(WIDTH_B, in_b) & mask_b;
    wire chosen_a = ce_a && block_a == BLOCK_A, chosen_b = ce_b && block_b == BLOCK_B;
    wire at_once_a = RESET_MODE == "ASYNC" && reset_a, at_once_b = RESET_MODE == "ASYNC" && reset_b;  // a reset of the outputs

    always @(posedge clk_a) if (chosen_a && we_a) begin
        memory[base_a] <= new_a[GROUP-1:0];
        if (WIDTH_A >= 2*GROUP) memory[base_a | 1] <= new_a[2*GROUP-1:GROUP];
        if (WIDTH_A == 4*GROUP) begin
            memory[base_a | 2] <= new_a[3*GROUP-1:2*GROUP];
            memory[base_a | 3] <= new_a[4*GROUP-1:3*GROUP];
        end
    end

    always @(posedge clk_a, posedge at_once_a)
        if (at_once_a || reset_a) out_a <= 0;
        else if (chosen_a) begin
            if (!we_a || MODE_A == 2) out_a <= selected(WIDTH_A, address_a, old_a);
            else if (MODE_A == 1) out_a <= selected(WIDTH_A, address_a, new_a);
        end

    always @(posedge clk_b) if (chosen_b && we_b) begin
        memory[base_b] <= new_b[GROUP-1:0];
        if (WIDTH_B >= 2*GROUP) memory[base_b | 1] <= new_b[2*GROUP-1:GROUP];
        if (WIDTH_B == 4*GROUP) begin
            memory[base_b | 2] <= new_b[3*GROUP-1:2*GROUP];
            memory[base_b | 3] <= new_b[4*GROUP-1:3*GROUP];
        end
    end

    always @(posedge clk_b, posedge at_once_b)
        if (at_once_b || reset_b) out_b <= 0;
        else if (chosen_b) begin
            if (!we_b || MODE_B == 2) out_b <= selected(WIDTH_B, address_b, old_b);
            else if (MODE_B == 1) out_b <= selected(WIDTH_B, address_b, new_b);
        end

    generate
        if (READ_A != 0 || READ_B != 0 || MODE_A > 2 || MODE_B > 2) begin : unknown
            BSRAM_MODE_NOT_MODELLED mode ();
        end
    endgenerate
endmodule

module SP (
    input CLK, CE, OCE, RESET, WRE, input [2:0] BLKSEL, input [13:0] AD, input [31:0] DI, output [31:0] DO
);
    parameter READ_MODE = 0, BIT_WIDTH = 32, RESET_MODE = "SYNC";
    parameter [1:0] WRITE_MODE = 0;
    parameter [2:0] BLK_SEL = 0;
    parameter [255:0]
        INIT_RAM_00 = 0, INIT_RAM_01 = 0, INIT_RAM_02 = 0, INIT_RAM_03 = 0, INIT_RAM_04 = 0, INIT_RAM_05 = 0, INIT_RAM_06 = 0,
        INIT_RAM_07 = 0, INIT_RAM_08 = 0, INIT_RAM_09 = 0, INIT_RAM_0A = 0, INIT_RAM_0B = 0, INIT_RAM_0C = 0, INIT_RAM_0D = 0,
        INIT_RAM_0E = 0, INIT_RAM_0F = 0, INIT_RAM_10 = 0, INIT_RAM_11 = 0, INIT_RAM_12 = 0, INIT_RAM_13 = 0, INIT_RAM_14 = 0,
        INIT_RAM_15 = 0, INIT_RAM_16 = 0, INIT_RAM_17 = 0, INIT_RAM_18 = 0, INIT_RAM_19 = 0, INIT_RAM_1A = 0, INIT_RAM_1B = 0,
        INIT_RAM_1C = 0, INIT_RAM_1D = 0, INIT_RAM_1E = 0, INIT_RAM_1F = 0, INIT_RAM_20 = 0, INIT_RAM_21 = 0, INIT_RAM_22 = 0,
        INIT_RAM_23 = 0, INIT_RAM_24 = 0, INIT_RAM_25 = 0, INIT_RAM_26 = 0, INIT_RAM_27 = 0, INIT_RAM_28 = 0, INIT_RAM_29 = 0,
        INIT_RAM_2A = 0, INIT_RAM_2B = 0, INIT_RAM_2C = 0, INIT_RAM_2D = 0, INIT_RAM_2E = 0, INIT_RAM_2F = 0, INIT_RAM_30 = 0,
        INIT_RAM_31 = 0, INIT_RAM_32 = 0, INIT_RAM_33 = 0, INIT_RAM_34 = 0, INIT_RAM_35 = 0, INIT_RAM_36 = 0, INIT_RAM_37 = 0,
        INIT_RAM_38 = 0, INIT_RAM_39 = 0, INIT_RAM_3A = 0, INIT_RAM_3B = 0, INIT_RAM_3C = 0, INIT_RAM_3D = 0, INIT_RAM_3E = 0,
        INIT_RAM_3F = 0;
    localparam [64*256-1:0] CONTENTS = {
        INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A, INIT_RAM_39, INIT_RAM_38, INIT_RAM_37, INIT_RAM_36,
        INIT_RAM_35, INIT_RAM_34, INIT_RAM_33, INIT_RAM_32, INIT_RAM_31, INIT_RAM_30, INIT_RAM_2F, INIT_RAM_2E, INIT_RAM_2D, INIT_RAM_2C,
        INIT_RAM_2B, INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28, INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24, INIT_RAM_23, INIT_RAM_22,
        INIT_RAM_21, INIT_RAM_20, INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D, INIT_RAM_1C, INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18,
        INIT_RAM_17, INIT_RAM_16, INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10, INIT_RAM_0F, INIT_RAM_0E,
        INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A, INIT_RAM_09, INIT_RAM_08, INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04,
        INIT_RAM_03, INIT_RAM_02, INIT_RAM_01, INIT_RAM_00};
    wire [35:0] out, unused;
    assign DO = out[31:0];
    GOWIN_BSRAM #(.GROUP(8), .WIDTH_A(BIT_WIDTH), .MODE_A(WRITE_MODE), .READ_A(READ_MODE), .BLOCK_A(BLK_SEL), .RESET_MODE(RESET_MODE),
        .WIDTH_B(32), .CONTENTS(CONTENTS)) ram (
        CLK, CE, WRE, RESET, BLKSEL, AD, { 4'b0, DI }, out, 1'b0, 1'b0, 1'b0, 1'b0, 3'b0, 14'b0, 36'b0, unused);
endmodule

module SPX9 (
    input CLK, CE, OCE, RESET, WRE, input [2:0] BLKSEL, input [13:0] AD, input [35:0] DI, output [35:0] DO
);
    parameter READ_MODE = 0, BIT_WIDTH = 36, RESET_MODE = "SYNC";
    parameter [1:0] WRITE_MODE = 0;
    parameter [2:0] BLK_SEL = 0;
    parameter [287:0]
        INIT_RAM_00 = 0, INIT_RAM_01 = 0, INIT_RAM_02 = 0, INIT_RAM_03 = 0, INIT_RAM_04 = 0, INIT_RAM_05 = 0, INIT_RAM_06 = 0,
        INIT_RAM_07 = 0, INIT_RAM_08 = 0, INIT_RAM_09 = 0, INIT_RAM_0A = 0, INIT_RAM_0B = 0, INIT_RAM_0C = 0, INIT_RAM_0D = 0,
        INIT_RAM_0E = 0, INIT_RAM_0F = 0, INIT_RAM_10 = 0, INIT_RAM_11 = 0, INIT_RAM_12 = 0, INIT_RAM_13 = 0, INIT_RAM_14 = 0,
        INIT_RAM_15 = 0, INIT_RAM_16 = 0, INIT_RAM_17 = 0, INIT_RAM_18 = 0, INIT_RAM_19 = 0, INIT_RAM_1A = 0, INIT_RAM_1B = 0,
        INIT_RAM_1C = 0, INIT_RAM_1D = 0, INIT_RAM_1E = 0, INIT_RAM_1F = 0, INIT_RAM_20 = 0, INIT_RAM_21 = 0, INIT_RAM_22 = 0,
        INIT_RAM_23 = 0, INIT_RAM_24 = 0, INIT_RAM_25 = 0, INIT_RAM_26 = 0, INIT_RAM_27 = 0, INIT_RAM_28 = 0, INIT_RAM_29 = 0,
        INIT_RAM_2A = 0, INIT_RAM_2B = 0, INIT_RAM_2C = 0, INIT_RAM_2D = 0, INIT_RAM_2E = 0, INIT_RAM_2F = 0, INIT_RAM_30 = 0,
        INIT_RAM_31 = 0, INIT_RAM_32 = 0, INIT_RAM_33 = 0, INIT_RAM_34 = 0, INIT_RAM_35 = 0, INIT_RAM_36 = 0, INIT_RAM_37 = 0,
        INIT_RAM_38 = 0, INIT_RAM_39 = 0, INIT_RAM_3A = 0, INIT_RAM_3B = 0, INIT_RAM_3C = 0, INIT_RAM_3D = 0, INIT_RAM_3E = 0,
        INIT_RAM_3F = 0;
    localparam [64*288-1:0] CONTENTS = {
        INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A, INIT_RAM_39, INIT_RAM_38, INIT_RAM_37, INIT_RAM_36,
        INIT_RAM_35, INIT_RAM_34, INIT_RAM_33, INIT_RAM_32, INIT_RAM_31, INIT_RAM_30, INIT_RAM_2F, INIT_RAM_2E, INIT_RAM_2D, INIT_RAM_2C,
        INIT_RAM_2B, INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28, INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24, INIT_RAM_23, INIT_RAM_22,
        INIT_RAM_21, INIT_RAM_20, INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D, INIT_RAM_1C, INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18,
        INIT_RAM_17, INIT_RAM_16, INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10, INIT_RAM_0F, INIT_RAM_0E,
        INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A, INIT_RAM_09, INIT_RAM_08, INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04,
        INIT_RAM_03, INIT_RAM_02, INIT_RAM_01, INIT_RAM_00};
    wire [35:0] out, unused;
    assign DO = out[35:0];
    GOWIN_BSRAM #(.GROUP(9), .WIDTH_A(BIT_WIDTH), .MODE_A(WRITE_MODE), .READ_A(READ_MODE), .BLOCK_A(BLK_SEL), .RESET_MODE(RESET_MODE),
        .WIDTH_B(36), .CONTENTS(CONTENTS)) ram (
        CLK, CE, WRE, RESET, BLKSEL, AD, DI, out, 1'b0, 1'b0, 1'b0, 1'b0, 3'b0, 14'b0, 36'b0, unused);
endmodule

module SDPB (
    input CLKA, CEA, RESETA, CLKB, CEB, RESETB, OCE, input [2:0] BLKSELA, BLKSELB, input [13:0] ADA, ADB, input [31:0] DI,
    output [31:0] DO
);
    parameter READ_MODE = 0, BIT_WIDTH_0 = 32, BIT_WIDTH_1 = 32, RESET_MODE = "SYNC";
    parameter [2:0] BLK_SEL_0 = 0, BLK_SEL_1 = 0;
    parameter [255:0]
        INIT_RAM_00 = 0, INIT_RAM_01 = 0, INIT_RAM_02 = 0, INIT_RAM_03 = 0, INIT_RAM_04 = 0, INIT_RAM_05 = 0, INIT_RAM_06 = 0,
        INIT_RAM_07 = 0, INIT_RAM_08 = 0, INIT_RAM_09 = 0, INIT_RAM_0A = 0, INIT_RAM_0B = 0, INIT_RAM_0C = 0, INIT_RAM_0D = 0,
        INIT_RAM_0E = 0, INIT_RAM_0F = 0, INIT_RAM_10 = 0, INIT_RAM_11 = 0, INIT_RAM_12 = 0, INIT_RAM_13 = 0, INIT_RAM_14 = 0,
        INIT_RAM_15 = 0, INIT_RAM_16 = 0, INIT_RAM_17 = 0, INIT_RAM_18 = 0, INIT_RAM_19 = 0, INIT_RAM_1A = 0, INIT_RAM_1B = 0,
        INIT_RAM_1C = 0, INIT_RAM_1D = 0, INIT_RAM_1E = 0, INIT_RAM_1F = 0, INIT_RAM_20 = 0, INIT_RAM_21 = 0, INIT_RAM_22 = 0,
        INIT_RAM_23 = 0, INIT_RAM_24 = 0, INIT_RAM_25 = 0, INIT_RAM_26 = 0, INIT_RAM_27 = 0, INIT_RAM_28 = 0, INIT_RAM_29 = 0,
        INIT_RAM_2A = 0, INIT_RAM_2B = 0, INIT_RAM_2C = 0, INIT_RAM_2D = 0, INIT_RAM_2E = 0, INIT_RAM_2F = 0, INIT_RAM_30 = 0,
        INIT_RAM_31 = 0, INIT_RAM_32 = 0, INIT_RAM_33 = 0, INIT_RAM_34 = 0, INIT_RAM_35 = 0, INIT_RAM_36 = 0, INIT_RAM_37 = 0,
        INIT_RAM_38 = 0, INIT_RAM_39 = 0, INIT_RAM_3A = 0, INIT_RAM_3B = 0, INIT_RAM_3C = 0, INIT_RAM_3D = 0, INIT_RAM_3E = 0,
        INIT_RAM_3F = 0;
    localparam [64*256-1:0] CONTENTS = {
        INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A, INIT_RAM_39, INIT_RAM_38, INIT_RAM_37, INIT_RAM_36,
        INIT_RAM_35, INIT_RAM_34, INIT_RAM_33, INIT_RAM_32, INIT_RAM_31, INIT_RAM_30, INIT_RAM_2F, INIT_RAM_2E, INIT_RAM_2D, INIT_RAM_2C,
        INIT_RAM_2B, INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28, INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24, INIT_RAM_23, INIT_RAM_22,
        INIT_RAM_21, INIT_RAM_20, INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D, INIT_RAM_1C, INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18,
        INIT_RAM_17, INIT_RAM_16, INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10, INIT_RAM_0F, INIT_RAM_0E,
        INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A, INIT_RAM_09, INIT_RAM_08, INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04,
        INIT_RAM_03, INIT_RAM_02, INIT_RAM_01, INIT_RAM_00};
    wire [35:0] out, unused;
    assign DO = out[31:0];
    GOWIN_BSRAM #(.GROUP(8), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .READ_B(READ_MODE), .BLOCK_A(BLK_SEL_0), .BLOCK_B(BLK_SEL_1),
        .RESET_MODE(RESET_MODE), .CONTENTS(CONTENTS)) ram (
        CLKA, CEA, 1'b1, RESETA, BLKSELA, ADA, { 4'b0, DI }, unused, CLKB, CEB, 1'b0, RESETB, BLKSELB, ADB, 36'b0, out);
endmodule

module SDPX9B (
    input CLKA, CEA, RESETA, CLKB, CEB, RESETB, OCE, input [2:0] BLKSELA, BLKSELB, input [13:0] ADA, ADB, input [35:0] DI,
    output [35:0] DO
);
    parameter READ_MODE = 0, BIT_WIDTH_0 = 36, BIT_WIDTH_1 = 36, RESET_MODE = "SYNC";
    parameter [2:0] BLK_SEL_0 = 0, BLK_SEL_1 = 0;
    parameter [287:0]
        INIT_RAM_00 = 0, INIT_RAM_01 = 0, INIT_RAM_02 = 0, INIT_RAM_03 = 0, INIT_RAM_04 = 0, INIT_RAM_05 = 0, INIT_RAM_06 = 0,
        INIT_RAM_07 = 0, INIT_RAM_08 = 0, INIT_RAM_09 = 0, INIT_RAM_0A = 0, INIT_RAM_0B = 0, INIT_RAM_0C = 0, INIT_RAM_0D = 0,
        INIT_RAM_0E = 0, INIT_RAM_0F = 0, INIT_RAM_10 = 0, INIT_RAM_11 = 0, INIT_RAM_12 = 0, INIT_RAM_13 = 0, INIT_RAM_14 = 0,
        INIT_RAM_15 = 0, INIT_RAM_16 = 0, INIT_RAM_17 = 0, INIT_RAM_18 = 0, INIT_RAM_19 = 0, INIT_RAM_1A = 0, INIT_RAM_1B = 0,
        INIT_RAM_1C = 0, INIT_RAM_1D = 0, INIT_RAM_1E = 0, INIT_RAM_1F = 0, INIT_RAM_20 = 0, INIT_RAM_21 = 0, INIT_RAM_22 = 0,
        INIT_RAM_23 = 0, INIT_RAM_24 = 0, INIT_RAM_25 = 0, INIT_RAM_26 = 0, INIT_RAM_27 = 0, INIT_RAM_28 = 0, INIT_RAM_29 = 0,
        INIT_RAM_2A = 0, INIT_RAM_2B = 0, INIT_RAM_2C = 0, INIT_RAM_2D = 0, INIT_RAM_2E = 0, INIT_RAM_2F = 0, INIT_RAM_30 = 0,
        INIT_RAM_31 = 0, INIT_RAM_32 = 0, INIT_RAM_33 = 0, INIT_RAM_34 = 0, INIT_RAM_35 = 0, INIT_RAM_36 = 0, INIT_RAM_37 = 0,
        INIT_RAM_38 = 0, INIT_RAM_39 = 0, INIT_RAM_3A = 0, INIT_RAM_3B = 0, INIT_RAM_3C = 0, INIT_RAM_3D = 0, INIT_RAM_3E = 0,
        INIT_RAM_3F = 0;
    localparam [64*288-1:0] CONTENTS = {
        INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A, INIT_RAM_39, INIT_RAM_38, INIT_RAM_37, INIT_RAM_36,
        INIT_RAM_35, INIT_RAM_34, INIT_RAM_33, INIT_RAM_32, INIT_RAM_31, INIT_RAM_30, INIT_RAM_2F, INIT_RAM_2E, INIT_RAM_2D, INIT_RAM_2C,
        INIT_RAM_2B, INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28, INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24, INIT_RAM_23, INIT_RAM_22,
        INIT_RAM_21, INIT_RAM_20, INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D, INIT_RAM_1C, INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18,
        INIT_RAM_17, INIT_RAM_16, INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10, INIT_RAM_0F, INIT_RAM_0E,
        INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A, INIT_RAM_09, INIT_RAM_08, INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04,
        INIT_RAM_03, INIT_RAM_02, INIT_RAM_01, INIT_RAM_00};
    wire [35:0] out, unused;
    assign DO = out[35:0];
    GOWIN_BSRAM #(.GROUP(9), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .READ_B(READ_MODE), .BLOCK_A(BLK_SEL_0), .BLOCK_B(BLK_SEL_1),
        .RESET_MODE(RESET_MODE), .CONTENTS(CONTENTS)) ram (
        CLKA, CEA, 1'b1, RESETA, BLKSELA, ADA, DI, unused, CLKB, CEB, 1'b0, RESETB, BLKSELB, ADB, 36'b0, out);
endmodule

module DPB (
    input CLKA, CEA, RESETA, OCEA, WREA, CLKB, CEB, RESETB, OCEB, WREB, input [2:0] BLKSELA, BLKSELB, input [13:0] ADA, ADB,
    input [15:0] DIA, DIB, output [15:0] DOA, DOB
);
    parameter READ_MODE0 = 0, READ_MODE1 = 0, BIT_WIDTH_0 = 16, BIT_WIDTH_1 = 16, RESET_MODE = "SYNC";
    parameter [1:0] WRITE_MODE0 = 0, WRITE_MODE1 = 0;
    parameter [2:0] BLK_SEL_0 = 0, BLK_SEL_1 = 0;
    parameter [255:0]
        INIT_RAM_00 = 0, INIT_RAM_01 = 0, INIT_RAM_02 = 0, INIT_RAM_03 = 0, INIT_RAM_04 = 0, INIT_RAM_05 = 0, INIT_RAM_06 = 0,
        INIT_RAM_07 = 0, INIT_RAM_08 = 0, INIT_RAM_09 = 0, INIT_RAM_0A = 0, INIT_RAM_0B = 0, INIT_RAM_0C = 0, INIT_RAM_0D = 0,
        INIT_RAM_0E = 0, INIT_RAM_0F = 0, INIT_RAM_10 = 0, INIT_RAM_11 = 0, INIT_RAM_12 = 0, INIT_RAM_13 = 0, INIT_RAM_14 = 0,
        INIT_RAM_15 = 0, INIT_RAM_16 = 0, INIT_RAM_17 = 0, INIT_RAM_18 = 0, INIT_RAM_19 = 0, INIT_RAM_1A = 0, INIT_RAM_1B = 0,
        INIT_RAM_1C = 0, INIT_RAM_1D = 0, INIT_RAM_1E = 0, INIT_RAM_1F = 0, INIT_RAM_20 = 0, INIT_RAM_21 = 0, INIT_RAM_22 = 0,
        INIT_RAM_23 = 0, INIT_RAM_24 = 0, INIT_RAM_25 = 0, INIT_RAM_26 = 0, INIT_RAM_27 = 0, INIT_RAM_28 = 0, INIT_RAM_29 = 0,
        INIT_RAM_2A = 0, INIT_RAM_2B = 0, INIT_RAM_2C = 0, INIT_RAM_2D = 0, INIT_RAM_2E = 0, INIT_RAM_2F = 0, INIT_RAM_30 = 0,
        INIT_RAM_31 = 0, INIT_RAM_32 = 0, INIT_RAM_33 = 0, INIT_RAM_34 = 0, INIT_RAM_35 = 0, INIT_RAM_36 = 0, INIT_RAM_37 = 0,
        INIT_RAM_38 = 0, INIT_RAM_39 = 0, INIT_RAM_3A = 0, INIT_RAM_3B = 0, INIT_RAM_3C = 0, INIT_RAM_3D = 0, INIT_RAM_3E = 0,
        INIT_RAM_3F = 0;
    localparam [64*256-1:0] CONTENTS = {
        INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A, INIT_RAM_39, INIT_RAM_38, INIT_RAM_37, INIT_RAM_36,
        INIT_RAM_35, INIT_RAM_34, INIT_RAM_33, INIT_RAM_32, INIT_RAM_31, INIT_RAM_30, INIT_RAM_2F, INIT_RAM_2E, INIT_RAM_2D, INIT_RAM_2C,
        INIT_RAM_2B, INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28, INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24, INIT_RAM_23, INIT_RAM_22,
        INIT_RAM_21, INIT_RAM_20, INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D, INIT_RAM_1C, INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18,
        INIT_RAM_17, INIT_RAM_16, INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10, INIT_RAM_0F, INIT_RAM_0E,
        INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A, INIT_RAM_09, INIT_RAM_08, INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04,
        INIT_RAM_03, INIT_RAM_02, INIT_RAM_01, INIT_RAM_00};
    wire [35:0] out_a, out_b;
    assign { DOB, DOA } = { out_b[15:0], out_a[15:0] };
    GOWIN_BSRAM #(.GROUP(8), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .MODE_A(WRITE_MODE0), .MODE_B(WRITE_MODE1),
        .READ_A(READ_MODE0), .READ_B(READ_MODE1), .BLOCK_A(BLK_SEL_0), .BLOCK_B(BLK_SEL_1), .RESET_MODE(RESET_MODE),
        .CONTENTS(CONTENTS)) ram (
        CLKA, CEA, WREA, RESETA, BLKSELA, ADA, { 20'b0, DIA }, out_a, CLKB, CEB, WREB, RESETB, BLKSELB, ADB, { 20'b0, DIB }, out_b);
endmodule

module DPX9B (
    input CLKA, CEA, RESETA, OCEA, WREA, CLKB, CEB, RESETB, OCEB, WREB, input [2:0] BLKSELA, BLKSELB, input [13:0] ADA, ADB,
    input [17:0] DIA, DIB, output [17:0] DOA, DOB
);
    parameter READ_MODE0 = 0, READ_MODE1 = 0, BIT_WIDTH_0 = 18, BIT_WIDTH_1 = 18, RESET_MODE = "SYNC";
    parameter [1:0] WRITE_MODE0 = 0, WRITE_MODE1 = 0;
    parameter [2:0] BLK_SEL_0 = 0, BLK_SEL_1 = 0;
    parameter [287:0]
        INIT_RAM_00 = 0, INIT_RAM_01 = 0, INIT_RAM_02 = 0, INIT_RAM_03 = 0, INIT_RAM_04 = 0, INIT_RAM_05 = 0, INIT_RAM_06 = 0,
        INIT_RAM_07 = 0, INIT_RAM_08 = 0, INIT_RAM_09 = 0, INIT_RAM_0A = 0, INIT_RAM_0B = 0, INIT_RAM_0C = 0, INIT_RAM_0D = 0,
        INIT_RAM_0E = 0, INIT_RAM_0F = 0, INIT_RAM_10 = 0, INIT_RAM_11 = 0, INIT_RAM_12 = 0, INIT_RAM_13 = 0, INIT_RAM_14 = 0,
        INIT_RAM_15 = 0, INIT_RAM_16 = 0, INIT_RAM_17 = 0, INIT_RAM_18 = 0, INIT_RAM_19 = 0, INIT_RAM_1A = 0, INIT_RAM_1B = 0,
        INIT_RAM_1C = 0, INIT_RAM_1D = 0, INIT_RAM_1E = 0, INIT_RAM_1F = 0, INIT_RAM_20 = 0, INIT_RAM_21 = 0, INIT_RAM_22 = 0,
        INIT_RAM_23 = 0, INIT_RAM_24 = 0, INIT_RAM_25 = 0, INIT_RAM_26 = 0, INIT_RAM_27 = 0, INIT_RAM_28 = 0, INIT_RAM_29 = 0,
        INIT_RAM_2A = 0, INIT_RAM_2B = 0, INIT_RAM_2C = 0, INIT_RAM_2D = 0, INIT_RAM_2E = 0, INIT_RAM_2F = 0, INIT_RAM_30 = 0,
        INIT_RAM_31 = 0, INIT_RAM_32 = 0, INIT_RAM_33 = 0, INIT_RAM_34 = 0, INIT_RAM_35 = 0, INIT_RAM_36 = 0, INIT_RAM_37 = 0,
        INIT_RAM_38 = 0, INIT_RAM_39 = 0, INIT_RAM_3A = 0, INIT_RAM_3B = 0, INIT_RAM_3C = 0, INIT_RAM_3D = 0, INIT_RAM_3E = 0,
        INIT_RAM_3F = 0;
    localparam [64*288-1:0] CONTENTS = {
        INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A, INIT_RAM_39, INIT_RAM_38, INIT_RAM_37, INIT_RAM_36,
        INIT_RAM_35, INIT_RAM_34, INIT_RAM_33, INIT_RAM_32, INIT_RAM_31, INIT_RAM_30, INIT_RAM_2F, INIT_RAM_2E, INIT_RAM_2D, INIT_RAM_2C,
        INIT_RAM_2B, INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28, INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24, INIT_RAM_23, INIT_RAM_22,
        INIT_RAM_21, INIT_RAM_20, INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D, INIT_RAM_1C, INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18,
        INIT_RAM_17, INIT_RAM_16, INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10, INIT_RAM_0F, INIT_RAM_0E,
        INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A, INIT_RAM_09, INIT_RAM_08, INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04,
        INIT_RAM_03, INIT_RAM_02, INIT_RAM_01, INIT_RAM_00};
    wire [35:0] out_a, out_b;
    assign { DOB, DOA } = { out_b[17:0], out_a[17:0] };
    GOWIN_BSRAM #(.GROUP(9), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .MODE_A(WRITE_MODE0), .MODE_B(WRITE_MODE1),
        .READ_A(READ_MODE0), .READ_B(READ_MODE1), .BLOCK_A(BLK_SEL_0), .BLOCK_B(BLK_SEL_1), .RESET_MODE(RESET_MODE),
        .CONTENTS(CONTENTS)) ram (
        CLKA, CEA, WREA, RESETA, BLKSELA, ADA, { 18'b0, DIA }, out_a, CLKB, CEB, WREB, RESETB, BLKSELB, ADB, { 18'b0, DIB }, out_b);
endmodule
