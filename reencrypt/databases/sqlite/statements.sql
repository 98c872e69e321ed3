-- Statements that SQLite writes differently: a wrapped data key may be stored as text there, and text never equals a blob.

-- name: namespaces_exist
SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'reencrypt_namespace'

-- name: data_keys
SELECT name, active, CAST(provider AS BLOB), CAST(encrypted_data AS BLOB), CAST(label AS BLOB), created
FROM data_keys ORDER BY name

-- name: data_key_read
SELECT CAST(encrypted_data AS BLOB) FROM data_keys WHERE name = :id

-- name: data_key_lock
SELECT name FROM data_keys WHERE name = :id AND CAST(encrypted_data AS BLOB) = :wrapped

-- name: data_key_activate
UPDATE data_keys SET active = :active, updated = :now WHERE name = :id AND CAST(encrypted_data AS BLOB) = :wrapped

-- name: data_key_discard
DELETE FROM data_keys WHERE name = :id AND CAST(encrypted_data AS BLOB) = :wrapped AND active = :active

-- name: data_key_delete
DELETE FROM data_keys WHERE name = :id AND CAST(encrypted_data AS BLOB) = :wrapped AND active = :active

-- name: managed_keys
SELECT CAST(namespace AS BLOB), CAST(uid AS BLOB), active, CAST(provider AS BLOB), CAST(encrypted_data AS BLOB),
    CAST(label AS BLOB), created
FROM secret_data_key ORDER BY namespace, uid

-- name: managed_key_read
SELECT CAST(encrypted_data AS BLOB) FROM secret_data_key WHERE namespace = :namespace AND uid = :uid

-- name: managed_key_lock
SELECT uid FROM secret_data_key
WHERE namespace = :namespace AND uid = :uid AND CAST(encrypted_data AS BLOB) = :wrapped

-- name: managed_key_activate
UPDATE secret_data_key SET active = :active, updated = :now
WHERE namespace = :namespace AND uid = :uid AND CAST(encrypted_data AS BLOB) = :wrapped

-- name: managed_key_discard
DELETE FROM secret_data_key
WHERE namespace = :namespace AND uid = :uid AND CAST(encrypted_data AS BLOB) = :wrapped AND active = :active
