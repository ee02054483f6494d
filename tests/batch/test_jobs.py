import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from avatar.batch.jobs import Job, Outcome, planned, read_jobs
from avatar.batch.results import Results
from avatar.errors import AvatarError


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_lines_are_jobs_and_take_the_defaults_for_what_they_do_not_name(tmp_path: Path) -> None:
    path = written(
        tmp_path / "jobs.jsonl",
        '\ufeff{"text": "Grüß dich.", "out": "a.mp4", "rate": 2}',
        "",
        '{"audio": "b.wav", "out": "./de/b.mp4", "clip": "still", "label": false}',
    )
    jobs, refused = read_jobs(path, {"clip": "lively", "label": True})
    assert refused == []
    assert jobs == [
        (1, Job("a.mp4", text="Grüß dich.", rate=2.0, clip="lively", label=True)),
        (3, Job("de/b.mp4", audio="b.wav", clip="still", label=False)),
    ]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('{"text": "Hi."', "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('["Hi."]', "not a JSON object"),
        ('{"text": "Hi.", "out": "a.mp4", "speed": 2}', "has no 'speed'; it has: out, text"),
        ('{"text": "Hi.", "out": "a.mp4", "rate": "fast"}', "'rate' should be a number"),
        ('{"text": "Hi.", "out": "a.mp4", "rate": true}', "'rate' should be a number"),
        ('{"text": "Hi.", "out": "a.mp4", "label": 1}', "'label' should be true or false"),
        ('{"text": 1, "out": "a.mp4"}', "'text' should be a text"),
        ('{"out": "a.mp4"}', "either a text or an audio"),
        ('{"text": "Hi.", "audio": "a.wav", "out": "a.mp4"}', "either a text or an audio"),
        ('{"text": "Hi."}', "needs a name"),
        ('{"text": "Hi.", "out": ""}', "needs a name"),
        ('{"text": "Hi.", "out": "a.mov"}', "cannot be called 'a.mov'"),
        ('{"text": "Hi.", "out": "/tmp/a.mp4"}', "inside the output folder"),
        ('{"text": "Hi.", "out": "../a.mp4"}', "inside the output folder"),
        ('{"text": "Hi.", "out": "b/../../a.mp4"}', "inside the output folder"),
        ('{"text": "Hi.", "out": ".unfinished/a.mp4"}', "without a leading dot"),
        ('{"text": "Hi.", "out": "a\\u0000.mp4"}', "cannot be called"),
        ('{"text": "Hi.", "out": "Good.mp4"}', "is taken by line 1"),
    ],
)
def test_a_bad_line_is_told_in_a_sentence_and_the_others_stay(
    tmp_path: Path, line: str, sentence: str
) -> None:
    good = '{"text": "Hi.", "out": "good.mp4"}'
    jobs, (refused,) = read_jobs(written(tmp_path / "jobs.jsonl", good, line))
    assert [number for number, _ in jobs] == [1]
    assert refused.line == 2 and sentence in refused.error and "\n" not in refused.error


@pytest.mark.parametrize(
    ("content", "sentence"), [(b"\n \n", "There are no jobs"), (b"\xff\xfe\x00", "not a text")]
)
def test_a_file_without_jobs_is_told(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "jobs.jsonl"
    path.write_bytes(content)
    with pytest.raises(AvatarError, match=sentence):
        read_jobs(path)


def test_the_fingerprint_follows_the_job_and_its_files(tmp_path: Path) -> None:
    sound = tmp_path / "a.wav"
    sound.write_bytes(b"1")
    job = Job("a.mp4", audio=str(sound))

    def fingerprint(job: Job) -> str:
        (task,), refused = planned([(7, job)])
        assert task.line == 7 and not refused
        return task.fingerprint

    first = fingerprint(job)
    assert fingerprint(job) == first != fingerprint(replace(job, rate=1.5))
    os.utime(sound, (1, 1))
    assert fingerprint(job) != first


def test_jobs_of_an_unknown_identity_are_refused() -> None:
    tasks, (refused,) = planned([(1, Job("a.mp4", "Hi.")), (2, Job("b.mp4", "Hi.", identity="x"))])
    assert [task.line for task in tasks] == [1]
    assert refused.line == 2 and "There is no identity 'x'" in refused.error


def test_results_know_what_is_there_whatever_happened_to_their_file(tmp_path: Path) -> None:
    (task,), _ = planned([(1, Job("a.mp4", "Hi."))])
    done = Outcome(1, "a.mp4", frames=9, bytes=4, fingerprint=task.fingerprint, warnings=("Oh.",))
    other = replace(done, line=5, out="other.mp4")
    (tmp_path / "a.mp4").write_bytes(b"film")
    (tmp_path / "a.receipt.json").touch()
    results = Results(tmp_path)
    for outcome in (done, other, Outcome(2, None, "It is bad.")):
        results.add(outcome)
    with results.path.open("a") as file:
        file.write('{"ok": true, "line"')  # cut off by a power failure
    results = Results(tmp_path)
    assert results.of(task) == done
    assert results.of(replace(task, fingerprint="another")) is None
    results.add(replace(done, line=3))
    assert Results(tmp_path).of(task).line == 3
    results.tidy([Outcome(2, None, "It is bad."), done])
    rows = [json.loads(line) for line in results.path.read_text().splitlines()]
    assert [(row["out"], row["ok"]) for row in rows] == [
        ("a.mp4", True), (None, False), ("other.mp4", True)
    ]  # fmt: skip
    (tmp_path / "a.mp4").write_bytes(b"another film")
    assert Results(tmp_path).of(task) is None
    (tmp_path / "a.mp4").write_bytes(b"film")
    (tmp_path / "a.receipt.json").unlink()
    assert Results(tmp_path).of(task) is None
