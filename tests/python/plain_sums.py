"""Plain sums over the windows of a history by DuckDB, over the files that the Delta log lists.

usage: plain_sums.py <history folder>  ->  one line of JSON
"""

import json
import sys

import deltalake
import duckdb

COLUMNS = ["attempts", "starts", "ends", "playing_ms", "rebuffering_ms", "rebuffer_count", "events", "lost_events"]

files = deltalake.DeltaTable(f"{sys.argv[1]}/playback").file_uris()
sums = ", ".join(f"sum({column})::BIGINT AS {column}" for column in COLUMNS)
rows = duckdb.execute(
    f"""SELECT cuboid, {sums}, sum(list_sum([bin.count FOR bin IN startup_sketch]))::BIGINT AS startups
        FROM read_parquet($1) GROUP BY cuboid ORDER BY cuboid""",
    [files],
)
names = [column[0] for column in rows.description]
print(json.dumps([dict(zip(names, row)) for row in rows.fetchall()]))
