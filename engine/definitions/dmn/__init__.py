"""DMN 决策模型: what a decision, a knowledge model and a decision service answer, and how they are read from files.

`types` item definitions and coercion; `boxes` boxed expressions; `tables` decision tables; `graph` the requirement
graph; `read_*` the same, read from XML. The door for files is `engine.definitions.decisions`. Everything here is plain
data and pure: the same context at the same moment gives the same answer on any machine.
"""
