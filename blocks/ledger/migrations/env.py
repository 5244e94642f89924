"""Alembic's entry: runs revisions on the connection `migrate` hands over."""

from alembic import context

from blocks.ledger.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
