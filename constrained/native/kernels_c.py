"""The C text around kernels: what Python calls, which looks at the arguments, and what becomes of results.

    profile(byte, rows, 3)  -->  is each argument what the kernel was compiled for?  --no-->  TypeError
                                 --yes-->  the kernel, without the GIL if it is a long one  -->  int, arrays, tuple

Machine code trusts its arguments, so each is looked at: an array's type, dimensions, and that it is writeable and
C-contiguous. That takes some nanoseconds. Arrays that a kernel returns are copied into numpy's own memory;
large ones stay where they are, and hold it: to touch new memory costs more than all else.

How numba passes arguments: every field of an array by itself, the result by its address, a status returned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Array:
    """A writeable, C-contiguous array; dtype by numpy's name."""

    dtype: str
    dimensions: int


@dataclass(frozen=True, slots=True)
class Scalar:
    """`int64` or `bool`."""

    name: str


Type: TypeAlias = "Array | Scalar | tuple[Type, ...]"  # () is None


@dataclass(frozen=True, slots=True)
class Kernel:
    """One that Python calls."""

    name: str  # with its module
    symbol: str
    takes: tuple[tuple[str, Type], ...]
    gives: Type
    is_long: bool  # releases the GIL


_C_TYPES = {"int64": "int64_t", "bool": "int8_t"}
_KINDS = {"int": "i", "uint": "u", "bool": "b"}


def module_text(module: str, kernels: Sequence[Kernel]) -> str:
    """The C text of a module with `kernels`, a dict by name."""
    rows = [
        f'    {{"{kernel.name.rpartition(".")[2]}", (PyCFunction)(void (*)(void))call_{kernel.symbol},'
        f' METH_FASTCALL, PyDoc_STR("{kernel.name}: compiled ahead of time.")}},\n'
        for kernel in kernels
    ]
    names = [f'    "{kernel.name}",\n' for kernel in kernels]
    return "".join(
        [
            _RUNTIME,
            *map(_call, kernels),
            f"\n#define COUNT {len(kernels)}\n",
            "\nstatic PyMethodDef methods[] = {\n",
            *rows,
            "};\n\nstatic const char *const names[] = {\n",
            *names,
            "};\n",
            _MODULE.replace("MODULE", module.rpartition(".")[2]),
        ]
    )


def _call(kernel: Kernel) -> str:
    """The function that Python calls."""
    short = kernel.name.rpartition(".")[2]
    parameters: list[str] = []
    checks: list[str] = []
    given: list[str] = []
    integers: list[str] = []
    for at, (name, takes) in enumerate(kernel.takes):
        failed = f'refused("{short}", {at + 1}, "{name}", "{_words(takes)}")'
        if isinstance(takes, Array):
            kind, size = _cells(takes.dtype)
            parameters.append(f"FIELDS({takes.dimensions})")
            given.append(f"ARRAY{takes.dimensions}(given[{at}])")
            checks.append(f"    if (!is_array(given[{at}], '{kind}', {size}, {takes.dimensions})) return {failed};\n")
        elif isinstance(takes, Scalar):
            c_type = _C_TYPES[takes.name]
            integers.append(f"    {c_type} n{at};\n")
            parameters.append(c_type)
            given.append(f"n{at}")
            checks.append(f"    if (!is_{takes.name}(given[{at}], &n{at})) return {failed};\n")
        else:
            raise TypeError(f"{kernel.name} takes a tuple")
    begins, ends = ("    Py_BEGIN_ALLOW_THREADS\n", "    Py_END_ALLOW_THREADS\n") if kernel.is_long else ("", "")
    return f"""
extern int32_t {kernel.symbol}(void *, struct failure **, {", ".join(parameters)});
static PyObject *call_{kernel.symbol}(PyObject *self, PyObject *const *given, Py_ssize_t count) {{
    struct {{ {_fields(kernel.gives)} char end; }} result;
    struct failure *failure = NULL;
    int32_t status;
{"".join(integers)}    if (count != {len(kernel.takes)}) return miscounted("{short}", {len(kernel.takes)}, count);
{"".join(checks)}    memset(&result, 0, sizeof result);
{begins}    status = {kernel.symbol}(&result, &failure, {", ".join(given)});
{ends}    if (status != 0 && status != NONE) return failed("{short}", status, failure);
    {_result(kernel.gives)}
}}
"""


def _words(one: Type) -> str:
    """What an argument must be."""
    if isinstance(one, Array):
        return f"a writeable, C-contiguous array of {one.dtype} with {one.dimensions} dimension(s)"
    return "a bool" if one == Scalar("bool") else "an integer of 64 bits"


def _cells(dtype: str) -> tuple[str, int]:
    """numpy's letter for a kind of cells, and their bytes."""
    kind = dtype.rstrip("0123456789")
    return _KINDS[kind], int(dtype.removeprefix(kind) or 8) // 8


def _parts(gives: Type) -> tuple[Type, ...]:
    return gives if isinstance(gives, tuple) else (gives,)


def _fields(gives: Type) -> str:
    """The fields of a result, as numba lays them out."""
    fields: list[str] = []
    for at, part in enumerate(_parts(gives)):
        match part:
            case Array():
                fields.append(f"struct array{part.dimensions} r{at};")
            case Scalar():
                fields.append(f"{_C_TYPES[part.name]} r{at};")
            case tuple():
                raise TypeError("a tuple in a tuple")
    return " ".join(fields)


def _result(gives: Type) -> str:
    """The statement that returns a result to Python."""
    if gives == ():
        return "Py_RETURN_NONE;"
    made: list[str] = []
    for at, part in enumerate(_parts(gives)):
        match part:
            case Array():
                kind = f"NPY_{part.dtype.upper()}"
                made.append(f"array_of(&result.r{at}.held, result.r{at}.shape, {part.dimensions}, {kind})")
            case Scalar("bool"):
                made.append(f"PyBool_FromLong(result.r{at})")
            case _:
                made.append(f"PyLong_FromLongLong(result.r{at})")
    if not isinstance(gives, tuple):
        return f"return {made[0]};"
    return f"PyObject *parts[] = {{{', '.join(made)}}};\n    return tuple_of(parts, {len(made)});"


_RUNTIME = """\
#define PY_SSIZE_T_CLEAN
#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#include <Python.h>
#include <numpy/arrayobject.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- memory, as code made by numba asks for it */

struct memory { size_t references; void *destroy, *with, *data; size_t size; void *allocator; };

void *NRT_Allocate(size_t size) { return malloc(size); }

void NRT_Free(void *cells) { free(cells); }

void *NRT_MemInfo_alloc_aligned(size_t size, uint32_t alignment)
{
    struct memory *memory = size > SIZE_MAX / 2 ? NULL : malloc(sizeof *memory + size + alignment);
    if (memory == NULL)
        return NULL;
    uintptr_t data = (uintptr_t)(memory + 1);
    if (alignment > 1)
        data = (data + alignment - 1) / alignment * alignment;
    memset(memory, 0, sizeof *memory);
    memory->references = 1;
    memory->data = (void *)data;
    memory->size = size;
    return memory;
}

void NRT_MemInfo_call_dtor(void *memory) { free(memory); }

static void release(struct memory *memory)
{
    if (memory != NULL && __atomic_sub_fetch(&memory->references, 1, __ATOMIC_ACQ_REL) == 0)
        free(memory);
}

/* ---------------------------------------------------------------- arrays */

struct held { struct memory *memory; void *parent; int64_t count, size; void *data; };
struct array1 { struct held held; int64_t shape[1], strides[1]; };
struct array2 { struct held held; int64_t shape[2], strides[2]; };
struct array3 { struct held held; int64_t shape[3], strides[3]; };

#define FIELDS(n) void *, void *, int64_t, int64_t, void *, FIELDS##n
#define FIELDS1 int64_t, int64_t
#define FIELDS2 FIELDS1, FIELDS1
#define FIELDS3 FIELDS2, FIELDS1

#define A(one) ((PyArrayObject *)(one))
#define DIM(one, at) PyArray_DIMS(A(one))[at]
#define STEP(one, at) PyArray_STRIDES(A(one))[at]
#define HELD(one, count) NULL, NULL, count, PyArray_ITEMSIZE(A(one)), PyArray_DATA(A(one))
#define ARRAY1(one) HELD(one, DIM(one, 0)), DIM(one, 0), STEP(one, 0)
#define ARRAY2(one) HELD(one, DIM(one, 0) * DIM(one, 1)), DIM(one, 0), DIM(one, 1), STEP(one, 0), STEP(one, 1)
#define ARRAY3(one) \\
    HELD(one, DIM(one, 0) * DIM(one, 1) * DIM(one, 2)), DIM(one, 0), DIM(one, 1), DIM(one, 2), \\
    STEP(one, 0), STEP(one, 1), STEP(one, 2)

static inline int is_array(PyObject *one, char kind, int size, int dimensions)
{
    return PyArray_Check(one) && PyArray_NDIM(A(one)) == dimensions && PyArray_DESCR(A(one))->kind == kind &&
           PyArray_ITEMSIZE(A(one)) == size && PyArray_ISCARRAY(A(one));
}

#define MUCH 65536 /* bytes: memory that is new costs more than to wrap what is there */

static void let_go(PyObject *holder) { release(PyCapsule_GetPointer(holder, NULL)); }

/* An array over a kernel's memory, which goes with it. */
static PyObject *array_over(struct held *held, const npy_intp *sizes, int dimensions, int kind)
{
    PyObject *holder = PyCapsule_New(held->memory, NULL, let_go);
    PyObject *made = holder == NULL ? NULL : PyArray_SimpleNewFromData(dimensions, sizes, kind, held->data);
    if (holder == NULL)
        release(held->memory);
    else if (made == NULL)
        Py_DECREF(holder);
    else if (PyArray_SetBaseObject(A(made), holder) < 0)
        Py_CLEAR(made);
    return made;
}

static PyObject *array_of(struct held *held, const int64_t *shape, int dimensions, int kind)
{
    npy_intp sizes[3];
    for (int at = 0; at < dimensions; at++)
        sizes[at] = (npy_intp)shape[at];
    size_t bytes = (size_t)(held->count * held->size);
    if (held->memory != NULL && bytes >= MUCH && bytes >= held->memory->size / 2)
        return array_over(held, sizes, dimensions, kind);
    PyObject *made = PyArray_SimpleNew(dimensions, sizes, kind);
    if (made != NULL)
        memcpy(PyArray_DATA(A(made)), held->data, (size_t)PyArray_NBYTES(A(made)));
    release(held->memory);
    return made;
}

static PyObject *tuple_of(PyObject **parts, Py_ssize_t count)
{
    PyObject *made = PyTuple_New(count);
    int whole = made != NULL;
    for (Py_ssize_t at = 0; at < count; at++)
        whole = whole && parts[at] != NULL;
    for (Py_ssize_t at = 0; at < count; at++)
        if (whole)
            PyTuple_SET_ITEM(made, at, parts[at]);
        else
            Py_XDECREF(parts[at]);
    if (!whole)
        Py_CLEAR(made);
    return made;
}

/* ---------------------------------------------------------------- integers */

static inline int is_int64(PyObject *one, int64_t *value)
{
    if (PyLong_Check(one)) {
        *value = PyLong_AsLongLong(one);
    } else {
        PyObject *index = PyNumber_Index(one);
        if (index == NULL)
            return 0;
        *value = PyLong_AsLongLong(index);
        Py_DECREF(index);
    }
    return *value != -1 || !PyErr_Occurred();
}

static inline int is_bool(PyObject *one, int8_t *value)
{
    if (!PyBool_Check(one) && !PyArray_IsScalar(one, Bool))
        return 0;
    *value = (int8_t)PyObject_IsTrue(one);
    return 1;
}

/* ---------------------------------------------------------------- errors */

#define NONE (-2) /* the status of a kernel that returns None */

static PyObject *refused(const char *kernel, int at, const char *name, const char *what)
{
    if (!PyErr_Occurred() || !PyErr_ExceptionMatches(PyExc_OverflowError))
        PyErr_Format(PyExc_TypeError, "%s: argument %d, %s, must be %s", kernel, at, name, what);
    return NULL;
}

static PyObject *miscounted(const char *kernel, int takes, Py_ssize_t given)
{
    PyErr_Format(PyExc_TypeError, "%s takes %d arguments, not %zd", kernel, takes, given);
    return NULL;
}

struct failure { const char *pickled; int32_t size; void *hash, *unwrap; int32_t count; };

/* Raise what the kernel raised: numba pickles (class, arguments, place). */
static PyObject *failed(const char *kernel, int32_t status, const struct failure *failure)
{
    PyObject *pickle = NULL, *told = NULL;
    if (status == 1 && failure != NULL && failure->unwrap == NULL && (pickle = PyImport_ImportModule("pickle")))
        told = PyObject_CallMethod(pickle, "loads", "y#", failure->pickled, (Py_ssize_t)failure->size);
    Py_XDECREF(pickle);
    if (told != NULL && PyTuple_Check(told) && PyTuple_GET_SIZE(told) >= 2)
        PyErr_SetObject(PyTuple_GET_ITEM(told, 0), PyTuple_GET_ITEM(told, 1));
    else if (!PyErr_Occurred())
        PyErr_Format(PyExc_RuntimeError, "%s failed with status %d", kernel, (int)status);
    Py_XDECREF(told);
    return NULL;
}

/* ---------------------------------------------------------------- kernels */
"""

_MODULE = """
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "MODULE", PyDoc_STR("Kernels, compiled ahead of time."), -1, NULL, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_MODULE(void)
{
    import_array();
    PyObject *module = PyModule_Create(&definition), *kernels = PyDict_New();
    if (module == NULL || kernels == NULL || PyModule_AddObjectRef(module, "kernels", kernels) < 0)
        return NULL;
    for (int at = 0; at < COUNT; at++) {
        PyObject *made = PyCFunction_NewEx(&methods[at], NULL, NULL);
        if (made == NULL || PyDict_SetItemString(kernels, names[at], made) < 0)
            return NULL;
        Py_DECREF(made);
    }
    return module;
}
"""
