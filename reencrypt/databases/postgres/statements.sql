-- Statements that PostgreSQL writes differently. A conversion from another database may have made a number of a truth
-- value in the logs of migrations.

-- name: data_key_lock
SELECT name FROM data_keys WHERE name = :id AND encrypted_data = :wrapped FOR KEY SHARE

-- name: namespaces_exist
SELECT COUNT(*) FROM ONLY pg_catalog.pg_class AS n WHERE n.relname = 'reencrypt_namespace' AND n.relnamespace = (
    SELECT r.relnamespace FROM ONLY pg_catalog.pg_class AS r WHERE r.oid = (SELECT tableoid FROM reencrypt_run LIMIT 1))

-- Nobody has to wait for a shared lock while others share it, so that pages which follow each other closely would keep a
-- take-over out for ever. So no page begins once the lease is claimed.
-- name: lease_check
SELECT held.token FROM reencrypt_lease AS held WHERE held.id = 1 AND held.token = :token
AND EXISTS (SELECT 1 FROM reencrypt_lease AS claimed WHERE claimed.id = 2 AND claimed.token = :token) FOR SHARE OF held

-- name: managed_key_lock
SELECT uid FROM secret_data_key WHERE namespace = :namespace AND uid = :uid AND encrypted_data = :wrapped FOR KEY SHARE

-- name: journal_append_in_bulk
INSERT INTO reencrypt_journal (run_id, action, table_name, row_key, column_name, old_bytes, new_hash)
SELECT :run_id::text, :action::text, :table_name::text, page.*
FROM unnest(:row_key::text[], :column_name::text[], :old_bytes::bytea[], :new_hash::bytea[]) AS page

-- name: migration_log_ids
SELECT migration_id FROM migration_log WHERE success::text IN ('true', '1')

-- name: resource_migration_log_ids
SELECT migration_id FROM resource_migration_log WHERE success::text IN ('true', '1')

-- name: secret_migration_log_ids
SELECT migration_id FROM secret_migration_log WHERE success::text IN ('true', '1')
