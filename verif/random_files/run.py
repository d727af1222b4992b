"""Many random recipes on the RTL: ``python -m weft.verif.random_files.run --operators 1000 --graphs 200`` (``make random``).

Every operator has its turn, on each of the configurations. What differs is shrunk by hypothesis and written to --failures, from where
it goes to verif/tests/random_cases.json, which every ``make test`` runs.
"""

import argparse
import collections
import dataclasses
import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import seed as seeded

from weft.gen.errors import WeftError
from weft.verif.random_files import onnx, tflite
from weft.verif.random_files.compare import EngineRefuses, NotExact, compare_recipe

FORMATS: dict[str, Any] = {"tflite": tflite, "onnx": onnx}
CONFIGS = ("tiny4", "edge8", "edge16", "edge32")
GRAPH_NODES = 6
REFUSED = ("does not fit", "do not fit", "cannot hold", "a rounding error below a half")  # what weft may say to what it cannot do


@dataclasses.dataclass
class Tally:
    """What has been run so far."""

    compared: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)  # networks by operator or kind of graph
    refused: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    elements: int = 0
    failures: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    seen: set[str] = dataclasses.field(default_factory=set)

    @property
    def graphs(self) -> int:
        return sum(count for name, count in self.compared.items() if name.endswith("graph"))

    @property
    def operators(self) -> int:
        return sum(self.compared.values()) - self.graphs


def run_some(tally: Tally, label: str, strategy: Any, config: str, count: int, seed: int) -> None:
    """Up to `count` recipes of a strategy. Stops at the first failure, shrinks it, and notes it."""
    last: list[Any] = []
    failed: list[bool] = []  # what shrinking tries afterwards counts for nothing

    @seeded(seed)
    @settings(max_examples=count + 1, database=None, deadline=None, phases=[Phase.generate, Phase.shrink], report_multiple_bugs=False,
              suppress_health_check=list(HealthCheck))
    @given(strategy)
    def compare(recipe: dict[str, Any]) -> None:
        if not last:  # hypothesis begins with the smallest example, which says little
            last.append(recipe)
            return
        key = json.dumps([recipe, config])
        last[:] = [recipe]
        try:
            result = compare_recipe(recipe, config)
        except (EngineRefuses, NotExact) as reason:
            tally.refused[f"{label}: {str(reason)[:100]}"] += key not in tally.seen
            tally.seen.add(key)
            reject()
        except WeftError as error:
            if not any(text in str(error) for text in REFUSED):
                failed.append(True)
                raise
            tally.refused[f"{label}: {error.what[:100]}"] += key not in tally.seen
            tally.seen.add(key)
            reject()
        except Exception:
            failed.append(True)
            raise
        if not failed and key not in tally.seen:
            tally.compared[label] += 1
            tally.elements += result.with_engine + result.with_reference
            tally.seen.add(key)

    try:
        compare()
    except Exception as error:  # the report goes on with the next strategy
        tally.failures.append({"config": config, "why": f"{type(error).__name__}: {str(error).splitlines()[0][:300]}", "recipe": last[0]})


def plan(seed: int, batch: int) -> Iterator[tuple[str, Any, str, int, int, str]]:
    """(label, strategy, configuration, examples, seed, "operators" or "graphs") for ever: in every round each operator once."""
    names = [(form, name) for form, module in FORMATS.items() for name in module.OPERATORS]
    for turn in itertools.count():
        for place, (form, name) in enumerate(names):
            yield name, FORMATS[form].recipes(1, name), CONFIGS[(turn + place) % len(CONFIGS)], batch, seed + turn, "operators"
        for place, (form, count) in enumerate((("tflite", 4 * batch), ("onnx", batch))):
            yield f"{form} graph", FORMATS[form].recipes(GRAPH_NODES), CONFIGS[(turn - place) % len(CONFIGS)], count, seed + turn, "graphs"


def run(operators: int, graphs: int, *, seed: int, batch: int = 4, seconds: float = 1e9, report: Any = lambda tally: None) -> Tally:
    """Distinct networks until there are so many of both kinds, or time is up."""
    tally, wanted, begin = Tally(), {"operators": operators, "graphs": graphs}, time.monotonic()
    for label, strategy, config, count, number, kind in plan(seed, batch):
        done = {"graphs": tally.graphs, "operators": tally.operators}
        if all(done[name] >= wanted[name] for name in wanted) or time.monotonic() - begin > seconds:
            return tally
        if done[kind] < wanted[kind]:
            run_some(tally, label, strategy, config, min(count, wanted[kind] - done[kind]), number)
            report(tally)
    raise AssertionError


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--operators", type=int, default=1000)
    parser.add_argument("--graphs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so long")
    parser.add_argument("--failures", type=Path, default=Path("build/random_failures.json"))
    arguments = parser.parse_args()
    begin = time.monotonic()

    def report(tally: Tally) -> None:
        print(f"\r{sum(tally.compared.values())} networks, {len(tally.failures)} failures, {time.monotonic() - begin:.0f} s", end="",
              file=sys.stderr, flush=True)
        if tally.failures:
            arguments.failures.parent.mkdir(parents=True, exist_ok=True)
            arguments.failures.write_text(json.dumps(tally.failures, indent=1) + "\n")

    tally = run(arguments.operators, arguments.graphs, seed=arguments.seed, seconds=arguments.seconds, report=report)
    print()
    for name, count in sorted(tally.compared.items()):
        print(f"{count:6} {name}")
    for name, count in sorted(tally.refused.items()):
        print(f"{count:6} refused, not counted: {name}")
    print(f"{tally.operators} operators and {tally.graphs} graphs on the RTL, {tally.elements:,} elements compared, "
          f"{len(tally.failures)} networks differ")
    for failure in tally.failures:
        print(json.dumps(failure))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
