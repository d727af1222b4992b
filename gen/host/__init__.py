"""Networks of which the host computes some operators: the file is cut into parts for the accelerator and single operators in numpy."""

from weft.gen.host.load import load_network, load_split
from weft.gen.host.stages import AcceleratorStage, HostStage, SplitNetwork

__all__ = ["AcceleratorStage", "HostStage", "SplitNetwork", "load_network", "load_split"]
