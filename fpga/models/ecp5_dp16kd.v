// Behaviour of the ECP5 block RAM, for simulation; written from the description in Lattice FPGA-TN-02204 (ECP5 memory usage guide).
//
// 2048 groups of 9 bits. A port of 9, 18 or 36 bits reads and writes one, two or four of them; narrower ones a part of the low 8 bits of
// one. Ports of 18 and 36 bits have an enable for each group in their lowest address bits. With 36 bits port A writes { DIB, DIA } and
// port B reads { DOB, DOA }. Modelled: both ports without output registers, rising clocks, both kinds of reset, the three write modes.
// Any other mode is an unknown module. What a port reads while the other one writes is the old contents here, and undefined in the device.
module DP16KD (
    input DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0, ADA13,
    ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0, CEA, OCEA, CLKA, WEA, CSA2, CSA1, CSA0, RSTA,
    DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0, ADB13,
    ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0, CEB, OCEB, CLKB, WEB, CSB2, CSB1, CSB0, RSTB,
    output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0, DOB17,
    DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0
);
    parameter DATA_WIDTH_A = 18;
    parameter DATA_WIDTH_B = 18;
    parameter REGMODE_A = "NOREG";
    parameter REGMODE_B = "NOREG";
    parameter RESETMODE = "SYNC";
    parameter ASYNC_RESET_RELEASE = "SYNC";
    parameter WRITEMODE_A = "NORMAL";
    parameter WRITEMODE_B = "NORMAL";
    parameter CSDECODE_A = "0b000";
    parameter CSDECODE_B = "0b000";
    parameter CLKAMUX = "CLKA";
    parameter CLKBMUX = "CLKB";
    parameter CEAMUX = "CEA";
    parameter CEBMUX = "CEB";
    parameter WEAMUX = "WEA";
    parameter WEBMUX = "WEB";
    parameter RSTAMUX = "RSTA";
    parameter RSTBMUX = "RSTB";
    parameter OCEAMUX = "OCEA";
    parameter OCEBMUX = "OCEB";
    parameter GSR = "ENABLED";
    parameter INIT_DATA = "STATIC";
    parameter WID = 0;
    parameter [319:0]
        INITVAL_00 = 0, INITVAL_01 = 0, INITVAL_02 = 0, INITVAL_03 = 0, INITVAL_04 = 0, INITVAL_05 = 0, INITVAL_06 = 0,
        INITVAL_07 = 0, INITVAL_08 = 0, INITVAL_09 = 0, INITVAL_0A = 0, INITVAL_0B = 0, INITVAL_0C = 0, INITVAL_0D = 0,
        INITVAL_0E = 0, INITVAL_0F = 0, INITVAL_10 = 0, INITVAL_11 = 0, INITVAL_12 = 0, INITVAL_13 = 0, INITVAL_14 = 0,
        INITVAL_15 = 0, INITVAL_16 = 0, INITVAL_17 = 0, INITVAL_18 = 0, INITVAL_19 = 0, INITVAL_1A = 0, INITVAL_1B = 0,
        INITVAL_1C = 0, INITVAL_1D = 0, INITVAL_1E = 0, INITVAL_1F = 0, INITVAL_20 = 0, INITVAL_21 = 0, INITVAL_22 = 0,
        INITVAL_23 = 0, INITVAL_24 = 0, INITVAL_25 = 0, INITVAL_26 = 0, INITVAL_27 = 0, INITVAL_28 = 0, INITVAL_29 = 0,
        INITVAL_2A = 0, INITVAL_2B = 0, INITVAL_2C = 0, INITVAL_2D = 0, INITVAL_2E = 0, INITVAL_2F = 0, INITVAL_30 = 0,
        INITVAL_31 = 0, INITVAL_32 = 0, INITVAL_33 = 0, INITVAL_34 = 0, INITVAL_35 = 0, INITVAL_36 = 0, INITVAL_37 = 0,
        INITVAL_38 = 0, INITVAL_39 = 0, INITVAL_3A = 0, INITVAL_3B = 0, INITVAL_3C = 0, INITVAL_3D = 0, INITVAL_3E = 0,
        INITVAL_3F = 0;

    // Each has 16 words of 18 bits, 20 bits apart.
    localparam [64*320-1:0] CONTENTS = {
        INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C, INITVAL_3B, INITVAL_3A, INITVAL_39, INITVAL_38, INITVAL_37, INITVAL_36,
        INITVAL_35, INITVAL_34, INITVAL_33, INITVAL_32, INITVAL_31, INITVAL_30, INITVAL_2F, INITVAL_2E, INITVAL_2D, INITVAL_2C,
        INITVAL_2B, INITVAL_2A, INITVAL_29, INITVAL_28, INITVAL_27, INITVAL_26, INITVAL_25, INITVAL_24, INITVAL_23, INITVAL_22,
        INITVAL_21, INITVAL_20, INITVAL_1F, INITVAL_1E, INITVAL_1D, INITVAL_1C, INITVAL_1B, INITVAL_1A, INITVAL_19, INITVAL_18,
        INITVAL_17, INITVAL_16, INITVAL_15, INITVAL_14, INITVAL_13, INITVAL_12, INITVAL_11, INITVAL_10, INITVAL_0F, INITVAL_0E,
        INITVAL_0D, INITVAL_0C, INITVAL_0B, INITVAL_0A, INITVAL_09, INITVAL_08, INITVAL_07, INITVAL_06, INITVAL_05, INITVAL_04,
        INITVAL_03, INITVAL_02, INITVAL_01, INITVAL_00};

    wire [35:0] di = { DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0,
        DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0 };
    wire [13:0] ada = { ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0 };
    wire [13:0] adb = { ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0 };
    reg [35:0] doa = 0, dob = 0;
    wire [35:0] out = DATA_WIDTH_B == 36 ? dob : { dob[17:0], doa[17:0] };
    assign { DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0,
        DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0 } = out;

    reg [8:0] memory [0:2047];
    integer word;
    initial
        for (word = 0; word < 1024; word = word + 1)
            { memory[2*word+1], memory[2*word] } = CONTENTS[(word/16)*320+(word%16)*20 +: 18];

    // An access touches the four groups from `base` on: where its data may go in them, and which bits it writes.
    function [35:0] positions(input integer width, input [35:0] data);
        case (width)
            1: positions = { 27'b0, 1'b0, {8{data[0]}} };
            2: positions = { 27'b0, 1'b0, {4{data[1:0]}} };
            4: positions = { 27'b0, 1'b0, {2{data[3:0]}} };
            default: positions = data;
        endcase
    endfunction

    function [35:0] mask(input integer width, input [13:0] address);
        case (width)
            1: mask = 36'h1 << address[2:0];
            2: mask = 36'h3 << { address[2:1], 1'b0 };
            4: mask = 36'hF << { address[2], 2'b0 };
            9: mask = 36'h1FF;
            18: mask = { 18'b0, {9{address[1]}}, {9{address[0]}} };
            default: mask = { {9{address[3]}}, {9{address[2]}}, {9{address[1]}}, {9{address[0]}} };
        endcase
    endfunction

    function [10:0] base(input integer width, input [13:0] address);
        base = width == 36 ? { address[13:5], 2'b0 } : width == 18 ? { address[13:4], 1'b0 } : address[13:3];
    endfunction

    function [35:0] selected(input integer width, input [13:0] address, input [35:0] groups);
        case (width)
            1: selected = groups[{3'b0, address[2:0]} +: 1];
            2: selected = groups[{3'b0, address[2:1], 1'b0} +: 2];
            4: selected = groups[{3'b0, address[2], 2'b0} +: 4];
            9: selected = groups[8:0];
            18: selected = groups[17:0];
            default: selected = groups;
        endcase
    endfunction

    wire [10:0] base_a = base(DATA_WIDTH_A, ada), base_b = base(DATA_WIDTH_B, adb);
    wire [35:0] old_a = { memory[base_a | 3], memory[base_a | 2], memory[base_a | 1], memory[base_a] };
    wire [35:0] old_b = { memory[base_b | 3], memory[base_b | 2], memory[base_b | 1], memory[base_b] };
    wire [35:0] mask_a = mask(DATA_WIDTH_A, ada), mask_b = mask(DATA_WIDTH_B, adb);
    wire [35:0] new_a = old_a & ~mask_a | positions(DATA_WIDTH_A, di) & mask_a;
    wire [35:0] new_b = old_b & ~mask_b | positions(DATA_WIDTH_B, { 18'b0, di[35:18] }) & mask_b;
    wire selected_a = CEA && { CSA2, CSA1, CSA0 } == 0, selected_b = CEB && { CSB2, CSB1, CSB0 } == 0;

    // A reset holds back a write of its port; an asynchronous one acts at once.
    wire reset_a = RESETMODE == "ASYNC" && RSTA, reset_b = RESETMODE == "ASYNC" && RSTB;

    always @(posedge CLKA, posedge reset_a) begin
        if (reset_a || RSTA)
            doa <= 0;
        else if (selected_a) begin
            if (WEA) begin
                memory[base_a] <= new_a[8:0];
                if (DATA_WIDTH_A >= 18) memory[base_a | 1] <= new_a[17:9];
                if (DATA_WIDTH_A == 36) begin
                    memory[base_a | 2] <= new_a[26:18];
                    memory[base_a | 3] <= new_a[35:27];
                end
            end
            if (!WEA || WRITEMODE_A == "READBEFOREWRITE") doa <= selected(DATA_WIDTH_A, ada, old_a);
            else if (WRITEMODE_A == "WRITETHROUGH") doa <= selected(DATA_WIDTH_A, ada, new_a);
        end
    end

    always @(posedge CLKB, posedge reset_b) begin
        if (reset_b || RSTB)
            dob <= 0;
        else if (selected_b) begin
            if (WEB) begin
                memory[base_b] <= new_b[8:0];
                if (DATA_WIDTH_B >= 18) memory[base_b | 1] <= new_b[17:9];
            end
            if (!WEB || WRITEMODE_B == "READBEFOREWRITE") dob <= selected(DATA_WIDTH_B, adb, old_b);
            else if (WRITEMODE_B == "WRITETHROUGH") dob <= selected(DATA_WIDTH_B, adb, new_b);
        end
    end

    generate
        if (REGMODE_A != "NOREG" || REGMODE_B != "NOREG" || CSDECODE_A != "0b000" || CSDECODE_B != "0b000"
            || CLKAMUX != "CLKA" || CLKBMUX != "CLKB" || CEAMUX != "CEA" || CEBMUX != "CEB" || WEAMUX != "WEA" || WEBMUX != "WEB"
            || RSTAMUX != "RSTA" || RSTBMUX != "RSTB") begin : unknown
            DP16KD_MODE_NOT_MODELLED mode ();
        end
    endgenerate
endmodule
