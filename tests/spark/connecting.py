"""Run by test_connect: counts and a source through Spark Connect, which shares no process with a Spark of the other kind."""

import sys
from pathlib import Path

from engines import COLUMNS, log, tables_of
from pyspark.sql import SparkSession

from gov_pipelines.decisions.places import Columns, Place, Query, open_sources
from gov_pipelines.errors import SourceUnreachable
from gov_pipelines.measure import count
from gov_pipelines.policy.declaration import Source

url, folder = sys.argv[1], Path(sys.argv[2])
frame = log(500)
frame.write_parquet(folder / "log.parquet")
session = SparkSession.builder.remote(url).getOrCreate()
rows = session.read.parquet(str(folder / "log.parquet"))
assert tables_of(count(rows, COLUMNS)) == tables_of(count(frame, COLUMNS))
rows.write.saveAsTable("log")
session.sql("CREATE VIEW slow AS SELECT id FROM range(100000000000) WHERE hash(id) % 7 = -9")
declared = Source(url_env="LOG", table="log", timeout=20)
with open_sources(declared, project=folder, environ={"LOG": url}) as sources:
    query = Query(Place(table="log"), Columns(["said"]), id_column="said")
    assert sources.read(query).frame.height == sources.fingerprints(query).height == frame.height
try:
    with open_sources(declared, project=folder, environ={"LOG": url}) as sources:
        sources.read(Query(Place(table="slow"), Columns(["id"])))
except SourceUnreachable as error:
    print(error)
