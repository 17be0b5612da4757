"""Tensors are read a part at a time, and the outcome doesn't depend on the parts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tcmbench.cures.weights import combine, whole_tensors
from tcmbench.cures.weights.tensors import StoredTensor
from tests.cures.scene import bits, cured, model, tensors, work


@pytest.mark.parametrize("cure", ["merge", "task_arithmetic", "ties", "dare", "slerp"])
def test_parts_change_nothing(cure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 64 values give the bits that whole tensors give, and nothing reads more than a part."""
    inputs = work(model(tmp_path, "base", tensors(0)), model(tmp_path, "tuned", tensors(1)))
    whole = cured(cure, inputs, tmp_path / "whole")
    longest = []
    read = StoredTensor.read

    def watched(tensor: StoredTensor, start: int, stop: int) -> torch.Tensor:
        longest.append(stop - start)
        return read(tensor, start, stop)

    monkeypatch.setattr(StoredTensor, "read", watched)
    for module in (combine, whole_tensors):
        monkeypatch.setattr(module, "PART", 64)
    parts = cured(cure, inputs, tmp_path / "parts")
    assert max(longest) == 64
    assert cure == "slerp" or {name: bits(each) for name, each in parts.items()} == {
        name: bits(each) for name, each in whole.items()
    }
    assert all(torch.allclose(parts[name].double(), whole[name].double(), atol=1e-6) for name in whole)


PEAK = """
import resource, sys
from pathlib import Path
import numpy, torch
from tests.cures.scene import cured, model, work

folder, size = Path(sys.argv[1]), 24 << 20
for name in ("base", "tuned"):
    model(folder, name, {"weight": torch.zeros(1)})
header = b'{"weight":{"dtype":"F32","shape":[%d],"data_offsets":[0,%d]}}' % (size, 4 * size)
for name in ("base", "tuned"):
    with (folder / name / "model.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + 4 * size)
from tcmbench import plugins
from tcmbench.records.model import Model
from tests.cures.scene import BASE
inputs = work(*(Model(name, BASE, folder / name, name) for name in ("base", "tuned")))
cure = plugins.use("cures", "merge")
(folder / "out").mkdir()
cure.module.make(work(*(model(folder, f"little-{n}", {"weight": torch.ones(3)}) for n in "bt")), folder / "out",
                 options=cure.options)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
(folder / "large").mkdir()
cure.module.make(inputs, folder / "large", options=cure.options)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / (4 * size))
"""


def test_memory_is_a_part_of_one_model(tmp_path: Path) -> None:
    """The largest memory of an interpolation grows by less than half of one model, of which it reads two."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path)],
        check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert float(done.stdout) < 0.5
