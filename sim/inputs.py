"""Reads the samples that a network is run on."""

import pickle
import zipfile
import zlib
from pathlib import Path

import numpy as np

from weft.gen.errors import WeftError
from weft.gen.graph import Graph
from weft.gen.host import SplitNetwork

KEY = "x"


def load_samples(path: Path, network: Graph | SplitNetwork, limit: int | None = None) -> np.ndarray:
    """Samples of a .npy file, or of array ``x`` of a .npz file, as (samples, *the network's input shape, batch included).

    The leading axis of the file's array counts samples; each must have the network's input shape (without the batch, axes of
    length one and flattening do not matter) and type. Integers are accepted for a float input. At most `limit` samples are kept.
    Raises `WeftError` for everything else.
    """
    split = SplitNetwork.of(network) if isinstance(network, Graph) else network
    array = _read(path)
    where = f"{path}" if path.suffix == ".npy" else f"{path}, array {KEY!r}"
    wanted = split.shape[1:]
    if array.ndim == 0 or len(array) == 0:
        raise WeftError("no samples", where=where, why=f"the array has shape {list(array.shape)}; its first axis counts samples",
                        fix=f"give an array of shape [samples, {_listed(wanted)}]")
    if not _same_shape(array.shape[1:], wanted):
        raise WeftError(f"samples of shape {list(array.shape[1:])}", where=where,
                        why=f"{split.name} takes {list(wanted)} ({split.layout}) a sample; the first axis, {len(array)}, counts samples",
                        fix=f"give an array of shape [samples, {_listed(wanted)}]")
    array = array[:limit].reshape(-1, *split.shape)
    return _typed(array, split, where)


def _read(path: Path) -> np.ndarray:
    if path.suffix not in (".npy", ".npz"):
        raise WeftError(f"input {path.name!r} is neither .npy nor .npz", where=str(path), why="samples are read from numpy files",
                        fix=f"save them with numpy.savez('{path.stem or 'input'}.npz', {KEY}=samples)")
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):  # what a file holds tells, not its name
            return loaded
        with loaded:
            if KEY not in loaded.files:
                held = ", ".join(map(repr, loaded.files)) or "nothing"
                raise WeftError(f"no array {KEY!r}", where=str(path), why=f"samples of a .npz file are its array {KEY!r}; it holds {held}",
                                fix=f"save it with numpy.savez(..., {KEY}=samples)")
            return np.asarray(loaded[KEY])
    except FileNotFoundError:
        raise WeftError(f"no input file {path}", where="INPUT", why="the file does not exist", fix="check the path") from None
    except OSError as error:
        raise WeftError(f"cannot read input {path.name!r}", where=str(path), why=error.strerror or str(error),
                        fix="give a readable .npy or .npz file") from None
    except (ValueError, EOFError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error, pickle.UnpicklingError) as error:
        raise WeftError(f"input {path.name!r} is damaged, or not a numpy file of numbers", where=str(path),
                        why=str(error) or "it ends early", fix="save it again with numpy.save or numpy.savez") from None


def _typed(array: np.ndarray, network: SplitNetwork, where: str) -> np.ndarray:
    kind = np.dtype(network.kind)
    if kind.kind == "f":
        if array.dtype.kind not in "fiu":
            raise WeftError(f"samples of type {array.dtype}", where=where, why=f"{network.name} takes {kind}",
                            fix=f"convert them to {kind}")
        with np.errstate(over="ignore"):  # becomes infinity, which is refused below
            result = array.astype(kind)
        if not np.isfinite(result).all():
            raise WeftError("samples that are not finite", where=where, why="NaN or infinity has no quantised value",
                            fix="replace them, for example with numpy.nan_to_num")
        return result
    if array.dtype.kind not in "iu":
        raise WeftError(f"samples of type {array.dtype}", where=where, why=f"{network.name} takes {kind}", fix=_quantising(network))
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    if array.min() < low or array.max() > high:
        raise WeftError(f"samples with values {array.min()} .. {array.max()}", where=where,
                        why=f"{network.name} takes {kind}, {low} .. {high}", fix=f"convert them to {kind}")
    return array.astype(kind)


def _quantising(network: SplitNetwork) -> str:
    tensors = [entry.tensor for part in network.parts for entry in part.inputs if entry.name == network.input]
    if not tensors:
        return f"convert them to {network.kind}"
    zero_point = tensors[0].zero_point + 128 * tensors[0].unsigned
    return f"quantise: round(x / {tensors[0].scale:g}) {'-' if zero_point < 0 else '+'} {abs(zero_point)}, as {network.kind}"


def _same_shape(given: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Equal up to axes of length one, or one of the two is flat."""
    given, wanted = (tuple(size for size in shape if size != 1) for shape in (given, wanted))
    return given == wanted or (min(len(given), len(wanted)) <= 1 and np.prod(given) == np.prod(wanted))


def _listed(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))
