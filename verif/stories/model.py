"""The forward pass in float32, over all tokens of all stories at once, with linear layers given by the caller."""

from collections.abc import Callable, Sequence

import numpy as np

from weft.verif.stories.checkpoint import Checkpoint, Float32
from weft.verif.stories.tokenizer import BEGIN

Linear = Callable[[Float32], Float32]  # [tokens, inputs] to [tokens, outputs]
Make = Callable[[str, Float32], Linear]  # from a layer's name (`Checkpoint.linear_layers`) and weights [outputs, inputs]
EPSILON, THETA = 1e-5, 10000.0


def float32(name: str, weights: Float32) -> Linear:
    """The plain linear layer."""
    del name
    return lambda x: x @ weights.T


class Model:
    """The network with its linear layers built by `make`; everything else (norms, rotations, attention, residuals) is float32."""

    def __init__(self, checkpoint: Checkpoint, make: Make = float32) -> None:
        self._sizes = checkpoint
        self._linear = {name: make(name, weights) for name, weights in checkpoint.linear_layers().items()}

    def logits(self, stories: Sequence[Sequence[int]]) -> Float32:
        """For every token of every story, one after another, the scores of the token that follows: [tokens, vocabulary].

        Linear layers see the tokens of all stories in one call; attention stays within a story.
        """
        c = self._sizes
        tokens = np.concatenate([np.asarray(story, np.int64) for story in stories])
        ends = np.cumsum([len(story) for story in stories])
        spans = [slice(end - len(story), end) for end, story in zip(ends, stories, strict=True)]
        positions = np.concatenate([np.arange(len(story)) for story in stories])
        x = c.embedding[tokens]
        for layer in range(c.layers):
            h = _norm(x, c.attention_norm[layer])
            q, k, v = (self._linear[f"{name}.{layer}"](h).reshape(len(h), -1, c.head_size) for name in ("wq", "wk", "wv"))
            q, k = _rotate(q, positions), _rotate(k, positions)
            mixed = np.concatenate([_attention(q[span], k[span], v[span]) for span in spans])
            x = x + self._linear[f"wo.{layer}"](mixed)
            h = _norm(x, c.ffn_norm[layer])
            gate, up = self._linear[f"w1.{layer}"](h), self._linear[f"w3.{layer}"](h)
            x = x + self._linear[f"w2.{layer}"](gate / (1 + np.exp(-gate)) * up)
        return self._linear["classifier"](_norm(x, c.final_norm))

    def perplexity(self, stories: Sequence[Sequence[int]]) -> float:
        """Of all tokens of `stories` (without the one at the beginning), each given those before it.

        A story is cut where it would exceed the model's length.
        """
        stories = [story[:self._sizes.length - 1] for story in stories]
        logits = self.logits([[BEGIN, *story[:-1]] for story in stories]).astype(np.float64)
        following = np.concatenate([np.asarray(story) for story in stories])
        top = logits.max(1)
        log_sum = np.log(np.exp(logits - top[:, None]).sum(1)) + top
        return float(np.exp((log_sum - logits[np.arange(len(following)), following]).mean()))

    def greedy(self, count: int) -> list[int]:
        """The likeliest continuation of an empty text: up to `count` tokens, until the token that begins a story would come."""
        tokens = [BEGIN]
        while len(tokens) <= count:
            following = int(self.logits([tokens])[-1].argmax())
            if following == BEGIN:
                break
            tokens.append(following)
        return tokens[1:]


def _norm(x: Float32, weights: Float32) -> Float32:
    result: Float32 = x / np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(EPSILON)) * weights
    return result


def _rotate(x: Float32, positions: np.ndarray) -> Float32:
    """Turns pair i of each head's values [tokens, heads, head size] by position * THETA^(-2i / head size)."""
    size = x.shape[-1]
    angles = positions[:, None, None] * THETA ** (-np.arange(0, size, 2) / size)
    cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    even, odd = x[..., 0::2], x[..., 1::2]
    return np.stack((even * cos - odd * sin, even * sin + odd * cos), -1).reshape(x.shape)


def _attention(q: Float32, k: Float32, v: Float32) -> Float32:
    """Causal; [tokens, heads, head size] each, with several heads of q for one of k and v. Returns [tokens, dim]."""
    share = q.shape[1] // k.shape[1]
    k, v = (np.repeat(each, share, 1).transpose(1, 0, 2) for each in (k, v))
    scores = q.transpose(1, 0, 2) @ k.transpose(0, 2, 1) / np.float32(np.sqrt(q.shape[-1]))
    scores = np.where(np.tri(len(q), dtype=bool), scores, np.float32(-np.inf))
    scores = scores - scores.max(-1, keepdims=True)
    # Smaller weights are lost in the sums; their products would be subnormal and take most of the time.
    weights = np.where(scores > -60, np.exp(scores), np.float32(0))
    mixed: Float32 = (weights / weights.sum(-1, keepdims=True)) @ v
    return mixed.transpose(1, 0, 2).reshape(len(q), -1)
