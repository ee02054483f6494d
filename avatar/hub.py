"""Bundles and single files from the Hugging Face Hub, pinned to a commit, kept in its cache."""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from .errors import BundleError

_LOGGER = logging.getLogger(__name__)

REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
FILES = (
    "config.json", "renderer.safetensors", "lite.safetensors", "oracle.safetensors",
    "seen.safetensors", "clips/*.safetensors", "preview.webp", "README.md",
)  # fmt: skip
"""All that is fetched of a repository, whatever else it holds; not every bundle has all of it."""
MAX_BYTES = 500_000_000
"""Largest bundle that is fetched; ours is under 25 MB."""

Progress = Callable[[str, int, int], None]
"""Called with the stage ("download", "speech", "render"), what is done and what there is to do."""


def fetch_bundle(
    repo_id: str, revision: str | None = None, progress: Progress | None = None
) -> Path:
    """Download a bundle into the Hub's cache, or find it there.

    A download that was interrupted goes on where it stopped. If the Hub cannot be reached, the
    cached copy of the same revision is used, with a warning.

    Returns:
        The snapshot's folder, named after its commit.

    Raises:
        BundleError: if there is no such repository or revision, or neither Hub nor copy.
    """
    from huggingface_hub.errors import HTTPError  # httpx's in 1.x, httpx2's in 2.x

    try:
        with _refusals(repo_id, revision):
            return _download(repo_id, revision, progress)
    except (HTTPError, OSError) as error:
        _LOGGER.debug("fetching %s failed", repo_id, exc_info=error)
        return _cached(repo_id, revision, error)


def fetch_file(repo_id: str, name: str, revision: str) -> Path:
    """One file of a model repository: the copy on this machine, or else from the Hub.

    Args:
        repo_id: "org/name".
        name: the file's path in the repository.
        revision: best a commit, so that everyone has the same file.

    Raises:
        BundleError: if it is not there or cannot be fetched.
    """
    from huggingface_hub import HfApi, hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import HTTPError

    copy = try_to_load_from_cache(repo_id, name, revision=revision)
    if isinstance(copy, str):
        return Path(copy)
    try:
        with _refusals(repo_id, revision):
            # Says at once that there is no network; a download would try for half a minute.
            HfApi().model_info(repo_id, revision=revision, timeout=20)
            return Path(hf_hub_download(repo_id, name, revision=revision))
    except (HTTPError, OSError) as error:
        raise BundleError(
            f"The Hub cannot be reached and there is no copy of {name} of {repo_id} on this "
            "machine; try again later."
        ) from error


def push_bundle(folder: Path, repo_id: str) -> str:
    """Upload a bundle, in one commit, to a model repository; a new one is private.

    A face is shown to others only when its owner makes the repository public, on its page.

    Args:
        folder: the bundle.
        repo_id: "org/name".

    Returns:
        The address of the commit.

    Raises:
        BundleError: without a login, the right to write there, or a network.
    """
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HfHubHTTPError, HTTPError

    api, kept = HfApi(token=get_token()), f"the bundle stands in {folder}"
    try:
        api.create_repo(repo_id, private=True, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo_id, folder_path=folder, allow_patterns=list(FILES),
            commit_message="Identity bundle",
        )  # fmt: skip
        return commit.commit_url
    except HfHubHTTPError as error:
        status = error.response.status_code
        refusals = {401: "your login is not valid", 403: "your login may not write there"}
        reason = refusals.get(status, f"the Hub answers {status}")
        raise BundleError(f"{repo_id} could not be uploaded: {reason}; {kept}.") from error
    except (HTTPError, OSError) as error:
        raise BundleError(
            f"{repo_id} could not be uploaded: the Hub cannot be reached; {kept}."
        ) from error


def check_push(repo_id: str) -> None:
    """Before minutes of work: is this a repository's name, and is someone logged in?

    Raises:
        BundleError: if not, saying what to do.
    """
    from huggingface_hub import get_token

    if not REPO_ID.fullmatch(repo_id):
        raise BundleError(f"{repo_id!r} is no repository of the Hub: give org/name.")
    if get_token() is None:
        raise BundleError(
            "To upload, log in to the Hub first: `hf auth login`, or set HF_TOKEN to a token that "
            "may write."
        )


@contextmanager
def _refusals(repo_id: str, revision: str | None) -> Iterator[None]:
    """Turn what the Hub refuses, as long as it answers, into a sentence."""
    from huggingface_hub import errors as hub_errors

    # Newest first: each of these is a kind of HfHubHTTPError.
    refusals = {
        hub_errors.GatedRepoError: "asks for an agreement; accept it on its page and log in",
        hub_errors.RepositoryNotFoundError: "does not exist or is private",
        hub_errors.RevisionNotFoundError: f"has no revision {revision!r}",
        hub_errors.EntryNotFoundError: "lost a file while it was being fetched; try again",
    }
    try:
        yield
    except tuple(refusals) as error:
        reason = next(text for kind, text in refusals.items() if isinstance(error, kind))
        raise BundleError(f"The Hub repository {repo_id} {reason}.") from error


def _download(repo_id: str, revision: str | None, progress: Progress | None) -> Path:
    from huggingface_hub import HfApi, hf_hub_download, snapshot_download
    from huggingface_hub.hf_api import RepoFile

    api = HfApi()
    commit = api.model_info(repo_id, revision=revision, timeout=20).sha
    tree = api.list_repo_tree(repo_id, recursive=True, revision=commit)
    sizes = {
        file.path: file.size
        for file in tree
        if isinstance(file, RepoFile) and any(fnmatch(file.path, pattern) for pattern in FILES)
    }
    total, done = sum(sizes.values()), 0
    if total > MAX_BYTES:
        raise BundleError(f"The Hub repository {repo_id} is too large for an identity.")
    if FILES[0] not in sizes:
        raise BundleError(f"The Hub repository {repo_id} is no identity: {FILES[0]} is missing.")
    for name, size in sizes.items():
        hf_hub_download(repo_id, name, revision=commit)
        done += size
        if progress:
            progress("download", done, total)
    # Nothing is left to fetch: this notes which commit the branch means, for when the Hub is down.
    return Path(snapshot_download(repo_id, revision=revision, allow_patterns=list(FILES)))


def _cached(repo_id: str, revision: str | None, cause: Exception) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = snapshot_download(
            repo_id, revision=revision, allow_patterns=list(FILES), local_files_only=True
        )
    except (LocalEntryNotFoundError, OSError):
        raise BundleError(
            f"The Hub cannot be reached and there is no copy of {repo_id} on this machine; "
            "try again later, or use a built-in identity."
        ) from cause
    _LOGGER.warning("The Hub cannot be reached; using the copy of %s on this machine.", repo_id)
    return Path(folder)
