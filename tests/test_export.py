import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from avatar import export as module
from avatar.cli import main
from avatar.errors import RenderError
from avatar.export import Exported, export
from avatar.identity import load_identity


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export(load_identity("mira"), tmp_path_factory.mktemp("onnx") / "mira.onnx")


def test_any_number_of_frames_is_drawn(exported: Exported) -> None:
    assert exported.max_difference <= 1 and exported.differing < 1e-3
    session = onnxruntime.InferenceSession(exported.path, providers=["CPUExecutionProvider"])
    shapes = {i.name: (i.type, i.shape) for i in [*session.get_inputs(), *session.get_outputs()]}
    assert shapes == {
        "drawing": ("tensor(uint8)", ["batch", 512, 512]),
        "window": ("tensor(float)", ["batch", 6, 34]),
        "picture": ("tensor(uint8)", ["batch", 512, 512, 3]),
    }
    drawing, window = np.zeros((2, 512, 512), np.uint8), np.zeros((2, 6, 34), np.float32)
    (picture,) = session.run(None, {"drawing": drawing, "window": window})
    assert picture.shape == (2, 512, 512, 3) and np.array_equal(*picture)


def test_the_file_is_one_and_says_what_it_is(exported: Exported) -> None:
    assert [path.name for path in exported.path.parent.iterdir()] == ["mira.onnx"]
    model = onnx.load(exported.path)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert facts["identity"] == "mira" and facts["licence"] == "Apache-2.0"
    assert facts["synthetic"] == "true" and "Avatar" in facts["software"]
    assert sum(exported.operators.values()) == len(model.graph.node)
    assert "ScatterND" not in exported.operators  # of the paste; TensorRT is slow at it
    assert "--maxShapes=drawing:64x512x512,window:64x6x34" in exported.trtexec


def test_a_file_that_differs_is_not_kept(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoilt(_: module.Picture, path: Path) -> None:
        shutil.copy(exported.path, path)
        model = onnx.load(path)
        (tanh,) = (node for node in model.graph.node if node.op_type == "Tanh")
        tanh.op_type = "Sin"
        onnx.save(model, path)

    monkeypatch.setattr(module, "BATCHES", (1,))
    monkeypatch.setattr(module, "_write", spoilt)
    with pytest.raises(RenderError, match="was not kept"):
        export(load_identity("mira"), tmp_path / "mira.onnx")
    assert not list(tmp_path.iterdir())


def test_what_is_missing_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None if "script" in name else name)
    assert main(["export", "mira", "--out", str(tmp_path / "mira.onnx")]) == 1
    error = capsys.readouterr().err
    assert "onnxscript must be installed" in error and "requirements-export.txt" in error
    assert not list(tmp_path.iterdir())
