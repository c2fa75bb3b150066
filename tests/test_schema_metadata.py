"""TFLite metadata and the label files packed with a model."""

import io
import zipfile

import numpy as np
import pytest

from litejit.schema import AssociatedFileType, InvalidModelError, ModelBuilder, metadata, read_metadata, read_model
from litejit.schema.writer import encode


def with_metadata(labels="cat\ndog\n", kind=AssociatedFileType.TENSOR_AXIS_LABELS, packed=True) -> bytes:
    normalization = metadata._NormalizationOptions(mean=np.array([127.5], np.float32), std=np.array([128], np.float32))
    image = metadata._TensorMetadata(
        name="image",
        description="what to classify",
        process_units=[metadata._ProcessUnit(options=normalization)],
        stats=metadata._Stats(min=np.zeros(1, np.float32), max=np.ones(1, np.float32)),
    )
    scores = metadata._TensorMetadata(
        name="scores", associated_files=[metadata._AssociatedFile(name="labels.txt", type=kind)]
    )
    graph = metadata._SubGraphMetadata(input_tensor_metadata=[image], output_tensor_metadata=[scores])
    root = metadata._ModelMetadata(
        name="classifier", version="1", author="me", license="free", subgraph_metadata=[graph]
    )
    b = ModelBuilder()
    b.output(b.op("SOFTMAX", [b.input("x", (1, 2))], beta=1.0))
    b.metadata("TFLITE_METADATA", encode(root, b"M001"))
    file = io.BytesIO(b.to_bytes())
    if packed:
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr("labels.txt", labels)
    return file.getvalue()


def test_metadata(tmp_path):
    data = with_metadata()
    (tmp_path / "model.tflite").write_bytes(data)
    for source in (data, tmp_path / "model.tflite", str(tmp_path / "model.tflite")):
        found = read_metadata(read_model(source), source)
        assert (found.name, found.version, found.author, found.license) == ("classifier", "1", "me", "free")
        (image,), (scores,) = found.inputs, found.outputs
        assert (image.name, image.description, image.labels, image.files) == ("image", "what to classify", (), ())
        assert [a.tolist() for a in (image.mean, image.std, image.min, image.max)] == [[127.5], [128], [0], [1]]
        assert scores.files == (("labels.txt", AssociatedFileType.TENSOR_AXIS_LABELS),)
        assert scores.labels == ("cat", "dog")
        assert scores.mean.size == 0


def test_a_model_without_metadata_has_none():
    data = ModelBuilder().to_bytes()
    assert read_metadata(read_model(data), data) is None


@pytest.mark.parametrize(
    "data",
    [with_metadata(packed=False), with_metadata(kind=AssociatedFileType.VOCABULARY), with_metadata(labels="")],
    ids=["no archive", "other file", "empty file"],
)
def test_without_labels(data):
    assert read_metadata(read_model(data), data).outputs[0].labels == ()


def test_malformed_metadata():
    b = ModelBuilder()
    b.metadata("TFLITE_METADATA", b"not metadata")
    with pytest.raises(InvalidModelError, match="TFLITE_METADATA: the file identifier is b'meta'"):
        read_metadata(b.build(), b.to_bytes())


def test_corrupt_labels():
    data = bytearray(with_metadata(labels="cat\ndog\n"))
    at = data.index(b"cat\ndog\n")
    data[at] ^= 255
    with pytest.raises(InvalidModelError, match=r"'labels.txt' packed with the model cannot be read: Bad CRC"):
        read_metadata(read_model(data), bytes(data))


def test_unpacked_labels_are_bounded(monkeypatch):
    monkeypatch.setattr(metadata, "MAX_UNPACKED", 4)
    data = with_metadata()
    with pytest.raises(InvalidModelError, match="more than 4 bytes"):
        read_metadata(read_model(data), data)
