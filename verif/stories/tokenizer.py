"""The tokenizer file of llama2.c: pieces with scores, merged as SentencePiece does."""

import dataclasses
import itertools
import math
import struct
from pathlib import Path

BEGIN = 1  # token before every story
FIRST_BYTE = 3  # token of byte 0, for characters without a piece


@dataclasses.dataclass(frozen=True)
class Tokenizer:
    """Pieces of text by token."""

    pieces: tuple[bytes, ...]
    scores: tuple[float, ...]

    def encode(self, text: str) -> list[int]:
        """Tokens of `text`, the one at the beginning not among them. A space is put before the text.

        Begins with characters (bytes where a character is no piece), then joins the neighbours whose joint piece has the highest score,
        the first of equals, until no joint is a piece.
        """
        known = {piece: token for token, piece in reversed(list(enumerate(self.pieces)))}
        tokens = []
        for character in (" " + text if text else ""):
            raw = character.encode()
            tokens += [known[raw]] if raw in known else [FIRST_BYTE + byte for byte in raw]
        def score(pair: tuple[int, int]) -> float:
            joint = known.get(self.pieces[pair[0]] + self.pieces[pair[1]])
            return -math.inf if joint is None else self.scores[joint]

        scores = [score(pair) for pair in itertools.pairwise(tokens)]
        while scores and (best := max(scores)) > -math.inf:
            place = scores.index(best)
            tokens[place:place + 2] = [known[self.pieces[tokens[place]] + self.pieces[tokens[place + 1]]]]
            near = slice(max(place - 1, 0), place + 2)
            scores[near] = [score(pair) for pair in itertools.pairwise(tokens[near])]
        return tokens

    def decode(self, tokens: list[int]) -> str:
        """Text of tokens that follow the one at the beginning, whose space is dropped."""
        raw = b"".join(bytes([token - FIRST_BYTE]) if FIRST_BYTE <= token < FIRST_BYTE + 256 else self.pieces[token] for token in tokens)
        return raw.removeprefix(b" ").decode(errors="replace")


def stories(text: str) -> list[str]:
    """The stories of a file of the TinyStories data set."""
    return [story.strip() for story in text.split("<|endoftext|>") if story.strip()]


def load(path: Path, vocabulary: int) -> Tokenizer:
    """Raises ValueError if the file does not hold exactly `vocabulary` pieces."""
    raw, offset = path.read_bytes(), 4  # the longest piece's length comes first
    pieces, scores = [], []
    try:
        for _ in range(vocabulary):
            score, length = struct.unpack_from("<fi", raw, offset)
            scores.append(score)
            pieces.append(raw[offset + 8:offset + 8 + length])
            offset += 8 + length
    except struct.error:
        offset = -1
    if offset != len(raw):
        raise ValueError(f"{path}: not a llama2.c tokenizer of {vocabulary} pieces")
    return Tokenizer(tuple(pieces), tuple(scores))
