"""The micro-operations of the sequential machine: what a word of its microprogram says.

A micro-operation acts in one cycle; RIGHT, LEFT, MULTIPLY, FIELD and NORMALISE go bit by bit and take one more for each. Its register was
read in the cycle before, while the previous one acted. What that one leaves is always seen: where it stores the very register, the
next one waits a cycle.

State: A, 32 bits, through which everything goes; Q, 32 bits, its extension downwards (A:Q is a 64-bit number); the flags CARRY and
LESS; the index I; 512 registers of 32 bits; the local memory. X is the register that the word names, or, with `indexed`, the one
at its address "or" I.
"""

import enum

from amaranth import signed
from amaranth.lib import data

WORD_BITS = 24
ADDRESS_BITS = 11  # of the microprogram
REGISTER_BITS = 9
INDEX_BITS = 5
IMMEDIATE_BITS = 18


class Op(enum.IntEnum):
    """What happens. `argument` is the free field of the word."""

    IMMEDIATE = 0  # A = the word's immediate, sign-extended
    LOAD = 1  # A = X
    ADD = 2  # A = A + X; CARRY
    SUBTRACT = 3  # A = A - X; CARRY = no borrow (A >= X unsigned), LESS = A < X signed
    ADD_CARRY = 4  # A = A + X + CARRY; CARRY
    AND = 5
    OR = 6
    XOR = 7
    STORE = 8  # X = A
    LOAD_Q = 9  # A = Q
    STORE_Q = 10  # Q = A; FIELD begins at its bit 0
    RIGHT = 11  # A:Q arithmetically right by X modulo 64; CARRY = last bit that left, 0 if none did
    LEFT = 12  # A:Q left by X modulo 64
    MULTIPLY = 13  # A:Q = Q * X, signed
    FIELD = 14  # A = the next 32 - argument bits of Q, sign-extended with argument bit 5; where Q ends, X follows
    NORMALISE = 15  # A:Q left until its two highest bits differ, at most 63 times
    LOAD_STEPS = 16  # A = 63 - how often NORMALISE, the last serial operation, shifted
    INDEX = 17  # I = low bits of A
    READ = 18  # the local memory reads the word around byte X
    LOAD_WORD = 19  # A = that word
    LOAD_BYTE = 20  # A = that byte, sign-extended with argument bit 0
    WRITE_WORD = 21  # local memory at byte X, a multiple of 4: A
    WRITE_BYTE = 22  # local memory at byte X: low byte of A
    JUMP = 23  # to `target` if the word's condition holds
    CALL = 24  # to `target`; two levels deep
    RETURN = 25
    SWITCH = 26  # to `target`, a multiple of 16, plus low 4 bits of A
    BUS_READ = 27  # begin to read the beat at bus address X; argument bit 0: AXI identifier
    BUS_TAKE = 28  # A = the beat that came; sets the response. Needs READ_VALID
    BUS_WRITE = 29  # begin to write A to bus address X; A must stay until BUS_ANSWER
    BUS_ANSWER = 30  # take the answer to the write; sets the response. Needs WRITE_DONE
    LOAD_RESPONSE = 31  # A = the response
    STREAM = 32  # a parameter of the matrix stream, `matrix_stream.Parameter`, is A; one of them starts it
    WEIGHTS = 33  # A into the array's shadow rows that the argument's bits name
    LOAD_POSITION = 34  # A = address of the position at which the stream ended
    EVENT = 35  # argument bits: see `Event`
    TRACE = 36  # what the trace ports show: argument: unit, bit 2 set: it runs; program counter: A


class Event(enum.IntFlag):
    """What the microprogram tells the host's registers."""

    DONE = 1  # the program reached HALT
    FAIL = 2  # it stopped on an error
    IDLE = 4  # reset is complete
    BEGIN = 8  # START was seen


class Condition(enum.IntEnum):
    """What JUMP looks at; bit 4 of the word's condition inverts it."""

    ALWAYS = 0
    ZERO = 1  # A is 0
    NEGATIVE = 2  # A is negative
    CARRY = 3
    LESS = 4
    READ_VALID = 5  # a beat waits for BUS_TAKE
    WRITE_DONE = 6  # the answer to a write waits for BUS_ANSWER
    STARTED = 7  # the host wrote START
    STREAMING = 8  # the matrix stream is busy
    BAD_ACTIVATION = 9  # how it ended
    BAD_ACCUMULATOR = 10


INVERT = 16
RESPONSE_BAD = 2  # the bit that SLVERR and DECERR have and the good responses do not
SERIAL = (Op.RIGHT, Op.LEFT, Op.MULTIPLY, Op.FIELD, Op.NORMALISE)

# The body of a word, by kind of operation.
OPERAND = data.StructLayout({"register": REGISTER_BITS, "indexed": 1, "argument": 8})
BRANCH = data.StructLayout({"target": ADDRESS_BITS, "condition": 4, "invert": 1, "unused": 2})
BODY = data.UnionLayout({"operand": OPERAND, "branch": BRANCH, "immediate": signed(IMMEDIATE_BITS)})
WORD = data.StructLayout({"op": 6, "body": BODY})
