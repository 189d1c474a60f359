"""A small web server for looking at an atlas, on this machine only."""

import re
import sys
import time
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from convreport.book.folder import Atlas
from convreport.core.base.errors import SiteError

WAIT = 5.0  # seconds in which a site that is gone may come back
HERE = frozenset({"localhost", "127.0.0.1", "[::1]"})  # the names of this machine


class _Site(SimpleHTTPRequestHandler):
    """The files of a folder; what is not there is answered with the site's own page for that, as GitHub Pages does.

    Only who asks for this machine is answered: a page from elsewhere that points a name of its own here (DNS rebinding)
    must not read an atlas.
    """

    def __init__(self, *words: Any, hosts: frozenset[str] = HERE, **more: Any) -> None:
        self._hosts = hosts
        super().__init__(*words, **more)

    def send_head(self) -> Any:
        """The file's head, where this machine is asked for by a name of its own."""
        said = self.headers.get("Host")
        if said is not None and re.sub(r":\d*$", "", said.strip()).lower().rstrip(".") not in self._hosts:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "Only this machine's own names are answered")
            return None
        self._await_site()
        return super().send_head()

    def _await_site(self) -> None:
        """A build puts a new site in the place of the old one: between the two there is none, for an instant."""
        until = time.monotonic() + WAIT
        while not Path(self.directory).is_dir() and time.monotonic() < until:
            time.sleep(0.005)

    def log_message(self, *words: object) -> None:
        """Nobody needs a line a picture."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """A missing page in the site's own words; other errors as they are."""
        page = Path(self.directory) / "404.html"
        if code != HTTPStatus.NOT_FOUND or not page.is_file():
            return super().send_error(code, message, explain)
        body = page.read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    """Many requests at once wait their turn instead of being turned away; a browser that leaves its page is no trouble."""

    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A traceback for what went wrong here alone."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def serve_forever(atlas: Atlas, port: int, say: Callable[[str], None], *, show: bool = False, host: str = "") -> None:
    """Serve the built site on 127.0.0.1 until interrupted; a taken port gives way to a free one. `show` opens a browser.

    `host` is a further name that is answered, such as that of a proxy before it.
    """
    if not (atlas.site / "index.html").is_file():
        raise SiteError(f"{atlas.out} has no built site.", "Build it with `convreport site`.")
    handler = partial(_Site, directory=str(atlas.site), hosts=HERE | ({host.lower()} if host else set()))
    try:
        server = _Server(("127.0.0.1", port), handler)
    except OSError:
        server = _Server(("127.0.0.1", 0), handler)
    with server:
        address = f"http://127.0.0.1:{server.server_port}/"
        say(f"{address} (Ctrl-C stops)")
        if show:
            webbrowser.open(address)
        with suppress(KeyboardInterrupt):  # the way it is meant to end
            server.serve_forever()
