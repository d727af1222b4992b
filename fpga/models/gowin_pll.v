// rPLL for simulations that know cycles and no frequencies: the clock passes to all outputs, the lock is there at once.
module rPLL (
    input CLKIN, CLKFB, RESET, RESET_P, input [5:0] FBDSEL, IDSEL, ODSEL, input [3:0] DUTYDA, PSDA, FDLY,
    output CLKOUT, CLKOUTP, CLKOUTD, CLKOUTD3, LOCK
);
    parameter FCLKIN = "100.0", IDIV_SEL = 0, FBDIV_SEL = 0, ODIV_SEL = 8;
    assign { CLKOUT, CLKOUTP, CLKOUTD, CLKOUTD3 } = {4{CLKIN}};
    assign LOCK = ~RESET;
endmodule
