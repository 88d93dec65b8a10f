"""Users' images: whatever holds them, they become records that are decoded beside the encoder."""

from clipprobe.data.decode import decode_image as decode_image
from clipprobe.data.decode import to_rgb as to_rgb
from clipprobe.data.images import as_dataset as as_dataset
from clipprobe.data.records import Dataset as Dataset
from clipprobe.data.records import Failure as Failure
from clipprobe.data.records import ImageRecord as ImageRecord
from clipprobe.data.records import MemberRef as MemberRef
from clipprobe.data.records import Readable as Readable
from clipprobe.data.records import require_readable as require_readable
from clipprobe.data.sources import open_dataset as open_dataset
from clipprobe.data.stream import Batch as Batch
from clipprobe.data.stream import stream_batches as stream_batches
