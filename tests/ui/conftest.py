"""The page, served once for all tests of this folder, with the committed Mira."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browsing import CHROMIUM, PATIENCE_MS
from films import film


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
    backstage.live.close()
    backstage.worker.stop()
    backstage.workshop.close()


@pytest.fixture(scope="session")
def mira_film(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """A function that gives a film of Mira, 4 seconds long, under a name and to be taken away."""
    folder = tmp_path_factory.mktemp("films")
    return lambda name: str(film(folder / name, "-t", "4", "-c", "copy"))


@pytest.fixture(scope="session")
def ballots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to vote on: two clips by two methods, and one that a method alone has."""
    folder = tmp_path_factory.mktemp("ballots")
    shown = [(method, clip) for clip in ("hello.mp4", "bye, all.mp4") for method in ("mira", "nvp")]
    for n, (method, clip) in enumerate([*shown, ("nvp", "alone.mp4")]):
        (folder / method).mkdir(exist_ok=True)
        film(folder / method / clip, "-t", "0.4", "-vf", f"scale=128:128,eq=brightness=-{n / 10}",
             "-metadata", f"title={method}", "-metadata:s:v", f"handler_name={method}")  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def url(backstage, ballots: Path) -> Iterator[str]:
    """Address of the served page, and of people's votes at /blind."""
    from avatar.ui.blind import Stage
    from avatar.ui.page import build, launch_options
    from avatar.ui.votes import Poll

    demo = build(backstage, Stage(Poll(ballots)))
    _, address, _ = demo.launch(prevent_thread_lock=True, quiet=True, **launch_options(backstage))
    yield address
    demo.close()
    demo.ballots.close()


@pytest.fixture(scope="session")
def browser() -> Iterator:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM)
        playwright.expect.set_options(timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, url: str) -> Iterator[Callable]:
    """A function that opens the page at a width and colour scheme."""
    contexts = []

    def open_page(width: int = 1280, scheme: str = "light", path: str = ""):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.hosts = set()
        page.on("request", lambda request: page.hosts.add(urlsplit(request.url).hostname))
        page.goto(url + path)
        page.wait_for_selector("video" if path else ".stage img")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def jobs_left(uploads: Path) -> Callable[[], set[Path]]:
    """A function that lists the folders of jobs that are still there."""
    return lambda: set(uploads.glob("avatar-*"))
