"""MATMUL in microcode: loops over folds around the matrix stream."""

from weft.gen.config import Config
from weft.gen.isa import Cause
from weft.hdl.sequential.assembler import Assembler
from weft.hdl.sequential.matrix_stream import Parameter
from weft.hdl.sequential.operations import Condition, Op
from weft.hdl.sequential.program_control import fail_unit


def matmul(p: Assembler, config: Config) -> None:
    """Everything behind the fields of MATMUL: for each fold the weight tile, then the stream of all positions.

    Each fold level remembers the address at which its present iteration began; the stream takes addresses modulo 2**isa.ADDRESS_BITS.
    """
    p.label("run MATMUL")
    for register, parameter in (("x_count", Parameter.X_COUNT), ("x_stride", Parameter.X_STRIDE), ("y_count", Parameter.Y_COUNT),
                                ("y_stride", Parameter.Y_STRIDE), ("matmul_accumulate", Parameter.ADD)):
        p.load(register)
        p.op(Op.STREAM, argument=parameter)
    p.load(config.accumulator_lines)
    p.subtract("matmul_accumulator")
    p.jump_unless(Condition.NEGATIVE, "some room")
    p.immediate(0)
    p.label("some room")
    p.store("room")
    p.move("matmul_activation", "outer_address")
    p.move("matmul_weight_line", "tile")
    p.move("outer_count", "outer_left")
    p.label("outer fold")
    p.move("outer_address", "inner_address")
    p.move("inner_count", "inner_left")
    p.label("fold")
    _weights(p, config)
    for register, parameter in (("matmul_accumulator", Parameter.LINE), ("room", Parameter.ROOM), ("inner_address", Parameter.ADDRESS)):
        p.load(register)
        p.op(Op.STREAM, argument=parameter)
    p.label("streaming")
    p.jump_if(Condition.STREAMING, "streaming")
    p.jump_if(Condition.BAD_ACTIVATION, "matrix activation")
    p.jump_if(Condition.BAD_ACCUMULATOR, "matrix accumulator")
    p.immediate(1)
    p.op(Op.STREAM, argument=Parameter.ADD)
    p.increase("inner_address", "inner_stride")
    p.decrease("inner_left")
    p.jump_unless(Condition.ZERO, "fold")
    p.increase("outer_address", "outer_stride")
    p.decrease("outer_left")
    p.jump_unless(Condition.ZERO, "outer fold")
    p.jump("retire")

    fail_unit(p, "matrix weights", Cause.SCRATCHPAD, "tile", scale=2)
    p.label("matrix activation")
    p.op(Op.LOAD_POSITION)
    p.store("address")
    fail_unit(p, "matrix address", Cause.SCRATCHPAD, "address")
    p.label("matrix accumulator")  # the line behind the last
    p.load("matmul_accumulator")
    p.add("room")
    p.store("address")
    fail_unit(p, "matrix line", Cause.ACCUMULATOR, "address")


def _weights(p: Assembler, config: Config) -> None:
    """The lines of `tile` into the shadow rows; the stream swaps them in. `tile` goes on."""
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
