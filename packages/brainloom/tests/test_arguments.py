"""No argument of anything public takes what it cannot mean, or ends in words of another library."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import brainloom as bl
import brainloom_core
import brainloom_neurons
import brainloom_projections
import brainloom_synapses
import brainloom_testing
import brainloom_training
import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_testing import complaints
from brainloom_testing.declarations import is_declared

PARTS = (
    brainloom_core,
    brainloom_neurons,
    brainloom_synapses,
    brainloom_projections,
    brainloom_training,
    brainloom_training.data,
    brainloom_testing,
)
Arguments = Mapping[str, Any] | Callable[[], Mapping[str, Any]]

bl.simulate  # noqa: B018  (what is loaded late is there)
CELLS = brainstate.nn.init_all_states(bl.LIF(3))
OTHERS = bl.LIF(2)
LINE = bl.grid_positions(3)
EDGES = bl.AllToAll().edges(3, 2)
X, Y = np.ones((4, 5, 3), "float32"), np.zeros((4, 2), "float32")
READOUT = bl.LeakyRateReadout(3, 2)
JOINED: dict[str, Any] = {
    "comm": bl.Linear(3, 2, lambda shape: jnp.ones(shape) * u.mA),
    "post": OTHERS,
}


def projection() -> dict[str, Any]:
    return {
        "pre": CELLS,
        "post": OTHERS,
        "connectivity": bl.AllToAll(),
        "synapse": bl.Expon.desc(tau=5 * u.ms),
        "output": bl.CUBA.desc(),
        "weight": 1 * u.mS,
    }


def aligned() -> dict[str, Any]:
    comm = bl.Linear(3, 2, lambda shape: jnp.ones(shape) * u.mS)
    return {**JOINED, "comm": comm, "syn": bl.Expon.desc(tau=5 * u.ms), "out": bl.CUBA.desc()}


def seeded(net: Any, seed: Any, step: Any = None) -> None:
    """Enter the context, which is when its arguments are looked at."""
    with brainloom_core.seeded(net, seed, step):
        pass


ARGUMENTS: dict[Any, Arguments] = {
    # core
    brainloom_core.Constraint: {"text": "> 0", "holds": lambda x: x > 0},
    bl.Normal: {"mean": 0.0 * u.mV, "std": 1.0 * u.mV},
    bl.Uniform: {"low": 0.0 * u.mV, "high": 1.0 * u.mV},
    brainloom_core.Solver: {"name": "mine", "step": lambda drifts, y, dt: y, "order": 1},
    bl.Spikes: {"population": CELLS},
    bl.Trace: {"module": CELLS, "state": "V"},
    brainloom_core.Counts: {"population": CELLS},
    brainloom_core.Custom: {"function": lambda: CELLS.V.value},
    brainloom_core.Output: {"module": CELLS},
    brainloom_core.Rate: {"population": CELLS},
    brainloom_core.Weights: {"projection": CELLS},
    brainloom_core.restore: lambda: {"net": CELLS, "snapshot": brainloom_core.snapshot(CELLS)},
    brainloom_core.snapshot: {"net": CELLS},
    brainloom_core.explain: {
        "net": CELLS,
        "duration": 1 * u.ms,
        "dt": 0.1 * u.ms,
    },
    seeded: {"seed": 1, "net": CELLS},
    brainloom_core.View: {"population": CELLS, "item": 0},
    brainloom_core.at_least: {"least": 1},
    brainloom_core.between: {"low": 0.0, "high": 1.0},
    brainloom_core.get_model: {"name": "LIF"},
    brainloom_core.substeps: {"solver": "euler", "parts": 2},
    brainloom_core.instance_of: {"kinds": int, "words": "a whole number"},
    brainloom_core.maybe: {"constraint": brainloom_core.text},
    brainloom_core.Network: {},
    brainloom_core.Projection: {},
    bl.simulate: {"net": CELLS, "duration": 0.1 * u.ms, "dt": 0.1 * u.ms},
    bl.poisson_input: {"freq": 1 * u.Hz, "num_input": 2, "weight": 1 * u.mV, "target": CELLS.V},
    # projections
    bl.AlignPostProj: aligned,
    bl.AlignPreProj: aligned,
    bl.CurrentProj: {**JOINED, "out": bl.CUBA()},
    bl.DeltaProj: {**JOINED, "comm": bl.Linear(3, 2, lambda shape: jnp.ones(shape) * u.mV)},
    bl.Projection: projection,
    bl.AsymmetryGapJunction: {
        "pre": CELLS,
        "pre_state": "V",
        "post": OTHERS,
        "post_state": "V",
        "conn": bl.AllToAll(),
        "weight": np.ones((6, 2)) * u.mS,
    },
    bl.SymmetryGapJunction: {
        "couples": CELLS,
        "states": "V",
        "conn": bl.AllToAll(),
        "weight": 1.0 * u.mS,
    },
    bl.Connection: {"pre": 3, "post": 2, "rule": bl.AllToAll()},
    bl.Bernoulli: {"p": 0.1},
    bl.FixedInDegree: {"k": 1},
    bl.FixedOutDegree: {"k": 1},
    bl.FixedTotalNumber: {"n": 1},
    bl.SmallWorld: {"k": 2, "p": 0.1},
    bl.DiscProfile: {"radius": 1.0},
    bl.ExponentialProfile: {"scale": 1.0},
    bl.GaussianProfile: {"sigma": 1.0},
    bl.LinearProfile: {"radius": 1.0},
    bl.DistanceDependent: {"profile": bl.DiscProfile(1.0), "pre": LINE},
    bl.Edges: {"n_pre": 3, "n_post": 2, "indptr": EDGES.indptr, "indices": EDGES.indices},
    bl.by_distance: {"function": lambda d: d},
    bl.by_edge: {"function": lambda edges: edges.pre},
    bl.grid_positions: {"shape": 3},
    bl.random_positions: {"n": 3},
    # training
    bl.DirectEncoder: {"n_steps": 3},
    bl.Encoder: {"n_steps": 3},
    bl.LatencyEncoder: {"n_steps": 3},
    bl.PopulationEncoder: {"n": 3, "encoder": bl.DirectEncoder(n_steps=3)},
    bl.FiringRate: {"strength": 1.0, "target": 5 * u.Hz},
    bl.Voltage: {"strength": 1.0, "lower": 0 * u.mV},
    bl.Weight: {"strength": 1.0},
    bl.SpikeCountMSE: {"correct": 5.0},
    bl.VanRossum: {"tau": 5 * u.ms},
    bl.Linear: {"in_size": 3, "out_size": 2},
    bl.Conv1d: {"in_size": (1, 4), "out_channels": 2, "kernel_size": 2},
    bl.Conv2d: {"in_size": (1, 4, 4), "out_channels": 2, "kernel_size": 2},
    bl.AvgPool1d: {"in_size": (1, 4), "kernel_size": 2},
    bl.AvgPool2d: {"in_size": (1, 4, 4), "kernel_size": 2},
    bl.MaxPool1d: {"in_size": (1, 4), "kernel_size": 2},
    bl.MaxPool2d: {"in_size": (1, 4, 4), "kernel_size": 2},
    bl.Flatten: {"in_size": (2, 3)},
    bl.Dropout: {"in_size": 3},
    bl.TDBN: {"in_size": 3},
    bl.BNTT: {"in_size": 3, "n_steps": 4},
    bl.LayerNorm: {"in_size": 3},
    bl.Recurrent: {"cells": CELLS},
    bl.SpikeDrivenAttention: {"in_size": (2, 3), "cells": bl.LIF},
    bl.FluctuationDriven: {"cells": CELLS, "rate": 5 * u.Hz},
    bl.CSVLog: {"path": "run.csv"},
    bl.TensorBoard: {"folder": "runs"},
    bl.confusion_matrix: {"model": READOUT, "data": (X, np.arange(4) % 2), "dt": 1 * u.ms},
    bl.Online: {"algorithm": "eprop"},
    bl.Trainer: {"model": READOUT, "loss": bl.MSE(), "dt": 1 * u.ms},
    bl.fit: {
        "model": READOUT,
        "loss": bl.MSE(over=bl.LastOverTime()),
        "train": (X, Y),
        "epochs": 1,
        "dt": 1 * u.ms,
    },
    bl.evaluate: {
        "model": READOUT,
        "loss": bl.MSE(over=bl.LastOverTime()),
        "data": (X, Y),
        "dt": 1 * u.ms,
    },
}
DATA = {
    brainloom_training.data.batches: {"x": X, "y": Y, "size": 2, "seed": 0, "epoch": 0},
    brainloom_training.data.EventDrop: {"share": 0.5},
    brainloom_training.data.stratified_split: {"labels": [0, 0, 1, 1], "fractions": (0.5, 0.5)},
    brainloom_training.data.spikes_from_times: {
        "times": np.ones((2, 3)) * u.ms,
        "dt": 1 * u.ms,
        "duration": 5 * u.ms,
    },
    brainloom_training.data.yin_yang: {"n": 4},
    brainloom_training.data.yin_yang_latency: {"x": np.ones((2, 4))},
    brainloom_training.data.random_manifolds: {"n_classes": 2, "n_samples": 3, "alpha": 2.0},
    bl.rollout: lambda: {
        "model": brainstate.nn.init_all_states(bl.LeakyRateReadout(3, 2)),
        "xs": np.ones((2, 3), "float32"),
    },
    bl.trainable: {"model": READOUT},
    bl.make_trainable: {"model": READOUT},
    bl.read_out: {"model": CELLS, "name": "V"},
}
ARGUMENTS.update(DATA)
FOLDERS = (
    brainloom_training.data.DvsGesture,
    brainloom_training.data.NMnist,
    brainloom_training.data.Shd,
    brainloom_training.data.Ssc,
)
SLOW = {
    "evaluate",
    "explain",
    "fit",
    "spike_statistics",
    "confusion_matrix",
}  # that compile anew for each argument which is taken
EXEMPT = {
    "declarations of a class, which a DeclarationError or a type checker judges": (
        "initializer option option_field param quantity_field state"
    ),
    "results, which functions make": (
        "Expectation Finding GradientReport History Numerics Recording Report SpikeEvents "
        "Explanation Snapshot TraceData Events EventSet Result Splits ConfusionMatrix Progress "
        "SpikeStatistics"
    ),
    "bases, of which nobody makes instances": (
        "AlignPost Callback Dynamics EventTransform Loss LearningRule Reduction Rule Surrogate"
    ),
    "what conditions and signatures are made of": (
        "Case checks_for checked complaints default_case one_of parametrize_with_checks "
        "real_signature run Descriptor check_kernel check_loss check_rule check_surrogate "
        "check_callback check_encoder check_format check_learning_rule check_model "
        "check_plasticity_rule"
    ),
    "what takes any number of parts, each of which is looked at": "Augmented Residual",
    "what may hold any numbers": "full first_spike_time keep_sign",
    "what looks at a whole model or data set, which takes long, or at files": (
        "check_eventprop check_expectation check_gradients diagnose from_tonic NeuroBenchAdapter "
        "resume spike_statistics sweep"
    ),
    "what calls any function": "build repeated",
}


def public() -> dict[str, Any]:
    """Classes and functions that everyone may call, and that no conformance test builds."""
    found = {name: getattr(part, name) for part in PARTS for name in part.__all__}
    return {
        name: thing
        for name, thing in found.items()
        if (
            inspect.isclass(thing)
            and not is_declared(thing)
            and not issubclass(thing, BaseException)
        )
        or inspect.isfunction(thing)
    }


def test_everything_public_is_here() -> None:
    exempt = set(" ".join(EXEMPT.values()).split())
    known = {call.__name__ for call in ARGUMENTS} | exempt
    known |= {call.__name__ for call in FOLDERS}
    assert not {
        name
        for name, thing in public().items()
        if not {name, thing.__name__} & known and needs(thing)
    }
    assert not exempt & {call.__name__ for call in ARGUMENTS}


def needs(call: Any) -> bool:
    """Whether it cannot be called without arguments; the others are tried as they are."""
    target = call.__init__ if inspect.isclass(call) else call
    parameters = list(inspect.signature(target).parameters.values())[inspect.isclass(call) :]
    empty = inspect.Parameter.empty
    return any(p.default is empty and p.kind not in (2, 4) for p in parameters)


def tried() -> dict[str, tuple[Any, Arguments]]:
    """Everything that is not exempt, with arguments with which it can be called."""
    exempt = set(" ".join(EXEMPT.values()).split())
    bare = {thing: {} for n, thing in public().items() if n not in exempt and not needs(thing)}
    return {call.__name__: (call, given) for call, given in {**bare, **ARGUMENTS}.items()}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in tried()]
)
def test_what_no_argument_can_mean_is_refused(name: str, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)  # a text may name a file to write
    call, arguments = tried()[name]
    with brainstate.environ.context(dt=0.1 * u.ms, i=0, t=0.0 * u.ms):
        call(**(arguments() if callable(arguments) else arguments))
        found = complaints(call, arguments)
    assert not found, f"{len(found)}: {found[:3]}"


@pytest.mark.parametrize("name", [call.__name__ for call in FOLDERS])
def test_places_of_data_are_refused(name: str) -> None:
    call = getattr(brainloom_training.data, name)
    assert not complaints(call, {"folder": "none"})
