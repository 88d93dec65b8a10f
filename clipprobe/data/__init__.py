"""Users' images: whatever holds them, they become records that are decoded beside the encoder."""

from clipprobe.data.decode import decode_image, to_rgb
from clipprobe.data.images import as_dataset
from clipprobe.data.records import (
    Dataset,
    Failure,
    ImageRecord,
    MemberRef,
    Readable,
    require_readable,
)
from clipprobe.data.sources import open_dataset
from clipprobe.data.stream import Batch, stream_batches

__all__ = [
    "Batch",
    "Dataset",
    "Failure",
    "ImageRecord",
    "MemberRef",
    "Readable",
    "as_dataset",
    "decode_image",
    "open_dataset",
    "require_readable",
    "stream_batches",
    "to_rgb",
]
