//! The answers to queries, in each format.

use std::io::Cursor;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use tallylight_dashboard::sql::{Format, Kind};
use tallylight_schemas::metrics::{ALL, Formula};

use crate::world::{PANES, engine, rows, settings, time, value};

#[tokio::test]
async fn a_tenant_sees_its_own_rows_only() {
    let engine = engine(settings());
    for sql in [
        "SELECT count(*) FROM playback",
        "SELECT count(*) FROM playback WHERE tenant = 'demo'",
        "SELECT count(*) FROM playback WHERE tenant = 'other' OR tenant = 'demo' OR true",
        "SELECT count(*) FROM (SELECT * FROM playback) playback",
        "SELECT count(*) FROM public.playback",
        "SELECT count(*) FROM tallylight.public.playback AS p",
        "WITH playback AS (SELECT * FROM playback) SELECT count(*) FROM playback",
    ] {
        assert_eq!(value(&engine, sql).await, json!(PANES), "{sql}");
    }
    let other = "SELECT count(*) FROM playback WHERE tenant <> 'demo'";
    assert_eq!(value(&engine, other).await, json!(0));
    assert_eq!(value(&engine, "SELECT count(DISTINCT tenant) FROM actions").await, json!(1));
}

#[tokio::test]
async fn the_newest_row_of_an_id_is_the_visible_one() {
    let engine = engine(settings());
    let rows = rows(&engine, "SELECT id, state FROM actions ORDER BY id").await.unwrap();
    assert_eq!(
        rows,
        [json!({"id": "a", "state": "taken"}), json!({"id": "b", "state": "offered"})]
    );
    let old = "SELECT count(*) FROM actions WHERE id = 'a' AND state = 'offered'";
    assert_eq!(value(&engine, old).await, json!(0), "a filter does not reveal an older row");
}

#[tokio::test]
async fn json_keeps_numbers_times_and_nulls() {
    let engine = engine(settings());
    let rows = rows(&engine, "SELECT * FROM odd ORDER BY at DESC NULLS LAST").await.unwrap();
    assert_eq!(
        rows,
        [
            json!({"number": "9007199254740993", "name": "a,\"b\"\r\nc", "at": "2023-11-14T22:13:20.000001Z"}),
            json!({"number": -1, "name": "", "at": "1970-01-01T00:00:00.000000Z"}),
            json!({"number": null, "name": null, "at": null}),
        ]
    );
    let odd = "SELECT [1, NULL] AS list, {a: 1} AS pair, 'NaN'::double AS nan, 0.1::float AS tenth, \
               1.5::decimal(10, 2) AS exact, true AS yes, DATE '2026-01-02' AS day";
    assert_eq!(
        crate::world::rows(&engine, odd).await.unwrap()[0],
        json!({"list": [1, null], "pair": {"a": 1}, "nan": "NaN", "tenth": 0.1, "exact": "1.50",
               "yes": true, "day": "2026-01-02"})
    );
}

#[tokio::test]
async fn csv_quotes_and_distinguishes_empty_from_null() {
    let engine = engine(settings());
    let answer = engine
        .run("SELECT number, name, at FROM odd ORDER BY at DESC NULLS LAST", Format::Csv)
        .await
        .unwrap();
    assert_eq!(
        String::from_utf8(answer.body).unwrap(),
        "number,name,at\r\n\
         9007199254740993,\"a,\"\"b\"\"\r\nc\",2023-11-14T22:13:20.000001Z\r\n\
         -1,\"\",1970-01-01T00:00:00.000000Z\r\n\
         ,,\r\n"
    );
}

#[tokio::test]
async fn a_text_table_has_columns_and_no_terminal_commands() {
    let engine = engine(settings());
    let sql = "SELECT number, name FROM odd ORDER BY at DESC NULLS LAST";
    let answer = engine.run(sql, Format::Table).await.unwrap();
    assert_eq!(
        String::from_utf8(answer.body).unwrap(),
        "          number  name\n\
         ────────────────  ────────\n\
         9007199254740993  a,\"b\"··c\n              -1  \n            NULL  NULL\n(3 rows)\n"
    );
    let answer = engine.run("SELECT chr(27) || '[2J' AS x", Format::Table).await.unwrap();
    assert!(!answer.body.contains(&27));
    let answer = engine.run("SELECT repeat('x', 81) AS x", Format::Table).await.unwrap();
    let text = String::from_utf8(answer.body).unwrap();
    assert!(
        text.ends_with(
            "(1 row; … marks a cell cut to 80 characters, JSON and CSV have it whole)\n"
        ),
        "{text}"
    );
}

fn check_odd(batches: &[RecordBatch]) {
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 3);
    let first = &batches[0];
    assert_eq!(first.column(0).as_primitive::<Int64Type>().value(0), 9_007_199_254_740_993);
    assert_eq!(*first.column(2).data_type(), time());
    let nulls: usize = batches.iter().map(|batch| batch.column(1).null_count()).sum();
    assert_eq!(nulls, 1);
}

#[tokio::test]
async fn arrow_and_parquet_read_back() {
    let engine = engine(settings());
    let sql = "SELECT number, name, at FROM odd ORDER BY at DESC NULLS LAST";
    let body = engine.run(sql, Format::Arrow).await.unwrap().body;
    let batches: Result<Vec<_>, _> =
        StreamReader::try_new(Cursor::new(body), None).unwrap().collect();
    check_odd(&batches.unwrap());
    let body = engine.run(sql, Format::Parquet).await.unwrap().body;
    let reader = ParquetRecordBatchReaderBuilder::try_new(axum::body::Bytes::from(body)).unwrap();
    let batches: Result<Vec<_>, _> = reader.build().unwrap().collect();
    check_odd(&batches.unwrap());
    // An empty answer is valid in every format.
    for format in Format::ALL {
        let answer = engine.run("SELECT * FROM odd WHERE false", format).await.unwrap();
        assert_eq!(answer.rows, 0, "{format:?}");
    }
}

#[tokio::test]
async fn two_columns_of_one_name_are_both_kept_or_refused() {
    let engine = engine(settings());
    let sql = "SELECT a.number, b.number FROM odd a, odd b WHERE a.number = -1 AND b.number > 0";
    let refused = rows(&engine, sql).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Invalid);
    assert!(refused.detail.contains("two columns are called `number`"), "{refused}");
    assert_eq!(rows(&engine, &sql.replacen(',', " AS first,", 1)).await.unwrap().len(), 1);
    let (less, more) = (-1, 9_007_199_254_740_993);
    for format in [Format::Csv, Format::Table] {
        let body = engine.run(sql, format).await.unwrap().body;
        let text = String::from_utf8(body).unwrap();
        assert_eq!(text.matches("number").count(), 2, "{text}");
        assert!([less, more].iter().all(|number| text.contains(&number.to_string())), "{text}");
    }
    let body = engine.run(sql, Format::Arrow).await.unwrap().body;
    let arrow = StreamReader::try_new(Cursor::new(body), None).unwrap().next().unwrap().unwrap();
    let body = engine.run(sql, Format::Parquet).await.unwrap().body;
    let reader = ParquetRecordBatchReaderBuilder::try_new(axum::body::Bytes::from(body)).unwrap();
    let parquet = reader.build().unwrap().next().unwrap().unwrap();
    for batch in [arrow, parquet] {
        let value = |at: usize| batch.column(at).as_primitive::<Int64Type>().value(0);
        assert_eq!((value(0), value(1)), (less, more));
    }
    for nested in ["{a: 1, a: 2}", "[{a: 1, a: 2}]", "{b: {a: 1, a: 2}}"] {
        let error = rows(&engine, &format!("SELECT {nested} AS x")).await.unwrap_err();
        assert_eq!(error.kind, Kind::Invalid, "{nested}: {error}");
    }
}

#[tokio::test]
async fn sketches_merge_and_give_quantiles() {
    let engine = engine(settings());
    let q =
        |q: f64| format!("SELECT sketch_quantile(sketch_merge(startup_sketch), {q}) FROM playback");
    assert_eq!(value(&engine, &q(0.5)).await, json!(0.99));
    let high = value(&engine, &q(0.99)).await.as_f64().unwrap();
    assert!((high - 100.0).abs() < 2.0, "{high}");
    let none =
        "SELECT sketch_quantile(sketch_merge(startup_sketch), 0.5) FROM playback WHERE false";
    assert_eq!(value(&engine, none).await, Value::Null);
    let grouped = "SELECT edge, sketch_quantile(sketch_merge(startup_sketch), 1) AS max FROM playback \
                   GROUP BY edge ORDER BY edge";
    assert_eq!(rows(&engine, grouped).await.unwrap().len(), 2);
    let wrong =
        rows(&engine, "SELECT sketch_quantile(viewers, 0.5) FROM playback").await.unwrap_err();
    assert!(wrong.detail.contains("takes a sketch"), "{wrong}");
}

#[tokio::test]
async fn each_metric_has_sql_that_runs_and_agrees_with_its_tile() {
    let engine = engine(settings());
    for metric in ALL {
        let sql = format!("SELECT {} FROM playback", tallylight_dashboard::sql::metric_sql(metric));
        let value = value(&engine, &sql).await;
        assert!(value.is_number(), "{}: {value}", metric.name);
        if let (Formula::Ratio { .. }, "rebuffer_ratio_pct") = (metric.formula, metric.name) {
            assert_eq!(value, json!(10.0));
        }
    }
}

#[tokio::test]
async fn mistakes_are_reported_with_their_position() {
    let engine = engine(settings());
    for (sql, at, hint) in [
        ("SELECT rebufering_ms FROM playback", Some((1, 8)), "did you mean rebuffering_ms"),
        ("SELECT 1\nFROM playbak", Some((2, 6)), "did you mean playback"),
        ("SELECT p.viewer\nFROM playback p", Some((1, 8)), "viewers"),
        ("SELECT * FORM playback", Some((1, 10)), "cannot be read"),
        ("SELECT sketch_quantil(startup_sketch, 1) FROM playback", None, "sketch_quantile"),
        ("", None, "SELECT"),
        ("SELECT * FROM playback WHERE", None, "cannot be read"),
        ("SELECT viewers, count(*) FROM playback", None, "GROUP BY"),
        ("SELECT 1 / 0", None, "zero"),
    ] {
        let error = rows(&engine, sql).await.expect_err(sql);
        assert_eq!(error.kind, Kind::Invalid, "{sql}: {error}");
        assert!(error.to_string().to_lowercase().contains(&hint.to_lowercase()), "{sql}: {error}");
        if at.is_some() {
            assert_eq!(error.at, at, "{sql}: {error}");
        }
    }
    let away = rows(&engine, "SELECT * FROM broken").await.unwrap_err();
    assert_eq!(away.kind, Kind::Unavailable);
    assert!(away.detail.contains("its disk is away"), "{away}");
}

#[tokio::test]
async fn tables_describe_themselves() {
    let engine = engine(settings());
    let rows_of =
        async |sql: &str| rows(&engine, sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    assert_eq!(rows_of("SHOW TABLES").await.len(), 4);
    assert_eq!(rows_of("SHOW COLUMNS FROM odd").await.len(), 3);
    assert_eq!(rows_of("DESCRIBE odd").await.len(), 3);
    assert!(!rows_of("EXPLAIN SELECT * FROM odd").await.is_empty());
    assert!(!rows_of("EXPLAIN ANALYZE SELECT count(*) FROM odd").await.is_empty());
    let types = rows_of(
        "SELECT data_type FROM information_schema.columns WHERE column_name = 'startup_sketch'",
    )
    .await;
    assert_eq!(types[0]["data_type"], "sketch");
}

#[tokio::test]
async fn everyday_sql_works() {
    let engine = engine(settings());
    for sql in [
        "SELECT edge, SUM(viewers) FROM playback GROUP BY edge HAVING SUM(viewers) > 1 ORDER BY 2 DESC LIMIT 1",
        "SELECT date_bin(INTERVAL '10 seconds', pane) AS t, round(avg(viewers), 1) FROM playback GROUP BY t ORDER BY t",
        "SELECT edge || '-' || content AS name, upper(edge), length(content) FROM playback LIMIT 3",
        "SELECT pane, SUM(viewers) OVER (ORDER BY pane ROWS BETWEEN 5 PRECEDING AND CURRENT ROW) FROM playback",
        "SELECT a.edge FROM playback a JOIN playback b USING (pane) LIMIT 5",
        "SELECT * FROM generate_series(1, 5)",
        "SELECT edge FROM playback WHERE content LIKE 'de%' AND edge ~ '^e[0-9]$' LIMIT 1",
        "SELECT CASE WHEN viewers > 5 THEN 'many' ELSE 'few' END AS size, count(*) FROM playback GROUP BY 1",
        "SELECT * FROM playback WHERE pane > now() - INTERVAL '1 hour'",
        "SELECT to_char(pane, '%H:%M') FROM playback LIMIT 1",
        "SELECT edge, array_agg(viewers ORDER BY pane) FROM playback GROUP BY edge",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT sum(i) FROM n",
        "SELECT * FROM playback WHERE viewers IN (SELECT max(viewers) FROM playback)",
        "SELECT 'a' UNION ALL SELECT 'b' EXCEPT SELECT 'c'",
        "SELECT unnest(startup_sketch)['count'] FROM playback LIMIT 2",
        "VALUES (1, 'a'), (2, 'b')",
    ] {
        let answer = rows(&engine, sql).await;
        assert!(answer.is_ok(), "{sql}: {answer:?}");
    }
}
