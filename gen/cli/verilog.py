"""`weft verilog`: configuration to synthesizable Verilog and everything that goes with it."""

from pathlib import Path

import typer

from weft.gen.cli.console import JSON, emit


def verilog(config: Path = typer.Argument(..., metavar="CONFIG", help="Configuration, a TOML file."),
            out: Path = typer.Option(None, "--out", "-o", metavar="FOLDER", help="Where to write. [default: build/<config>/verilog]",
                                     show_default=False),
            as_json: bool = JSON) -> None:
    """Write Verilog and everything that goes with it."""
    from weft.gen.config import Config  # noqa: PLC0415

    loaded = Config.load(config)
    folder = out or Path("build") / loaded.name / "verilog"
    from weft.sim.output import check_writable  # noqa: PLC0415

    check_writable(folder)
    from weft.gen.export import export  # noqa: PLC0415 - the hardware language takes a second to import

    export(loaded, folder)
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    if as_json:
        emit({"config": loaded.name, "hash": f"{loaded.hash:#010x}", "folder": str(folder), "files": files})
        return
    for file in files:
        print(f"  {file}")
    print(f"Verilog of {loaded.name} in {folder}")
