"""Opens the serial port of a board."""

from typing import Any

from weft.fpga.link.client import Link
from weft.fpga.link.errors import LinkError
from weft.gen.errors import ToolError, install

BAUD = 115_200  # of an image after power-up, unless its options say something else
RATES = (3_000_000, 2_000_000, 1_500_000, 1_000_000, 921_600, 460_800, 230_400)  # tried in this order; adapters differ


def connect(port: str, baud: int = BAUD) -> Link:
    """Contact with the image at `port` (a device, or a URL that pyserial knows) at the fastest rate that works.

    Raises `LinkError` if the port is missing or in use, `NoAnswer` if nothing answers there, `ToolError` without pyserial.
    """
    try:
        import serial  # noqa: PLC0415 - needed with a board alone
    except ImportError:
        raise ToolError("the package pyserial is missing", where="Python environment", why="a board is reached through a serial port",
                        fix=install("fpga")) from None
    try:
        line: Any = serial.serial_for_url(port, baudrate=baud, timeout=1)
    except (serial.SerialException, ValueError) as error:
        raise LinkError(f"cannot open the serial port {port}", where="--device", why=str(error), fix=_suggestion()) from None
    try:
        link = Link(line)
        link.speed_up(RATES)
    except BaseException:
        line.close()
        raise
    return link


def _suggestion() -> str:
    """The ports that there are."""
    from serial.tools import list_ports  # noqa: PLC0415

    ports = [f"{port.device} ({port.description})" for port in list_ports.comports()]
    kinds = "golden, rtl, netlist:BOARD"
    return f"{kinds}, or one of: {', '.join(ports)}" if ports else f"{kinds}: no serial port was found on this computer"
