"""The file that says how a training goes, and what a run that was begun allows."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from avatar.errors import AvatarError
from avatar.identity import Identity, IdentityConfig
from avatar.nets.renderer import Renderer, RendererConfig
from avatar.training.config import FILE, TrainingConfig, begun, settle


def config(folder: Path, values: Any) -> TrainingConfig:
    path = folder / "my.json"
    path.write_text(values if isinstance(values, str) else json.dumps(values))
    return TrainingConfig.read(path)


def renderer(**schedule: float) -> dict[str, Any]:
    return {"renderer": {"training": {"schedule": schedule}}}


def test_the_printed_defaults_are_read_back(tmp_path: Path) -> None:
    text = TrainingConfig().to_json()
    assert config(tmp_path, text) == TrainingConfig()
    assert list(json.loads(text)) == ["start", "minutes", "oracle", "synthetic", "renderer"]
    assert "mouth_box" not in text and "classical" not in text


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    values = {
        "oracle": {"network": {"widths": [8, 16]}},
        "synthetic": {"furthest": 30},
        "renderer": {"network": {"mouth_latent": "full"}, "training": {"synthetic_ratio": 1}},
    }
    read = config(tmp_path, values | {})
    assert read.oracle.network.widths == (8, 16) and read.synthetic.furthest == 30.0
    assert read.renderer.network.mouth_latent == "full"
    assert read.renderer.training.synthetic_ratio == 1.0
    assert read.renderer.training.schedule == TrainingConfig().renderer.training.schedule
    assert config(tmp_path, read.to_json()) == read


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ("{", "no JSON"),
        ([1], r"my\.json should be an object, not \[1\]"),
        ({"oracel": {}}, r"my\.json knows no 'oracel'; it knows: start, minutes, oracle"),
        ({"synthetic": {"seeds": 1}}, r"my\.json: synthetic knows no 'seeds'.*seed"),
        ({"renderer": {"network": {"mouth_box": [1, 2, 3, 4]}}}, "network knows no 'mouth_box'"),
        (renderer(steps="many"), 'schedule: steps should be like 40000, not "many"'),
        (renderer(steps=True), "steps should be like 40000, not true"),
        (renderer(steps=1.5), "steps should be like"),
        (renderer(batch=0), "schedule cannot be used: expected batch of at least 1, got 0"),
        ({"oracle": {"network": {"widths": [8]}}}, "network cannot be used: expected 2 to 6"),
        ({"oracle": {"network": {"widths": ["8", 8]}}}, "widths should be like"),
        ({"renderer": {"network": {"mouth_latent": "half"}}}, "expected mouth_latent"),
        ({"renderer": {"training": {"synthetic_ratio": 1.2}}}, r"synthetic_ratio in 0\.\.1"),
        ({"synthetic": {"weakest": 2}}, "weakest <= strongest"),
        ('{"synthetic": {"furthest": NaN}}', "furthest"),
        ({"minutes": -1}, "expected minutes above 0, got -1"),
        ({"start": None}, 'start should be like "mira", not null'),
    ],
)
def test_what_cannot_be_is_told(tmp_path: Path, values: Any, sentence: str) -> None:
    with pytest.raises(AvatarError, match=sentence) as error:
        config(tmp_path, values)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(AvatarError, match=r"my\.json is missing"):
        TrainingConfig.read(tmp_path / "my.json")


def test_a_run_goes_on_as_it_was_begun(tmp_path: Path) -> None:
    run, wanted = tmp_path / "runs" / "mira", config(tmp_path, renderer(batch=4, steps=70))
    assert begun(run) is None
    settle(run, wanted)
    assert begun(run) == wanted
    settle(run, wanted)


def test_steps_and_minutes_may_grow_and_logs_be_written_at_other_times(tmp_path: Path) -> None:
    settle(tmp_path, config(tmp_path, renderer(steps=70)))
    values = renderer(steps=90, log_every=3, sample_every=4, save_every=5) | {"minutes": 2}
    more = config(tmp_path, values)
    settle(tmp_path, more)
    assert begun(tmp_path) == more == TrainingConfig.read(tmp_path / FILE)
    with pytest.raises(AvatarError, match=r"begun with minutes = 2.0, not 1.0"):
        settle(tmp_path, replace(more, minutes=1.0))


def test_networks_are_those_of_the_identity_to_start_from() -> None:
    renderer = Renderer(RendererConfig(audio_mix="table", mouth_box=(10, 10, 64, 64)))
    made_up = IdentityConfig("nobody", network=renderer.config)
    nobody = Identity(made_up, renderer, {}, Path("nowhere"))
    fitted = TrainingConfig().fitted(nobody)
    assert fitted.renderer.network == renderer.config
    assert fitted.oracle == TrainingConfig().oracle, "it has none"
    assert fitted.fitted(nobody) == fitted
    assert TrainingConfig().fitted(None) == TrainingConfig()
    network = replace(fitted.renderer, network=RendererConfig(context_blocks=1))
    with pytest.raises(AvatarError, match="renderer's network is that of mira.*--start none"):
        replace(fitted, renderer=network).fitted(nobody)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        (renderer(steps=60), r"renderer\.training\.schedule\.steps = 70, not 60"),
        (renderer(steps=90, batch=2), r"renderer\.training\.schedule\.batch = 1, not 2"),
        (renderer(steps=70) | {"synthetic": {"seed": 1}}, r"synthetic\.seed = 0, not 1"),
        (
            renderer(steps=70) | {"oracle": {"network": {"widths": [8, 8]}}},
            r"oracle\.network\.widths = \[48, 96, 192, 192\], not \[8, 8\]",
        ),
    ],
)
def test_a_run_that_was_begun_otherwise_is_refused(tmp_path: Path, values: Any, key: str) -> None:
    settle(tmp_path, config(tmp_path, renderer(steps=70)))
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(AvatarError, match=f"begun with {key}: only steps and minutes may grow"):
        settle(tmp_path, config(tmp_path, values))
    assert (tmp_path / FILE).read_bytes() == before
