"""Pages that are measured in part: no choice measures nothing, and none loses a row."""

from pathlib import Path

import pytest

from weft.gen.errors import WeftError
from weft.sim import exact
from weft.sim.docs_page import Key, chosen, committed, measured

ROWS: dict[Key, str] = {(network, config): f"| {network} | {config} | new |\n" for network, config in (
    ("small", "edge8"), ("small", "edge16"), ("large", "edge16"), ("large", "edge32"))}
OLD = {key: line.replace("new", "old") for key, line in ROWS.items()}


@pytest.fixture
def arguments(monkeypatch: pytest.MonkeyPatch):
    return lambda *given: monkeypatch.setattr("sys.argv", ["page", *given])


def written(folder: Path, *without: Key) -> Path:
    page = folder / "page.md"
    page.write_text("# A page\n\n| network | configuration | age |\n|---|---|---|\n" + "".join(
        line for key, line in OLD.items() if key not in without))
    return page


def never(row: str) -> str:
    raise AssertionError(f"measured {row}")


@pytest.mark.parametrize("choice", [("", ""), ("small", ""), ("", "edge16"), ("large", "edge32")])
def test_a_choice_that_a_row_matches(arguments, choice: Key) -> None:
    arguments(*(f"--{name}={value}" for name, value in zip(("only", "config"), choice, strict=True) if value))
    assert chosen("A page.", ROWS) == choice == chosen("A page.", iter(ROWS))


def test_a_choice_without_a_row_is_refused(arguments, capsys: pytest.CaptureFixture[str]) -> None:
    arguments("--only", "large", "--config", "edge8")
    with pytest.raises(SystemExit) as caught:
        chosen("A page.", ROWS)
    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith("no row of large on edge8: give --config one of edge16, edge32\n")


def test_the_command_refuses_a_choice_without_a_row(arguments, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(exact, "PAGE", tmp_path / "page.md")
    arguments("--only", "mobilenet_v2_224", "--config", "edge8")
    with pytest.raises(SystemExit) as caught:
        exact.main()
    assert caught.value.code == 2
    assert not exact.PAGE.exists()


def test_rows_that_are_not_chosen_stay(tmp_path: Path) -> None:
    lines = list(measured(written(tmp_path), ROWS, ("", "edge16"), str))
    assert lines == [(ROWS if config == "edge16" else OLD)[network, config] for network, config in ROWS]


def test_all_rows_need_no_page(tmp_path: Path) -> None:
    assert list(measured(tmp_path / "none.md", ROWS, ("", ""), str)) == list(ROWS.values())


@pytest.mark.parametrize(("without", "choice", "first"), [
    ([("large", "edge32")], ("small", "edge8"), ("large", "edge32")),
    ([("large", "edge16"), ("large", "edge32")], ("", "edge16"), ("large", "")),
    ([("small", "edge16"), ("large", "edge16")], ("small", ""), ("", "edge16")),
    ([("small", "edge8"), ("large", "edge32")], ("small", ""), ("", "")),
])
def test_a_choice_that_would_lose_rows_is_refused_before_it_measures(tmp_path: Path, without: list[Key], choice: Key, first: Key) -> None:
    page = written(tmp_path, *without)
    with pytest.raises(WeftError) as caught:
        list(measured(page, ROWS, choice, never))
    assert caught.value.exit_code == 2
    options = [f"{option} {name}" for option, name in zip(("--only", "--config"), first, strict=True) if name]
    assert caught.value.fix.startswith(f"first run with {' '.join(options)}" if options else "run without --only and --config")
    page.write_text("| network | configuration | age |\n" + "".join(measured(page, ROWS, first, str)))
    assert list(committed(page)) == list(ROWS)
    assert len(list(measured(page, ROWS, choice, str))) == len(ROWS)


def test_the_command_keeps_the_page_that_it_refuses(arguments, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                                     capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(exact, "PAGE", page := written(tmp_path))
    before = page.read_text()
    arguments("--only", "mobilenet_v2_224")
    monkeypatch.setattr(exact, "run", never)
    assert exact.main() == 2
    assert "run without --only and --config" in capsys.readouterr().err
    assert page.read_text() == before
