"""People: who is looked for besides the default person, their photos, and the events that name them."""

# ruff: noqa: INP001  (Alembic loads these files by path)

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)
_KEY_BYTES = 32


def upgrade() -> None:
    """Add their tables."""
    gallery = op.create_table(
        "gallery",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="rises with every change of people or photos"),
        sa.Column("encoder", sa.Text(), nullable=False, comment="whose embeddings all photos have; empty: none yet"),
        sa.Column("erased_key", sa.LargeBinary(), nullable=False, comment="of the hashes in erased_photos"),
    )
    op.bulk_insert(gallery, [{"id": 1, "version": 0, "encoder": "", "erased_key": secrets.token_bytes(_KEY_BYTES)}])
    op.create_table(
        "people",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False, comment="the name as it is searched and sorted"),
        sa.Column("rooms", sa.Text(), nullable=False, comment="JSON; empty: every room"),
        sa.Column("tolerance", sa.Float()),
        sa.Column("basis", sa.Text(), nullable=False, comment="on what basis they are kept"),
        sa.Column("consent", sa.Text(), comment="JSON: when, by whom, which text"),
        sa.Column("delete_at", _TIME),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("last_seen_at", _TIME, comment="to the day"),
        sa.Column("merged_into", sa.Text(), comment="whose their photos are now; they come back by a split"),
        sa.Column("photos", sa.Integer(), nullable=False, comment="rows of photos"),
        sa.Column("outliers", sa.Integer(), nullable=False, comment="photos that are unlike the others"),
        sa.Column("photo_set", sa.Text(), comment="id of the set of photos, from theirs"),
        sa.Column("centroid", sa.LargeBinary(), comment="mean of the embeddings: 128 float32, little-endian"),
    )
    op.create_index("ix_people_name_key", "people", ["name_key", "id"])
    op.create_index("ix_people_merged_into", "people", ["merged_into"])
    op.create_index("ix_people_delete_at", "people", ["delete_at"])
    op.create_table(
        "photos",
        sa.Column("id", sa.Text(), primary_key=True, comment="first 16 digits of the SHA-256 of image"),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("origin_person_id", sa.Text(), nullable=False, comment="whose it was when it was added"),
        sa.Column("added_at", _TIME, nullable=False),
        sa.Column("upload_hash", sa.LargeBinary(), nullable=False, comment="SHA-256 of what was sent"),
        sa.Column("source", sa.Text(), nullable=False, comment="where it came from: page, import, the name of a file"),
        sa.Column("bbox", sa.Text(), nullable=False, comment="JSON: top, right, bottom, left"),
        sa.Column("frame_size", sa.Text(), nullable=False, comment="JSON: width, height of image"),
        sa.Column("face_px", sa.Integer(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False, comment="the detector's"),
        sa.Column("sharpness", sa.Float(), nullable=False),
        sa.Column("weak", sa.Text(), nullable=False, comment="JSON: what is wrong with it"),
        sa.Column("outlier", sa.Boolean(), nullable=False, comment="unlike the others of its person"),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("embedding", sa.LargeBinary(), nullable=False, comment="128 float32, little-endian"),
        sa.Column("image", sa.LargeBinary(), nullable=False, comment="JPEG without metadata"),
    )
    op.create_index("ix_photos_person_id", "photos", ["person_id", "id"])
    op.create_index("ix_photos_upload_hash", "photos", ["upload_hash"])
    op.create_table(
        "erased_photos",
        sa.Column("hash", sa.LargeBinary(), primary_key=True, comment="HMAC of the SHA-256 of a file that was erased"),
    )
    op.create_table(
        "event_people",
        sa.Column("person_id", sa.Text(), primary_key=True),
        sa.Column("cursor", _POSITION, primary_key=True, autoincrement=False),
    )
    op.create_index("ix_event_people_cursor", "event_people", ["cursor"])
