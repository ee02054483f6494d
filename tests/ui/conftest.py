"""The page, served once for all tests of this folder, with the committed Mira."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"


@pytest.fixture(scope="session")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where Gradio keeps what is sent and made."""
    folder = tmp_path_factory.mktemp("gradio")
    before = os.environ.get("GRADIO_TEMP_DIR")
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    yield folder
    os.environ.pop("GRADIO_TEMP_DIR") if before is None else os.environ.update(
        GRADIO_TEMP_DIR=before
    )


@pytest.fixture(scope="session")
def backstage(uploads: Path, tmp_path_factory: pytest.TempPathFactory):
    from avatar.ui.backstage import Backstage
    from avatar.ui.workshop import Workshop

    backstage = Backstage(workshop=Workshop(tmp_path_factory.mktemp("workshop")))
    backstage.warm_up()
    yield backstage
    backstage.worker.stop()
    backstage.workshop.close()


@pytest.fixture(scope="session")
def mira_film(backstage, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """A function that gives a film of Mira, 4 seconds long, under a name and to be taken away."""
    folder = tmp_path_factory.mktemp("films")
    text = "The weather changes every hour, and people leave their doors open."
    backstage.avatar().speak(text, clip="lively", out=folder / "mira.mp4")

    def film(name: str) -> str:
        return shutil.copy(folder / "mira.mp4", folder / name)

    return film


@pytest.fixture(scope="session")
def url(backstage) -> Iterator[str]:
    """Address of the served page."""
    from avatar.ui.page import build, launch_options

    demo = build(backstage)
    _, address, _ = demo.launch(prevent_thread_lock=True, quiet=True, **launch_options(backstage))
    yield address
    demo.close()


@pytest.fixture(scope="session")
def jobs_left(uploads: Path) -> Callable[[], set[Path]]:
    """A function that lists the folders of jobs that are still there."""
    return lambda: set(uploads.glob("avatar-*"))
