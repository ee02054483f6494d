"""A Hub on loopback: serves folders as model repos, takes uploads, and fails on request.

It answers what huggingface_hub 1.31 to 2.x asks for `hf_hub_download`, `snapshot_download` and
`from_pretrained`: file HEAD and GET with ranges, the repo's revision and its tree; and for
`create_repo` and `upload_folder` without Xet: preupload, LFS objects, commit.
Tests take the fixture `fake_hub` of conftest.py, which points huggingface_hub at one.
"""

import base64
import hashlib
import json
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote


class FakeHub:
    """A running server. `repos` maps "org/name" to folders; the switches may change at any time."""

    def __init__(self) -> None:
        self.repos: dict[str, Path] = {}
        self.down = False
        """Answer every request with 503."""
        self.requests: list[str] = []
        """"GET /org/name/resolve/main/config.json bytes=10-" in order of arrival."""
        self.refused: set[str] = set()
        """Names of files whose GET is answered with 503."""
        self.writers: set[str] = set()
        """Tokens that may write; any other is refused."""
        self.readers: set[str] = set()
        """Tokens that may only read."""
        self.shelf: Path | None = None
        """Where repos that are created get their folders."""
        self.private: dict[str, bool] = {}
        """Of repos that were created."""
        self.objects: dict[str, bytes] = {}
        """Large files by their SHA-256, before a commit says where they belong."""
        self._cut_after: int | None = None
        self._refuse_after_cut = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.hub = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def cut_once(self, after: int, then_refuse: bool = False) -> None:
        """Drop the connection after so many bytes of the next file that is larger than that.

        huggingface_hub resumes by a range a second later, within the same call; if the file is
        refused by then, the call fails, and the next one (hub 2.x) fetches only that file anew.
        """
        self._cut_after, self._refuse_after_cut = after, then_refuse

    def commit(self, repo: str) -> str:
        """The repo's one revision: 40 hex digits that change with any of its files."""
        digest = hashlib.sha1()
        for path in self.files(repo):
            digest.update(path.encode() + (self.repos[repo] / path).read_bytes())
        return digest.hexdigest()

    def files(self, repo: str) -> list[str]:
        folder = self.repos[repo]
        return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())

    def take_cut(self, name: str, size: int) -> int | None:
        """Where to cut the body of a file of this size, if a cut is due."""
        cut = self._cut_after
        if cut is None or size <= cut:
            return None
        self._cut_after = None
        if self._refuse_after_cut:
            self.refused.add(name)
        return cut

    def close(self) -> None:
        """Stop listening: connections are refused from now on."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ThreadingHTTPServer

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub: FakeHub = self.server.hub  # type: ignore[attr-defined]
        path = unquote(self.path.partition("?")[0])
        hub.requests.append(f"{self.command} {path} {self.headers.get('Range', '')}".strip())
        route = re.fullmatch(
            r"/(?P<api>api/models/)?(?P<repo>[^/]+/[^/]+)"
            r"(?:/(?P<verb>resolve|revision|tree)/(?P<revision>[^/]+)(?:/(?P<file>.+))?)?",
            path,
        )
        if hub.down:
            return self._error(503, "Down", "the Hub is down")
        if route is None or route["repo"] not in hub.repos:
            return self._error(404, "RepoNotFound", "no such repo")
        repo, commit = route["repo"], hub.commit(route["repo"])
        if route["revision"] not in (None, "main", commit):
            return self._error(404, "RevisionNotFound", "no such revision")
        if route["verb"] == "resolve":
            return self._file(hub, hub.repos[repo], route["file"], commit)
        names = hub.files(repo)
        if route["verb"] == "tree":
            return self._json([self._entry(hub.repos[repo], name) for name in names])
        siblings = [{"rfilename": name} for name in names]
        self._json({"id": repo, "modelId": repo, "sha": commit, "siblings": siblings, "tags": []})

    def do_POST(self) -> None:
        hub: FakeHub = self.server.hub  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = unquote(self.path.partition("?")[0])
        hub.requests.append(f"POST {path}")
        if hub.down:
            return self._error(503, "Down", "the Hub is down")
        if path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in hub.writers:
            return self._error(403 if token in hub.readers else 401, "", "may not write")
        if path == "/api/repos/create":
            return self._create(hub, json.loads(body))
        route = re.fullmatch(r"(?:/api/models)?/([^/]+/[^/]+?)(?:\.git)?/(.+)", path)
        verb = route[2].partition("/")[0]
        if verb == "preupload":
            files = [self._mode(file["path"]) for file in json.loads(body)["files"]]
            return self._json({"files": files})
        if verb == "info":  # of LFS
            objects = [self._upload(hub, file) for file in json.loads(body)["objects"]]
            return self._json({"transfer": "basic", "objects": objects})
        self._commit(hub, route[1], [json.loads(line) for line in body.splitlines()])

    def do_PUT(self) -> None:
        hub: FakeHub = self.server.hub  # type: ignore[attr-defined]
        data = self.rfile.read(int(self.headers["Content-Length"]))
        hub.objects[self.path.rpartition("/")[2]] = data
        self._send(200, {}, b"")

    def _create(self, hub: FakeHub, asked: dict) -> None:
        repo = f"{asked['organization']}/{asked['name']}"
        if repo in hub.repos:
            told = {"error": "exists already", "url": f"{hub.url}/{repo}", "name": repo}
            return self._json(told, 409)
        hub.repos[repo] = hub.shelf / repo
        # The newer way and the older one of saying so.
        hub.private[repo] = asked.get("visibility") == "private" or asked.get("private", False)
        hub.repos[repo].mkdir(parents=True)
        self._json({"url": f"{hub.url}/{repo}", "name": repo})

    def _mode(self, path: str) -> dict:
        large = path.endswith(".safetensors")
        return {
            "path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False,
            "oid": None,
        }  # fmt: skip

    def _upload(self, hub: FakeHub, file: dict) -> dict:
        return file | {"actions": {"upload": {"href": f"{hub.url}/lfs/{file['oid']}"}}}

    def _commit(self, hub: FakeHub, repo: str, lines: list[dict]) -> None:
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                data = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                data = hub.objects[value["oid"]]
            else:
                continue
            target = hub.repos[repo] / value["path"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        commit = hub.commit(repo)
        address = f"{hub.url}/{repo}/commit/{commit}"
        self._json({"success": True, "commitOid": commit, "commitUrl": address, "hookOutput": ""})

    def _entry(self, folder: Path, name: str) -> dict[str, str | int]:
        data = (folder / name).read_bytes()
        oid = hashlib.sha1(data).hexdigest()
        return {"type": "file", "path": name, "size": len(data), "oid": oid}

    def _file(self, hub: FakeHub, folder: Path, name: str, commit: str) -> None:
        if not name or not (folder / name).is_file():
            return self._error(404, "EntryNotFound", "no such file", {"X-Repo-Commit": commit})
        if self.command == "GET" and name in hub.refused:
            return self._error(503, "Down", "the file cannot be had now")
        data = (folder / name).read_bytes()
        headers = {
            "ETag": f'"{hashlib.sha1(data).hexdigest()}"',
            "X-Repo-Commit": commit,
            "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream",
        }
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked:
            first, last = int(asked[1]), min(int(asked[2] or len(data) - 1), len(data) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            data = data[first : last + 1]
        cut = hub.take_cut(name, len(data)) if self.command == "GET" else None
        self._send(206 if asked else 200, headers, data, cut)

    def _json(self, value: object, status: int = 200) -> None:
        self._send(status, {"Content-Type": "application/json"}, json.dumps(value).encode())

    def _error(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        errors = {"X-Error-Code": code, "X-Error-Message": message}
        self._send(status, {**errors, **(headers or {})}, b"")

    def _send(
        self, status: int, headers: dict[str, str], body: bytes, cut: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body[:cut])
        if cut is not None:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

    def log_message(self, *_args: object) -> None:
        """Keep the test's output clean."""
