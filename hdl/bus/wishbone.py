"""Wishbone B4 at the edge of the design: names, widths and constants that the two bridges share.

Addresses count bytes; their bits below a word are zero. Data buses may be wider than the 64 bits that the B4 text ends at.
"""

from amaranth.lib.wiring import In, Member, Out

from weft.gen import csr
from weft.gen.config import Config

REGISTER_BITS = 32
SUBORDINATE, MANAGER = "wbs_", "wbm_"
# CTI_O and BTE_O, chapter 4 of the specification ("registered feedback").
CTI_INCREMENTING, CTI_END, BTE_LINEAR = 0b010, 0b111, 0b00


def subordinate_members() -> dict[str, Member]:
    """Ports of the registers: ``wbs_cyc_i`` and so on, classic or pipelined."""
    ports = {"cyc_i": In(1), "stb_i": In(1), "we_i": In(1), "adr_i": In(csr.ADDRESS_BITS), "sel_i": In(REGISTER_BITS // 8),
             "dat_i": In(REGISTER_BITS), "dat_o": Out(REGISTER_BITS), "ack_o": Out(1), "err_o": Out(1), "stall_o": Out(1)}
    return {SUBORDINATE + name: member for name, member in ports.items()}


def manager_members(config: Config) -> dict[str, Member]:
    """Ports of a manager of memory: ``wbm_cyc_o`` and so on, classic with registered-feedback bursts."""
    data = config.axi.data_bits
    ports = {"cyc_o": Out(1), "stb_o": Out(1), "we_o": Out(1), "adr_o": Out(config.axi.address_bits), "sel_o": Out(data // 8),
             "dat_o": Out(data), "cti_o": Out(3), "bte_o": Out(2), "dat_i": In(data), "ack_i": In(1), "err_i": In(1)}
    return {MANAGER + name: member for name, member in ports.items()}
