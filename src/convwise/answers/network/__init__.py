"""Answers about whole networks: shapes, receptive fields, exact legal sizes, checks.

flowing     concrete shapes through every node
symbolic    the same with every size an exact map of the input's height and width
fields      receptive fields
trace       a row a node, with totals
legal       the exact sets of input sizes
checking    findings: what is wrong or worth knowing at one input size
"""
