"""Kernels, compiled ahead of time into one module beside those that mypyc makes (decision 24).

    warm_up, with numba --> each kernel's LLVM code, for the types it was called with --linked--> an object file
                            its types --kernels_c.py--> C: arguments are looked at, results made  --> a module

Run in a process of its own, from the sources: what numba compiles here it keeps on disk, for those who run the
sources. The types are not written down anywhere: a kernel that warm_up does not call, or calls with two kinds of
arrays, is an error. So is code that needs anything of numba's but memory.

The code is for any processor of this kind (x86-64, arm64), as the rest of the engine is: built folders are copied.
"""

import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from constrained.native.build import CannotCompile
from constrained.native.compiler import SUFFIX, compiler, linker, run
from constrained.native.finder import variables
from constrained.native.kernels_c import Array, Kernel, Scalar, Type, module_text

_PARTS = "constrained/automata/jit.py", "constrained/warming.py"  # a tree that has none of these has no kernels
_SYMBOL = "constrained_kernel_{}"
_PROGRAM = "from constrained.native.kernels import main; main()"


def build_kernels(root: Path, out: Path) -> None:
    """Compile the kernels of the tree at `root` into the folder `out`. Raises CannotCompile."""
    if not all((root / part).is_file() for part in _PARTS):
        return
    environment = variables(root, native=False)
    command = [sys.executable, "-c", _PROGRAM, str(out.resolve())]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=root)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise CannotCompile(said.splitlines()[-1] if said else "it ended with an error", "please report this")


def main() -> None:
    """`sys.argv`: the folder to write to."""
    jit = import_module("constrained.automata.jit")
    import_module("constrained.warming").warm_up()
    numpy = import_module("numpy")
    kernels = [_described(name, each, at) for at, (name, each) in enumerate(jit.declared.items())]
    with tempfile.TemporaryDirectory(prefix="constrained-kernels-") as folder:
        code, source, made = (Path(folder) / name for name in ("kernels.o", "module.c", "module.o"))
        code.write_bytes(_object([(kernel, jit.declared[kernel.name]) for kernel in kernels]))
        source.write_text(module_text(jit.COMPILED, kernels))
        run([*compiler([numpy.get_include()]), "-O2", "-c", str(source), "-o", str(made)])
        run([*linker(), str(made), str(code), "-o", str(Path(sys.argv[1]) / f"{jit.COMPILED}{SUFFIX}")])


def _only(name: str, dispatcher: Any) -> Any:
    """What numba compiled a kernel to: once, or the build ends."""
    found = list(dispatcher.overloads.values())
    if len(found) != 1:
        sys.exit(f"{name} is called by warm_up with {len(found)} kinds of arguments, not with one")
    return found[0]


# ------------------------------------------------------------------ types


def _described(name: str, dispatcher: Any, at: int) -> Kernel:
    signature = _only(name, dispatcher).signature
    types = import_module("numba").types

    def told(one: Any) -> Type:
        if isinstance(one, types.BaseTuple):
            return tuple(told(part) for part in one)
        if one == types.none:
            return ()
        if isinstance(one, types.Array) and one.layout == "C" and one.mutable and one.aligned:
            return Array(str(one.dtype), one.ndim)
        if one in (types.int64, types.boolean):
            return Scalar(str(one))
        sys.exit(f"{name}: no kernel takes or returns {one}")

    names = dispatcher.py_func.__code__.co_varnames
    takes = tuple((names[at], told(one)) for at, one in enumerate(signature.args))
    is_long = bool(dispatcher.targetoptions.get("nogil"))
    return Kernel(name, _SYMBOL.format(at), takes, told(signature.return_type), is_long)


# ------------------------------------------------------------------ code


def _object(kernels: list[tuple[Kernel, Any]]) -> bytes:
    """One object file of all kernels, under the symbols that they are to have."""
    llvm = import_module("llvmlite.binding")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    whole = llvm.parse_assembly("")
    for kernel, dispatcher in kernels:
        found = _only(kernel.name, dispatcher)
        # numba's own way of putting one function's code into another's
        part = llvm.parse_bitcode(found.library._get_module_for_linking().as_bitcode())
        for one in [*part.functions, *part.global_variables]:
            if not one.is_declaration:
                one.linkage = "internal"
        function = part.get_function(found.fndesc.llvm_func_name)
        function.linkage = "external"
        function.name = kernel.symbol
        whole.link_in(part)
    whole.triple = llvm.get_process_triple()
    machine = llvm.Target.from_triple(whole.triple).create_target_machine(opt=3, reloc="pic", codemodel="default")
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(whole, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options()))
    _check(whole)
    return machine.emit_object(whole)


_MEMORY = {"NRT_MemInfo_alloc_aligned", "NRT_MemInfo_call_dtor", "NRT_Allocate", "NRT_Free"}
_SYSTEM = {"memcpy", "memmove", "memset"}


def _check(module: Any) -> None:
    """Nothing is called but what there is: kernels_c.py's memory, the system's, and what LLVM makes itself."""
    names = {each.name for each in [*module.functions, *module.global_variables] if each.is_declaration}
    wanted = sorted(name for name in names - _MEMORY - _SYSTEM if not name.startswith(("llvm.", "__aarch64_")))
    if wanted:
        sys.exit(f"kernels need what numba has at run time: {' '.join(wanted)}")
