"""When each instruction of a program works on the decoupled machine, from the program alone.

One pass in program order gives every instruction its time: it is fetched, waits in its unit's queue and for its semaphores, and takes what
the unit takes. Two things depend on what comes later in the program: fetches share the bus with loads, and the vector unit waits where the
matrix unit reads weights from the same bank. They are taken from the pass before, so there are a few passes. Data and other waiting in the
scratchpad have no influence.

Latencies are those of the hardware, as its components state them; DRAM is the simulator's.
"""

import math
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import NamedTuple

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import Unit

BYTES_PER_CYCLE, DRAM_LATENCY = 16, 64  # of the DRAM that programs are planned for, and that the simulator has unless told otherwise
PASSES = 4
FETCH, DECODE = 13, 2  # from a word's arrival to its dispatch, and from there to the head of an empty queue
ANSWER = 2  # from the end of an instruction to the first cycle of one that waits for it
IN_FLIGHT = 4  # instructions of the matrix unit between acceptance and retirement
TILE, DRAIN = 2, 6  # from a tile's last line to its first vector; from a vector to its sums, beside the array's edges
VECTOR, VECTOR_LEAST = 22, 20  # from the last iteration to the result; between the starts of two VECTORs
STORE = 10  # from the last line of a STORE to the bus, beside DRAM's latency

Setup = dict[tuple[str, int], dict[str, int]]  # fields of the last instruction of a name, and for VECTOR_STRIDE of an operand


class Word(NamedTuple):
    """An instruction, decoded once."""

    name: str
    unit: int
    runs: bool
    wait: int
    signal: int
    values: dict[str, int]


class Stream(NamedTuple):
    """The matrix unit reads weights from a bank in a part of the cycles from first to last."""

    first: int
    last: int
    bank: int
    part: float


def decoded(program: Sequence[int]) -> list[Word]:
    words = []
    for word in program:
        given = isa.decode(word)
        kind = given.instruction
        words.append(Word(kind.name, int(kind.unit), kind.runs, given.wait, given.signal, given.values))
    return words


def spans(program: Sequence[int], config: Config) -> list[tuple[int, int]]:
    """First cycle of each instruction in its unit and cycle after its last, counted from the program's start."""
    words = decoded(program)
    fetches: list[int] = []
    streams: list[Stream] = []
    for _ in range(PASSES):
        one = _Pass(words, config, fetches, streams)
        one.run()
        fetches, streams = one.arrivals, one.streams
    return list(zip(one.first, one.last, strict=True))


class _Pass:
    """`fetches`: when each burst of the program arrived in the pass before; `streams`: what the matrix unit read then."""

    def __init__(self, words: list[Word], config: Config, fetches: list[int], streams: list[Stream]) -> None:
        self.words, self.config, self.lanes = words, config, config.lanes
        self.before, self.read_before = deque(fetches), deque(streams)
        self.beat = max(1, config.line_bytes // BYTES_PER_CYCLE)  # cycles of a line on the bus
        self.first, self.last = [0] * len(words), [0] * len(words)
        self.dispatched: list[int] = []
        self.arrivals: list[int] = []
        self.streams: list[Stream] = []
        self.setup: Setup = {}
        self.signals: defaultdict[tuple[int, int], deque[int]] = defaultdict(deque)
        self.free = [0] * isa.CONTROL  # when a unit takes its next instruction
        self.taken: list[list[int]] = [[] for _ in Unit]
        self.bus = self.loaded = self.stored = 0
        self.bursts = deque([0] * config.axi.outstanding_reads, maxlen=config.axi.outstanding_reads)
        self.weights = self.tile = self.streamed = 0  # the loader is free; the last tile's first vector, and the cycle after its last
        self.retired: list[int] = []  # by the matrix unit
        self.previous: dict[int, tuple[int, int]] = {}  # by unit: the instruction before, and when it had nothing more to begin
        self.result = 0  # of the last VECTOR

    def run(self) -> None:
        perform = {"LOAD": self._load, "STORE": self._store, "MATMUL": self._matrix, "DEPTHWISE": self._matrix,
                   "MATMUL_OS": self._matrix, "VECTOR": self._vector}
        for pc, word in enumerate(self.words):
            self.dispatched.append(self._dispatch(pc, word))
            if word.unit == isa.CONTROL:
                continue
            start = max(self.dispatched[pc] + DECODE, self.free[word.unit])
            for other in Unit:
                if word.wait >> other & 1 and self.signals[other, word.unit]:
                    start = max(start, self.signals[other, word.unit].popleft())
            if word.unit == Unit.MATRIX and len(self.retired) >= IN_FLIGHT:
                start = max(start, self.retired[-IN_FLIGHT] + 1)
            if word.runs:
                start, end = perform[word.name](pc, word, start)
            else:
                self.setup[word.name, word.values.get("operand", 0)] = word.values
                end = self.free[word.unit] = start + 1
            self.first[pc], self.last[pc] = start, end
            self.taken[word.unit].append(start)
            if word.unit == Unit.MATRIX:
                self.retired.append(max(end, *self.retired[-1:]) if self.retired else end)
            for other in Unit:
                if word.signal >> other & 1:
                    self.signals[word.unit, other].append(end + ANSWER + 1)

    def _dispatch(self, pc: int, word: Word) -> int:
        """When the instruction leaves for its queue: in order, after its fetch, and when there is room."""
        config = self.config
        size = config.axi.burst_beats * config.line_bytes // isa.WORD_BYTES  # words of a burst
        while (first := len(self.arrivals) * size) < len(self.words) and (room := first + size - 1 - config.queues.fetch_depth) < pc:
            asked = (self.dispatched[room] if room >= 0 else 0) + DRAM_LATENCY + 4
            self.arrivals.append(max(asked, min(self.bus, asked + config.axi.outstanding_reads * config.axi.burst_beats)))
        cycles = (pc % size) * isa.WORD_BYTES // min(config.line_bytes, BYTES_PER_CYCLE)
        time = max(self.arrivals[pc // size] + cycles + FETCH, self.dispatched[-1] + 1 if self.dispatched else 0)
        if word.unit != isa.CONTROL and len(self.taken[word.unit]) >= config.queues.depth:
            time = max(time, self.taken[word.unit][-config.queues.depth] + 1)
        return time

    def _load(self, pc: int, word: Word, start: int) -> tuple[int, int]:
        """Bursts are asked for ahead, as many as may be in flight; lines of padding and data are written in order."""
        del pc
        shape, burst, issue = self.setup["LOAD_SHAPE", 0], self.config.axi.burst_beats, start
        for _ in range(shape["rows"]):
            self.loaded = max(self.loaded, issue) + shape["pad_before"]
            for line in range(0, word.values["length"], burst):
                count = min(burst, word.values["length"] - line)
                issue = max(issue + 1, self.bursts[0] + 1)
                self.bus = max(issue + DRAM_LATENCY + 2, self.bus) + count * self.beat
                while self.before and self.before[0] <= self.bus:
                    if self.before.popleft() > self.bus - count * self.beat - burst * self.beat:
                        self.bus += burst * self.beat
                self.loaded = max(self.loaded + count, self.bus)
                self.bursts.append(self.loaded)
            self.loaded += shape["pad_after"]
        self.free[Unit.LOAD] = issue + 1
        return start, self.loaded

    def _store(self, pc: int, word: Word, start: int) -> tuple[int, int]:
        del pc
        lines = self.setup["STORE_SHAPE", 0]["rows"] * word.values["length"]
        self.stored = max(start, self.stored) + lines * self.beat + STORE
        self.free[Unit.STORE] = start + lines
        return start, self.stored + DRAM_LATENCY

    def _matrix(self, pc: int, word: Word, start: int) -> tuple[int, int]:
        """A fold's vectors follow those of the fold before, if its tile is there; a tile takes R cycles. Sums that stay take the tiles
        once for each block of R positions."""
        shape, lanes, array = self.setup["MATRIX_SHAPE", 0], self.lanes, self.config.array
        folds, positions = shape["inner_count"] * shape["outer_count"], shape["x_count"] * shape["y_count"]
        filling = 0
        if word.name == "MATMUL_OS":
            folds, positions, filling = folds * -(-(word.values["last"] + 1) // lanes), lanes, lanes
        start = max(start, self.weights, self.tile - filling)  # the one before has begun to read
        begin = first = 0
        for fold in range(folds):
            self.weights = max(self.weights, start) + lanes
            self.tile = max(self.weights + TILE + filling, self.streamed, self.tile + lanes)
            self.weights = max(self.weights, begin)
            begin, self.streamed = self.tile, self.tile + positions
            if not fold:
                self.free[Unit.MATRIX] = max(start + 1, begin - filling)
                first = begin
        bank = word.values["weight_line"] // self.config.bank_lines
        self.streams.append(Stream(first, self.streamed, bank, min(1.0, lanes / max(positions, lanes))))
        self._give_way(Unit.MATRIX, pc, start, self.streamed)
        return start, self.streamed + 2 * lanes + DRAIN + (2 if array.product_register else 1)

    def _vector(self, pc: int, word: Word, start: int) -> tuple[int, int]:
        """An iteration a cycle, or one for each turn; the next VECTOR may follow at once where it says so."""
        if not word.values["overlap"]:
            start = max(start, self.result)
        loop = self.setup["VECTOR_LOOP", 0]
        iterations = math.prod(loop[f"count_{level}"] for level in range(4)) * self.config.vector.columns_per_lane
        banks = {word.values[operand] // (self.config.bank_lines * self.lanes) for number, operand in enumerate("ab")
                 if word.values[f"{operand}_source"] >= isa.Source.INT8 and loop["count_0"] > 1
                 and self.setup.get(("VECTOR_STRIDE", number), {}).get("stride_0", 0) % self.lanes}
        swept = self._swept(start, iterations, banks) if banks else start + iterations
        self.result = swept + VECTOR
        self.free[Unit.VECTOR] = max(start + VECTOR_LEAST, swept + 1)
        self._give_way(Unit.VECTOR, pc, start, swept)
        return start, self.result

    def _swept(self, start: int, iterations: int, banks: set[int]) -> int:
        """End of a sweep whose reads take both memories of a bank, and so wait for those of weights."""
        time, left = float(start), float(iterations)
        while self.read_before and self.read_before[0].last <= start:
            self.read_before.popleft()
        for first, last, bank, part in self.read_before:
            if first >= time + left:
                break
            left -= max(0.0, first - time)
            time = max(time, first)
            rate = 1 - part if bank in banks else 1
            if rate * (last - time) >= left:
                return int(time + left / rate)
            left -= rate * max(0.0, last - time)
            time = max(time, last)
        return int(time + left)

    def _give_way(self, unit: int, pc: int, start: int, busy: int) -> None:
        """The instruction before is seen at work until this one begins, or it is done."""
        if unit in self.previous:
            before, was_busy = self.previous[unit]
            self.last[before] = max(was_busy, min(self.last[before], start))
        self.previous[unit] = pc, busy
