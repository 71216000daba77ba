"""Pinned files of public repositories: fetched once, checked at every use."""

import hashlib
import io
import os
import time
import warnings
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from urllib.parse import quote

from scipy.io import loadmat

from sklearn_xmodal.utils._atomic import replacing
from sklearn_xmodal.utils._progress import progress_bar
from sklearn_xmodal.utils._sklearn_compat import Interval
from sklearn_xmodal.utils._validation import count

HOST = "https://raw.githubusercontent.com"
DATA_ENV = "SKLEARN_XMODAL_DATA"
_ELSEWHERE = f"set data_home or {DATA_ENV} to a folder"

#: What `validate_params` checks of the options that all fetchers share.
FETCH_OPTIONS = {
    "data_home": [str, os.PathLike, None],
    "download_if_missing": ["boolean"],
    "return_X_y": ["boolean"],
    "n_retries": [Interval(Integral, 0, None, closed="left")],
    "delay": [Interval(Real, 0, None, closed="left")],
}


def get_data_home(data_home: str | os.PathLike | None = None) -> Path:
    """Return the folder where the fetchers keep their files.

    It is `data_home` if given, else the environment variable
    `SKLEARN_XMODAL_DATA`, else `sklearn_xmodal_data` in the home folder of the
    user. The folder is made when the first file is downloaded.

    Parameters
    ----------
    data_home : str or path-like, default=None
        A folder; `~` stands for the home folder of the user.

    Returns
    -------
    data_home : pathlib.Path
        The folder, which need not exist.

    Examples
    --------
    >>> from sklearn_xmodal.datasets import get_data_home
    >>> get_data_home("features").name
    'features'
    """
    if data_home is None:
        data_home = os.environ.get(DATA_ENV) or Path("~", "sklearn_xmodal_data")
    return Path(data_home).expanduser()


@dataclass(frozen=True)
class PinnedFile:
    """A file that is known by its content.

    `path` is its place below the data home, `size` is in bytes.
    """

    path: str
    size: int
    sha256: str

    def fault(self, content):
        """Say what is wrong with the content, or return None."""
        if len(content) != self.size:
            return f"{len(content)} bytes instead of {self.size}"
        return digest_fault(content, self.sha256)


@dataclass(frozen=True)
class RemoteFile(PinnedFile):
    """A pinned file with an address, ``repository@commit:path`` on GitHub."""

    source: str

    @property
    def url(self):
        """Address of the file."""
        repository, _, place = self.source.partition("@")
        commit, _, path = place.partition(":")
        return f"{HOST}/{repository}/{commit}/{quote(path)}"


def digest_fault(content, sha256):
    """Say how the digest differs from the pinned one, or return None."""
    digest = hashlib.sha256(content).hexdigest()
    return None if digest == sha256 else f"SHA256 {digest} instead of {sha256}"


class DataHome:
    """Reads pinned files from a folder, and downloads into it what it lacks.

    Content leaves this class only after it was compared with its checksum, as the very
    bytes that were compared. Seconds lie between attempts, `delay`.
    """

    def __init__(self, data_home, download_if_missing, n_retries, delay):
        self.folder = get_data_home(data_home)
        self.download_if_missing = download_if_missing
        self.n_retries = n_retries
        self.delay = delay

    def peek(self, file):
        """Return the content of a file if it is here and intact, else None."""
        content = self._cached(file)
        return None if content is None or file.fault(content) else content

    def read(self, file):
        """Return the content of a file, downloaded if needed.

        Raises OSError where there is no intact file and none can be got, and
        ImportError if a download is needed and pooch is not installed.
        """
        content = self._cached(file)
        fault = "no such file" if content is None else file.fault(content)
        if fault is None:
            return content
        path = self.folder / file.path
        if not self.download_if_missing:
            kind = FileNotFoundError if content is None else OSError
            raise kind(
                f"{path} must be the file of {file.url}. Got {fault}, and "
                f"download_if_missing=False. Allow the download, or {_ELSEWHERE} that "
                f"has {file.path}."
            )
        if content is not None:
            warnings.warn(
                f"{path} is damaged, or another file of that name: {fault}. It is "
                "downloaded again and replaced.",
                stacklevel=2,
            )
        with _place_for(path) as out:
            content = self._download(file)
            out.write(content)
        return content

    def read_all(self, files, *, desc, n_threads=8):
        """Return the contents of many small files, several at a time.

        What has arrived is kept when another file fails, so that the next call
        goes on from there. A progress bar shows in a terminal if it takes long.
        """
        bar = progress_bar(total=len(files), desc=desc, unit="file", delay=1)
        with bar, ThreadPoolExecutor(n_threads) as pool:
            futures = [pool.submit(self.read, file) for file in files]
            try:
                for future in as_completed(futures):
                    future.result()
                    bar.update()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return [future.result() for future in futures]

    def _cached(self, file):
        try:
            return (self.folder / file.path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _download(self, file):
        downloader = _make_downloader()
        for attempt in range(self.n_retries + 1):
            if attempt:
                time.sleep(self.delay)
            content = _Limited(file.size)
            try:
                downloader(file.url, content, None)
            except OSError as error:  # what requests raises derives from it
                fault = str(error)
            else:
                fault = file.fault(content.getvalue())
            if fault is None:
                return content.getvalue()
        attempts = count(self.n_retries + 1, "attempt")
        raise OSError(
            f"{file.url} could not be downloaded in {attempts}. The last one gave: "
            f"{fault}. Check the connection and try again, put the file at "
            f"{self.folder / file.path} by other means, or {_ELSEWHERE} that has "
            f"{file.path}."
        )


def read_mat(content, name):
    """Return one variable of a MATLAB file."""
    return loadmat(io.BytesIO(content), variable_names=[name])[name]


class _Limited(io.BytesIO):
    """A buffer that refuses more bytes than the file has."""

    def __init__(self, limit):
        super().__init__()
        self.limit = limit

    def write(self, chunk):
        if self.tell() + len(chunk) > self.limit:
            raise OSError(f"more than {self.limit} bytes")
        return super().write(chunk)


@contextmanager
def _place_for(path):
    """Open a new file that takes the place of `path` at once, if all goes well."""
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            out = stack.enter_context(replacing(path))
        except OSError as error:
            raise OSError(
                f"The folder of {path} must be writable for the download. Got: "
                f"{error}. To keep the data elsewhere, {_ELSEWHERE} of yours."
            ) from error
        yield out


def _make_downloader():
    try:
        import pooch
    except ImportError as error:
        raise ImportError(
            "Downloading data needs pooch, which is not installed. "
            'Install it with: pip install "sklearn-xmodal[datasets]"'
        ) from error
    return pooch.HTTPDownloader(chunk_size=2**16)
