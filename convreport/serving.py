"""A small web server for looking at an atlas, on this machine only."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from convreport.atlas import Atlas
from convreport.core.errors import SiteError


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        """Nobody needs a line a picture."""


def serve_forever(atlas: Atlas, port: int, say: Callable[[str], None]) -> None:
    """Serve the built site on 127.0.0.1 until interrupted; a taken port gives way to a free one."""
    if not (atlas.site / "index.html").is_file():
        raise SiteError(f"{atlas.out} has no built site.", "Build it with `convreport site`.")
    handler = partial(_Quiet, directory=str(atlas.site))
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    with server:
        say(f"http://127.0.0.1:{server.server_port}/ (Ctrl-C stops)")
        with suppress(KeyboardInterrupt):  # the way it is meant to end
            server.serve_forever()
