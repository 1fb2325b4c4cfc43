"""Where the sound of calls is kept: a folder, or a store that speaks S3."""

from app.gateways.recordings.factory import make_store
from app.gateways.recordings.store import (
    RecordingStore,
    RecordingTooLargeError,
    StoreError,
    StoreFullError,
)

__all__ = ["RecordingStore", "RecordingTooLargeError", "StoreError", "StoreFullError", "make_store"]
