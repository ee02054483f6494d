"""Whose face a bundle shows, and what they agreed to: without either nothing is packaged."""

import json
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

from ..errors import AvatarError

MOST = 2_000
"""Characters of each answer at most."""


class ConsentError(AvatarError):
    """The record of consent is missing or not complete."""


@dataclass(frozen=True)
class Consent:
    """What a person who can be seen has agreed to; every field is a text that says something."""

    who: str
    """The person who can be seen."""
    agreed: str
    """What they agreed to, in their own words or words they have read."""
    date: str
    """The day on which they did, as YYYY-MM-DD; not in the future."""
    contact: str
    """How to reach whoever keeps the record: to ask, or to take the consent back."""

    def __post_init__(self):
        for key, value in asdict(self).items():
            if not isinstance(value, str) or not value.strip():
                raise ConsentError(f"The consent record says nothing under {key!r}.")
            if len(value) > MOST:
                raise ConsentError(f"The consent record is too long under {key!r}.")
        try:
            day = date.fromisoformat(self.date)
        except ValueError as error:
            raise ConsentError(
                f"The consent record's date is {self.date[:40]!r}, not a day as YYYY-MM-DD."
            ) from error
        if day > date.today():
            raise ConsentError(f"The consent record's date, {self.date}, is still to come.")

    @classmethod
    def read(cls, path: str | Path) -> "Consent":
        """Read a JSON file of exactly these four fields.

        Raises:
            ConsentError: saying what is missing or wrong.
        """
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise ConsentError(
                f"The consent record {path} is missing or no JSON: {error}."
            ) from error
        return cls.from_dict(values)

    @classmethod
    def from_dict(cls, values: Any) -> "Consent":
        """Read plain values; see ``read``."""
        names = [field.name for field in fields(cls)]
        if not isinstance(values, dict) or set(values) != set(names):
            raise ConsentError(f"A consent record has exactly these fields: {', '.join(names)}.")
        return cls(**values)

    def record(self, subject: str) -> dict[str, Any]:
        """What the bundle keeps of it."""
        agreed = self.agreed.rstrip(". ")
        statement = f"{self.who} agreed on {self.date}: {agreed}. Contact: {self.contact}"
        return {"synthetic": False, "subject": subject, "statement": statement} | asdict(self)


def synthetic_record(subject: str) -> dict[str, Any]:
    """What the bundle keeps of a person whom a computer made."""
    statement = "A computer-generated person; no real person is depicted."
    return {"synthetic": True, "subject": subject, "statement": statement}
