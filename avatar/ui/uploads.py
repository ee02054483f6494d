"""What is sent to the page, of which nothing stays when it does not arrive whole.

Gradio itself deletes only what is too large: what a visitor breaks off, or what finds no room on
the disk, it would keep for ever, and with it the disk would stay full.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

from gradio import route_utils
from gradio.route_utils import GradioMultiPartParser, MultiPartException


class Uploads(GradioMultiPartParser):
    """Reads one request with files; what it has stored so far goes if it cannot go on."""

    async def parse(self) -> Any:
        """The form with its files.

        Raises:
            MultiPartException: if it cannot be read or stored; Gradio answers with its text.
        """
        try:
            return await super().parse()
        except OSError as error:
            self._discard()
            raise MultiPartException(f"This could not be stored: {error.strerror}.") from error
        except BaseException:  # the visitor has gone, or the server goes
            self._discard()
            raise

    def _discard(self) -> None:
        for file in self._files_to_close_on_error:
            with suppress(OSError):  # what waits to be written has no room either
                file.close()
            Path(file.name).unlink(missing_ok=True)


def install() -> None:
    """Have Gradio read uploads with ``Uploads``; it has no setting for that."""
    route_utils.GradioMultiPartParser = Uploads
