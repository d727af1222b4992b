"""A small assembler for the microprogram: a method for each operation, labels, registers and constants by name."""

from weft.hdl.sequential import registers
from weft.hdl.sequential.operations import ADDRESS_BITS, IMMEDIATE_BITS, INVERT, REGISTER_BITS, Condition, Event, Op

# How a method names a register: an integer is a constant that the cold start puts into a register of its own; a text is a name, with
# "+n" for the n-th after it and "|" at its end for "or I": "semaphore+4|".
Operand = int | str

_MASK = (1 << 32) - 1


class Assembler:
    """Collects the words of a microprogram.

    `array` gives a name to several registers; other names are allocated as they come. Names of host registers are those of csr.REGISTERS.
    """

    def __init__(self) -> None:
        self._words: list[tuple[int, str | None]] = []  # word, label whose address it still needs
        self._labels: dict[str, int] = {}
        self._registers = {register.name: registers.host_word(register.name) for register in registers.csr.REGISTERS
                           if register.offset // 4 < registers.HOST_WORDS}
        self._constants: dict[int, int] = {}
        self._free = registers.HOST_WORDS
        self._unique = 0

    # -- places ------------------------------------------------------------------------------------------------------
    def array(self, name: str, size: int) -> None:
        """Registers `name` .. `name+size-1`, so aligned that "or I" is an addition for I below the power of two `size`."""
        self._free = -(-self._free // size) * size
        self._registers[name] = self._take(size)

    def fresh(self) -> str:
        """A label that nobody else uses."""
        self._unique += 1
        return f".{self._unique}"

    def label(self, name: str) -> None:
        """The next word is called `name`."""
        if name in self._labels:
            raise ValueError(f"label {name} is defined twice")
        self._labels[name] = len(self._words)

    def _take(self, size: int) -> int:
        first = self._free
        self._free += size
        if self._free > 1 << REGISTER_BITS:
            raise ValueError("the microprogram needs more registers than there are")
        return first

    def _address(self, operand: Operand) -> int:
        """Operand field: register, and above it the bit for "or I"."""
        if isinstance(operand, int):
            value = operand & _MASK
            if value not in self._constants:
                self._constants[value] = self._take(1)
            return self._constants[value]
        name, _, offset = operand.removesuffix("|").partition("+")
        if name not in self._registers:
            self._registers[name] = self._take(1)
        return (self._registers[name] + int(offset or 0)) | operand.endswith("|") << REGISTER_BITS

    # -- words -------------------------------------------------------------------------------------------------------
    def _emit(self, op: Op, body: int = 0, label: str | None = None) -> None:
        self._words.append((op | body << 6, label))

    def op(self, op: Op, operand: Operand | None = None, argument: int = 0) -> None:
        """Any operation with a register or none."""
        register = 0 if operand is None else self._address(operand)
        self._emit(op, register | argument << (REGISTER_BITS + 1))

    def immediate(self, value: int) -> None:
        """A = value, 18 bits signed."""
        if not -(1 << (IMMEDIATE_BITS - 1)) <= value < 1 << (IMMEDIATE_BITS - 1):
            raise ValueError(f"{value} is no immediate")
        self._emit(Op.IMMEDIATE, value & ((1 << IMMEDIATE_BITS) - 1))

    def load(self, operand: Operand) -> None:
        self.op(Op.LOAD, operand)

    def add(self, operand: Operand) -> None:
        self.op(Op.ADD, operand)

    def subtract(self, operand: Operand) -> None:
        self.op(Op.SUBTRACT, operand)

    def and_(self, operand: Operand) -> None:
        self.op(Op.AND, operand)

    def store(self, operand: str) -> None:
        self.op(Op.STORE, operand)

    def event(self, events: Event) -> None:
        self.op(Op.EVENT, argument=events)

    def move(self, source: Operand, destination: str) -> None:
        """destination = source, through A."""
        if isinstance(source, int) and -(1 << (IMMEDIATE_BITS - 1)) <= source < 1 << (IMMEDIATE_BITS - 1):
            self.immediate(source)
        else:
            self.load(source)
        self.store(destination)

    def increase(self, register: str, by: Operand) -> None:
        """register += by; A has the sum."""
        self.load(register)
        self.add(by)
        self.store(register)

    def decrease(self, register: str) -> None:
        """register -= 1; A has the difference."""
        self.load(register)
        self.subtract(1)
        self.store(register)

    def shift_left(self, bits: int) -> None:
        """A <<= bits; Q is overwritten."""
        if bits:
            self.op(Op.STORE_Q)
            self.op(Op.LEFT, bits)
            self.op(Op.LOAD_Q)

    def shift_right(self, bits: int) -> None:
        """A >>= bits, unsigned; Q is overwritten."""
        self.op(Op.STORE_Q)
        self.immediate(0)
        self.op(Op.RIGHT, bits)
        self.op(Op.LOAD_Q)

    # -- branches ----------------------------------------------------------------------------------------------------
    def _branch(self, op: Op, label: str, condition: int = 0) -> None:
        self._emit(op, condition << ADDRESS_BITS, label)

    def jump(self, label: str) -> None:
        self._branch(Op.JUMP, label)

    def jump_if(self, condition: Condition, label: str) -> None:
        self._branch(Op.JUMP, label, condition)

    def jump_unless(self, condition: Condition, label: str) -> None:
        self._branch(Op.JUMP, label, condition | INVERT)

    def call(self, label: str) -> None:
        self._branch(Op.CALL, label)

    def return_(self) -> None:
        self._emit(Op.RETURN)

    def switch(self, labels: list[str]) -> None:
        """Go to the label with the number in A, which must be one of them."""
        table = -(-(len(self._words) + 1) // 16) * 16
        self._emit(Op.SWITCH, table)
        while len(self._words) < table:
            self._emit(Op.RETURN)  # never reached
        for label in labels:
            self.jump(label)

    # -- result ------------------------------------------------------------------------------------------------------
    def set_constants(self) -> None:
        """Put each constant into its register. Must be the last that names one."""
        half = 16
        self._address(half)
        for value, register in sorted(self._constants.items()):  # so `half` has its value before a long one needs it
            signed = value - (1 << 32) if value >> 31 else value
            if -(1 << (IMMEDIATE_BITS - 1)) <= signed < 1 << (IMMEDIATE_BITS - 1):
                self.immediate(signed)
            else:
                self.immediate(value >> half)
                self.shift_left(half)
                self.store("long constant")
                self.immediate(value & ((1 << half) - 1))
                self.op(Op.OR, "long constant")
            self._emit(Op.STORE, register)

    def words(self) -> list[int]:
        """The finished microprogram."""
        words = [word | (self._labels[label] << 6 if label is not None else 0) for word, label in self._words]
        if len(words) > 1 << ADDRESS_BITS:
            raise ValueError(f"{len(words)} words do not fit {ADDRESS_BITS} address bits")
        return words

    @property
    def registers_used(self) -> int:
        """Registers that have a meaning."""
        return self._free
