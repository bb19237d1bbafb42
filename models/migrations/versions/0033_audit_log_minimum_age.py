"""Keep audit log entries for at least 30 days whatever the settings, unless their connection is erased."""

from alembic import op

revision = "0033"
down_revision = "0032"

KEEP = """
create or replace function keep_audit_log() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'DELETE' and (
        old.at < @before
        or old.connection_id = nullif(current_setting('audit_log.erase_connection', true), '')::integer
    ) then
        return old;
    end if;
    if tg_op = 'UPDATE' and current_setting('audit_log.redact', true) = 'on'
        and to_jsonb(new) - '{actor,action}'::text[] = to_jsonb(old) - '{actor,action}'::text[]
    then
        return new;
    end if;
    raise exception 'The audit log only grows.' using errcode = 'insufficient_privilege';
end
$$
"""
BEFORE = "nullif(current_setting('audit_log.delete_before', true), '')::timestamptz"


def upgrade() -> None:
    op.execute(KEEP.replace("@before", f"{BEFORE} and old.at < now() - interval '30 days'"))


def downgrade() -> None:
    op.execute(KEEP.replace("@before", BEFORE))
