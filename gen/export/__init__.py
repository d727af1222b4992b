"""What leaves the generator: Verilog, register descriptions, headers and their manifest."""

from weft.gen.export.folder import contents, export
from weft.gen.export.render import TOP

__all__ = ["TOP", "contents", "export"]
