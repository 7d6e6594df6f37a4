"""How Alembic reaches the database: over the connection that `app.adapters.schema` hands it."""

from alembic import context

from app.tables import metadata

connection = context.config.attributes["connection"]
if connection.dialect.name == "postgresql":
    # What migrations write down anew is everybody's: without this, the database would show them no rows.
    connection.exec_driver_sql("SELECT set_config('sigillo.everyone', 'on', true)")
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
