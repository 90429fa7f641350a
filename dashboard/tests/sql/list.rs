//! The hostile statements.

use crate::hostile::End::{self, Bounded, Harmless, Limited, Refused, Wrong};

#[rustfmt::skip]
pub(crate) const HOSTILE: &[(End, &str)] = &[
    // Files and network.
    (Refused, "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'"),
    (Refused, "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 's3://bucket/key'"),
    (Refused, "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'http://127.0.0.1:7700/'"),
    (Wrong, "SELECT * FROM '/etc/passwd'"),
    (Wrong, "SELECT * FROM \"/etc/passwd\""),
    (Wrong, "SELECT * FROM 'data.parquet'"),
    (Wrong, "SELECT * FROM \"s3://bucket/x.parquet\""),
    (Wrong, "SELECT * FROM 'http://127.0.0.1/x.csv'"),
    (Refused, "SELECT * FROM read_csv('/etc/passwd')"),
    (Refused, "SELECT * FROM read_parquet('/etc/passwd')"),
    (Refused, "SELECT * FROM parquet_metadata('/etc/passwd')"),
    (Refused, "SELECT * FROM glob('/**')"),
    (Wrong, "SELECT pg_read_file('/etc/passwd')"),
    (Wrong, "SELECT load_extension('/tmp/x.so')"),
    (Wrong, "SELECT input_file_name() FROM playback"),
    (Refused, "COPY playback TO '/tmp/stolen.csv'"),
    (Refused, "COPY (SELECT 1) TO 's3://bucket/x' STORED AS PARQUET"),
    (Wrong, "COPY playback FROM '/etc/passwd'"),
    (Refused, "INSERT INTO playback SELECT * FROM playback"),
    (Refused, "INSERT OVERWRITE playback SELECT * FROM playback"),
    (Refused, "EXPLAIN COPY playback TO '/tmp/x.csv'"),
    (Refused, "EXPLAIN INSERT INTO playback SELECT * FROM playback"),
    (Refused, "EXPLAIN ANALYZE INSERT INTO playback SELECT * FROM playback"),
    // Changes.
    (Refused, "CREATE TABLE t AS SELECT 1"),
    (Refused, "CREATE VIEW v AS SELECT 1"),
    (Refused, "CREATE OR REPLACE VIEW playback AS SELECT 1"),
    (Refused, "CREATE SCHEMA s"),
    (Refused, "CREATE DATABASE d"),
    (Refused, "CREATE FUNCTION f(int) RETURNS int RETURN $1"),
    (Refused, "DROP TABLE playback"),
    (Refused, "DROP VIEW playback"),
    (Refused, "DROP SCHEMA public CASCADE"),
    (Refused, "ALTER TABLE playback ADD COLUMN x int"),
    (Refused, "DELETE FROM playback"),
    (Refused, "UPDATE playback SET viewers = 0"),
    (Refused, "TRUNCATE TABLE playback"),
    (Refused, "MERGE INTO playback USING actions ON true WHEN MATCHED THEN DELETE"),
    (Refused, "SELECT 1 INTO t"),
    (Refused, "WITH x AS (SELECT 1) INSERT INTO playback SELECT * FROM x"),
    (Refused, "VACUUM playback"),
    (Refused, "GRANT ALL ON playback TO public"),
    // Settings and transactions.
    (Refused, "SET datafusion.execution.batch_size = 1"),
    (Refused, "SET datafusion.runtime.memory_limit = '100G'"),
    (Refused, "RESET datafusion.execution.batch_size"),
    (Refused, "SHOW ALL"),
    (Refused, "SHOW datafusion.execution.batch_size"),
    (Wrong, "SELECT * FROM information_schema.df_settings"),
    (Wrong, "SELECT * FROM information_schema.routines"),
    (Refused, "SHOW FUNCTIONS"),
    (Refused, "BEGIN"),
    (Refused, "COMMIT"),
    (Refused, "PREPARE p AS SELECT 1"),
    (Refused, "EXECUTE p"),
    (Refused, "DEALLOCATE p"),
    (Refused, "SELECT 1; SELECT 2"),
    (Refused, "SELECT 1; DROP TABLE playback"),
    (Refused, "CALL system.shutdown()"),
    (Refused, "USE other"),
    (Refused, "KILL 1"),
    (Wrong, "SELECT @@version"),
    (Wrong, "SELECT $1"),
    // Other tenants.
    (Wrong, "SELECT * FROM other.playback"),
    (Wrong, "SELECT * FROM datafusion.public.playback"),
    (Harmless, "SELECT * FROM playback WHERE tenant = 'other'"),
    (Harmless, "SELECT * FROM playback -- WHERE tenant = 'demo'"),
    (Wrong, "SELECT * FROM playback')/*"),
    // Large results from small arguments.
    (Limited, "SELECT repeat('x', 1000000000)"),
    (Limited, "SELECT repeat(content, 1000000000) FROM playback"),
    (Limited, "SELECT repeat(repeat('x', 60000), 60000)"),
    (Limited, "SELECT lpad('x', 2000000000)"),
    (Limited, "SELECT rpad(content, 2000000000, 'y') FROM playback"),
    (Limited, "SELECT replace(repeat('x', 60000), 'x', repeat('y', 60000))"),
    (Limited, "SELECT regexp_replace(repeat('x', 60000), '.', repeat('y', 900), 'g')"),
    (Limited, "SELECT range(0, 1000000000000)"),
    (Limited, "SELECT generate_series(1, 1000000000000)"),
    (Limited, "SELECT array_repeat('x', 10000000000)"),
    (Limited, "SELECT array_repeat(array_repeat(1, 8000), 8000)"),
    (Wrong, "SELECT array_resize([1], 10000000000, 0)"),
    (Limited, "SELECT levenshtein(repeat('a', 60000), repeat('b', 60000))"),
    (Limited, "SELECT concat_ws(repeat('x', 60000), 'a', 'b', 'c', 'd')"),
    (Limited, "SELECT array_to_string(range(0, 8000), repeat('x', 60000))"),
    (Limited, "SELECT to_char(now(), repeat('%c', 30000))"),
    (Wrong, "SELECT array_transform([1], x -> x)"),
    (Limited, "SELECT concat(a, a, a, a) FROM (SELECT repeat('x', 60000) AS a)"),
    (Limited, "SELECT a || a FROM (SELECT repeat('x', 60000) AS a)"),
    // Allocations as large as an argument, a type or a clause says, before there is a row.
    (Limited, "SELECT approx_percentile_cont(value::double, 0.5, 100000000000000) FROM generate_series(1, 10)"),
    (Limited, "SELECT \"approx_percentile_cont\"(value::double, 0.5, 1001) FROM generate_series(1, 10)"),
    (Limited, "SELECT approx_percentile_cont(0.5, 100000000000000) WITHIN GROUP (ORDER BY value::double) FROM generate_series(1, 10)"),
    (Limited, "SELECT approx_percentile_cont(value::double, 0.5, NULL::bigint) FROM generate_series(1, 10)"),
    (Harmless, "SELECT approx_percentile_cont(value::double, 0.5, 1000) FROM generate_series(1, 10)"),
    (Harmless, "SELECT approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY value::double) FROM generate_series(1, 10)"),
    (Limited, "SELECT NULL::BIGINT[100000][2147483647]"),
    (Limited, "SELECT CAST(NULL AS BIGINT[2147483647])"),
    (Limited, "SELECT TRY_CAST(NULL AS ARRAY<BIGINT[2147483647]>)"),
    (Limited, "SELECT BIGINT[2147483647] '1'"),
    (Limited, "SELECT CAST(NULL AS STRUCT<a STRUCT<b BIGINT[2147483647]>>)"),
    (Limited, "SELECT * FROM playback WHERE viewers IN (SELECT unnest(NULL::BIGINT[2147483647]))"),
    (Limited, "SELECT NULL::BIGINT[][][][][]"),
    (Harmless, "SELECT NULL::BIGINT[][][][]"),
    (Limited, "SELECT arrow_cast(NULL, 'FixedSizeList(2147483647, Int64)')"),
    (Limited, "SELECT arrow_cast(NULL, 'List(FixedSizeList(2147483647 x Int64))')"),
    (Limited, "SELECT \"arrow_cast\"(NULL, 'FixedSizeBinary(2147483647)')"),
    (Limited, "SELECT arrow_cast(1, content) FROM playback"),
    (Harmless, "SELECT arrow_cast(1700000000000000, 'Timestamp(Microsecond, Some(\"UTC\"))')"),
    (Harmless, "SELECT content, max(viewers) AS most FROM playback GROUP BY content ORDER BY most DESC LIMIT 100000000000000"),
    (Harmless, "SELECT DISTINCT viewers FROM playback ORDER BY viewers LIMIT 100000000000000"),
    (Harmless, "SELECT viewers FROM playback ORDER BY viewers LIMIT 9223372036854775807"),
    (Harmless, "SELECT lag(viewers, 9223372036854775807) OVER (ORDER BY pane) FROM playback"),
    (Harmless, "SELECT ntile(9223372036854775807) OVER (ORDER BY pane) FROM playback"),
    // Large values that are repeated.
    (Limited, "SELECT max(character_length(s) + value) FROM (SELECT string_agg(value::text, ',') AS s FROM generate_series(1, 60000)) CROSS JOIN generate_series(1, 10)"),
    (Limited, "SELECT max(array_length(s)::bigint + value) FROM (SELECT array_agg(value) AS s FROM generate_series(1, 60000)) CROSS JOIN generate_series(1, 10)"),
    (Limited, "SELECT max(array_length(s)::bigint + v) FROM (SELECT s, unnest([1, 2, 3]) AS v FROM (SELECT array_agg(value) AS s FROM generate_series(1, 60000)))"),
    (Limited, "SELECT value, array_length((SELECT array_agg(value) FROM generate_series(1, 60000))) FROM generate_series(1, 10)"),
    (Harmless, "SELECT array_length(array_agg(value)) FROM generate_series(1, 60000)"),
    (Harmless, "SELECT max(array_length(s)::bigint + value) FROM (SELECT array_agg(value) AS s FROM generate_series(1, 20000)) CROSS JOIN generate_series(1, 10)"),
    // Regular expressions.
    (Bounded, "SELECT regexp_like(repeat('a', 60000), '(a*)*b')"),
    (Wrong, "SELECT regexp_like('a', '((((a{100}){100}){100}){100})')"),
    (Limited, "SELECT regexp_like('a', content) FROM playback"),
    (Limited, "SELECT 'a' ~ content FROM playback"),
    (Refused, "SELECT 'a' SIMILAR TO '(a*)*b'"),
    (Limited, "SELECT * FROM playback WHERE content LIKE content"),
    // Work without end.
    (Bounded, "SELECT count(*) FROM generate_series(1, 1000000000000)"),
    (Bounded, "SELECT * FROM generate_series(1, 1000000000000)"),
    (Limited, "SELECT count(*) FROM playback a, playback b, playback c, playback d, playback e"),
    (Limited, "SELECT a.viewers AS v, b.viewers AS w, c.viewers AS x FROM playback a, playback b, playback c, playback d ORDER BY v, w, x"),
    (Limited, "SELECT a.value FROM generate_series(1, 100000000) a ORDER BY md5(a.value::text)"),
    (Limited, "SELECT count(DISTINCT md5(value::text)) FROM generate_series(1, 100000000)"),
    (Bounded, "SELECT value, count(*) FROM generate_series(1, 100000000) GROUP BY value"),
    (Limited, "SELECT array_agg(value) FROM generate_series(1, 1000000000)"),
    (Limited, "SELECT string_agg(value::text, ',') FROM generate_series(1, 1000000000)"),
    (Limited, "SELECT a.value FROM generate_series(1, 100000000) a JOIN generate_series(1, 100000000) b ON a.value = b.value"),
    (Limited, "SELECT count(*) FROM generate_series(1, 1000000) a JOIN generate_series(1, 1000000) b ON a.value < b.value"),
    (Limited, "SELECT sum(v) OVER (ORDER BY v) FROM (SELECT md5(value::text) AS m, value AS v FROM generate_series(1, 1000000000)) ORDER BY 1"),
    (Refused, "SELECT median(value) OVER (ORDER BY value) FROM generate_series(1, 1000000)"),
    (Refused, "SELECT array_agg(value) OVER (ORDER BY value) FROM generate_series(1, 1000000)"),
    (Limited, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"),
    (Limited, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n, generate_series(1, 10)) SELECT count(*) FROM n"),
    (Limited, "WITH RECURSIVE n(t) AS (SELECT 'x' UNION ALL SELECT t || t FROM n) SELECT count(*) FROM n"),
    (Limited, "WITH a AS (SELECT * FROM playback, generate_series(1, 1000)), b AS (SELECT a.* FROM a, generate_series(1, 1000)), c AS (SELECT b.viewers FROM b, generate_series(1, 1000)) SELECT count(*) FROM c"),
    (Wrong, "SELECT (SELECT count(*) FROM playback b WHERE b.viewers < a.viewers) FROM playback a"),
    (Bounded, "SELECT unnest(range(0, 4000)) AS a, unnest(range(1, 4001)) AS b FROM playback"),
    (Bounded, "SELECT DISTINCT a.pane AS p, b.pane AS q, c.pane AS r FROM playback a, playback b, playback c"),
];

/// Statements too long to write out.
pub(crate) fn generated() -> Vec<(End, String)> {
    let brackets = format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000));
    let nots = format!("SELECT {}true", "NOT ".repeat(5_000));
    let minus = format!("SELECT {}1", "- ".repeat(5_000));
    let sum = format!("SELECT 1{}", " + 1".repeat(10_000));
    let some = format!("SELECT 1{}", " + 1".repeat(150));
    let or = format!("SELECT * FROM playback WHERE viewers = 1{}", " OR viewers = 2".repeat(150));
    let nested =
        format!("SELECT * FROM {}playback{}", "(SELECT * FROM ".repeat(200), ")".repeat(200));
    let literal = format!("SELECT '{}'", "x".repeat(1 << 20));
    let texts = format!("SELECT '{}' FROM playback", "x".repeat(60_000));
    let list = format!("SELECT * FROM playback WHERE viewers IN ({})", vec!["1"; 3_000].join(","));
    let long_list =
        format!("SELECT * FROM playback WHERE viewers IN ({})", vec!["1"; 20_000].join(","));
    let columns = format!(
        "SELECT {} FROM playback",
        (0..200).map(|i| format!("repeat(content, 9000) AS c{i}")).collect::<Vec<_>>().join(",")
    );
    let mut doubling = "WITH a0 AS (SELECT * FROM playback)".to_owned();
    let mut growing = "WITH a0 AS (SELECT viewers AS c FROM playback)".to_owned();
    let mut texting = "WITH a0 AS (SELECT content AS c FROM playback)".to_owned();
    for i in 1..40 {
        let before = i - 1;
        doubling +=
            &format!(", a{i} AS (SELECT * FROM a{before} UNION ALL SELECT * FROM a{before})");
        growing += &format!(", a{i} AS (SELECT c + c AS c FROM a{before})");
        texting += &format!(", a{i} AS (SELECT c || c AS c FROM a{before})");
    }
    doubling += " SELECT count(*) FROM a39";
    growing += " SELECT * FROM a39 WHERE c > 1";
    texting += " SELECT count(c) FROM a39 WHERE c <> 'x'";
    let joins = format!(
        "SELECT count(*) FROM playback p0 {}",
        (1..80).map(|i| format!("JOIN playback p{i} USING (pane) ")).collect::<String>()
    );
    let cases = format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(300), " END".repeat(300));
    vec![
        (Limited, brackets),
        (Wrong, nots),
        (Limited, minus),
        (Limited, sum),
        (Harmless, some),
        (Harmless, or),
        (Limited, nested),
        (Limited, literal),
        (Harmless, texts),
        (Harmless, list),
        (Limited, long_list),
        (Limited, columns),
        (Limited, doubling),
        (Limited, growing),
        (Limited, texting),
        (Limited, joins),
        (Limited, cases),
        (Wrong, "SELECT \u{0}".to_owned()),
        (Wrong, "\u{202e}SELECT 1".to_owned()),
        (Wrong, "/* ".repeat(1_000)),
    ]
}
