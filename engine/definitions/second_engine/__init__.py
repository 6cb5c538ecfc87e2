"""The second engine 第二引擎: SpiffWorkflow follows a case that the kernel played, and must offer the same work 两机对照.

`drawing` draws a package anew in what SpiffWorkflow is right about, `following` plays it beside the kernel's facts,
`faults` says what it is wrong about. Nothing of a running case is ever decided here.
"""
