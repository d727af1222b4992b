"""The parts that models of benches share only save time: what goes wrong with them is no failure of a bench and leaves nothing behind."""

import shutil
from pathlib import Path

import pytest

from weft.verif.bench import library
from weft.verif.bench.library import Library

MAKE = ["make", "-f", "Vtop.mk"]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of a finished model, with a makefile that compiles headers. These are empty, so that it takes no time."""
    monkeypatch.setattr(library, "HEADERS", "")
    monkeypatch.setattr(library, "_compiler", lambda: "GCC")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "verilated.o").write_text("object")
    (folder / "Vtop.mk").write_text("CXX = c++\nCFG_CXXFLAGS_PCH = -x c++-header\n")
    return folder


def kept(model: Path) -> tuple[Library, list[str]]:
    """The library after `model`, and what its folder holds: the only one beside the model's."""
    place = Library(model.parent, ())
    with place.awaited():
        place.keep(model)
    (folder,) = (path for path in model.parent.iterdir() if path.is_dir() and path != model)
    return place, sorted(path.name for path in folder.iterdir())


def test_later_models_take_objects_and_headers(model: Path) -> None:
    place, names = kept(model)
    assert names == ["headers.h", "headers.h.gch", "verilated.o"]
    copy, make = place.commands(MAKE, model, long=False)
    assert copy[0] == "cp" and any("-include" in argument for argument in make)


def test_headers_that_do_not_compile_are_left_out_with_makes_message(model: Path) -> None:
    (model / "Vtop.mk").write_text("CXX = touch $@; echo no space left >&2; false\n")
    with pytest.warns(UserWarning, match=r"(?s)take longer to build.*no space left"):
        place, names = kept(model)
    assert names == ["verilated.o"]
    copy, make = place.commands(MAKE, model, long=False)
    assert copy[0] == "cp" and not any("-include" in argument for argument in make)


def test_a_folder_that_is_not_finished_goes(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*paths: Path) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as broken, pytest.raises(OSError, match="no space left"):
        broken.setattr(shutil, "copy", full)
        Library(model.parent, ()).keep(model)
    assert [path.name for path in model.parent.iterdir() if path.is_dir()] == ["model"]
    assert "verilated.o" in kept(model)[1]  # the next model makes it
