"""TFLite metadata: what a model's author says about its inputs and outputs, and the label files packed with the model.

The metadata are a flatbuffer of their own in a buffer of the model; the files are a zip archive appended to the model
file. Fields that say how to tokenize text or how to group tensors are not read.
"""

from __future__ import annotations

import io
import os
import zlib
from dataclasses import dataclass
from enum import IntEnum

from .declare import Array, Table, enum8, float32, float32s, string, table, tables, union
from .errors import InvalidModelError
from .flat import decode
from .model import Model
from .reader import Source, open_source
from .writer import encode

__all__ = ["AssociatedFileType", "ModelMetadata", "TensorMetadata", "encode_metadata", "read_metadata"]

METADATA_NAME = "TFLITE_METADATA"
METADATA_IDENTIFIER = b"M001"
MAX_UNPACKED = 1 << 26
"""Most bytes of label files that are unpacked."""


class AssociatedFileType(IntEnum):
    """What a file that is packed with the model is for."""

    UNKNOWN = 0
    DESCRIPTIONS = 1
    TENSOR_AXIS_LABELS = 2
    TENSOR_VALUE_LABELS = 3
    TENSOR_AXIS_SCORE_CALIBRATION = 4
    VOCABULARY = 5
    SCANN_INDEX_FILE = 6


_LABELS = (AssociatedFileType.TENSOR_AXIS_LABELS, AssociatedFileType.TENSOR_VALUE_LABELS)


@dataclass(frozen=True)
class TensorMetadata:
    """What the metadata say about one input or output.

    An input is normalized as (x - mean) / std; mean, std, min and max have one value, or one for each channel, and are
    empty where the metadata have none.
    """

    name: str
    description: str
    mean: Array
    std: Array
    min: Array
    max: Array
    files: tuple[tuple[str, AssociatedFileType], ...]
    labels: tuple[str, ...]
    """Lines of the first label file; empty if there is none."""


@dataclass(frozen=True)
class ModelMetadata:
    """What the metadata say about a model; `inputs` and `outputs` are in the order of those of the main subgraph."""

    name: str
    description: str
    version: str
    author: str
    license: str
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]


def read_metadata(model: Model, source: Source) -> ModelMetadata | None:
    """The metadata of `model`, which was read from `source`; None if it has none.

    Raises InvalidModelError when the metadata or the files packed with the model are malformed.
    """
    indices = [metadata.buffer for metadata in model.metadata if metadata.name == METADATA_NAME]
    data = model.buffers[indices[0]].data if indices and indices[0] < len(model.buffers) else None
    if data is None:
        return None
    try:
        root = decode(_ModelMetadata, data.data, METADATA_IDENTIFIER)
    except InvalidModelError as error:
        raise InvalidModelError(f"{METADATA_NAME}: {error}") from None
    main = root.subgraph_metadata[0] if root.subgraph_metadata else _SubGraphMetadata()
    files = _PackedFiles(source)
    return ModelMetadata(
        name=root.name,
        description=root.description,
        version=root.version,
        author=root.author,
        license=root.license,
        inputs=tuple(_tensor_metadata(tensor, files) for tensor in main.input_tensor_metadata),
        outputs=tuple(_tensor_metadata(tensor, files) for tensor in main.output_tensor_metadata),
    )


def encode_metadata(metadata: ModelMetadata) -> bytes:
    """The content of the buffer that holds the metadata of a model; it goes with `ModelBuilder.metadata`.

    The files it names are not part of it: they are appended to the finished model file as a zip archive.
    """
    main = _SubGraphMetadata(
        input_tensor_metadata=[_tensor_table(tensor) for tensor in metadata.inputs],
        output_tensor_metadata=[_tensor_table(tensor) for tensor in metadata.outputs],
    )
    root = _ModelMetadata(
        name=metadata.name,
        description=metadata.description,
        version=metadata.version,
        subgraph_metadata=[main],
        author=metadata.author,
        license=metadata.license,
    )
    return encode(root, METADATA_IDENTIFIER)


def _tensor_table(tensor: TensorMetadata) -> _TensorMetadata:
    normalization = _NormalizationOptions(mean=tensor.mean, std=tensor.std)
    return _TensorMetadata(
        name=tensor.name,
        description=tensor.description,
        process_units=[_ProcessUnit(options=normalization)] if len(tensor.mean) else [],
        stats=_Stats(min=tensor.min, max=tensor.max),
        associated_files=[_AssociatedFile(name=name, type=type) for name, type in tensor.files],
    )


def _tensor_metadata(tensor: _TensorMetadata, files: _PackedFiles) -> TensorMetadata:
    options = [unit.options for unit in tensor.process_units]
    normalization = next((o for o in options if isinstance(o, _NormalizationOptions)), _NormalizationOptions())
    stats = tensor.stats or _Stats()
    associated = tuple((file.name, file.type) for file in tensor.associated_files)
    label_file = next((name for name, type in associated if type in _LABELS), None)
    return TensorMetadata(
        name=tensor.name,
        description=tensor.description,
        mean=normalization.mean,
        std=normalization.std,
        min=stats.min,
        max=stats.max,
        files=associated,
        labels=() if label_file is None else files.lines(label_file),
    )


class _PackedFiles:
    """The zip archive that ends a model file."""

    def __init__(self, source: Source) -> None:
        self._source = source if isinstance(source, (str, os.PathLike)) else io.BytesIO(open_source(source))
        import zipfile  # it is long to import, and seldom needed

        self._has_archive = zipfile.is_zipfile(self._source)
        self._lines: dict[str, tuple[str, ...]] = {}
        self._bytes_left = MAX_UNPACKED

    def lines(self, name: str) -> tuple[str, ...]:
        """The lines of a text file; none if there is no such file, as in a model that was written again."""
        if self._has_archive and name not in self._lines:
            text = self._read(name).decode("utf-8", "replace")
            self._lines[name] = tuple(text.removesuffix("\n").split("\n")) if text else ()
        return self._lines.get(name, ())

    def _read(self, name: str) -> bytes:
        import zipfile

        try:
            with zipfile.ZipFile(self._source) as archive:
                if name not in archive.namelist():
                    return b""
                with archive.open(name) as file:
                    content = file.read(self._bytes_left + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            raise InvalidModelError(f"the file {name!r} packed with the model cannot be read: {error}") from None
        self._bytes_left -= len(content)
        if self._bytes_left < 0:
            raise InvalidModelError(f"the label files packed with the model have more than {MAX_UNPACKED} bytes")
        return content


# The tables of the metadata schema, as far as they are read ----------------------------------------------------------


class _AssociatedFile(Table):
    name: str = string()
    description: str = string()
    type: AssociatedFileType = enum8(AssociatedFileType)


class _NormalizationOptions(Table):
    mean: Array = float32s()
    std: Array = float32s()


class _ScoreCalibrationOptions(Table):
    default_score: float = float32(slot=1)


class _ScoreThresholdingOptions(Table):
    global_score_threshold: float = float32()


class _ProcessUnit(Table):
    options: Table | None = union(_NormalizationOptions, _ScoreCalibrationOptions, _ScoreThresholdingOptions)


class _Stats(Table):
    max: Array = float32s()
    min: Array = float32s()


class _TensorMetadata(Table):
    name: str = string()
    description: str = string()
    process_units: list[_ProcessUnit] = tables(_ProcessUnit, slot=4)
    stats: _Stats | None = table(_Stats)
    associated_files: list[_AssociatedFile] = tables(_AssociatedFile)


class _SubGraphMetadata(Table):
    name: str = string()
    description: str = string()
    input_tensor_metadata: list[_TensorMetadata] = tables(_TensorMetadata)
    output_tensor_metadata: list[_TensorMetadata] = tables(_TensorMetadata)


class _ModelMetadata(Table):
    name: str = string()
    description: str = string()
    version: str = string()
    subgraph_metadata: list[_SubGraphMetadata] = tables(_SubGraphMetadata)
    author: str = string()
    license: str = string()
