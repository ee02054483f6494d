"""The Compare tab's handlers, with a program in place of the verb that leaves a folder."""

import json
import shutil
import sys
import time
import zipfile
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from fake_report import PROGRAM, make_report, make_videos
from gradio_client import Client, handle_file

from avatar.errors import AvatarError
from avatar.ui import compare_request, job
from avatar.ui.compare import EXAMPLE, EXAMPLE_VIDEOS, Handlers
from avatar.ui.compare_report import Report
from avatar.ui.compare_request import Comparison
from avatar.ui.compare_view import numbers, plot, table

NAMES = ("true.mp4", "one.mp4", "two.mp4")
TRUE = "true.mp4, itself"
"""Its row."""


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> list[Path]:
    return make_videos(tmp_path_factory.mktemp("videos"), *NAMES, "slow.mp4", "broken.mp4")


@pytest.fixture(scope="module")
def report(videos, tmp_path_factory) -> Report:
    folder = make_report(tmp_path_factory.mktemp("report") / "r", list(NAMES[1:]))
    return Report.read(folder, videos[:3])


@pytest.fixture
def verb(monkeypatch):
    program = PROGRAM.format(path=[str(Path(__file__).parents[1]), str(Path(__file__).parents[2])])
    monkeypatch.setattr(job, "PROGRAM", (sys.executable, "-c", program))


def finished(steps):
    *_, last = steps
    return last


def test_a_comparison_gives_numbers_files_and_a_report(verb, videos, uploads):
    true, one, two = map(str, videos[:3])
    first, *_, last = Handlers().compare(true, [one, two])
    assert first[:2] == (None, None)
    info, files, status, report = last
    assert [row["name"] for row in info["rows"]][1:3] == list(NAMES[1:])
    assert {Path(f).name for f in files} >= {
        "comparison.json", "table.csv", "table.md", "frames.csv", "side_by_side.mp4", "psnr.png"
    }  # fmt: skip
    assert list(report.videos.values()) == videos[:3] and "2.0 s" in status
    assert {path.name for path in report.folder.parent.iterdir()} == {"comparison"}
    said = json.loads((report.folder / "arguments.json").read_text())
    assert said[:3] == [true, one, two] and "--no-reference" not in said and "--audio" not in said


def test_progress_is_told_by_stage(verb, videos):
    told = [step[2] for step in Handlers().compare(str(videos[0]), [str(videos[1])])]
    assert any("Finding faces" in text and "25 %" in text for text in told)


def test_without_a_reference_one_video_is_enough(verb, videos):
    steps = Handlers().compare(str(videos[0]), [str(videos[1])], True)
    info, _, _, report = finished(steps)
    assert info["reference"] is None and list(report.videos) == ["one.mp4"]
    assert Handlers().pictures(report, 3, "one.mp4", "one.mp4")[0].shape == (160, 160, 3)


@pytest.mark.parametrize(
    ("judged_by", "arguments"),
    [("own", []), ("reference", ["--audio"]), ("file", ["--sound", "hello.wav"])],
)
def test_which_sound_judges(videos, judged_by, arguments):
    wanted = Comparison(str(videos[0]), (str(videos[1]),), judged_by, "hello.wav")
    verb = wanted.verb(Path("r"))
    assert verb == ["compare", str(videos[0]), str(videos[1]), "--report", "r", *arguments]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ((None, ["one.mp4"]), "no reference"),
        (("true.mp4", []), "nothing to measure"),
        (("true.mp4", ["one.mp4"] * 5), "Up to 4"),
        (("true.mp4", ["gone.mp4"]), "gone.mp4' does not exist"),
        (("true.mp4", ["broken.mp4"]), "'broken.mp4' shows no face"),
        ((None, ["one.mp4"], True, "reference"), "Without a reference"),
        (("true.mp4", ["one.mp4"], False, "file"), "add the recording"),
        (("true.mp4", ["one.mp4"], False, "loudest"), "not something else"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(verb, videos, jobs_left, given, sentence):
    folder, before = videos[0].parent, jobs_left()
    reference, candidates, *how = given
    paths = [str(folder / name) for name in candidates]
    with pytest.raises(gr.Error, match=sentence) as caught:
        finished(Handlers().compare(reference and str(folder / reference), paths, *how))
    assert not caught.value.print_exception and jobs_left() == before


def test_long_and_large_videos_are_refused(videos, monkeypatch):
    monkeypatch.setattr(compare_request, "MAX_MINUTES", 0.01)
    with pytest.raises(AvatarError, match="true.mp4 is longer than"):
        Comparison(str(videos[0]), (str(videos[1]),))
    monkeypatch.setattr(compare_request, "VIDEO_MB", 0)
    with pytest.raises(AvatarError, match="true.mp4 is larger than"):
        Comparison(str(videos[0]), (str(videos[1]),))


def test_a_comparison_that_is_left_ends_and_leaves_nothing(verb, videos, jobs_left):
    before = jobs_left()
    steps = Handlers().compare(str(videos[0]), [str(videos[3])])
    while "Finding faces" not in next(steps)[2]:
        pass
    start = time.monotonic()
    steps.close()
    assert jobs_left() == before and time.monotonic() - start < 60


def test_other_programs_send_files_and_get_the_numbers(verb, videos, url):
    client = Client(url, verbose=False)
    api = client.view_api(return_format="dict")["named_endpoints"]["/compare"]
    assert [p["parameter_name"] for p in api["parameters"]] == [
        "reference", "candidates", "no_reference", "judged_by", "sound"
    ]  # fmt: skip
    assert [r["label"] for r in api["returns"]][:2] == ["Comparison", "Files"]
    info, files, _ = client.predict(
        reference=handle_file(videos[0]), candidates=[handle_file(videos[1])], api_name="/compare"
    )
    comparison = next(Path(f) for f in files if Path(f).name == "comparison.json")
    assert json.loads(comparison.read_text()) == info
    assert any(Path(f).read_bytes()[4:8] == b"ftyp" for f in files)


def test_the_table_says_what_is_best_missing_and_worthless(report):
    html = table(report)
    assert html.count("<details>") == 7 and html.count("Computed on both") == 7
    assert '<td class="candidate first best" title="the best"><b>35.27</b></td>' in html
    assert "A warning &amp; more." in html and "<b>Grey:</b> It cannot" in html
    assert html.count('class="metric grey" title="It cannot tell the frozen mouth apart."') == 1
    assert '<td class="missing" colspan="6">n/a: weights not found (lpips)</td>' in html
    assert 'title="It is what the others are held against.">n/a</td>' in html
    assert "shuffled sound 1.50, shifted +5 −2.25" in html
    assert 'title="better, though made to be worse: shuffled sound">7.25&nbsp;‡' in html
    assert "<span>true.mp4</span>" in html and report.names[TRUE] == "true.mp4"
    assert all(f'<abbr title="{t}' in html for t in ("higher", "lower", "best at zero"))


def test_names_cannot_break_the_page(videos, tmp_path):
    name = "<img src=x onerror=alert(1)>.mp4"
    folder = make_report(tmp_path / "r", [name])
    report = Report.read(folder, videos[:2])
    assert "<img" not in table(report) + plot(report, "opening")


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([36.271, None, 4], ["36.27", "", "4.00"]),
        ([0.98765, 1.0], ["0.988", "1.000"]),
        ([1234.5, 0.1], ["1234", "0"]),
        ([1.0, 2.0], ["1", "2"]),
        ([float("nan"), 5.5], ["", "5.50"]),
        ([-0.0001, 0.5], ["0.000", "0.500"]),
    ],
)
def test_numbers(values, texts):
    assert numbers(values) == texts
    assert numbers([-1.0, 0.0, 2.0], signed=True) == ["−1", "0", "+2"]


def test_a_curve_has_gaps_and_few_points(report):
    html = plot(report, "psnr")
    assert html.count("<path") - html.count("tick") == 5  # the reference has none
    first = report.curves["psnr"]["one.mp4"]
    assert np.isnan(first[7]) and len(first) == 50
    candidate = html.split('class="c1" d="')[1].split('"')[0]
    assert candidate.count("M") == 2 and candidate.count("L") == 47
    assert list(report.curves) == ["opening", "psnr"]
    long = Report(report.folder, report.comparison, report.videos,
                  {"psnr": {"one.mp4": np.arange(4500.0)}})  # fmt: skip
    assert len(plot(long, "psnr")) < 12_000 and plot(long, "nothing") == ""


def test_pictures_are_of_the_frame_and_of_one_size(report):
    handlers = Handlers()
    left, right = handlers.pictures(report, 10, TRUE, "two.mp4")
    assert left.shape == right.shape == (160, 160, 3)
    assert left.mean() - right.mean() > 20  # the second is darker
    later, _ = handlers.pictures(report, 40, TRUE, "one.mp4")
    assert np.abs(later.astype(int) - left).max() > 20
    beyond, _ = handlers.pictures(report, 4000, TRUE, "one.mp4")
    assert beyond.shape == left.shape
    with pytest.raises(gr.Error, match="no video"):
        handlers.pictures(report, 0, "../x", "one.mp4")


def test_everything_is_a_zip(report):
    with zipfile.ZipFile(Handlers().archive(report)) as archive:
        names = archive.namelist()
    assert "comparison/plots/psnr.png" in names and "comparison/comparison.json" in names


def test_what_was_deleted_meanwhile_is_one_sentence(videos, tmp_path, jobs_left):
    gone = shutil.copy(videos[0], tmp_path / "gone.mp4")
    folder, before = make_report(tmp_path / "r", ["one.mp4"]), jobs_left()
    report = Report.read(folder, [gone, videos[1]])
    Handlers().pictures(report, 0, TRUE, TRUE)
    Path(gone).unlink()
    shutil.rmtree(folder)
    with pytest.raises(gr.Error, match="no more"):
        Handlers().pictures(report, 0, TRUE, TRUE)
    with pytest.raises(gr.Error, match="deleted"):
        Handlers().archive(report)
    assert jobs_left() == before


def test_a_damaged_folder_is_one_sentence(videos, tmp_path):
    folder = make_report(tmp_path / "r", ["one.mp4"])
    (folder / "comparison.json").write_text("{}")
    with pytest.raises(AvatarError, match="cannot be read"):
        Report.read(folder, videos[:2])


def test_the_example_is_whole():
    report = Handlers().example(None)
    assert Handlers().example(report) is report
    assert [path.name for path in report.videos.values()] == [v.name for v in EXAMPLE_VIDEOS]
    assert {"psnr", "opening"} <= set(report.curves)
    assert sum(f.stat().st_size for f in EXAMPLE.rglob("*") if f.is_file()) < 3e6
    assert str(report.folder.parent) not in json.dumps(report.comparison)
