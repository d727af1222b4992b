"""A memory behind an `AxiRead` manager, for amaranth.sim."""

import collections
import random

from weft.hdl.interfaces import OKAY


class ReadMemory:
    """Answers reads in order, with random pauses on both channels, and checks every request.

    `responses` maps a line's address to what its beats are answered with; `requests` collects (address, beats, id). Latency is at
    least `latency` cycles from request to first beat.
    """

    def __init__(self, axi, image: bytes, *, line_bytes: int, burst_beats: int, base: int = 0, latency: int = 5, pause: float = 0.3,
                 seed: int = 1) -> None:
        self.axi, self.image, self.base, self.line = axi, image, base, line_bytes
        self.longest, self.latency, self.pause, self.chance = burst_beats, latency, pause, random.Random(seed)
        self.responses: dict[int, int] = {}
        self.requests: list[tuple[int, int, int]] = []
        self.waiting: collections.deque = collections.deque()  # (due cycle, address, identifier, last)

    def accept(self, cycle: int, address: int, beats: int, identifier: int) -> None:
        assert address % self.line == 0 and 1 <= beats <= self.longest
        assert address // 4096 == (address + beats * self.line - 1) // 4096, "a burst crosses 4 KiB"
        self.requests.append((address, beats, identifier))
        for beat in range(beats):
            self.waiting.append((cycle + self.latency, address + beat * self.line, identifier, beat == beats - 1))

    async def serve(self, ctx) -> None:
        """Background testbench."""
        axi, cycle, offered = self.axi, 0, False
        while True:
            ctx.set(axi.ar.ready, self.chance.random() >= self.pause)
            offered = bool(self.waiting) and self.waiting[0][0] <= cycle and (offered or self.chance.random() >= self.pause)
            ctx.set(axi.r.valid, offered)
            if offered:
                _, address, identifier, last = self.waiting[0]
                offset = address - self.base
                ctx.set(axi.r.payload.data, int.from_bytes(self.image[offset:offset + self.line], "little"))
                ctx.set(axi.r.payload.response, self.responses.get(address, OKAY))
                ctx.set(axi.r.payload.id, identifier)
                ctx.set(axi.r.payload.last, last)
            _, _, asked, address, beats, identifier, taken = await ctx.tick().sample(
                axi.ar.valid & axi.ar.ready, axi.ar.payload.address, axi.ar.payload.length, axi.ar.payload.id,
                axi.r.valid & axi.r.ready)
            if asked:
                self.accept(cycle, address, beats + 1, identifier)
            if taken:
                self.waiting.popleft()
                offered = False
            cycle += 1
