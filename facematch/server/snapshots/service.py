"""Where the settings say that snapshots are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facematch.server.snapshots.folder import SnapshotFolder
from facematch.server.snapshots.object_store import ObjectStore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from facematch.server.snapshots.storage import SnapshotStorage


def storage_of(snapshot_store: str | None, folder: Path, options: Mapping[str, str]) -> SnapshotStorage:
    """The place of the settings, not open yet.

    Args:
        snapshot_store: SNAPSHOT_STORE: None, `api` or an address of S3.
        folder: OUTPUT_DIR.
        options: of an object store, see there.
    """
    if snapshot_store is not None and snapshot_store.startswith("s3://"):
        return ObjectStore(snapshot_store, options)
    return SnapshotFolder(folder, takes_uploads=snapshot_store is not None)
