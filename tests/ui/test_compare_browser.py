"""The Compare tab and the blind page as people meet them, in headless Chromium."""

import csv
import re
import sys
from pathlib import Path

import pytest
from browsing import CHROMIUM, keep
from fake_report import PROGRAM, make_videos

from avatar.ui import job

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture
def verb(monkeypatch):
    program = PROGRAM.format(path=[str(Path(__file__).parents[1]), str(Path(__file__).parents[2])])
    monkeypatch.setattr(job, "PROGRAM", (sys.executable, "-c", program))


def test_the_example_opens_at_once_and_is_looked_into(open_page):
    page = open_page()
    page.get_by_role("tab", name="Compare").click()
    page.locator(".measured .best").first.wait_for()
    pictures = page.locator(".over img")
    expect(pictures.first).to_have_attribute("src", re.compile("."))
    recipe = page.locator(".measured .recipe").first
    expect(recipe).to_be_hidden()
    page.locator(".measured summary").first.focus()
    page.keyboard.press("Enter")
    expect(recipe).to_be_visible()
    before = pictures.first.get_attribute("src")
    mark = page.locator(".curves .playhead")
    at = mark.evaluate("e => e.style.left")
    page.locator(".curves .scroll").click(position={"x": 30, "y": 100})
    expect(pictures.first).not_to_have_attribute("src", before)
    assert float(mark.evaluate("e => e.style.left")[:-1]) < float(at[:-1])
    title = page.locator(".curves .scroll").get_attribute("aria-label")
    page.locator(".metrics label").last.click()
    expect(page.locator(".curves .scroll")).not_to_have_attribute("aria-label", title)
    page.wait_for_function("document.querySelector('.beside video').readyState >= 2")
    for width, scheme in ((1280, "light"), (390, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        keep(page, f"compare-{width}-{scheme}")
        assert page.evaluate("document.documentElement.scrollWidth") == width
    with page.expect_download() as download:
        page.get_by_role("button", name="Download everything").click()
    assert download.value.suggested_filename == "comparison.zip"


def test_videos_are_compared_refused_and_cancelled(open_page, verb, jobs_left, tmp_path):
    videos = make_videos(tmp_path, "true.mp4", "one.mp4", "broken.mp4", "slow.mp4")
    page = open_page()
    page.get_by_role("tab", name="Compare").click()
    page.locator(".measured").wait_for()
    reference, candidates = (page.locator(".drop").nth(n) for n in (0, 1))
    go, cancel = (page.get_by_role("button", name=n, exact=True) for n in ("Compare", "Cancel"))
    _send(page, reference, videos[0])
    _send(page, candidates, videos[2])
    go.click()
    toast = page.get_by_test_id("toast-body")
    expect(toast).to_contain_text("'broken.mp4' shows no face.")
    expect(go).to_be_enabled()
    before = jobs_left()
    for video, what in ((videos[3], "Finding faces"), (videos[1], "measured in")):
        page.locator(".drop").nth(1).get_by_label("Clear").click()
        _send(page, candidates, video)
        go.click()
        page.get_by_text(what).last.wait_for()
        if video == videos[3]:
            cancel.last.click()
            page.get_by_text("Nothing was kept").wait_for()
    expect(page.locator(".measured thead")).to_contain_text("one.mp4")
    assert len(jobs_left() - before) == 1


def test_people_vote_without_knowing_on_what(open_page, ballots):
    page = open_page(390, "dark", "blind")
    names = []
    page.on("request", lambda request: names.append(request.url))
    keep(page, "blind-390-dark")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for choice, place in (("Left", "2 of 2"), ("No difference", "Thank you")):
        page.get_by_role("button", name="Play both").click()
        page.wait_for_function(
            "[...document.querySelectorAll('.pair video')].every((v) => v.currentTime > 0)"
        )
        page.get_by_role("button", name=choice, exact=True).click()
        page.get_by_text(place).wait_for()
    html = page.content() + " ".join(names)
    assert not any(name in html for name in ("nvp", "hello", "bye, all"))
    with (ballots / "votes.csv").open(newline="") as file:
        votes = list(csv.DictReader(file))
    assert [vote["choice"] for vote in votes] == ["left", "none"]
    assert len({vote["session"] for vote in votes}) == 1
    page.reload()
    page.get_by_text("Thank you").wait_for()


def _send(page, upload, path: Path) -> None:
    with page.expect_response("**/upload*"):
        upload.locator("input[type=file]").set_input_files(path)
    page.get_by_text(path.stem, exact=False).first.wait_for()
