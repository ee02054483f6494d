"""The backstage where a GPU is lent, as on ZeroGPU: by a decorator that forks."""

import multiprocessing
import os
from dataclasses import replace
from pathlib import Path

import pytest
from fake_engine import QuickEngine

from avatar import Avatar
from avatar.identity import load_identity
from avatar.speech.features import Wav2Vec2
from avatar.ui import page
from avatar.ui.backstage import Backstage, gpu_seconds
from avatar.ui.request import Request, Result, Update


def forked(generator):
    """Like ``spaces.GPU``: run in a forked process, everything by value."""

    def run(*args):
        context = multiprocessing.get_context("fork")
        receiver, sender = context.Pipe(duplex=False)

        def child():
            for item in generator(*args):
                sender.send(item)
            sender.send(os.getpid())

        process = context.Process(target=child)
        process.start()
        while not isinstance(item := receiver.recv(), int):
            yield item
        assert item != os.getpid()
        process.join()

    return run


def refused(generator):
    """As when a visitor's quota is spent."""

    def run(*args):
        raise RuntimeError("You have exceeded your GPU quota")
        yield

    return run


def finished(backstage: Backstage, folder: Path) -> Result:
    *updates, result = backstage.perform(Request(text="Yes."), folder)
    assert all(isinstance(update, Update) for update in updates)
    return result


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_job_in_a_forked_process(backstage, tmp_path, monkeypatch):
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # pools of threads do not survive a fork
    forking = Backstage(forked)
    forking.worker = backstage.worker
    monkeypatch.setattr(forking, "_engine", "torch")
    try:
        result = finished(forking, tmp_path / "job")
    finally:
        torch.set_num_threads(threads)
    assert result.video.is_file()


def test_without_a_free_gpu_the_cpu_renders(backstage, tmp_path, caplog):
    refusing = Backstage(refused)
    refusing.worker = backstage.worker
    result = finished(refusing, tmp_path / "job")
    assert result.video.is_file() and "quota" in caplog.text


def test_what_cannot_be_fetched_ahead_is_one_line_in_the_log(
    backstage, fake_hub, no_network, monkeypatch, caplog
):
    """Of an identity that listens through wav2vec 2.0, on a machine without a network."""
    mira = load_identity("mira")
    listener = replace(mira, config=replace(mira.config, features=Wav2Vec2("org/none", "main")))
    monkeypatch.setattr(backstage, "avatar", lambda name="": Avatar(listener, QuickEngine()))
    no_network()
    page._warm_up(backstage)
    (line,) = (record for record in caplog.records if record.name.startswith("avatar"))
    assert line.exc_info is None and "org/none" in line.message and "\n" not in line.message


def test_seconds_on_the_gpu_follow_the_speech(backstage, tmp_path):
    result = finished(backstage, tmp_path / "job")
    assert 15 <= gpu_seconds("mira", result.speech, Request(text="x"), tmp_path) <= 20
