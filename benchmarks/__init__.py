"""
What a connection costs: tinylb beside other proxies, on the same machine, in the same run. See docs/performance.md.

C{python -m benchmarks --help} lists what there is.
"""
