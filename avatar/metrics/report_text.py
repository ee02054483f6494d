"""The text of a report: every table says what its figures are and which command makes them."""

from collections.abc import Sequence
from typing import Any

from ..training.ablation import ARMS, STEPS
from .perceptual import NOT_FOUND

NOT_RUN = "not run"
OPENING = ("frames", "mean_px", "p95_px", "rest_px", "excess_px", "error_px", "error_p95_px")
LIPS = ("error_px", "opening_error_px", "opening_correlation")
IMAGE = (
    "psnr", "ssim", "mouth_psnr", "mouth_ssim", "dlip_px", "offset_frames", "opening_correlation",
)  # fmt: skip


def as_markdown(data: dict[str, Any], pictures: Sequence[str]) -> str:
    """The report of ``write_report``'s data, beside the pictures of these names."""
    parts = [
        f"# {data['identity']}, measured\n\nCapture: {data['capture']}. All of this is made by "
        f"`python -m avatar report {data['identity']} CAPTURE --runs RUNS --out DIR`; parts of it "
        "by the commands in each section.",
        _bars(data), _images(data), _silence(data), _leaks(data), _swaps(data), _readers(data),
        _ablations(data), _oracles(data), _synthetic(data),
    ]  # fmt: skip
    text = "\n\n".join(parts) + "\n"
    for name in pictures:
        text = text.replace(f"({name})", f"![{name.partition('.')[0]}]({name})")
    return text


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table; numbers are shortened, None is "n/a"."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return "n/a"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _bars(data: dict[str, Any]) -> str:
    """What was asked for, and what it is."""
    measured = data["measurement"]
    best = next((r for n, r in data["images"].items() if n.endswith("with transcript")), None)
    best = best or next(iter(data["images"].values()))
    away = abs(measured["silence_opening_px"] - measured["rest_opening_px"])
    rows = [
        ("PSNR, whole frame, dB", best["psnr"], "at least 35.7", best["psnr"] >= 35.7),
        ("SSIM, whole frame", best["ssim"], "at least 0.94", best["ssim"] >= 0.94),
        ("PSNR, mouth box, dB", best["mouth_psnr"], "at least 28", best["mouth_psnr"] >= 28),
        ("mean opening in silence, from rest, px", away, "at most 1", away <= 1),
        ("`leak_head_px`", measured["leak_head_px"], "below 0.5", measured["leak_head_px"] < 0.5),
        ("`leak_lips_px`", measured["leak_lips_px"], "none set", None),
    ]
    rows = [(*row, {True: "yes", False: "no", None: ""}[met]) for *row, met in rows]
    return f"## In short\n\n{table(('figure', 'measured', 'asked for', 'met'), rows)}"


def _images(data: dict[str, Any]) -> str:
    rows = [(name, *(row[key] for key in IMAGE)) for name, row in data["images"].items()]
    first = next(iter(data["images"].values()))
    lpips = NOT_FOUND
    if first["lpips"] is not None:
        lpips = f"whole frame {first['lpips']:.4f}, mouth box {first['mouth_lpips']:.4f}"
    return f"""## Pictures and lips on takes never trained on

Driven by the take's sound and head motion; whole 512x512 frame, and the mouth box. The last three
rows of each take are controls whose lips cannot be right. Lips are read from the pixels of both
sides; on the true frames the reader errs by {first["reader_px"]:.2f} px a point.
`python -m avatar evaluate {data["identity"]} CAPTURE TAKE --transcript --controls`

{table(("take", *IMAGE), rows)}

LPIPS of the first row: {lpips}.

(contact.png)"""


def _silence(data: dict[str, Any]) -> str:
    rows = []
    for silence in data["measurement"]["silence"]:
        for who in ("rendered", "own_mouth"):
            label = f"{silence['motion']}, {'rendered' if who == 'rendered' else 'own speech'}"
            rows.append((label, *(silence[who][key] for key in OPENING)))
    true = data["measurement"]["readers"]["silent"]
    if true:
        rows.append(("true silent frames, read", *(true[key] for key in OPENING)))
    return f"""## Silence over a moving head

Inner-lip opening while nothing is said, beside that of the rest mouth posed exactly as each head:
`mean_px` is `silence_opening_px`, `excess_px` what it is open beyond rest. "Own speech" is the
control: a mouth that follows the motion's own take, as one would that reads the drawing. "Trained"
drawings are the train pictures with the widest open mouths: a network that knows them by heart
opens its mouth there. A frozen rest mouth has no error.

{table(("motion", *OPENING), rows)}

(silence_opening.png)

(silence.png)"""


def _leaks(data: dict[str, Any]) -> str:
    leaks = data["measurement"]["leaks"]
    other = data["measurement"]["readers"]["other_render"]
    rows = [
        ("lips, `leak_lips_px`", leaks["lips"]),
        ("lips that follow the drawing's own frame (control)", leaks["lips_own_mouth"]),
        ("lips, the same picture read again, moved", leaks["lips_repeat"]),
        ("opening, the same picture read again, moved", leaks["opening_repeat"]),
        ("lips, another rendering of the same true frame", other),
        ("upper face, `leak_head_px`", leaks["head"]),
        ("upper face that follows the sound's own frame (control)", leaks["head_own_sound"]),
        ("upper face, same pixels, over other mouths (the reader's share)", leaks["head_reader"]),
        ("upper face, the same picture read again, moved", leaks["head_repeat"]),
    ]
    changes = table(
        ("what", "mean_px", "p95_px"), [(name, *row.values()) for name, row in rows if row]
    )
    errors = table(
        ("lips beside their truth", *LIPS),
        [
            (name, *(leaks[key][value] for value in LIPS))
            for name, key in (("rendered", "lips_error"), ("rest mouth (control)", "lips_frozen"))
        ],
    )
    return f"""## Leaks

Eight sounds over eight heads, as different as the capture has them, each with each. Lips are
compared with the exact lips of that mouth in that pose; then with the same sound over another head
(`leak_lips_px`). Brows, eyes and nose are compared with the same head and another sound
(`leak_head_px`). Figures are mean distances between any two that should agree.

{changes}

{errors}"""


def _swaps(data: dict[str, Any]) -> str:
    rows = [
        (f"{swap['speech']} over {swap['motion']}", name, *(swap[key][value] for value in LIPS))
        for swap in data["measurement"]["swaps"]
        for name, key in (
            ("rendered", "rendered"), ("the motion's own lips", "own_mouth"), ("rest", "frozen"),
        )
    ]  # fmt: skip
    return f"""## One take's speech over another's head

Beside the exact lips of that speech in those poses.

{table(("speech", "lips", *LIPS), rows)}"""


def _readers(data: dict[str, Any]) -> str:
    readers = data["measurement"]["readers"]
    rows = [
        (name, *(readers[key][value] for value in ("frames", "points_px", "opening_px")))
        for name, key in (("lips", "lips"), ("upper face", "upper_face"))
    ]
    return f"""## The readers themselves

Trained on {readers["subject"]}; here on true frames of takes that they have never seen,
beside exact points. `nice python -m avatar.training.keypoint_reader lip|face CAPTURE RUN`

{table(("reader", "frames", "points_px", "opening_px"), rows)}"""


def _ablations(data: dict[str, Any]) -> str:
    """One row an arm, those that were not trained too."""
    head = (
        "arm", "what", "steps", "hours", "psnr", "mouth psnr", "silence opening", "p95",
        "trained opening", "leak lips", "leak head", "swap lips", "command",
    )  # fmt: skip
    rows = []
    questions = {name: arm.question for name, arm in ARMS.items()}
    questions |= {name: arm["facts"].get("question", "") for name, arm in data["arms"].items()}
    for name, question in questions.items():
        if name == "oracle_whole":  # no renderer: it has a table of its own
            continue
        command = f"`python -m avatar ablate CAPTURE {name} --run RUN --out RUNS/ablation`"
        arm = data["arms"].get(name)
        result = _arm(arm) if arm else [NOT_RUN, *[""] * (len(head) - 4)]
        rows.append((name, question, *result, command))
    rest = data["measurement"]["rest_opening_px"]
    return f"""## What each choice is worth

Short trainings that differ in one thing, with the same seed and as many steps as the row says
(fewer than {STEPS:,} count as not run); exact phones. A mouth at rest is {rest:.2f} px open.
"Trained opening" is silence over the train pictures with the widest open mouths; `ours` is what
all arms below it are to be compared with.

{table(head, rows)}"""


def _arm(arm: dict[str, Any]) -> list[Any]:
    facts, measured = arm["facts"], arm["measurement"]
    image, silence = measured["images"][0], measured["silence"]
    swaps = [swap["rendered"]["error_px"] for swap in measured["swaps"]]
    trained = [s["rendered"]["mean_px"] for s in silence if s["motion"].startswith("trained")]
    few = " (too few)" if facts["steps"] < STEPS else ""
    return [
        f"{facts['steps']:,}{few}", round(facts["seconds"] / 3600, 2),
        image["psnr"], image["mouth_psnr"],
        measured["silence_opening_px"], measured["silence_opening_p95_px"],
        trained[0] if trained else None, measured["leak_lips_px"], measured["leak_head_px"],
        sum(swaps) / len(swaps) if swaps else None,
    ]  # fmt: skip


def _oracles(data: dict[str, Any]) -> str:
    keys = ("frames", "mouth_psnr", "mouth_ssim", "sharpness")
    rows = [(name, *(row[key] for key in keys)) for name, row in data["oracles"].items()]
    missing = [n for n in ("mouth first, then head", "head alone") if n not in data["oracles"]]
    rows += [(name, NOT_RUN, "", "", "") for name in missing]
    steps = data["arms"].get("oracle_whole", {}).get("facts", {}).get("steps")
    alone = f" The head alone was trained for {steps:,} steps." if steps else ""
    return f"""## The oracle, mouth first or not (Fig. 3)

The mouth box of held-out frames, drawn from their keypoints; sharpness (root mean square
of the Laplacian after 1 px of smoothing) is over that of the truth.{alone}
`python -m avatar ablate CAPTURE oracle_whole --run RUN`

{table(("oracle", *keys), rows)}"""


def _synthetic(data: dict[str, Any]) -> str:
    found = data["synthetic"]
    if not found:
        return "## Synthetic data\n\nnot run: `python -m avatar train CAPTURE --run RUN`"
    return f"""## Synthetic data

{found["pairs"]:,} mashed pairs, {found["facts"]["pairs_per_frame"]} for each rendered train frame;
their heads are {found["mean_degrees"]:.1f} degrees apart on average,
{found["p95_degrees"]:.1f} at the 95th percentile, {found["furthest_degrees"]:.1f} at most.

(pose_distance.png)"""
