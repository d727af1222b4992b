"""The FPGAs: how many blocks of each kind they have."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Device:
    """One FPGA. Counts are those that nextpnr knows, which a test compares; names are those of `weft.fpga.flow.family`.

    `family`: of `weft.fpga.flow.family`. `synth`: Yosys' synthesis command for it. `blocks`: resource -> how many there are.
    `ram_bits`: bits of one block of each kind of memory that can hold a scratchpad: without parity, because a byte has eight bits.
    `database`: the tools' name of it, if a board's platform gives them another one.
    """

    name: str
    family: str
    synth: str
    blocks: dict[str, int]
    ram_bits: dict[str, int]
    database: str = ""

    @property
    def memory_bits(self) -> int:
        """All bits in block RAM."""
        return sum(self.blocks[name] * bits for name, bits in self.ram_bits.items())


_ECP5 = "synth_lattice -family ecp5"
_EBR = {"block RAM": 16 << 10}
_BSRAM = {"block RAM": 16 << 10}

DEVICES = {device.name: device for device in (
    Device("LFE5U-85F", "ecp5", _ECP5, {"LUT": 83640, "FF": 83640, "DSP": 156, "block RAM": 208}, _EBR),
    Device("LFE5UM5G-85F", "ecp5", _ECP5, {"LUT": 83640, "FF": 83640, "DSP": 156, "block RAM": 208}, _EBR),
    Device("iCE40UP5K", "ice40", "synth_ice40 -device u -spram", {"logic cell": 5280, "DSP": 8, "block RAM": 30, "SPRAM": 4},
           {"block RAM": 4 << 10, "SPRAM": 256 << 10}),
    Device("iCE40HX8K", "ice40", "synth_ice40 -device hx", {"logic cell": 7680, "DSP": 0, "block RAM": 32}, {"block RAM": 4 << 10}),
    # The two revisions of this die have a database each, of the same fabric with other workarounds for block RAM. Project Apicula
    # tests the Tang Primer 20K with this one's.
    Device("GW2A-18C", "gowin", "synth_gowin -family gw2a", {"LUT": 20736, "FF": 15552, "DSP": 96, "block RAM": 46}, _BSRAM,
           database="GW2A-18"),
    Device("GW1NR-9C", "gowin", "synth_gowin -family gw1n", {"LUT": 8640, "FF": 6480, "DSP": 40, "block RAM": 26}, _BSRAM,
           database="GW1N-9C"),
)}
