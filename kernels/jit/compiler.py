"""numba kernels to object code. Importing this module imports numba."""

from __future__ import annotations

import importlib
from typing import Any

import llvmlite.binding as llvm
from numba.core import compiler, types
from numba.core.compiler_lock import global_compiler_lock

from litejit.kernels.jit.native.backend import target
from litejit.kernels.jit.target import cpu, triple

__all__ = ["assembly", "compile_kernel"]


def compile_kernel(name: str) -> tuple[bytes, str]:
    """Object code of a kernel ("module.function" below `native`) and the symbol of its entry point.

    The entry follows numba's calling convention: int32 entry(void** result, void** exception, int64 arguments…).

    In modules with IS_UNROLLED = True, a tile is what other loops are unrolled to: LLVM would only make copies of the
    loops around it, which takes a third of the time of compiling and nothing off that of running.
    """
    machine = _machine()
    module, entry = _optimised(name, machine)
    return machine.emit_object(module), entry


def assembly(name: str) -> str:
    """What a processor is told to do, in its assembly language."""
    machine = _machine()
    return str(machine.emit_assembly(_optimised(name, machine)[0]))


def _machine() -> Any:
    if triple() != llvm.get_process_triple():
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
    chosen = llvm.Target.from_triple(triple())
    name, features = cpu()
    reloc = "static" if chosen.name.startswith("x86") else "default"
    return chosen.create_target_machine(name, features, opt=3, reloc=reloc, codemodel="jitdefault", jit=True)


@global_compiler_lock
def _optimised(name: str, machine: Any) -> tuple[Any, str]:
    """(LLVM code of a kernel, its symbol)."""
    module_name, function_name = name.split(".")
    source = importlib.import_module(f"litejit.kernels.jit.native.{module_name}")
    function = getattr(source, function_name)
    module, entry = (llvm.parse_assembly(function), function_name) if type(function) is str else _translated(function)
    module.triple, module.data_layout = triple(), str(machine.target_data)
    for function in module.functions:
        if not function.is_declaration and function.name != entry:
            function.linkage = "internal"
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization, options.slp_vectorization = True, False
    options.loop_unrolling = not getattr(source, "IS_UNROLLED", False)
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return module, entry


def _translated(function: Any) -> tuple[Any, str]:
    """(LLVM code of a function as it comes from numba, its symbol)."""
    flags = compiler.Flags()
    flags.no_cpython_wrapper = True
    flags.no_cfunc_wrapper = True
    flags.error_model = "numpy"
    arguments = (types.int64,) * function.__code__.co_argcount
    result = compiler.compile_extra(
        target.typing_context, target.target_context, function, arguments, types.none, flags, {}
    )
    entry = result.fndesc.llvm_func_name
    return llvm.parse_assembly(result.library.get_llvm_str()), entry
