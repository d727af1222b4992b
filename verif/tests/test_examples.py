"""The examples for other people's systems run as their READMEs say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from weft.gen.errors import ToolError

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(name: str, *arguments: str) -> str:
    """What ``examples/<name>/run.py`` prints; an exit code other than 0 fails the test with its last words."""
    done = subprocess.run([sys.executable, EXAMPLES / name / "run.py", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout + done.stderr


def documented(output: str, page: str, form: str) -> bool:
    """Whether a page gives the cycles that an example prints."""
    found = re.search(r"(\d+) CYCLES each", output)
    assert found
    return form.format(int(found[1])) in (EXAMPLES.parent / page).read_text()


@pytest.mark.integration
def test_fusesoc_resolves_and_lints_a_core_that_depends_on_weft(tmp_path):
    output = run("fusesoc", str(tmp_path))
    assert "Preparing ::weft:" in output and "Preparing example:weft:accelerated:1.0" in output
    assert "%Warning" not in output and "V e r i l a t i o n" in output


@pytest.mark.integration
def test_fusesoc_lint_notices_a_core_that_does_not_fit(tmp_path):
    """The wrapper of another configuration has wider ports than the example."""
    script = (f"import sys; sys.path.insert(0, {str(EXAMPLES / 'fusesoc')!r}); import run; from pathlib import Path; "
              f"run.CONFIG = 'edge8'; run.main(Path({str(tmp_path)!r}))")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "WIDTH" in done.stdout + done.stderr


@pytest.mark.integration
@pytest.mark.parametrize("config", ["tiny4", "edge8"])
def test_driver_passes_its_self_test_and_runs_digits_like_onnxruntime(config, tmp_path):
    output = run("driver", config, str(tmp_path))
    assert " checks of the driver, 0 failed" in output
    assert "10 with the same scores as onnxruntime" in output
    if config == "tiny4":
        assert documented(output, "examples/driver/README.md", "{}") and documented(output, "docs/integration.md", "{:,}")


@pytest.mark.integration
def test_litex_generates_a_soc_with_weft_inside(tmp_path):
    output = run("litex", str(tmp_path))
    assert "SoC with weft at 0x90000000" in output and "%Warning" not in output
    text = (tmp_path / "weft_soc.v").read_text()
    assert "weft_npu_axi weft_npu_axi(" in text and "VexRiscv VexRiscv(" in text


@pytest.mark.integration
def test_litex_lint_notices_wrong_connections(tmp_path):
    awvalid, araddr, rdata = r"\.s_axil_awvalid\s*\([^)]*\),", r"\.s_axil_araddr\s*\([^)]*\)", r"\.m_axi_rdata\s*\([^)]*\)"
    script = (f"import re, run, subprocess; from pathlib import Path; folder = Path({str(tmp_path)!r}); "
              "run.export(run.Config.load(run.ROOT / 'configs/tiny4.toml'), folder / 'weft'); "
              "verilog = run.soc.write(folder, folder / 'weft', []); soc = folder / 'weft_soc.v'; right = soc.read_text()\n"
              "def lint(*changes):\n"
              "    text = right\n"
              "    for pattern, wrong in changes:\n"
              "        text, count = re.subn(pattern, wrong, text); assert count == 1\n"
              "    soc.write_text(text)\n"
              "    try: run.lint(folder / 'weft/waivers.vlt', verilog); print('passed')\n"
              "    except subprocess.CalledProcessError: print('noticed')\n"
              f"lint(({awvalid!r}, ''), ({araddr!r}, '.s_axil_araddr({{33{{1\\'d0}}}})'), ({rdata!r}, '.m_axi_rdata(1\\'d0)'))\n"
              "lint((r'\\.s_axil_awvalid\\b', '.s_axil_awvalyd'))")  # with a pin that is not there Verilator stops before widths
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=EXAMPLES / "litex")
    assert done.stdout.splitlines()[-2:] == ["noticed"] * 2, done.stdout[-2000:] + done.stderr[-2000:]
    for rule in ("PINMISSING", "PINNOTFOUND", "WIDTHTRUNC", "WIDTHEXPAND"):
        assert f"%Warning-{rule}" in done.stderr, done.stderr[-2000:]


def test_litex_example_says_which_package_is_missing(tmp_path):
    script = f"import runpy, sys; sys.modules['litex'] = None; runpy.run_path({str(EXAMPLES / 'litex' / 'run.py')!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == ToolError.exit_code and "package litex" in done.stderr and "fix  : pip install" in done.stderr
    assert "Traceback" not in done.stderr and not list(tmp_path.iterdir())


@pytest.mark.integration
def test_digits_run_on_a_wishbone_system_like_onnxruntime(tmp_path):
    output = run("wishbone", str(tmp_path))
    assert "%Warning" not in output and "10 with the same scores as onnxruntime" in output
    assert documented(output, "docs/integration.md", "{:,}")
