"""One person's films and what has become of them: all of it stands in one folder."""

import json
import re
import unicodedata
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BundleError
from ..files import replacing
from ..training.consent import Consent


@dataclass(frozen=True)
class Project:
    """The folder of a project, and how far it is, read from what lies in it.

    ``films/``, ``consent.json`` and ``transcript.txt`` come from the person; ``capture/``, ``run/``
    and ``bundle/`` from the verbs prepare, train and package.
    """

    folder: Path

    @property
    def key(self) -> str:
        """The secret by which whoever began it finds it again."""
        return self.folder.name

    @property
    def films(self) -> list[Path]:
        """The films, in the order of their upload."""
        return sorted(self.folder.glob("films/*/*"))

    @property
    def transcript(self) -> Path | None:
        """What is said in the film, where that was given."""
        path = self.folder / "transcript.txt"
        return path if path.is_file() else None

    @property
    def consent(self) -> Consent:
        """Who agreed to what, when, and how to reach them.

        Raises:
            ConsentError: if there is none, or a part of it is missing.
        """
        return Consent.read(self.consent_path)

    @property
    def consent_path(self) -> Path:
        """The file of the consent."""
        return self.folder / "consent.json"

    @property
    def capture_path(self) -> Path:
        """The folder that ``prepare`` writes."""
        return self.folder / "capture"

    @property
    def capture(self) -> dict[str, Any] | None:
        """What ``prepare`` says of the films, once it is done."""
        try:
            return json.loads((self.capture_path / "capture.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    @property
    def report(self) -> Path:
        """The folder with pictures of the films as ``prepare`` saw them."""
        return self.capture_path / "report"

    @property
    def run_path(self) -> Path:
        """The folder that ``train`` writes."""
        return self.folder / "run"

    @property
    def sample(self) -> Path | None:
        """The newest picture of the training."""
        pictures = self.run_path.glob("**/samples_*.jpg")
        return max(pictures, key=lambda path: path.stat().st_mtime, default=None)

    @property
    def name(self) -> str:
        """What the avatar is called, after whoever it shows."""
        plain = unicodedata.normalize("NFKD", self.consent.who).encode("ascii", "ignore")
        return "-".join(re.findall("[a-z0-9]+", plain.decode().lower()))[:40] or "avatar"

    @property
    def bundle_path(self) -> Path:
        """The folder that ``package`` writes."""
        return self.folder / "bundle" / self.name

    @property
    def bundle(self) -> Path | None:
        """The avatar, once it is made."""
        return self.bundle_path if (self.bundle_path / "config.json").is_file() else None

    @property
    def minutes(self) -> float:
        """How long the avatar was trained."""
        config = json.loads((self.bundle_path / "config.json").read_text(encoding="utf-8"))
        return 60 * config["training"]["hours"]

    def archive(self, folder: Path) -> Path:
        """Write the avatar as a zip into a folder, which is made if need be.

        Raises:
            BundleError: if it is not made yet.
        """
        if self.bundle is None:
            raise BundleError("The avatar is not made yet: train it first.")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.zip"
        with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for file in sorted(self.bundle.rglob("*")):  # stored: weights do not get smaller
                archive.write(file, file.relative_to(self.bundle.parent))
        return path
