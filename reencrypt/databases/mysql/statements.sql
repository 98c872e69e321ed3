-- Statements that MySQL and MariaDB write differently.

-- name: data_key_lock
SELECT name FROM data_keys WHERE name = :id AND encrypted_data = :wrapped LOCK IN SHARE MODE

-- name: managed_key_lock
SELECT uid FROM secret_data_key WHERE namespace = :namespace AND uid = :uid AND encrypted_data = :wrapped
LOCK IN SHARE MODE

-- name: lease_first
INSERT INTO reencrypt_lease (id, token, holder, beats, beat_seconds, taken) VALUES (:id, :token, '', 0, 0, :at)
ON DUPLICATE KEY UPDATE beats = beats

-- No page begins once the lease is claimed. The row of the heartbeat is read without a lock.
-- name: lease_check
SELECT held.token FROM reencrypt_lease AS held WHERE held.id = 1 AND held.token = :token
AND (SELECT COUNT(*) FROM reencrypt_lease AS claimed WHERE claimed.id = 2 AND claimed.token = :token) = 1
LOCK IN SHARE MODE

-- name: run_insert
INSERT INTO reencrypt_run (id, number, operation, state, target_provider, algorithm, salt, wrap_format, target_key,
    target_key_state, pass, outcome, started, updated, tally, fresh)
VALUES (:id, :number, :operation, 'open', :target_provider, :algorithm, :salt, :wrap_format, :target_key, :target_key_state, 0,
    '', :at, :at, '{}', :fresh)
ON DUPLICATE KEY UPDATE id = id

-- name: namespaces_exist
SELECT COUNT(*) FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_name = 'reencrypt_namespace'

-- name: namespace_insert
INSERT INTO reencrypt_namespace (run_id, store, namespace, target_key, target_key_state)
VALUES (:run_id, :store, :namespace, :target_key, :target_key_state)
ON DUPLICATE KEY UPDATE run_id = VALUES(run_id)

-- name: declared_save
INSERT INTO reencrypt_location (name, declaration, run_id, declared) VALUES (:name, :declaration, :run_id, :at)
ON DUPLICATE KEY UPDATE declaration = VALUES(declaration), run_id = VALUES(run_id), declared = VALUES(declared)

-- name: own_data_key_remember
INSERT INTO reencrypt_data_key (id, run_id, provider, made) VALUES (:id, :run_id, :provider, :at)
ON DUPLICATE KEY UPDATE id = id

-- name: accepted_save
INSERT INTO reencrypt_accepted (run_id, accepted, location, row_key, field, secret_hash)
VALUES (:run_id, :at, :location, :row_key, :field, :secret_hash)
ON DUPLICATE KEY UPDATE secret_hash = VALUES(secret_hash)

-- name: checkpoint_save
INSERT INTO reencrypt_checkpoint (run_id, location, pass, last_key, done, counts)
VALUES (:run_id, :location, :pass_number, :last_key, :done, :counts)
ON DUPLICATE KEY UPDATE last_key = VALUES(last_key), done = VALUES(done), counts = VALUES(counts)

-- name: quarantine_save
INSERT INTO reencrypt_quarantine (location, row_key, field, reason, detail, secret_hash, state, run_id, pass, seen)
VALUES (:location, :row_key, :field, :reason, :detail, :secret_hash, :state, :run_id, :pass_number, :at)
ON DUPLICATE KEY UPDATE state = IF(secret_hash = VALUES(secret_hash), state, 'open'), reason = VALUES(reason), detail = VALUES(detail), secret_hash = VALUES(secret_hash),
    run_id = VALUES(run_id), pass = VALUES(pass), seen = VALUES(seen)
