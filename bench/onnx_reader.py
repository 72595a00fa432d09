"""The structure of .onnx files: `python bench/onnx_reader.py [MODEL.onnx ...]`. Medians of one run, side by side with `onnx.load`.

Needs the onnx package. Without arguments it writes chains of 100 to 100,000 nodes, and one network with growing weights, into a
temporary folder; with arguments it takes those models. Timed by turns: `read_onnx`; `onnx.load`; `onnx.load` of the same model with
its weights moved to another file that is not opened, which is what the package can do without them, once alone (it gives objects in
C++) and once with its nodes, dims and types taken over into Python. Memory is the peak of a process that reads the file, above that
of one that only imports the reader.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from convwise.readers.onnx import read_onnx

ROUNDS = 15
CHAINS = (100, 1_000, 10_000, 100_000)
WEIGHTS = (10**5, 10**7, 10**8)


def medians(works: list[Callable[[], object]], rounds: int) -> list[float]:
    """Seconds of each work; they take turns, so that a busy moment of the machine hits all of them."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, times in zip(works, taken, strict=True):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in taken]


def peak(program: str, path: Path) -> float:
    """Megabytes by which the peak memory of a fresh process grows while it reads the file; Linux counts it per program."""
    script = (
        f"import re, sys\n{program}\n"
        "def peak(): return int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])\n"
        "before = peak()\nmodel = load(sys.argv[1])\nprint(peak() - before)"
    )
    words = [sys.executable, "-c", script, str(path)]
    return int(subprocess.run(words, check=True, capture_output=True, text=True).stdout) / 1024


def walked(path: Path) -> object:
    """What `read_onnx` gives, through the onnx package."""
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    value = onnx.helper.get_attribute_value
    nodes = [
        (
            node.op_type,
            node.domain,
            node.name,
            tuple(node.input),
            tuple(node.output),
            {each.name: value(each) for each in node.attribute},
        )
        for node in graph.node
    ]
    tensors = {each.name: (tuple(each.dims), each.data_type) for each in graph.initializer}
    declared = {
        each.name: (
            each.type.tensor_type.elem_type,
            tuple(axis.dim_param or axis.dim_value for axis in each.type.tensor_type.shape.dim),
        )
        for each in (*graph.input, *graph.output, *graph.value_info)
    }
    return nodes, tensors, declared


def without_weights(path: Path, folder: Path) -> Path:
    """The same model with all tensors of 1 kB and more in another file."""
    import onnx

    out = folder / f"{path.stem}.bare.onnx"
    onnx.save(onnx.load(path), out, save_as_external_data=True, location=f"{path.stem}.weights")
    return out


def chain(length: int, weights: int, path: Path) -> Path:
    """A chain of Conv and Relu nodes with `weights` floats over ten tensors."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node(
            "Conv",
            [f"t{i}", f"w{i % 10}"],
            [f"t{i + 1}"],
            f"/layer{i}/Conv",
            kernel_shape=[3, 3],
            pads=[1, 1, 1, 1],
            strides=[1, 1],
        )
        if i % 2
        else helper.make_node("Relu", [f"t{i}"], [f"t{i + 1}"], f"/layer{i}/Relu")
        for i in range(length)
    ]
    tensors = [
        helper.make_tensor(f"w{i}", TensorProto.FLOAT, [weights // 360, 4, 3, 3], bytes(weights // 360 * 144), raw=True)
        for i in range(10)
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4, "h", "w"]) for name in ("t0", f"t{length}")]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def main() -> None:
    """Print a row for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL.onnx", help="in place of the chains")
    given = parser.parse_args().models
    import onnx

    ours = "from convwise.readers.onnx import read_onnx as load"
    theirs = "import onnx\nload = onnx.load"
    print(f"{'':<42}{'read_onnx':>18}{'onnx.load':>18}{'no weights':>18}{'and walked':>18}{'peak memory, MB':>18}")
    print(
        f"{'model':<26}{'MB':>8}{'nodes':>8}{'ms':>10}{'us/node':>8}{'ms':>11}{'ratio':>7}{'ms':>11}{'ratio':>7}{'ms':>11}{'ratio':>7}{'ours':>9}{'onnx':>9}"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = given or [
            *(chain(length, 10**5, folder / f"{length}-nodes.onnx") for length in CHAINS),
            *(chain(300, weights, folder / f"300-nodes-{weights}.onnx") for weights in WEIGHTS),
        ]
        for path in paths:
            bare = without_weights(path, folder)
            nodes = len(read_onnx(path).graph.nodes)
            works: list[Callable[[], object]] = [
                lambda path=path: read_onnx(path),
                lambda path=path: onnx.load(path),
                lambda bare=bare: onnx.load(bare, load_external_data=False),
                lambda bare=bare: walked(bare),
            ]
            own, *others = medians(works, ROUNDS if nodes < 20_000 else 5)
            columns = "".join(f"{other * 1e3:>11.2f}{other / own:>7.1f}" for other in others)
            print(
                f"{path.stem:<26}{path.stat().st_size / 1e6:>8.1f}{nodes:>8}{own * 1e3:>10.2f}{own / nodes * 1e6:>8.1f}{columns}"
                f"{peak(ours, path):>9.1f}{peak(theirs, path):>9.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
