"""Plain sums over history by DuckDB: only the files that the Delta log lists, without our code.

usage: sums.py <history folder>  ->  one line of JSON
"""

import json
import sys

import deltalake
import duckdb


def files(root, table):
    return deltalake.DeltaTable(f"{root}/{table}").file_uris()


def ask(sql, paths):
    return duckdb.execute(sql, [paths]).fetchone()


root = sys.argv[1]
accepted, distinct = ask(
    """SELECT count(*), count(DISTINCT sid || '/' || sn)
       FROM read_parquet($1) WHERE fate = 'accepted' AND starts_with(sid, 'load-')""",
    files(root, "player_events"),
)
(windows,) = ask(
    """SELECT sum(events)::BIGINT FROM read_parquet($1)
       WHERE cuboid = 'content' AND content = 'crash'""",
    files(root, "playback"),
)
ends, door = ask(
    """SELECT sum(events)::BIGINT, sum(door)::BIGINT FROM read_parquet($1)""",
    files(root, "fates_1s"),
)
print(json.dumps({"accepted": accepted, "distinct": distinct, "windows": windows, "ends": ends, "door": door}))
