"""The bytes of a text file, unfolded, counted and checked while they are read."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from pathlib import Path
from typing import IO

from tasks.readers.problem import Problem
from tasks.readers.source import BadBatch

NOT_UTF8 = "Line {line:,} is not UTF-8. Save the file as UTF-8, or set source.encoding."
GZIP_MAGIC = b"\x1f\x8b"
BOM = codecs.BOM_UTF8  # Excel writes it; it is no part of the first name
# In this order: the mark of UTF-32 begins with that of UTF-16.
WIDE = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def unfold(plain: IO[bytes]) -> IO[bytes] | gzip.GzipFile:
    """Return the content of a file that was just opened: unfolded where it is gzip.

    Both are the caller's to close: a GzipFile leaves the file that it was given open.
    """
    packed = plain.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    plain.seek(0)
    return gzip.GzipFile(fileobj=plain) if packed else plain


def tell_wide(start: bytes) -> str | None:
    """Return the encoding of two or four bytes a letter that a file begins in, or None.

    >>> tell_wide("id,x".encode("utf-16")), tell_wide("id,x".encode("utf-16-le") * 9)
    ('utf-16', 'utf-16-le')
    """
    marked = next((name for mark, name in WIDE.items() if start.startswith(mark)), None)
    # Without a mark, it shows by its zeros: half of the bytes of European text.
    if marked is None and start.count(b"\0", 0, 64) > 16:
        return "utf-16-le" if start[1:2] == b"\0" else "utf-16-be"
    return marked


class TextStream(io.RawIOBase):
    """A binary stream of valid UTF-8 without NUL bytes, of at most `limit` bytes of content.

    A gzip file is unfolded, and another encoding turned into UTF-8, on the way, never to the disk.
    """

    def __init__(
        self, path: Path, limit: int, encoding: str = "utf-8", quote: bytes = b'"'
    ) -> None:
        super().__init__()
        self._plain: IO[bytes] = path.open("rb")
        self._file = unfold(self._plain)
        self._limit = limit
        self._encoding = codecs.lookup(encoding).name
        self._foreign = self._encoding not in ("utf-8", "utf-8-sig", "ascii")
        self._decoder = codecs.getincrementaldecoder(encoding if self._foreign else "utf-8")()
        self._single = self._foreign and not self._encoding.startswith(("utf-16", "utf-32"))
        self._quote = quote
        self.count = 0
        self.lines = 0
        self.quotes = 0
        # Kept, since a library that reads from here may lose the exception.
        self.problem: Problem | None = None

    def readable(self) -> bool:
        return True  # pyarrow asks

    def close(self) -> None:
        self._file.close()
        self._plain.close()
        super().close()

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` checked bytes.

        Raises:
            BadBatch: a NUL byte, another encoding, a damaged gzip, or more than the limit.
        """
        data = self._counted(size)
        first = self.count == len(data)
        if not self._foreign and first and tell_wide(data) is not None:
            message = "The file is UTF-16 or UTF-32. Save it as UTF-8, or set source.encoding."
            raise self._refused("encoding", message)
        if self._single and not data.isascii():
            self._check_foreign(data)
        data = self._translated(data, size) if self._foreign else data
        if b"\0" in data:
            line = self.lines + data.count(b"\n", 0, data.index(b"\0")) + 1
            message = f"Line {line:,} holds a NUL byte. Save the file as UTF-8 text."
            raise self._refused("NUL byte", message)
        if not self._foreign:
            self._check_encoding(data)
        self.lines += data.count(b"\n")
        self.quotes += data.count(self._quote) if self._quote else 0
        return data

    def _counted(self, size: int) -> bytes:
        # One byte may become three of UTF-8, and no more than `size` may be given.
        size = max(1, size // 3) if self._foreign and size > 0 else size
        try:
            data = self._file.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self._refused("gzip", "The gzip file is damaged or cut short.") from error
        self.count += len(data)
        if self.count > self._limit:
            message = f"The content is more than {self._limit / 2**30:.4g} GiB (max_batch_gib)."
            raise self._refused("size", message)
        return data

    def _check_foreign(self, data: bytes) -> None:
        # A letter begun in the last block would make no difference: one block decides.
        self._single = False
        try:
            codecs.getincrementaldecoder("utf-8")().decode(data)
        except UnicodeDecodeError:
            return
        # Read as the pipeline says, each letter with an accent would silently become two others.
        message = f"The file is UTF-8, and source.encoding says {self._encoding}. Save it as that."
        raise self._refused("encoding", message)

    def _translated(self, data: bytes, size: int) -> bytes:
        try:
            text = self._decoder.decode(data, final=not data)
            # An empty answer would be the end, and a block may hold half a letter alone.
            while data and not text:
                data = self._counted(size)
                text = self._decoder.decode(data, final=not data)
        except UnicodeError as error:
            line = self.lines + 1
            message = (
                f"It is not {self._encoding} from about line {line:,} on. Set source.encoding."
            )
            raise self._refused("encoding", message) from error
        return text.encode("utf-8", "surrogatepass")

    def _check_encoding(self, data: bytes) -> None:
        pending = self._decoder.getstate()[0]
        # Plain ASCII, which most blocks are, need not be decoded unless it ends a letter begun.
        if data.isascii() and not pending and data:
            return
        try:
            self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            line = self.lines + data.count(b"\n", 0, max(0, error.start - len(pending))) + 1
            raise self._refused("encoding", NOT_UTF8.format(line=line)) from error

    def _refused(self, rule: str, message: str) -> BadBatch:
        self.problem = Problem(rule, None, message)
        return BadBatch(self.problem)
