-- Run once by the image of PostgreSQL on an empty volume: the store's database is POSTGRES_DB, this one is Dagster's.
CREATE DATABASE dagster;
