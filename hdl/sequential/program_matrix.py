"""MATMUL in microcode: loops over folds and positions around the systolic array."""

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import Cause
from weft.hdl.sequential.assembler import Assembler
from weft.hdl.sequential.operations import Condition, Op
from weft.hdl.sequential.program_control import fail_unit
from weft.hdl.sequential.registers import LocalMap

ADDRESS_MASK = (1 << isa.ADDRESS_BITS) - 1


def matmul(p: Assembler, config: Config) -> None:
    """Everything behind the fields of MATMUL: for each fold a weight tile, and every position against it.

    Each loop level remembers the address at which its present iteration began; addresses are cut to isa.ADDRESS_BITS where they are used.
    """
    p.label("run MATMUL")
    p.move("matmul_activation", "outer_address")
    p.move("matmul_weight_line", "tile")
    p.move("outer_count", "outer_left")
    p.label("outer fold")
    p.move("outer_address", "inner_address")
    p.move("inner_count", "inner_left")
    p.label("fold")
    _weights(p, config)
    p.move("matmul_accumulator", "sum_line")
    p.shift_left(4)
    p.add(LocalMap(config).accumulators)
    p.store("sum_word")
    p.move("inner_address", "y_address")
    p.move("y_count", "y_left")
    p.label("matrix row")
    p.move("y_address", "x_address")
    p.move("x_count", "x_left")
    p.label("position")
    _position(p, config)
    p.increase("x_address", "x_stride")
    p.decrease("x_left")
    p.jump_unless(Condition.ZERO, "position")
    p.increase("y_address", "y_stride")
    p.decrease("y_left")
    p.jump_unless(Condition.ZERO, "matrix row")
    p.move(1, "matmul_accumulate")
    p.increase("inner_address", "inner_stride")
    p.decrease("inner_left")
    p.jump_unless(Condition.ZERO, "fold")
    p.increase("outer_address", "outer_stride")
    p.decrease("outer_left")
    p.jump_unless(Condition.ZERO, "outer fold")
    p.jump("retire")
    fail_unit(p, "matrix weights", Cause.SCRATCHPAD, "tile", scale=2)
    fail_unit(p, "matrix activation", Cause.SCRATCHPAD, "address")
    fail_unit(p, "matrix accumulator", Cause.ACCUMULATOR, "sum_line")


def _weights(p: Assembler, config: Config) -> None:
    """The lines of `tile` into the shadow rows; the next FEED swaps them in. `tile` goes on."""
    rows = config.array.rows
    p.load("tile")
    p.subtract(config.scratchpad_lines - rows + 1)
    p.jump_if(Condition.CARRY, "matrix weights")
    p.load("tile")
    p.shift_left(2)
    p.store("local")
    for row in range(rows):
        p.op(Op.READ, "local")
        p.increase("local", 4)
        p.op(Op.LOAD_WORD)
        p.op(Op.WEIGHTS, argument=1 << row)
    p.increase("tile", rows)


def _position(p: Assembler, config: Config) -> None:
    """One activation vector through the array, its sums to the accumulators. `sum_line` and `sum_word` go on."""
    p.load("x_address")
    p.and_(ADDRESS_MASK)
    p.store("address")
    p.subtract(config.scratchpad_bytes - config.lanes + 1)
    p.jump_if(Condition.CARRY, "matrix activation")
    p.load("sum_line")
    p.subtract(config.accumulator_lines)
    p.jump_if(Condition.CARRY, "matrix accumulator")
    p.call("gather")
    p.op(Op.FEED)
    p.increase("sum_line", 1)  # meanwhile the vector passes the array
    p.load("matmul_accumulate")
    p.jump_if(Condition.ZERO, "first fold")
    for column in range(config.array.columns):
        p.op(Op.READ, "sum_word")
        p.op(Op.LOAD_WORD)
        p.op(Op.ADD_SUM, argument=column)
        p.op(Op.WRITE_WORD, "sum_word")
        p.increase("sum_word", 4)
    p.jump("position end")
    p.label("first fold")
    for column in range(config.array.columns):
        p.immediate(0)
        p.op(Op.ADD_SUM, argument=column)
        p.op(Op.WRITE_WORD, "sum_word")
        p.increase("sum_word", 4)
    p.label("position end")


def gather(p: Assembler) -> None:
    """A = the four bytes from byte `address` upwards."""
    p.label("gather")
    p.load("address")
    p.and_(3)
    p.shift_left(3)
    p.store("bits")
    p.op(Op.READ, "address")
    p.op(Op.LOAD_WORD)
    p.op(Op.STORE_Q)
    p.load("address")
    p.add(4)
    p.store("gather_next")
    p.op(Op.READ, "gather_next")
    p.op(Op.LOAD_WORD)
    p.op(Op.RIGHT, "bits")
    p.op(Op.LOAD_Q)
    p.return_()
