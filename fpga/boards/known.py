"""The boards that weft knows. A new one is one record here; docs/fpga.md shows how."""

from weft.fpga.boards.board import Board, Pins


def _numbered(name: str, count: int) -> Pins:
    return tuple((name, number) for number in range(count))


BOARDS = (
    Board("ulx3s", "Radiona ULX3S, ECP5-85F", ("ulx3s", "ULX3S_85F_Platform"), mhz=90, memory_kib=128, config="edge8",
          leds=_numbered("led", 8), seed=2, note="UART: the USB connector US1 (FTDI)"),
    Board("orangecrab", "OrangeCrab r0.2, ECP5-85F", ("orangecrab_r0_2", "OrangeCrabR0_2_85FPlatform"), mhz=90, memory_kib=128,
          config="edge8", leds=(("rgb_led", 0),), connector_uart=("io", 0, "0", "1"),
          attributes=(("IO_TYPE", "LVCMOS33"), ("PULLMODE", "UP")),
          note="UART: an adapter of 3.3 V on pins 0 (rx) and 1 (tx), because its USB has no serial bridge"),
    Board("ecp5_evn", "Lattice ECP5-5G evaluation board", ("ecp5_5g_evn", "ECP55GEVNPlatform"), mhz=90, memory_kib=128, config="edge8",
          leds=_numbered("led", 8), note="UART: two resistor jumpers have to be moved first (user manual, section 6.2)"),
    Board("icebreaker", "1BitSquared iCEBreaker, iCE40 UP5K", ("icebreaker", "ICEBreakerPlatform"), mhz=21, memory_kib=64, config="mini4",
          leds=_numbered("led", 2), clock_on_pll_pad=True, note="UART: the second channel of its USB connector (FTDI)"),
    Board("tang_primer_20k", "Sipeed Tang Primer 20K with its dock, GW2A-18", ("tang_primer_20k", "TangPrimer20kDockPlatform"), mhz=40.5,
          memory_kib=32, config="mini4", leds=_numbered("led", 6), note="UART: the second channel of the dock's USB debugger"),
    Board("tang_nano_9k", "Sipeed Tang Nano 9K, GW1NR-9", ("tang_nano_9k", "TangNano9kPlatform"), mhz=27, memory_kib=24, config=None,
          leds=_numbered("led", 6), note="UART: the second channel of its USB debugger"),
    Board("hx8k", "Lattice iCE40-HX8K breakout board", ("ice40_hx8k_b_evn", "ICE40HX8KBEVNPlatform"), mhz=24, memory_kib=4, config=None,
          leds=_numbered("led", 8), note="UART: the second channel of its USB connector (FTDI)"),
)
