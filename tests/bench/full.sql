-- Three hundred connections and a month in which a million records changed, made up by PostgreSQL itself.
-- Dice are hashes of row numbers, so that it is the same month each time.

CREATE FUNCTION dice(n bigint, sides int) RETURNS int IMMUTABLE PARALLEL SAFE
    RETURN (hashint8(n) & 2147483647) % sides;

INSERT INTO connections (name, token_hash, settings, secrets, paused_because, consecutive_failures, outage_since, breaker_open_until,
    created_at, updated_at)
SELECT word.name || ' ' || n || ' AS', 'token ' || n,
    '{"username": "demo@example.com", "entity_types": ["customer", "project", "invoice", "expense"], "error_emails": ["books@example.com"]}'
        || jsonb_build_object('moment_company', (1000 + n)::text),
    '', CASE WHEN n % 100 = 7 THEN to_jsonb('24SevenOffice refuses the password.'::text) ELSE '""' END,
    CASE WHEN n % 100 = 8 THEN 5 ELSE 0 END, CASE WHEN n % 100 = 8 THEN now() - interval '9 minutes' END,
    CASE WHEN n % 100 = 8 THEN now() + interval '3 minutes' END, now() - interval '1 year', now()
FROM generate_series(1, 300) AS n,
    LATERAL (SELECT (ARRAY['Nordlys', 'Fjord', 'Granitt', 'Havn', 'Skog'])[1 + n % 5] AS name) AS word;

INSERT INTO sync_jobs (connection_id, entity_type, record_id, state, due_at, title, search_terms, outcome, error_code, message, remedy,
    received_at, completed_at, needs_attention_since, party, record_number, amount, currency, record_date, due_date)
SELECT connection_id, entity_type, CASE entity_type WHEN 'expense' THEN '2026-4-' || n ELSE (100000000 + n)::text END, state,
    CASE WHEN state = 'queued' THEN at END,
    jsonb_build_object('said', template, 'with', jsonb_build_object('name', name, 'number', n::text, 'year', '2026')),
    array_to_tsvector(told || string_to_array(lower(name), ' ') || CASE entity_type
        WHEN 'expense' THEN ARRAY['2026', '4', n::text] ELSE ARRAY[(100000000 + n)::text, number] END),
    CASE WHEN state = 'needs_attention' THEN 'failed' WHEN error_code <> '' THEN 'skipped' ELSE 'synced' END, error_code,
    jsonb_build_object('said', 'Voucher {number} of {year}, {amount} kroner.',
        'with', jsonb_build_object('number', n::text, 'year', '2026', 'amount', '12 500,00')),
    CASE WHEN state = 'needs_attention' THEN to_jsonb('Open the account in 24SevenOffice.'::text) ELSE '""' END,
    at, at + interval '3 seconds', CASE WHEN state = 'needs_attention' THEN at END,
    CASE WHEN entity_type <> 'customer' THEN name ELSE '' END, number,
    CASE WHEN entity_type IN ('invoice', 'expense') THEN 100 * dice(n + 9, 50000) END,
    CASE WHEN entity_type IN ('invoice', 'expense') THEN 'NOK' ELSE '' END,
    CASE WHEN entity_type IN ('invoice', 'expense') THEN at::date - dice(n + 10, 5) END,
    CASE WHEN entity_type = 'invoice' THEN at::date + 14 END
FROM (
    SELECT n, connection_id, entity_type, state, at, number, told, template,
        CASE entity_type WHEN 'project' THEN number WHEN 'invoice' THEN number ELSE name END AS name,
        CASE WHEN state = 'needs_attention' THEN (ARRAY['unknown_account', 'fiscal_year', 'differs', 'no_customer'])[1 + dice(n + 5, 4)]
            WHEN entity_type = 'expense' AND dice(n + 6, 10) < 3
                THEN (ARRAY['not_listed', 'no_project', 'before_first_day'])[1 + dice(n + 7, 3)]
            WHEN dice(n + 8, 50) = 0 THEN 'do_not_transfer' ELSE '' END AS error_code
    FROM (
        SELECT n, 1 + dice(n, 300) AS connection_id, now() - (1000000 - n) * interval '2.592 seconds' AS at,
            (ARRAY['invoice', 'invoice', 'invoice', 'invoice', 'invoice', 'invoice', 'customer', 'customer', 'project',
                'expense'])[1 + dice(n + 1, 10)] AS entity_type,
            CASE WHEN dice(n + 2, 1000) < 5 THEN 'needs_attention' WHEN dice(n + 2, 1000) < 15 THEN 'queued'
                WHEN dice(n + 2, 1000) < 20 THEN 'dismissed' ELSE 'done' END AS state,
            (10000 + n / 1000)::text AS number,
            (ARRAY['Nordlys', 'Fjord', 'Byggmakker', 'Kystfisk', 'Granitt', 'Solheim', 'Bakken', 'Havn', 'Elv', 'Skog'])
                [1 + dice(n + 3, 10)] || dice(n + 4, 300) || ' Handel AS' AS name
        FROM generate_series(1, 1000000) AS n
    ) AS drawn
    JOIN (VALUES
        ('customer', ARRAY['customer', 'kunde'], 'Customer {name}'),
        ('project', ARRAY['project', 'prosjekt'], 'Project {name}'),
        ('invoice', ARRAY['invoice', 'faktura'], 'Invoice {name}'),
        ('expense', ARRAY['voucher', 'bilag', 'of', 'av'], 'Voucher {number} of {year} ({name})')
    ) AS words (entity_type, told, template) USING (entity_type)
) AS made;

INSERT INTO attempts (job_id, at, seconds, outcome, error_code, message, calls)
SELECT id, completed_at - back * interval '1 hour', 0.4, outcome, error_code, message,
    jsonb_build_array(jsonb_build_object('operation', 'GET invoices/' || record_id,
        'request', '', 'response', '{"id": 1, "lines": [' || repeat('{"amount": 12500.00}, ', 100) || '{}]}'))
FROM sync_jobs, generate_series(0, 3) AS back WHERE dice(sync_jobs.id, 10) = 0;

INSERT INTO lanes (connection_id, entity_type, synced_at)
SELECT connection_id, entity_type, max(completed_at) FROM sync_jobs WHERE outcome = 'synced' GROUP BY connection_id, entity_type;

INSERT INTO statistics (connection_id, granularity, starts_at, synced, skipped, failed, total_seconds, max_seconds)
SELECT connection_id, granularity, date_trunc(granularity, at AT TIME ZONE 'Europe/Oslo') AT TIME ZONE 'Europe/Oslo',
    count(*) FILTER (WHERE outcome = 'synced'), count(*) FILTER (WHERE outcome = 'skipped'),
    count(*) FILTER (WHERE outcome = 'failed'), 3 * count(*) FILTER (WHERE outcome = 'synced'), 9
FROM (SELECT connection_id, outcome, completed_at AS at FROM sync_jobs) AS completed,
    (VALUES ('hour', interval '7 days'), ('day', interval '40 days')) AS spans (granularity, kept)
WHERE at > now() - kept GROUP BY 1, 2, 3;

INSERT INTO links (connection_id, entity_type, moment_id, remote_id, fingerprint, updated_at)
SELECT connection_id, entity_type, record_id, '2026/' || id, '', completed_at FROM sync_jobs
WHERE outcome = 'synced' AND entity_type <> 'expense' AND dice(id, 10) = 0;

INSERT INTO alerts (connection_id, job_id, recipient, type, title, message, remedy, created_at, status, ended_at, message_id)
SELECT connection_id, id, 'books' || connection_id || '@example.com', type, title, message, remedy, at,
    CASE WHEN at < now() - interval '1 hour' THEN 'sent' END, CASE WHEN at < now() - interval '1 hour' THEN mailed END,
    CASE WHEN at < now() - interval '1 hour' THEN '<' || mailed || '>' END
FROM sync_jobs, (VALUES ('needs_attention', interval '0'), ('reminder', interval '1 day'), ('resolved', interval '2 days')) AS turns (type, later),
    LATERAL (SELECT received_at + later AS at, date_trunc('hour', received_at + later) + connection_id * interval '1 second' AS mailed) AS told
WHERE dice(id, 20) = 0 AND at < now();

INSERT INTO audit_log (connection_id, job_id, at, actor, action)
SELECT connection_id, id, completed_at, '"kari@example.com"',
    jsonb_build_object('said', '{deed}: {record}', 'with', jsonb_build_object('deed', 'Try again', 'record', title))
FROM sync_jobs WHERE dice(id, 10) = 0 ORDER BY completed_at;
