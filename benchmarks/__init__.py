"""
Measures what a connection costs: tinylb beside other proxies, on one machine, in one run. See docs/performance.md.

C{python -m benchmarks --help} lists what there is.
"""
