"""One seeded, single-threaded simulation of the whole product with faults 种子模拟: `run.play(seed)`.

`drawing` makes a random process, `schedule` a random day (who does what, when the clock jumps, where power fails), `wanting`
makes commands of it, `stage` interleaves web clients and workers over the real engine and a real store. `model` says what must
have happened (its cases: `case`, `course`, `desk`, `going_back`, `letters`), `allowed` what had to be accepted and refused.
`world` is one run of it all, `observer` reads what was recorded, `telling` tells the model what came from outside, `comparing`
holds the tables against the model.
"""
