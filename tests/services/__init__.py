"""The services that tests need, started by the tests: PostgreSQL and Redis, from wheels, on loopback, as root or not."""
