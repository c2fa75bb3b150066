"""The names of the numerics flavours, see docs/numerics.md."""

__all__ = ["ALL_FLAVOURS", "DEFAULT_FLAVOUR"]

DEFAULT_FLAVOUR = "litert-ref"
ALL_FLAVOURS = frozenset({"litert-ref", "litert-opt", "xnnpack", "tflm", "single-rounding"})
