"""numba as a front end: functions become LLVM code, which is optimised once, as a whole, when a kernel is complete.

numba's own target optimises every function by itself, makes machine code of it, and does all of it again where the
function is inlined. This target is one of a CPU for numba, so that all that numba knows of a CPU holds for it.
"""

from __future__ import annotations

from typing import Any

from numba.core import codegen, cpu, registry
from numba.core.target_extension import CPU, dispatcher_registry, jit_registry, target_registry

__all__ = ["inline", "target"]


class _Library(codegen.CPUCodeLibrary):
    """A function with those that it calls, as they come from the front end."""

    def _optimize_functions(self, ll_module: Any) -> None:
        pass

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_specific(self) -> None:
        pass

    def get_pointer_to_function(self, name: str) -> int:
        """There is none: nothing is run in this process."""
        self._ensure_finalized()
        return 0


class _Codegen(codegen.AOTCPUCodegen):
    _library_class = _Library

    def set_env(self, env_name: str, env: Any) -> None:
        """Nothing is run in this process."""


class _Context(cpu.CPUContext):
    _front_end: _Codegen | None = None

    def refresh(self) -> None:
        """Takes note of what has been defined since the last time."""
        if self._front_end is None:
            super().refresh()
            # Not before: numba's run-time library is compiled with the first context of the process, and needs code.
            self._internal_codegen = self._front_end = _Codegen("litejit")
        else:
            for known in list(self._registries):
                self.install_registry(known)
            self.typing_context.refresh()


class _Target(registry.CPUTarget):
    @registry.cached_property
    def _toplevel_target_context(self) -> _Context:
        return _Context(self.typing_context, self._target_name)


class _Processor(CPU):
    """The name under which numba looks up implementations; those for a CPU are found."""


target_registry["litejit"] = _Processor
target = _Target("litejit")
"""What kernels are compiled with."""


class _Inline(registry.CPUDispatcher):
    """A function that is compiled with each kernel that calls it."""

    targetdescr = target


def inline(function: Any = None, **_: Any) -> Any:
    """Decorator of a function for kernels; numba, too, decorates implementations with it that are written in Python."""
    options = {"nopython": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return inline if function is None else _Inline(function, targetoptions=options)


dispatcher_registry[_Processor] = _Inline
jit_registry[_Processor] = inline
