"""One script a schema version. A script that was released never changes: stores out there were made by it."""
