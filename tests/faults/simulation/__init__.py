"""One seeded, single-threaded simulation of the whole product with faults 种子模拟: `run.play(seed)`.

`drawing` makes a random process, `schedule` a random day (who does what, when the clock jumps, where power fails), `stage`
interleaves web clients and workers over the real engine and a real store, `model` says what must have happened;
`world` is one run of it all, `observer` reads what was recorded, `comparing` holds it against the model.
"""
