"""Folders of results: what of an earlier run stays."""

from pathlib import Path

from weft.sim.output import RESULTS, WAVES, staged


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text(name)


def write(out: Path, *names: str) -> set[str]:
    """One run that writes these files; gives what the folder then holds."""
    with staged(out) as folder:
        fill(folder, *names)
    return {path.name for path in out.iterdir()}


def test_waveforms_of_an_earlier_run_go_and_other_files_stay(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert write(out, *RESULTS, *WAVES) == {*RESULTS, *WAVES}
    fill(out, "mine.vcd")
    assert write(out, *RESULTS) == {*RESULTS, "mine.vcd"}
    assert write(out, *RESULTS, *WAVES) == {*RESULTS, *WAVES, "mine.vcd"}


def test_a_folder_without_an_earlier_run_keeps_files_of_those_names(tmp_path: Path) -> None:
    fill(tmp_path, *WAVES)
    assert write(tmp_path, *RESULTS) == {*RESULTS, *WAVES}
