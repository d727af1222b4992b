"""`weft verilog`: configuration to synthesizable Verilog and everything that goes with it."""

from pathlib import Path
from typing import Annotated

import typer

from weft.gen.cli import arguments
from weft.gen.cli.console import emit

Out = Annotated[Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Where to write.", show_default="build/CONFIG/verilog")]
Bus = Annotated[str, typer.Option(help="Bus at the accelerator's ports: axi or wishbone.")]


def verilog(config: arguments.Config, out: Out = None, bus: Bus = "axi", as_json: arguments.Json = False) -> None:
    """Write Verilog and everything that goes with it."""
    from weft.gen.config import Config  # noqa: PLC0415

    loaded = Config.load(config)
    folder = out or Path("build") / loaded.name / "verilog"
    from weft.sim.output import check_writable  # noqa: PLC0415

    check_writable(folder)
    from weft.gen.export import export  # noqa: PLC0415 - the hardware language takes a second to import

    export(loaded, folder, bus=bus)
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    if as_json:
        emit({"config": loaded.name, "hash": f"{loaded.hash:#010x}", "folder": str(folder), "files": files})
        return
    pages = [file for file in files if file.startswith("registers/")]
    for file in [file for file in files if file not in pages]:
        print(f"  {file}")
    print(f"  registers/index.html and {len(pages) - 1} files beside it")
    print(f"Verilog of {loaded.name} in {folder}")
