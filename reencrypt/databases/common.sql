-- Statements for every engine; an engine's own file overrides those that it writes differently. Values are given by
-- name: `:now` is a timestamp as Grafana's columns hold it, `:at` is text for the state tables.

-- name: migration_log_ids
SELECT migration_id FROM migration_log WHERE success = (1 = 1)

-- name: resource_migration_log_ids
SELECT migration_id FROM resource_migration_log WHERE success = (1 = 1)

-- name: secret_migration_log_ids
SELECT migration_id FROM secret_migration_log WHERE success = (1 = 1)

-- name: plain_passwords
SELECT COUNT(*) FROM data_source WHERE password <> ''

-- name: plain_basic_auth_passwords
SELECT COUNT(*) FROM data_source WHERE basic_auth_password <> ''

-- name: data_keys
SELECT name, active, provider, encrypted_data, label, created FROM data_keys ORDER BY name

-- name: data_keys_without_label
SELECT name, active, provider, encrypted_data, '', created FROM data_keys ORDER BY name

-- name: data_keys_of_8_4
SELECT id, active, provider, encrypted_data, name, created FROM data_keys ORDER BY id

-- name: data_keys_ambiguous
SELECT name FROM data_keys WHERE name IN (SELECT name FROM data_keys GROUP BY name HAVING COUNT(*) > 1) ORDER BY name

-- name: data_keys_ambiguous_of_8_4
SELECT id FROM data_keys WHERE id IN (SELECT id FROM data_keys GROUP BY id HAVING COUNT(*) > 1) ORDER BY id

-- name: data_key_insert
INSERT INTO data_keys (name, active, scope, provider, encrypted_data, created, updated, label)
VALUES (:id, :active, 'root', :provider, :wrapped, :now, :now, :label)

-- name: data_key_activate
UPDATE data_keys SET active = :active, updated = :now WHERE name = :id AND encrypted_data = :wrapped

-- name: data_key_discard
DELETE FROM data_keys WHERE name = :id AND encrypted_data = :wrapped AND active = :active

-- name: data_key_deactivate
UPDATE data_keys SET active = :active, updated = :now WHERE name = :id

-- name: data_keys_active
SELECT name, encrypted_data, label FROM data_keys WHERE active = (1 = 1)

-- name: data_key_wrapping
SELECT provider, label FROM data_keys WHERE name = :id AND encrypted_data = :wrapped

-- name: data_key_rewrap
UPDATE data_keys SET provider = :provider, encrypted_data = :wrapped, label = :label, updated = :now
WHERE name = :id AND encrypted_data = :old

-- name: data_key_lock
SELECT name FROM data_keys WHERE name = :id AND encrypted_data = :wrapped

-- name: data_key_read
SELECT encrypted_data FROM data_keys WHERE name = :id

-- name: managed_keys
SELECT namespace, uid, active, provider, encrypted_data, label, created FROM secret_data_key ORDER BY namespace, uid

-- name: managed_keys_ambiguous
SELECT namespace, uid FROM secret_data_key WHERE (namespace, uid) IN
    (SELECT namespace, uid FROM secret_data_key GROUP BY namespace, uid HAVING COUNT(*) > 1) ORDER BY namespace, uid

-- name: managed_key_insert
INSERT INTO secret_data_key (uid, namespace, label, active, provider, encrypted_data, created, updated)
VALUES (:uid, :namespace, :label, :active, :provider, :wrapped, :now, :now)

-- name: managed_key_activate
UPDATE secret_data_key SET active = :active, updated = :now
WHERE namespace = :namespace AND uid = :uid AND encrypted_data = :wrapped

-- name: managed_key_discard
DELETE FROM secret_data_key
WHERE namespace = :namespace AND uid = :uid AND encrypted_data = :wrapped AND active = :active

-- name: managed_key_deactivate
UPDATE secret_data_key SET active = :active, updated = :now WHERE namespace = :namespace AND uid = :uid

-- name: managed_keys_active
SELECT namespace, uid, encrypted_data, label FROM secret_data_key WHERE active = (1 = 1) AND namespace = :namespace

-- name: managed_key_wrapping
SELECT provider, label FROM secret_data_key
WHERE namespace = :namespace AND uid = :uid AND encrypted_data = :wrapped

-- name: managed_key_rewrap
UPDATE secret_data_key SET provider = :provider, encrypted_data = :wrapped, label = :label, updated = :now
WHERE namespace = :namespace AND uid = :uid AND encrypted_data = :old

-- name: managed_key_lock
SELECT uid FROM secret_data_key WHERE namespace = :namespace AND uid = :uid AND encrypted_data = :wrapped

-- name: managed_key_read
SELECT encrypted_data FROM secret_data_key WHERE namespace = :namespace AND uid = :uid

-- name: own_data_keys
SELECT id, run_id FROM reencrypt_data_key

-- name: own_data_key_insert
INSERT INTO reencrypt_data_key (id, run_id, provider, made) VALUES (:id, :run_id, :provider, :at)

-- name: own_data_key_remember
INSERT INTO reencrypt_data_key (id, run_id, provider, made) VALUES (:id, :run_id, :provider, :at)
ON CONFLICT DO NOTHING

-- name: own_data_key_forget
DELETE FROM reencrypt_data_key WHERE id = :id AND run_id = :run_id

-- name: accepted
SELECT secret_hash FROM reencrypt_accepted

-- name: accepted_save
INSERT INTO reencrypt_accepted (run_id, accepted, location, row_key, field, secret_hash)
VALUES (:run_id, :at, :location, :row_key, :field, :secret_hash)
ON CONFLICT DO NOTHING

-- name: declared
SELECT name, declaration FROM reencrypt_location ORDER BY name

-- name: declared_save
INSERT INTO reencrypt_location (name, declaration, run_id, declared) VALUES (:name, :declaration, :run_id, :at)
ON CONFLICT (name) DO UPDATE
SET declaration = excluded.declaration, run_id = excluded.run_id, declared = excluded.declared

-- name: declared_forget
DELETE FROM reencrypt_location WHERE name = :name

-- name: declared_forget_quarantine
DELETE FROM reencrypt_quarantine WHERE location = :name

-- name: declared_forget_checkpoints
DELETE FROM reencrypt_checkpoint WHERE location = :name

-- name: declared_forget_ranges
DELETE FROM reencrypt_range WHERE location = :name

-- name: declared_undoable
SELECT r.id FROM reencrypt_run AS r WHERE r.state <> 'undone' AND EXISTS (
    SELECT 1 FROM reencrypt_journal AS j
    WHERE j.run_id = r.id AND j.action = 'rewrite' AND j.table_name = :table_name AND j.column_name = :column_name)
ORDER BY r.number

-- name: state_version
SELECT MAX(version) FROM reencrypt_schema

-- name: lease_read
SELECT token, holder, beats, beat_seconds FROM reencrypt_lease WHERE id IN (1, 2) ORDER BY id

-- name: lease_first
INSERT INTO reencrypt_lease (id, token, holder, beats, beat_seconds, taken) VALUES (:id, :token, '', 0, 0, :at)
ON CONFLICT DO NOTHING

-- name: lease_claim
UPDATE reencrypt_lease SET token = :token, holder = :holder, beats = beats + 1, beat_seconds = :beat_seconds, taken = :at
WHERE id = 2 AND token = :before AND beats = :beats

-- name: lease_take
UPDATE reencrypt_lease SET token = :token, holder = :holder, beat_seconds = :beat_seconds, taken = :at
WHERE id = 1 AND token <= :token AND beats = :beats

-- name: lease_check
SELECT held.token FROM reencrypt_lease AS held WHERE held.id = 1 AND held.token = :token
AND EXISTS (SELECT 1 FROM reencrypt_lease AS claimed WHERE claimed.id = 2 AND claimed.token = :token)

-- name: lease_beat
UPDATE reencrypt_lease SET beats = beats + 1 WHERE id = 2 AND token = :token

-- name: lease_settle
UPDATE reencrypt_lease SET taken = taken WHERE id = 1 AND token = :token

-- name: lease_release
UPDATE reencrypt_lease SET holder = '' WHERE id = :id AND token = :token

-- name: run_insert
INSERT INTO reencrypt_run (id, number, operation, state, target_provider, algorithm, salt, wrap_format, target_key,
    target_key_state, pass, outcome, started, updated, tally, fresh)
VALUES (:id, :number, :operation, 'open', :target_provider, :algorithm, :salt, :wrap_format, :target_key,
    :target_key_state, 0, '', :at, :at, '{}', :fresh)
ON CONFLICT DO NOTHING

-- name: runs
SELECT id, operation, state, target_provider, algorithm, salt, wrap_format, target_key, target_key_state, pass, outcome,
    started, updated, tally, fresh, number
FROM reencrypt_run ORDER BY number, started, id

-- name: namespaces
SELECT run_id, store, namespace, target_key, target_key_state FROM reencrypt_namespace ORDER BY run_id, namespace

-- name: namespace_insert
INSERT INTO reencrypt_namespace (run_id, store, namespace, target_key, target_key_state)
VALUES (:run_id, :store, :namespace, :target_key, :target_key_state)
ON CONFLICT DO NOTHING

-- name: namespace_target_key
UPDATE reencrypt_namespace SET target_key = :target_key, target_key_state = :target_key_state
WHERE run_id = :run_id AND namespace = :namespace

-- name: run_target_key
UPDATE reencrypt_run SET target_key = :target_key, target_key_state = :target_key_state, updated = :at WHERE id = :id

-- name: run_tally
UPDATE reencrypt_run SET tally = :tally, updated = :at WHERE id = :id

-- name: run_pass
UPDATE reencrypt_run SET pass = :pass_number, updated = :at WHERE id = :id

-- name: run_settings
UPDATE reencrypt_run SET wrap_format = :wrap_format, updated = :at WHERE id = :id

-- name: run_close
UPDATE reencrypt_run SET state = :state, outcome = :outcome, updated = :at WHERE id = :id

-- name: checkpoints
SELECT location, pass, last_key, done, counts FROM reencrypt_checkpoint WHERE run_id = :run_id

-- name: checkpoint_save
INSERT INTO reencrypt_checkpoint (run_id, location, pass, last_key, done, counts)
VALUES (:run_id, :location, :pass_number, :last_key, :done, :counts)
ON CONFLICT (run_id, location, pass) DO UPDATE
SET last_key = excluded.last_key, done = excluded.done, counts = excluded.counts

-- name: ranges
SELECT location, pass, number, until_key, last_key, done, counts, tally FROM reencrypt_range
WHERE run_id = :run_id ORDER BY location, pass, number

-- name: range_insert
INSERT INTO reencrypt_range (run_id, location, pass, number, until_key, last_key, done, counts, tally)
VALUES (:run_id, :location, :pass_number, :number, :until_key, :last_key, :done, :counts, :tally)

-- name: range_save
UPDATE reencrypt_range SET last_key = :last_key, done = :done, counts = :counts, tally = :tally
WHERE run_id = :run_id AND location = :location AND pass = :pass_number AND number = :number

-- name: ranges_drop
DELETE FROM reencrypt_range WHERE run_id = :run_id AND location = :location AND pass = :pass_number

-- name: quarantine
SELECT location, row_key, field, reason, detail, state, secret_hash FROM reencrypt_quarantine
ORDER BY location, row_key, field

-- name: quarantine_save
INSERT INTO reencrypt_quarantine (location, row_key, field, reason, detail, secret_hash, state, run_id, pass, seen)
VALUES (:location, :row_key, :field, :reason, :detail, :secret_hash, :state, :run_id, :pass_number, :at)
ON CONFLICT (location, row_key, field) DO UPDATE
SET state = CASE WHEN reencrypt_quarantine.secret_hash = excluded.secret_hash THEN reencrypt_quarantine.state
    ELSE 'open' END, reason = excluded.reason, detail = excluded.detail, secret_hash = excluded.secret_hash, run_id = excluded.run_id,
    pass = excluded.pass, seen = excluded.seen

-- name: quarantine_acknowledge
UPDATE reencrypt_quarantine SET state = 'acknowledged'
WHERE location = :location AND row_key = :row_key AND field = :field AND secret_hash = :secret_hash

-- name: quarantine_drop_stale
DELETE FROM reencrypt_quarantine
WHERE location = :location AND NOT (run_id = :run_id AND pass = :pass_number)

-- name: audit_append
INSERT INTO reencrypt_audit (run_id, kind, at, content) VALUES (:run_id, :kind, :at, :content)

-- name: audit
SELECT run_id, kind, at, content FROM reencrypt_audit WHERE run_id IN (:run_id, '') ORDER BY id

-- name: audit_latest
SELECT run_id, MAX(at) FROM reencrypt_audit GROUP BY run_id

-- name: journal_newest
SELECT table_name, row_key, column_name, old_bytes FROM reencrypt_journal
WHERE action = 'rewrite' AND old_bytes IS NOT NULL AND LENGTH(old_bytes) <= :size AND id > :after
ORDER BY id DESC LIMIT :rows

-- name: journal_end
SELECT MAX(id) FROM reencrypt_journal WHERE run_id = :run_id

-- name: journal_extents
SELECT run_id, COUNT(*), MAX(id) FROM reencrypt_journal WHERE action IN ('rewrite', 'rewrap') GROUP BY run_id

-- name: journal_of_run
SELECT id, table_name, row_key, column_name, old_bytes, new_hash FROM reencrypt_journal
WHERE run_id = :run_id AND action = 'rewrite' AND id < :before ORDER BY id DESC LIMIT :rows

-- name: journal_lengths_of_run
SELECT LENGTH(old_bytes) FROM reencrypt_journal
WHERE run_id = :run_id AND action = 'rewrite' AND id < :before ORDER BY id DESC LIMIT :rows

-- name: journal_rewritten_again
SELECT table_name, row_key, column_name FROM reencrypt_journal WHERE run_id = :run_id AND action = 'rewrite'
GROUP BY table_name, row_key, column_name HAVING COUNT(*) > 1

-- name: journal_places
SELECT id, run_id, table_name, row_key, column_name FROM reencrypt_journal
WHERE action = 'rewrite' AND id > :after ORDER BY id LIMIT :rows

-- name: journal_old_bytes
SELECT old_bytes FROM reencrypt_journal WHERE id = :id

-- name: journal_of_data_keys
SELECT action, row_key, column_name, old_bytes, new_hash FROM reencrypt_journal
WHERE run_id = :run_id AND table_name = :table_name AND action IN ('rewrap', 'deactivate') ORDER BY id

-- name: journal_rewraps
SELECT run_id, row_key, column_name, old_bytes FROM reencrypt_journal
WHERE table_name = :table_name AND action = 'rewrap' ORDER BY id

-- name: journal_hashes
SELECT new_hash FROM reencrypt_journal WHERE run_id = :run_id AND new_hash IS NOT NULL

-- name: journal_drop
DELETE FROM reencrypt_journal WHERE run_id = :run_id

-- name: run_complete
UPDATE reencrypt_run SET state = 'completed' WHERE id = :id AND state <> 'open'

-- name: data_key_delete
DELETE FROM data_keys WHERE name = :id AND encrypted_data = :wrapped AND active = :active

-- name: journal_append
INSERT INTO reencrypt_journal (run_id, action, table_name, row_key, column_name, old_bytes, new_hash)
VALUES (:run_id, :action, :table_name, :row_key, :column_name, :old_bytes, :new_hash)
