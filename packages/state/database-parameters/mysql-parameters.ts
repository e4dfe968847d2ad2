/**
 * Parameters of MySQL that MariaDB does not have, one a line as in `mariadb-parameters.ts`. A group records
 * them; the server that runs has nothing that they could change.
 * Source: MySQL 8.0 Reference Manual, "Server System Variables"; Amazon RDS User Guide, "Parameters for MySQL".
 */
export const MYSQL_PARAMETERS = `
activate_all_roles_on_login dynamic boolean 0 0,1
authentication_policy dynamic string *,, -
binlog_order_commits dynamic boolean 1 0,1
binlog_row_value_options dynamic string - PARTIAL_JSON
binlog_transaction_compression dynamic boolean 0 0,1
binlog_transaction_dependency_tracking dynamic string COMMIT_ORDER COMMIT_ORDER,WRITESET,WRITESET_SESSION
caching_sha2_password_digest_rounds static integer 5000 5000-4095000
check_proxy_users dynamic boolean 0 0,1
connection_memory_chunk_size dynamic integer 8192 0-536870912
connection_memory_limit dynamic integer 18446744073709551615 2097152-18446744073709551615
cte_max_recursion_depth dynamic integer 1000 0-4294967295
default_authentication_plugin static string caching_sha2_password mysql_native_password,caching_sha2_password
default_collation_for_utf8mb4 dynamic string utf8mb4_0900_ai_ci utf8mb4_0900_ai_ci,utf8mb4_general_ci
enforce_gtid_consistency dynamic string OFF OFF,ON,WARN
generated_random_password_length dynamic integer 20 5-255
global_connection_memory_limit dynamic integer 18446744073709551615 16777216-18446744073709551615
global_connection_memory_tracking dynamic boolean 0 0,1
gtid-mode dynamic string OFF_PERMISSIVE OFF,OFF_PERMISSIVE,ON_PERMISSIVE,ON
histogram_generation_max_mem_size dynamic integer 20000000 1000000-18446744073709551615
information_schema_stats_expiry dynamic integer 86400 0-31536000
innodb_ddl_buffer_size dynamic integer 1048576 65536-4294967295
innodb_ddl_threads dynamic integer 4 1-64
innodb_dedicated_server static boolean 0 0,1
innodb_log_writer_threads dynamic boolean 1 0,1
innodb_parallel_read_threads dynamic integer 4 1-256
innodb_print_ddl_logs dynamic boolean 0 0,1
innodb_redo_log_capacity dynamic integer 104857600 8388608-137438953472
innodb_validate_tablespace_paths static boolean 1 0,1
internal_tmp_mem_storage_engine dynamic string TempTable TempTable,MEMORY
log_error_suppression_list dynamic string - -
log_error_verbosity dynamic integer 2 1-3
log_replica_updates static boolean 1 0,1
log_slow_extra dynamic boolean 0 0,1
log_throttle_queries_not_using_indexes dynamic integer 0 0-4294967295
mandatory_roles dynamic string - -
max_execution_time dynamic integer 0 0-4294967295
mysql_native_password static boolean 1 0,1
ngram_token_size static integer 2 1-10
offline_mode dynamic boolean 0 0,1
parser_max_mem_size dynamic integer 18446744073709551615 10000000-18446744073709551615
partial_revokes dynamic boolean 0 0,1
password_require_current dynamic boolean 0 0,1
range_optimizer_max_mem_size dynamic integer 8388608 0-18446744073709551615
regexp_stack_limit dynamic integer 8000000 0-2147483647
regexp_time_limit dynamic integer 32 0-2147483647
replica_parallel_type dynamic string LOGICAL_CLOCK DATABASE,LOGICAL_CLOCK
replica_parallel_workers dynamic integer 4 0-1024
replica_preserve_commit_order dynamic boolean 1 0,1
select_into_buffer_size dynamic integer 131072 8192-2147479552
show_create_table_verbosity dynamic boolean 0 0,1
show_gipk_in_create_table_and_information_schema dynamic boolean 1 0,1
sql_generate_invisible_primary_key dynamic boolean 0 0,1
sql_require_primary_key dynamic boolean 0 0,1
stored_program_definition_cache dynamic integer 256 256-524288
super_read_only dynamic boolean 0 0,1
temptable_max_mmap dynamic integer 1073741824 0-18446744073709551615
temptable_max_ram dynamic integer 1073741824 2097152-18446744073709551615
temptable_use_mmap dynamic boolean 1 0,1
windowing_use_high_precision dynamic boolean 1 0,1
xa_detach_on_prepare dynamic boolean 1 0,1
`;
