"""A comparison's folder, as ``python -m avatar compare`` leaves it, with numbers made up here."""

import csv
import json
import math
from pathlib import Path

from films import film

RECIPE = "Computed on both and averaged over the frames."
METRICS = (
    ("psnr", "PSNR", "dB", "higher", "picture"),
    ("mouth_ssim", "SSIM, mouth", "", "higher", "picture"),
    ("lpips", "LPIPS", "", "lower", "picture"),
    ("dlip_px", "Dlip", "px", "lower", "lips"),
    ("lse_d", "LSE-D", "", "lower", "sync"),
    ("mouth_sync_offset", "Mouth sync, offset", "frames", "zero", "sync"),
    ("blinks", "Blinks", "a minute", "", "motion"),
)
"""key, name, unit, better, group."""
CONTROLS = ("shuffled sound", "shifted +5", "frozen mouth")
NO_WEIGHTS = "n/a: weights not found (lpips)"
FRAMES, FPS = 50, 25


def make_videos(folder: Path, *names: str) -> list[Path]:
    """Two-second films of Mira, the second and later ones darker."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        film(folder / name, "-t", "2", "-r", "25", "-vf", f"scale=160:160,eq=brightness=-{n / 8}")
        for n, name in enumerate(names)
    ]


def make_report(folder: Path, candidates: list[str], reference: str | None = "true.mp4") -> Path:
    """Write the folder, with keys that no reader knows yet."""
    (folder / "plots").mkdir(parents=True)
    kinds = [*([(f"{reference}, itself", "reference")] if reference else []),
             *((name, "candidate") for name in candidates),
             *((name, "control") for name in CONTROLS)]  # fmt: skip
    comparison = {
        "fps": str(FPS), "seconds": FRAMES / FPS, "reference": reference,
        "warnings": ["A warning & more."],
        "metrics": [_metric(*metric) for metric in METRICS],
        "rows": [_row(name, kind, n) for n, (name, kind) in enumerate(kinds)], "future": {"x": 1},
    }  # fmt: skip
    (folder / "comparison.json").write_text(json.dumps(comparison), encoding="utf-8")
    (folder / "table.md").write_text("| | PSNR |\n")
    (folder / "table.csv").write_text("row,psnr\n")
    (folder / "plots" / "psnr.png").write_bytes(b"\x89PNG")
    with (folder / "frames.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["frame", "seconds", "row", "psnr", "opening", "unknown"])
        for n, (name, kind) in enumerate(kinds):
            for i in range(FRAMES):
                psnr = "" if kind == "reference" or i == 7 else 30 + n + math.sin(i / 5)
                writer.writerow([i, i / FPS, name, psnr, 5 + 4 * math.sin(i / 3 + n), ""])
    film(folder / "side_by_side.mp4", "-t", "2", "-vf", "scale=480:160")
    return folder


def _metric(key: str, name: str, unit: str, better: str, group: str) -> dict:
    telling = {"lse_d": False, "lpips": None}.get(key, True)
    margins = {"shuffled sound": 1.5, "shifted +5": -2.25, "frozen mouth": None}
    return {
        "key": key, "name": name, "unit": unit, "better": better, "group": group, "recipe": RECIPE,
        "telling": telling, "why": "" if telling else "It cannot tell the frozen mouth apart.",
        "margins": margins, "future": 1,
    }  # fmt: skip


def _row(name: str, kind: str, n: int) -> dict:
    values = {"psnr": 36.271 - n, "mouth_ssim": 0.98765 - n / 50, "lpips": None, "dlip_px": 1.5 + n,
              "lse_d": 7.25, "mouth_sync_offset": n, "blinks": 17.5}  # fmt: skip
    notes = {"lpips": NO_WEIGHTS}
    if kind == "reference":
        values["psnr"], notes["psnr"] = None, "It is what the others are held against."
    best = ["psnr", "dlip_px"] if kind == "candidate" and n == 1 else []
    beaten_by = {"lse_d": ["shuffled sound"]} if n == 2 else {}
    return {"name": name, "kind": kind, "values": values, "notes": notes, "best": best,
            "beaten_by": beaten_by}  # fmt: skip


PROGRAM = """
import json, signal, sys, time
from pathlib import Path
sys.path[:0] = {path!r}
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore it
verb, *arguments = sys.argv[1:]
after = lambda name: Path(arguments[arguments.index(name) + 1])
videos = [a for a in arguments if a.endswith(".mp4")]
names = [Path(video).name for video in videos]
state = {{"stage": "finding faces", "done": 30, "total": 120, "seconds_left": 3.0}}
after("--progress").write_text(json.dumps(state))
if "broken.mp4" in names:
    print("avatar: 'broken.mp4' shows no face.", file=sys.stderr)
    sys.exit(1)
time.sleep(600 if "slow.mp4" in names else 0.5)
from fake_report import make_report
alone = "--no-reference" in arguments
make_report(after("--report"), names if alone else names[1:], None if alone else names[0])
(after("--report") / "arguments.json").write_text(json.dumps(arguments))
"""
"""What stands in for ``python -m avatar.ui.verb compare`` in tests."""
