"""A benchmark's result as Markdown: beside each figure stands what is included in it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any


def as_markdown(result: dict[str, Any]) -> str:
    """A result of ``benchmark`` as tables, one for each part that was measured."""
    about = result["machine"]
    lines = [
        f"{result['identity']}, {result['seconds']:g} s of speech; {about['cpu']}, "
        f"{about['cores']} cores, {about['gpu'] or 'no GPU'}; torch {about['torch']}; "
        f"load before the start {about['load_before']}.",
        "",
        f"One process, one run. What is compared takes turns, {result['rounds']} of each; the "
        "median counts. A turn begins with a call that is not counted; of networks, calls are "
        f"timed for at least {result['patience_s']:g} s a turn.",
    ]
    for name, table in _TABLES.items():
        if result.get(name):
            lines += ["", *table(result[name])]
    return "\n".join(lines)


def _video(video: dict[str, Any]) -> Iterable[str]:
    return _table(("from sound to video", "", "included"), [
        ("sound to MP4", f"{video['end_to_end_s']:.2f} s",
         f"all stages below, engine {video['engine']}; not the first time in the process"),
        ("the same in real time", f"{video['speed']:.2f}x", "length of the clip over that"),
        ("the same, processor time", f"{video['processor_s']:.2f} s", "all cores, with ffmpeg's"),
        ("the same, first time", f"{video['end_to_end_cold_s']:.2f} s",
         "also building the engine and loading what listens"),
        ("first frame of the sound after", f"{1000 * video['first_frame_s']:.0f} ms",
         "warm, through Avatar.stream: listening to all of it, one frame"),
        ("first frame of a typed sentence after",
         f"{1000 * video['first_frame_of_text_s']:.0f} ms",
         "warm, through Avatar.stream: speaking all of it, one frame"),
        ("peak memory", _memory(video["peak_memory_mb"]),
         "of this process until then, without ffmpeg"),
    ])  # fmt: skip


def _stages(stages: list[dict[str, Any]]) -> Iterable[str]:
    head = ("stage, alone", "ms a frame", "processor ms a frame", "share of processor time",
            "included")  # fmt: skip
    rows = [
        (row["stage"], f"{row['wall_ms']:.2f}", f"{row['processor_ms']:.2f}",
         f"{100 * row['share']:.0f} %", row["included"])
        for row in stages
    ]  # fmt: skip
    wall, processor = (sum(row[key] for row in stages) for key in ("wall_ms", "processor_ms"))
    total = ("together", f"{wall:.2f}", f"{processor:.2f}", "100 %",
             "one after the other; in a video ffmpeg works meanwhile")  # fmt: skip
    return _table(head, [*rows, total])


def _live(live: dict[str, Any]) -> Iterable[str]:
    rows = [
        ("sessions held at real time", str(live["sessions"]),
         "all speak without a pause, JPEGs for /live included; 95 frames of 100 are in time"),
        ("first frame of a typed text after", f"{1000 * live['first_frame_s']:.0f} ms",
         "warm, over loopback, from text sent to first frame of speech received"),
    ]  # fmt: skip
    if live["sessions"]:
        late = (f"{1000 * live[key]:.0f}" for key in ("late_p50_s", "late_p95_s"))
        rows.append(("lateness then, p50 and p95", f"{' and '.join(late)} ms",
                     "below zero: ahead of its time"))  # fmt: skip
    memory = live["memory_mb"]
    rows.append(("memory a session", "not told by this system" if memory is None
                 else f"{memory:.1f} MB", "its recogniser, a text that waits, and all the "
                 "frames that may; the mean of several at once"))  # fmt: skip
    yield from _table(("live", "", "included"), rows)


def _engines(engines: list[dict[str, Any]]) -> Iterable[str]:
    yield "Network alone, from bytes to bytes, with transfers. PSNR: against the exact network in"
    yield "float32, before it rounds (rounding alone gives 58.9 dB), mean and least."
    yield ""
    head = ("engine", "frames/s, batch 1", "p50, p95 ms a frame", "frames/s, best", "its batch",
            "encode", "decode", "ratio", "PSNR dB", "mouth box dB")  # fmt: skip
    yield from _table(head, [
        (row["engine"], f"{row['fps_batch_1']:.1f}", f"{row['p50_ms']:.1f}, {row['p95_ms']:.1f}",
         f"{row['fps_best']:.1f}", str(row["best_batch"]), f"{row['encode_fps']:.1f}",
         f"{row['decode_fps']:.1f}", f"{row['ratio']:.2f}x",
         f"{row['psnr']:.1f}, {row['psnr_least']:.1f}",
         f"{row['mouth_psnr']:.1f}, {row['mouth_psnr_least']:.1f}")
        for row in engines
    ])  # fmt: skip


def _peers(peers: list[dict[str, Any]]) -> Iterable[str]:
    yield "Instead of ours, with random weights: networks alone, tensors ready; ours as above, in"
    yield "the same turns. Ratio: ours over theirs, each at its better batch size."
    yield ""
    head = ("network", "renders", "parameters", "runtime", "frames/s, batch 1", "larger batch",
            "ours, 512x512", "ratio")  # fmt: skip
    yield from _table(head, [
        (row["network"], row["renders"], f"{row['parameters'] / 1e6:.0f} M", row["runtime"],
         _rate(row["fps_batch_1"]), f"{_rate(row['fps_batch'])} ({row['batch']})",
         f"{row['ours_fps']:.1f} ({row['ours']})", f"{row['ratio']:.1f}x")
        for row in peers
    ])  # fmt: skip


def _gpu(gpu: dict[str, Any]) -> Iterable[str]:
    yield f"{gpu['engine']}: a frame costs {gpu['flops_a_frame'] / 2e9:.3f} GMAC. Limits as"
    yield f"measured here: copy {gpu['bandwidth_limit'] / 1e9:.0f} GB/s, product of matrices"
    yield f"{gpu['compute_limit'] / 1e12:.1f} TFLOPS. Traffic is that of the layers, each map"
    yield "read and written once, twice read by a norm."
    yield ""
    head = ("batch", "frames/s with transfers", "on the device", "share of bandwidth",
            "share of compute")  # fmt: skip
    yield from _table(head, [
        (str(row["batch"]), f"{row['fps']:.0f}", f"{row['fps_on_device']:.0f}",
         f"{100 * row['bandwidth_share']:.0f} %", f"{100 * row['compute_share']:.0f} %")
        for row in gpu["batches"]
    ])  # fmt: skip


def _long(long: dict[str, Any]) -> Iterable[str]:
    tenths = long["tenths"]
    memory = ", ".join(_memory(row["memory_mb"]) for row in tenths)
    return _table(("one long video", "", "included"), [
        ("sound to MP4", f"{long['total_s']:.1f} s ({long['speed']:.2f}x real time)",
         f"engine {long['engine']}; two seconds of video were made before"),
        ("hear it", f"{long['hear_s']:.1f} s", "all of it, before the first frame"),
        ("a frame, by tenths", ", ".join(f"{row['ms']:.2f}" for row in tenths),
         f"ms; about {tenths[-1]['frames']} frames each, drawn, encoded and written"),
        ("memory, by tenths", memory, "of this process, at the end of each"),
        ("look at the file", f"{long['look_s']:.1f} s", "it is decoded again, lips are read"),
        ("peak memory", _memory(long["peak_memory_mb"]), "of this process, without ffmpeg"),
    ])  # fmt: skip


_TABLES: dict[str, Callable[[Any], Iterable[str]]] = {
    "video": _video, "stages": _stages, "live": _live, "engines": _engines, "peers": _peers,
    "gpu": _gpu, "long": _long,
}  # fmt: skip
"""How each part of ``run.PARTS`` is shown."""


def _memory(megabytes: float | None) -> str:
    return "not told by this system" if megabytes is None else f"{megabytes:.0f} MB"


def _rate(value: float) -> str:
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
