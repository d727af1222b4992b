// Behaviour of the Gowin multiplier blocks, for simulation and proofs; written from the description in Gowin UG287 (DSP user guide).
//
// Modelled: operands from A and B, any of their registers, those between and behind the multiplier, with the clock enable and a synchronous
// reset. ASIGN and BSIGN are taken to be constant. Any other mode is an unknown module. Left out: the shift chains.
module MULT9X9 (
    input [8:0] A, SIA, B, SIB, input ASIGN, BSIGN, ASEL, BSEL, CE, CLK, RESET, output [17:0] DOUT, output [8:0] SOA, SOB
);
    parameter AREG = 0, BREG = 0, PIPE_REG = 0, OUT_REG = 0, ASIGN_REG = 0, BSIGN_REG = 0, SOA_REG = 0, MULT_RESET_MODE = "SYNC";

    wire [8:0] a, b;
    wire signed [9:0] a_exact = { ASIGN & a[8], a }, b_exact = { BSIGN & b[8], b };
    wire signed [17:0] exact = a_exact * b_exact, product;
    GOWIN_DSP_REGISTER #(.WIDTH(9), .BUILT(AREG)) input_a (CLK, CE, RESET, A, a);
    GOWIN_DSP_REGISTER #(.WIDTH(9), .BUILT(BREG)) input_b (CLK, CE, RESET, B, b);
    GOWIN_DSP_REGISTER #(.WIDTH(18), .BUILT(PIPE_REG)) pipeline (CLK, CE, RESET, exact, product);
    GOWIN_DSP_REGISTER #(.WIDTH(18), .BUILT(OUT_REG)) result (CLK, CE, RESET, product, DOUT);
    assign { SOA, SOB } = 0;

    generate
        if (ASIGN_REG != 0 || BSIGN_REG != 0 || SOA_REG != 0 || MULT_RESET_MODE != "SYNC") begin : unknown
            MULT_MODE_NOT_MODELLED mode ();
        end
    endgenerate
endmodule

module MULT18X18 (
    input [17:0] A, SIA, B, SIB, input ASIGN, BSIGN, ASEL, BSEL, CE, CLK, RESET, output [35:0] DOUT, output [17:0] SOA, SOB
);
    parameter AREG = 0, BREG = 0, PIPE_REG = 0, OUT_REG = 0, ASIGN_REG = 0, BSIGN_REG = 0, SOA_REG = 0, MULT_RESET_MODE = "SYNC";

    wire [17:0] a, b;
    wire signed [18:0] a_exact = { ASIGN & a[17], a }, b_exact = { BSIGN & b[17], b };
    wire signed [35:0] exact = a_exact * b_exact, product;
    GOWIN_DSP_REGISTER #(.WIDTH(18), .BUILT(AREG)) input_a (CLK, CE, RESET, A, a);
    GOWIN_DSP_REGISTER #(.WIDTH(18), .BUILT(BREG)) input_b (CLK, CE, RESET, B, b);
    GOWIN_DSP_REGISTER #(.WIDTH(36), .BUILT(PIPE_REG)) pipeline (CLK, CE, RESET, exact, product);
    GOWIN_DSP_REGISTER #(.WIDTH(36), .BUILT(OUT_REG)) result (CLK, CE, RESET, product, DOUT);
    assign { SOA, SOB } = 0;

    generate
        if (ASIGN_REG != 0 || BSIGN_REG != 0 || SOA_REG != 0 || MULT_RESET_MODE != "SYNC") begin : unknown
            MULT_MODE_NOT_MODELLED mode ();
        end
    endgenerate
endmodule

// One register of a block, or a wire. Contents are zero after configuration.
module GOWIN_DSP_REGISTER #(parameter WIDTH = 9, parameter BUILT = 0) (input clk, ce, reset, input [WIDTH-1:0] d, output [WIDTH-1:0] q);
    reg [WIDTH-1:0] value = 0;
    always @(posedge clk)
        if (reset)
            value <= 0;
        else if (ce)
            value <= d;
    assign q = BUILT ? value : d;
endmodule
