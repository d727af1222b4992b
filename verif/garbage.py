"""Python's garbage collector in test runs."""

import gc


def leave_alone() -> None:
    """Never look again at what there is now, and seldom at the rest: modules, tests and models of hardware live to the end, and looking for
    dead objects among them takes a tenth to a sixth of the time of a simulation in Python."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
