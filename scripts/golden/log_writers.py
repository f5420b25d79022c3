"""Writes src/logs/golden/: one log of nasty texts as Python's csv and json modules, pandas, Polars and zstd write it.

    pip install -r scripts/golden/requirements.txt && python scripts/golden/log_writers.py

zstd is the command line tool. src/logs/golden.test.ts reads the files and expects rows.json.
"""

import csv
import gzip
import json
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
import polars as pl

OUT = Path(__file__).parents[2] / "src" / "logs" / "golden"
TEXTS = [
    "plain words",
    'she said "hi, you" and left',
    '"quoted from end to end"',
    "one 'tick' and a \"mark",
    "a, b; c | d\te",
    "first line\nsecond line\n\nfourth",
    "of Windows\r\nand on",
    "C:\\temp\\new \\n is no break",
    'ends with a backslash \\',
    'a backslash \\" before a mark',
    "line\u2028separator, next\u0085line, no\u00a0break",
    "astral \U0001f339, combining e\u0301, right to left \u05e9\u05dc\u05d5\u05dd",
    "a mark \ufeff inside",
    "null",
    "0012",
    "1e5",
    "# no comment",
    "=1+1",
    '{"json": ["in", "text"]}',
    "<b>&amp;</b>",
]
USERS = ["ann", "007", "7", "12345678901234567890", "b, c", '"q"', "j\u00f6rg"]
START = datetime(2024, 2, 28, 23, 59, 58, tzinfo=timezone.utc)
ROWS = [
    {
        "user": USERS[i % len(USERS)],
        "time": (START + timedelta(hours=7 * i)).isoformat(),
        "text": text,
        "rating": None if i % 3 == 0 else i / 2,
    }
    for i, text in enumerate(TEXTS)
]
COLUMNS = list(ROWS[0])


def write_csv(name, **dialect):
    with open(OUT / name, "w", newline="", encoding=dialect.pop("encoding", "utf-8")) as file:
        writer = csv.DictWriter(file, COLUMNS, **dialect)
        writer.writeheader()
        writer.writerows(ROWS)


def lines(**options):
    return "".join(json.dumps(row, **options) + "\n" for row in ROWS)


OUT.mkdir(exist_ok=True)
(OUT / "rows.json").write_text(json.dumps(ROWS, indent=1), encoding="utf-8")
(OUT / "python.jsonl").write_text(lines(), encoding="utf-8")
(OUT / "python-unicode.jsonl").write_text(lines(ensure_ascii=False), encoding="utf-8")
(OUT / "python.json").write_text(json.dumps(ROWS), encoding="utf-8")
(OUT / "python.jsonl.gz").write_bytes(gzip.compress(lines().encode(), mtime=0))
zstd = subprocess.run(["zstd", "-19", "-c"], input=lines().encode(), capture_output=True, check=True)
(OUT / "zstd.jsonl.zst").write_bytes(zstd.stdout)
write_csv("python-excel.csv")
write_csv("python-unix.csv", dialect="unix")
write_csv("python-semicolon.csv", delimiter=";")
write_csv("python-tab.tsv", dialect="excel-tab")
write_csv("python-bom.csv", encoding="utf-8-sig")
write_csv("python-utf16.csv", encoding="utf-16")
# What Spark writes by default, and MySQL with ENCLOSED BY.
write_csv("spark.csv", doublequote=False, escapechar="\\", lineterminator="\n", quoting=csv.QUOTE_ALL)

frame = pd.DataFrame(ROWS)
frame.to_csv(OUT / "pandas.csv", index=False)
frame.to_csv(OUT / "pandas-index.csv")
frame.to_json(OUT / "pandas.jsonl", orient="records", lines=True)
frame.to_json(OUT / "pandas.json", orient="records")
timed = frame.assign(time=pd.to_datetime(frame["time"]))
timed.to_parquet(OUT / "pandas.parquet", index=False)
timed.to_json(OUT / "pandas-epoch.jsonl", orient="records", lines=True, date_format="epoch")

polars = pl.DataFrame(ROWS)
polars.write_csv(OUT / "polars.csv")
polars.write_ndjson(OUT / "polars.jsonl")
polars.with_columns(pl.col("time").str.to_datetime(time_zone="UTC")).write_parquet(OUT / "polars.parquet")
