"""What PeakRDL makes of the SystemRDL text: IP-XACT for other tools, an HTML reference for people.

PeakRDL is run as a program, never imported: its exporters are under other licences than weft (docs/decisions/0008-peakrdl-is-a-program.md).
"""

import hashlib
import re
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from weft.gen import csr
from weft.gen.errors import ToolError, WeftError
from weft.gen.export.render import TOP

IPXACT = "weft.ipxact.xml"
HTML = "registers"
# 7 MB of the same fonts for browsers older than 2016; the style sheet names WOFF2 before these.
_OLD_FONTS = (".eot", ".svg", ".ttf", ".woff")
# Links to the source would name the temporary folder.
_SETTINGS = "[html]\ngenerate_source_links = false\n"
_STAMP = re.compile(rb"(?<=BUILD_TS = )\d+|(?<=\?ts=)\d+")


def descriptions(rdl: str) -> dict[str, bytes]:
    """Path inside the export folder -> content, in the order of the paths; the same bytes for the same text and tools.

    `IPXACT` is IEEE 1685-2014; the folder `HTML` has its entry in index.html and the licences of what PeakRDL puts there.

    Raises `ToolError` if PeakRDL is missing or fails, `WeftError` if there is no room for temporary files: it writes to files only.
    """
    try:
        with tempfile.TemporaryDirectory() as place:
            source, settings, made = Path(place) / f"{TOP}.rdl", Path(place) / "peakrdl.toml", Path(place) / "made"
            source.write_text(rdl, encoding="utf-8")
            settings.write_text(_SETTINGS, encoding="utf-8")
            made.mkdir()
            common = [str(source), "--peakrdl-cfg", str(settings), "-o"]
            _peakrdl("ip-xact", *common, str(made / IPXACT), "--vendor", "weft", "--library", "weft", "--name", TOP, "--version",
                     ".".join(map(str, csr.VERSION)))
            _peakrdl("html", *common, str(made / HTML))
            files = {path.relative_to(made).as_posix(): path.read_bytes() for path in made.rglob("*")
                     if path.is_file() and path.suffix not in _OLD_FONTS}
    except OSError as error:
        raise WeftError("cannot write temporary files", where=tempfile.gettempdir(), why=str(error),
                        fix="make room, or set TMPDIR to another folder") from error
    # The time stamp only keeps browsers from showing old data.
    stamp = str(int(hashlib.sha256(rdl.encode()).hexdigest()[:8], 16)).encode()
    files[f"{HTML}/index.html"] = _STAMP.sub(stamp, files[f"{HTML}/index.html"])
    return dict(sorted({**files, **_licences()}.items()))


def _peakrdl(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "peakrdl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise ToolError(f"`peakrdl {arguments[0]}` failed", where="description of the registers", why=lines[-1],
                        fix="pip install peakrdl-cli peakrdl-html peakrdl-ipxact; if they are there this is a bug in weft")


def _licences() -> dict[str, bytes]:
    """Those of the scripts, styles and fonts that PeakRDL copies."""
    return {f"{HTML}/{file.name}": file.read_binary() for file in metadata.files("peakrdl-html") or () if file.name.startswith("LICENSE")}
