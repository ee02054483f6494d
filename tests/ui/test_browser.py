"""The page as people meet it: in headless Chromium, at two widths, light and dark."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browsing import CHROMIUM, eventually, keep

from avatar.speech import tts
from avatar.speech.audio import save_wav

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_fits_the_screen_and_asks_no_other_host(open_page, url, width, scheme):
    page = open_page(width, scheme)
    page.wait_for_function("document.querySelector('.clip-style style') !== null")
    keep(page, f"page-{width}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.hosts <= {urlsplit(url).hostname, None}
    assert page.get_by_alt_text("Mira").evaluate("e => e.naturalWidth") >= 256


def test_a_typed_text_becomes_a_video(open_page):
    page = open_page()
    page.get_by_placeholder("What shall she say?").fill("Hi there.")
    page.get_by_role("button", name="Generate").click()
    page.wait_for_selector(".stage video")
    page.wait_for_selector(".timeline svg")
    page.wait_for_function("document.querySelector('.stage video').readyState >= 2")
    playwright.expect(page.get_by_role("button", name="Generate")).to_be_enabled()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download video").click()
    assert download.value.suggested_filename == "mira-ai-generated.mp4"
    assert download.value.path().read_bytes()[4:8] == b"ftyp"
    assert "no frame lost" in page.locator(".receipt").inner_text()
    with page.expect_download() as download:
        page.get_by_role("button", name="Sync receipt").first.click()
    assert json.loads(download.value.path().read_text())["passed"] is True
    keep(page, "page-video")


def upload(page, path: Path) -> None:
    page.get_by_role("tab", name="Audio").click()
    with page.expect_response("**/upload*"):
        page.locator("input[type=file]").first.set_input_files(path)
    page.wait_for_timeout(500)
    page.get_by_role("button", name="Generate").click()


def test_an_uploaded_recording_becomes_a_video(open_page, tmp_path):
    path = tmp_path / "yes.wav"
    save_wav(path, next(tts.speak("Yes.")).sound)
    page = open_page(390)
    upload(page, path)
    page.wait_for_selector(".stage video")


def test_a_bad_file_is_one_sentence_and_the_page_goes_on(open_page, tmp_path):
    path = tmp_path / "song.wav"
    path.write_text("no song")
    page = open_page()
    upload(page, path)
    toast = page.get_by_test_id("toast-body")
    playwright.expect(toast).to_contain_text("song.wav")
    assert "Traceback" not in toast.inner_text()
    playwright.expect(page.get_by_role("button", name="Generate")).to_be_enabled()


def test_cancel_and_at_once_again(open_page, jobs_left):
    page, before = open_page(), jobs_left()
    page.get_by_placeholder("What shall she say?").fill("One more sentence to say. " * 30)
    for _ in range(2):
        page.get_by_role("button", name="Generate").click()
        page.get_by_text("Rendering", exact=True).wait_for()
        assert jobs_left() - before
        page.get_by_role("button", name="Cancel").click()
    playwright.expect(page.get_by_role("button", name="Generate")).to_be_enabled()
    eventually(page, lambda: jobs_left() <= before)
    assert page.get_by_text("Nothing was kept").is_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_frames_are_scrubbed_and_mashed(open_page, width, scheme):
    page = open_page(width, scheme)
    page.get_by_role("tab", name="Mash").click()
    page.get_by_text("between the two heads").wait_for()  # the first mash comes alone
    photo, drawing, oracle = (
        page.get_by_alt_text(name, exact=True)
        for name in ("i gives the mouth", "Drawing of i", "Mash, by the oracle")
    )
    before = [picture.get_attribute("src") for picture in (photo, drawing)]
    page.get_by_label("range slider for Frame i").focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    for picture, old in zip((photo, drawing), before, strict=True):
        playwright.expect(picture).not_to_have_attribute("src", old)
    old = oracle.get_attribute("src")
    page.get_by_role("button", name="Mash", exact=True).click()
    playwright.expect(oracle).not_to_have_attribute("src", old)
    keep(page, f"mash-{width}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert oracle.evaluate("e => e.naturalWidth") == 512


def test_the_proof_plays(open_page):
    page = open_page(390)
    page.get_by_role("tab", name="Mash").click()
    page.get_by_role("textbox", name="Sentence").fill("Oh.")
    page.get_by_role("button", name="Prove it").click()
    page.get_by_text("open in silence").wait_for()
    page.wait_for_function("document.querySelector('.screen video').readyState >= 2")
    keep(page, "proof")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    with page.expect_download() as download:
        page.get_by_role("button", name="Download video").last.click()
    assert download.value.suggested_filename == "mira-proof-ai-generated.mp4"
    with page.expect_download() as download:
        page.get_by_role("button", name="Sync receipt").last.click()
    assert download.value.suggested_filename == "mira-proof-ai-generated.receipt.json"


def test_a_proof_is_cancelled(open_page, jobs_left):
    page = open_page()
    page.get_by_role("tab", name="Mash").click()
    page.get_by_role("button", name="Prove it").click()
    page.locator(".screen img").wait_for()
    page.get_by_text("Rendering").last.wait_for()
    jobs = jobs_left()
    page.get_by_role("button", name="Cancel").last.click()
    page.get_by_text("Nothing was kept").wait_for()
    eventually(page, lambda: len(jobs_left() & jobs) == len(jobs) - 1)
    playwright.expect(page.get_by_role("button", name="Prove it")).to_be_enabled()
    assert page.get_by_text("Nothing was kept").is_visible()


def test_films_are_prepared_with_consent_alone_and_found_again(open_page, backstage, mira_film):
    page = open_page(1280, "light")
    open_studio = page.get_by_role("tab", name="Your avatar").click
    open_studio()
    prepare = page.get_by_role("button", name="Prepare", exact=True)
    playwright.expect(prepare).to_be_disabled()
    with page.expect_response("**/upload*"):
        page.locator("input[type=file]").last.set_input_files(mira_film("me.mp4"))
    page.get_by_label("Who is in the films").fill("Mira")
    page.get_by_label("How to reach this person").fill("mira@example.org")
    page.wait_for_timeout(1000)
    playwright.expect(prepare).to_be_disabled()
    page.get_by_label("I am this person").check()
    playwright.expect(prepare).to_be_enabled()
    prepare.click()
    page.get_by_role("button", name="Stop").wait_for()
    page.reload()
    page.wait_for_selector(".stage img")
    open_studio()
    page.get_by_text("These films will not do.").wait_for()
    page.get_by_text("5 minutes in which").wait_for()
    page.wait_for_function("document.querySelectorAll('.part img').length >= 7")
    for width, scheme in ((1280, "light"), (390, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        keep(page, f"studio-{width}-{scheme}")
        assert page.evaluate("document.documentElement.scrollWidth") == width
    page.get_by_role("button", name="Start training").click()
    playwright.expect(page.get_by_test_id("toast-body")).to_contain_text("refused")
    page.get_by_role("button", name="Begin again").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    prepare.wait_for()
    assert not list(backstage.workshop.home.iterdir())
