"""Make the audit log append-only: PostgreSQL refuses to change or delete entries."""

from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.execute(
        """
        create function keep_audit_log() returns trigger language plpgsql as $$
        begin
            if tg_op = 'DELETE' and (
                old.at < nullif(current_setting('audit_log.delete_before', true), '')::timestamptz
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
    )
    op.execute(
        """
        create trigger keep_entries before update or delete on audit_log
        for each row execute function keep_audit_log()
        """
    )
    op.execute(
        """
        create trigger keep_all_entries before truncate on audit_log
        for each statement execute function keep_audit_log()
        """
    )


def downgrade() -> None:
    op.execute("drop trigger keep_all_entries on audit_log")
    op.execute("drop trigger keep_entries on audit_log")
    op.execute("drop function keep_audit_log()")
