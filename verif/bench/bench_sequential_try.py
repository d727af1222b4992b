from pathlib import Path
from weft.gen.config import Config
from weft.hdl.npu import Npu
from weft.verif.bench import runner
from weft.verif.bench.bench_npu import *
def test_try():
    config = Config.load(CONFIGS / "mini4.toml")
    parameters = {"name": config.name, "options": config.canonical(), "programs": 8}
    runner.run(Npu(config), "npu", MODULE, parameters=parameters)
