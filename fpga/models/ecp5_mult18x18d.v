// Behaviour of the ECP5 multiplier block, for simulation and proofs; written from the description in Lattice FPGA-TN-02205.
//
// Modelled: both operands from A and B (SOURCEA = SOURCEB = 0), any of the registers, each clocked by CLK0, with any clock enable and
// a synchronous reset. SIGNEDA and SIGNEDB are taken to be constant. Any other mode is an unknown module. Left out: the shift
// chains, the copies of the operands for the ALU, and with them the operand C, which synthesis connects to zeros.
module MULT18X18D (
    input A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0, B17, B16, B15, B14, B13, B12, B11, B10, B9, B8,
    input B7, B6, B5, B4, B3, B2, B1, B0, C17, C16, C15, C14, C13, C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0, SIGNEDA,
    input SIGNEDB, SOURCEA, SOURCEB, CLK0, CLK1, CLK2, CLK3, CE0, CE1, CE2, CE3, RST0, RST1, RST2, RST3,
    output P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15, P14, P13, P12, P11,
    output P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
);
    parameter REG_INPUTA_CLK = "NONE";
    parameter REG_INPUTA_CE = "CE0";
    parameter REG_INPUTA_RST = "RST0";
    parameter REG_INPUTB_CLK = "NONE";
    parameter REG_INPUTB_CE = "CE0";
    parameter REG_INPUTB_RST = "RST0";
    parameter REG_INPUTC_CLK = "NONE";
    parameter REG_INPUTC_CE = "CE0";
    parameter REG_INPUTC_RST = "RST0";
    parameter REG_PIPELINE_CLK = "NONE";
    parameter REG_PIPELINE_CE = "CE0";
    parameter REG_PIPELINE_RST = "RST0";
    parameter REG_OUTPUT_CLK = "NONE";
    parameter REG_OUTPUT_CE = "CE0";
    parameter REG_OUTPUT_RST = "RST0";
    parameter CLK0_DIV = "ENABLED";
    parameter CLK1_DIV = "ENABLED";
    parameter CLK2_DIV = "ENABLED";
    parameter CLK3_DIV = "ENABLED";
    parameter HIGHSPEED_CLK = "NONE";
    parameter GSR = "ENABLED";
    parameter CAS_MATCH_REG = "FALSE";
    parameter SOURCEB_MODE = "B_SHIFT";
    parameter MULT_BYPASS = "DISABLED";
    parameter RESETMODE = "SYNC";

    wire [17:0] a_pins = {
        A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0 };
    wire [17:0] b_pins = {
        B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0 };
    wire [17:0] a, b;
    wire signed [18:0] a_exact = { SIGNEDA & a[17], a }, b_exact = { SIGNEDB & b[17], b };
    wire signed [35:0] exact = a_exact * b_exact, product, p;
    assign {
        P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15, P14, P13, P12, P11, P10,
        P9, P8, P7, P6, P5, P4, P3, P2, P1, P0 } = p;

    ECP5_DSP_REGISTER #(.WIDTH(18), .CLOCK(REG_INPUTA_CLK), .ENABLE(REG_INPUTA_CE), .RESET(REG_INPUTA_RST)) input_a (
        CLK0, {CE3, CE2, CE1, CE0}, {RST3, RST2, RST1, RST0}, a_pins, a);
    ECP5_DSP_REGISTER #(.WIDTH(18), .CLOCK(REG_INPUTB_CLK), .ENABLE(REG_INPUTB_CE), .RESET(REG_INPUTB_RST)) input_b (
        CLK0, {CE3, CE2, CE1, CE0}, {RST3, RST2, RST1, RST0}, b_pins, b);
    ECP5_DSP_REGISTER #(.WIDTH(36), .CLOCK(REG_PIPELINE_CLK), .ENABLE(REG_PIPELINE_CE), .RESET(REG_PIPELINE_RST)) pipeline (
        CLK0, {CE3, CE2, CE1, CE0}, {RST3, RST2, RST1, RST0}, exact, product);
    ECP5_DSP_REGISTER #(.WIDTH(36), .CLOCK(REG_OUTPUT_CLK), .ENABLE(REG_OUTPUT_CE), .RESET(REG_OUTPUT_RST)) result (
        CLK0, {CE3, CE2, CE1, CE0}, {RST3, RST2, RST1, RST0}, product, p);

    generate
        if (REG_INPUTC_CLK != "NONE" || CAS_MATCH_REG != "FALSE" || MULT_BYPASS != "DISABLED" || RESETMODE != "SYNC") begin : unknown
            MULT18X18D_MODE_NOT_MODELLED mode ();
        end
    endgenerate
endmodule

// One register of the block, or a wire. Contents are zero after configuration.
module ECP5_DSP_REGISTER #(
    parameter WIDTH = 18, parameter CLOCK = "NONE", parameter ENABLE = "CE0", parameter RESET = "RST0"
) (input clk, input [3:0] ce, input [3:0] rst, input [WIDTH-1:0] d, output [WIDTH-1:0] q);
    localparam C = ENABLE == "CE3" ? 3 : ENABLE == "CE2" ? 2 : ENABLE == "CE1" ? 1 : 0;
    localparam R = RESET == "RST3" ? 3 : RESET == "RST2" ? 2 : RESET == "RST1" ? 1 : 0;
    reg [WIDTH-1:0] value = 0;
    always @(posedge clk)
        if (rst[R])
            value <= 0;
        else if (ce[C])
            value <= d;
    assign q = CLOCK == "NONE" ? d : value;
    generate
        if (CLOCK != "NONE" && CLOCK != "CLK0") begin : unknown
            MULT18X18D_MODE_NOT_MODELLED mode ();
        end
    endgenerate
endmodule
