"""The server that shows an atlas: who is answered, and when."""

import http.client
import socket
import struct
import threading

import pytest

from convreport.share import serve
from tests.serving import serving


@pytest.fixture
def server(small_atlas):
    with serving(small_atlas / "site", serve.HERE | {"atlas.test"}) as port:
        yield port


def asked(port, host, path="/"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest("GET", path, skip_host=True)
    if host is not None:
        connection.putheader("Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:{port}", "[::1]:{port}", "LOCALHOST:8000", "atlas.test", None]
)
def test_this_machine_is_answered(host, server):
    assert asked(server, host and host.format(port=server)) == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "localhost@evil", "", "::1"]
)
def test_foreign_hosts_are_not(host, server):
    assert asked(server, host.format(port=server)) == 421
    assert asked(server, host.format(port=server), "/demo/report.html") == 421


def test_two_hundred_requests_at_once_are_all_answered(server):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(asked(server, "localhost"))) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [200] * 200


def test_a_browser_that_leaves_while_it_is_answered_is_no_trouble(tmp_path, capsys, monkeypatch):
    """It closes the connection after the first bytes, as browsers do with pictures of a page that was left."""
    (tmp_path / "large.bin").write_bytes(bytes(32 << 20))
    ended, close = threading.Event(), serve._Server.shutdown_request
    monkeypatch.setattr(serve._Server, "shutdown_request", lambda *words: (close(*words), ended.set()))
    with serving(tmp_path) as port:
        with socket.create_connection(("127.0.0.1", port)) as left:
            left.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # gone at once
            left.sendall(b"GET /large.bin HTTP/1.0\r\nHost: localhost\r\n\r\n")
            assert left.recv(100).startswith(b"HTTP/1.0 200")
        assert ended.wait(30)
        assert asked(port, "localhost", "/large.bin") == 200
    assert capsys.readouterr().err == ""


def test_while_a_build_puts_a_new_site_in_the_place_of_the_old_one_requests_wait(tmp_path):
    site, aside = tmp_path / "site", tmp_path / "aside"
    aside.mkdir()
    (aside / "index.html").write_text("whole")
    with serving(site) as port:
        back = threading.Timer(0.3, aside.rename, [site])
        back.start()
        assert asked(port, "localhost", "/index.html") == 200
        back.join()
        assert asked(port, "localhost", "/other.html") == 404, "a page that is not there is not waited for"
