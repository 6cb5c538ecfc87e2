"""What a decision model may not be 决策规则: every rule's name, clause and meaning, for `duban check --rules`.

The rules themselves stand where the file is read (`read_*`, `overlap`); a test holds this list against them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """`clause` is of DMN 1.5. `severity` "error" refuses the file, "warning" does not; `alone` the same for a lone
    file, where it differs."""

    clause: str
    says: str
    severity: str = "error"
    alone: str = ""


RULES: dict[str, Rule] = {
    # the file, its elements and names
    "dmn_version": Rule("6.3.2", "文件不是 DMN 1.1 至 1.5 的决策模型"),
    "no_decision": Rule("6.3.2", "文件中没有决策，也没有类型"),
    "decision_id": Rule("6.3.1", "决策、输入数据、业务知识模型或决策服务没有编号，或编号用了两次"),
    "id_twice": Rule("6.3.1", "别的元素的编号用了两次", "warning"),
    "name_missing": Rule("6.3.1", "该有名称的元素没有名称"),
    "name_invalid": Rule("10.3.1.2", "名称以 $ 开头"),
    "name_twice": Rule("6.3.1", "两个元素同名", "warning"),
    "unknown_element": Rule("6.3", "标准中没有的元素，或放错了位置"),
    "unknown_attribute": Rule("6.3", "标准中没有的属性", "warning"),
    "element_twice": Rule("6.3", "只能有一个的部分有几个"),
    # the graph
    "requirement": Rule("6.3.7", "连线没有连到已有的元素，或所引用模型中的那个元素有错误"),
    "requirement_kind": Rule("6.2.3", "连线连到了不该连的元素"),
    "requirement_circle": Rule("6.3.7", "决策或知识经其所需内容又依赖自身"),
    "requirement_names": Rule("6.3.7", "一个元素所需的两项内容同名"),
    "requirement_missing": Rule("10.4", "表达式用到别的决策或输入数据，却没有从它连线", "warning"),
    "service_output": Rule("6.3.9", "决策服务没有输出决策"),
    "service_enclosure": Rule("6.3.9", "决策服务里的决策需要服务之外的决策", "warning"),
    "import_missing": Rule("6.3.3", "引用的模型不在同一文件夹或流程包中，或没有引用它"),
    "import_ambiguous": Rule("6.3.3", "几个文件都有所引用的命名空间"),
    "import_self": Rule("6.3.3", "模型引用了它自己"),
    "import_twice": Rule("6.3.3", "两条引用同名"),
    "import_type": Rule("6.3.3", "引用的不是 DMN 模型"),
    # types
    "type_unknown": Rule("7.3.3", "没有这个类型"),
    "type_twice": Rule("7.3.3", "类型或它的组成项定义了两次"),
    "type_circle": Rule("7.3.3", "类型的定义用到它自己"),
    "type_kinds": Rule("7.3.3", "类型既基于其他类型，又由若干项组成，或又是函数"),
    "allowed_values": Rule("7.3.3", "允许值是空的", "warning"),
    # expressions
    "expression_language": Rule("7.3.1", "表达式语言不是 FEEL"),
    "expression_invalid": Rule(
        "10.3.1", "表达式写法有误；单独的文件中，标准视为空值的错误只提醒", "error", "warning"
    ),
    "expression_missing": Rule("7.3.1", "该有表达式的地方是空的"),
    "decision_logic": Rule("6.3.7", "决策有几个表达式；一个也没有只提醒"),
    "knowledge_logic": Rule("6.3.8", "业务知识模型没有内容", "warning"),
    "function_kind": Rule("10.2.1.7", "函数不是用 FEEL 书写的"),
    "parameter_twice": Rule("10.2.1.7", "参数重复"),
    "binding_parameter": Rule("10.2.1.3", "盒式调用的一行没有参数"),
    "context_entry_twice": Rule("10.2.1.4", "盒式上下文有两行同名"),
    "context_result": Rule("10.2.1.4", "盒式上下文的结果不在最后"),
    "column_twice": Rule("10.2.1.6", "关系表有两列同名"),
    "relation_width": Rule("10.2.1.6", "关系表一行的格数与列数不一致"),
    "iterator_variable": Rule("10.2.2", "盒式循环没有循环变量"),
    # decision tables
    "hit_policy": Rule("8.2.8", "没有这种命中策略"),
    "aggregation": Rule("8.2.8", "汇总方式不存在，或用于不能汇总的决策表"),
    "no_output": Rule("8.3.1", "决策表没有输出列"),
    "no_rule": Rule("8.3.1", "决策表没有规则", "warning"),
    "orientation": Rule("8.2.2", "没有这种朝向", "warning"),
    "input_expression": Rule("8.3.2", "输入列没有表达式"),
    "input_variable": Rule("8.3.3", "单元格用 camunda:inputVariable 的名称指输入值"),
    "output_name": Rule("8.3.2", "几个输出列中有的没有名称，或重名"),
    "output_type": Rule("8.3.2", "规则的输出与列的类型不符"),
    "output_values": Rule("8.2.8", "规则的输出不在允许值之中，或命中策略 P、O 没有允许值"),
    "rule_width": Rule("8.3.3", "规则的格数与列数不一致"),
    "rules_overlap": Rule("8.2.8", "命中策略 U、A 的两条规则会同时命中，A 的输出还不同", "warning"),
    "rule_unreached": Rule("8.2.8", "命中策略 F 的规则永远用不到", "warning"),
}
