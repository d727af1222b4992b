"""`weft check`: is a configuration legal, and what does it mean?"""

from weft.gen.cli import arguments
from weft.gen.cli.console import emit


def check(config: arguments.Config, as_json: arguments.Json = False) -> None:
    """Check a configuration."""
    from weft.gen.config import Config  # noqa: PLC0415

    loaded = Config.load(config)
    facts = {
        "name": loaded.name, "hash": f"{loaded.hash:#010x}", "macs_per_cycle": loaded.macs_per_cycle,
        "scratchpad_lines": loaded.scratchpad_lines, "line_bytes": loaded.line_bytes, "accumulator_lines": loaded.accumulator_lines,
        "partial_sum_bits": loaded.partial_sum_bits}
    if as_json:
        emit({"ok": True, **facts, "options": loaded.canonical()})
        return
    print(f"{config}: a legal configuration")
    for name, value in facts.items():
        print(f"  {name.replace('_', ' '):<18} {value}")
