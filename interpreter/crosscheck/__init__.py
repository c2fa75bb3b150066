"""Cross-checks: where two runtimes part, and why.

compare("model.tflite", against="litert").save_html("report.html")
"""

from litejit.crosscheck.compare import compare, record
from litejit.crosscheck.comparison import Comparison, OperatorResult
from litejit.crosscheck.explain import Explanation, explain
from litejit.crosscheck.metrics import Metrics
from litejit.crosscheck.runtimes import Finding

__all__ = ["Comparison", "Explanation", "Finding", "Metrics", "OperatorResult", "compare", "explain", "record"]
