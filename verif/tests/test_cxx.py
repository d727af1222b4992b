"""Which C++ compiler compiles simulations, and how."""

from pathlib import Path

import pytest

from weft.gen.errors import ToolError
from weft.sim import cxx

CLANG, GCC = "Debian clang version 19.1.7 (3~deb12u1)", "g++ (Debian 12.2.0-14) 12.2.0"


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that puts a compiler on the otherwise empty PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)

    def add(name: str, says: str, end: str = "") -> str:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\necho '{says}'\n{end}\n")
        path.chmod(0o755)
        return str(path)

    return add


def test_clang_comes_first_and_has_options_of_its_own(put):
    gcc = put("g++", GCC)
    assert (cxx.find(), cxx.version(gcc), cxx.fast(gcc), cxx.own_scope(gcc)) == (gcc, GCC, "-O1", ("-fno-gnu-unique",))
    clang = put("clang++", CLANG)
    assert (cxx.find(), cxx.version(clang), cxx.fast(clang), cxx.own_scope(clang)) == (clang, CLANG, "-O2", ())


def test_clang_without_headers_is_passed_over(put):
    put("clang++", CLANG, "exit 1")
    gcc = put("g++", GCC)
    assert cxx.find() == gcc


def test_clang_is_known_by_what_it_says(put):
    other = put("c++", CLANG)
    assert (cxx.find(), cxx.fast(other), cxx.own_scope(other)) == (other, "-O2", ())


def test_the_variable_is_stronger(put, monkeypatch):
    put("clang++", CLANG)
    mine = put("mine", GCC)
    monkeypatch.setenv("CXX", "mine")
    assert cxx.find() == mine
    monkeypatch.setenv("CXX", "mine -O3")
    with pytest.raises(ToolError, match="no C\\+\\+ compiler 'mine -O3'"):
        cxx.find()
