"""Networks of others, from the Hugging Face Hub: kept in its cache, never unpickled."""

import re
from pathlib import Path

REPO_ID = re.compile(r"\w[\w.-]{0,95}/\w[\w.-]{0,95}", re.ASCII)
WEIGHTS = "model.safetensors"


def fetch(repo: str, revision: str | None = None) -> Path:
    """The folder of a repository in the Hub's cache, downloaded or completed where needed.

    Only JSON, texts and ``model.safetensors`` are fetched. Without a network the copy serves.

    Args:
        repo: "org/name".
        revision: branch, tag or commit; None for the main branch.

    Raises:
        LookupError: if there is nothing to use; its text says why, to follow the repo's name.
        ConnectionError: if the Hub cannot be reached and there is no whole copy.
    """
    import huggingface_hub
    from huggingface_hub import errors

    patterns = ["*.json", "*.txt", WEIGHTS]
    try:
        folder = Path(
            huggingface_hub.snapshot_download(repo, revision=revision, allow_patterns=patterns)
        )
    except (errors.RepositoryNotFoundError, errors.GatedRepoError) as error:
        raise LookupError("is not open to everyone on the Hub") from error
    except errors.RevisionNotFoundError as error:
        raise LookupError(f"has no revision {revision!r}") from error
    except Exception as error:  # the Hub's client has no base class for what may go wrong
        raise ConnectionError("cannot be fetched from the Hub now") from error
    if not (folder / WEIGHTS).is_file():
        raise LookupError(f"has no {WEIGHTS}")
    return folder
