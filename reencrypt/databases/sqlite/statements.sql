-- Statements that SQLite writes differently: a wrapped data key may be stored as text there, and text never equals a blob.

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
