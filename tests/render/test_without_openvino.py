"""Where OpenVINO is not installed, or is and does not work."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from avatar.cli import main
from avatar.errors import RenderError
from avatar.identity import Identity, load_identity
from avatar.render.engine import cpu_kind, make_engine
from avatar.ui.backstage import Backstage
from avatar.ui.workshop import Workshop

BROKEN = 'raise ImportError("libtbb.so.12: cannot open shared object file")'


@pytest.fixture(scope="module")
def mira() -> Identity:
    return load_identity("mira")


@pytest.fixture(autouse=True, params=["missing", "broken"])
def without_openvino(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if request.param == "missing":
        monkeypatch.setitem(sys.modules, "openvino", None)
    else:
        (tmp_path / "openvino.py").write_text(BROKEN)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "openvino", raising=False)


def test_torch_renders_unless_another_is_asked_for(mira: Identity) -> None:
    assert mira.lite() is not None and cpu_kind(mira) == "torch"
    engine, clip = make_engine(mira), mira.clip()
    assert engine.name.startswith("torch")
    picture = engine(clip.drawing(0, mira.config.style)[None], clip.features[None, :6])
    assert picture.shape == (1, 512, 512, 3) and np.ptp(picture) > 200


@pytest.mark.parametrize("kind", ["lite", "openvino"])
def test_who_asks_for_it_is_told_so(
    mira: Identity, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    sentence = f"The engine {kind} needs OpenVINO, which cannot be loaded: pip install openvino."
    with pytest.raises(RenderError) as told:
        make_engine(mira, kind)
    assert str(told.value) == sentence
    out = tmp_path / "v.mp4"
    assert main(["speak", "--text", "Hi.", "--engine", kind, "--out", str(out)]) == 1
    assert capsys.readouterr().err == f"avatar: {sentence}\n" and not out.exists()


def test_the_page_renders_by_torch_where_a_gpu_is_lent_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SPACES_ZERO_GPU", "1")
    with backstage_of(tmp_path, "auto") as backstage:
        assert backstage.avatar("mira").engine.name.startswith("torch")


def test_the_page_takes_no_other_for_it_either(tmp_path: Path) -> None:
    with backstage_of(tmp_path, "lite") as backstage:
        with pytest.raises(RenderError, match="The engine lite needs OpenVINO"):
            backstage.avatar("mira")


@contextmanager
def backstage_of(folder: Path, engine: str) -> Iterator[Backstage]:
    with closing(Workshop(folder / "workshop")) as workshop:
        backstage = Backstage(workshop=workshop, engine=engine)
        with closing(backstage.live):
            yield backstage
        backstage.worker.stop()
