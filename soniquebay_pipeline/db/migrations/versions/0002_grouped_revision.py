"""What lets steps of several runs meet: which revision was grouped, which labels are due

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "due_labels",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        comment="Genres and moods whose uses changed: the genres step spells them again",
    )
    op.add_column(
        "raw_metadata",
        sa.Column(
            "grouped_revision",
            sa.BigInteger(),
            nullable=True,
            comment="The revision whose folder was grouped; NULL before the first time",
        ),
    )
    op.execute(
        "UPDATE raw_metadata m SET grouped_revision = m.revision"
        " FROM tracks t WHERE t.file_id = m.file_id AND t.revision = m.revision"
    )
    op.execute("INSERT INTO due_labels (kind, name_key) SELECT DISTINCT kind, name_key FROM file_labels")


def downgrade() -> None:
    op.drop_column("raw_metadata", "grouped_revision")
    op.drop_table("due_labels")
