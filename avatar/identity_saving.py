"""Writing identity bundles: a whole one, or a lite renderer into one that is there."""

import json
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from .errors import BundleError
from .face.clip import Clip
from .face.seen import SeenDrawings
from .files import replacing
from .identity import CLIPS, LITE, ORACLE, PREVIEW, SEEN, WEIGHTS, Identity, digest, read_bundle
from .identity_config import CONFIG, IdentityConfig
from .nets.lite import Lite
from .nets.oracle import Oracle
from .nets.renderer import Renderer

CARD = "README.md"


def save_identity(
    folder: str | Path,
    config: IdentityConfig,
    renderer: Renderer,
    clips: Iterable[Clip],
    *,
    lite: Lite | None = None,
    oracle: Oracle | None = None,
    seen: SeenDrawings | None = None,
    preview: np.ndarray | None = None,
    card: str = "",
    overwrite: bool = False,
) -> Path:
    """Write a bundle, whole or not at all.

    Args:
        folder: where; its parents are made as needed.
        config: what ``config.json`` says.
        renderer: the trained network, built from ``config.network``.
        clips: head motion at the identity's frame rate.
        lite: the lite renderer that this renderer taught.
        oracle: the trained oracle, built from ``config.oracle``; stored in half precision.
        seen: drawings that stand for all that the network was trained on.
        preview: (H, W, 3) uint8 RGB still.
        card: text of the model card, ``README.md``.
        overwrite: replace what stands at ``folder``.

    Returns:
        The folder.

    Raises:
        BundleError: if the folder exists and may not be replaced, or the parts do not fit.
    """
    folder = Path(folder)
    if folder.exists() and not overwrite:
        raise BundleError(f"{folder} exists already; choose another name or allow replacing it.")
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        (temporary / CLIPS).mkdir(parents=True)
        text = json.dumps(config.to_dict(), indent=2, ensure_ascii=False)
        (temporary / CONFIG).write_text(text + "\n", encoding="utf-8")
        _write_weights(temporary / WEIGHTS, config.name, renderer.state_dict())
        if lite is not None:
            weights, teacher = lite.state_dict(), digest(renderer)
            _write_weights(temporary / LITE, config.name, weights, teacher=teacher)
        if oracle is not None:
            halves = {key: value.half() for key, value in oracle.state_dict().items()}
            _write_weights(temporary / ORACLE, config.name, halves)
        if seen is not None:
            seen.save(temporary / SEEN)
        for clip in clips:
            clip.save(temporary / CLIPS / f"{clip.name}.safetensors")
        (temporary / CARD).write_text(card, encoding="utf-8")
        if preview is not None:
            _save_preview(temporary / PREVIEW, preview)
        written = read_bundle(temporary)  # what cannot be loaded must not replace what can
        written.seen()
        if oracle is not None:
            written.oracle()
        _swap(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def save_lite(identity: Identity, lite: Lite) -> Path:
    """Put a lite renderer into an identity's bundle, in the place of an earlier one.

    Returns:
        Its file.

    Raises:
        BundleError: if the bundle is not to be written to.
    """
    check_own(identity)
    path = identity.folder / LITE
    with replacing(path) as temporary:
        teacher = digest(identity.renderer)
        _write_weights(temporary, identity.name, lite.state_dict(), teacher=teacher)
    return path


def check_own(identity: Identity) -> None:
    """Raise BundleError for a bundle that cannot be added to: the Hub's copy, or a locked one."""
    if identity.revision is not None:
        raise BundleError(
            f"{identity.name} is a copy of the Hub's, which stays as it is: copy {identity.folder} "
            "and name the copy."
        )
    if not os.access(identity.folder, os.W_OK):
        raise BundleError(f"The bundle {identity.folder} cannot be written to.")


def _write_weights(
    path: Path, name: str, weights: Mapping[str, torch.Tensor], **told: str
) -> None:
    contiguous = {key: value.contiguous() for key, value in weights.items()}
    save_file(contiguous, path, metadata={"format": "pt", "name": name, **told})


def _swap(new: Path, folder: Path) -> None:
    """Put ``new`` in the place of ``folder``, which may exist."""
    if not folder.exists():
        os.replace(new, folder)
        return
    old = new.with_name(f"{new.name}.old")
    os.replace(folder, old)
    try:
        os.replace(new, folder)
    except OSError:
        os.replace(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _save_preview(path: Path, picture: np.ndarray) -> None:
    import cv2

    cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 85])
