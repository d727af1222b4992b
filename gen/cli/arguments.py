"""Arguments and options that several verbs have, each worded once."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="Configuration, a TOML file.")]
ConfigOption = Annotated[Path, typer.Option("--config", "-c", metavar="CONFIG", help="Configuration, a TOML file.")]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help="Network, .tflite or .onnx.")]
Rounding = Annotated[str, typer.Option(help="Whose rounding .tflite files mean: tflm or litert.")]
Host = Annotated[bool, typer.Option("--host", help="Run operators that the accelerator cannot do on the host, in numpy, exactly.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text; errors too.")]
