// SB_IO as images use it: pins without registers, input (PIN_TYPE 000001) or output with enable (101001). Yosys' own model compares with z,
// which a two-state simulation cannot. Another type is an error: there is no module of that name.
module SB_IO #(parameter [5:0] PIN_TYPE = 0, parameter PULLUP = 0, parameter NEG_TRIGGER = 0, parameter IO_STANDARD = "")
    (inout PACKAGE_PIN, input LATCH_INPUT_VALUE, input CLOCK_ENABLE, input INPUT_CLK, input OUTPUT_CLK, input OUTPUT_ENABLE,
     input D_OUT_0, input D_OUT_1, output D_IN_0, output D_IN_1);
    assign D_IN_0 = PACKAGE_PIN;
    generate
        if (PIN_TYPE == 6'b101001) begin : output_pin
            assign PACKAGE_PIN = OUTPUT_ENABLE ? D_OUT_0 : 1'bz;
        end else if (PIN_TYPE != 6'b000001) begin : other
            SB_IO_MODE_NOT_MODELLED error ();
        end
    endgenerate
endmodule
