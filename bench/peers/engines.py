"""W1 in other engines: `engines.py NAME FILE OUT` writes the windows of FILE as CSV.

Each runs in its own process, so that its CPU time is measured separately. Each writes the same
columns; bench/peers/run.py compares the rows with ours.
"""

import sys
import tempfile

HEADER = "second,title,cdn,country,count,kbps,buffer_ms,latency_ms\n"


def duckdb(source, out):
    """One query over the file. No watermark, no state that outlives it, nothing stored."""
    import duckdb as engine

    texts = "'cid': 'VARCHAR', 'com.example-cdn': 'VARCHAR', 'com.tallylight-country': 'VARCHAR'"
    numbers = "'ts': 'BIGINT', 'br': 'BIGINT', 'bl': 'BIGINT', 'ltc': 'BIGINT'"
    con = engine.connect(config={"threads": 1})
    con.execute(
        f"""COPY (
            SELECT ts // 1000 AS second, cid AS title, "com.example-cdn" AS cdn,
                   "com.tallylight-country" AS country, count(*) AS count, sum(br) AS kbps,
                   sum(bl) AS buffer_ms, max(ltc) AS latency_ms
            FROM read_json('{source}', format = 'newline_delimited', columns = {{{texts}, {numbers}}})
            GROUP BY ALL ORDER BY ALL
        ) TO '{out}' (HEADER, DELIMITER ',')"""
    )


def chdb(source, out):
    """Raw rows stored in a MergeTree, and windows by a materialized view on them: what
    ClickHouse recommends for aggregates of what is inserted."""
    from chdb import session

    columns = (
        "ts Int64, cid LowCardinality(String), `com.example-cdn` LowCardinality(String), "
        "`com.tallylight-country` LowCardinality(String), br Int64, bl Int64, ltc Int64"
    )
    plain = columns.replace("LowCardinality(String)", "String")
    with tempfile.TemporaryDirectory() as folder:
        con = session.Session(folder)
        con.query("CREATE DATABASE w1 ENGINE = Atomic")
        con.query(f"CREATE TABLE w1.raw ({columns}) ENGINE = MergeTree ORDER BY (cid, ts)")
        added = "SimpleAggregateFunction(sum, Int64)"
        con.query(
            f"""CREATE TABLE w1.windows (
                second Int64, title LowCardinality(String), cdn LowCardinality(String),
                country LowCardinality(String), count {added}, kbps {added}, buffer_ms {added},
                latency_ms SimpleAggregateFunction(max, Int64)
            ) ENGINE = AggregatingMergeTree ORDER BY (title, second, cdn, country)"""
        )
        con.query(
            """CREATE MATERIALIZED VIEW w1.fill TO w1.windows AS
            SELECT intDiv(ts, 1000) AS second, cid AS title, `com.example-cdn` AS cdn,
                   `com.tallylight-country` AS country, toInt64(count()) AS count, sum(br) AS kbps,
                   sum(bl) AS buffer_ms, max(ltc) AS latency_ms
            FROM w1.raw GROUP BY second, title, cdn, country"""
        )
        con.query(
            f"INSERT INTO w1.raw SELECT * FROM file('{source}', 'JSONEachRow', '{plain}') "
            "SETTINGS max_threads = 1, max_insert_threads = 1, "
            "input_format_skip_unknown_fields = 1"
        )
        rows = con.query(
            """SELECT second, title, cdn, country, sum(count), sum(kbps), sum(buffer_ms),
                      max(latency_ms)
            FROM w1.windows GROUP BY second, title, cdn, country""",
            "CSV",
        )
        with open(out, "w", encoding="utf-8") as file:
            file.write(HEADER + str(rows).replace('"', ""))
        con.close()


if __name__ == "__main__":
    name, file, result = sys.argv[1:]
    {"duckdb": duckdb, "chdb": chdb}[name](file, result)
