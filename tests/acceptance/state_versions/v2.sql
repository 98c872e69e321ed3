BEGIN TRANSACTION;
CREATE TABLE `alert_configuration` (
  `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  `alertmanager_configuration` TEXT NOT NULL,
  `configuration_version` TEXT NOT NULL,
  `created_at` INTEGER NOT NULL,
  `default` INTEGER NOT NULL DEFAULT 0,
  `org_id` INTEGER NOT NULL DEFAULT 0,
  `configuration_hash` TEXT NOT NULL DEFAULT 'not-yet-calculated'
);
INSERT INTO "alert_configuration" VALUES(1,'{"alertmanager_config":{"receivers":[{"grafana_managed_receiver_configs":[{"disableResolveMessage":false,"name":"Kontakt 0 🔔","secureSettings":{},"settings":{"recipient":"#alerts","secureSettings":{"url":"c2VjcmV0"},"text":"a\\b/c\u2028\t\u003c\u0026\u003e"},"type":"slack","uid":"uid0"}],"name":"Kontakt 0 🔔"}],"route":{"group_by":["grafana_folder","alertname"],"receiver":"grafana-default-email"},"templates":null,"unknown_field":{"secureSettings":{"url":"not a secret: wrong place"}}},"managed_routes":{},"template_files":{"näme":"{{ define \"x\" }}\u003cb\u003e{{ .secureSettings }}\u003c/b\u003e{{ end }}"}}','v1',1738310401,0,1,'085d1c7e9e528654139d28faeb845a12');
INSERT INTO "alert_configuration" VALUES(2,'{"alertmanager_config":{"receivers":[{"grafana_managed_receiver_configs":[{"disableResolveMessage":false,"name":"Kontakt 0 🔔","secureSettings":{"basicAuthPassword":"I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKmhIb3F0YXdaBd5FkTrlEGuB9q3FYauFqfo8FlWzYVwjyTf8jnI4","url":"I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlZmT3IyNGUwAmpO52gwJbHleK1qwVeJRevBUW8JTlN5+gbc14j98CxdSYY+efPjJHeL/ky3NMJIymvqug=="},"settings":{"recipient":"#alerts","secureSettings":{"url":"c2VjcmV0"},"text":"a\\b/c\u2028\t\u003c\u0026\u003e"},"type":"slack","uid":"uid0"}],"name":"Kontakt 0 🔔"}],"route":{"group_by":["grafana_folder","alertname"],"receiver":"grafana-default-email"},"templates":null,"unknown_field":{"secureSettings":{"url":"not a secret: wrong place"}}},"extra_config":[{"alertmanager_config":"crypto_I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlZmT3IyNGUwgHf9Cc0MXWE1JIqZfedmmyz2xxV3sEglz27vE8JeNsaUVmgdXJVV7017IZiKwrxLJ3S6l5r398u7Ox+T+U4CRAmBZWLq+x2YEr+X2cll1y8=","identifier":"mimir-0","merge_matchers":[],"template_files":{}}],"managed_routes":{},"template_files":{"näme":"{{ define \"x\" }}\u003cb\u003e{{ .secureSettings }}\u003c/b\u003e{{ end }}"}}','v1',1738310402,0,2,'94a3ba94a7d6bd0496a1ba1e85b677cf');
INSERT INTO "alert_configuration" VALUES(3,'{"alertmanager_config":{"receivers":[{"grafana_managed_receiver_configs":[{"disableResolveMessage":false,"name":"Kontakt 0 🔔","secureSettings":{},"settings":{"recipient":"#alerts","secureSettings":{"url":"c2VjcmV0"},"text":"a\\b/c\u2028\t\u003c\u0026\u003e"},"type":"slack","uid":"uid0"}],"name":"Kontakt 0 🔔"}],"route":{"group_by":["grafana_folder","alertname"],"receiver":"grafana-default-email"},"templates":null,"unknown_field":{"secureSettings":{"url":"not a secret: wrong place"}}},"managed_routes":{},"template_files":{"näme":"{{ define \"x\" }}\u003cb\u003e{{ .secureSettings }}\u003c/b\u003e{{ end }}"}}','v1',1738310403,0,3,'085d1c7e9e528654139d28faeb845a12');
INSERT INTO "alert_configuration" VALUES(4,X'7B2274656D706C6174655F66696C6573223A7B226EC3A46D65223A227B7B20646566696E65205C22785C22207D7D3C623E7B7B202E73656375726553657474696E6773207D7D3C2F623E7B7B20656E64207D7D227D2C22616C6572746D616E616765725F636F6E666967223A7B22726F757465223A7B227265636569766572223A2267726166616E612D64656661756C742D656D61696C222C2267726F75705F6279223A5B2267726166616E615F666F6C646572222C22616C6572746E616D65225D7D2C2274656D706C61746573223A6E756C6C2C22726563656976657273223A5B7B226E616D65223A224B6F6E74616B74203020F09F9494222C2267726166616E615F6D616E616765645F72656365697665725F636F6E66696773223A5B7B22756964223A2275696430222C226E616D65223A224B6F6E74616B74203020F09F9494222C2274797065223A22736C61636B222C2264697361626C655265736F6C76654D657373616765223A66616C73652C2273657474696E6773223A7B22726563697069656E74223A2223616C65727473222C2273656375726553657474696E6773223A7B2275726C223A226332566A636D5630227D2C2274657874223A22615C5C622F63E280A85C743C263E227D2C2273656375726553657474696E6773223A7B2275726C223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6D68496233463059586461714F677450385A504B764A794C4B414643326A68394C7964696A533249756E55426349704A764646477A6F526A434E6836536E484464327337736D6242774C63546A576249413461576F717863513D3D222C2262617369634175746850617373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5A6D543349794E47557764545A5870465266366B3059737A69787870443835684136564277735A44685A6D4938434642396B7662526C3342574253646A4E47314B45676A316676594E35525965367838534558454C46542F673D227D7D5D7D2C7B226E616D65223A224B6F6E74616B74203120F09F9494222C2267726166616E615F6D616E616765645F72656365697665725F636F6E66696773223A5B7B22756964223A2275696431222C226E616D65223A224B6F6E74616B74203120F09F9494222C2274797065223A22736C61636B222C2264697361626C655265736F6C76654D657373616765223A66616C73652C2273657474696E6773223A7B22726563697069656E74223A2223616C65727473222C2273656375726553657474696E6773223A7B2275726C223A226332566A636D5630227D2C2274657874223A22615C5C622F63E280A85C743C263E227D2C2273656375726553657474696E6773223A7B2275726C223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5A6D543349794E4755776936594C45457559377038383749436539494C4378724C546D725253446346595930472B626665326C58615A46334E3978383856597A4F47346F2F6D3867484E4E75793672535333427A394447515151222C2262617369634175746850617373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5A6D543349794E4755775262362B4333564E753232434D4F654E6957597A61434F5378497A546F6A4C784B373346786B725347614F5345384E33575135412B3971334B44636E6C682B654E63702B4F686E734E7879346B364C4377673D3D227D7D5D7D5D2C22756E6B6E6F776E5F6669656C64223A7B2273656375726553657474696E6773223A7B2275726C223A226E6F742061207365637265743A2077726F6E6720706C616365227D7D7D2C226D616E616765645F726F75746573223A7B7D7D','v1',1738310404,0,4,'f8544953bcdc48b83c15dacbc51a7dae');
CREATE TABLE `alert_configuration_history` (
  `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  `org_id` INTEGER NOT NULL DEFAULT 0,
  `alertmanager_configuration` TEXT NOT NULL,
  `configuration_hash` TEXT NOT NULL DEFAULT 'not-yet-calculated',
  `configuration_version` TEXT NOT NULL,
  `created_at` INTEGER NOT NULL,
  `default` INTEGER NOT NULL DEFAULT 0,
  `last_applied` INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "alert_configuration_history" VALUES(1,2,'{"alertmanager_config":{"receivers":[{"grafana_managed_receiver_configs":[{"disableResolveMessage":false,"name":"Kontakt 0 🔔","secureSettings":{"basicAuthPassword":"I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKmhIb3F0YXdaBd5FkTrlEGuB9q3FYauFqfo8FlWzYVwjyTf8jnI4","url":"I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlZmT3IyNGUwAmpO52gwJbHleK1qwVeJRevBUW8JTlN5+gbc14j98CxdSYY+efPjJHeL/ky3NMJIymvqug=="},"settings":{"recipient":"#alerts","secureSettings":{"url":"c2VjcmV0"},"text":"a\\b/c\u2028\t\u003c\u0026\u003e"},"type":"slack","uid":"uid0"}],"name":"Kontakt 0 🔔"}],"route":{"group_by":["grafana_folder","alertname"],"receiver":"grafana-default-email"},"templates":null,"unknown_field":{"secureSettings":{"url":"not a secret: wrong place"}}},"extra_config":[{"alertmanager_config":"crypto_I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlZmT3IyNGUwgHf9Cc0MXWE1JIqZfedmmyz2xxV3sEglz27vE8JeNsaUVmgdXJVV7017IZiKwrxLJ3S6l5r398u7Ox+T+U4CRAmBZWLq+x2YEr+X2cll1y8=","identifier":"mimir-0","merge_matchers":[],"template_files":{}}],"managed_routes":{},"template_files":{"näme":"{{ define \"x\" }}\u003cb\u003e{{ .secureSettings }}\u003c/b\u003e{{ end }}"}}','94a3ba94a7d6bd0496a1ba1e85b677cf','v1',1738310401,0,1);
INSERT INTO "alert_configuration_history" VALUES(2,2,'{"alertmanager_config":{"receivers":[{"grafana_managed_receiver_configs":[{"disableResolveMessage":false,"name":"Kontakt 0 🔔","secureSettings":{"token":"I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlZmT3IyNGUwPJbJpJEZVcmooko5HEsigNkeUnHNYUTlQCXE0QYgeoksE1SmNws5yvVxcsHx6nCmzA=="},"settings":{"recipient":"#alerts","secureSettings":{"url":"c2VjcmV0"},"text":"a\\b/c\u2028\t\u003c\u0026\u003e"},"type":"slack","uid":"uid0"}],"name":"Kontakt 0 🔔"}],"route":{"group_by":["grafana_folder","alertname"],"receiver":"grafana-default-email"},"templates":null,"unknown_field":{"secureSettings":{"url":"not a secret: wrong place"}}},"managed_routes":{},"template_files":{"näme":"{{ define \"x\" }}\u003cb\u003e{{ .secureSettings }}\u003c/b\u003e{{ end }}"}}','01c3ad68f7c2f7c8eedbc066a6c53c82','v1',1738310402,0,1);
CREATE TABLE `alert_notification` (
  `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  `org_id` INTEGER NOT NULL,
  `name` TEXT NOT NULL,
  `type` TEXT NOT NULL,
  `settings` TEXT NOT NULL,
  `created` DATETIME NOT NULL,
  `updated` DATETIME NOT NULL,
  `is_default` INTEGER NOT NULL DEFAULT 0,
  `frequency` INTEGER NULL,
  `send_reminder` INTEGER NULL DEFAULT 0,
  `disable_resolve_message` INTEGER NOT NULL DEFAULT 0,
  `uid` TEXT NULL,
  `secure_settings` TEXT NULL
);
INSERT INTO "alert_notification" VALUES(1,1,'Channel 1','slack','{}','2025-01-31 09:05:06','2025-01-31 09:05:45',0,0,0,0,'ad80d6c2472fd6','{"token":"KllXVnpMV2RqYlEqVDVrc3ZxdHbY+yIpqxn3zLkIGSYIRvj1MiGLQuucm4XXXnJiXOT7LoZIdMncrVHW8C5QxtHCSxqAdNLhP/68YQ==","url":"KllXVnpMV2RqYlEqVDVrc3ZxdHYgvNZyBdWhVFOzpdxaCy3mOL0Irt47PgtoTuhZW0mppbN9aYXoDvpOFOmd02mTJAJR2K9hG88hjw1qBQcGAFs+"}');
CREATE TABLE `cache_data` (
  `cache_key` TEXT PRIMARY KEY NOT NULL,
  `data` BLOB NOT NULL,
  `expires` INTEGER NOT NULL,
  `created_at` INTEGER NOT NULL
);
CREATE TABLE `cloud_migration_session` (
  `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  `uid` TEXT NULL,
  `auth_token` TEXT NULL,
  `slug` TEXT NOT NULL,
  `stack_id` INTEGER NOT NULL,
  `region_slug` TEXT NOT NULL,
  `cluster_slug` TEXT NOT NULL,
  `created` DATETIME NOT NULL,
  `updated` DATETIME NOT NULL,
  `org_id` INTEGER NOT NULL DEFAULT 1
);
INSERT INTO "cloud_migration_session" VALUES(1,'eae3b19a27d858',NULL,'stack',12345,'eu','prod-eu-west-2','2025-01-31 08:52:07','2025-01-31 08:52:11',1);
INSERT INTO "cloud_migration_session" VALUES(2,'cd3348f164f9d8','I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlZmT3IyNGUw5N8iB4LohXo86rv3OP75o8hkK4zkAUO5HBjKCTNVNTfqHtPkHhyXABWbG8fI','stack',12345,'eu','prod-eu-west-2','2025-01-31 09:06:24','2025-01-31 09:07:17',1);
INSERT INTO "cloud_migration_session" VALUES(3,'adc66a6a325333',NULL,'stack',12345,'eu','prod-eu-west-2','2025-01-31 09:16:54','2025-01-31 09:17:31',1);
CREATE TABLE `cloud_migration_snapshot` (
  `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  `uid` TEXT NULL,
  `session_uid` TEXT NULL,
  `created` DATETIME NOT NULL,
  `updated` DATETIME NOT NULL,
  `finished` DATETIME NULL,
  `upload_url` TEXT NULL,
  `status` TEXT NOT NULL,
  `local_directory` TEXT NULL,
  `gms_snapshot_uid` TEXT NULL,
  `encryption_key` TEXT NULL,
  `error_string` TEXT NULL,
  `resource_storage_type` TEXT NULL,
  `encryption_algo` TEXT NULL,
  `metadata` BLOB NULL,
  `public_key` BLOB NULL
);
CREATE TABLE `dashboard_snapshot` (
  `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  `name` TEXT NOT NULL,
  `key` TEXT NOT NULL,
  `delete_key` TEXT NOT NULL,
  `org_id` INTEGER NOT NULL,
  `user_id` INTEGER NOT NULL,
  `external` INTEGER NOT NULL,
  `external_url` TEXT NOT NULL,
  `dashboard` TEXT NOT NULL,
  `expires` DATETIME NOT NULL,
  `created` DATETIME NOT NULL,
  `updated` DATETIME NOT NULL,
  `external_delete_url` TEXT NULL,
  `dashboard_encrypted` BLOB NULL
);
INSERT INTO "dashboard_snapshot" VALUES(-7,'Snapshot -7','key-7c3d7922284b7a4','delete-7d9c31d5a2b745b',1,1,0,'','{}','2075-01-19 08:00:00','2025-01-31 08:57:55','2026-11-27 09:26:43','',X'2365544E6C4E573530626A523064546872593341232A5957567A4C574E6D59672A4E6A59793644585634D77BEE4A3A29FD7AF29772AACC978BECBE');
INSERT INTO "dashboard_snapshot" VALUES(0,'Snapshot 0','key0abcbe9f89d3fda','delete0e3ac495be12d09',1,1,0,'','{}','2075-01-19 08:00:00','2025-01-31 09:23:39','2026-11-27 09:26:43','',X'2365544E6C4E573530626A523064546872593341232A5957567A4C574E6D59672A4E6A5979364458564ADB87E812D473C7A0BBF086C76F4B9D0FCC623953B96C84B5B2C9790FD73E59D9122FF25B32C3F0F70BF9E1B12115690C82F4B5F93725D070');
INSERT INTO "dashboard_snapshot" VALUES(1,'Snapshot 1','key1bb29a8daf66c5f','delete1bd12ec0b9475b1',1,1,0,'','{}','2075-01-19 08:00:00','2025-01-31 08:50:35','2025-01-31 08:51:57','',NULL);
INSERT INTO "dashboard_snapshot" VALUES(2,'Snapshot 2','key2c889c84e3c0f2d','delete2c87ba31e415c4e',1,1,0,'','{}','2075-01-19 08:00:00','2025-01-31 09:15:55','2025-01-31 09:16:16','',NULL);
CREATE TABLE `data_keys` (
  `name` TEXT PRIMARY KEY NOT NULL,
  `active` INTEGER NOT NULL,
  `scope` TEXT NOT NULL,
  `provider` TEXT NOT NULL,
  `encrypted_data` BLOB NOT NULL,
  `created` DATETIME NOT NULL,
  `updated` DATETIME NOT NULL,
  `label` TEXT NOT NULL DEFAULT ''
);
INSERT INTO "data_keys" VALUES('grafanas',0,'root','secretKey.v1',X'2A5957567A4C574E6D59672A45786E52344A56761137EB1BEB9D2B4DB7D91F8D03EB844A00AE3CA54B4893D060C1ABBF89DFDCA6','2025-01-31 08:42:45','2026-11-27 09:26:43','2025-01-31/root@secretKey.v1');
INSERT INTO "data_keys" VALUES('y3e5ntn4tu8kcp',1,'root','secretKey.v1',X'2A5957567A4C574E6D59672A4464524E6F357933A2D2F83DCE2E290F6A9A2936F04073FAC5C7604D7275855213EB5288235470BE','2026-11-27 09:26:43','2026-11-27 09:26:43','2026-11-27/root@secretKey.v1');
CREATE TABLE `data_source` (
  `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  `org_id` INTEGER NOT NULL,
  `version` INTEGER NOT NULL,
  `type` TEXT NOT NULL,
  `name` TEXT NOT NULL,
  `access` TEXT NOT NULL,
  `url` TEXT NOT NULL,
  `password` TEXT NULL,
  `user` TEXT NULL,
  `database` TEXT NULL,
  `basic_auth` INTEGER NOT NULL,
  `basic_auth_user` TEXT NULL,
  `basic_auth_password` TEXT NULL,
  `is_default` INTEGER NOT NULL,
  `json_data` TEXT NULL,
  `created` DATETIME NOT NULL,
  `updated` DATETIME NOT NULL,
  `with_credentials` INTEGER NOT NULL DEFAULT 0,
  `secure_json_data` TEXT NULL,
  `read_only` INTEGER NULL,
  `uid` TEXT NOT NULL DEFAULT '0',
  `is_prunable` INTEGER NULL DEFAULT 0,
  `api_version` TEXT NULL
);
INSERT INTO "data_source" VALUES(-7,1,40,'prometheus','Quelle -7 für ☃','proxy','http://prometheus:9090','','','',0,'',NULL,0,'{"httpMethod":"POST"}','2025-01-31 08:44:10','2026-11-27 09:26:43',0,'{"\u003c\u0026\u003e":"I2VUTmxOVzUwYmpSMGRUaHJZM0EjKllXVnpMV05tWWcqTmpZeTZEWFYFhvnm/3Z3MGlVUZpRRagrF5EKsN8=","basicAuthPassword":"I2VUTmxOVzUwYmpSMGRUaHJZM0EjKllXVnpMV05tWWcqTmpZeTZEWFbHmnjG5ENhlWZbaRjGRPvOj10=","httpHeaderValue1":"I2VUTmxOVzUwYmpSMGRUaHJZM0EjKllXVnpMV05tWWcqTmpZeTZEWFadifXnXgxnT0TS56TNOx5olzER","tls.client/Key ü":"I2VUTmxOVzUwYmpSMGRUaHJZM0EjKllXVnpMV05tWWcqTmpZeTZEWFb8vqE+y6rp0BRcdgdQWmzPGOqA9OPmuN8f0D/dYd/h5T0scaBIlXXmUnUpDBZ5WMK2PBTzf5o0sILGvvmALv4mEt9txk+I/N79w/1Y0YWL3jqlxujVqyZuh4rLJNlG2YaKHPUbzjlDHyTx0775cog09hL6APqH6bnh3NmiZLb/2vBqvTSaWx3m8JlpPOGYIJ+yySjUzKIkOajoLj33uFQJ4XpLkkikzrXZt0fRqB5W7zG3maexbxhAX3gTpQmSm2l5RIN+RETwLGQIpM7CrBpsKTasz7Nuh07Y2sw0Qc6mZetDiE2sjIWpYpTiPrmG3vVP+rzr/8OtK4a+rq22FuVrRA==","zPassword":"I2VUTmxOVzUwYmpSMGRUaHJZM0EjKllXVnpMV05tWWcqTmpZeTZEWFah3n3kW5TsM2HTRGusuHiF5Q=="}',0,'da1515964a870c',0,'');
INSERT INTO "data_source" VALUES(0,1,18,'prometheus','Quelle 0 für ☃','proxy','http://prometheus:9090','','','',0,'',NULL,0,'{"httpMethod":"POST"}','2025-01-31 09:08:38','2026-11-27 09:26:43',0,X'7B227A50617373776F7264223A2249325655546D784F567A5577596D70534D47525561484A5A4D30456A4B6C6C58566E704D5630357457576371546D705A65545A45574659534847536D70495A364670714D41354E4F46505A597A7A4D4A462F32694A56575A386C6B456C4164574D6163323947696D476D6F446A356A41724164464C69555373413D3D222C2262617369634175746850617373776F7264223A2249325655546D784F567A5577596D70534D47525561484A5A4D30456A4B6C6C58566E704D5630357457576371546D705A65545A4557465A56486866354E6651414231594E6668482B7849707962654D416C6751796344544A2B7865486C653861447768375651524943666F67687950447577433937456B563631303D227D',0,'de3fbd86ae9d5c',0,'');
INSERT INTO "data_source" VALUES(1,1,22,'prometheus','Quelle 1 für ☃','proxy','http://prometheus:9090','','','',0,'',NULL,0,'{"httpMethod":"POST"}','2025-01-31 08:45:09','2025-01-31 08:45:41',0,'{}',0,'a4562bbb42e0b2',0,'');
INSERT INTO "data_source" VALUES(2,1,38,'prometheus','Quelle 2 für ☃','proxy','http://prometheus:9090','','','',0,'',NULL,0,'{"httpMethod":"POST"}','2025-01-31 09:09:32','2025-01-31 09:10:29',0,NULL,0,'a40aaebf1df687',0,'');
CREATE TABLE `migration_log` (
  `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  `migration_id` TEXT NOT NULL,
  `sql` TEXT NOT NULL,
  `success` INTEGER NOT NULL,
  `error` TEXT NOT NULL,
  `timestamp` DATETIME NOT NULL
);
INSERT INTO "migration_log" VALUES(1,'create migration_log table','-',1,'','2025-01-31 08:00:50');
INSERT INTO "migration_log" VALUES(2,'create org table v1','-',1,'','2025-01-31 08:01:44');
INSERT INTO "migration_log" VALUES(3,'create data_source table','-',1,'','2025-01-31 08:01:50');
INSERT INTO "migration_log" VALUES(4,'Rename table data_source to data_source_v1 - v1','-',1,'','2025-01-31 08:02:24');
INSERT INTO "migration_log" VALUES(5,'create data_source table v2','-',1,'','2025-01-31 08:03:30');
INSERT INTO "migration_log" VALUES(6,'Drop old table data_source_v1 #2','-',1,'','2025-01-31 08:04:33');
INSERT INTO "migration_log" VALUES(7,'Add column with_credentials','-',1,'','2025-01-31 08:05:25');
INSERT INTO "migration_log" VALUES(8,'Add secure json data column','-',1,'','2025-01-31 08:06:04');
INSERT INTO "migration_log" VALUES(9,'Update secure_json_data column to MediumText','-',1,'','2025-01-31 08:07:06');
INSERT INTO "migration_log" VALUES(10,'create dashboard_snapshot table v4','-',1,'','2025-01-31 08:07:52');
INSERT INTO "migration_log" VALUES(11,'drop table dashboard_snapshot_v4 #1','-',1,'','2025-01-31 08:09:07');
INSERT INTO "migration_log" VALUES(12,'create dashboard_snapshot table v5 #2','-',1,'','2025-01-31 08:09:35');
INSERT INTO "migration_log" VALUES(13,'Add encrypted dashboard json column','-',1,'','2025-01-31 08:10:40');
INSERT INTO "migration_log" VALUES(14,'Change dashboard_encrypted column to MEDIUMBLOB','-',1,'','2025-01-31 08:10:58');
INSERT INTO "migration_log" VALUES(15,'create plugin_setting table','-',1,'','2025-01-31 08:11:35');
INSERT INTO "migration_log" VALUES(16,'create alert_notification table v1','-',1,'','2025-01-31 08:11:53');
INSERT INTO "migration_log" VALUES(17,'Add column uid in alert_notification','-',1,'','2025-01-31 08:12:06');
INSERT INTO "migration_log" VALUES(18,'Add column secure_settings in alert_notification','-',1,'','2025-01-31 08:13:26');
INSERT INTO "migration_log" VALUES(19,'create user auth table','-',1,'','2025-01-31 08:13:59');
INSERT INTO "migration_log" VALUES(20,'Add OAuth access token to user_auth','-',1,'','2025-01-31 08:15:08');
INSERT INTO "migration_log" VALUES(21,'Add OAuth refresh token to user_auth','-',1,'','2025-01-31 08:16:26');
INSERT INTO "migration_log" VALUES(22,'Add OAuth token type to user_auth','-',1,'','2025-01-31 08:16:45');
INSERT INTO "migration_log" VALUES(23,'Add OAuth expiry to user_auth','-',1,'','2025-01-31 08:17:25');
INSERT INTO "migration_log" VALUES(24,'Add OAuth ID token to user_auth','-',1,'','2025-01-31 08:17:38');
INSERT INTO "migration_log" VALUES(25,'create cache_data table','-',1,'','2025-01-31 08:17:48');
INSERT INTO "migration_log" VALUES(26,'create_alert_configuration_table','-',1,'','2025-01-31 08:19:16');
INSERT INTO "migration_log" VALUES(27,'Add column default in alert_configuration','-',1,'','2025-01-31 08:19:59');
INSERT INTO "migration_log" VALUES(28,'add column org_id in alert_configuration','-',1,'','2025-01-31 08:21:00');
INSERT INTO "migration_log" VALUES(29,'add configuration_hash column to alert_configuration','-',1,'','2025-01-31 08:22:12');
INSERT INTO "migration_log" VALUES(30,'create_alert_configuration_history_table','-',1,'','2025-01-31 08:22:25');
INSERT INTO "migration_log" VALUES(31,'create data_keys table','-',1,'','2025-01-31 08:23:11');
INSERT INTO "migration_log" VALUES(32,'create secrets table','-',1,'','2025-01-31 08:24:07');
INSERT INTO "migration_log" VALUES(33,'rename data_keys name column to id','-',1,'','2025-01-31 08:24:48');
INSERT INTO "migration_log" VALUES(34,'add name column into data_keys','-',1,'','2025-01-31 08:26:07');
INSERT INTO "migration_log" VALUES(35,'copy data_keys id column values into name','-',1,'','2025-01-31 08:27:29');
INSERT INTO "migration_log" VALUES(36,'rename data_keys name column to label','-',1,'','2025-01-31 08:27:56');
INSERT INTO "migration_log" VALUES(37,'rename data_keys id column back to name','-',1,'','2025-01-31 08:29:07');
INSERT INTO "migration_log" VALUES(38,'create signing_key table','-',1,'','2025-01-31 08:30:09');
INSERT INTO "migration_log" VALUES(39,'create sso_setting table','-',1,'','2025-01-31 08:31:06');
INSERT INTO "migration_log" VALUES(40,'create cloud_migration table v1','-',1,'','2025-01-31 08:32:13');
INSERT INTO "migration_log" VALUES(41,'Rename table cloud_migration to cloud_migration_session_tmp_qwerty - v1','-',1,'','2025-01-31 08:32:47');
INSERT INTO "migration_log" VALUES(42,'create cloud_migration_session v2','-',1,'','2025-01-31 08:32:55');
INSERT INTO "migration_log" VALUES(43,'drop cloud_migration_session_tmp_qwerty','-',1,'','2025-01-31 08:34:06');
INSERT INTO "migration_log" VALUES(44,'create user_external_session table','-',1,'','2025-01-31 08:34:08');
INSERT INTO "migration_log" VALUES(45,'increase name_id column length to 1024','-',1,'','2025-01-31 08:34:20');
CREATE TABLE `org` (
  `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  `version` INTEGER NOT NULL,
  `name` TEXT NOT NULL,
  `address1` TEXT NULL,
  `address2` TEXT NULL,
  `city` TEXT NULL,
  `state` TEXT NULL,
  `zip_code` TEXT NULL,
  `country` TEXT NULL,
  `billing_email` TEXT NULL,
  `created` DATETIME NOT NULL,
  `updated` DATETIME NOT NULL
);
INSERT INTO "org" VALUES(1,0,'Main Org.',NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2025-01-31 08:42:20','2025-01-31 08:42:29');
CREATE TABLE `plugin_setting` (
  `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  `org_id` INTEGER NOT NULL DEFAULT 1,
  `plugin_id` TEXT NOT NULL,
  `enabled` INTEGER NOT NULL,
  `pinned` INTEGER NOT NULL,
  `json_data` TEXT NULL,
  `secure_json_data` TEXT NULL,
  `created` DATETIME NOT NULL,
  `updated` DATETIME NOT NULL,
  `plugin_version` TEXT NULL
);
INSERT INTO "plugin_setting" VALUES(-7,1,'vendor--7-app',1,0,'{}','{"apiKey":"I2VUTmxOVzUwYmpSMGRUaHJZM0EjKllXVnpMV05tWWcqTmpZeTZEWFaygVqF/LBrmyYeUXMmjE0vsJGRFGZGXCDSC3nkaGFaSw==","pässword":"I2VUTmxOVzUwYmpSMGRUaHJZM0EjKllXVnpMV05tWWcqTmpZeTZEWFaIAdZk056sG0Vdc1h+1SF/MOZ4Zy4RXqFOhqQXIoYZ9CY="}','2025-01-31 09:00:49','2026-11-27 09:26:43','1.4.2');
INSERT INTO "plugin_setting" VALUES(0,1,'vendor-0-app',1,0,X'7B7D',X'7B226170694B6579223A2249325655546D784F567A5577596D70534D47525561484A5A4D30456A4B6C6C58566E704D5630357457576371546D705A65545A455746592B7277313647682B78706557376E6F534A31617651775575746D78414A61494D726F4A6F466E496A6A2F544F79545A425A35345869474478754B634861305964424E65322B48746E7757353533792B6F4865513D3D222C2270C3A47373776F7264223A2249325655546D784F567A5577596D70534D47525561484A5A4D30456A4B6C6C58566E704D5630357457576371546D705A65545A45574662393456596F5750596E364943595446496A6E51696B6A2F59362F47487565386F4F59424533555A7043504F474F454F41374D614257316F665357396A31625A364B376E375273704D553435446658376F615450733D227D','2025-01-31 09:25:11','2026-11-27 09:26:43','1.4.2');
INSERT INTO "plugin_setting" VALUES(1,1,'vendor-1-app',1,0,'{}',NULL,'2025-01-31 08:45:56','2025-01-31 08:46:25','1.4.2');
INSERT INTO "plugin_setting" VALUES(2,1,'vendor-2-app',1,0,'{}',NULL,'2025-01-31 09:11:15','2025-01-31 09:11:52','1.4.2');
CREATE TABLE reencrypt_accepted (
    secret_hash BLOB PRIMARY KEY NOT NULL,
    location TEXT NOT NULL,
    row_key TEXT NOT NULL,
    field TEXT NOT NULL,
    run_id TEXT NOT NULL,
    accepted TEXT NOT NULL
);
CREATE TABLE reencrypt_checkpoint (
    run_id TEXT NOT NULL,
    location TEXT NOT NULL,
    pass INTEGER NOT NULL,
    last_key TEXT NULL,
    done INTEGER NOT NULL,
    counts TEXT NOT NULL,
    PRIMARY KEY (run_id, location, pass)
);
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','dashboard_snapshot',0,'[0]',1,'{"re_encrypted": 2, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 2, "before": 2, "after": 2}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','user_auth',0,'[0]',1,'{"re_encrypted": 5, "already_current": 2, "quarantined": 0, "left": 1, "not_applicable": 0, "left_because": {"unproven_key secretKey.v1": 1}, "quarantined_because": {}, "coverage": {"rows": 2, "before": 2, "after": 2}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','secrets',0,'[4]',1,'{"re_encrypted": 2, "already_current": 1, "quarantined": 1, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {"implausible_plaintext": 1}, "coverage": {"rows": 4, "before": 4, "after": 4}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','data_source',0,'[1]',1,'{"re_encrypted": 3, "already_current": 2, "quarantined": 0, "left": 2, "not_applicable": 0, "left_because": {"unproven_key secretKey.v1": 2}, "quarantined_because": {}, "coverage": {"rows": 3, "before": 3, "after": 3}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','plugin_setting',0,'[0]',1,'{"re_encrypted": 3, "already_current": 1, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 2, "before": 2, "after": 2}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','signing_key',0,'[2]',1,'{"re_encrypted": 1, "already_current": 1, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 2, "before": 2, "after": 2}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','alert_configuration',0,'[4]',1,'{"re_encrypted": 5, "already_current": 2, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 4, "before": 4, "after": 4}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','sso_setting',0,'["8365a50a-bc01-4c14-af17-e090e4476ddd"]',1,'{"re_encrypted": 7, "already_current": 1, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 4, "before": 4, "after": 4}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','user_external_session',0,'[4]',1,'{"re_encrypted": 5, "already_current": 3, "quarantined": 0, "left": 1, "not_applicable": 0, "left_because": {"unproven_key secretKey.v1": 1}, "quarantined_because": {}, "coverage": {"rows": 4, "before": 4, "after": 4}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','resource',0,'["d54c2664-b1a1-4e17-be7d-c15e15d476d5"]',1,'{"re_encrypted": 1, "already_current": 1, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 3, "before": 3, "after": 3}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','alert_configuration_history',0,'[2]',1,'{"re_encrypted": 3, "already_current": 1, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 2, "before": 2, "after": 2}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','resource_history',0,'["f647134b-3c50-4f5e-83e0-80b08d764f06"]',1,'{"re_encrypted": 1, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 1, "before": 1, "after": 1}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','cloud_migration_session',0,'[2]',1,'{"re_encrypted": 1, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 1, "before": 1, "after": 1}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','alert_notification',0,'[1]',1,'{"re_encrypted": 0, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 2, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 1, "before": 1, "after": 1}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','dashboard_snapshot',1,'[0]',1,'{"re_encrypted": 2, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 2, "before": 2, "after": 2}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','user_auth',1,'[0]',1,'{"re_encrypted": 5, "already_current": 2, "quarantined": 0, "left": 1, "not_applicable": 0, "left_because": {"unproven_key secretKey.v1": 1}, "quarantined_because": {}, "coverage": {"rows": 2, "before": 2, "after": 2}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','secrets',1,'[4]',1,'{"re_encrypted": 2, "already_current": 1, "quarantined": 1, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {"implausible_plaintext": 1}, "coverage": {"rows": 4, "before": 4, "after": 4}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','data_source',1,'[1]',1,'{"re_encrypted": 3, "already_current": 2, "quarantined": 0, "left": 2, "not_applicable": 0, "left_because": {"unproven_key secretKey.v1": 2}, "quarantined_because": {}, "coverage": {"rows": 3, "before": 3, "after": 3}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','plugin_setting',1,'[0]',1,'{"re_encrypted": 3, "already_current": 1, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 2, "before": 2, "after": 2}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','signing_key',1,'[2]',1,'{"re_encrypted": 1, "already_current": 1, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 2, "before": 2, "after": 2}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','alert_configuration',1,'[4]',1,'{"re_encrypted": 5, "already_current": 2, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 4, "before": 4, "after": 4}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','sso_setting',1,'["8365a50a-bc01-4c14-af17-e090e4476ddd"]',1,'{"re_encrypted": 7, "already_current": 1, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 4, "before": 4, "after": 4}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','user_external_session',1,'[4]',1,'{"re_encrypted": 5, "already_current": 3, "quarantined": 0, "left": 1, "not_applicable": 0, "left_because": {"unproven_key secretKey.v1": 1}, "quarantined_because": {}, "coverage": {"rows": 4, "before": 4, "after": 4}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','resource',1,'["d54c2664-b1a1-4e17-be7d-c15e15d476d5"]',1,'{"re_encrypted": 1, "already_current": 1, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 3, "before": 3, "after": 3}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','alert_configuration_history',1,'[2]',1,'{"re_encrypted": 3, "already_current": 1, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 2, "before": 2, "after": 2}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','resource_history',1,'["f647134b-3c50-4f5e-83e0-80b08d764f06"]',1,'{"re_encrypted": 1, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 1, "before": 1, "after": 1}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','cloud_migration_session',1,'[2]',1,'{"re_encrypted": 1, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 1, "before": 1, "after": 1}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092640-6523','alert_notification',1,'[1]',1,'{"re_encrypted": 0, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 2, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 1, "before": 1, "after": 1}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092643-2e69','dashboard_snapshot',0,'[0]',1,'{"re_encrypted": 2, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 2, "before": 2, "after": 2}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092643-2e69','user_auth',0,'[0]',1,'{"re_encrypted": 8, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 2, "before": 2, "after": 2}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092643-2e69','secrets',0,'[4]',1,'{"re_encrypted": 3, "already_current": 0, "quarantined": 1, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {"implausible_plaintext": 1}, "coverage": {"rows": 4, "before": 4, "after": 4}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092643-2e69','data_source',0,'[1]',1,'{"re_encrypted": 7, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 3, "before": 3, "after": 3}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092643-2e69','plugin_setting',0,'[0]',1,'{"re_encrypted": 4, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 2, "before": 2, "after": 2}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-092643-2e69','signing_key',0,'[1]',0,'{"re_encrypted": 1, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 1, "before": 2, "after": null}}');
CREATE TABLE reencrypt_data_key (
    id TEXT PRIMARY KEY NOT NULL,
    run_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    made TEXT NOT NULL
);
INSERT INTO "reencrypt_data_key" VALUES('y3e5ntn4tu8kcp','20261127-092643-2e69','secretKey.v1','2026-11-27 09:26:43');
CREATE TABLE reencrypt_journal (
    id INTEGER PRIMARY KEY NOT NULL,
    run_id TEXT NOT NULL,
    action TEXT NOT NULL,
    table_name TEXT NOT NULL,
    row_key TEXT NOT NULL,
    column_name TEXT NOT NULL,
    old_bytes BLOB NULL,
    new_hash BLOB NULL
);
INSERT INTO "reencrypt_journal" VALUES(1,'20261127-092640-6523','rewrite','dashboard_snapshot','[-7]','dashboard_encrypted',X'235A334A685A6D467559584D232A5957567A4C57646A62512A68486F717461775A049CF45B2D701C97AA6B68F21EE1816FC1137276FD1670A150935DA11CD6',X'965D065CC755329BC9575842AF2849D4517A4EFE677DDF410367C691E667682A');
INSERT INTO "reencrypt_journal" VALUES(2,'20261127-092640-6523','rewrite','dashboard_snapshot','[0]','dashboard_encrypted',X'2A5957567A4C574E6D59672A54356B7376717476CDA21DA94E1A3C481106B838B61768BDD569662FE1CF36BE21A6A189DEBA7518B753AEA133BD786EC167C4E41B3AFB3E4FDD2F2FADDC1D07C4',X'FCB709237B4423F586A5A339D6643C9D371FE3F91915B04A81DF34BB2D1ABB44');
INSERT INTO "reencrypt_journal" VALUES(3,'20261127-092640-6523','rewrite','user_auth','[-7]','o_auth_access_token',X'49316F7A536D686162555A315756684E4979705A56315A365446646B616D4A524B6D6849623346305958646161505A773167794A57616944487A31414B774A553256427659624D79523273522F7A635838644C42444B48736F59682F',X'B1EC4FBA22BE3E3F0B17330DA42F4AA20B65E6669ED98AFA30B15783186F9BA4');
INSERT INTO "reencrypt_journal" VALUES(4,'20261127-092640-6523','rewrite','user_auth','[-7]','o_auth_id_token',X'4B6C6C58566E704D56325271596C45715644567263335A78644859614B544339384D4F79433871465749766D64745161516F4965776F7A6B7432586436396150313338584C4435307A435564454E673D',X'B1BE267D109013814467B125466CD43DF1E78679F38182766BFE978DF10E8CC4');
INSERT INTO "reencrypt_journal" VALUES(5,'20261127-092640-6523','rewrite','user_auth','[0]','o_auth_access_token',X'4B6C6C58566E704D56303574575763715644567263335A78644861495A6A7A425559443434756546543953364466786B5868623259466D6C50614A4A502B39596E673164672B58754F47703235366F4655474255524D4250505433776D46754167673D3D',X'065D3DC007D57E044E60E1A284FDC2619E92DC3C651E01FE7F77FFF7274E5356');
INSERT INTO "reencrypt_journal" VALUES(6,'20261127-092640-6523','rewrite','user_auth','[0]','o_auth_refresh_token',X'4B6C6C58566E704D56325271596C45715644567263335A786448615268584639794470564F4B7331796943614F32383756486F472F597A426B4A505158306B516651556F636C756C48706F644331342F5664326469543550686D2F74684C774E62304264744432677A4C784A34344A4A47497544',X'E9F6C692D770149E03E4B3D4061A6ABE699E1DF3393BDD97237774E08CE67970');
INSERT INTO "reencrypt_journal" VALUES(7,'20261127-092640-6523','rewrite','user_auth','[0]','o_auth_id_token',X'49316F7A536D686162555A315756684E4979705A56315A365446646B616D4A524B6D68496233463059586461566C496F313372742F3935345347784837343168324370754C37677043583663706770533461486A587A747A2F71376B7669623072546A69484751454658476E336E6B6730376A504C7A5956424C35346D6A4432774A4C534733773D',X'F68AC3F76FB867590D600CA81CD8B3AFCD5166F3022A0553D10DF7D73D319944');
INSERT INTO "reencrypt_journal" VALUES(8,'20261127-092640-6523','rewrite','secrets','[0]','value',X'49316F7A536D686162555A315756684E4979705A56315A365446646B616D4A524B6D68496233463059586461755A726166724234616733545A696A6A65704F776C794F4E393171624136445066357A39594E795A632F2F4D4A4534424A61484D76786335706773626154595046446133687756716669654A39776D497937724C5541',X'4CD252B1F43A06B5E3DB15675E6024771A7A3775575D855E8C343927B2EE88E5');
INSERT INTO "reencrypt_journal" VALUES(9,'20261127-092640-6523','rewrite','secrets','[2]','value',X'4B6C6C58566E704D56325271596C45715644567263335A786448596441314F4C46567631624E716A333535657635434472386941504A6F542B366F444E665A7376773230456C3433666D69634C546869717A4E6D306B69546762475A745330794C534C44367A3070364245',X'A03145CF8713B91A508DCA1AA2CF9E9E5E70DC787A46E050AAAE639CA4622E20');
INSERT INTO "reencrypt_journal" VALUES(10,'20261127-092640-6523','rewrite','data_source','[-7]','secure_json_data',X'7B225C75303033635C75303032365C7530303365223A224B6C6C58566E704D56303574575763715644567263335A7864485A775A52595639664D4755345A61333579666A346364707169395474593D222C2262617369634175746850617373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6D684962334630595864616752705963385770486E3551317757706D6E6B6C70467A66222C226874747048656164657256616C756531223A224B6C6C58566E704D56325271596C45715644567263335A78644862787741722F7A6670427339436F764F6F42644D535745646F706B374D676A714B70613368514675555A222C22746C732E636C69656E742F4B657920C3BC223A2249316F7A536D686162555A315756684E4979705A56315A365446646B616D4A524B6D68496233463059586461445961432B317061463875616348786274553453386943524533534C4E4B36626B63305452766D56556B55415261545A5852656846725A746F5437306B70585A2F596C4D51727A55556272566133446B2B696141616A39384C6F487735624E45356541497537415634564B496F4D7430457161656B4B61334D6C53494665753876784831484F6943324277645250575536446E4F354B445557684636724B486B7A4F34492F694D59644C396C3972592F52515939676B4D513065764E6871712B5A647A74765A33384874596572466D6653517072432F31494C58692B37764F693246713265615347626A45734C77792F657375645633725353673436315A46653175345348305036686B6B635A6B7A586730636173457A6972755338387A6B33497A717A73374B395153533950473768536A4F7238416D63537665427854774535385048695A49786D78685A726D4D414C33436D507450744B747A335838746D7A456D702F4D673D222C227A50617373776F7264223A224B6C6C58566E704D56303574575763715644567263335A78644861357757534B43384435726B4C364B3254395658375747413D3D227D',X'0B844FE725D8BF92103F5352ACF7871018447B2596D8AC8EA58043CFB17F9D58');
INSERT INTO "reencrypt_journal" VALUES(11,'20261127-092640-6523','rewrite','data_source','[0]','secure_json_data',X'7B227A50617373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6D6849623346305958646147644C75487276624930554F5744766979524969713563324765584D52657A627633506D376A6539447455735579494C32754D5263465A766961424C704945643869773D222C2262617369634175746850617373776F7264223A224B6C6C58566E704D56325271596C45715644567263335A786448626A5332454B4A4A67514150667A726B456157744E6A35425857565148484C6837554D486E2B476235584A75536766705148744E70793755387272324869367A6E74385858564777506464633877733745593444673D227D',X'F1B46F790070EF211910DA5AAA833D428C3C4BECF3C6EAB9A7C654B631B539FD');
INSERT INTO "reencrypt_journal" VALUES(12,'20261127-092640-6523','rewrite','plugin_setting','[-7]','secure_json_data',X'7B226170694B6579223A2249316F7A536D686162555A315756684E4979705A56315A365446646B616D4A524B6D684962334630595864614B2F7A775550565A336742306A616B326A71506A62573549433067444A3630383659495342697031654A336A7764734A4E4C6D6F5778504D3241303D222C2270C3A47373776F7264223A224B6C6C58566E704D56303574575763715644567263335A7864485A356D4B6744436F3669742B574C4E384662675A6F4132586449542B78385868744E2B75696E73624F37496E633D227D',X'CEAD25FBAD3DACBB5BA67E588FD951754B44445A99D701739EBDC66692DA212F');
INSERT INTO "reencrypt_journal" VALUES(13,'20261127-092640-6523','rewrite','plugin_setting','[0]','secure_json_data',X'7B226170694B6579223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6D684962334630595864616C456D77556E6B57723335346E32544954535A575A7758635966496B467259343459674C716F45634E6F67362F59674277636B51584B476155314366564A354E6C36684777734C6952644C4E4D4B645A6167773D222C2270C3A47373776F7264223A224B6C6C58566E704D56325271596C45715644567263335A78644862717138655A64474A5762726A6D79767A64652F6B4154693378672B35346937566B767264672B69714A42324C584F7953385663695862622F434A716A766257474774326C585247494B717633554E4632514669534C4C66726E4139452F59364E69534E633D227D',X'B93347DBEEBEDFA105FBBEC489B5C7F8606F6C5D1CD6D8EB7F3288A20B623FAE');
INSERT INTO "reencrypt_journal" VALUES(14,'20261127-092640-6523','rewrite','signing_key','[2]','private_key',X'49316F7A536D686162555A315756684E4979705A56315A365446646B616D4A524B6D6849623346305958646171715669416C582B312F49685A72793448476D77426D2F32506461624951547045694569313435536B49686B71675A534F434A6E6377497A304B34323261343765613851412F622F6965706950676A69794F55704238496849374D57697657704D35664951765130383344654D4742356C355A4839577252685030614C6B4E5A4739477067456B53366E6D79786E4C33766679624174626161304A664658745A4C6C35736D616E6F2B786A4A3967746B69437430366C71504743646A566A3767746C39386778542F413349705A50586939353263516169426C374C7877337747414E47354E774E515A684B344A49526F694F304638366E67515766624B715A73354569322B76514D304353514451774F3168304F453648787771655865756945466F3976487366776A4D6B784B5932316B77376F4B57504A543430624C7A4138486363346A65494C75393149766467755A69346C30522B506D7257425751526763337472503477',X'4D6C3430D8E6E253D707DC989289BF238689263AAFB86FF54BCEE1EA08E1C675');
INSERT INTO "reencrypt_journal" VALUES(15,'20261127-092640-6523','rewrite','alert_configuration','[2]','alertmanager_configuration',X'7B22616C6572746D616E616765725F636F6E666967223A7B22726563656976657273223A5B7B2267726166616E615F6D616E616765645F72656365697665725F636F6E66696773223A5B7B2264697361626C655265736F6C76654D657373616765223A66616C73652C226E616D65223A224B6F6E74616B74203020F09F9494222C2273656375726553657474696E6773223A7B2262617369634175746850617373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6D68496233463059586461426435466B54726C45477542397133465961754671666F38466C577A5956776A795466386A6E4934222C2275726C223A224B6C6C58566E704D56303574575763715644567263335A7864485A5958524D4969666E365A6866314A7438734736757A495232376D613641486B72527855634E424C6B697171794E4E75576D5835516255626E5036774448554C4A645436444C227D2C2273657474696E6773223A7B22726563697069656E74223A2223616C65727473222C2273656375726553657474696E6773223A7B2275726C223A226332566A636D5630227D2C2274657874223A22615C5C622F635C75323032385C745C75303033635C75303032365C7530303365227D2C2274797065223A22736C61636B222C22756964223A2275696430227D5D2C226E616D65223A224B6F6E74616B74203020F09F9494227D5D2C22726F757465223A7B2267726F75705F6279223A5B2267726166616E615F666F6C646572222C22616C6572746E616D65225D2C227265636569766572223A2267726166616E612D64656661756C742D656D61696C227D2C2274656D706C61746573223A6E756C6C2C22756E6B6E6F776E5F6669656C64223A7B2273656375726553657474696E6773223A7B2275726C223A226E6F742061207365637265743A2077726F6E6720706C616365227D7D7D2C2265787472615F636F6E666967223A5B7B22616C6572746D616E616765725F636F6E666967223A2263727970746F5F4B6C6C58566E704D56325271596C45715644567263335A7864485A306134473137384435433865736153713961446D6A70426A46764B57774E3052336130576E62337636334B577146612B6E66476E507748416F454B625A792F426A3876685155754C3778633166442B3076706954317569427577346C4F5679316A6A64514141514D3357516941546631396B326A437376443755773D3D222C226964656E746966696572223A226D696D69722D30222C226D657267655F6D61746368657273223A5B5D2C2274656D706C6174655F66696C6573223A7B7D7D5D2C226D616E616765645F726F75746573223A7B7D2C2274656D706C6174655F66696C6573223A7B226EC3A46D65223A227B7B20646566696E65205C22785C22207D7D5C7530303363625C75303033657B7B202E73656375726553657474696E6773207D7D5C75303033632F625C75303033657B7B20656E64207D7D227D7D',X'C5CD65EE79D8AE15FFC413686B5DE5398D8C7673C4B5187CDFAF7620372B74C0');
INSERT INTO "reencrypt_journal" VALUES(16,'20261127-092640-6523','rewrite','alert_configuration','[2]','configuration_hash',X'3638363334336333393262616133373865306462393736626564326236616263',X'4646ABA7980EFDC90865B35BD68B9101F02D4DCC74E64042E9071B95002F0C0A');
INSERT INTO "reencrypt_journal" VALUES(17,'20261127-092640-6523','rewrite','alert_configuration','[4]','alertmanager_configuration',X'7B2274656D706C6174655F66696C6573223A7B226EC3A46D65223A227B7B20646566696E65205C22785C22207D7D3C623E7B7B202E73656375726553657474696E6773207D7D3C2F623E7B7B20656E64207D7D227D2C22616C6572746D616E616765725F636F6E666967223A7B22726F757465223A7B227265636569766572223A2267726166616E612D64656661756C742D656D61696C222C2267726F75705F6279223A5B2267726166616E615F666F6C646572222C22616C6572746E616D65225D7D2C2274656D706C61746573223A6E756C6C2C22726563656976657273223A5B7B226E616D65223A224B6F6E74616B74203020F09F9494222C2267726166616E615F6D616E616765645F72656365697665725F636F6E66696773223A5B7B22756964223A2275696430222C226E616D65223A224B6F6E74616B74203020F09F9494222C2274797065223A22736C61636B222C2264697361626C655265736F6C76654D657373616765223A66616C73652C2273657474696E6773223A7B22726563697069656E74223A2223616C65727473222C2273656375726553657474696E6773223A7B2275726C223A226332566A636D5630227D2C2274657874223A22615C5C622F63E280A85C743C263E227D2C2273656375726553657474696E6773223A7B2275726C223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6D68496233463059586461714F677450385A504B764A794C4B414643326A68394C7964696A533249756E55426349704A764646477A6F526A434E6836536E484464327337736D6242774C63546A576249413461576F717863513D3D222C2262617369634175746850617373776F7264223A224B6C6C58566E704D56325271596C45715644567263335A786448614B6E6E544F6B363531355535634F5374653552493446356F53355847556451684C38566347797363747033734F6C3673645756374C5938626D6D4364516E7536354838317452323369385259316E345245376A39714946316B6E73785730413D3D227D7D5D7D2C7B226E616D65223A224B6F6E74616B74203120F09F9494222C2267726166616E615F6D616E616765645F72656365697665725F636F6E66696773223A5B7B22756964223A2275696431222C226E616D65223A224B6F6E74616B74203120F09F9494222C2274797065223A22736C61636B222C2264697361626C655265736F6C76654D657373616765223A66616C73652C2273657474696E6773223A7B22726563697069656E74223A2223616C65727473222C2273656375726553657474696E6773223A7B2275726C223A226332566A636D5630227D2C2274657874223A22615C5C622F63E280A85C743C263E227D2C2273656375726553657474696E6773223A7B2275726C223A2249316F7A536D686162555A315756684E4979705A56315A365446646B616D4A524B6D684962334630595864617865676F7674463870636B33735A3357786F446B4B5A49564445666A5A67776A776B4A57516750744E374667395130756966566A79496A75345055646B4C48682B3437636E6C474C37655842352B666B7A506B676B75354277366E68446E4243222C2262617369634175746850617373776F7264223A224B6C6C58566E704D56303574575763715644567263335A786448614E53675376646E79346A77537446697637524D473372472F54703039775056686879785867532F575749755051436754555370746437656441594168394F673470542B56766E2B75564F4E59526672456D227D7D5D7D5D2C22756E6B6E6F776E5F6669656C64223A7B2273656375726553657474696E6773223A7B2275726C223A226E6F742061207365637265743A2077726F6E6720706C616365227D7D7D2C226D616E616765645F726F75746573223A7B7D7D',X'934A5DC92FC1E9064C388BF763A5FC45D16AE960AC0F767BE79263A4F14B1121');
INSERT INTO "reencrypt_journal" VALUES(18,'20261127-092640-6523','rewrite','alert_configuration','[4]','configuration_hash',X'3430353139643230373464363133623532343934363338666461656264396462',X'559204735CD26F6020B191C36D3A627BF4656F95132330CEF6C94950848569CE');
INSERT INTO "reencrypt_journal" VALUES(19,'20261127-092640-6523','rewrite','alert_configuration_history','[1]','alertmanager_configuration',X'7B22616C6572746D616E616765725F636F6E666967223A7B22726563656976657273223A5B7B2267726166616E615F6D616E616765645F72656365697665725F636F6E66696773223A5B7B2264697361626C655265736F6C76654D657373616765223A66616C73652C226E616D65223A224B6F6E74616B74203020F09F9494222C2273656375726553657474696E6773223A7B2262617369634175746850617373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6D68496233463059586461426435466B54726C45477542397133465961754671666F38466C577A5956776A795466386A6E4934222C2275726C223A224B6C6C58566E704D56303574575763715644567263335A7864485A5958524D4969666E365A6866314A7438734736757A495232376D613641486B72527855634E424C6B697171794E4E75576D5835516255626E5036774448554C4A645436444C227D2C2273657474696E6773223A7B22726563697069656E74223A2223616C65727473222C2273656375726553657474696E6773223A7B2275726C223A226332566A636D5630227D2C2274657874223A22615C5C622F635C75323032385C745C75303033635C75303032365C7530303365227D2C2274797065223A22736C61636B222C22756964223A2275696430227D5D2C226E616D65223A224B6F6E74616B74203020F09F9494227D5D2C22726F757465223A7B2267726F75705F6279223A5B2267726166616E615F666F6C646572222C22616C6572746E616D65225D2C227265636569766572223A2267726166616E612D64656661756C742D656D61696C227D2C2274656D706C61746573223A6E756C6C2C22756E6B6E6F776E5F6669656C64223A7B2273656375726553657474696E6773223A7B2275726C223A226E6F742061207365637265743A2077726F6E6720706C616365227D7D7D2C2265787472615F636F6E666967223A5B7B22616C6572746D616E616765725F636F6E666967223A2263727970746F5F4B6C6C58566E704D56325271596C45715644567263335A7864485A306134473137384435433865736153713961446D6A70426A46764B57774E3052336130576E62337636334B577146612B6E66476E507748416F454B625A792F426A3876685155754C3778633166442B3076706954317569427577346C4F5679316A6A64514141514D3357516941546631396B326A437376443755773D3D222C226964656E746966696572223A226D696D69722D30222C226D657267655F6D61746368657273223A5B5D2C2274656D706C6174655F66696C6573223A7B7D7D5D2C226D616E616765645F726F75746573223A7B7D2C2274656D706C6174655F66696C6573223A7B226EC3A46D65223A227B7B20646566696E65205C22785C22207D7D5C7530303363625C75303033657B7B202E73656375726553657474696E6773207D7D5C75303033632F625C75303033657B7B20656E64207D7D227D7D',X'C5CD65EE79D8AE15FFC413686B5DE5398D8C7673C4B5187CDFAF7620372B74C0');
INSERT INTO "reencrypt_journal" VALUES(20,'20261127-092640-6523','rewrite','alert_configuration_history','[1]','configuration_hash',X'3638363334336333393262616133373865306462393736626564326236616263',X'4646ABA7980EFDC90865B35BD68B9101F02D4DCC74E64042E9071B95002F0C0A');
INSERT INTO "reencrypt_journal" VALUES(21,'20261127-092640-6523','rewrite','sso_setting','["300babd8-a94c-47bf-8e64-11f6fb058ab3"]','settings',X'7B224365727469666963617465223A224B6C6C58566E704D56303574575763715644567263335A7864485956423274314F3076676F316B4A65572B31315668664E624849585448415351796572323537456E4E5443747A31666E37312B5364354E5837784A34755852336E38766B44614948376C594432457574656B59424A5473765474563563586A396142505057544E3750644167222C22616C6C6F775369676E5570223A747275652C226175746855726C223A2268747470733A2F2F6C6F67696E2E6578616D706C652E6F72672F613F623D315C7530303236633D5C7530303363645C7530303365222C22636C69656E744964223A2262336331222C22636C69656E745F736563726574223A224B6C6C58566E704D56325271596C45715644567263335A78644861686359756268387646702F4F636C6E37583563664E6C6563373737724A555556377844472B725A444F7872776F3348412B583442307452444A384F63794841222C226E616D65223A224772C3B6C39F6520E29883222C22707269766174655F6B65795F70617468223A2249316F7A536D686162555A315756684E4979705A56315A365446646B616D4A524B6D684962334630595864614A684A6474736D563571516941786A6E5242726B782B3639554A5671474A3655646441346D6D334F377548412B32446F6F34577478566D4F76666C302F4F344E363536593449544B5A65734B6E785058677849477951222C2273636F706573223A226F70656E69642070726F66696C65222C227A657461556E6B6E6F776E223A7B226E6573746564223A5B312C322E352C6E756C6C5D7D7D',X'EA89C370656AF59FD4CC8701970194AE4DCA922A1ED85FBB2ED61D58772EE39A');
INSERT INTO "reencrypt_journal" VALUES(22,'20261127-092640-6523','rewrite','sso_setting','["8365a50a-bc01-4c14-af17-e090e4476ddd"]','settings',X'7B227A657461556E6B6E6F776E223A7B226E6573746564223A5B312C322E352C6E756C6C5D7D2C22636C69656E744964223A2262336331222C22616C6C6F775369676E5570223A747275652C226175746855726C223A2268747470733A2F2F6C6F67696E2E6578616D706C652E6F72672F613F623D3126633D3C643E222C2273636F706573223A226F70656E69642070726F66696C65222C226E616D65223A224772C3B6C39F6520E29883222C22636C69656E745F736563726574223A224B6C6C58566E704D56303574575763715644567263335A7864486152625046596C75567258496C334A674859637349524759796B654D3345705559424F625832307433474E3150614E567759594F4C4430444A4F5673634C7575364C35564571764157723837616A6D726F4F526B42424B51222C22707269766174655F6B65795F70617468223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6D68496233463059586461503462574D5030716F4C6559466C346364364867712B6B355072734D45726C4568444D3952576B64364E4D374466594B414D6741374E4254723571754C654A2F30315033346F53584276662B466535487172676130697252222C224365727469666963617465223A224B6C6C58566E704D56325271596C45715644567263335A7864485A5A4D32614B4B53696165454873435174534D46376951776E594C6242634D6B6D7865733555477645546C513037744F6D44547355644D445748556D68674248304D7135416F3436645A503731787351547364394275506B4D674931695646766678376D7174786B577659674F67494C67445A793264416E4F797177222C22636F6E666967223A7B2273657276657273223A5B7B22686F7374223A226C6461702E6578616D706C652E6F7267222C22706F7274223A3633362C2262696E645F646E223A22636E3D61646D696E2C64633D6578616D706C652C64633D6F7267222C227573655F73736C223A747275652C227365617263685F626173655F646E73223A5B2264633D6578616D706C652C64633D6F7267225D2C22636C69656E745F63657274223A222F6574632F6C6461702F636C69656E742E637274222C2274696D656F7574223A31302C2262696E645F70617373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446646B616D4A524B6D6849623346305958646154792B46554A6F596D75315A7357505852524F6B6C7550617041316337572B64544649417A376774342F41512F4C5A43666B71774F7579414332414C4C4A676168367A6C3456514D494A54762B3569717858497A6244624D44706D747658567A33437138636C344437636F222C22636C69656E745F6B65795F76616C7565223A224B6C6C58566E704D56303574575763715644567263335A78644859312B3158596D366461394E77472F2F486E374838474D6C31594A73564A34542B4659554A4B6877786A4F52612B346A4861574B53574A732F326B45336E696655336D356D3038563551747231784E6F617051527634666741312F495048675253383546374D43497679664A72497279483749525A616468694473383274683643566D6147312F3870526F5741596A796E70656C753543516E616F746B56764C6C574B507871476162392B56484E61716A6C6A5756467156336472497868486468576A633956796179714178595846312F6F58537A614E41554974486151384D37492B4F366257776B567872483343454C492F506A64384F637A61785858484C416F6A752B53776A6F2B71433150596554446B4C616455494A4448467832375334527A4F4344364A614A6E646A5832646464496E2F45796E45774539587254746E314B705055336564764C2B2B6B6A6F3372506830794777222C2267726F75705F6D617070696E6773223A5B7B2267726F75705F646E223A222A222C226F72675F726F6C65223A22566965776572227D5D7D5D2C2261747472696275746573223A7B22656D61696C223A226D61696C227D7D7D',X'F9C33428D9A6B155BEDA267311CF3DC96D52A19ABF5ADECEE731BA6E348018FD');
INSERT INTO "reencrypt_journal" VALUES(23,'20261127-092640-6523','rewrite','user_external_session','[2]','id_token',X'4B6C6C58566E704D56325271596C45715644567263335A78644859674B713479775470616465327A786D4353334C79536F68506938334C7A6D34383073376D333757394C77744C436963684B314471527031446574336D32394847725630413D',X'8083942CAE187006C6DA6B72BB6C0F7BA28ADFBD53D9189528391C0C30B6214D');
INSERT INTO "reencrypt_journal" VALUES(24,'20261127-092640-6523','rewrite','user_external_session','[2]','refresh_token',X'49316F7A536D686162555A315756684E4979705A56315A365446646B616D4A524B6D68496233463059586461675A4F555844354D344975775A4C585464355A755135566B344A5A585061364A643949517235693847324856504741412B4A4E58786C63615A6E34515361336E52457A414F513D3D',X'0C571AD5636F2BB2734CD57F50B3B847C77673919452598F44AF84FA053CAFDC');
INSERT INTO "reencrypt_journal" VALUES(25,'20261127-092640-6523','rewrite','user_external_session','[2]','session_id',X'4B6C6C58566E704D56303574575763715644567263335A7864485A303262306D3871625147733748477630324E364F59',X'67C69EBAE0A44B13674FE77092A5EE4ECC2F48EEBC832EEB5E3F893499CA1687');
INSERT INTO "reencrypt_journal" VALUES(26,'20261127-092640-6523','rewrite','user_external_session','[4]','id_token',X'4B6C6C58566E704D56325271596C45715644567263335A786448597367346D493638352F5A69524B73784B6845765370396F425257476767684B4F61564C596E784A3274335A574B67586179304475424A517276612B434D794F51634D6C633244764935636575483932446761647453514C314F736F3749445853646A382F576966634950457A5259673D3D',X'915AA0417CDA7A36293F1A4D5E40947AE2ABE9B3916B65EB34128E80FA5361FA');
INSERT INTO "reencrypt_journal" VALUES(27,'20261127-092640-6523','rewrite','user_external_session','[4]','refresh_token',X'49316F7A536D686162555A315756684E4979705A56315A365446646B616D4A524B6D6849623346305958646132476F3649535463596D6830672B795171314F462F534E32686C61552B564F58576D6B737A676139716F2B5748514E65736E413432557074454D7541446D4A626A6566743936656A5A3942585670755234426A435548394757453648756254684278613176716E5A6E595977666B4268',X'4A7E73F9CBF5F2DC43BED53CFB9C5D0D6A6957CC628065AE765CB83D43050071');
INSERT INTO "reencrypt_journal" VALUES(28,'20261127-092640-6523','rewrite','resource','["82afca3a-b00e-4e17-b264-bec6bcd1c3d1"]','value',X'7B2261706956657273696F6E223A2270726F766973696F6E696E672E67726166616E612E6170702F7630616C70686131222C226B696E64223A225265706F7369746F7279222C226D65746164617461223A7B22616E6E6F746174696F6E73223A7B22656E63727970746564546F6B656E223A226E6F20736563726574227D2C226E616D65223A227265706F7369746F72792D6434653238653831643162663036222C226E616D657370616365223A2264656661756C74222C22756964223A2278227D2C2273706563223A7B22676974687562223A7B226272616E6368223A226D61696E222C22656E63727970746564546F6B656E223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6D6849623346305958646136636836347565516875507447702B674F4871477839492F5A7A476A687867376A36326C7570384E464B77727A744858526644732F524F45496B762F59673D3D222C2275726C223A2268747470733A2F2F6769746875622E636F6D2F6578616D706C652F64617368626F61726473227D2C227469746C65223A2244617368626F61726473205C7530303236205C75303033636D6F72655C7530303365222C2274797065223A22676974687562222C22776F726B666C6F7773223A5B227772697465225D7D2C22737461747573223A7B226865616C7468223A7B226865616C746879223A747275657D2C226F6273657276656447656E65726174696F6E223A312C22776562686F6F6B223A7B22656E63727970746564536563726574223A224B6C6C58566E704D56325271596C45715644567263335A786448594A495A364150513752736F50314559612B4F456A695A6571724930304E66413455553456676A674364475246754A525341355849774C503733536D57326F794671512F6C6A50556A787A504B3054773D3D222C226964223A3132333435363738393031322C22737562736372696265644576656E7473223A5B2270757368225D2C2275726C223A2268747470733A2F2F67726166616E612E6578616D706C652E6F72672F686F6F6B227D7D7D',X'6A72A209425B592A6697AD6D9468FF3A63878ED6B5122608FC0090353999F940');
INSERT INTO "reencrypt_journal" VALUES(29,'20261127-092640-6523','rewrite','alert_configuration_history','[2]','alertmanager_configuration',X'7B22616C6572746D616E616765725F636F6E666967223A7B22726563656976657273223A5B7B2267726166616E615F6D616E616765645F72656365697665725F636F6E66696773223A5B7B2264697361626C655265736F6C76654D657373616765223A66616C73652C226E616D65223A224B6F6E74616B74203020F09F9494222C2273656375726553657474696E6773223A7B22746F6B656E223A224B6C6C58566E704D56303574575763715644567263335A78644862476A7852732F70464C544E3030454B504874735261776178685461455966413038474B775353666A4B70766F3962514A614F774A34786B37394F47767967457853227D2C2273657474696E6773223A7B22726563697069656E74223A2223616C65727473222C2273656375726553657474696E6773223A7B2275726C223A226332566A636D5630227D2C2274657874223A22615C5C622F635C75323032385C745C75303033635C75303032365C7530303365227D2C2274797065223A22736C61636B222C22756964223A2275696430227D5D2C226E616D65223A224B6F6E74616B74203020F09F9494227D5D2C22726F757465223A7B2267726F75705F6279223A5B2267726166616E615F666F6C646572222C22616C6572746E616D65225D2C227265636569766572223A2267726166616E612D64656661756C742D656D61696C227D2C2274656D706C61746573223A6E756C6C2C22756E6B6E6F776E5F6669656C64223A7B2273656375726553657474696E6773223A7B2275726C223A226E6F742061207365637265743A2077726F6E6720706C616365227D7D7D2C226D616E616765645F726F75746573223A7B7D2C2274656D706C6174655F66696C6573223A7B226EC3A46D65223A227B7B20646566696E65205C22785C22207D7D5C7530303363625C75303033657B7B202E73656375726553657474696E6773207D7D5C75303033632F625C75303033657B7B20656E64207D7D227D7D',X'923AB44E98E8EADBD779847DEE75797CDDC97A267D8C61C68D4686A1DA31207E');
INSERT INTO "reencrypt_journal" VALUES(30,'20261127-092640-6523','rewrite','alert_configuration_history','[2]','configuration_hash',X'3734396235303738303036313838303539303638666231353662363863343464',X'B4A4D2036C5A2D829A2E09776378FC5203DE7967974738C0F4D94D4285FAE417');
INSERT INTO "reencrypt_journal" VALUES(31,'20261127-092640-6523','rewrite','resource_history','["f647134b-3c50-4f5e-83e0-80b08d764f06"]','value',X'7B0A20202261706956657273696F6E223A202270726F766973696F6E696E672E67726166616E612E6170702F7630616C70686131222C0A2020226B696E64223A20225265706F7369746F7279222C0A2020226D65746164617461223A207B0A20202020226E616D65223A20227265706F7369746F72792D6237343363373266646562303335222C0A20202020226E616D657370616365223A202264656661756C74222C0A2020202022756964223A202278222C0A2020202022616E6E6F746174696F6E73223A207B0A20202020202022656E63727970746564546F6B656E223A20226E6F20736563726574220A202020207D0A20207D2C0A20202273706563223A207B0A20202020227469746C65223A202244617368626F617264732026203C6D6F72653E222C0A202020202274797065223A2022676974687562222C0A2020202022776F726B666C6F7773223A205B0A202020202020227772697465220A202020205D2C0A2020202022676974687562223A207B0A2020202020202275726C223A202268747470733A2F2F6769746875622E636F6D2F6578616D706C652F64617368626F61726473222C0A202020202020226272616E6368223A20226D61696E222C0A20202020202022656E63727970746564546F6B656E223A202249316F7A536D686162555A315756684E4979705A56315A365446646B616D4A524B6D68496233463059586461577A4C4C376F395631357156367077377947544849787149546E53434D436B446B456847776C49652F7871356B684B304B33306E2F4A444673484F482F5A575242734D4170502F354E474C4E4A2F4776220A202020207D0A20207D2C0A202022737461747573223A207B0A20202020226F6273657276656447656E65726174696F6E223A20312C0A20202020226865616C7468223A207B0A202020202020226865616C746879223A20747275650A202020207D2C0A2020202022776562686F6F6B223A207B0A202020202020226964223A203132333435363738393031322C0A2020202020202275726C223A202268747470733A2F2F67726166616E612E6578616D706C652E6F72672F686F6F6B222C0A20202020202022737562736372696265644576656E7473223A205B0A20202020202020202270757368220A2020202020205D0A202020207D0A20207D0A7D0A',X'CA5FCEABFCDA9E4D647990BFA4984D12D0296A57CB6DFC702CBF20CE2B81A680');
INSERT INTO "reencrypt_journal" VALUES(32,'20261127-092640-6523','rewrite','cloud_migration_session','[2]','auth_token',X'4B6C6C58566E704D56303574575763715644567263335A786448617A536C68696F3535657A3644514F474B344D504150357553646C2F51366D7479736E7963726E76397559536F656C512F555379646656414B652F64593D',X'3807A09647E989BD7290C924EF17440FC61E6E3062F30981616E5A516AAC7122');
INSERT INTO "reencrypt_journal" VALUES(33,'20261127-092643-2e69','insert','data_keys','["y3e5ntn4tu8kcp"]','encrypted_data',NULL,X'7411B943DBD3254C3AD1A12B829A2CC7180CFD185C2AA965C78BBF65954A1836');
INSERT INTO "reencrypt_journal" VALUES(34,'20261127-092643-2e69','activate','data_keys','["y3e5ntn4tu8kcp"]','encrypted_data',X'2A5957567A4C574E6D59672A4464524E6F357933A2D2F83DCE2E290F6A9A2936F04073FAC5C7604D7275855213EB5288235470BE',X'7411B943DBD3254C3AD1A12B829A2CC7180CFD185C2AA965C78BBF65954A1836');
INSERT INTO "reencrypt_journal" VALUES(35,'20261127-092643-2e69','deactivate','data_keys','["grafanas"]','encrypted_data',X'2A5957567A4C574E6D59672A45786E52344A56761137EB1BEB9D2B4DB7D91F8D03EB844A00AE3CA54B4893D060C1ABBF89DFDCA6',X'1B2445D28DA81DB206AA3E5C9C8376599162603A838698E27A8D7156AEE52C6B');
INSERT INTO "reencrypt_journal" VALUES(36,'20261127-092643-2e69','rewrite','dashboard_snapshot','[-7]','dashboard_encrypted',X'235A334A685A6D467559584D232A5957567A4C574E6D59672A56664F7232346530B567BC474866B5BDA00C8BC5F7811E2CECF2',X'61615F60E9BDA27DE102A2D7578FBF4FE852EF4FBD8FD0F59D505A6CCBD5E2E0');
INSERT INTO "reencrypt_journal" VALUES(37,'20261127-092643-2e69','rewrite','dashboard_snapshot','[0]','dashboard_encrypted',X'235A334A685A6D467559584D232A5957567A4C574E6D59672A56664F7232346530CD519661D71B7E79F04ED2A74BA1544FDA308CE5E3E535B688D3C1BC33738D553D1CCC0DEB7BBD13F206F3E90E7FACA8C3E0F8A552CEFC3E7A',X'474A51ADFED3591411320E214C793C9DA47B6F01635007228A55B914D444379A');
INSERT INTO "reencrypt_journal" VALUES(38,'20261127-092643-2e69','rewrite','user_auth','[-7]','o_auth_access_token',X'49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5A6D543349794E47557731365275694E474E785756795A2F555A6430456A424334584E38414D312B4E72',X'2AFEEBAADE316116596928AD1DB948BDD6BF298396B75CF802DCF5D5D9B0513E');
INSERT INTO "reencrypt_journal" VALUES(39,'20261127-092643-2e69','rewrite','user_auth','[-7]','o_auth_refresh_token',X'49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6D684962334630595864616D587738645A7652313730454C6A34556A71442B565732357766785763704C376967773D',X'3327E635381FA8E30AF173421C23845AA7A3A257D546F6B7A487826984709DFB');
INSERT INTO "reencrypt_journal" VALUES(40,'20261127-092643-2e69','rewrite','user_auth','[-7]','o_auth_token_type',X'4B6C6C58566E704D56303574575763715644567263335A78644859694430596E393336446A3672433262444B42693844752B51635A594571',X'91C642602DB0F2C2F06F65E70CD7F95E290ED2C60081C54B86428F7EA420B413');
INSERT INTO "reencrypt_journal" VALUES(41,'20261127-092643-2e69','rewrite','user_auth','[-7]','o_auth_id_token',X'49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5A6D543349794E4755776C796D585432377A496D70354968456473645536776F4671622F50376B62504F4130516E',X'B77BAC3E4402DB5C2E5B79B3B081B6B162DC3546BECBE8716E7D9AA9A34389F7');
INSERT INTO "reencrypt_journal" VALUES(42,'20261127-092643-2e69','rewrite','user_auth','[0]','o_auth_access_token',X'49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5A6D543349794E475577444D364F52387648304846414B742F6C634931727470504E4D722F4F6439717437626D3349425551367463586E58544B7761537479417432763671476371595754323569512F553D',X'0F65964DBD47A013D34F42C57FC10136828BA8C09A563A36DC56F267F894B9A0');
INSERT INTO "reencrypt_journal" VALUES(43,'20261127-092643-2e69','rewrite','user_auth','[0]','o_auth_refresh_token',X'49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5A6D543349794E4755776A75636D7239474853717958474737417A6D785641494C595A642F666C2B675966456C417066334E49697371393943474A347246704C534B5778453757326B463256456A6C57614147513D3D',X'1A8DA3DBE2862CDCF81BBE763415605FC659CEB77C9AC9E29603C823DF0FF2BC');
INSERT INTO "reencrypt_journal" VALUES(44,'20261127-092643-2e69','rewrite','user_auth','[0]','o_auth_token_type',X'49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6D68496233463059586461732F4D5343704B4B652F58662F79307578792F755039314F6C484D3639673D3D',X'2696AB2B3AA0B5EA9C2C8DAE6E6B1F4484629DC939C78BFB974A613E0D7BE12D');
INSERT INTO "reencrypt_journal" VALUES(45,'20261127-092643-2e69','rewrite','user_auth','[0]','o_auth_id_token',X'49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5A6D543349794E475577416A4D697A50484156335344384467737A64796B63774F713732326758743341454D637275686F30336B4A6F4466505863595A73766936396F79472F7770396342424D796F42643654766F3D',X'84933637C78C79FAE8F7B4613F804021E75E4DDCD22B86FA92D07BBBDC3CA7D0');
INSERT INTO "reencrypt_journal" VALUES(46,'20261127-092643-2e69','rewrite','secrets','[-7]','value',X'49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6D68496233463059586461642F694A42575332304446424A5162322F554E2F2B495146',X'F9AF3EAF4078D58B5751A721275613C4CE81BD59221DDD9216AB1C22F325820E');
INSERT INTO "reencrypt_journal" VALUES(47,'20261127-092643-2e69','rewrite','secrets','[0]','value',X'49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5A6D543349794E4755775853514D574B78377868616879466858396E584C685657382F3933564132574268555235592B5A3148444B30437930376A697754565443554D387A684447446D70696A443041',X'7A67F283C32CC78BFB00A13705A06C780F9D75D5CA290AACCCA40BCF58692E47');
INSERT INTO "reencrypt_journal" VALUES(48,'20261127-092643-2e69','rewrite','secrets','[2]','value',X'49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5A6D543349794E47557749684D31587A6A31474457537A6F654C333569484E49526743346B74744E4535436B4D554E7370426E773449594C5362594E355751447768703676327462655A',X'AC747034D45C7EA74A6A57175FC5C69BC6DC3FF9FF455284B3287D4454E34342');
INSERT INTO "reencrypt_journal" VALUES(49,'20261127-092643-2e69','rewrite','data_source','[-7]','secure_json_data',X'7B225C75303033635C75303032365C7530303365223A224B6C6C58566E704D56303574575763715644567263335A7864485A775A52595639664D4755345A61333579666A346364707169395474593D222C2262617369634175746850617373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6D684962334630595864616752705963385770486E3551317757706D6E6B6C70467A66222C226874747048656164657256616C756531223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5A6D543349794E47557734315662385234456E636845557061394F48557467566F6331513D3D222C22746C732E636C69656E742F4B657920C3BC223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5A6D543349794E475577504561323851763779456C3743715637355041536B6B30583241716E4F3848786B544F39423436615A58535337547432526B733250746E34776F6E6D505852746B62555934504D78796E735A6B496D757331505659534D506E2B48464272347454706D4C3056616441704E36714E5A4C483554454E78694339764B6946354537306B544F514453494B704F2B6D427445324B74344432724B4234333357624476452F63657552522B434F67526548667A454568647355383138486C73324A737438574B426B584F2F4E4C58637078383556393278777077795979446F4A7630795A3435564C4C337144384564614659665058414263703842554D314F415A6E6E7765324F696E452B6E66734E6F743779744731655A674833374E35652B765232756B6E333047782B3464566F446C674A4743445436556D76707932634579427656736B65376274457356694A676B7A57504D4A51494C633D222C227A50617373776F7264223A224B6C6C58566E704D56303574575763715644567263335A78644861357757534B43384435726B4C364B3254395658375747413D3D227D',X'B7BF2F13DA7451DF099F3EA47F6B7D4C88549FED12B7DF7FC7DC807AD387E3AC');
INSERT INTO "reencrypt_journal" VALUES(50,'20261127-092643-2e69','rewrite','data_source','[0]','secure_json_data',X'7B227A50617373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6D6849623346305958646147644C75487276624930554F5744766979524969713563324765584D52657A627633506D376A6539447455735579494C32754D5263465A766961424C704945643869773D222C2262617369634175746850617373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5A6D543349794E4755774145556A69473173386E7364586D386F49514B6C5A65546E3041563157577464624E71457374684D6F696F4348547547723744426B43666C625A52444A6A2F73327A5065227D',X'CD4708E8F5315A836475AE33CF59B4574BFB50AC81745F001C21A888CD1115DA');
INSERT INTO "reencrypt_journal" VALUES(51,'20261127-092643-2e69','rewrite','plugin_setting','[-7]','secure_json_data',X'7B226170694B6579223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5A6D543349794E475577614730446D58786F6438384E39546A2B62496634526A7063736B3174537431547A616B367631386139696B3D222C2270C3A47373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5A6D543349794E47557768434F626849795A5334786F673732524D4D7538733948586D61556832755033315674576C73616530752B70227D',X'E2180CC3BCFCFDC9DAEFC33BADDA3CF82E551288C134A45E10C1EAFB8AB4539A');
INSERT INTO "reencrypt_journal" VALUES(52,'20261127-092643-2e69','rewrite','plugin_setting','[0]','secure_json_data',X'7B226170694B6579223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6D684962334630595864616C456D77556E6B57723335346E32544954535A575A7758635966496B467259343459674C716F45634E6F67362F59674277636B51584B476155314366564A354E6C36684777734C6952644C4E4D4B645A6167773D222C2270C3A47373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5A6D543349794E47557764794E4A466B6542516C7A727367724843464B647747586E475935495445434C306C724749617238502F344B756D4E3155353552657533427A52575858796464414679585A367042557A6D594355616C4A327168227D',X'BCE739BB607ABFF95E33069E92C98BBC07E0524DEFF6B81BACE9D2949CC9DE60');
INSERT INTO "reencrypt_journal" VALUES(53,'20261127-092643-2e69','rewrite','signing_key','[1]','private_key',X'49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6D6849623346305958646154794E72546662797245644B4B455377762F682F2B6D385468347A532B434947754775773336586D713835615A584474777A483764745A686F4D312F56664C51714E66703041324C7A766549756F50726A68773538306B694B556F6C7973633345537A624331474A5230346E523173523577766E646F7431683757476E79736E5A762F78724E2B3844584D753346306E384C5A66316E454C55576656326130436D72774C41524C4B66484C4C656F386C736B774F53467257704150756C4B3145485236584166555A3662504B45535159756E307034334159785A713279527531736D4A3669375051696F426953657741527263506E784E4950775077456632344F4D6379534D36436C527730474B68746D6976634A4A54386F78592B443363343879477849333455646E54315A586C394866494B6548416251374B36637265754E504275516E5855534142506A3231442F614D78456B49',X'C400032C8355D6BD66F98763626F0452184017697E1A118E0723212030015CEE');
CREATE TABLE reencrypt_lease (
    id INTEGER PRIMARY KEY NOT NULL,
    token INTEGER NOT NULL,
    holder TEXT NOT NULL,
    beats INTEGER NOT NULL,
    beat_seconds REAL NOT NULL,
    taken TEXT NOT NULL
);
INSERT INTO "reencrypt_lease" VALUES(1,3,'',65,10.0,'2026-11-27 09:26:43');
CREATE TABLE reencrypt_quarantine (
    location TEXT NOT NULL,
    row_key TEXT NOT NULL,
    field TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    secret_hash BLOB NOT NULL,
    state TEXT NOT NULL,
    run_id TEXT NOT NULL,
    pass INTEGER NOT NULL,
    seen TEXT NOT NULL,
    PRIMARY KEY (location, row_key, field)
);
INSERT INTO "reencrypt_quarantine" VALUES('secrets','[4]','value','implausible_plaintext','what secret_key yields is not json',X'923CC3CB9A70C4F42CFE67C7A94297B92927A7EC764D394B60E9931AA8B94D68','acknowledged','20261127-092643-2e69',0,'2026-11-27 09:26:43');
CREATE TABLE reencrypt_run (
    id TEXT PRIMARY KEY NOT NULL,
    number INTEGER NOT NULL,
    operation TEXT NOT NULL,
    state TEXT NOT NULL,
    target_provider TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    salt BLOB NOT NULL,
    wrap_format TEXT NOT NULL,
    target_key TEXT NOT NULL,
    target_key_state TEXT NOT NULL,
    pass INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    started TEXT NOT NULL,
    updated TEXT NOT NULL,
    tally TEXT NOT NULL,
    fresh INTEGER NOT NULL
);
INSERT INTO "reencrypt_run" VALUES('20261127-092640-6523',1,'run','finished','secretKey.v1','aes-cfb',X'56664F7232346530','','grafanas','active',1,'partly_done','2026-11-27 09:26:40','2026-11-27 09:26:41','{"": [29, 1]}',0);
INSERT INTO "reencrypt_run" VALUES('20261127-092643-2e69',3,'run','open','secretKey.v1','aes-cfb',X'4E6A597936445856','','y3e5ntn4tu8kcp','alone',0,'','2026-11-27 09:26:43','2026-11-27 09:26:43','{}',1);
CREATE TABLE `resource` (
  `guid` TEXT PRIMARY KEY NOT NULL,
  `resource_version` INTEGER NULL,
  `group` TEXT NOT NULL,
  `resource` TEXT NOT NULL,
  `namespace` TEXT NOT NULL,
  `name` TEXT NOT NULL,
  `value` TEXT NULL,
  `action` INTEGER NOT NULL,
  `label_set` TEXT NULL,
  `previous_resource_version` INTEGER NULL,
  `folder` TEXT NOT NULL DEFAULT ''
);
INSERT INTO "resource" VALUES('d54c2664-b1a1-4e17-be7d-c15e15d476d5',1738310400000000,'provisioning.grafana.app','repositories','default','repository-a9b0250950fd13','{"apiVersion":"provisioning.grafana.app/v0alpha1","kind":"Repository","metadata":{"annotations":{"encryptedToken":"no secret"},"name":"repository-a9b0250950fd13","namespace":"default","uid":"x"},"spec":{"github":{"branch":"main","url":"https://github.com/example/dashboards"},"title":"Dashboards \u0026 \u003cmore\u003e","type":"github","workflows":["write"]},"status":{"health":{"healthy":true},"observedGeneration":1,"webhook":{"id":123456789012,"subscribedEvents":["push"],"url":"https://grafana.example.org/hook"}}}',1,NULL,0,'');
INSERT INTO "resource" VALUES('82afca3a-b00e-4e17-b264-bec6bcd1c3d1',1738310400000000,'provisioning.grafana.app','repositories','default','repository-d4e28e81d1bf06',X'7B2261706956657273696F6E223A2270726F766973696F6E696E672E67726166616E612E6170702F7630616C70686131222C226B696E64223A225265706F7369746F7279222C226D65746164617461223A7B22616E6E6F746174696F6E73223A7B22656E63727970746564546F6B656E223A226E6F20736563726574227D2C226E616D65223A227265706F7369746F72792D6434653238653831643162663036222C226E616D657370616365223A2264656661756C74222C22756964223A2278227D2C2273706563223A7B22676974687562223A7B226272616E6368223A226D61696E222C22656E63727970746564546F6B656E223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6D6849623346305958646136636836347565516875507447702B674F4871477839492F5A7A476A687867376A36326C7570384E464B77727A744858526644732F524F45496B762F59673D3D222C2275726C223A2268747470733A2F2F6769746875622E636F6D2F6578616D706C652F64617368626F61726473227D2C227469746C65223A2244617368626F61726473205C7530303236205C75303033636D6F72655C7530303365222C2274797065223A22676974687562222C22776F726B666C6F7773223A5B227772697465225D7D2C22737461747573223A7B226865616C7468223A7B226865616C746879223A747275657D2C226F6273657276656447656E65726174696F6E223A312C22776562686F6F6B223A7B22656E63727970746564536563726574223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5A6D543349794E475577517948365A64336E5A666F4862364C6374787A67737A2B2B2F7A3846745759705030615A474A54647950314C64516F3266483263795661525478486D4454453D222C226964223A3132333435363738393031322C22737562736372696265644576656E7473223A5B2270757368225D2C2275726C223A2268747470733A2F2F67726166616E612E6578616D706C652E6F72672F686F6F6B227D7D7D',1,NULL,0,'');
INSERT INTO "resource" VALUES('bc3e0888-265c-451a-8e7b-2a6936cca5f4',1738310400000000,'provisioning.grafana.app','repositories','default','repository-f674618b279c29','{"apiVersion":"provisioning.grafana.app/v0alpha1","kind":"Repository","metadata":{"annotations":{"encryptedToken":"no secret"},"name":"repository-f674618b279c29","namespace":"default","uid":"x"},"spec":{"github":{"branch":"main","url":"https://github.com/example/dashboards"},"title":"Dashboards \u0026 \u003cmore\u003e","type":"github","workflows":["write"]},"status":{"health":{"healthy":true},"observedGeneration":1,"webhook":{"id":123456789012,"subscribedEvents":["push"],"url":"https://grafana.example.org/hook"}}}',1,NULL,0,'');
CREATE TABLE `resource_history` (
  `guid` TEXT PRIMARY KEY NOT NULL,
  `resource_version` INTEGER NULL,
  `group` TEXT NOT NULL,
  `resource` TEXT NOT NULL,
  `namespace` TEXT NOT NULL,
  `name` TEXT NOT NULL,
  `value` TEXT NULL,
  `action` INTEGER NOT NULL,
  `label_set` TEXT NULL,
  `previous_resource_version` INTEGER NULL,
  `folder` TEXT NOT NULL DEFAULT '',
  `generation` INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "resource_history" VALUES('f647134b-3c50-4f5e-83e0-80b08d764f06',1738310400000000,'provisioning.grafana.app','repositories','default','repository-b743c72fdeb035','{
  "apiVersion": "provisioning.grafana.app/v0alpha1",
  "kind": "Repository",
  "metadata": {
    "name": "repository-b743c72fdeb035",
    "namespace": "default",
    "uid": "x",
    "annotations": {
      "encryptedToken": "no secret"
    }
  },
  "spec": {
    "title": "Dashboards & <more>",
    "type": "github",
    "workflows": [
      "write"
    ],
    "github": {
      "url": "https://github.com/example/dashboards",
      "branch": "main",
      "encryptedToken": "I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlZmT3IyNGUw92B3rrJzGattw7/9atRwqirzjeQgqB4nJwoj2hrG8TXsJuERSc0ZDwAAbn5t4Pw9"
    }
  },
  "status": {
    "observedGeneration": 1,
    "health": {
      "healthy": true
    },
    "webhook": {
      "id": 123456789012,
      "url": "https://grafana.example.org/hook",
      "subscribedEvents": [
        "push"
      ]
    }
  }
}
',1,NULL,0,'',1);
CREATE TABLE `resource_migration_log` (
  `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  `migration_id` TEXT NOT NULL,
  `sql` TEXT NOT NULL,
  `success` INTEGER NOT NULL,
  `error` TEXT NOT NULL,
  `timestamp` DATETIME NOT NULL
);
INSERT INTO "resource_migration_log" VALUES(1,'create resource_migration_log table','-',1,'','2025-01-31 08:35:12');
INSERT INTO "resource_migration_log" VALUES(2,'Initialize resource tables','-',1,'','2025-01-31 08:36:38');
INSERT INTO "resource_migration_log" VALUES(3,'drop table resource','-',1,'','2025-01-31 08:37:59');
INSERT INTO "resource_migration_log" VALUES(4,'create table resource','-',1,'','2025-01-31 08:38:00');
INSERT INTO "resource_migration_log" VALUES(5,'create table resource, index: 0','-',1,'','2025-01-31 08:39:19');
INSERT INTO "resource_migration_log" VALUES(6,'drop table resource_history','-',1,'','2025-01-31 08:40:23');
INSERT INTO "resource_migration_log" VALUES(7,'create table resource_history','-',1,'','2025-01-31 08:41:06');
INSERT INTO "resource_migration_log" VALUES(8,'create table resource_history, index: 0','-',1,'','2025-01-31 08:41:38');
CREATE TABLE `secrets` (
  `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  `org_id` INTEGER NOT NULL,
  `namespace` TEXT NOT NULL,
  `type` TEXT NOT NULL,
  `value` TEXT NULL,
  `created` DATETIME NOT NULL,
  `updated` DATETIME NOT NULL
);
INSERT INTO "secrets" VALUES(-7,1,'source--7','datasource','I2VUTmxOVzUwYmpSMGRUaHJZM0EjKllXVnpMV05tWWcqTmpZeTZEWFYDoIqNKrchvmKMThS9gNXdkEE','2025-01-31 08:54:05','2026-11-27 09:26:43');
INSERT INTO "secrets" VALUES(0,1,'source-0','datasource',X'49325655546D784F567A5577596D70534D47525561484A5A4D30456A4B6C6C58566E704D5630357457576371546D705A65545A455746596169524E714B7A364D4D6E59654E2B4978426F776D546F642B564434584F6B424F7A584A466445734370337464685A5A742F31655059447266677475317367413674347558','2025-01-31 09:20:39','2026-11-27 09:26:43');
INSERT INTO "secrets" VALUES(1,1,'source-1','datasource',NULL,'2025-01-31 08:47:13','2025-01-31 08:47:35');
INSERT INTO "secrets" VALUES(2,-1,'snapshot-0','cloudmigration-snapshot-encryption-key','I2VUTmxOVzUwYmpSMGRUaHJZM0EjKllXVnpMV05tWWcqTmpZeTZEWFZ8tPYuXdTwWykujKdfVe7Jf+buvz1Hat06HoMqlV3hDwxZhyypOnnx3pCWrUNR91E','2025-01-31 08:54:34','2026-11-27 09:26:43');
INSERT INTO "secrets" VALUES(3,1,'source-3','datasource',NULL,'2025-01-31 09:13:19','2025-01-31 09:13:45');
INSERT INTO "secrets" VALUES(4,1,'source-4','datasource','KllXVnpMV05tWWcqVDVrc3ZxdHaSenlu3uBM5RkDoG9onuI+x8Wp5vMJ7egDWir5eh0','2025-01-31 09:30:45','2025-01-31 09:31:34');
CREATE TABLE `signing_key` (
  `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  `key_id` TEXT NOT NULL,
  `private_key` TEXT NOT NULL,
  `added_at` DATETIME NOT NULL,
  `expires_at` DATETIME NULL,
  `alg` TEXT NOT NULL
);
INSERT INTO "signing_key" VALUES(1,'id-2025-01-es256','I2VUTmxOVzUwYmpSMGRUaHJZM0EjKllXVnpMV05tWWcqTmpZeTZEWFaQe+iDZthiYt7WOcStxJ5GNdln8fLOCMrVQVeYY/6Nx6MB+a94L66BehkHy6XGiRBkUDb8zD05Xi5DEt1kwXBi7fPkBZqMsgCDNhZDXPWDnB6peQ5VozQ8fHDDuQDuS/gnf/i42TJhOoq6yD9RfF1TsjCqABrVIeTJNrtYPHK9JEkhw8QDtjy600+cNPwQONwnpAeqKFzuKiV81L5llfYvU7ZwbMSrYFXbjGZgcJzz7oF/xBk82f3qG8+5y0Y7OqlK2dzvyNRvtwnihfP7oeVomg/G/zU1WMqD+7XYLIAuKe8qR4ImzsYI9tIsl1/El9HSFZb7fuKGIy/XOr6r9bmZmw','2025-01-31 09:02:21.107568199+00:00','2025-03-02 09:03:22.916909062+00:00','ES256');
INSERT INTO "signing_key" VALUES(2,'id-2025-02-es256','I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlZmT3IyNGUwjP3T59zz6cI5d7aLj5o+KJzJUyEVVnmz1XiTreJneOF0aWLyKjWCFjbKEoSxPfjnDvh9gMQf8J6t8GJT/6uLS9tFsK4lGxR00sMnXzccocGHRU6Gy+a0kWM3vbOm8Nhd+RAajS7gN3w43hZ5ol6nGSoHJVmEia9WO5TkDbE0K4VXKKUwWYTmgTSmyO25zlQKZH4oFU1hJMam5kMRai567ymu5kbremRuycdAea+Op66jo0GcDPiYVmOSe52NCCBrUIVQGMFqkI7YWbk9h1W0mmUhse2vuDiAbjwhr1xYOWFXIec9aAoizCnMeDqmq6VEBC4E1n4jParSt9kZMChhDMo','2025-01-31 09:26:14.977004155+00:00','2025-03-02 09:27:40.878737008+00:00','ES256');
CREATE TABLE `sso_setting` (
  `id` TEXT PRIMARY KEY NOT NULL,
  `provider` TEXT NOT NULL,
  `settings` TEXT NOT NULL,
  `created` DATETIME NOT NULL,
  `updated` DATETIME NOT NULL,
  `is_deleted` INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "sso_setting" VALUES('328bdb1f-b05a-4fa2-a5e3-423080fe389b','azuread','{"allowSignUp":true,"authUrl":"https://login.example.org/a?b=1\u0026c=\u003cd\u003e","clientId":"b3c1","client_secret":"","name":"Größe ☃","scopes":"openid profile","zetaUnknown":{"nested":[1,2.5,null]}}','2025-01-31 08:53:25','2025-01-31 08:53:41',0);
INSERT INTO "sso_setting" VALUES('300babd8-a94c-47bf-8e64-11f6fb058ab3','generic_oauth','{"Certificate":"I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlZmT3IyNGUwSR51oe0Ujo8TtAKiVbzEO+c63Kb9vRKcCCZPwGnk/cL82xn0yVHetf0L63joxSCnixIgzUXBMEhfAal5biMDgrdFAr1A/JK3pxKHY3+NZfU","allowSignUp":true,"authUrl":"https://login.example.org/a?b=1\u0026c=\u003cd\u003e","clientId":"b3c1","client_secret":"I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlZmT3IyNGUwOq366i92pB0LA2BKfoEeinfVcfmfUVujV7kHBOfkq0HLdjQ","name":"Größe ☃","private_key_path":"I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlZmT3IyNGUwkyDw8MCJg7dDmVw5m6fI4NZvY5lN7T+BOGpMW8mRuNwBNU4DcIp0tbOx7iJfR1gltE3AYQ","scopes":"openid profile","zetaUnknown":{"nested":[1,2.5,null]}}','2025-01-31 09:04:31','2026-11-27 09:26:40',0);
INSERT INTO "sso_setting" VALUES('1ed91385-2762-4922-b878-f0925042e785','azuread','{"allowSignUp":true,"authUrl":"https://login.example.org/a?b=1\u0026c=\u003cd\u003e","clientId":"b3c1","client_secret":"","name":"Größe ☃","scopes":"openid profile","zetaUnknown":{"nested":[1,2.5,null]}}','2025-01-31 09:18:52','2025-01-31 09:19:19',0);
INSERT INTO "sso_setting" VALUES('8365a50a-bc01-4c14-af17-e090e4476ddd','ldap',X'7B227A657461556E6B6E6F776E223A7B226E6573746564223A5B312C322E352C6E756C6C5D7D2C22636C69656E744964223A2262336331222C22616C6C6F775369676E5570223A747275652C226175746855726C223A2268747470733A2F2F6C6F67696E2E6578616D706C652E6F72672F613F623D3126633D3C643E222C2273636F706573223A226F70656E69642070726F66696C65222C226E616D65223A224772C3B6C39F6520E29883222C22636C69656E745F736563726574223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5A6D543349794E47557759645875304A416535356A5A6B455655527669654B33526741383056414B786E5467562B714744442F4F636F7A6C555932374546424D37737A63522F5A577034773869685078356B6B6A426C643163536C704249657373222C22707269766174655F6B65795F70617468223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6D68496233463059586461503462574D5030716F4C6559466C346364364867712B6B355072734D45726C4568444D3952576B64364E4D374466594B414D6741374E4254723571754C654A2F30315033346F53584276662B466535487172676130697252222C224365727469666963617465223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5A6D543349794E475577523447483342424E6A6B526834476476774D57373345626B44396336374A77676B75625A3857495759755936763942486449627473366262662F6658756D576B2F426A2B2F744D444B4D334135347A4F584C75466F6E77386F5677505A357961396D754B6C6953564C5367222C22636F6E666967223A7B2273657276657273223A5B7B22686F7374223A226C6461702E6578616D706C652E6F7267222C22706F7274223A3633362C2262696E645F646E223A22636E3D61646D696E2C64633D6578616D706C652C64633D6F7267222C227573655F73736C223A747275652C227365617263685F626173655F646E73223A5B2264633D6578616D706C652C64633D6F7267225D2C22636C69656E745F63657274223A222F6574632F6C6461702F636C69656E742E637274222C2274696D656F7574223A31302C2262696E645F70617373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5A6D543349794E475577746842766C6D642F686B70486A6256533765624B72766334424B5031644B62637574546B2F504538462B4846737277756E52565566706771353949527167504F4D30563643416946696D2F626234506934434B656E6D3371585251222C22636C69656E745F6B65795F76616C7565223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5A6D543349794E475577704773672B314F59364A36522F6F4C6355326E59686678682F494B74664F472F71522F306F6F45444F366D4A4F73566A5239504937744356546C633973345254754C71347246704968367173753544467475773870536238374D314F4F4D506A745331314F6E71397457546E516964746D384D3354704F53536A62456D70493830534A4A564E527239463573525A6637766D6E4E593669355736456D7A697368396C70767274654F33527550546A72365737504F364155384E4A72336C773451594F346D784266587053486E4C66694A3730546B426734306539524168516368464B422F77716A63705A495A2B346A6A55336F634C31575144514A672F636966307876732B767955325745616B45563069545A46574D553666536A41572B7279612B6131786A3056552B436D71656F2B4D7452545A4366544E6D48376D46792F6250737A452F324D717941516D635255716D424C353267222C2267726F75705F6D617070696E6773223A5B7B2267726F75705F646E223A222A222C226F72675F726F6C65223A22566965776572227D5D7D5D2C2261747472696275746573223A7B22656D61696C223A226D61696C227D7D7D','2025-01-31 09:28:21','2026-11-27 09:26:40',0);
CREATE TABLE `user_auth` (
  `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  `user_id` INTEGER NOT NULL,
  `auth_module` TEXT NOT NULL,
  `auth_id` TEXT NOT NULL,
  `created` DATETIME NOT NULL,
  `o_auth_access_token` TEXT NULL,
  `o_auth_refresh_token` TEXT NULL,
  `o_auth_token_type` TEXT NULL,
  `o_auth_expiry` DATETIME NULL,
  `o_auth_id_token` TEXT NULL,
  `external_uid` TEXT NULL
);
INSERT INTO "user_auth" VALUES(-7,8,'oauth_azuread','auth--7','2025-01-31 08:56:32','I2VUTmxOVzUwYmpSMGRUaHJZM0EjKllXVnpMV05tWWcqTmpZeTZEWFbrs+jITuM26uVziTr2ezD7krsOrSz1Z9M=','I2VUTmxOVzUwYmpSMGRUaHJZM0EjKllXVnpMV05tWWcqTmpZeTZEWFbO95MnrRiDdcRjqWbQAG2MT3OTHa/S79FKLg==','I2VUTmxOVzUwYmpSMGRUaHJZM0EjKllXVnpMV05tWWcqTmpZeTZEWFZCg3m8IYVeh7y+veOJfBieyZDwaHNF','2025-01-31 08:57:18.417301432+00:00','I2VUTmxOVzUwYmpSMGRUaHJZM0EjKllXVnpMV05tWWcqTmpZeTZEWFa6zNb8xokpbzHLof3I0tEvbXfSXlUMxOBwP8E=','');
INSERT INTO "user_auth" VALUES(0,1,'oauth_azuread','auth-0','2025-01-31 09:21:17','I2VUTmxOVzUwYmpSMGRUaHJZM0EjKllXVnpMV05tWWcqTmpZeTZEWFbZpqGmztPcbOqVmdVfvqicteWa/KRUOkB/oLdQujLl6kAFcFtzZ94mNwdUgXx6J72SfNXTmw==','I2VUTmxOVzUwYmpSMGRUaHJZM0EjKllXVnpMV05tWWcqTmpZeTZEWFZu9Lemmi3sucfyJ/0VRzSrsWsE8JjrPT/KPM0canFhGDoV8cxXj918fAghai80ZoulAm8NGpTn','I2VUTmxOVzUwYmpSMGRUaHJZM0EjKllXVnpMV05tWWcqTmpZeTZEWFYbpr0oQRkRMgOjb5V3OJZdVhRvYB11','2025-01-31 09:22:12.600233721+00:00','I2VUTmxOVzUwYmpSMGRUaHJZM0EjKllXVnpMV05tWWcqTmpZeTZEWFZhuMSS/o4PuUhUkWT8VKNUNgzSJX5dS8SvV54UJ1fv8yaT3KDffm8YDP+8hQZek84YeQ1BI9VL2g==','');
INSERT INTO "user_auth" VALUES(1,2,'oauth_azuread','auth-1','2025-01-31 08:48:18',NULL,NULL,NULL,'2025-01-31 08:49:13.876080017+00:00',NULL,'');
INSERT INTO "user_auth" VALUES(2,3,'oauth_azuread','auth-2','2025-01-31 09:15:02',NULL,NULL,NULL,'2025-01-31 09:15:13.038065186+00:00',NULL,'');
CREATE TABLE `user_external_session` (
  `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  `user_auth_id` INTEGER NOT NULL,
  `user_id` INTEGER NOT NULL,
  `auth_module` TEXT NOT NULL,
  `access_token` TEXT NULL,
  `id_token` TEXT NULL,
  `refresh_token` TEXT NULL,
  `session_id` TEXT NULL,
  `session_id_hash` TEXT NULL,
  `name_id` TEXT NULL,
  `name_id_hash` TEXT NULL,
  `expires_at` DATETIME NULL,
  `created_at` DATETIME NOT NULL
);
INSERT INTO "user_external_session" VALUES(1,1,2,'saml','','','','','6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f','','6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f',NULL,'2025-01-31 08:49:21.1080265+00:00');
INSERT INTO "user_external_session" VALUES(2,2,3,'saml','I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKmhIb3F0YXdaZNpEN4ghmJ/wfHcl7gLJGsu6M344vOlTBcxmS4pHZV+wmnnrL2Q=','I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlZmT3IyNGUw4NkSGM6nwik3pCScYWNfjAKy7NINw3J02fWv8xTfeidIcc3bHI1y','I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlZmT3IyNGUw0YaglFUWKC5cVQ/96gfcvVgM9us5jqFuA1kjsFFGku2nv9DHtxP53g==','I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlZmT3IyNGUwoVpMGJGcFOcdDxwr78juNw==','d4735e3a265e16eee03f59718b9b5d03019c07d8b6c5','I1ozSmhabUZ1WVhNI2hIb3F0YXdaWS6l+0gb53y+rP0lOwVckA==','d4735e3a265e16eee03f59718b9b5d03019c07d8b6c5',NULL,'2025-01-31 09:05:00.856237399+00:00');
INSERT INTO "user_external_session" VALUES(3,3,4,'saml','','','','','4e07408562bedb8b60ce05c1decfe3ad16b72230967d','','4e07408562bedb8b60ce05c1decfe3ad16b72230967d',NULL,'2025-01-31 09:15:23.850657437+00:00');
INSERT INTO "user_external_session" VALUES(4,4,5,'saml','I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKmhIb3F0YXdat+FII4LbMF2655+Ccjd3Nxm10mS68pzTsaR+LqIipFpcBH9NkmbPwxO9nboI86yhYQURdSePcSSjLEVzs1VCW9Qpnv4N8g==','I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlZmT3IyNGUwbfr19FKVjbG80mgAVHx2NAU1kqOO6mRASh1Qj+7MZ0DozfIclu4hhOJM5bGH9vlg9XJxai5wkxaASUA+jiUUsWYX3fgf1vk=','I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlZmT3IyNGUwnB6joRsXGa4E3P9TtgjJll7qnZIQWVqMO/6bh4AOXlqOAhxmqRl9hMC/6IKExucSTtobsrUI9S5r74nzl102JBseUFlYSBuc','KllXVnpMV05tWWcqVDVrc3ZxdHYWWZ+oI3TAWQUZT/ei8bcY1A==','4b227777d4dd1fc61c6f884f48641d02b4d121d3fd32','','4b227777d4dd1fc61c6f884f48641d02b4d121d3fd32',NULL,'2025-01-31 09:29:44.990566281+00:00');
CREATE UNIQUE INDEX `UQE_org_name` ON `org` (`name`);
CREATE INDEX `IDX_data_source_org_id` ON `data_source` (`org_id`);
CREATE UNIQUE INDEX `UQE_data_source_org_id_name` ON `data_source` (`org_id`, `name`);
CREATE UNIQUE INDEX `UQE_data_source_org_id_uid` ON `data_source` (`org_id`, `uid`);
CREATE INDEX `IDX_data_source_org_id_is_default` ON `data_source` (`org_id`, `is_default`);
CREATE UNIQUE INDEX `UQE_dashboard_snapshot_key` ON `dashboard_snapshot` (`key`);
CREATE UNIQUE INDEX `UQE_dashboard_snapshot_delete_key` ON `dashboard_snapshot` (`delete_key`);
CREATE INDEX `IDX_dashboard_snapshot_user_id` ON `dashboard_snapshot` (`user_id`);
CREATE UNIQUE INDEX `UQE_plugin_setting_org_id_plugin_id` ON `plugin_setting` (`org_id`, `plugin_id`);
CREATE UNIQUE INDEX `UQE_alert_notification_org_id_uid` ON `alert_notification` (`org_id`, `uid`);
CREATE INDEX `IDX_user_auth_auth_module_auth_id` ON `user_auth` (`auth_module`, `auth_id`);
CREATE INDEX `IDX_user_auth_user_id` ON `user_auth` (`user_id`);
CREATE UNIQUE INDEX `UQE_cache_data_cache_key` ON `cache_data` (`cache_key`);
CREATE UNIQUE INDEX `UQE_alert_configuration_org_id` ON `alert_configuration` (`org_id`);
CREATE UNIQUE INDEX `UQE_signing_key_key_id` ON `signing_key` (`key_id`);
CREATE UNIQUE INDEX `UQE_cloud_migration_session_uid` ON `cloud_migration_session` (`uid`);
CREATE UNIQUE INDEX `UQE_cloud_migration_snapshot_uid` ON `cloud_migration_snapshot` (`uid`);
CREATE UNIQUE INDEX `UQE_resource_namespace_group_resource_name` ON `resource` (`namespace`, `group`, `resource`, `name`);
CREATE INDEX `IDX_resource_group_resource` ON `resource` (`group`, `resource`);
CREATE UNIQUE INDEX `UQE_resource_history_namespace_group_name_version` ON `resource_history` (`namespace`, `group`, `resource`, `name`, `resource_version`);
CREATE INDEX `IDX_resource_history_resource_version` ON `resource_history` (`resource_version`);
CREATE INDEX `IDX_resource_history_group_resource_resource_version` ON `resource_history` (`group`, `resource`, `resource_version`);
CREATE INDEX `IDX_resource_history_namespace_group_resource_action_version` ON `resource_history` (`namespace`, `group`, `resource`, `action`, `resource_version`);
CREATE INDEX `IDX_resource_history_namespace_group_resource_name_generation` ON `resource_history` (`namespace`, `group`, `resource`, `name`, `generation`);
COMMIT;
