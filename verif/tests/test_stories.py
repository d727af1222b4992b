"""The language model stories260K: text, logits and perplexity as computed by others."""

from pathlib import Path

import numpy as np
import pytest

from weft.verif.stories import checkpoint, tokenizer
from weft.verif.stories.model import Model
from weft.verif.tests import third_party

# The beginning of the text published in llama2.c's documentation for `./run stories260K.bin -z tok512.bin -t 0.0`.
PUBLISHED = ("Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
             "One day, she saw a big, red ball. She wanted to play with it, but it was too high.\n"
             "Lily's mom said, \"Lily, let's go to the park.\" Lily was sad and didn't know what to do.")


@pytest.fixture(scope="module")
def parts() -> tuple[Model, tokenizer.Tokenizer]:
    sizes = checkpoint.load(third_party.model("stories260K.bin"))
    return Model(sizes), tokenizer.load(third_party.model("tok512.bin"), sizes.vocabulary)


def test_greedy_text(parts):
    model, words = parts
    tokens = third_party.data("stories260K_greedy.npz")["tokens"].tolist()
    assert model.greedy(24) == tokens[1:25]
    assert words.decode(tokens[1:]).startswith(PUBLISHED)


def test_logits_of_a_text(parts):
    """The recorded text is the greedy one: each of its tokens has the highest score after those before it."""
    recorded = third_party.data("stories260K_greedy.npz")
    logits = parts[0].logits([recorded["tokens"][:-1].tolist()])
    np.testing.assert_allclose(logits, recorded["logits"], atol=1e-4)
    np.testing.assert_array_equal(logits.argmax(1), recorded["tokens"][1:])


def test_stories_do_not_see_each_other(parts):
    first, second = [1, 403, 407], [1, 261, 378, 364]
    together = parts[0].logits([first, second])
    np.testing.assert_allclose(together[:3], parts[0].logits([first]), atol=1e-5)
    np.testing.assert_allclose(together[3:], parts[0].logits([second]), atol=1e-5)


def test_perplexity(parts):
    model, words = parts
    texts = tokenizer.stories(third_party.data_path("tinystories_valid10.txt").read_text())
    stories = [words.encode(text) for text in texts]
    assert [words.decode(tokens) for tokens in stories] == texts
    assert sum(map(len, stories)) == 3300 and max(map(len, stories)) > 512
    assert model.perplexity(stories) == pytest.approx(3.1707, abs=1e-4)


def test_characters_without_a_piece_become_bytes(parts):
    assert parts[1].decode(parts[1].encode("Zoë £5\n")) == "Zoë £5\n"
    assert parts[1].encode("") == []


@pytest.mark.parametrize("content", [b"", b"\x01\x00\x00\x00" * 7, b"\xff" * 28])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.bin"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"other\.bin: .*(sizes|bytes)"):
        checkpoint.load(path)
    with pytest.raises(ValueError, match=r"not a llama2\.c tokenizer"):
        tokenizer.load(path, 2)
