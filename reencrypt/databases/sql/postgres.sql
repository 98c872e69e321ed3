-- What PostgreSQL writes otherwise.

-- name: data_key_lock
SELECT name FROM data_keys WHERE name = :id AND encrypted_data = :wrapped FOR SHARE
