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
INSERT INTO "alert_configuration" VALUES(2,'{"alertmanager_config":{"receivers":[{"grafana_managed_receiver_configs":[{"disableResolveMessage":false,"name":"Kontakt 0 🔔","secureSettings":{"basicAuthPassword":"I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXpIUGplULLsLRFjwchrHAR2ToWF+08VNFdXNPkvPZ8=","url":"I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXpmYg5Ub4NB0ZgkGIluDPo6R43hUZP1s+BEM6VpoSMBHF/nDon0UfNWzQs/1idG3mjYGMcd"},"settings":{"recipient":"#alerts","secureSettings":{"url":"c2VjcmV0"},"text":"a\\b/c\u2028\t\u003c\u0026\u003e"},"type":"slack","uid":"uid0"}],"name":"Kontakt 0 🔔"}],"route":{"group_by":["grafana_folder","alertname"],"receiver":"grafana-default-email"},"templates":null,"unknown_field":{"secureSettings":{"url":"not a secret: wrong place"}}},"extra_config":[{"alertmanager_config":"crypto_I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXpA/1pC8/YVvco68xlTHKPSIWN8fyubx4flVCrhhpy9xjYrhmGNN+uWWbNxV96Tgp9HcP2VoHxwwxCVl6JKPOvSMjvRd6jovnzdbkVRaLTPsQ==","identifier":"mimir-0","merge_matchers":[],"template_files":{}}],"managed_routes":{},"template_files":{"näme":"{{ define \"x\" }}\u003cb\u003e{{ .secureSettings }}\u003c/b\u003e{{ end }}"}}','v1',1738310402,0,2,'d9c61753ffe4d8eb617e426c0a2cac3b');
INSERT INTO "alert_configuration" VALUES(3,'{"alertmanager_config":{"receivers":[{"grafana_managed_receiver_configs":[{"disableResolveMessage":false,"name":"Kontakt 0 🔔","secureSettings":{},"settings":{"recipient":"#alerts","secureSettings":{"url":"c2VjcmV0"},"text":"a\\b/c\u2028\t\u003c\u0026\u003e"},"type":"slack","uid":"uid0"}],"name":"Kontakt 0 🔔"}],"route":{"group_by":["grafana_folder","alertname"],"receiver":"grafana-default-email"},"templates":null,"unknown_field":{"secureSettings":{"url":"not a secret: wrong place"}}},"managed_routes":{},"template_files":{"näme":"{{ define \"x\" }}\u003cb\u003e{{ .secureSettings }}\u003c/b\u003e{{ end }}"}}','v1',1738310403,0,3,'085d1c7e9e528654139d28faeb845a12');
INSERT INTO "alert_configuration" VALUES(4,X'7B2274656D706C6174655F66696C6573223A7B226EC3A46D65223A227B7B20646566696E65205C22785C22207D7D3C623E7B7B202E73656375726553657474696E6773207D7D3C2F623E7B7B20656E64207D7D227D2C22616C6572746D616E616765725F636F6E666967223A7B22726F757465223A7B227265636569766572223A2267726166616E612D64656661756C742D656D61696C222C2267726F75705F6279223A5B2267726166616E615F666F6C646572222C22616C6572746E616D65225D7D2C2274656D706C61746573223A6E756C6C2C22726563656976657273223A5B7B226E616D65223A224B6F6E74616B74203020F09F9494222C2267726166616E615F6D616E616765645F72656365697665725F636F6E66696773223A5B7B22756964223A2275696430222C226E616D65223A224B6F6E74616B74203020F09F9494222C2274797065223A22736C61636B222C2264697361626C655265736F6C76654D657373616765223A66616C73652C2273657474696E6773223A7B22726563697069656E74223A2223616C65727473222C2273656375726553657474696E6773223A7B2275726C223A226332566A636D5630227D2C2274657874223A22615C5C622F63E280A85C743C263E227D2C2273656375726553657474696E6773223A7B2275726C223A22493246744E444E68534535335A47314A4E47497A617A4A5A5647736A4B6C6C58566E704D56303574575763715A6D784F616D5A5462586F3648664E524B6C385438302B4D6A364354314A5A385166453731677850776A754F61302B69334E2F327436315A524C44716C6576664D33704B4B66493731734B6E584F71485934673034463977222C2262617369634175746850617373776F7264223A22493246744E444E68534535335A47314A4E47497A617A4A5A5647736A4B6C6C58566E704D56303574575763715A6D784F616D5A546258726D57476E3546657361716361546F3750395177767A724A616D6E32354549374D4E454B367750697161756663705558595A4D417259316166654C795A63664D387764524450737242704444673546513D3D227D7D5D7D2C7B226E616D65223A224B6F6E74616B74203120F09F9494222C2267726166616E615F6D616E616765645F72656365697665725F636F6E66696773223A5B7B22756964223A2275696431222C226E616D65223A224B6F6E74616B74203120F09F9494222C2274797065223A22736C61636B222C2264697361626C655265736F6C76654D657373616765223A66616C73652C2273657474696E6773223A7B22726563697069656E74223A2223616C65727473222C2273656375726553657474696E6773223A7B2275726C223A226332566A636D5630227D2C2274657874223A22615C5C622F63E280A85C743C263E227D2C2273656375726553657474696E6773223A7B2275726C223A22493246744E444E68534535335A47314A4E47497A617A4A5A5647736A4B6C6C58566E704D56303574575763715A6D784F616D5A546258725136536C33354D447A7A4B2F48732F595155686A65447042666C554868483763734E6D386C54616A6B782F5A4A64447164416850673976463434437365523776536C717478526C3855794E47757445493D227D7D5D7D5D2C22756E6B6E6F776E5F6669656C64223A7B2273656375726553657474696E6773223A7B2275726C223A226E6F742061207365637265743A2077726F6E6720706C616365227D7D7D2C226D616E616765645F726F75746573223A7B7D7D','v1',1738310404,0,4,'afa1c06a3b5c7653db7db6bd64933696');
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
INSERT INTO "alert_configuration_history" VALUES(1,2,'{"alertmanager_config":{"receivers":[{"grafana_managed_receiver_configs":[{"disableResolveMessage":false,"name":"Kontakt 0 🔔","secureSettings":{"basicAuthPassword":"I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXpIUGplULLsLRFjwchrHAR2ToWF+08VNFdXNPkvPZ8=","url":"I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXpmYg5Ub4NB0ZgkGIluDPo6R43hUZP1s+BEM6VpoSMBHF/nDon0UfNWzQs/1idG3mjYGMcd"},"settings":{"recipient":"#alerts","secureSettings":{"url":"c2VjcmV0"},"text":"a\\b/c\u2028\t\u003c\u0026\u003e"},"type":"slack","uid":"uid0"}],"name":"Kontakt 0 🔔"}],"route":{"group_by":["grafana_folder","alertname"],"receiver":"grafana-default-email"},"templates":null,"unknown_field":{"secureSettings":{"url":"not a secret: wrong place"}}},"extra_config":[{"alertmanager_config":"crypto_I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXpA/1pC8/YVvco68xlTHKPSIWN8fyubx4flVCrhhpy9xjYrhmGNN+uWWbNxV96Tgp9HcP2VoHxwwxCVl6JKPOvSMjvRd6jovnzdbkVRaLTPsQ==","identifier":"mimir-0","merge_matchers":[],"template_files":{}}],"managed_routes":{},"template_files":{"näme":"{{ define \"x\" }}\u003cb\u003e{{ .secureSettings }}\u003c/b\u003e{{ end }}"}}','d9c61753ffe4d8eb617e426c0a2cac3b','v1',1738310401,0,1);
INSERT INTO "alert_configuration_history" VALUES(2,2,'{"alertmanager_config":{"receivers":[{"grafana_managed_receiver_configs":[{"disableResolveMessage":false,"name":"Kontakt 0 🔔","secureSettings":{"token":"I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlU3Vkc3aVJBPQFAxHdw2Vfkd+EzsWOhdtCZuZYEL/Omzubi7AZwsY7aMcdluC3vHcFg4htorkhWrA=="},"settings":{"recipient":"#alerts","secureSettings":{"url":"c2VjcmV0"},"text":"a\\b/c\u2028\t\u003c\u0026\u003e"},"type":"slack","uid":"uid0"}],"name":"Kontakt 0 🔔"}],"route":{"group_by":["grafana_folder","alertname"],"receiver":"grafana-default-email"},"templates":null,"unknown_field":{"secureSettings":{"url":"not a secret: wrong place"}}},"managed_routes":{},"template_files":{"näme":"{{ define \"x\" }}\u003cb\u003e{{ .secureSettings }}\u003c/b\u003e{{ end }}"}}','b11b9fe98596fe26f5a610748b5edd98','v1',1738310402,0,1);
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
INSERT INTO "alert_notification" VALUES(1,1,'Channel 1','slack','{}','2025-01-31 09:12:42','2025-01-31 09:13:23',0,0,0,0,'bb0ee0d9fb4ff5','{"token":"KllXVnpMV2RqYlEqblA5SWxzMmOe49+r+riQtHmO9NrUjlBjSEc2nMnOKKfIDgoVx9fJI40jFumw5LneHRz6lx1DGrpiRIlIrbtRlw==","url":"KllXVnpMV05tWWcqblA5SWxzMmMzoLyJaLIT9PCej8cTuL1LUKEPQUNo2gCxDXhSJoHr+aWZcePDY99722DsyY4+nWA18lqj"}');
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
INSERT INTO "cloud_migration_session" VALUES(1,'c4d90f85689935',NULL,'stack',12345,'eu','prod-eu-west-2','2025-01-31 08:57:13','2025-01-31 08:57:57',1);
INSERT INTO "cloud_migration_session" VALUES(2,'face3cc6ff46a4','I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlU3Vkc3aVJBs0vV8rAUrpgjKVTKqRsBQLkvqgVRxVKaxmq/zFZbmfualdHyGK91kGNgFZR+','stack',12345,'eu','prod-eu-west-2','2025-01-31 09:13:32','2025-01-31 09:14:00',1);
INSERT INTO "cloud_migration_session" VALUES(3,'ab6c8ab414db8c',NULL,'stack',12345,'eu','prod-eu-west-2','2025-01-31 09:20:29','2025-01-31 09:21:00',1);
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
INSERT INTO "dashboard_snapshot" VALUES(-7,'Snapshot -7','key-7edd1d42eff832f','delete-7ccea6657116d4c',1,1,0,'','{}','2075-01-19 08:00:00','2025-01-31 09:06:40','2026-11-27 18:26:37','',X'23616D343361484E77646D493462336B3259546B232A5957567A4C574E6D59672A666C4E6A66536D7A61F92FB40DF8F962F36325BB934A5C622C1F');
INSERT INTO "dashboard_snapshot" VALUES(0,'Snapshot 0','key0d09a1c6eb167c0','delete0cbdf9877db6f3f',1,1,0,'','{}','2075-01-19 08:00:00','2025-01-31 09:24:44','2026-11-27 18:26:37','',X'23616D343361484E77646D493462336B3259546B232A5957567A4C574E6D59672A666C4E6A66536D7AC8CEEBBED808D25AF4D30F6137832CC3C079847F20BC92A361BCE3FA1F4F4907C59FE188C84B67DC6AA7EE8AFFD08D31B5F9E78B124296DF0B');
INSERT INTO "dashboard_snapshot" VALUES(1,'Snapshot 1','key1db8665a260db3c','delete1fefba43cd5b001',1,1,0,'','{}','2075-01-19 08:00:00','2025-01-31 08:55:06','2025-01-31 08:56:02','',NULL);
INSERT INTO "dashboard_snapshot" VALUES(2,'Snapshot 2','key2d0f49a2f4f1ffa','delete2a72b1a67321130',1,1,0,'','{}','2075-01-19 08:00:00','2025-01-31 09:19:29','2025-01-31 09:20:22','',NULL);
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
INSERT INTO "data_keys" VALUES('grafanas',0,'root','secretKey.v1',X'2A5957567A4C574E6D59672A51705A5850454B753149560750113DDB6B7B9947547FB1FDC16A764D1CB2976E3566F6013DBC4BB0','2025-01-31 08:44:23','2026-11-27 18:26:37','2025-01-31/root@secretKey.v1');
INSERT INTO "data_keys" VALUES('jn7hspvb8oy6a9',1,'root','secretKey.v1',X'2A5957567A4C574E6D59672A3447334E3632454BE87CC5E776E679970105D9BBE1E3791CEF83728691C41C4FCB0BA2C56382FB87','2026-11-27 18:26:37','2026-11-27 18:26:37','2026-11-27/root@secretKey.v1');
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
INSERT INTO "data_source" VALUES(-7,1,31,'prometheus','Quelle -7 für ☃','proxy','http://prometheus:9090','','','',0,'',NULL,0,'{"httpMethod":"POST"}','2025-01-31 08:44:35','2026-11-27 18:26:37',0,'{"\u003c\u0026\u003e":"I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXqb9Bp5DlQfdE3qcc9fPfpYruWO52U=","basicAuthPassword":"I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXojkVNcKz3PROooTySOdbdzeW4=","httpHeaderValue1":"I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXpriXut2FM40aVhu4ZqFJEOoO1j","tls.client/Key ü":"I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXrrBsa3Ui5Ah0+1o+4WObzip5W50LZoA36/0UiqOwNs1+oCzeezq8NcYtXVySDkUxn/pVerQ0iWyztHUAqC+zuHd1r07lYANU56czx1nNvlmXKTaIb4sR8OmI7p3+NF/XVrzTaQ37zfelL51BAM/D7+823qZ58u3FbJVprky4sinMY0OU4pBNU1w2+43k58uqwUtsG4pr0jm7mKTJD2YRzCknVJaEn8iszmrN6KPaNYsBaol7JaZqfapWfGPGhRLceLQED3ZC/iAduOMP2feSu8ghzPc+KEwk0TuMUSrrINVyfQYqrGUSarV6VmZHLtycJCDDFinXiCIuuzdTmv46wF2w==","zPassword":"I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXqCzF9SucoIGs3s34kLrTZlAA=="}',0,'cf56ab5c35d7ed',0,'');
INSERT INTO "data_source" VALUES(0,1,26,'prometheus','Quelle 0 für ☃','proxy','http://prometheus:9090','','','',0,'',NULL,0,'{"httpMethod":"POST"}','2025-01-31 09:14:29','2026-11-27 18:26:37',0,X'7B227A50617373776F7264223A22493246744E444E68534535335A47314A4E47497A617A4A5A5647736A4B6C6C58566E704D56303574575763715A6D784F616D5A546258723534716B574342525A5339614946512F3871304B6E36594D2B335131514E456571636D543841676D384B7470684F42634F636443434871764E6A52314C6E2F717144413D3D222C2262617369634175746850617373776F7264223A22493246744E444E68534535335A47314A4E47497A617A4A5A5647736A4B6C6C58566E704D56303574575763715A6D784F616D5A5462586F3279416F4B47675439647875446563645172416A35673773757571765650683259534F79416D475877462B596F5875624A6A4D542F345673534431473331354B515671773D227D',0,'d31ff288a88683',0,'');
INSERT INTO "data_source" VALUES(1,1,9,'prometheus','Quelle 1 für ☃','proxy','http://prometheus:9090','','','',0,'',NULL,0,'{"httpMethod":"POST"}','2025-01-31 08:46:09','2025-01-31 08:46:58',0,'{}',0,'d85238deb135fa',0,'');
INSERT INTO "data_source" VALUES(2,1,11,'prometheus','Quelle 2 für ☃','proxy','http://prometheus:9090','','','',0,'',NULL,0,'{"httpMethod":"POST"}','2025-01-31 09:14:57','2025-01-31 09:15:00',0,NULL,0,'b675bf95a3abc2',0,'');
CREATE TABLE `migration_log` (
  `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  `migration_id` TEXT NOT NULL,
  `sql` TEXT NOT NULL,
  `success` INTEGER NOT NULL,
  `error` TEXT NOT NULL,
  `timestamp` DATETIME NOT NULL
);
INSERT INTO "migration_log" VALUES(1,'create migration_log table','-',1,'','2025-01-31 08:00:31');
INSERT INTO "migration_log" VALUES(2,'create org table v1','-',1,'','2025-01-31 08:01:47');
INSERT INTO "migration_log" VALUES(3,'create data_source table','-',1,'','2025-01-31 08:02:57');
INSERT INTO "migration_log" VALUES(4,'Rename table data_source to data_source_v1 - v1','-',1,'','2025-01-31 08:03:14');
INSERT INTO "migration_log" VALUES(5,'create data_source table v2','-',1,'','2025-01-31 08:04:02');
INSERT INTO "migration_log" VALUES(6,'Drop old table data_source_v1 #2','-',1,'','2025-01-31 08:05:20');
INSERT INTO "migration_log" VALUES(7,'Add column with_credentials','-',1,'','2025-01-31 08:06:21');
INSERT INTO "migration_log" VALUES(8,'Add secure json data column','-',1,'','2025-01-31 08:07:42');
INSERT INTO "migration_log" VALUES(9,'Update secure_json_data column to MediumText','-',1,'','2025-01-31 08:08:57');
INSERT INTO "migration_log" VALUES(10,'create dashboard_snapshot table v4','-',1,'','2025-01-31 08:09:06');
INSERT INTO "migration_log" VALUES(11,'drop table dashboard_snapshot_v4 #1','-',1,'','2025-01-31 08:10:24');
INSERT INTO "migration_log" VALUES(12,'create dashboard_snapshot table v5 #2','-',1,'','2025-01-31 08:10:26');
INSERT INTO "migration_log" VALUES(13,'Add encrypted dashboard json column','-',1,'','2025-01-31 08:11:27');
INSERT INTO "migration_log" VALUES(14,'Change dashboard_encrypted column to MEDIUMBLOB','-',1,'','2025-01-31 08:12:01');
INSERT INTO "migration_log" VALUES(15,'create plugin_setting table','-',1,'','2025-01-31 08:13:12');
INSERT INTO "migration_log" VALUES(16,'create alert_notification table v1','-',1,'','2025-01-31 08:13:42');
INSERT INTO "migration_log" VALUES(17,'Add column uid in alert_notification','-',1,'','2025-01-31 08:14:07');
INSERT INTO "migration_log" VALUES(18,'Add column secure_settings in alert_notification','-',1,'','2025-01-31 08:15:08');
INSERT INTO "migration_log" VALUES(19,'create user auth table','-',1,'','2025-01-31 08:16:18');
INSERT INTO "migration_log" VALUES(20,'Add OAuth access token to user_auth','-',1,'','2025-01-31 08:17:29');
INSERT INTO "migration_log" VALUES(21,'Add OAuth refresh token to user_auth','-',1,'','2025-01-31 08:18:30');
INSERT INTO "migration_log" VALUES(22,'Add OAuth token type to user_auth','-',1,'','2025-01-31 08:19:21');
INSERT INTO "migration_log" VALUES(23,'Add OAuth expiry to user_auth','-',1,'','2025-01-31 08:20:43');
INSERT INTO "migration_log" VALUES(24,'Add OAuth ID token to user_auth','-',1,'','2025-01-31 08:21:03');
INSERT INTO "migration_log" VALUES(25,'create cache_data table','-',1,'','2025-01-31 08:21:33');
INSERT INTO "migration_log" VALUES(26,'create_alert_configuration_table','-',1,'','2025-01-31 08:22:55');
INSERT INTO "migration_log" VALUES(27,'Add column default in alert_configuration','-',1,'','2025-01-31 08:23:15');
INSERT INTO "migration_log" VALUES(28,'add column org_id in alert_configuration','-',1,'','2025-01-31 08:24:22');
INSERT INTO "migration_log" VALUES(29,'add configuration_hash column to alert_configuration','-',1,'','2025-01-31 08:25:12');
INSERT INTO "migration_log" VALUES(30,'create_alert_configuration_history_table','-',1,'','2025-01-31 08:25:14');
INSERT INTO "migration_log" VALUES(31,'create data_keys table','-',1,'','2025-01-31 08:26:40');
INSERT INTO "migration_log" VALUES(32,'create secrets table','-',1,'','2025-01-31 08:26:49');
INSERT INTO "migration_log" VALUES(33,'rename data_keys name column to id','-',1,'','2025-01-31 08:27:10');
INSERT INTO "migration_log" VALUES(34,'add name column into data_keys','-',1,'','2025-01-31 08:28:26');
INSERT INTO "migration_log" VALUES(35,'copy data_keys id column values into name','-',1,'','2025-01-31 08:28:32');
INSERT INTO "migration_log" VALUES(36,'rename data_keys name column to label','-',1,'','2025-01-31 08:29:11');
INSERT INTO "migration_log" VALUES(37,'rename data_keys id column back to name','-',1,'','2025-01-31 08:29:15');
INSERT INTO "migration_log" VALUES(38,'create signing_key table','-',1,'','2025-01-31 08:29:50');
INSERT INTO "migration_log" VALUES(39,'create sso_setting table','-',1,'','2025-01-31 08:30:51');
INSERT INTO "migration_log" VALUES(40,'create cloud_migration table v1','-',1,'','2025-01-31 08:32:08');
INSERT INTO "migration_log" VALUES(41,'Rename table cloud_migration to cloud_migration_session_tmp_qwerty - v1','-',1,'','2025-01-31 08:32:58');
INSERT INTO "migration_log" VALUES(42,'create cloud_migration_session v2','-',1,'','2025-01-31 08:33:53');
INSERT INTO "migration_log" VALUES(43,'drop cloud_migration_session_tmp_qwerty','-',1,'','2025-01-31 08:34:44');
INSERT INTO "migration_log" VALUES(44,'create user_external_session table','-',1,'','2025-01-31 08:35:58');
INSERT INTO "migration_log" VALUES(45,'increase name_id column length to 1024','-',1,'','2025-01-31 08:36:55');
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
INSERT INTO "org" VALUES(1,0,'Main Org.',NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2025-01-31 08:42:09','2025-01-31 08:43:05');
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
INSERT INTO "plugin_setting" VALUES(-7,1,'vendor--7-app',1,0,'{}','{"apiKey":"I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXoizNM8wHYNea8ushrPxiByWLoll8stvYbxvKy/H1XQvg==","pässword":"I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXpLO5wE4VcQXUlhaLJjGF0OdK3ItpmvPFSP2wcBSyLB7jI="}','2025-01-31 09:08:10','2026-11-27 18:26:38','1.4.2');
INSERT INTO "plugin_setting" VALUES(1,1,'vendor-1-app',1,0,'{}',NULL,'2025-01-31 08:47:48','2025-01-31 08:49:11','1.4.2');
INSERT INTO "plugin_setting" VALUES(2,1,'vendor-2-app',1,0,'{}',NULL,'2025-01-31 09:16:05','2025-01-31 09:16:27','1.4.2');
CREATE TABLE reencrypt_accepted (
    secret_hash BLOB PRIMARY KEY NOT NULL,
    location TEXT NOT NULL,
    row_key TEXT NOT NULL,
    field TEXT NOT NULL,
    run_id TEXT NOT NULL,
    accepted TEXT NOT NULL
);
CREATE TABLE reencrypt_audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    run_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    at TEXT NOT NULL,
    content TEXT NOT NULL
);
INSERT INTO "reencrypt_audit" VALUES(1,'20261127-182637-5937','begun','2026-11-28 12:08:30','{"user": "grafana", "uid": 472, "sudo_user": null, "host": "grafana-0", "process": 4739, "version": "0.1.0", "python": "3.11.7", "operation": "run", "resumed": true, "database": "/var/lib/grafana/grafana.db", "options": {"--to": "secretKey.v1", "--accept-unproven": ["secretKey.v1"], "--limit": 3}, "target_provider": "secretKey.v1", "algorithm": "aes-cfb", "fresh_data_key": true, "judged_by": {"operation": "run", "provider": "secretKey.v1", "algorithm": "aes-cfb", "fresh": true}, "inventory": {"store": "classic", "target_provider": "secretKey.v1", "secrets": [{"location": "dashboard_snapshot", "provider": "secretKey.v1", "state": "current", "secrets": 2}, {"location": "user_auth", "provider": "secretKey.v1", "state": "current", "secrets": 8}, {"location": "secrets", "provider": "secretKey.v1", "state": "current", "secrets": 3}, {"location": "secrets", "provider": "secret_key", "state": "old", "secrets": 1}, {"location": "data_source", "provider": "secretKey.v1", "state": "current", "secrets": 7}, {"location": "plugin_setting", "provider": "secretKey.v1", "state": "current", "secrets": 2}, {"location": "signing_key", "provider": "secretKey.v1", "state": "current", "secrets": 1}, {"location": "alert_configuration", "provider": "secretKey.v1", "state": "current", "secrets": 3}, {"location": "alert_configuration", "provider": "secretKey.v1", "state": "old", "secrets": 3}, {"location": "sso_setting", "provider": "secretKey.v1", "state": "old", "secrets": 3}, {"location": "user_external_session", "provider": "secretKey.v1", "state": "old", "secrets": 5}, {"location": "resource", "provider": "secretKey.v1", "state": "old", "secrets": 2}, {"location": "alert_configuration_history", "provider": "secretKey.v1", "state": "current", "secrets": 3}, {"location": "alert_configuration_history", "provider": "secretKey.v1", "state": "old", "secrets": 1}, {"location": "resource_history", "provider": "secretKey.v1", "state": "old", "secrets": 1}, {"location": "cloud_migration_session", "provider": "secretKey.v1", "state": "old", "secrets": 1}, {"location": "alert_notification", "provider": "secret_key", "state": "not_applicable", "secrets": 2}], "data_keys_total": 2, "data_keys_in_use": 2, "data_keys": [{"id": "grafanas", "provider": "secretKey.v1", "active": false, "created": "2025-01-31T08:44:23Z", "secrets": 16, "version": null}, {"id": "jn7hspvb8oy6a9", "provider": "secretKey.v1", "active": true, "created": "2026-11-27T18:26:37Z", "secrets": 29, "version": null}], "key_versions": [{"provider": "secretKey.v1", "version": null, "data_keys": 2}]}}');
INSERT INTO "reencrypt_audit" VALUES(2,'20261127-182637-5937','pace','2026-11-28 12:08:30','{"seconds": 1.003, "looked_at": 0, "moved": 0, "waits": {}}');
INSERT INTO "reencrypt_audit" VALUES(3,'20261127-182637-5937','ended','2026-11-28 12:08:30','{"outcome": "stopped", "exit_code": 4, "stop_reason": "the limit of 3 secrets is reached", "locations": {"dashboard_snapshot": {"re_encrypted": 2, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}}, "user_auth": {"re_encrypted": 8, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}}, "secrets": {"re_encrypted": 3, "already_current": 0, "quarantined": 1, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {"implausible_plaintext": 1}}, "data_source": {"re_encrypted": 7, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}}, "plugin_setting": {"re_encrypted": 2, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}}, "signing_key": {"re_encrypted": 1, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}}, "alert_configuration": {"re_encrypted": 6, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}}}, "seconds": 1.01, "looked_at": 3, "moved": 3, "waits": {}, "vault_calls": []}');
CREATE TABLE reencrypt_checkpoint (
    run_id TEXT NOT NULL,
    location TEXT NOT NULL,
    pass INTEGER NOT NULL,
    last_key TEXT NULL,
    done INTEGER NOT NULL,
    counts TEXT NOT NULL,
    PRIMARY KEY (run_id, location, pass)
);
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','dashboard_snapshot',0,'[0]',1,'{"re_encrypted": 2, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 2, "before": 2, "after": 2}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','user_auth',0,'[0]',1,'{"re_encrypted": 5, "already_current": 2, "quarantined": 0, "left": 1, "not_applicable": 0, "left_because": {"unproven_key secretKey.v1": 1}, "quarantined_because": {}, "coverage": {"rows": 2, "before": 2, "after": 2}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','secrets',0,'[4]',1,'{"re_encrypted": 2, "already_current": 0, "quarantined": 1, "left": 1, "not_applicable": 0, "left_because": {"unproven_key secretKey.v1": 1}, "quarantined_because": {"implausible_plaintext": 1}, "coverage": {"rows": 4, "before": 4, "after": 4}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','data_source',0,'[1]',1,'{"re_encrypted": 4, "already_current": 1, "quarantined": 0, "left": 2, "not_applicable": 0, "left_because": {"unproven_key secretKey.v1": 2}, "quarantined_because": {}, "coverage": {"rows": 3, "before": 3, "after": 3}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','plugin_setting',0,'[-7]',1,'{"re_encrypted": 2, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 1, "before": 1, "after": 1}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','signing_key',0,'[1]',1,'{"re_encrypted": 1, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 1, "before": 1, "after": 1}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','alert_configuration',0,'[4]',1,'{"re_encrypted": 4, "already_current": 2, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 4, "before": 4, "after": 4}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','sso_setting',0,'["abe0ee02-c559-44c9-8939-4b6a7fe9c9fc"]',1,'{"re_encrypted": 2, "already_current": 1, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 3, "before": 3, "after": 3}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','user_external_session',0,'[3]',1,'{"re_encrypted": 4, "already_current": 1, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 3, "before": 3, "after": 3}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','resource',0,'["d30ed73d-9522-4218-ab0c-9b63d1777e79"]',1,'{"re_encrypted": 2, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 3, "before": 3, "after": 3}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','alert_configuration_history',0,'[2]',1,'{"re_encrypted": 3, "already_current": 1, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 2, "before": 2, "after": 2}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','resource_history',0,'["08af2464-41df-44d0-90c1-c0fbadd4aabf"]',1,'{"re_encrypted": 0, "already_current": 1, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 1, "before": 1, "after": 1}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','cloud_migration_session',0,'[2]',1,'{"re_encrypted": 1, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 1, "before": 1, "after": 1}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','alert_notification',0,'[1]',1,'{"re_encrypted": 0, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 2, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 1, "before": 1, "after": 1}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','dashboard_snapshot',1,'[0]',1,'{"re_encrypted": 2, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 2, "before": 2, "after": 2}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','user_auth',1,'[0]',1,'{"re_encrypted": 5, "already_current": 2, "quarantined": 0, "left": 1, "not_applicable": 0, "left_because": {"unproven_key secretKey.v1": 1}, "quarantined_because": {}, "coverage": {"rows": 2, "before": 2, "after": 2}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','secrets',1,'[4]',1,'{"re_encrypted": 2, "already_current": 0, "quarantined": 1, "left": 1, "not_applicable": 0, "left_because": {"unproven_key secretKey.v1": 1}, "quarantined_because": {"implausible_plaintext": 1}, "coverage": {"rows": 4, "before": 4, "after": 4}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','data_source',1,'[1]',1,'{"re_encrypted": 4, "already_current": 1, "quarantined": 0, "left": 2, "not_applicable": 0, "left_because": {"unproven_key secretKey.v1": 2}, "quarantined_because": {}, "coverage": {"rows": 3, "before": 3, "after": 3}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','plugin_setting',1,'[-7]',1,'{"re_encrypted": 2, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 1, "before": 1, "after": 1}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','signing_key',1,'[1]',1,'{"re_encrypted": 1, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 1, "before": 1, "after": 1}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','alert_configuration',1,'[4]',1,'{"re_encrypted": 4, "already_current": 2, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 4, "before": 4, "after": 4}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','sso_setting',1,'["abe0ee02-c559-44c9-8939-4b6a7fe9c9fc"]',1,'{"re_encrypted": 2, "already_current": 1, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 3, "before": 3, "after": 3}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','user_external_session',1,'[3]',1,'{"re_encrypted": 4, "already_current": 1, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 3, "before": 3, "after": 3}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','resource',1,'["d30ed73d-9522-4218-ab0c-9b63d1777e79"]',1,'{"re_encrypted": 2, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 3, "before": 3, "after": 3}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','alert_configuration_history',1,'[2]',1,'{"re_encrypted": 3, "already_current": 1, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 2, "before": 2, "after": 2}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','resource_history',1,'["08af2464-41df-44d0-90c1-c0fbadd4aabf"]',1,'{"re_encrypted": 0, "already_current": 1, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 1, "before": 1, "after": 1}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','cloud_migration_session',1,'[2]',1,'{"re_encrypted": 1, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 1, "before": 1, "after": 1}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182635-f2c4','alert_notification',1,'[1]',1,'{"re_encrypted": 0, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 2, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 1, "before": 1, "after": 1}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182637-5937','dashboard_snapshot',0,'[0]',1,'{"re_encrypted": 2, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 2, "before": 2, "after": 2}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182637-5937','user_auth',0,'[0]',1,'{"re_encrypted": 8, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 2, "before": 2, "after": 2}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182637-5937','secrets',0,'[4]',1,'{"re_encrypted": 3, "already_current": 0, "quarantined": 1, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {"implausible_plaintext": 1}, "coverage": {"rows": 4, "before": 4, "after": 4}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182637-5937','data_source',0,'[1]',1,'{"re_encrypted": 7, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 3, "before": 3, "after": 3}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182637-5937','plugin_setting',0,'[-7]',1,'{"re_encrypted": 2, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 1, "before": 1, "after": 1}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182637-5937','signing_key',0,'[1]',1,'{"re_encrypted": 1, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 1, "before": 1, "after": 1}}');
INSERT INTO "reencrypt_checkpoint" VALUES('20261127-182637-5937','alert_configuration',0,'[4]',0,'{"re_encrypted": 6, "already_current": 0, "quarantined": 0, "left": 0, "not_applicable": 0, "left_because": {}, "quarantined_because": {}, "coverage": {"rows": 4, "before": 4, "after": null}}');
CREATE TABLE reencrypt_data_key (
    id TEXT PRIMARY KEY NOT NULL,
    run_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    made TEXT NOT NULL
);
INSERT INTO "reencrypt_data_key" VALUES('jn7hspvb8oy6a9','20261127-182637-5937','secretKey.v1','2026-11-27 18:26:37');
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
INSERT INTO "reencrypt_journal" VALUES(1,'20261127-182635-f2c4','rewrite','dashboard_snapshot','[-7]','dashboard_encrypted',X'2A5957567A4C57646A62512A6E5039496C733263EEE966CE638B8C9E2B7464584DC52DE15496B596FFDC3B650D8AA835E25A',X'C5964B6B60456D3ECDB82BAE844C9FC7835E976B8F8961272238C86F3CFA5A6A');
INSERT INTO "reencrypt_journal" VALUES(2,'20261127-182635-f2c4','rewrite','dashboard_snapshot','[0]','dashboard_encrypted',X'235A334A685A6D467559584D232A5957567A4C57646A62512A4B7379567A4A34623ED99824C3E8751A7379AE718322513640C3984EF4C4974EEC5456457548804A9243D8BBB46AE009CF782B6BDA669A3640376BB07D5D43AFC49545C5C3399600637228488E',X'0676FE4B3EC1DCF0FEA7BB8A173C09E2BE037F2D98F116F0A56B89E4B11883E6');
INSERT INTO "reencrypt_journal" VALUES(3,'20261127-182635-f2c4','rewrite','user_auth','[-7]','o_auth_refresh_token',X'4B6C6C58566E704D56325271596C4571626C41355357787A4D6D4D50725A57487A51636B396132453244433366656C4466763535473549574233652B515952383770657475344F49564F525535413D3D',X'1D52AA72B6F9E19035186DB5D08FA328BCBE3D66F78734DF0E850C7623C5B749');
INSERT INTO "reencrypt_journal" VALUES(4,'20261127-182635-f2c4','rewrite','user_auth','[-7]','o_auth_id_token',X'49316F7A536D686162555A315756684E4979705A56315A365446646B616D4A524B6B747A65565A36536A526930784B74554F667A694D3455694248574D6C6267614637773979456B6F4471413778387432527858734E6135447876312B415034',X'3AE8456FD6B700858631B63ABDB2D4C64008A7B8660014121CD23B3111274A52');
INSERT INTO "reencrypt_journal" VALUES(5,'20261127-182635-f2c4','rewrite','user_auth','[0]','o_auth_access_token',X'4B6C6C58566E704D5630357457576371626C41355357787A4D6D4F6D5937315A39503645317059533666354E715038503046306B2B303678576B387033556359716D666D34375743794B6655646476776C354264336A71724B3779374C53414343773D3D',X'F458145D1A904A1B278757D192138FF5AC3A25BFC60B9B70598A32D142D9BEC8');
INSERT INTO "reencrypt_journal" VALUES(6,'20261127-182635-f2c4','rewrite','user_auth','[0]','o_auth_refresh_token',X'4B6C6C58566E704D5630357457576371626C41355357787A4D6D50785334305653366339514C6473787A66434D723953696D536737364A427662544257524E6E626165563630367A5563467242634D6B486B504D2B6F6753356D5074454655594F4F6274',X'EBA158BAC1274F2A4590DC2E581DDC5006912479D121A149F3CE3DE863D32D02');
INSERT INTO "reencrypt_journal" VALUES(7,'20261127-182635-f2c4','rewrite','user_auth','[0]','o_auth_id_token',X'4B6C6C58566E704D56325271596C4571626C41355357787A4D6D4E572F5538715A70726876784B705565366A4354417559796D676377506965624553664E5745524B674E4B77536546684968514A6E5972566250777549556E576F6F5032687570343379665A6C5872776C67434F742B653973656A673D3D',X'DFB2494A93606A4CED69EB4244AC4263C7D15CB9A362AB141F8C0DE5E6E9C80E');
INSERT INTO "reencrypt_journal" VALUES(8,'20261127-182635-f2c4','rewrite','secrets','[-7]','value',X'4B6C6C58566E704D56325271596C4571626C41355357787A4D6D4E794E532B69556D325A6F4A312F47315735676F2B56357342547336446466682F6663574D566E6F30',X'E27EA3BB2414D3F69A636BAE4A5B9C2AA0C3B459FA25F42E148CFA8D61B3F44E');
INSERT INTO "reencrypt_journal" VALUES(9,'20261127-182635-f2c4','rewrite','secrets','[0]','value',X'4B6C6C58566E704D56325271596C4571626C41355357787A4D6D50435179305834425469424877426D7973724C4961787577323965675A4546794F557642665A366F775269465739503632415362626D6166426F7939572B366E4137487567426F344F75457A4E2F4245534A65426457',X'DC604D375FAB296573ED1EAE3F296DDE5982C1EFC09DD3ECDD45381AA26E6C37');
INSERT INTO "reencrypt_journal" VALUES(10,'20261127-182635-f2c4','rewrite','data_source','[-7]','secure_json_data',X'7B225C75303033635C75303032365C7530303365223A2249316F7A536D686162555A315756684E4979705A56315A365446646B616D4A524B6B747A65565A36536A52697164505A2B6C76454A74373343663557506A6D4F324130417077326D66554A50477A4F2B6D31384C32356A77222C2262617369634175746850617373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6B747A65565A36536A526961463849434B6A5136764A5130496379655979762B4A5835222C226874747048656164657256616C756531223A224B6C6C58566E704D5630357457576371626C41355357787A4D6D4F706747356F4F42796E537471535235777162577844446B334C222C22746C732E636C69656E742F4B657920C3BC223A224B6C6C58566E704D56325271596C4571626C41355357787A4D6D4D797150776E7A6C6953734F4D533351727242334139533265466374664E6C787157335567386832542B66342B3878754A794B5A514E46577650566F753064305044477171735861512F4246316D7352704C7762696B4E4A796A33442F376E7065504D674A62354E636A5556466464696E726258343157596556562B69664E6B77356443477765324C386453707437514D49386B436855476E534158795636304D7A66675A30634D6F79746F43554431616244576D765444374C317A677A70484E424C492B6B374E5551343947744175654455326B4750623378436F4D6470795938627A646A53587759706A48484B4B315131364F53674B6A4A2F785A77516D413043344862734971467870684B514C6F424642516971684D63693659446A7056456743766F386358636B635377514D3655636C752F35705638374C7A346F3132556A63627846324E72394C344F6173764A48475359696B7A6177696A41645974304654436155773D3D222C227A50617373776F7264223A224B6C6C58566E704D5630357457576371626C41355357787A4D6D4D354E49454C4B3943335941793336376538725279574D513D3D227D',X'CFC5E1182A1EBDC911235CED1BA093D87B5872B5FB3D8C3055E2010E6C8FC53E');
INSERT INTO "reencrypt_journal" VALUES(11,'20261127-182635-f2c4','rewrite','data_source','[0]','secure_json_data',X'7B227A50617373776F7264223A224B6C6C58566E704D56325271596C4571626C41355357787A4D6D4F386F642F4E56724F414E5A64714F454958513470646D494D59636D6133776C63796B4F2F6A7A4D625263553334524D69724F3668725278327134446365346557476A62564E31326565415566433168693054673D3D222C2262617369634175746850617373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446646B616D4A524B6B747A65565A36536A52696349422B794A4D546F46357636376F6B4B6975436E42615936687165715A3058534F46315656796F7A4D30426F4D7A515474616F536156707141364E423553684B49552F6A4F7843705267415239664D6A514765227D',X'53AAB3CD3B994113F0733096C0B98D0527C51201C62B093A96D12AB44EC9C690');
INSERT INTO "reencrypt_journal" VALUES(12,'20261127-182635-f2c4','rewrite','plugin_setting','[-7]','secure_json_data',X'7B226170694B6579223A224B6C6C58566E704D56325271596C4571626C41355357787A4D6D4F7744475347327064346962534D36326B5575376D4743465A364537613732787A7832555531705A454474756D585877634D684D4F573031515177513D3D222C2270C3A47373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446646B616D4A524B6B747A65565A36536A5269425A4B68445345575A664252374C2F7076757A62304962455372664E5553646E74647573496A636649522B76485A2B6C6A69345365326C4242355872227D',X'9423FC9C09DBEF6FB3F7305FDCDC7FE9A4F49D4C424F5EDA6E4DAC34C3B4E3FB');
INSERT INTO "reencrypt_journal" VALUES(13,'20261127-182635-f2c4','rewrite','signing_key','[1]','private_key',X'4B6C6C58566E704D56325271596C4571626C41355357787A4D6D4E7164556249514E4B314478314C456C7149666643706A4F6D374C69386C732F38792F6F4C4A686B3368616B5254467735476A732F30544D7773614E7163707579784845496671676445307A6B5A765A50427656524677446A423133314675592F4E4E5330397A3454584D6E572B735436786C487A30525952463630364379336C4B766E4D3231623635662B4D534E344349783065666155637A34665937484137504B476F47396938327A7A706E41744C442F547A6D442F6748485A4A744C4C78792B66464C7A494B7369556F2B6261666F636870687170504D33456A5837624949556278316A596446646E38785A6B78535464454D30584C5977364E534F5430786F354E38617156385468626F6E77303067427957437852774C4B566F2B626B4A4C7A335A7A416B5A67726E6A6830396B475A4956526856656B524B485741366E6230383730704D3275644C524579526C6E6172342F434B496D45684873767052545645777141',X'E99335097CE76C7E616FC79ED3A53F271AB29988041C9419FAB3DD9F4BC54638');
INSERT INTO "reencrypt_journal" VALUES(14,'20261127-182635-f2c4','rewrite','alert_configuration','[2]','alertmanager_configuration',X'7B22616C6572746D616E616765725F636F6E666967223A7B22726563656976657273223A5B7B2267726166616E615F6D616E616765645F72656365697665725F636F6E66696773223A5B7B2264697361626C655265736F6C76654D657373616765223A66616C73652C226E616D65223A224B6F6E74616B74203020F09F9494222C2273656375726553657474696E6773223A7B2262617369634175746850617373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6B747A65565A36536A52695245536574314877326A6947414559496C4A6A61767443616F793535596C6245636E6D794F763653222C2275726C223A224B6C6C58566E704D5630357457576371626C41355357787A4D6D50484D784B5043734D39382F4B3457767A596C326A742F665172736D4973453950797A49557A71337A774B4969786F586A3438657472343631686A6475617A524F4348773974227D2C2273657474696E6773223A7B22726563697069656E74223A2223616C65727473222C2273656375726553657474696E6773223A7B2275726C223A226332566A636D5630227D2C2274657874223A22615C5C622F635C75323032385C745C75303033635C75303032365C7530303365227D2C2274797065223A22736C61636B222C22756964223A2275696430227D5D2C226E616D65223A224B6F6E74616B74203020F09F9494227D5D2C22726F757465223A7B2267726F75705F6279223A5B2267726166616E615F666F6C646572222C22616C6572746E616D65225D2C227265636569766572223A2267726166616E612D64656661756C742D656D61696C227D2C2274656D706C61746573223A6E756C6C2C22756E6B6E6F776E5F6669656C64223A7B2273656375726553657474696E6773223A7B2275726C223A226E6F742061207365637265743A2077726F6E6720706C616365227D7D7D2C2265787472615F636F6E666967223A5B7B22616C6572746D616E616765725F636F6E666967223A2263727970746F5F4B6C6C58566E704D5630357457576371626C41355357787A4D6D4D61614F6830622B49783172694B3363427468376D705738317A496E695463325A577742324C6947476C776C4D72426A4C7641666B47344D453664307A626950637A5959654675355468706370744F426D6D6E464B376E675553687A67634E306A6E584D76393757744D54673D3D222C226964656E746966696572223A226D696D69722D30222C226D657267655F6D61746368657273223A5B5D2C2274656D706C6174655F66696C6573223A7B7D7D5D2C226D616E616765645F726F75746573223A7B7D2C2274656D706C6174655F66696C6573223A7B226EC3A46D65223A227B7B20646566696E65205C22785C22207D7D5C7530303363625C75303033657B7B202E73656375726553657474696E6773207D7D5C75303033632F625C75303033657B7B20656E64207D7D227D7D',X'618205DDE9EBB30B8EA0D04699D08D8A32E108A1443466B63D188DC7FCC47FCD');
INSERT INTO "reencrypt_journal" VALUES(15,'20261127-182635-f2c4','rewrite','alert_configuration','[2]','configuration_hash',X'3236306664323437643633316366396161666661346336353737313030626666',X'9D576E1566B849652186F68C57EF7CB62AA1AB3BF88C7A6B640B5DDFFCC35F32');
INSERT INTO "reencrypt_journal" VALUES(16,'20261127-182635-f2c4','rewrite','alert_configuration','[4]','alertmanager_configuration',X'7B2274656D706C6174655F66696C6573223A7B226EC3A46D65223A227B7B20646566696E65205C22785C22207D7D3C623E7B7B202E73656375726553657474696E6773207D7D3C2F623E7B7B20656E64207D7D227D2C22616C6572746D616E616765725F636F6E666967223A7B22726F757465223A7B227265636569766572223A2267726166616E612D64656661756C742D656D61696C222C2267726F75705F6279223A5B2267726166616E615F666F6C646572222C22616C6572746E616D65225D7D2C2274656D706C61746573223A6E756C6C2C22726563656976657273223A5B7B226E616D65223A224B6F6E74616B74203020F09F9494222C2267726166616E615F6D616E616765645F72656365697665725F636F6E66696773223A5B7B22756964223A2275696430222C226E616D65223A224B6F6E74616B74203020F09F9494222C2274797065223A22736C61636B222C2264697361626C655265736F6C76654D657373616765223A66616C73652C2273657474696E6773223A7B22726563697069656E74223A2223616C65727473222C2273656375726553657474696E6773223A7B2275726C223A226332566A636D5630227D2C2274657874223A22615C5C622F63E280A85C743C263E227D2C2273656375726553657474696E6773223A7B2275726C223A224B6C6C58566E704D56325271596C4571626C41355357787A4D6D506F73554B435A62596C774C4530764E51536E2F4150346D574C574D576148656377734F524F7876562B6C446C466C6959705653347569596334494777696F5242656436704D7A66557458492B6570714A724B4D796A6734666355374C4F222C2262617369634175746850617373776F7264223A224B6C6C58566E704D5630357457576371626C41355357787A4D6D4E7779474A574D4978476A5443784F79496F62704E4832524441335738437344746B4B6444616A64777A7A43386D4B573748446C5570755356336E374F39584A626C412F69532F6C2B4E496D56726B513D3D227D7D5D7D2C7B226E616D65223A224B6F6E74616B74203120F09F9494222C2267726166616E615F6D616E616765645F72656365697665725F636F6E66696773223A5B7B22756964223A2275696431222C226E616D65223A224B6F6E74616B74203120F09F9494222C2274797065223A22736C61636B222C2264697361626C655265736F6C76654D657373616765223A66616C73652C2273657474696E6773223A7B22726563697069656E74223A2223616C65727473222C2273656375726553657474696E6773223A7B2275726C223A226332566A636D5630227D2C2274657874223A22615C5C622F63E280A85C743C263E227D2C2273656375726553657474696E6773223A7B2275726C223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6B747A65565A36536A526954526C42424F746F4D697361334A774C53697864424E6C3172597242353463595A334A4A3242584130542B52714C3737686256636F4F7A46376C64504A597769444A61786F2B69496470693134626170227D7D5D7D5D2C22756E6B6E6F776E5F6669656C64223A7B2273656375726553657474696E6773223A7B2275726C223A226E6F742061207365637265743A2077726F6E6720706C616365227D7D7D2C226D616E616765645F726F75746573223A7B7D7D',X'42746509D048AB7A611CD4FCD6680865047C81DBFC48E94904B34A9EC7B124AA');
INSERT INTO "reencrypt_journal" VALUES(17,'20261127-182635-f2c4','rewrite','alert_configuration','[4]','configuration_hash',X'3863653637393264613338663636323562643533346530356536336266633533',X'5C0D899C09A455F9608E7A9FDBEA64AE6300F0AEA6D7F8ABBB9356D2BDAB654C');
INSERT INTO "reencrypt_journal" VALUES(18,'20261127-182635-f2c4','rewrite','alert_configuration_history','[1]','alertmanager_configuration',X'7B22616C6572746D616E616765725F636F6E666967223A7B22726563656976657273223A5B7B2267726166616E615F6D616E616765645F72656365697665725F636F6E66696773223A5B7B2264697361626C655265736F6C76654D657373616765223A66616C73652C226E616D65223A224B6F6E74616B74203020F09F9494222C2273656375726553657474696E6773223A7B2262617369634175746850617373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6B747A65565A36536A52695245536574314877326A6947414559496C4A6A61767443616F793535596C6245636E6D794F763653222C2275726C223A224B6C6C58566E704D5630357457576371626C41355357787A4D6D50484D784B5043734D39382F4B3457767A596C326A742F665172736D4973453950797A49557A71337A774B4969786F586A3438657472343631686A6475617A524F4348773974227D2C2273657474696E6773223A7B22726563697069656E74223A2223616C65727473222C2273656375726553657474696E6773223A7B2275726C223A226332566A636D5630227D2C2274657874223A22615C5C622F635C75323032385C745C75303033635C75303032365C7530303365227D2C2274797065223A22736C61636B222C22756964223A2275696430227D5D2C226E616D65223A224B6F6E74616B74203020F09F9494227D5D2C22726F757465223A7B2267726F75705F6279223A5B2267726166616E615F666F6C646572222C22616C6572746E616D65225D2C227265636569766572223A2267726166616E612D64656661756C742D656D61696C227D2C2274656D706C61746573223A6E756C6C2C22756E6B6E6F776E5F6669656C64223A7B2273656375726553657474696E6773223A7B2275726C223A226E6F742061207365637265743A2077726F6E6720706C616365227D7D7D2C2265787472615F636F6E666967223A5B7B22616C6572746D616E616765725F636F6E666967223A2263727970746F5F4B6C6C58566E704D5630357457576371626C41355357787A4D6D4D61614F6830622B49783172694B3363427468376D705738317A496E695463325A577742324C6947476C776C4D72426A4C7641666B47344D453664307A626950637A5959654675355468706370744F426D6D6E464B376E675553687A67634E306A6E584D76393757744D54673D3D222C226964656E746966696572223A226D696D69722D30222C226D657267655F6D61746368657273223A5B5D2C2274656D706C6174655F66696C6573223A7B7D7D5D2C226D616E616765645F726F75746573223A7B7D2C2274656D706C6174655F66696C6573223A7B226EC3A46D65223A227B7B20646566696E65205C22785C22207D7D5C7530303363625C75303033657B7B202E73656375726553657474696E6773207D7D5C75303033632F625C75303033657B7B20656E64207D7D227D7D',X'618205DDE9EBB30B8EA0D04699D08D8A32E108A1443466B63D188DC7FCC47FCD');
INSERT INTO "reencrypt_journal" VALUES(19,'20261127-182635-f2c4','rewrite','alert_configuration_history','[1]','configuration_hash',X'3236306664323437643633316366396161666661346336353737313030626666',X'9D576E1566B849652186F68C57EF7CB62AA1AB3BF88C7A6B640B5DDFFCC35F32');
INSERT INTO "reencrypt_journal" VALUES(20,'20261127-182635-f2c4','rewrite','sso_setting','["33e0c10c-86c1-4311-a6a1-997b2a7385f9"]','settings',X'7B224365727469666963617465223A224B6C6C58566E704D5630357457576371626C41355357787A4D6D505634544D6F5245324955412F6258784C4F484F355A4B644E334B63583270413677565353794758306A36796837346A734A4F315A2F6172706A426B746370646E43346A63566330317A5371586D526F726A2B585A696B3131587778305A3856433751595254672F4F784477222C22616C6C6F775369676E5570223A747275652C226175746855726C223A2268747470733A2F2F6C6F67696E2E6578616D706C652E6F72672F613F623D315C7530303236633D5C7530303363645C7530303365222C22636C69656E744964223A2262336331222C22636C69656E745F736563726574223A224B6C6C58566E704D5630357457576371626C41355357787A4D6D4D68616E4D495443713932765445644C593566417757773935374F796153505967454374775274342B53667A5A724151222C226E616D65223A224772C3B6C39F6520E29883222C22707269766174655F6B65795F70617468223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6B747A65565A36536A52695959337867382F76696F4438465842396D4A5065554A673749564F324A67365A366D73704E7770676B355A5465667A5264333664776B48344F764A4278415062564771424641222C2273636F706573223A226F70656E69642070726F66696C65222C227A657461556E6B6E6F776E223A7B226E6573746564223A5B312C322E352C6E756C6C5D7D7D',X'48F99934378298733A4F5687A78DBBDF9D3AE611341790DEE0C6EC4D385F3FC1');
INSERT INTO "reencrypt_journal" VALUES(21,'20261127-182635-f2c4','rewrite','user_external_session','[2]','access_token',X'4B6C6C58566E704D56325271596C4571626C41355357787A4D6D4F54317159507A496A556A4B6A584156507A694C71735A706E34715648564D4744425A4A3970664B68584C4B71614857576552503757506657354F5A2B624E482F3847413D3D',X'E91512E626ABA118B17EC10ADC990AEDBB5E320DD8113E52CEFC8DD858F5BC41');
INSERT INTO "reencrypt_journal" VALUES(22,'20261127-182635-f2c4','rewrite','user_external_session','[2]','id_token',X'49316F7A536D686162555A315756684E4979705A56315A365446646B616D4A524B6B747A65565A36536A5269546E755333732F52594A41674A6A4175707266487269586C332B686C687A38736575626154345A5378376A39776946764E46463349583450636E7A586453364369763762',X'4A59C2D1225D5E5D7A37C229939EF336B25E0B85E347AAB5BF02C7BEAFF06042');
INSERT INTO "reencrypt_journal" VALUES(23,'20261127-182635-f2c4','rewrite','user_external_session','[2]','refresh_token',X'4B6C6C58566E704D56325271596C4571626C41355357787A4D6D4E4A7376765457476A4D457948352B7A306F39626E67544A3759786131634B5A4C6F59544B5A6C755331414662622B6D79425659714B4A437834517156333336736A62543665',X'B308BE711FAA8ABA75376DD651345CCB97BA3656277C126B5FE29F6E5EF3045D');
INSERT INTO "reencrypt_journal" VALUES(24,'20261127-182635-f2c4','rewrite','user_external_session','[2]','session_id',X'4B6C6C58566E704D5630357457576371626C41355357787A4D6D4D68324A502F437045464C706436587158727876302F',X'EDE96D7DB4E6D171A7D4A0E89817F5040327001AEC56720676D1193BF9E15088');
INSERT INTO "reencrypt_journal" VALUES(25,'20261127-182635-f2c4','rewrite','resource','["69d44d8f-16c2-4124-b33c-baebec24df54"]','value',X'7B2261706956657273696F6E223A2270726F766973696F6E696E672E67726166616E612E6170702F7630616C70686131222C226B696E64223A225265706F7369746F7279222C226D65746164617461223A7B22616E6E6F746174696F6E73223A7B22656E63727970746564546F6B656E223A226E6F20736563726574227D2C226E616D65223A227265706F7369746F72792D6637353263313266643864656532222C226E616D657370616365223A2264656661756C74222C22756964223A2278227D2C2273706563223A7B22676974687562223A7B226272616E6368223A226D61696E222C22656E63727970746564546F6B656E223A224B6C6C58566E704D56325271596C4571626C41355357787A4D6D4E585168326C646A52787548743053365A6545396E7068416C392F7954325354365256476E697363464A48786765562F6E6B6239694478776C634D622B6A2F5732435A4F2B6A77324353646F4A66222C2275726C223A2268747470733A2F2F6769746875622E636F6D2F6578616D706C652F64617368626F61726473227D2C227469746C65223A2244617368626F61726473205C7530303236205C75303033636D6F72655C7530303365222C2274797065223A22676974687562222C22776F726B666C6F7773223A5B227772697465225D7D2C22737461747573223A7B226865616C7468223A7B226865616C746879223A747275657D2C226F6273657276656447656E65726174696F6E223A312C22776562686F6F6B223A7B22656E63727970746564536563726574223A224B6C6C58566E704D5630357457576371626C41355357787A4D6D4D50572F47593869474F612F6C38443437413666464D4845737252694D6D4258636D567472323963626B4C456A322F345447434E4E30532F5A2F487A44707A513D3D222C226964223A3132333435363738393031322C22737562736372696265644576656E7473223A5B2270757368225D2C2275726C223A2268747470733A2F2F67726166616E612E6578616D706C652E6F72672F686F6F6B227D7D7D',X'648F65B3482F43B3166A0F30F4D1E1A3360C8CED133E7AB7E11F0BED16C738BF');
INSERT INTO "reencrypt_journal" VALUES(26,'20261127-182635-f2c4','rewrite','alert_configuration_history','[2]','alertmanager_configuration',X'7B22616C6572746D616E616765725F636F6E666967223A7B22726563656976657273223A5B7B2267726166616E615F6D616E616765645F72656365697665725F636F6E66696773223A5B7B2264697361626C655265736F6C76654D657373616765223A66616C73652C226E616D65223A224B6F6E74616B74203020F09F9494222C2273656375726553657474696E6773223A7B22746F6B656E223A224B6C6C58566E704D5630357457576371626C41355357787A4D6D505852594E494B6E574339544B68557169706156336B37464844314A6D395451636277556344414B4C6851334B53545758593532504C356154464444583272377871227D2C2273657474696E6773223A7B22726563697069656E74223A2223616C65727473222C2273656375726553657474696E6773223A7B2275726C223A226332566A636D5630227D2C2274657874223A22615C5C622F635C75323032385C745C75303033635C75303032365C7530303365227D2C2274797065223A22736C61636B222C22756964223A2275696430227D5D2C226E616D65223A224B6F6E74616B74203020F09F9494227D5D2C22726F757465223A7B2267726F75705F6279223A5B2267726166616E615F666F6C646572222C22616C6572746E616D65225D2C227265636569766572223A2267726166616E612D64656661756C742D656D61696C227D2C2274656D706C61746573223A6E756C6C2C22756E6B6E6F776E5F6669656C64223A7B2273656375726553657474696E6773223A7B2275726C223A226E6F742061207365637265743A2077726F6E6720706C616365227D7D7D2C226D616E616765645F726F75746573223A7B7D2C2274656D706C6174655F66696C6573223A7B226EC3A46D65223A227B7B20646566696E65205C22785C22207D7D5C7530303363625C75303033657B7B202E73656375726553657474696E6773207D7D5C75303033632F625C75303033657B7B20656E64207D7D227D7D',X'6A70458B4AF2D98E9F1144BCACFAC366355674A25E110B5133EB0D06352A7119');
INSERT INTO "reencrypt_journal" VALUES(27,'20261127-182635-f2c4','rewrite','alert_configuration_history','[2]','configuration_hash',X'3634373965316135633065386362363165393939313231643061613631306565',X'4ED3922E4F5A3C60173AFF1C4336B790B5F577792A4D5BDCF1BC4D83A17441CC');
INSERT INTO "reencrypt_journal" VALUES(28,'20261127-182635-f2c4','rewrite','cloud_migration_session','[2]','auth_token',X'49316F7A536D686162555A315756684E4979705A56315A365446646B616D4A524B6B747A65565A36536A526967507158327252784555463575766B39715A357359704C304C3377722F37515974386B636143546F7272383244584C2B2B38794143793677432F2F6E66354131586843364573686635755973',X'B5D0E254FF3122DDE8BF180A1F872F7D761B91C50BB5CC811557C3CFBF2203EE');
INSERT INTO "reencrypt_journal" VALUES(29,'20261127-182637-5937','insert','data_keys','["jn7hspvb8oy6a9"]','encrypted_data',NULL,X'3F3668E182D151B7BBB56E132C31D7AC5652E3D7B07F909086798AA0E0FCC17F');
INSERT INTO "reencrypt_journal" VALUES(30,'20261127-182637-5937','activate','data_keys','["jn7hspvb8oy6a9"]','encrypted_data',X'2A5957567A4C574E6D59672A3447334E3632454BE87CC5E776E679970105D9BBE1E3791CEF83728691C41C4FCB0BA2C56382FB87',X'3F3668E182D151B7BBB56E132C31D7AC5652E3D7B07F909086798AA0E0FCC17F');
INSERT INTO "reencrypt_journal" VALUES(31,'20261127-182637-5937','deactivate','data_keys','["grafanas"]','encrypted_data',X'2A5957567A4C574E6D59672A51705A5850454B753149560750113DDB6B7B9947547FB1FDC16A764D1CB2976E3566F6013DBC4BB0',X'9D1D0BBF6145F0168556F86504F6E42A7258553955FFD0C0EAF1D0FBDF73E769');
INSERT INTO "reencrypt_journal" VALUES(32,'20261127-182637-5937','rewrite','dashboard_snapshot','[-7]','dashboard_encrypted',X'235A334A685A6D467559584D232A5957567A4C574E6D59672A55375647376952416FD71C0EF30B98ECB22621B883ECC78E16BF',X'2720DFDA539EE16EE627DB300FB52F1AB640744B874B08926C27548D75D1E638');
INSERT INTO "reencrypt_journal" VALUES(33,'20261127-182637-5937','rewrite','dashboard_snapshot','[0]','dashboard_encrypted',X'235A334A685A6D467559584D232A5957567A4C574E6D59672A553756473769524199658943E070A2689EB5EFBFFF81B06D93C7DC84D9FC2D9714A233940CA007DC08ED2A4ECCB63D9BAE959C7CD57800CDDFB04BA1AD282338FB',X'AC239B2AF3074B6AE94F0235E3BDD70809D019299C9E6343E482204E2B5F775B');
INSERT INTO "reencrypt_journal" VALUES(34,'20261127-182637-5937','rewrite','user_auth','[-7]','o_auth_access_token',X'49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6B747A65565A36536A52695A4C474934736A4467704858626E747A70516847525155774241776E34664B55',X'7F76F210E5322F295213D95F6D53C4E294899CA72D52060D42764712506BC026');
INSERT INTO "reencrypt_journal" VALUES(35,'20261127-182637-5937','rewrite','user_auth','[-7]','o_auth_refresh_token',X'49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5533566B633361564A4269754369566B76675672484131375A493878754B416A55704E65784A322F6B574749413D',X'AF5C0184212E8377F9E894F320463A047B34028C3C4E683A8506620207E8DF4D');
INSERT INTO "reencrypt_journal" VALUES(36,'20261127-182637-5937','rewrite','user_auth','[-7]','o_auth_token_type',X'4B6C6C58566E704D5630357457576371626C41355357787A4D6D4F74624A733561556C3579616152394234765161344944645A4C7531326F',X'8E9D836A1D9B741287604C6E337A84E07BAAB0070D0583E2F044CC870DDD9570');
INSERT INTO "reencrypt_journal" VALUES(37,'20261127-182637-5937','rewrite','user_auth','[-7]','o_auth_id_token',X'49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5533566B633361564A42506941554D537253757169424B54765A3550364D436C394732775077772B4C3257705139',X'22D99F01066212717FA04293D8ECCA799ABFBA79FDD3177A623D29259EE8D685');
INSERT INTO "reencrypt_journal" VALUES(38,'20261127-182637-5937','rewrite','user_auth','[0]','o_auth_access_token',X'49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5533566B633361564A4238703947664B70552B434777386A46636D533647754163345751715152684475384351342B6E4973347850334F4C684A62596D585148452F726B757953336E704F4544356569303D',X'71650FA71B5EF4F0A8975FC37631EA74BD60D21A2694A3A2F67B8B65B377E26C');
INSERT INTO "reencrypt_journal" VALUES(39,'20261127-182637-5937','rewrite','user_auth','[0]','o_auth_refresh_token',X'49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5533566B633361564A4248635552556366556A476F35567435422B6F4844546C6D32645852597549394C4F4E524356573179514D753335494B616B74797A513947372F2F584933794B6D656F4A736D55683468513D3D',X'72B952B824AB8B7A8DC5841486D0DB8F41E4A8476B7A958A0070965B1558A144');
INSERT INTO "reencrypt_journal" VALUES(40,'20261127-182637-5937','rewrite','user_auth','[0]','o_auth_token_type',X'49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6B747A65565A36536A526933754C5056654F30637A7871326B70753373786963456B775454633831773D3D',X'F17A61572E786934582C5949798687CBA24855BD5199615A65CA909220C91C2A');
INSERT INTO "reencrypt_journal" VALUES(41,'20261127-182637-5937','rewrite','user_auth','[0]','o_auth_id_token',X'49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5533566B633361564A422F717A5A794C34347556625963357153497630526138434A41722B5744737278396A50536A7A59744938496D5165564552757948454E6777415A5756644D4A6338422B334E49474E3044383D',X'7D7B629452AE79AAB94AAAC49D7A4B9D7F7A6B3C4A1813F830E64D3DD1CBDC30');
INSERT INTO "reencrypt_journal" VALUES(42,'20261127-182637-5937','rewrite','secrets','[-7]','value',X'49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5533566B633361564A4278567944434D36726B662F33687055623851545865302B6B',X'743F91C4662AF17AA499925F41FE529033A0BB4B569F24C65A38AF886B1C109A');
INSERT INTO "reencrypt_journal" VALUES(43,'20261127-182637-5937','rewrite','secrets','[0]','value',X'49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5533566B633361564A42395A70737446393948517A6651496878566A6252713737796A2B4378564C685A384F5279722F6E4E32377052376F7142726D54784B503052707A736470504169594D71457077',X'AFB4C4CEA9107EB8A4807B30D57ED073336946F13AC42EBAB8473B2DC9ADB1C7');
INSERT INTO "reencrypt_journal" VALUES(44,'20261127-182637-5937','rewrite','secrets','[2]','value',X'4B6C6C58566E704D5630357457576371626C41355357787A4D6D4D52774B30466C476A686C677A3267513953646E4430724C796873534B68704C5365494A4A42582F665667324743554168374C5955356145773676525278454941',X'80961DC07065FB3ADF5FECF40316B71E931808F727AB7BB43AADB59A09D7C7D1');
INSERT INTO "reencrypt_journal" VALUES(45,'20261127-182637-5937','rewrite','data_source','[-7]','secure_json_data',X'7B225C75303033635C75303032365C7530303365223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5533566B633361564A42364848724B32414C61792F304533306446324F456B586E5A77517576222C2262617369634175746850617373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6B747A65565A36536A526961463849434B6A5136764A5130496379655979762B4A5835222C226874747048656164657256616C756531223A224B6C6C58566E704D5630357457576371626C41355357787A4D6D4F706747356F4F42796E537471535235777162577844446B334C222C22746C732E636C69656E742F4B657920C3BC223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5533566B633361564A4267486344737066727778542B51417072643349474E7264747A64625A2B786C76626F754672747837307A4A64774B637943412B614C6F647576566542575944486F2B3049512B705141596A74676A51706437532F716558384B50676E316C322F7A37666E647A4E51496E2F764F69382F5A4F4451466164474465686A4E50314C4A41633344382F42503274544C2B756D513454637A70666F2B7169546773776D3938565869396E777A71762B46556B534C53515158324B777A48704A66496272754A723041756D63575A476C72305A46754347653133534B495472744A4E5543313477784532767066456B6A564A566861714974636B6D354E47486B4B6F6F374B6B373451476A474B3552356A73317A374E494576793948674E6B78696149534D6273484F6C447538723648785334574E77667A3773412F664B7770522F6E7058667A776F41713066556E3358783843377A4B4962316B3D222C227A50617373776F7264223A224B6C6C58566E704D5630357457576371626C41355357787A4D6D4D354E49454C4B3943335941793336376538725279574D513D3D227D',X'3221C5ED9C17D22597DB057746B13F0D5FBEAB312156F86DCF88B5F06BCA189E');
INSERT INTO "reencrypt_journal" VALUES(46,'20261127-182637-5937','rewrite','data_source','[0]','secure_json_data',X'7B227A50617373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5533566B633361564A424756784D32506357396B4C56704F6B6150474F326E6A354457774B5830795677716A6A385636424C68356872587848414B6679673949314B67395243376763685353343D222C2262617369634175746850617373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5533566B633361564A42667A6D7464486450664E334A57582B446F4C4F4B74393432773854416A5A4949704A32506757446866744279704F696D427155774164467A6F6530426A653659325A356C227D',X'E3C2A8060DD633C939FBF67E0734271EED7833F86B280FA4DC6892296260A35C');
INSERT INTO "reencrypt_journal" VALUES(47,'20261127-182637-5937','rewrite','plugin_setting','[-7]','secure_json_data',X'7B226170694B6579223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5533566B633361564A42624A4331555579716D68722F6478552F6A487A5772696A6B6D566B43586E6B7A475370554A67744A4A374D3D222C2270C3A47373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5533566B633361564A42376B4978566C7657364C65582B4134474F6F4751646E6B7A5156526346647445753054563266726342376F50227D',X'43D31F1A52A24984AFF819EF4CC20BE03269ED2432053470A7D806971AC9E0F6');
INSERT INTO "reencrypt_journal" VALUES(48,'20261127-182637-5937','rewrite','signing_key','[1]','private_key',X'49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5533566B633361564A424A3749712F317242473753764354704A63422B6C41654C7A4D5331514B62724F77724A683266713369592B4571463744627A5A447758507A4B73757033436175533630736A75363773644E2F6F54712B61334E744362552B6161326A656C47796736644E31447074344D6979424B74575974396636467167614D67737A555A6B475659706D565A4738366F394C5A5942425970524D4D66584376567259584B77674F6B61362F336545384A57567042484E5254727435433951752B472B354939317654446455326B526376526D6165624938484579302F4E6F4D4C666C6B32693447514C542B666E6445654A3232475A386A334C2B41714F38336638434239597A6C4F2B4378544D4F58652F794763446862487146355158506436586E48727152716F65767445682B4F536938677174476E65427772766247324F554F32634A79474D5757366D424335502F416333614C52384B314877',X'FEDFAE425DAB34B327F33E55B5D4E3007B8AC579EC3D9ACFA426E31223A15954');
INSERT INTO "reencrypt_journal" VALUES(49,'20261127-182637-5937','rewrite','alert_configuration','[2]','alertmanager_configuration',X'7B22616C6572746D616E616765725F636F6E666967223A7B22726563656976657273223A5B7B2267726166616E615F6D616E616765645F72656365697665725F636F6E66696773223A5B7B2264697361626C655265736F6C76654D657373616765223A66616C73652C226E616D65223A224B6F6E74616B74203020F09F9494222C2273656375726553657474696E6773223A7B2262617369634175746850617373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6B747A65565A36536A52695245536574314877326A6947414559496C4A6A61767443616F793535596C6245636E6D794F763653222C2275726C223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5533566B633361564A424E78454345567355734672667A484F37426C71796864666C47576A6C4C65326A4F34713672774878755262766273686E376D58666E506E6D583951536F6B77352F57437A39673D3D227D2C2273657474696E6773223A7B22726563697069656E74223A2223616C65727473222C2273656375726553657474696E6773223A7B2275726C223A226332566A636D5630227D2C2274657874223A22615C5C622F635C75323032385C745C75303033635C75303032365C7530303365227D2C2274797065223A22736C61636B222C22756964223A2275696430227D5D2C226E616D65223A224B6F6E74616B74203020F09F9494227D5D2C22726F757465223A7B2267726F75705F6279223A5B2267726166616E615F666F6C646572222C22616C6572746E616D65225D2C227265636569766572223A2267726166616E612D64656661756C742D656D61696C227D2C2274656D706C61746573223A6E756C6C2C22756E6B6E6F776E5F6669656C64223A7B2273656375726553657474696E6773223A7B2275726C223A226E6F742061207365637265743A2077726F6E6720706C616365227D7D7D2C2265787472615F636F6E666967223A5B7B22616C6572746D616E616765725F636F6E666967223A2263727970746F5F49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5533566B633361564A4239436E4E3264786436444B465438306662366A3046377644344166714C4D4636637966756B626C43326972476661653648694768554C4264524C4B6A4D43434979324E6F68785643785A4738363475676F6E356E477979756644534C56376C6841526B397238596F304B413D222C226964656E746966696572223A226D696D69722D30222C226D657267655F6D61746368657273223A5B5D2C2274656D706C6174655F66696C6573223A7B7D7D5D2C226D616E616765645F726F75746573223A7B7D2C2274656D706C6174655F66696C6573223A7B226EC3A46D65223A227B7B20646566696E65205C22785C22207D7D5C7530303363625C75303033657B7B202E73656375726553657474696E6773207D7D5C75303033632F625C75303033657B7B20656E64207D7D227D7D',X'8263D5277501537633C32E7193E68C5AAA93DF18915DA2B4F79887D7F9AA6EC7');
INSERT INTO "reencrypt_journal" VALUES(50,'20261127-182637-5937','rewrite','alert_configuration','[2]','configuration_hash',X'3564373439643534653136666262636132343564393931326439316464663030',X'F301ADF0D9B1CC63D68692DDB9CC3BFE41331ADCE1C72C15BEA6339A374687E9');
INSERT INTO "reencrypt_journal" VALUES(51,'20261127-182637-5937','rewrite','alert_configuration_history','[1]','alertmanager_configuration',X'7B22616C6572746D616E616765725F636F6E666967223A7B22726563656976657273223A5B7B2267726166616E615F6D616E616765645F72656365697665725F636F6E66696773223A5B7B2264697361626C655265736F6C76654D657373616765223A66616C73652C226E616D65223A224B6F6E74616B74203020F09F9494222C2273656375726553657474696E6773223A7B2262617369634175746850617373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6B747A65565A36536A52695245536574314877326A6947414559496C4A6A61767443616F793535596C6245636E6D794F763653222C2275726C223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5533566B633361564A424E78454345567355734672667A484F37426C71796864666C47576A6C4C65326A4F34713672774878755262766273686E376D58666E506E6D583951536F6B77352F57437A39673D3D227D2C2273657474696E6773223A7B22726563697069656E74223A2223616C65727473222C2273656375726553657474696E6773223A7B2275726C223A226332566A636D5630227D2C2274657874223A22615C5C622F635C75323032385C745C75303033635C75303032365C7530303365227D2C2274797065223A22736C61636B222C22756964223A2275696430227D5D2C226E616D65223A224B6F6E74616B74203020F09F9494227D5D2C22726F757465223A7B2267726F75705F6279223A5B2267726166616E615F666F6C646572222C22616C6572746E616D65225D2C227265636569766572223A2267726166616E612D64656661756C742D656D61696C227D2C2274656D706C61746573223A6E756C6C2C22756E6B6E6F776E5F6669656C64223A7B2273656375726553657474696E6773223A7B2275726C223A226E6F742061207365637265743A2077726F6E6720706C616365227D7D7D2C2265787472615F636F6E666967223A5B7B22616C6572746D616E616765725F636F6E666967223A2263727970746F5F49316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5533566B633361564A4239436E4E3264786436444B465438306662366A3046377644344166714C4D4636637966756B626C43326972476661653648694768554C4264524C4B6A4D43434979324E6F68785643785A4738363475676F6E356E477979756644534C56376C6841526B397238596F304B413D222C226964656E746966696572223A226D696D69722D30222C226D657267655F6D61746368657273223A5B5D2C2274656D706C6174655F66696C6573223A7B7D7D5D2C226D616E616765645F726F75746573223A7B7D2C2274656D706C6174655F66696C6573223A7B226EC3A46D65223A227B7B20646566696E65205C22785C22207D7D5C7530303363625C75303033657B7B202E73656375726553657474696E6773207D7D5C75303033632F625C75303033657B7B20656E64207D7D227D7D',X'8263D5277501537633C32E7193E68C5AAA93DF18915DA2B4F79887D7F9AA6EC7');
INSERT INTO "reencrypt_journal" VALUES(52,'20261127-182637-5937','rewrite','alert_configuration_history','[1]','configuration_hash',X'3564373439643534653136666262636132343564393931326439316464663030',X'F301ADF0D9B1CC63D68692DDB9CC3BFE41331ADCE1C72C15BEA6339A374687E9');
INSERT INTO "reencrypt_journal" VALUES(53,'20261127-182637-5937','rewrite','alert_configuration','[4]','alertmanager_configuration',X'7B2274656D706C6174655F66696C6573223A7B226EC3A46D65223A227B7B20646566696E65205C22785C22207D7D3C623E7B7B202E73656375726553657474696E6773207D7D3C2F623E7B7B20656E64207D7D227D2C22616C6572746D616E616765725F636F6E666967223A7B22726F757465223A7B227265636569766572223A2267726166616E612D64656661756C742D656D61696C222C2267726F75705F6279223A5B2267726166616E615F666F6C646572222C22616C6572746E616D65225D7D2C2274656D706C61746573223A6E756C6C2C22726563656976657273223A5B7B226E616D65223A224B6F6E74616B74203020F09F9494222C2267726166616E615F6D616E616765645F72656365697665725F636F6E66696773223A5B7B22756964223A2275696430222C226E616D65223A224B6F6E74616B74203020F09F9494222C2274797065223A22736C61636B222C2264697361626C655265736F6C76654D657373616765223A66616C73652C2273657474696E6773223A7B22726563697069656E74223A2223616C65727473222C2273656375726553657474696E6773223A7B2275726C223A226332566A636D5630227D2C2274657874223A22615C5C622F63E280A85C743C263E227D2C2273656375726553657474696E6773223A7B2275726C223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5533566B633361564A426374684A496C707756587774654B7478366F333674637A3255386947636A63794D55476C774E6F72422B4D78596B51377A6B3777486B3472324531696D567A5A466A5647487339765552446E42413D3D222C2262617369634175746850617373776F7264223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5533566B633361564A42336B61765336506E6A4E6C75545670484F6443636D416B706D4478504333756C676C78627A42374D7578342B394B7962552B55373567617449677776552B2B697951784C3749753654374D7637476B3D227D7D5D7D2C7B226E616D65223A224B6F6E74616B74203120F09F9494222C2267726166616E615F6D616E616765645F72656365697665725F636F6E66696773223A5B7B22756964223A2275696431222C226E616D65223A224B6F6E74616B74203120F09F9494222C2274797065223A22736C61636B222C2264697361626C655265736F6C76654D657373616765223A66616C73652C2273657474696E6773223A7B22726563697069656E74223A2223616C65727473222C2273656375726553657474696E6773223A7B2275726C223A226332566A636D5630227D2C2274657874223A22615C5C622F63E280A85C743C263E227D2C2273656375726553657474696E6773223A7B2275726C223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6B747A65565A36536A526954526C42424F746F4D697361334A774C53697864424E6C3172597242353463595A334A4A3242584130542B52714C3737686256636F4F7A46376C64504A597769444A61786F2B69496470693134626170227D7D5D7D5D2C22756E6B6E6F776E5F6669656C64223A7B2273656375726553657474696E6773223A7B2275726C223A226E6F742061207365637265743A2077726F6E6720706C616365227D7D7D2C226D616E616765645F726F75746573223A7B7D7D',X'0F7A3B22DD2E476C21D151D19B27123EC88BA1C9BD17202746B2EE7DD89B981D');
INSERT INTO "reencrypt_journal" VALUES(54,'20261127-182637-5937','rewrite','alert_configuration','[4]','configuration_hash',X'3738313462636337386665383037383763616165306238326236636562366139',X'063ACEB8ACCD4E258DDA5F043D873C61CD46154089A876E82BBE0897CEBFA730');
CREATE TABLE reencrypt_lease (
    id INTEGER PRIMARY KEY NOT NULL,
    token INTEGER NOT NULL,
    holder TEXT NOT NULL,
    beats INTEGER NOT NULL,
    beat_seconds REAL NOT NULL,
    taken TEXT NOT NULL
);
INSERT INTO "reencrypt_lease" VALUES(1,4,'',70,10.0,'2026-11-28 12:08:30');
CREATE TABLE reencrypt_location (
    name TEXT PRIMARY KEY NOT NULL,
    declaration TEXT NOT NULL,
    run_id TEXT NOT NULL,
    declared TEXT NOT NULL
);
CREATE TABLE reencrypt_namespace (
    run_id TEXT NOT NULL,
    store TEXT NOT NULL,
    namespace TEXT NOT NULL,
    target_key TEXT NOT NULL,
    target_key_state TEXT NOT NULL,
    PRIMARY KEY (run_id, namespace)
);
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
INSERT INTO "reencrypt_quarantine" VALUES('secrets','[4]','value','implausible_plaintext','what secret_key yields is not json',X'B06F3B79279A97EE8888967E22439342D414D54FEA35E15C7927024A03D507D0','acknowledged','20261127-182637-5937',0,'2026-11-27 18:26:37');
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
INSERT INTO "reencrypt_run" VALUES('20261127-182635-f2c4',1,'run','finished','secretKey.v1','aes-cfb',X'5537564737695241','','grafanas','active',1,'partly_done','2026-11-27 18:26:35','2026-11-27 18:26:35','{"": [28, 1]}',0);
INSERT INTO "reencrypt_run" VALUES('20261127-182637-5937',3,'run','open','secretKey.v1','aes-cfb',X'666C4E6A66536D7A','','jn7hspvb8oy6a9','alone',0,'','2026-11-27 18:26:37','2026-11-27 18:26:37','{}',1);
CREATE TABLE reencrypt_schema (version INTEGER PRIMARY KEY NOT NULL);
INSERT INTO "reencrypt_schema" VALUES(3);
INSERT INTO "reencrypt_schema" VALUES(4);
INSERT INTO "reencrypt_schema" VALUES(5);
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
INSERT INTO "resource" VALUES('b22f2205-ab63-4360-81ef-a49d6404d696',1738310400000000,'provisioning.grafana.app','repositories','default','repository-f0f616221de112','{"apiVersion":"provisioning.grafana.app/v0alpha1","kind":"Repository","metadata":{"annotations":{"encryptedToken":"no secret"},"name":"repository-f0f616221de112","namespace":"default","uid":"x"},"spec":{"github":{"branch":"main","url":"https://github.com/example/dashboards"},"title":"Dashboards \u0026 \u003cmore\u003e","type":"github","workflows":["write"]},"status":{"health":{"healthy":true},"observedGeneration":1,"webhook":{"id":123456789012,"subscribedEvents":["push"],"url":"https://grafana.example.org/hook"}}}',1,NULL,0,'');
INSERT INTO "resource" VALUES('69d44d8f-16c2-4124-b33c-baebec24df54',1738310400000000,'provisioning.grafana.app','repositories','default','repository-f752c12fd8dee2',X'7B2261706956657273696F6E223A2270726F766973696F6E696E672E67726166616E612E6170702F7630616C70686131222C226B696E64223A225265706F7369746F7279222C226D65746164617461223A7B22616E6E6F746174696F6E73223A7B22656E63727970746564546F6B656E223A226E6F20736563726574227D2C226E616D65223A227265706F7369746F72792D6637353263313266643864656532222C226E616D657370616365223A2264656661756C74222C22756964223A2278227D2C2273706563223A7B22676974687562223A7B226272616E6368223A226D61696E222C22656E63727970746564546F6B656E223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5533566B633361564A42566E312F463974557947504D527236776A6B5571564A6E526E4F43556C532F4A625A755A423634782F61533638556C462F474A5A4661643155446D5853673D3D222C2275726C223A2268747470733A2F2F6769746875622E636F6D2F6578616D706C652F64617368626F61726473227D2C227469746C65223A2244617368626F61726473205C7530303236205C75303033636D6F72655C7530303365222C2274797065223A22676974687562222C22776F726B666C6F7773223A5B227772697465225D7D2C22737461747573223A7B226865616C7468223A7B226865616C746879223A747275657D2C226F6273657276656447656E65726174696F6E223A312C22776562686F6F6B223A7B22656E63727970746564536563726574223A2249316F7A536D686162555A315756684E4979705A56315A365446644F62566C6E4B6C5533566B633361564A4272304F2B745049336C553839453048384334665343556D6D714D6B672B627633515A5A6130784E6632304F456933493932322B6849344238765964497938303D222C226964223A3132333435363738393031322C22737562736372696265644576656E7473223A5B2270757368225D2C2275726C223A2268747470733A2F2F67726166616E612E6578616D706C652E6F72672F686F6F6B227D7D7D',1,NULL,0,'');
INSERT INTO "resource" VALUES('d30ed73d-9522-4218-ab0c-9b63d1777e79',1738310400000000,'provisioning.grafana.app','repositories','default','repository-b553e02a2da7b9','{"apiVersion":"provisioning.grafana.app/v0alpha1","kind":"Repository","metadata":{"annotations":{"encryptedToken":"no secret"},"name":"repository-b553e02a2da7b9","namespace":"default","uid":"x"},"spec":{"github":{"branch":"main","url":"https://github.com/example/dashboards"},"title":"Dashboards \u0026 \u003cmore\u003e","type":"github","workflows":["write"]},"status":{"health":{"healthy":true},"observedGeneration":1,"webhook":{"id":123456789012,"subscribedEvents":["push"],"url":"https://grafana.example.org/hook"}}}',1,NULL,0,'');
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
INSERT INTO "resource_history" VALUES('08af2464-41df-44d0-90c1-c0fbadd4aabf',1738310400000000,'provisioning.grafana.app','repositories','default','repository-d31924cc568cbb','{
  "apiVersion": "provisioning.grafana.app/v0alpha1",
  "kind": "Repository",
  "metadata": {
    "name": "repository-d31924cc568cbb",
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
      "encryptedToken": "I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKktzeVZ6SjRi4dDjIJHTh5fk8Z6bJiJ/JZA10QPvcUujv54+wa9cL0lNkpmbQYWeSo9FD1c++Wa7"
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
INSERT INTO "resource_migration_log" VALUES(1,'create resource_migration_log table','-',1,'','2025-01-31 08:37:13');
INSERT INTO "resource_migration_log" VALUES(2,'Initialize resource tables','-',1,'','2025-01-31 08:38:00');
INSERT INTO "resource_migration_log" VALUES(3,'drop table resource','-',1,'','2025-01-31 08:38:13');
INSERT INTO "resource_migration_log" VALUES(4,'create table resource','-',1,'','2025-01-31 08:38:18');
INSERT INTO "resource_migration_log" VALUES(5,'create table resource, index: 0','-',1,'','2025-01-31 08:38:36');
INSERT INTO "resource_migration_log" VALUES(6,'drop table resource_history','-',1,'','2025-01-31 08:39:40');
INSERT INTO "resource_migration_log" VALUES(7,'create table resource_history','-',1,'','2025-01-31 08:40:08');
INSERT INTO "resource_migration_log" VALUES(8,'create table resource_history, index: 0','-',1,'','2025-01-31 08:40:42');
CREATE TABLE `secrets` (
  `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  `org_id` INTEGER NOT NULL,
  `namespace` TEXT NOT NULL,
  `type` TEXT NOT NULL,
  `value` TEXT NULL,
  `created` DATETIME NOT NULL,
  `updated` DATETIME NOT NULL
);
INSERT INTO "secrets" VALUES(-7,1,'source--7','datasource','I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXpZtXLnG03WokZJTrMVkginZB8','2025-01-31 09:00:53','2026-11-27 18:26:37');
INSERT INTO "secrets" VALUES(0,1,'source-0','datasource',X'493246744E444E68534535335A47314A4E47497A617A4A5A5647736A4B6C6C58566E704D56303574575763715A6D784F616D5A54625870486538683436434769736D3356384375333172593755316E53664531384C68492F396A3630765A2B4F555A32615A655777777A336B4637724B6D546A365A6E784C57705344','2025-01-31 09:22:38','2026-11-27 18:26:37');
INSERT INTO "secrets" VALUES(1,1,'source-1','datasource',NULL,'2025-01-31 08:50:28','2025-01-31 08:51:56');
INSERT INTO "secrets" VALUES(2,-1,'snapshot-0','cloudmigration-snapshot-encryption-key','I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXqoFCgDXKhVIGgM78ssJIkNqwqcuPUc//An93d5T+HyDK9g35KBGAaUfmScRLLV9WA','2025-01-31 09:03:06','2026-11-27 18:26:37');
INSERT INTO "secrets" VALUES(3,1,'source-3','datasource',NULL,'2025-01-31 09:17:49','2025-01-31 09:17:53');
INSERT INTO "secrets" VALUES(4,1,'source-4','datasource','KllXVnpMV05tWWcqblA5SWxzMmMhxF58kMKhpBYLeA8sHKDlXeeHoyTET47thZ2m','2025-01-31 09:26:20','2025-01-31 09:27:20');
CREATE TABLE `signing_key` (
  `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  `key_id` TEXT NOT NULL,
  `private_key` TEXT NOT NULL,
  `added_at` DATETIME NOT NULL,
  `expires_at` DATETIME NULL,
  `alg` TEXT NOT NULL
);
INSERT INTO "signing_key" VALUES(1,'id-2025-01-es256','I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXolUqMW0Zjpb39d+VUP3WUzOhzZ1Uj4Q9rVVoF4Zq56FK2HtDKV0ZfpuKLsQ0OQVNxFRofxSrEKWb3+8XDt3T+DbgeADsAfCcsiwJ1BopnJqX3JtzQ01p5KED2ml3nhB0v9hLQhuiiyjiBsoWIAl9jeanaO9smSi0L41J6SFUJnrH/F85PLsOcJRST2QpmNCemwHAosv5xM6WMzMaCdjK9dGOgITW8t6fNkQDaAeWMifc7j+jjsmF11skzD+eFl31I1mlKltlrAyGkV85YtuV/KB+eUktF9xPyOIr/Npv8l8Dgpan9s16ZtePYrFBS11x5pF0zrICqkBZf3YBa2gyeqNg','2025-01-31 09:08:54.211885418+00:00','2025-03-02 09:09:10.574062151+00:00','ES256');
CREATE TABLE `sso_setting` (
  `id` TEXT PRIMARY KEY NOT NULL,
  `provider` TEXT NOT NULL,
  `settings` TEXT NOT NULL,
  `created` DATETIME NOT NULL,
  `updated` DATETIME NOT NULL,
  `is_deleted` INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "sso_setting" VALUES('abe0ee02-c559-44c9-8939-4b6a7fe9c9fc','azuread','{"allowSignUp":true,"authUrl":"https://login.example.org/a?b=1\u0026c=\u003cd\u003e","clientId":"b3c1","client_secret":"","name":"Größe ☃","scopes":"openid profile","zetaUnknown":{"nested":[1,2.5,null]}}','2025-01-31 08:59:12','2025-01-31 08:59:53',0);
INSERT INTO "sso_setting" VALUES('33e0c10c-86c1-4311-a6a1-997b2a7385f9','generic_oauth','{"Certificate":"I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlU3Vkc3aVJBtrL5oJxBonH2lx4Iw2/biq0b19OinkGxCTnF1UzhacFfru7XBVAR9Iyxrx1Ll8/DdA1MmtgGEJXe1XjDPxRpzTqh56XBGFaFD4cbVHSxT90","allowSignUp":true,"authUrl":"https://login.example.org/a?b=1\u0026c=\u003cd\u003e","clientId":"b3c1","client_secret":"I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlU3Vkc3aVJBRUgNGiCbDLbWo3+1KckfReajO3vAFH7c2Fh/D1sCLvMzUqI","name":"Größe ☃","private_key_path":"I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKktzeVZ6SjRiYY3xg8/vioD8FXB9mJPeUJg7IVO2Jg6Z6mspNwpgk5ZTefzRd36dwkH4OvJBxAPbVGqBFA","scopes":"openid profile","zetaUnknown":{"nested":[1,2.5,null]}}','2025-01-31 09:10:00','2026-11-27 18:26:35',0);
INSERT INTO "sso_setting" VALUES('69e13e67-18d1-440a-9828-8865850b457e','azuread','{"allowSignUp":true,"authUrl":"https://login.example.org/a?b=1\u0026c=\u003cd\u003e","clientId":"b3c1","client_secret":"","name":"Größe ☃","scopes":"openid profile","zetaUnknown":{"nested":[1,2.5,null]}}','2025-01-31 09:21:04','2025-01-31 09:21:33',0);
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
INSERT INTO "user_auth" VALUES(-7,8,'oauth_azuread','auth--7','2025-01-31 09:03:53','I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXqpFagg3t7DXpek+KJWNn+/3mbdxoKMO8Y=','I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXqDtpM42SfwxGR5hlqKphvRv9k8zCmS17UuJA==','I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXpHn4n9UvutXqubtLhItz1wWMZCazMl','2025-01-31 09:05:17.234096901+00:00','I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXpREcibkdwmT7MX3rSIH75ufnH/Qmrbfoa6Xqk=','');
INSERT INTO "user_auth" VALUES(0,1,'oauth_azuread','auth-0','2025-01-31 09:23:50','I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXrbTBP9vr529D3VdXyBcxIRWLezWCw+ey5iKMwuaadZn5tobBY9aj3cpVMsyt17rpxlxS/EOw==','I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXpHweYpcPTB7kmbENd6NKsw6oIh6Qkzqr4HLokTUdTOpYob8b3NY3UIlq56tjC60HlGpm2raxFJ','I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXr/GwTlSeOJQwEiDFR4jpNVkvven+/8','2025-01-31 09:24:18.268309051+00:00','I2FtNDNhSE53ZG1JNGIzazJZVGsjKllXVnpMV05tWWcqZmxOamZTbXp6Qxv9aVMFUOCLguT0hsW1RPlLCGlHpGCwjtD+8kP/7opagzVWvW6ioxQo2jexKYhVjDJ+eGzpkA==','');
INSERT INTO "user_auth" VALUES(1,2,'oauth_azuread','auth-1','2025-01-31 08:53:08',NULL,NULL,NULL,'2025-01-31 08:53:22.665855363+00:00',NULL,'');
INSERT INTO "user_auth" VALUES(2,3,'oauth_azuread','auth-2','2025-01-31 09:18:11',NULL,NULL,NULL,'2025-01-31 09:18:26.653566651+00:00',NULL,'');
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
INSERT INTO "user_external_session" VALUES(1,1,2,'saml','','','','','6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f','','6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f',NULL,'2025-01-31 08:54:27.291306833+00:00');
INSERT INTO "user_external_session" VALUES(2,2,3,'saml','I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlU3Vkc3aVJBbMpGPkmXdSY8RLA4gJ/B0OrN7mN54FUBcZQvICo8OlNgmS6SyrM=','I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlU3Vkc3aVJBFHVEYSCHDibslY7PSItYX4IwBOcvqAvzJiHeMTYtnlcNVcmFR89R','I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlU3Vkc3aVJBvY/S5DrP0AgpZ8jV4KXgye422yT3zKdVaXI5p/ozCj+m8bk0lygezQ==','I1ozSmhabUZ1WVhNIypZV1Z6TFdObVlnKlU3Vkc3aVJB2Ui8Co14/jVMipzmin1v+A==','d4735e3a265e16eee03f59718b9b5d03019c07d8b6c5','I1ozSmhabUZ1WVhNI0tzeVZ6SjRiO5dCdO3tsJ0KoTqzxDbowA==','d4735e3a265e16eee03f59718b9b5d03019c07d8b6c5',NULL,'2025-01-31 09:11:36.594122386+00:00');
INSERT INTO "user_external_session" VALUES(3,3,4,'saml','','','','','4e07408562bedb8b60ce05c1decfe3ad16b72230967d','','4e07408562bedb8b60ce05c1decfe3ad16b72230967d',NULL,'2025-01-31 09:18:48.475389066+00:00');
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
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('migration_log',45);
INSERT INTO "sqlite_sequence" VALUES('resource_migration_log',8);
INSERT INTO "sqlite_sequence" VALUES('org',1);
INSERT INTO "sqlite_sequence" VALUES('data_source',2);
INSERT INTO "sqlite_sequence" VALUES('plugin_setting',2);
INSERT INTO "sqlite_sequence" VALUES('secrets',4);
INSERT INTO "sqlite_sequence" VALUES('user_auth',2);
INSERT INTO "sqlite_sequence" VALUES('user_external_session',3);
INSERT INTO "sqlite_sequence" VALUES('dashboard_snapshot',2);
INSERT INTO "sqlite_sequence" VALUES('cloud_migration_session',3);
INSERT INTO "sqlite_sequence" VALUES('alert_configuration',4);
INSERT INTO "sqlite_sequence" VALUES('alert_configuration_history',2);
INSERT INTO "sqlite_sequence" VALUES('signing_key',1);
INSERT INTO "sqlite_sequence" VALUES('alert_notification',1);
INSERT INTO "sqlite_sequence" VALUES('reencrypt_audit',3);
COMMIT;
