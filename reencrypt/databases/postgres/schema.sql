-- The durable state of reencrypt, in Grafana's own database so that it commits together with the rows.
-- step 1
CREATE TABLE IF NOT EXISTS reencrypt_lease (
    id BIGINT PRIMARY KEY NOT NULL,
    token BIGINT NOT NULL,
    holder TEXT NOT NULL,
    beats BIGINT NOT NULL,
    beat_seconds DOUBLE PRECISION NOT NULL,
    taken TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS reencrypt_run (
    id TEXT PRIMARY KEY NOT NULL,
    number BIGINT NOT NULL,
    operation TEXT NOT NULL,
    state TEXT NOT NULL,
    target_provider TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    salt BYTEA NOT NULL,
    wrap_format TEXT NOT NULL,
    target_key TEXT NOT NULL,
    target_key_state TEXT NOT NULL,
    pass BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    started TEXT NOT NULL,
    updated TEXT NOT NULL,
    tally TEXT NOT NULL,
    fresh BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS reencrypt_checkpoint (
    run_id TEXT NOT NULL,
    location TEXT NOT NULL,
    pass BIGINT NOT NULL,
    last_key TEXT NULL,
    done BIGINT NOT NULL,
    counts TEXT NOT NULL,
    PRIMARY KEY (run_id, location, pass)
);
CREATE TABLE IF NOT EXISTS reencrypt_quarantine (
    location TEXT NOT NULL,
    row_key TEXT NOT NULL,
    field TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    secret_hash BYTEA NOT NULL,
    state TEXT NOT NULL,
    run_id TEXT NOT NULL,
    pass BIGINT NOT NULL,
    seen TEXT NOT NULL,
    PRIMARY KEY (location, row_key, field)
);
CREATE TABLE IF NOT EXISTS reencrypt_journal (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id TEXT NOT NULL,
    action TEXT NOT NULL,
    table_name TEXT NOT NULL,
    row_key TEXT NOT NULL,
    column_name TEXT NOT NULL,
    old_bytes BYTEA NULL,
    new_hash BYTEA NULL
);
-- Only documents would be compressed, to half of their size, and that takes a page's transaction tens of milliseconds for
-- each megabyte. Nothing depends on it, so a journal that is there stays as it is.
ALTER TABLE reencrypt_journal ALTER COLUMN old_bytes SET STORAGE EXTERNAL;
-- Survives the others: data keys that we made are never evidence of what Grafana itself can read.
CREATE TABLE IF NOT EXISTS reencrypt_data_key (
    id TEXT PRIMARY KEY NOT NULL,
    run_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    made TEXT NOT NULL
);
-- step 2
-- Survives the others: what the user has accepted although it is not what Grafana stores there, by the SHA-256 of its text in
-- the column. A ciphertext never repeats, so the hash alone says which one it is; the place is for people.
CREATE TABLE IF NOT EXISTS reencrypt_accepted (
    secret_hash BYTEA PRIMARY KEY NOT NULL,
    location TEXT NOT NULL,
    row_key TEXT NOT NULL,
    field TEXT NOT NULL,
    run_id TEXT NOT NULL,
    accepted TEXT NOT NULL
);
-- step 3
-- Which steps were made. A program refuses state that a newer one has made a step of.
CREATE TABLE IF NOT EXISTS reencrypt_schema (version INTEGER PRIMARY KEY NOT NULL);
INSERT INTO reencrypt_schema (version) VALUES (3) ON CONFLICT DO NOTHING;
-- step 4
-- What a run in a store with namespaces has reached in each; it is a run of the classic store that has no row here.
CREATE TABLE IF NOT EXISTS reencrypt_namespace (
    run_id TEXT NOT NULL,
    store TEXT NOT NULL,
    namespace TEXT NOT NULL,
    target_key TEXT NOT NULL,
    target_key_state TEXT NOT NULL,
    PRIMARY KEY (run_id, namespace)
);
-- Survives the others: the locations that the user has declared, as JSON.
CREATE TABLE IF NOT EXISTS reencrypt_location (
    name TEXT PRIMARY KEY NOT NULL,
    declaration TEXT NOT NULL,
    run_id TEXT NOT NULL,
    declared TEXT NOT NULL
);
INSERT INTO reencrypt_schema (version) VALUES (4) ON CONFLICT DO NOTHING;
-- step 5
-- What an audit asks of a run, as JSON: who began it and with what, the pace, how it ended. Entries are only added.
CREATE TABLE IF NOT EXISTS reencrypt_audit (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    at TEXT NOT NULL,
    content TEXT NOT NULL
);
INSERT INTO reencrypt_schema (version) VALUES (5) ON CONFLICT DO NOTHING;
-- step 6
-- The key ranges of a location that several writers work through at the same time, each with its own progress. They are
-- gone when the location is done, and its checkpoint has their sum.
CREATE TABLE IF NOT EXISTS reencrypt_range (
    run_id TEXT NOT NULL,
    location TEXT NOT NULL,
    pass BIGINT NOT NULL,
    number BIGINT NOT NULL,
    until_key TEXT NULL,
    last_key TEXT NULL,
    done BIGINT NOT NULL,
    counts TEXT NOT NULL,
    tally TEXT NOT NULL,
    PRIMARY KEY (run_id, location, pass, number)
);
INSERT INTO reencrypt_schema (version) VALUES (6) ON CONFLICT DO NOTHING;
