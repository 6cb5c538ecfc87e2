"""Other engines on the same PostgreSQL, with the same process: peers of the benchmark, never part of the product."""
