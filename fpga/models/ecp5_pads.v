// TRELLIS_IO as images use it. Yosys' own model compares with z, which a two-state simulation cannot.
module TRELLIS_IO #(parameter DIR = "INPUT") (inout B, input I, input T, output O);
    generate
        if (DIR == "INPUT") begin : input_pin
            assign O = B;
        end else begin : output_pin
            assign B = T ? 1'bz : I;
            assign O = DIR == "BIDIR" ? B : 1'b0;
        end
    endgenerate
endmodule
