"""The store that the settings name."""

from urllib.parse import urlsplit

from app.config import Settings
from app.errors import StartupError
from app.gateways.recordings.folder import FolderStore
from app.gateways.recordings.store import RecordingStore


def make_store(settings: Settings) -> RecordingStore:
    """Return the store of recordings: ``HUIYIN_RECORDINGS_URL``, else a folder beside the data.

    Raises:
        StartupError: the URL names no store, or the extra is missing; the message says what to do.
    """
    url = settings.recordings_url
    if not url:
        return FolderStore(settings.data_dir / "recordings")
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc:
        raise StartupError("HUIYIN_RECORDINGS_URL must be like s3://bucket/prefix; without it a folder is used")
    try:
        from app.gateways.recordings.bucket import open_bucket  # noqa: PLC0415 - needs an extra
    except ImportError as error:
        raise StartupError(
            f"HUIYIN_RECORDINGS_URL needs the extra s3, and {error.name or error} is not installed: "
            "pip install --require-hashes --no-deps -r requirements-extras.lock"
        ) from error
    return open_bucket(parts.netloc, parts.path.strip("/"))
