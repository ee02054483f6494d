"""How much may be sent at once: Gradio reads a request whole into memory, but for its uploads."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LIMIT_MB = 8
"""Of a request that is no upload; the longest that the page sends is under a tenth of it."""
TOO_LONG = f"A request may have {LIMIT_MB} MB: send files by way of /gradio_api/upload."


class ShortBodies:
    """Middleware that answers a longer request with 413 and does not read on.

    Args:
        app: what is asked; it has limits of its own for uploads.
    """

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or refuse it, at the latest when it has become too long."""
        if scope["type"] != "http" or scope["path"].endswith("/upload"):
            await self._app(scope, receive, send)
            return
        told = Headers(scope=scope).get("content-length", "")
        if told.isdecimal() and int(told) > LIMIT_MB * 2**20:
            await PlainTextResponse(TOO_LONG, 413)(scope, receive, send)
        else:
            await self._app(scope, _limited(receive), send)


def _limited(receive: Receive) -> Receive:
    """The same, up to the limit; whoever reads on is told so by an HTTPException."""
    length = 0

    async def limited() -> Message:
        nonlocal length
        message = await receive()
        length += len(message.get("body", b""))
        if length > LIMIT_MB * 2**20:
            raise HTTPException(413, TOO_LONG)
        return message

    return limited
