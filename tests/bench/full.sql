-- A thousand connections and a month in which a million records changed, made up by PostgreSQL itself.
-- Dice are hashes of row numbers, so that it is the same month each time.

CREATE FUNCTION dice(n bigint, sides int) RETURNS int IMMUTABLE PARALLEL SAFE
    RETURN (hashint8(n) & 2147483647) % sides;

INSERT INTO connections (name, token_hash, settings, secrets, paused_because, failures, down_since, rests_until,
    created_at, updated_at)
SELECT word.name || ' ' || n || ' AS', 'token ' || n,
    '{"moment_company": "1001", "username": "demo@example.com", "kinds": ["customer", "project", "invoice", "expense"], "error_emails": ["books@example.com"]}',
    '', CASE WHEN n % 100 = 7 THEN to_jsonb('24SevenOffice refuses the password.'::text) ELSE '""' END,
    CASE WHEN n % 100 = 8 THEN 5 ELSE 0 END, CASE WHEN n % 100 = 8 THEN now() - interval '9 minutes' END,
    CASE WHEN n % 100 = 8 THEN now() + interval '3 minutes' END, now() - interval '1 year', now()
FROM generate_series(1, 1000) AS n,
    LATERAL (SELECT (ARRAY['Nordlys', 'Fjord', 'Granitt', 'Havn', 'Skog'])[1 + n % 5] AS name) AS word;

INSERT INTO changes (connection_id, kind, record_id, state, due_at, title, words, outcome, reason, message, remedy,
    received_at, settled_at, stuck_since)
SELECT connection_id, kind, CASE kind WHEN 'expense' THEN '2026-4-' || n ELSE (100000000 + n)::text END, state, at,
    jsonb_build_object('said', template, 'with', jsonb_build_object('name', name, 'number', n::text, 'year', '2026')),
    array_to_tsvector(told || string_to_array(lower(name), ' ') || CASE kind
        WHEN 'expense' THEN ARRAY['2026', '4', n::text] ELSE ARRAY[(100000000 + n)::text, number] END),
    CASE WHEN state = 'stuck' THEN 'failed' WHEN reason <> '' THEN 'skipped' ELSE 'synced' END, reason,
    jsonb_build_object('said', 'Voucher {number} of {year}, {amount} kroner.',
        'with', jsonb_build_object('number', n::text, 'year', '2026', 'amount', '12 500,00')),
    CASE WHEN state = 'stuck' THEN to_jsonb('Open the account in 24SevenOffice.'::text) ELSE '""' END,
    at, at + interval '3 seconds', CASE WHEN state = 'stuck' THEN at END
FROM (
    SELECT n, connection_id, kind, state, at, number, told, template,
        CASE kind WHEN 'project' THEN number WHEN 'invoice' THEN number ELSE name END AS name,
        CASE WHEN state = 'stuck' THEN (ARRAY['unknown_account', 'fiscal_year', 'differs', 'no_customer'])[1 + dice(n + 5, 4)]
            WHEN kind = 'expense' AND dice(n + 6, 10) < 3
                THEN (ARRAY['not_listed', 'no_project', 'before_first_day'])[1 + dice(n + 7, 3)]
            WHEN dice(n + 8, 50) = 0 THEN 'do_not_transfer' ELSE '' END AS reason
    FROM (
        SELECT n, 1 + dice(n, 1000) AS connection_id, now() - (1000000 - n) * interval '2.592 seconds' AS at,
            (ARRAY['invoice', 'invoice', 'invoice', 'invoice', 'invoice', 'invoice', 'customer', 'customer', 'project',
                'expense'])[1 + dice(n + 1, 10)] AS kind,
            CASE WHEN dice(n + 2, 1000) < 5 THEN 'stuck' WHEN dice(n + 2, 1000) < 15 THEN 'waiting'
                WHEN dice(n + 2, 1000) < 20 THEN 'closed' ELSE 'settled' END AS state,
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
    ) AS words (kind, told, template) USING (kind)
) AS made;

INSERT INTO attempts (change_id, at, seconds, outcome, reason, message, exchanges)
SELECT id, settled_at - back * interval '1 hour', 0.4, outcome, reason, message,
    jsonb_build_array(jsonb_build_object('operation', 'GET invoices/' || record_id,
        'request', '', 'response', '{"id": 1, "lines": [' || repeat('{"amount": 12500.00}, ', 100) || '{}]}'))
FROM changes, generate_series(0, 3) AS back WHERE dice(changes.id, 10) = 0;

INSERT INTO lanes (connection_id, kind, synced_at)
SELECT connection_id, kind, max(settled_at) FROM changes WHERE outcome = 'synced' GROUP BY connection_id, kind;

INSERT INTO tallies (connection_id, span, begins, synced, skipped, failed, seconds, longest)
SELECT connection_id, span, date_trunc(span, at AT TIME ZONE 'Europe/Oslo') AT TIME ZONE 'Europe/Oslo',
    count(*) FILTER (WHERE outcome = 'synced'), count(*) FILTER (WHERE outcome = 'skipped'),
    count(*) FILTER (WHERE outcome = 'failed'), 3 * count(*) FILTER (WHERE outcome = 'synced'), 9
FROM (SELECT connection_id, outcome, settled_at AS at FROM changes) AS settled,
    (VALUES ('hour', interval '7 days'), ('day', interval '40 days')) AS spans (span, kept)
WHERE at > now() - kept GROUP BY 1, 2, 3;

INSERT INTO links (connection_id, kind, moment_id, remote_id, fingerprint, updated_at)
SELECT connection_id, kind, record_id, '2026/' || id, '', settled_at FROM changes
WHERE outcome = 'synced' AND kind <> 'expense' AND dice(id, 10) = 0;

INSERT INTO alerts (connection_id, change_id, address, turn, title, message, remedy, created_at, fate, ended_at, message_id)
SELECT connection_id, id, 'books' || connection_id || '@example.com', turn, title, message, remedy, at,
    CASE WHEN at < now() - interval '1 hour' THEN 'sent' END, CASE WHEN at < now() - interval '1 hour' THEN mailed END,
    CASE WHEN at < now() - interval '1 hour' THEN '<' || mailed || '>' END
FROM changes, (VALUES ('worse', interval '0'), ('reminder', interval '1 day'), ('better', interval '2 days')) AS turns (turn, later),
    LATERAL (SELECT received_at + later AS at, date_trunc('hour', received_at + later) + connection_id * interval '1 second' AS mailed) AS told
WHERE dice(id, 20) = 0 AND at < now();

INSERT INTO audit (connection_id, change_id, at, who, what)
SELECT connection_id, id, settled_at, '"kari@example.com"',
    jsonb_build_object('said', '{deed}: {record}', 'with', jsonb_build_object('deed', 'Try again', 'record', title))
FROM changes WHERE dice(id, 10) = 0 ORDER BY settled_at;
