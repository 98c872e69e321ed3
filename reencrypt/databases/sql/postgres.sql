-- What PostgreSQL writes otherwise.

-- name: data_key_lock
SELECT name FROM data_keys WHERE name = :id AND encrypted_data = :wrapped FOR SHARE

-- name: run_insert
INSERT INTO reencrypt_run (id, operation, state, target_provider, algorithm, salt, wrap_format, target_key,
    target_key_state, pass, outcome, started, updated)
VALUES (:id, :operation, 'open', :target_provider, :algorithm, :salt, :wrap_format, :target_key, :target_key_state, 0,
    '', :at, :at)
ON CONFLICT DO NOTHING
