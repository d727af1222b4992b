"""What PeakRDL makes of the SystemRDL text: IP-XACT for other tools, an HTML reference for people."""

import hashlib
import tempfile
from importlib import metadata
from pathlib import Path

from peakrdl_html import HTMLExporter
from peakrdl_ipxact import IPXACTExporter
from systemrdl.compiler import RDLCompiler

from weft.gen import csr
from weft.gen.errors import WeftError
from weft.gen.export.render import TOP

IPXACT = "weft.ipxact.xml"
HTML = "registers"
# 7 MB of the same fonts for browsers older than 2016; the style sheet names WOFF2 before these.
_OLD_FONTS = (".eot", ".svg", ".ttf", ".woff")


def descriptions(rdl: str) -> dict[str, bytes]:
    """Path inside the export folder -> content, in the order of the paths; the same bytes for the same text and tools.

    `IPXACT` is IEEE 1685-2014; the folder `HTML` has its entry in index.html and the licences of what PeakRDL puts there.

    Raises `WeftError` if there is no room for temporary files: the exporters write to files only.
    """
    try:
        with tempfile.TemporaryDirectory() as place:
            source, made = Path(place) / f"{TOP}.rdl", Path(place) / "made"
            source.write_text(rdl, encoding="utf-8")
            made.mkdir()
            compiler = RDLCompiler()
            compiler.compile_file(str(source))
            root = compiler.elaborate()
            IPXACTExporter(vendor="weft", library="weft", version=".".join(map(str, csr.VERSION))).export(
                root, str(made / IPXACT), component_name=TOP)
            # Links to the source would name the temporary folder. The time stamp only keeps browsers from showing old data.
            stamp = int(hashlib.sha256(rdl.encode()).hexdigest()[:8], 16)
            HTMLExporter(generate_source_links=False, user_context={"build_ts": stamp}).export(root, str(made / HTML))
            files = {path.relative_to(made).as_posix(): path.read_bytes() for path in made.rglob("*")
                     if path.is_file() and path.suffix not in _OLD_FONTS}
            return dict(sorted({**files, **_licences()}.items()))
    except OSError as error:
        raise WeftError("cannot write temporary files", where=tempfile.gettempdir(), why=str(error),
                        fix="make room, or set TMPDIR to another folder") from error


def _licences() -> dict[str, bytes]:
    """Those of the scripts, styles and fonts that PeakRDL copies."""
    return {f"{HTML}/{file.name}": file.read_binary() for file in metadata.files("peakrdl-html") or () if file.name.startswith("LICENSE")}
