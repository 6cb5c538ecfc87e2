"""Definitions 流程定义: BPMN, DMN, forms and process.toml read, checked, compiled and compared.

`compile` is the way in; `model` is what comes out. Nothing here runs a case or touches a database.
"""
