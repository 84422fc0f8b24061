"""Pictures, where they were found, candidates, covers

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_NOW = sa.text("now()")


def _time(name: str, *, default: bool = False, nullable: bool = False, comment: str | None = None) -> sa.Column[object]:
    return sa.Column(
        name,
        sa.DateTime(timezone=True),
        server_default=_NOW if default else None,
        nullable=nullable,
        comment=comment,
    )


def upgrade() -> None:
    op.create_table(
        "pictures",
        sa.Column("sha256", sa.Text(), nullable=False, comment="Of the bytes as they were found"),
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False, comment="The ledger's name for it"),
        sa.Column(
            "mime_type", sa.Text(), comment="By content, whatever the source said; NULL like all after it if refused"
        ),
        sa.Column("width", sa.Integer(), comment="Pixels, after the EXIF rotation"),
        sa.Column("height", sa.Integer()),
        sa.Column("size_bytes", sa.BigInteger(), comment="Of the stored file"),
        sa.Column("path", sa.Text(), comment="Below SONIQUEBAY_HOME"),
        sa.Column("colours", postgresql.ARRAY(sa.Text()), comment="Dominant colours, #rrggbb, the most frequent first"),
        sa.Column("thumbhash", sa.Text(), comment="Placeholder of some 25 bytes, base64"),
        sa.Column("thumbnails", postgresql.ARRAY(sa.Integer()), comment="Longest sides in pixels that exist"),
        sa.Column("reason", sa.Text(), comment="Why it was refused; NULL: it is stored"),
        sa.Column("detail", sa.Text()),
        _time("unreferenced_since", nullable=True, comment="When nothing referred to it any more"),
        _time("created_at", default=True),
        sa.CheckConstraint("(path IS NULL) = (reason IS NOT NULL)", name=op.f("ck_pictures_reason")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_pictures")),
        sa.UniqueConstraint("id", name=op.f("uq_pictures_id")),
        comment="Each picture once, however many files embed it; also those that were refused",
    )
    op.create_table(
        "file_pictures",
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "position", sa.Integer(), nullable=False, comment="0 is the best; more are only there in case it is refused"
        ),
        sa.Column("about", sa.Text(), nullable=False, comment="The state of the file that was looked at"),
        sa.Column("picture_type", sa.Integer(), comment="As ID3 numbers them; NULL where the format has no types"),
        sa.Column("is_front", sa.Boolean(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger()),
        sa.Column("sha256", sa.Text(), comment="NULL: not read, see reason"),
        sa.Column("reason", sa.Text()),
        sa.Column("detail", sa.Text()),
        _time("seen_at", default=True),
        sa.ForeignKeyConstraint(
            ["file_id"], ["raw_files.id"], name=op.f("fk_file_pictures_file_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("file_id", "position", name=op.f("pk_file_pictures")),
        comment="The pictures embedded in each file that has any",
    )
    op.create_index("ix_file_pictures_sha256", "file_pictures", ["sha256"], unique=False)
    op.create_table(
        "folder_pictures",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False, comment="Relative to the library root"),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("album_folder", sa.Text(), nullable=False, comment="The folder without disc folders (CD1, Disc 2)"),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column(
            "name_key", sa.Text(), nullable=False, comment="The name without extension, in the form that patterns match"
        ),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), comment="NULL: not read, because nothing asks for it or see reason"),
        sa.Column("reason", sa.Text()),
        sa.Column("detail", sa.Text()),
        _time("seen_at", default=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_folder_pictures")),
        sa.UniqueConstraint("path", name=op.f("uq_folder_pictures_path")),
        comment="The picture files beside the music, as the last scan found them",
    )
    for column in ("folder", "shard", "sha256"):
        op.create_index(f"ix_folder_pictures_{column}", "folder_pictures", [column], unique=False)
    op.create_table(
        "cover_candidates",
        sa.Column("entity_type", sa.Text(), nullable=False, comment="track, album or artist"),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="chosen, coverartarchive or lastfm"),
        sa.Column("origin", sa.Text(), nullable=False, comment="The name of the chosen file, or the URL"),
        sa.Column("about", sa.Text(), nullable=False, comment="The state of what was asked for"),
        sa.Column("sha256", sa.Text(), comment="NULL: there is none, or it was refused"),
        sa.Column("reason", sa.Text(), comment="Why it was refused"),
        sa.Column("detail", sa.Text()),
        _time("seen_at", default=True),
        sa.CheckConstraint("entity_type IN ('track', 'album', 'artist')", name=op.f("ck_cover_candidates_entity_type")),
        sa.ForeignKeyConstraint(["sha256"], ["pictures.sha256"], name=op.f("fk_cover_candidates_sha256")),
        sa.PrimaryKeyConstraint("entity_type", "entity_id", "source", "origin", name=op.f("pk_cover_candidates")),
        comment="Pictures that a person or a web service offers for an entity",
    )
    op.create_index("ix_cover_candidates_sha256", "cover_candidates", ["sha256"], unique=False)
    op.create_table(
        "covers",
        sa.Column("entity_type", sa.Text(), nullable=False, comment="track, album or artist"),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="chosen, embedded, local, coverartarchive or lastfm"),
        sa.Column("mime_type", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("url", sa.Text()),
        sa.Column("colours", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("thumbhash", sa.Text(), nullable=False),
        _time("fetched_at", comment="When it became the cover"),
        sa.CheckConstraint("entity_type IN ('track', 'album', 'artist')", name=op.f("ck_covers_entity_type")),
        sa.ForeignKeyConstraint(["sha256"], ["pictures.sha256"], name=op.f("fk_covers_sha256")),
        sa.PrimaryKeyConstraint("entity_type", "entity_id", name=op.f("pk_covers")),
        comment="The best picture of each; of tracks only those that differ from their album's",
    )
    op.create_index("ix_covers_sha256", "covers", ["sha256"], unique=False)
    # A track without a picture of its own has its album's.
    op.execute(
        """
        CREATE VIEW track_covers AS
        SELECT t.id AS track_id, c.entity_type AS cover_of, c.source, c.mime_type, c.width, c.height, c.size_bytes,
               c.sha256, c.path, c.url, c.colours, c.thumbhash, c.fetched_at
        FROM tracks t JOIN covers c ON c.entity_type = 'track' AND c.entity_id = t.id
        UNION ALL
        SELECT t.id, c.entity_type, c.source, c.mime_type, c.width, c.height, c.size_bytes,
               c.sha256, c.path, c.url, c.colours, c.thumbhash, c.fetched_at
        FROM tracks t JOIN covers c ON c.entity_type = 'album' AND c.entity_id = t.album_id
        WHERE NOT EXISTS (SELECT FROM covers o WHERE o.entity_type = 'track' AND o.entity_id = t.id)
        """
    )


def downgrade() -> None:
    op.execute("DROP VIEW track_covers")
    for table in ("covers", "cover_candidates", "folder_pictures", "file_pictures", "pictures"):
        op.drop_table(table)
