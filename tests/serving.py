"""A folder served as `convreport serve` serves a site."""

import threading
from contextlib import contextmanager
from functools import partial

from convreport.share import serve


@contextmanager
def serving(site, hosts=serve.HERE):
    """The port of 127.0.0.1 at which the folder is served, a free one."""
    server = serve._Server(("127.0.0.1", 0), partial(serve._Site, directory=str(site), hosts=hosts))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
