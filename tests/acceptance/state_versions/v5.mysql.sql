-- The durable state of reencrypt, in Grafana's own database so that it commits together with the rows.
CREATE TABLE IF NOT EXISTS reencrypt_lease (
    id BIGINT PRIMARY KEY NOT NULL,
    token BIGINT NOT NULL,
    holder VARCHAR(255) NOT NULL,
    beats BIGINT NOT NULL,
    beat_seconds DOUBLE NOT NULL,
    taken VARCHAR(64) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS reencrypt_run (
    id VARCHAR(64) PRIMARY KEY NOT NULL,
    number BIGINT NOT NULL,
    operation VARCHAR(64) NOT NULL,
    state VARCHAR(64) NOT NULL,
    target_provider VARCHAR(255) NOT NULL,
    algorithm VARCHAR(64) NOT NULL,
    salt BLOB NOT NULL,
    wrap_format VARCHAR(64) NOT NULL,
    target_key VARCHAR(100) NOT NULL,
    target_key_state VARCHAR(64) NOT NULL,
    pass BIGINT NOT NULL,
    outcome MEDIUMTEXT NOT NULL,
    started VARCHAR(64) NOT NULL,
    updated VARCHAR(64) NOT NULL,
    tally MEDIUMTEXT NOT NULL,
    fresh BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS reencrypt_checkpoint (
    run_id VARCHAR(64) NOT NULL,
    location VARCHAR(64) NOT NULL,
    pass BIGINT NOT NULL,
    last_key TEXT NULL,
    done BIGINT NOT NULL,
    counts MEDIUMTEXT NOT NULL,
    PRIMARY KEY (run_id, location, pass)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- A field is the path of a JSON member and may be longer than an index takes.
CREATE TABLE IF NOT EXISTS reencrypt_quarantine (
    id BIGINT PRIMARY KEY AUTO_INCREMENT NOT NULL,
    location VARCHAR(64) NOT NULL,
    row_key VARCHAR(512) NOT NULL,
    field TEXT NOT NULL,
    field_hash BINARY(32) GENERATED ALWAYS AS (UNHEX(SHA2(field, 256))) STORED,
    reason VARCHAR(64) NOT NULL,
    detail TEXT NOT NULL,
    secret_hash BLOB NOT NULL,
    state VARCHAR(64) NOT NULL,
    run_id VARCHAR(64) NOT NULL,
    pass BIGINT NOT NULL,
    seen VARCHAR(64) NOT NULL,
    UNIQUE KEY UQE_reencrypt_quarantine_location_row_key_field_hash (location, row_key, field_hash)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS reencrypt_journal (
    id BIGINT PRIMARY KEY AUTO_INCREMENT NOT NULL,
    run_id VARCHAR(64) NOT NULL,
    action VARCHAR(64) NOT NULL,
    table_name VARCHAR(64) NOT NULL,
    row_key VARCHAR(512) NOT NULL,
    column_name VARCHAR(64) NOT NULL,
    old_bytes LONGBLOB NULL,
    new_hash BLOB NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- Survives the others: data keys that we made are never evidence of what Grafana itself can read.
CREATE TABLE IF NOT EXISTS reencrypt_data_key (
    id VARCHAR(100) PRIMARY KEY NOT NULL,
    run_id VARCHAR(64) NOT NULL,
    provider VARCHAR(255) NOT NULL,
    made VARCHAR(64) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- Survives the others: what the user has accepted although it is not what Grafana stores there, by the SHA-256 of its text in
-- the column. A ciphertext never repeats, so the hash alone says which one it is; the place is for people.
CREATE TABLE IF NOT EXISTS reencrypt_accepted (
    secret_hash BINARY(32) PRIMARY KEY NOT NULL,
    location VARCHAR(64) NOT NULL,
    row_key VARCHAR(512) NOT NULL,
    field TEXT NOT NULL,
    run_id VARCHAR(64) NOT NULL,
    accepted VARCHAR(64) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- Which steps were made. A program refuses state that a newer one has made a step of.
CREATE TABLE IF NOT EXISTS reencrypt_schema (version INTEGER PRIMARY KEY NOT NULL) ENGINE=InnoDB;
-- What a run in a store with namespaces has reached in each; it is a run of the classic store that has no row here.
CREATE TABLE IF NOT EXISTS reencrypt_namespace (
    run_id VARCHAR(64) NOT NULL,
    store VARCHAR(64) NOT NULL,
    namespace VARCHAR(253) NOT NULL,
    target_key VARCHAR(400) NOT NULL,
    target_key_state VARCHAR(64) NOT NULL,
    PRIMARY KEY (run_id, namespace)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- Survives the others: the locations that the user has declared, as JSON.
CREATE TABLE IF NOT EXISTS reencrypt_location (
    name VARCHAR(64) PRIMARY KEY NOT NULL,
    declaration MEDIUMTEXT NOT NULL,
    run_id VARCHAR(64) NOT NULL,
    declared VARCHAR(64) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- Room for the key of a row of the secrets manager and for the id of its data keys.
ALTER TABLE reencrypt_journal MODIFY row_key VARCHAR(640) NOT NULL;
ALTER TABLE reencrypt_quarantine MODIFY row_key VARCHAR(640) NOT NULL;
ALTER TABLE reencrypt_accepted MODIFY row_key VARCHAR(640) NOT NULL;
ALTER TABLE reencrypt_data_key MODIFY id VARCHAR(400) NOT NULL;
-- What an audit asks of a run, as JSON: who began it and with what, the pace, how it ended. Entries are only added.
CREATE TABLE IF NOT EXISTS reencrypt_audit (
    id BIGINT AUTO_INCREMENT PRIMARY KEY NOT NULL,
    run_id VARCHAR(64) NOT NULL,
    kind VARCHAR(64) NOT NULL,
    at VARCHAR(64) NOT NULL,
    content MEDIUMTEXT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
