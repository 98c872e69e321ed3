-- Made by `python -m tests.grafana.releases.rebuild`: the schema of a real Grafana, contents of our own.
CREATE TABLE `data_keys` (
  `name` varchar(100) NOT NULL,
  `active` tinyint(1) NOT NULL,
  `scope` varchar(30) NOT NULL,
  `provider` varchar(50) NOT NULL,
  `encrypted_data` blob NOT NULL,
  `created` datetime NOT NULL,
  `updated` datetime NOT NULL,
  `label` varchar(100) DEFAULT NULL,
  PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `data_source` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `org_id` bigint(20) NOT NULL,
  `version` int(11) NOT NULL,
  `type` varchar(255) NOT NULL,
  `name` varchar(190) NOT NULL,
  `access` varchar(255) NOT NULL,
  `url` varchar(255) NOT NULL,
  `password` varchar(255) DEFAULT NULL,
  `user` varchar(255) DEFAULT NULL,
  `database` varchar(255) DEFAULT NULL,
  `basic_auth` tinyint(1) NOT NULL,
  `basic_auth_user` varchar(255) DEFAULT NULL,
  `basic_auth_password` varchar(255) DEFAULT NULL,
  `is_default` tinyint(1) NOT NULL,
  `json_data` text DEFAULT NULL,
  `created` datetime NOT NULL,
  `updated` datetime NOT NULL,
  `with_credentials` tinyint(1) NOT NULL DEFAULT 0,
  `secure_json_data` mediumtext DEFAULT NULL,
  `read_only` tinyint(1) DEFAULT NULL,
  `uid` varchar(40) NOT NULL DEFAULT '0',
  `is_prunable` tinyint(1) DEFAULT 0,
  `api_version` varchar(20) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `UQE_data_source_org_id_name` (`org_id`,`name`),
  UNIQUE KEY `UQE_data_source_org_id_uid` (`org_id`,`uid`),
  KEY `IDX_data_source_org_id` (`org_id`),
  KEY `IDX_data_source_org_id_is_default` (`org_id`,`is_default`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `secrets` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `org_id` bigint(20) NOT NULL,
  `namespace` varchar(255) NOT NULL,
  `type` varchar(255) NOT NULL,
  `value` text DEFAULT NULL,
  `created` datetime NOT NULL,
  `updated` datetime NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `signing_key` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `key_id` varchar(255) NOT NULL,
  `private_key` text NOT NULL,
  `added_at` datetime NOT NULL,
  `expires_at` datetime DEFAULT NULL,
  `alg` varchar(255) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `UQE_signing_key_key_id` (`key_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `plugin_setting` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `org_id` bigint(20) NOT NULL DEFAULT 1,
  `plugin_id` varchar(190) NOT NULL,
  `enabled` tinyint(1) NOT NULL,
  `pinned` tinyint(1) NOT NULL,
  `json_data` text DEFAULT NULL,
  `secure_json_data` text DEFAULT NULL,
  `created` datetime NOT NULL,
  `updated` datetime NOT NULL,
  `plugin_version` varchar(50) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `UQE_plugin_setting_org_id_plugin_id` (`org_id`,`plugin_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `alert_configuration` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `alertmanager_configuration` mediumtext DEFAULT NULL,
  `configuration_version` varchar(3) NOT NULL,
  `created_at` int(11) NOT NULL,
  `default` tinyint(1) NOT NULL DEFAULT 0,
  `org_id` bigint(20) NOT NULL DEFAULT 0,
  `configuration_hash` varchar(32) NOT NULL DEFAULT 'not-yet-calculated',
  PRIMARY KEY (`id`),
  UNIQUE KEY `UQE_alert_configuration_org_id` (`org_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `alert_configuration_history` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `org_id` bigint(20) NOT NULL DEFAULT 0,
  `alertmanager_configuration` mediumtext NOT NULL,
  `configuration_hash` varchar(32) NOT NULL DEFAULT 'not-yet-calculated',
  `configuration_version` varchar(3) NOT NULL,
  `created_at` int(11) NOT NULL,
  `default` tinyint(1) NOT NULL DEFAULT 0,
  `last_applied` int(11) NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `alert_notification` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `org_id` bigint(20) NOT NULL,
  `name` varchar(190) NOT NULL,
  `type` varchar(255) NOT NULL,
  `settings` text NOT NULL,
  `created` datetime NOT NULL,
  `updated` datetime NOT NULL,
  `is_default` tinyint(1) NOT NULL DEFAULT 0,
  `frequency` bigint(20) DEFAULT NULL,
  `send_reminder` tinyint(1) DEFAULT 0,
  `disable_resolve_message` tinyint(1) NOT NULL DEFAULT 0,
  `uid` varchar(40) DEFAULT NULL,
  `secure_settings` text DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `UQE_alert_notification_org_id_uid` (`org_id`,`uid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `sso_setting` (
  `id` varchar(40) NOT NULL,
  `provider` varchar(255) NOT NULL,
  `settings` text NOT NULL,
  `created` datetime NOT NULL,
  `updated` datetime NOT NULL,
  `is_deleted` tinyint(1) NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `user_external_session` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `user_auth_id` bigint(20) NOT NULL,
  `user_id` bigint(20) NOT NULL,
  `auth_module` varchar(190) NOT NULL,
  `access_token` text DEFAULT NULL,
  `id_token` text DEFAULT NULL,
  `refresh_token` text DEFAULT NULL,
  `session_id` varchar(1024) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci DEFAULT NULL,
  `session_id_hash` char(44) DEFAULT NULL,
  `name_id` varchar(1024) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci DEFAULT NULL,
  `name_id_hash` char(44) DEFAULT NULL,
  `expires_at` datetime DEFAULT NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `resource` (
  `guid` varchar(36) NOT NULL,
  `resource_version` bigint(20) DEFAULT NULL,
  `group` varchar(190) NOT NULL,
  `resource` varchar(190) NOT NULL,
  `namespace` varchar(63) NOT NULL,
  `name` varchar(253) NOT NULL,
  `value` longtext DEFAULT NULL,
  `action` int(11) NOT NULL,
  `label_set` varchar(64) DEFAULT NULL,
  `previous_resource_version` bigint(20) DEFAULT NULL,
  `folder` varchar(253) NOT NULL DEFAULT '',
  PRIMARY KEY (`guid`),
  UNIQUE KEY `UQE_resource_namespace_group_resource_name` (`namespace`,`group`,`resource`,`name`),
  KEY `IDX_resource_group_resource` (`group`,`resource`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `resource_history` (
  `guid` varchar(36) NOT NULL,
  `resource_version` bigint(20) DEFAULT NULL,
  `group` varchar(190) NOT NULL,
  `resource` varchar(190) NOT NULL,
  `namespace` varchar(63) NOT NULL,
  `name` varchar(253) NOT NULL,
  `value` longtext DEFAULT NULL,
  `action` int(11) NOT NULL,
  `label_set` varchar(64) DEFAULT NULL,
  `previous_resource_version` bigint(20) DEFAULT NULL,
  `folder` varchar(253) NOT NULL DEFAULT '',
  `generation` bigint(20) NOT NULL DEFAULT 0,
  PRIMARY KEY (`guid`),
  UNIQUE KEY `UQE_resource_history_namespace_group_name_version` (`namespace`,`group`,`resource`,`name`,`resource_version`),
  KEY `IDX_resource_history_resource_version` (`resource_version`),
  KEY `IDX_resource_history_group_resource_resource_version` (`group`,`resource`,`resource_version`),
  KEY `IDX_resource_history_namespace_group_resource_action_version` (`namespace`,`group`,`resource`,`action`,`resource_version`),
  KEY `IDX_resource_history_namespace_group_resource_name_generation` (`namespace`,`group`,`resource`,`name`,`generation`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `dashboard_snapshot` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `name` varchar(255) NOT NULL,
  `key` varchar(190) NOT NULL,
  `delete_key` varchar(190) NOT NULL,
  `org_id` bigint(20) NOT NULL,
  `user_id` bigint(20) NOT NULL,
  `external` tinyint(1) NOT NULL,
  `external_url` varchar(255) NOT NULL,
  `dashboard` mediumtext NOT NULL,
  `expires` datetime NOT NULL,
  `created` datetime NOT NULL,
  `updated` datetime NOT NULL,
  `external_delete_url` varchar(255) DEFAULT NULL,
  `dashboard_encrypted` mediumblob DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `UQE_dashboard_snapshot_key` (`key`),
  UNIQUE KEY `UQE_dashboard_snapshot_delete_key` (`delete_key`),
  KEY `IDX_dashboard_snapshot_user_id` (`user_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `user_auth` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `user_id` bigint(20) NOT NULL,
  `auth_module` varchar(190) NOT NULL,
  `auth_id` varchar(190) DEFAULT NULL,
  `created` datetime NOT NULL,
  `o_auth_access_token` text DEFAULT NULL,
  `o_auth_refresh_token` text DEFAULT NULL,
  `o_auth_token_type` text DEFAULT NULL,
  `o_auth_expiry` datetime DEFAULT NULL,
  `o_auth_id_token` text DEFAULT NULL,
  `external_uid` text DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `IDX_user_auth_auth_module_auth_id` (`auth_module`,`auth_id`),
  KEY `IDX_user_auth_user_id` (`user_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `cloud_migration_session` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `uid` varchar(40) DEFAULT NULL,
  `auth_token` text DEFAULT NULL,
  `slug` text NOT NULL,
  `stack_id` bigint(20) NOT NULL,
  `region_slug` text NOT NULL,
  `cluster_slug` text NOT NULL,
  `created` datetime NOT NULL,
  `updated` datetime NOT NULL,
  `org_id` bigint(20) NOT NULL DEFAULT 1,
  PRIMARY KEY (`id`),
  UNIQUE KEY `UQE_cloud_migration_session_uid` (`uid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `cloud_migration_snapshot` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `uid` varchar(40) DEFAULT NULL,
  `session_uid` varchar(40) DEFAULT NULL,
  `created` datetime NOT NULL,
  `updated` datetime NOT NULL,
  `finished` datetime DEFAULT NULL,
  `upload_url` text DEFAULT NULL,
  `status` text NOT NULL,
  `local_directory` text DEFAULT NULL,
  `gms_snapshot_uid` text DEFAULT NULL,
  `encryption_key` text DEFAULT NULL,
  `error_string` text DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `UQE_cloud_migration_snapshot_uid` (`uid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `migration_log` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `migration_id` varchar(255) NOT NULL,
  `sql` text NOT NULL,
  `success` tinyint(1) NOT NULL,
  `error` text NOT NULL,
  `timestamp` datetime NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
