"""Generate a LiteX SoC with weft inside and lint all of it.

    python examples/litex/run.py [FOLDER]      (default: build/examples/litex)

Needs `pip install -e '.[test]'`: LiteX, Migen and VexRiscv.
"""

import os
import subprocess
import sys
from pathlib import Path

from weft.gen.config import Config
from weft.gen.errors import ToolError
from weft.gen.export import export
from weft.sim import build

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

try:
    import soc
except ImportError as error:
    print(ToolError(f"package {error.name} is missing", where="examples/litex", why="the SoC is LiteX's", fix="pip install -e '.[test]'"),
          file=sys.stderr)
    sys.exit(ToolError.exit_code)

# LiteX's and VexRiscv's own text has many warnings; what would be an error of the connections is one (waivers: litex.vlt).
CONNECTIONS = ("PINMISSING", "PINNOTFOUND", "WIDTHTRUNC", "WIDTHEXPAND")
LINT = ("--lint-only", "-Wno-lint", "-Wno-style", "-Wno-COMBDLY", "-Wno-UNOPTFLAT", *(f"-Wwarn-{rule}" for rule in CONNECTIONS))


def lint(waivers: Path, verilog: list[str]) -> None:
    """Verilator over the whole SoC; raises CalledProcessError if it has something to say."""
    translator = build.verilator()
    subprocess.run([str(translator), *LINT, "--top-module", soc.NAME, str(HERE / "litex.vlt"), str(waivers), *verilog], check=True,
                   env={**os.environ, "VERILATOR_ROOT": str(translator.parents[1])})


def main(folder: Path) -> None:
    """Everything in `folder`; raises CalledProcessError if Verilator has something to say."""
    folder.mkdir(parents=True, exist_ok=True)
    export(Config.load(ROOT / "configs" / "tiny4.toml"), folder / "weft")
    lint(folder / "weft" / "waivers.vlt", soc.write(folder, folder / "weft", []))
    print(f"SoC with weft at {soc.REGISTERS:#x}: {folder / soc.NAME}.v")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "examples" / "litex").resolve())
