import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_hub import FakeHub
from safetensors.torch import load_file, save_file

from avatar import identity as room
from avatar.errors import BundleError, ClipError
from avatar.face.clip import Clip
from avatar.face.mashing import FaceGeometry
from avatar.face.seen import SeenDrawings
from avatar.identity import Identity, IdentityConfig, list_identities, load_identity
from avatar.identity_saving import save_identity
from avatar.nets.oracle import Oracle, OracleConfig
from avatar.nets.renderer import Renderer, RendererConfig
from avatar.speech.features import Wav2Vec2

REPO = "studio/anna"


def make_clip(name: str, fps: Fraction = Fraction(25)) -> Clip:
    random = np.random.default_rng(0)
    shapes = {"keypoints": (3, 68, 2), "irises": (3, 2, 2), "pose": (3, 4, 4), "contour": (3, 9, 2)}
    arrays = {key: random.uniform(0, 512, s).astype(np.float32) for key, s in shapes.items()}
    return Clip(name, fps, **arrays)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = IdentityConfig("anna", licence="CC0-1.0", consent={"synthetic": True})
    clips = [make_clip("still"), make_clip("lively")]
    preview = np.zeros((64, 64, 3), np.uint8)
    folder = tmp_path_factory.mktemp("bundles") / "anna"
    return save_identity(folder, config, Renderer(), clips, preview=preview, card="# Anna\n")


@pytest.fixture
def bundle(pristine: Path, tmp_path: Path) -> Path:
    return shutil.copytree(pristine, tmp_path / "anna")


def change_config(bundle: Path, **changes: object) -> None:
    path = bundle / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def sentence(error: pytest.ExceptionInfo[BundleError]) -> str:
    text = str(error.value)
    assert text.endswith(".") and "\n" not in text and len(text) < 300
    return text


def test_what_is_saved_is_loaded(bundle: Path) -> None:
    anna = load_identity(bundle)
    assert anna.name == "anna" and anna.revision is None and anna.preview is not None
    assert anna.config == IdentityConfig("anna", licence="CC0-1.0", consent={"synthetic": True})
    torch.manual_seed(0)
    for key, value in Renderer().state_dict().items():
        assert torch.equal(anna.renderer.state_dict()[key], value)
    assert list(anna.clips) == ["lively", "still"] and anna.clip().name == "lively"
    np.testing.assert_array_equal(anna.clip("still").keypoints, make_clip("still").keypoints)


def test_ntsc_rates_and_default_clip_survive(tmp_path: Path) -> None:
    fps = Fraction(30000, 1001)
    config = IdentityConfig("b", fps=fps, default_clip="still")
    clips = [make_clip("a", fps), make_clip("still", fps)]
    anna = load_identity(save_identity(tmp_path / "b", config, Renderer(), clips))
    assert anna.config.fps == fps and anna.clip().name == "still"


def test_clips_are_read_when_asked_for(bundle: Path) -> None:
    (bundle / "clips" / "still.safetensors").write_bytes(b"no")
    anna = load_identity(bundle)
    assert len(anna.clip("lively")) == 3
    with pytest.raises(ClipError, match="still"):
        anna.clip("still")
    with pytest.raises(ClipError, match="there are: lively, still"):
        anna.clip("../lively")


def test_a_clip_of_another_rate_is_refused(bundle: Path) -> None:
    make_clip("still", Fraction(30)).save(bundle / "clips" / "still.safetensors")
    with pytest.raises(ClipError, match="30 frames a second"):
        load_identity(bundle).clip("still")


def test_an_existing_bundle_is_replaced_only_on_request(bundle: Path) -> None:
    config, clips = IdentityConfig("anna", licence="new"), [make_clip("only")]
    with pytest.raises(BundleError, match="exists already"):
        save_identity(bundle, config, Renderer(), clips)
    save_identity(bundle, config, Renderer(), clips, overwrite=True)
    assert list(load_identity(bundle).clips) == ["only"]
    assert [p.name for p in bundle.parent.iterdir()] == ["anna"]


def test_a_failed_save_leaves_the_old_bundle(bundle: Path) -> None:
    broken = Renderer()
    broken.fusion[0].weight.data[0, 0, 0, 0] = torch.nan
    with pytest.raises(BundleError, match="NaN"):
        save_identity(bundle, IdentityConfig("x"), broken, [make_clip("a")], overwrite=True)
    assert load_identity(bundle).name == "anna"
    assert [p.name for p in bundle.parent.iterdir()] == ["anna"]


@pytest.mark.parametrize("file", ["config.json", "renderer.safetensors"])
def test_a_missing_file_is_named(bundle: Path, file: str) -> None:
    (bundle / file).unlink()
    with pytest.raises(BundleError) as error:
        load_identity(bundle)
    assert file in sentence(error)


def test_missing_clips_are_named(bundle: Path) -> None:
    shutil.rmtree(bundle / "clips")
    with pytest.raises(BundleError) as error:
        load_identity(bundle)
    assert "clips" in sentence(error)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"format": 2}, "format version '2'"),
        ({"format": None}, "format version"),
        ({"name": "../../etc"}, "name"),
        ({"name": 7}, "'name'"),
        ({"fps": 25}, "'fps'"),
        ({"fps": "1/0"}, "cannot be used"),
        ({"fps": "nan"}, "cannot be used"),
        ({"fps": "1e9"}, "frame rate"),
        ({"features": {"kind": "visemes", "names": ["a"]}}, "features"),
        ({"features": {"kind": "wav2vec", "names": []}}, "features"),
        ({"features": {"kind": "wav2vec2", "model": "../x", "revision": "a", "k": 34}}, "model"),
        ({"features": Wav2Vec2().to_dict()}, "34 features, not 768"),
        ({"keypoint_groups": {}}, "keypoints"),
        ({"mouth_box": [164.5, 259, 192, 192]}, "mouth_box"),
        ({"mouth_box": [400, 259, 192, 192]}, "mouth box"),
        ({"mouth_box": [0, 0, 10**12, 10**12]}, "mouth box"),
        ({"network": {"k": 10**9}}, "k in 1..4096"),
        ({"network": {"k": 768}}, "768 features"),
        ({"network": {"window": "6"}}, "window"),
        ({"network": {"window": 65}}, "window in 1..64"),
        ({"fps": "1e999999999"}, "frame rate"),
        ({"network": {"layers": 99}}, "layers"),
        ({"drawing": {"line_width": 10**6, "iris_radius": 0.2}}, "line_width"),
        ({"drawing": {}}, "line_width"),
        ({"training": "long"}, "'training'"),
        ({"default_clip": "gone"}, "clips/gone"),
    ],
)
def test_a_bad_config_is_refused(bundle: Path, change: dict, expected: str) -> None:
    change_config(bundle, **change)
    with pytest.raises(BundleError) as error:
        load_identity(bundle)
    assert expected in sentence(error)


@pytest.mark.parametrize("window", [1, 4, 12])
def test_other_features_and_windows_load(tmp_path: Path, window: int) -> None:
    network = RendererConfig(k=768, window=window)
    config = IdentityConfig("ear", network=network, features=Wav2Vec2())
    save_identity(tmp_path / "ear", config, Renderer(network), [make_clip("a")])
    ear = load_identity(tmp_path / "ear")
    assert ear.config == config and ear.renderer.config.k == 768


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "\xff", " " * 2_000_000])
def test_a_config_that_is_no_object_is_refused(bundle: Path, text: str) -> None:
    (bundle / "config.json").write_text(text, encoding="latin-1")
    with pytest.raises(BundleError, match=r"config\.json"):
        load_identity(bundle)


def without(weights: dict, key: str) -> dict:
    return {name: value for name, value in weights.items() if name != key}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda w: without(w, "fusion.0.bias"), "lacks the weight 'fusion.0.bias'"),
        (lambda w: w | {"extra": torch.zeros(1)}, "unknown weight 'extra'"),
        (lambda w: w | {"fusion.0.bias": torch.zeros(65)}, r"needs F32 \[64\]"),
        (lambda w: w | {"fusion.0.bias": torch.zeros(64).half()}, "F16"),
        (lambda w: w | {"fusion.0.bias": torch.full((64,), torch.inf)}, "NaN or infinite"),
    ],
)
def test_weights_must_fit_exactly(bundle: Path, change, expected: str) -> None:
    path = bundle / "renderer.safetensors"
    save_file(change(load_file(path)), path)
    with pytest.raises(BundleError, match=expected):
        load_identity(bundle)


@pytest.mark.parametrize("keep", [0, 7, 100, 1_000_000])
def test_truncated_weights_are_refused(bundle: Path, keep: int) -> None:
    path = bundle / "renderer.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BundleError) as error:
        load_identity(bundle)
    assert "renderer.safetensors" in sentence(error)


def test_a_header_that_claims_the_earth_is_refused(bundle: Path) -> None:
    (bundle / "renderer.safetensors").write_bytes((1 << 50).to_bytes(8, "little") + b"{}")
    with pytest.raises(BundleError, match=r"renderer\.safetensors"):
        load_identity(bundle)


def test_names_are_found_under_checkpoints(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "checkpoints").mkdir()
    bundle.rename(tmp_path / "checkpoints" / "anna")
    (tmp_path / "checkpoints" / "unfinished").mkdir()
    monkeypatch.setattr(room, "_shelves", lambda: [tmp_path / "checkpoints"])
    assert list_identities() == ["anna"]
    assert load_identity("anna").name == "anna"
    with pytest.raises(BundleError, match="built-in names .anna."):
        load_identity("bob")
    with pytest.raises(BundleError, match="revision"):
        load_identity("anna", revision="main")


# With an oracle

TINY = OracleConfig(widths=(4, 8), blocks=1)


@pytest.fixture(scope="module")
def pristine_masher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    solid = np.random.default_rng(0).normal(0, 0.1, (68, 3)).astype(np.float32)
    camera = np.array([[1792, 0, 256], [0, 1792, 256], [0, 0, 1]], np.float32)
    config = IdentityConfig("anna", geometry=FaceGeometry(solid, camera), oracle=TINY)
    folder = tmp_path_factory.mktemp("bundles") / "anna"
    return save_identity(folder, config, Renderer(), [make_clip("still")], oracle=Oracle(TINY))


@pytest.fixture
def masher(pristine_masher: Path, tmp_path: Path) -> Path:
    return shutil.copytree(pristine_masher, tmp_path / "masher")


def test_an_oracle_is_stored_in_half_precision_and_loaded_in_full(masher: Path) -> None:
    anna = load_identity(masher)
    assert anna.has_oracle and anna.oracle() is anna.oracle()
    stored = load_file(masher / "oracle.safetensors")
    for name, weight in anna.oracle().state_dict().items():
        assert weight.dtype == torch.float32 and torch.equal(weight, stored[name].float())
        assert stored[name].dtype == torch.float16
    head, mouth = anna.oracle()(torch.zeros(1, 1, 512, 512), torch.zeros(1, 1, 512, 512))
    assert head.shape == mouth.shape == (1, 3, 512, 512) and not anna.oracle().training
    assert anna.config.geometry.canonical.shape == (68, 3)


def test_full_precision_is_read_too(masher: Path) -> None:
    path = masher / "oracle.safetensors"
    save_file({name: w.float() * 1.0001 for name, w in load_file(path).items()}, path)
    weights = load_identity(masher).oracle().state_dict()
    assert all(torch.equal(weights[name], w) for name, w in load_file(path).items())


def test_a_bundle_without_an_oracle_says_so_when_it_is_asked_for(bundle: Path) -> None:
    anna = load_identity(bundle)
    assert not anna.has_oracle
    with pytest.raises(BundleError, match=r"oracle\.safetensors.*avatar train"):
        anna.oracle()


@pytest.mark.parametrize("part", ["oracle", "geometry"])
def test_all_parts_of_an_oracle_are_needed(masher: Path, part: str) -> None:
    values = json.loads((masher / "config.json").read_text())
    del values[part]
    (masher / "config.json").write_text(json.dumps(values))
    anna = load_identity(masher)
    assert not anna.has_oracle
    with pytest.raises(BundleError, match="has no oracle"):
        anna.oracle()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"oracle": []}, "'oracle'"),
        ({"oracle": {"depth": 3}}, "depth"),
        ({"oracle": {"widths": [4.5, 8]}}, "whole numbers"),
        ({"oracle": {"widths": "48"}}, "widths"),
        ({"oracle": {"widths": [10**9, 8]}}, "widths"),
        ({"oracle": {"blocks": 10**9}}, "blocks"),
        ({"oracle": {"mouth_box": [0, 0, 192, 192]}}, "mouth_box"),
        ({"geometry": []}, "'geometry'"),
        ({"geometry": {}}, "canonical"),
        ({"geometry": {"canonical": [[0]], "camera": [[0]], "perspective": True}}, "canonical"),
    ],
)
def test_a_bad_oracle_or_geometry_is_refused(masher: Path, change: dict, expected: str) -> None:
    change_config(masher, **change)
    with pytest.raises(BundleError) as error:
        load_identity(masher)
    assert expected in sentence(error)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda w: without(w, "head.out.bias"), "lacks the weight 'head.out.bias'"),
        (lambda w: w | {"extra": torch.zeros(1)}, "unknown weight 'extra'"),
        (lambda w: w | {"head.out.bias": torch.zeros(3)}, r"needs F16 or F32 \[48\]"),
        (lambda w: w | {"head.out.bias": torch.zeros(48).double()}, "F64"),
        (lambda w: w | {"head.out.bias": torch.full((48,), torch.nan)}, "NaN or infinite"),
    ],
)
def test_the_weights_of_an_oracle_must_fit_exactly(masher: Path, change, expected: str) -> None:
    path = masher / "oracle.safetensors"
    save_file(change(load_file(path)), path)
    anna = load_identity(masher)
    with pytest.raises(BundleError, match=expected) as error:
        anna.oracle()
    assert "oracle.safetensors" in sentence(error)


@pytest.mark.parametrize("keep", [0, 7, 100, 5_000])
def test_a_truncated_oracle_is_refused(masher: Path, keep: int) -> None:
    path = masher / "oracle.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BundleError) as error:
        load_identity(masher).oracle()
    assert "oracle.safetensors is damaged" in sentence(error)


def test_an_oracle_that_cannot_be_loaded_is_not_saved(masher: Path) -> None:
    broken = Oracle(TINY)
    broken.head.out.weight.data[0] = 1e6  # beyond half precision
    config = load_identity(masher).config
    with pytest.raises(BundleError, match="NaN or infinite"):
        save_identity(
            masher, config, Renderer(), [make_clip("a")], oracle=broken, overwrite=True
        )  # fmt: skip
    assert list(load_identity(masher).clips) == ["still"]


def test_an_oracle_comes_from_the_hub(
    fake_hub: FakeHub, masher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    fake_hub.repos[REPO] = masher
    assert load_identity(REPO).oracle().config == TINY


# With seen drawings


def make_seen(geometry: FaceGeometry) -> SeenDrawings:
    clip = make_clip("a")
    pose = np.tile(np.eye(4, dtype=np.float32), (3, 1, 1))
    pose[:, 2, 3] = 2
    return SeenDrawings(geometry, clip.keypoints, clip.irises, pose, clip.contour)


@pytest.fixture
def watcher(masher: Path) -> Path:
    """A bundle with seen drawings, read as far as ``config.json`` and clips."""
    anna = load_identity(masher)
    seen = make_seen(anna.config.geometry)
    clips = list(anna.clips.values())
    return save_identity(
        masher, replace(anna.config, oracle=None), anna.renderer, clips, seen=seen, overwrite=True
    )


def test_seen_drawings_are_part_of_the_bundle(watcher: Path) -> None:
    anna = load_identity(watcher)
    seen = anna.seen()
    assert len(seen) == 3 and seen is anna.seen() and seen.geometry is anna.config.geometry
    assert np.abs(seen.keypoints - make_clip("a").keypoints).max() < 0.01


def test_a_bundle_without_seen_drawings_has_none(bundle: Path, watcher: Path) -> None:
    assert load_identity(bundle).seen() is None
    change_config(watcher, name="b")
    values = json.loads((watcher / "config.json").read_text())
    del values["geometry"]
    (watcher / "config.json").write_text(json.dumps(values))
    assert load_identity(watcher).seen() is None


def test_damaged_seen_drawings_are_one_sentence(watcher: Path) -> None:
    (watcher / "seen.safetensors").write_bytes(b"no")
    anna = load_identity(watcher)
    with pytest.raises(BundleError, match=r"seen\.safetensors is damaged") as error:
        anna.seen()
    sentence(error)


def test_seen_drawings_come_from_the_hub(
    fake_hub: FakeHub, watcher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    fake_hub.repos[REPO] = watcher
    assert len(load_identity(REPO).seen()) == 3


# From the Hub


@pytest.fixture
def hub(fake_hub: FakeHub, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    monkeypatch.setattr("time.sleep", lambda _: None)  # between the Hub client's retries
    (bundle / "evil.py").write_text("raise SystemExit")
    fake_hub.repos[REPO] = bundle
    return fake_hub


def in_cache(anna: Identity) -> list[str]:
    return sorted(p.name for p in anna.folder.rglob("*") if p.is_file())


def test_a_bundle_comes_from_the_hub(hub: FakeHub) -> None:
    seen: list[tuple[str, int, int]] = []
    anna = load_identity(REPO, progress=lambda *step: seen.append(step))
    assert anna.revision == hub.commit(REPO)
    assert seen[-1][0] == "download" and seen[-1][1] == seen[-1][2] > 4_000_000
    assert in_cache(anna) == [
        "README.md", "config.json", "lively.safetensors", "preview.webp", "renderer.safetensors",
        "still.safetensors",
    ]  # fmt: skip
    assert load_identity(REPO, revision=hub.commit(REPO)).revision == anna.revision


@pytest.mark.parametrize("repo", ["studio/bob", "nobody/anna"])
def test_an_unknown_repository(hub: FakeHub, repo: str) -> None:
    with pytest.raises(BundleError) as error:
        load_identity(repo)
    assert "does not exist" in sentence(error)


def test_an_unknown_revision(hub: FakeHub) -> None:
    with pytest.raises(BundleError) as error:
        load_identity(REPO, revision="v9")
    assert "no revision 'v9'" in sentence(error)


@pytest.mark.parametrize("file", ["config.json", "renderer.safetensors"])
def test_a_missing_file_on_the_hub(hub: FakeHub, bundle: Path, file: str) -> None:
    (bundle / file).unlink()
    with pytest.raises(BundleError) as error:
        load_identity(REPO)
    assert file in sentence(error)


def fetched(hub: FakeHub, name: str) -> list[str]:
    return [r for r in hub.requests if r.startswith("GET") and "/resolve/" in r and name in r]


def test_an_interrupted_download_resumes(hub: FakeHub) -> None:
    hub.cut_once(after=2_000_000)
    assert load_identity(REPO).name == "anna"
    first, second = fetched(hub, "renderer.safetensors")
    assert "bytes=1" in second  # from the last whole block on


def test_a_download_given_up_goes_on_in_the_next_call(hub: FakeHub) -> None:
    hub.cut_once(after=2_000_000, then_refuse=True)
    with pytest.raises(BundleError) as error:
        load_identity(REPO)
    assert "cannot be reached" in sentence(error)
    hub.refused.clear()
    hub.requests.clear()
    assert load_identity(REPO).name == "anna"
    assert not fetched(hub, "config.json") and fetched(hub, "renderer.safetensors")


def test_the_copy_serves_while_the_hub_is_down(
    hub: FakeHub, caplog: pytest.LogCaptureFixture
) -> None:
    online = load_identity(REPO)
    hub.down = True
    assert load_identity(REPO).revision == online.revision
    assert "using the copy" in caplog.text


def test_the_copy_serves_without_a_network(hub: FakeHub, no_network: Callable[[], None]) -> None:
    load_identity(REPO)
    no_network()
    assert load_identity(REPO).name == "anna"


def test_no_network_and_no_copy(hub: FakeHub, no_network: Callable[[], None]) -> None:
    no_network()
    with pytest.raises(BundleError) as error:
        load_identity(REPO)
    assert "built-in identity" in sentence(error)


def test_hub_down_without_a_copy(hub: FakeHub) -> None:
    hub.down = True
    with pytest.raises(BundleError) as error:
        load_identity(REPO)
    assert "built-in identity" in sentence(error)
