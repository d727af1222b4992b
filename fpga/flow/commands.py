"""Amaranth's command lines, as the programs from PyPI want them."""

from collections.abc import Callable

from weft.fpga.boards.device import Device

Adapt = Callable[[list[str], Device, float], list[str]]  # Amaranth's command line, device, clock in MHz -> the one to run


def as_it_is(command: list[str], device: Device, mhz: float) -> list[str]:
    """Amaranth writes for this very program."""
    del device, mhz
    return command


def gowin(command: list[str], device: Device, mhz: float) -> list[str]:
    """Amaranth writes for ``nextpnr-gowin``, which ``nextpnr-himbaechel`` took the place of: the latter takes pins and database as options
    of its own kind, and the clock as an option, because the pins' file has no place for it. The database's name is `device`'s."""
    if "--cst" not in command:  # the packer
        place = command.index("-d") + 1
        return [*command[:place], device.database, *command[place + 1:]]
    words, adapted = iter(command), []
    for word in words:
        if word in ("--cst", "--family"):
            value = next(words)
            adapted += ["--vopt", f"cst={value}" if word == "--cst" else f"family={device.database}"]
        else:
            adapted.append(word.replace(".syn.json", ".json"))
    return [*adapted, "--freq", f"{mhz:g}"]
