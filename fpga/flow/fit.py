"""Does a design fit on an FPGA? If not, which units are too large."""

from weft.fpga.boards.board import Board
from weft.fpga.flow.tools import ToolFailure
from weft.fpga.flow.utilisation import Unit, excess
from weft.gen.config import Config
from weft.gen.errors import WeftError

SHOWN = 6  # units that a message names


def check_memory(config: Config, board: Board) -> None:
    """Before anything is built: memories alone must not be more than all of the FPGA's. Raises `WeftError`."""
    parts = {"scratchpad": config.scratchpad.kib, "accumulators": config.accumulator.kib, "main memory": board.memory_kib}
    limit = board.device.memory_bits / 8192
    if sum(parts.values()) > limit:
        raise WeftError(f"{config.name} does not fit on {board.name}", where=board.title,
                        why=f"it needs {sum(parts.values())} KiB of block RAM (" + ", ".join(f"{name} {kib}" for name, kib in parts.items())
                        + f"); {board.device.name} has {limit:g}",
                        fix="make the memories smaller" + _instead(config, board))


def check_fits(units: list[Unit], config: Config, board: Board) -> None:
    """After synthesis: no more blocks of any kind than there are. Raises `WeftError`."""
    over = excess(units[0], board.device)
    if over:
        raise _refusal(", ".join(f"{needed:,} {name} where there are {limit:,}" for name, (needed, limit) in over.items()),
                       "LUT" if "logic cell" in over else next(iter(over)), units, config, board)


def too_large(failure: ToolFailure, units: list[Unit], config: Config, board: Board) -> WeftError | None:
    """The error that a failure of nextpnr means if the reason is that cells find no place; else None."""
    reasons = [line for line in failure.lines if line.startswith("ERROR") and any(
        sign in line for sign in ("nable to place", "nable to find", "no Bels", "no BELs", "ailed to expand", "ailed to place"))]
    return _refusal(reasons[0].removeprefix("ERROR: "), "LUT", units, config, board) if reasons else None


def _refusal(why: str, resource: str, units: list[Unit], config: Config, board: Board) -> WeftError:
    shown = [unit for unit in units if 0 < unit.depth <= 3]
    leaves = [unit for unit in shown if not any(other.path.startswith(f"{unit.path}.") for other in shown)]
    largest = sorted((unit for unit in leaves if unit.resources.get(resource)), key=lambda unit: -unit.resources[resource])[:SHOWN]
    return WeftError(f"{config.name} does not fit on {board.name}", where=f"{board.title} ({board.device.name})",
                     why=f"{why}; {resource} by unit: " + ", ".join(f"{unit.path} {unit.resources[resource]:,}" for unit in largest),
                     fix="make those smaller" + _instead(config, board))


def _instead(config: Config, board: Board) -> str:
    return f", or start from configs/{board.config}.toml" if board.config and board.config != config.name else ""
