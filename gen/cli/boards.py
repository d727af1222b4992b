"""`weft boards`: what a bitstream can be built for."""

from weft.gen.cli import arguments
from weft.gen.cli.console import emit, tables


def boards(as_json: arguments.Json = False) -> None:
    """List the boards."""
    from weft.fpga.boards.known import BOARDS  # noqa: PLC0415

    facts = [{"name": board.name, "title": board.title, "device": board.device.name, "mhz": board.mhz, "memory_kib": board.memory_kib,
              "config": board.config, "blocks": board.device.blocks, "note": board.note} for board in BOARDS]
    if as_json:
        emit({"boards": facts})
        return
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("board", "", "FPGA", "clock", "main memory", "configuration"):
        table.add_column(name, no_wrap=True)
    for board in BOARDS:
        table.add_row(board.name, board.title, board.device.name, f"{board.mhz:g} MHz", f"{board.memory_kib} KiB",
                      f"configs/{board.config}.toml" if board.config else "your own")
    console = tables()
    console.print(table)
    for board in BOARDS:
        console.print(f"{board.name}: {board.note}", highlight=False, soft_wrap=True)
