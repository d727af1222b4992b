"""Where things are: the first words of the register file, and the parts of the local memory."""

import dataclasses

from weft.gen import csr
from weft.gen.config import Config
from weft.hdl.vector.table import Table

HOST_WORDS = 32  # words of the register file that the host sees, at their offsets in csr.REGISTERS


def host_word(name: str) -> int:
    """Register-file address of a host register below `HOST_WORDS`."""
    return csr.BY_NAME[name].offset // 4


@dataclasses.dataclass(frozen=True)
class LocalMap:
    """Byte addresses, as READ and the WRITEs take them.

    The accumulators have a memory of their own; in the local memory the scratchpad comes first, then the parameter sets, then the table.
    An accumulator line, and each kind of parameter in a set, is four words, lane 0 first; a table entry is a word.
    """

    config: Config

    WORD = 4  # bytes
    LINE = 16  # bytes of an accumulator line or of one kind of parameter in a set
    ACCUMULATOR_BIT = 24  # bit of a byte address that means the accumulators
    accumulators = 1 << ACCUMULATOR_BIT

    @property
    def pre(self) -> int:
        return self.config.scratchpad_bytes

    @property
    def multiplier(self) -> int:
        return self.pre + self.LINE * self.config.vector.parameter_sets

    @property
    def shift(self) -> int:
        return self.multiplier + self.LINE * self.config.vector.parameter_sets

    @property
    def table(self) -> int:
        return self.shift + self.LINE * self.config.vector.parameter_sets

    @property
    def words(self) -> int:
        """Size of the local memory, in words."""
        return self.table // self.WORD + Table.ENTRIES
