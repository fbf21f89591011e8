"""Starts wstest, as its own script does, with two of its slow spots made quick.

Cases 12 and 13 send a thousand messages each, and half of their time was a SHA-1 in plain C and the decoding of one
and the same text for every message. What goes over the wire, and how it is judged, stays as it is.
"""

import hashlib
import sys

from autobahntestsuite import case, wstest


def use_sha1_of_openssl():
    """Python 2.7 knows no OpenSSL of today; the package that wstest has its TLS from brings one along."""
    try:
        import _hashlib  # noqa: F401
        return
    except ImportError:
        pass
    from cryptography.hazmat.backends import default_backend
    from cryptography.hazmat.primitives.hashes import SHA1, Hash

    backend = default_backend()

    class Sha1(object):
        digest_size, block_size, name = 20, 64, "sha1"

        def __init__(self, data=b"", hash=None):
            self._hash = hash or Hash(SHA1(), backend)
            if data:
                self.update(data)

        def update(self, data):
            # What else hashlib takes: buffers, and text that is ASCII.
            self._hash.update(data if isinstance(data, bytes) else bytes(data))

        def copy(self):
            return Sha1(hash=self._hash.copy())

        def digest(self):
            # The hash is used up by this, and hashlib's is not.
            return self._hash.copy().finalize()

        def hexdigest(self):
            return self.digest().encode("hex")

    # Whether an echo is what was sent is seen by this alone.
    for sample in (b"", b"fullduplex", b"\xff" * 1000):
        expected, found = hashlib.sha1(sample), Sha1()
        found.update(sample)
        if (expected.digest(), expected.hexdigest()) != (found.digest(), found.hexdigest()):
            sys.exit("wstest.py: this SHA-1 is none")
    hashlib.sha1 = Sha1


class Text(bytes):
    """A file, decoded no more than once."""

    def decode(self, *encoding):
        if not hasattr(self, "_decoded"):
            self._decoded = bytes.decode(self, *encoding)
        return self._decoded


def decode_files_once(cases):
    def wrap(init):
        def decoding_once(self):
            init(self)
            self.testData = Text(self.testData)

        return decoding_once

    for one in cases:
        one.init = wrap(one.__dict__["init"])


use_sha1_of_openssl()
decode_files_once([one for one in case.Cases if hasattr(one, "TESTDATA")])
sys.exit(wstest.run())
