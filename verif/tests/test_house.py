"""The house rules of the layout: every folder is packaged, and imports point one way."""

import ast
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("hdl", "gen", "verif", "sim", "fpga")
PURE = {"weft.gen.errors", "weft.gen.config", "weft.gen.option", "weft.gen.sections", "weft.gen.isa", "weft.gen.csr", "weft.gen.graph",
        "weft.gen.link", *(f"weft.gen.isa.{name}" for name in ("coding", "instructions", "kinds", "layout")),
        *(f"weft.gen.formats.{name}" for name in ("alignment", "element", "pair", "operand", "window", "tiling", "results", "selection"))}
PARENTS = {"weft.gen", "weft.gen.formats"}  # packages that hold nothing themselves


def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Absolute module names that a file imports anywhere, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def weft_imports(path: Path) -> set[str]:
    """Modules of weft that a file imports; imported names inside a module count as that module."""
    found = {name for name in imports(path) if name.startswith("weft.")}
    return {name for name in found if (ROOT / name.removeprefix("weft.").replace(".", "/")).with_suffix(".py").exists()
            or (ROOT / name.removeprefix("weft.").replace(".", "/") / "__init__.py").exists()}


def test_every_package_is_listed() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    present = {"weft." + ".".join(path.parent.relative_to(ROOT).parts)
               for folder in PACKAGES for path in (ROOT / folder).rglob("__init__.py")}
    assert listed == present


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {path.parent for path in modules(*PACKAGES)}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("name", sorted(PURE))
def test_descriptions_are_pure(name: str) -> None:
    folder = ROOT / name.removeprefix("weft.").replace(".", "/")
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    assert weft_imports(path) <= PURE | PARENTS


def test_hardware_imports_descriptions_and_amaranth_only() -> None:
    for path in modules("hdl"):
        for name in weft_imports(path):
            assert name.startswith("weft.hdl") or name in PURE | PARENTS, f"{path.relative_to(ROOT)} imports {name}"
        for name in imports(path):
            assert "numpy" not in name, f"{path.relative_to(ROOT)} imports {name}"


def test_golden_model_imports_descriptions_and_numpy_only() -> None:
    for path in modules("verif/golden"):
        for name in weft_imports(path):
            assert name.startswith("weft.verif.golden") or name in PURE | PARENTS, f"{path.relative_to(ROOT)} imports {name}"
        for name in imports(path):
            assert name.split(".")[0] in {"weft", "numpy", *sys.stdlib_module_names}, f"{path.relative_to(ROOT)} imports {name}"


def test_only_tests_and_checking_import_verif() -> None:
    checking = {ROOT / "sim" / f"{name}.py" for name in ("check", "execute", "format_error", "format_sums", "gemm", "gemm_layer", "runner")}
    for path in set(modules("hdl", "gen", "sim", "fpga")) - checking:
        bad = {name for name in weft_imports(path) if name.startswith("weft.verif")}
        assert not bad, f"{path.relative_to(ROOT)} imports {bad}"


def test_only_the_command_line_imports_the_simulation() -> None:
    for path in modules("gen"):
        if path.parent != ROOT / "gen" / "cli":
            bad = {name for name in weft_imports(path) if name.startswith(("weft.sim", "weft.fpga"))}
            assert not bad, f"{path.relative_to(ROOT)} imports {bad}"


def test_only_one_file_uses_memories() -> None:
    users = [str(path.relative_to(ROOT)) for path in modules("hdl")
             if any(name.startswith("amaranth.lib.memory") for name in imports(path))]
    assert users == ["hdl/mem/sram.py"]


def test_no_instance_outside_platform_code() -> None:
    for path in modules("hdl"):
        assert "amaranth.hdl.Instance" not in imports(path), f"{path.relative_to(ROOT)} uses Instance"
