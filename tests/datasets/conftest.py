"""A web server on this machine that stands for the public repositories."""

import dataclasses
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest

from sklearn_xmodal.datasets import _base


class Server:
    """Serves files by path, remembers requests, and fails when told to."""

    def __init__(self, host):
        self.host = host
        self.files = {}
        self.requests = []
        # path -> what to do with the next requests: "cut", a status, or content
        self.script = {}
        self.barrier = None

    def put(self, remote, content):
        """Serve content at the address of a remote file."""
        self.files[self.path_of(remote)] = content

    def path_of(self, remote):
        """Path of the address of a remote file."""
        return unquote(remote.url.removeprefix(self.host))

    def answer(self, path):
        """Status, content, and how many bytes of it to send."""
        self.requests.append(path)
        action = self.script[path].pop(0) if self.script.get(path) else None
        content = self.files.get(path)
        if isinstance(action, bytes):
            return 200, action, len(action)
        if isinstance(action, int) or content is None:
            return action or 404, b"", 0
        return 200, content, len(content) // 2 if action == "cut" else len(content)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        status, content, n_sent = self.server.files.answer(unquote(self.path))
        if self.server.files.barrier is not None:
            self.server.files.barrier.wait(timeout=60)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:n_sent])

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    """Server on the loopback interface, in place of the real host."""
    pytest.importorskip("pooch")
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    host = f"http://127.0.0.1:{httpd.server_port}"
    httpd.files = Server(host)
    monkeypatch.setattr(_base, "HOST", host)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
    thread.start()
    yield httpd.files
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def pinned(file, content):
    """Return a file of the registry, pinned to other content."""
    digest = hashlib.sha256(content).hexdigest()
    return dataclasses.replace(file, size=len(content), sha256=digest)


@pytest.fixture
def replace_file(monkeypatch, server):
    """Pin a file of a module to other content, and serve that."""

    def replace(module, name, content, key=None):
        files = getattr(module, name)
        file = pinned(files if key is None else files[key], content)
        if key is None:
            monkeypatch.setattr(module, name, file)
        else:
            monkeypatch.setitem(files, key, file)
        server.put(file, content)
        return file

    return replace


@pytest.fixture
def replace_glove(monkeypatch, replace_file):
    """Serve a small file of word vectors, in the format of R."""

    def replace(words, vectors):
        from sklearn_xmodal.datasets import _word_vectors

        monkeypatch.setattr(_word_vectors, "_N_WORDS", len(words))
        monkeypatch.setattr(_word_vectors, "_N_DIMENSIONS", vectors.shape[1])
        content = r_data(words, vectors)
        return replace_file(_word_vectors, "_GLOVE", content)

    return replace


def r_data(words, vectors):
    """Write a matrix with row names as R does (R Internals, section 1.8)."""
    import lzma
    import struct

    def integers(*values):
        return struct.pack(f">{len(values)}i", *values)

    def text(value):
        return integers(0x40009, len(value.encode())) + value.encode()

    def symbol(name):
        return integers(1) + text(name)

    n, d = vectors.shape
    columns = [f"dim_{i + 1}" for i in range(d)]
    body = [
        b"RDX2\nX\n",
        integers(2, 0x40402, 0x20300),
        integers(0x402),  # a pairlist with a tag
        symbol("glove_twitter_25d"),
        integers(0x30E, vectors.size),  # a real vector with attributes
        vectors.T.astype(">f8").tobytes(),
        integers(0x402),
        symbol("dim"),
        integers(13, 2, n, d),
        integers(0x402),
        symbol("dimnames"),
        integers(19, 2),
        integers(16, n),
        *map(text, words),
        integers(16, d),
        *map(text, columns),
        integers(254, 254),
    ]
    return lzma.compress(b"".join(body))
