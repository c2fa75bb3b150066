"""Features of text: SKIP_GRAM and LSH_PROJECTION."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.reference.farmhash import fingerprint64
from litejit.kernels.registry import builtin
from litejit.schema import (
    BuiltinOperator,
    LSHProjectionOptions,
    LSHProjectionType,
    SkipGramOptions,
    TensorType,
    pack,
)
from litejit.schema.errors import InvalidInputError


@builtin(BuiltinOperator.SKIP_GRAM)
class SkipGram(Kernel):
    """All groups of options.ngram_size words, in order, with at most options.max_skip_size words left out between two.

    input: strings, of which the first is read -> [groups] strings, words joined by a space.
    options.include_all_ngrams adds the groups of fewer words, each after those that it begins. Words are separated by
    white space; a string that begins with white space loses its first word, unless that is the only one.

    Raises InvalidInputError when the groups would exceed the limit for a tensor.
    Semantics: LiteRT tflite/kernels/skip_gram.cc.
    """

    types = (TensorType.STRING,)
    flavours = ALL_FLAVOURS
    options: SkipGramOptions

    def prepare(self, node: Node) -> None:
        """limit: most bytes for the output."""
        input = node.input("input")
        node.require(input.size >= 1, "{} of shape {} has no string", input, input.dims)
        self.limit = node.context.limits.tensor_bytes
        node.output(None, types=TensorType.STRING)

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        words = _words(input.flat[0])
        grams: list[bytes] = []
        size = 0
        for chosen in self._choices(len(words)):
            grams.append(b" ".join([words[at] for at in chosen]))
            size += len(grams[-1]) + 8
            if size > self.limit:
                raise InvalidInputError(f"{len(words)} words make groups of more than {self.limit} bytes")
        output = np.empty(len(grams), object)
        output[:] = grams
        return output

    def _choices(self, words: int) -> Iterator[list[int]]:
        """The positions of the words of each group: depth first, a group after its extensions."""
        most = self.options.ngram_size
        if not 1 <= most <= words:
            return
        step = self.options.max_skip_size + 1
        chosen: list[int] = []
        following = [0]
        while following:
            candidate = following[-1]
            reach = min(words - 1, chosen[-1] + step) if chosen else words - 1
            if len(chosen) < most and candidate <= reach:
                following[-1] = candidate + 1
                chosen.append(candidate)
                following.append(candidate + 1)
            else:
                if len(chosen) == most or (chosen and self.options.include_all_ngrams):
                    yield chosen
                following.pop()
                if chosen:
                    chosen.pop()


def _words(text: bytes) -> list[bytes]:
    pieces = re.split(rb"\s", text[1:])
    pieces[0] = text[:1] + pieces[0]
    *inner, last = pieces
    return [piece for piece in inner if piece and not piece[:1].isspace()] + ([last] if last else [])


@builtin(BuiltinOperator.LSH_PROJECTION)
class LshProjection(Kernel):
    """Locality sensitive hashes: bit = sum of weight[i] * fingerprint64(seed, input[i]) as int64 > 0, for each seed.

    hash: [hashes, bits] float32, the seeds, at most 32 bits; input: [n, …] any type, hashed as bytes;
    weight (optional): [n] float32, 1 where it is left out.
    DENSE: [hashes * bits] int32, the bits. SPARSE: [hashes] int32, the bits of each hash as a number, the first one
    highest, plus hash index * 2**bits.

    Semantics: LiteRT tflite/kernels/lsh_projection.cc.
    """

    types = (TensorType.FLOAT32,)
    flavours = ALL_FLAVOURS
    options: LSHProjectionOptions

    def prepare(self, node: Node) -> None:
        """sparse: the kind. input_type: of the items."""
        hash = node.input("hash", rank=2)
        node.require(hash.dims[1] <= 32, "hash has {} bits, expected at most 32", hash.dims[1])
        input = node.input("input")
        node.require(input.rank >= 1 and input.dims[0] >= 1, "{} of shape {} has no items", input, input.dims)
        node.optional("weight", types=TensorType.FLOAT32, shape=(input.dims[0],))
        kind = self.options.type
        node.require(
            kind in (LSHProjectionType.SPARSE, LSHProjectionType.DENSE), "type is {!r}, expected SPARSE or DENSE", kind
        )
        self.sparse = kind == LSHProjectionType.SPARSE
        self.input_type = input.type
        node.output((hash.dims[0],) if self.sparse else (hash.size,), types=TensorType.INT32)

    def __call__(self, hash: np.ndarray, input: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
        """The output."""
        data = np.frombuffer(pack(input, self.input_type), np.uint8)
        count = input.shape[0]
        item_bytes = data.size // count
        items = data[: count * item_bytes].reshape(count, item_bytes)
        bits = np.array([self._sign(seed, items, weight) for seed in hash.reshape(-1)], np.int64).reshape(hash.shape)
        if not self.sparse:
            return bits.reshape(-1).astype(np.int32)
        places = np.int64(1) << np.arange(hash.shape[1], dtype=np.int64)[::-1]
        offsets = np.arange(hash.shape[0], dtype=np.int64) << hash.shape[1]
        return (bits @ places + offsets).astype(np.int32)

    @staticmethod
    def _sign(seed: np.float32, items: np.ndarray, weight: np.ndarray | None) -> bool:
        prefix = np.broadcast_to(np.frombuffer(seed.tobytes(), np.uint8), (items.shape[0], 4))
        fingerprints = fingerprint64(np.concatenate([prefix, items], axis=1)).view(np.int64).astype(np.float64)
        # One after another, so that sums near zero have the sign of the official loop.
        with np.errstate(all="ignore"):
            return bool(np.cumsum(fingerprints if weight is None else weight * fingerprints)[-1] > 0)
