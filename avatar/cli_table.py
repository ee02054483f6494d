"""The verb that makes the paper's Table 1 anew: table."""

import argparse
from pathlib import Path
from typing import Any

from .cli_common import add_identity, add_progress, progress_of, verb
from .files import replacing


def add_verbs(verbs: Any) -> None:
    """Add it to the parser."""
    parser = verb(
        verbs, "table", _table,
        "Our renderer beside what it is compared with, on a held-out take: the paper's Table 1, as "
        "Markdown, CSV, films and a sheet of pictures.",
        reads=("wav2lip", "syncnet"), folders=("out",),
    )  # fmt: skip
    parser.add_argument("capture", type=Path, help="folder laid out like a capture")
    parser.add_argument("--take", default="test_a", help="a take that nothing was trained on")
    add_identity(parser, "--identity", default="mira")
    parser.add_argument("--baselines", type=Path, metavar="FOLDER",
                        help="weights made by python -m avatar.baselines.train; Mira's, if not "
                        "given")  # fmt: skip
    parser.add_argument("--wav2lip", metavar="FILE|ORG/NAME",
                        help="Wav2Lip's weights, for research alone; without them its row is "
                        "empty")  # fmt: skip
    parser.add_argument("--syncnet", metavar="FILE|ORG/NAME",
                        help="SyncNet's weights, made by python -m avatar.metrics.convert_syncnet")
    parser.add_argument("--out", type=Path, required=True, help="folder of the table")
    add_progress(parser)


def _table(options: argparse.Namespace) -> dict[str, Any]:
    from PIL import Image

    from .baselines import table_text
    from .baselines.store import SHIPPED, Baselines
    from .baselines.table import make_table
    from .benchmark import machine
    from .capture.layout import Capture
    from .identity import load_identity
    from .metrics.syncnet import find_syncnet

    baselines = Baselines.load(options.baselines or SHIPPED)
    syncnet = find_syncnet(options.syncnet)
    identity, about = load_identity(options.identity, options.revision), machine()
    with progress_of(options) as progress:
        table = make_table(
            identity, Capture.load(options.capture), options.take, baselines, options.out,
            wav2lip=options.wav2lip, syncnet=syncnet, progress=progress,
        )  # fmt: skip
    where = f"{about['cpu']}, {about['cores']} cores, {about['gpu'] or 'no GPU'}"
    texts = {
        "table.md": table_text.as_markdown(table, f"{where}, load {about['load_before']}"),
        "table.csv": table_text.as_csv(table),
    }
    for name, text in texts.items():
        with replacing(options.out / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    with replacing(options.out / "table.png") as temporary:
        Image.fromarray(table_text.contact_sheet(table)).save(temporary, "png")
    print(texts["table.md"])
    return table_text.as_dict(table) | {"machine": about}
