"""Small networks run with and without several devices; prints what each run gave, as JSON.

Called by `test_mesh.py` in a process that has eight devices, or in several processes.
"""

import hashlib
import json
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import brainloom as bl
import brainstate
import brainunit as u
import jax
import numpy as np
from brainloom.demos import BrunelNetwork, CobaNetwork, CubaNetwork

CELL = {
    "R": 100 * u.Mohm,
    "tau": 20 * u.ms,
    "V_th": -50 * u.mV,
    "V_rest": -60 * u.mV,
    "V_reset": -60 * u.mV,
}
DT = 0.1 * u.ms


def _first_potential(shape: tuple[int, ...]) -> Any:
    return brainstate.random.uniform(-60.0, -50.0, shape) * u.mV


def _pair(n: Any = 64, m: Any = 48, **options: Any) -> bl.Network:
    net = bl.Network()
    net.E = bl.LIFRef(n, V_initializer=_first_potential, tau_ref=2 * u.ms, **CELL)
    net.I = bl.LIFRef(m, V_initializer=_first_potential, tau_ref=2 * u.ms, **CELL)
    return net


def coba() -> Any:
    return CobaNetwork(400), None


def uneven() -> Any:
    return CobaNetwork(403), None


def cuba() -> Any:
    return CubaNetwork(400), None


def brunel() -> Any:
    return BrunelNetwork(4.5, 2.0, n=400, J=0.4 * u.mV), None


def delays_of_edges() -> Any:
    net = _pair()
    net.EI = bl.Projection(
        net.E,
        net.I,
        bl.Bernoulli(0.2),
        bl.Expon.desc(tau=5 * u.ms),
        bl.COBA.desc(E=0 * u.mV),
        weight=bl.Uniform(0.5 * u.nS, 2.0 * u.nS),
        delay=bl.Uniform(0.2 * u.ms, 2.0 * u.ms),
        stp=bl.STP.desc(U=0.3),
    )
    comm = bl.Connection(
        net.I,
        net.E[:30],
        bl.FixedInDegree(6),
        bl.Normal(-1.0 * u.mV, 0.2 * u.mV),
        delay=bl.Uniform(0 * u.ms, 1 * u.ms),
    )
    net.IE = bl.DeltaProj(net.I.get_spike, comm=comm, post=net.E[:30], interpolate=True)
    return net, 0.15 * u.nA


def kinetics() -> Any:
    net = _pair((8, 6), 40)
    net.EI = bl.Projection(
        net.E,
        net.I,
        bl.FixedOutDegree(9),
        bl.AMPA.desc(),
        bl.COBA.desc(E=0 * u.mV),
        weight=2.0 * u.nS,
        delay=0.7 * u.ms,
    )
    net.II = bl.Projection(
        net.I,
        net.I,
        bl.AllToAll(),
        bl.NMDA.desc(),
        bl.COBA.desc(E=0 * u.mV),
        weight=0.1 * u.nS,
        stp=bl.STD.desc(),
    )
    net.EE = bl.DeltaProj(
        net.E.get_spike,
        comm=bl.Connection(net.E, net.E, bl.OneToOne(), 1.0 * u.mV),
        post=net.E,
        delay=np.linspace(0.0, 1.0, 48).reshape(8, 6) * u.ms,
    )
    return net, 0.15 * u.nA


def sources() -> Any:
    net = _pair()
    net.noise = bl.PoissonSpike(64, 300 * u.Hz)
    net.counts = bl.PoissonSpike(32, 5000 * u.Hz, spk_type=int)
    net.gamma = bl.GammaSpike(24, 200 * u.Hz, 0.5)
    for name, weight in (("noise", 4.0), ("counts", 1.0), ("gamma", 3.0)):
        source = getattr(net, name)
        comm = bl.Connection(
            source, net.E, bl.Bernoulli(0.2), weight * u.mV, stored=name != "gamma"
        )
        setattr(net, f"from_{name}", bl.DeltaProj(source.get_spike, comm=comm, post=net.E))
    net.external = bl.PoissonInput(net.I.prefetch("V"), None, 100, 30 * u.Hz, 0.5 * u.mV)
    inputs = {
        net.I[10:33]: bl.OUProcessInput(
            23, mean=0.1 * u.nA, sigma=0.05 * u.nA / u.ms**0.5, tau=5 * u.ms
        )
    }
    return net, inputs


def by_name() -> Any:
    return sources()


def plastic() -> Any:
    from brainloom_plasticity import STDP, PlasticProj, SynapticScaling

    net = _pair(n=45)
    net.noise = bl.PoissonSpike(64, 300 * u.Hz)
    comm = bl.Connection(net.noise, net.E, bl.Bernoulli(0.2), 3.0 * u.mV)
    net.driven = bl.DeltaProj(net.noise.get_spike, comm=comm, post=net.E)
    net.EI = PlasticProj(
        net.E,
        net.I,
        bl.Bernoulli(0.3),
        bl.Expon.desc(tau=5 * u.ms),
        bl.COBA.desc(E=0 * u.mV),
        rule=[
            STDP(A_plus=0.05, A_minus=0.04, w_max=4 * u.nS),
            SynapticScaling(rate=20 * u.Hz, tau=1 * u.second, w_max=4 * u.nS),
        ],
        weight=bl.Uniform(1.0 * u.nS, 3.0 * u.nS),
        dendritic_delay=0.5 * u.ms,
        delay=0.3 * u.ms,
    )
    return net, 0.15 * u.nA


def junctions() -> Any:
    net = _pair()
    pairs = bl.Bernoulli(0.1).edges(64, 48, np.random.default_rng(1))
    net.gap = bl.SymmetryGapJunction((net.E, net.I), "V", (pairs.pre, pairs.post), 0.05 * u.nS)
    return net, 0.25 * u.nA


CASES: dict[str, Callable[[], Any]] = {
    f.__name__: f
    for f in (
        coba,
        uneven,
        cuba,
        brunel,
        delays_of_edges,
        kinetics,
        sources,
        by_name,
        plastic,
        junctions,
    )
}


def refused(number: int) -> str:
    """What is said where each process has a network of its own."""
    brainstate.random.seed(number)
    try:
        bl.simulate(coba()[0], 1 * u.ms, dt=DT, mesh=jax.device_count(), progress=False)
    except bl.InputError as error:
        return str(error)
    return "nothing"


def run(name: str, mesh: Any) -> dict[str, Any]:
    """One network for 50 ms in two runs: number and hash of the spikes, hash of the states."""
    brainstate.random.seed(3)
    net, inputs = CASES[name]()
    populations = [k for k in ("neurons", "E", "I") if hasattr(net, k)]
    seed = 7 if name == "by_name" else None
    record = [f"{k}.{what}" for k in populations for what in ("spikes", "V")]
    digest, spikes = hashlib.sha256(), 0
    for duration in (25 * u.ms, 25 * u.ms):
        found = bl.simulate(
            net,
            duration,
            dt=DT,
            inputs=inputs,
            record=record,
            mesh=mesh,
            seed=seed,
            progress=False,
        )
        for item in record:
            if item.endswith("spikes"):
                spikes += len(found[item])
                digest.update(np.stack([found[item].step, found[item].index]).tobytes())
            else:
                digest.update(np.asarray(found[item].values.mantissa).tobytes())
    states = hashlib.sha256()
    for state in net.states().values():
        for leaf in jax.tree.leaves(state.value):
            states.update(str((leaf.shape, leaf.dtype)).encode() + np.asarray(leaf).tobytes())
    return {
        "spikes": spikes,
        "recorded": digest.hexdigest()[:16],
        "states": states.hexdigest()[:16],
    }


def unrecordable(mesh: int) -> str:
    """What is said where weights are to be recorded that lie on several devices."""
    net, inputs = plastic()
    options = {"dt": DT, "inputs": inputs, "mesh": mesh, "progress": False}
    bl.simulate(net, DT, **options)  # what is said does not depend on what ran before
    said = set()
    for record in ("EI.weights", bl.Custom(lambda net: net.EI.weight.max())):
        try:
            bl.simulate(net, DT, record=record, **options)
        except bl.InputError as error:
            said.add(str(error))
        else:
            said.add("nothing")
    return " and ".join(said)


def kept(mesh: int) -> bool:
    """Whether a run with checkpoints on several devices gives what one without gives on one."""
    hashes = []
    for options in (
        {},
        {"mesh": mesh, "checkpoint": f"{tempfile.mkdtemp()}/run", "every": 5 * u.ms},
    ):
        brainstate.random.seed(3)
        net, inputs = plastic()
        found = bl.simulate(
            net, 20 * u.ms, dt=DT, inputs=inputs, record="I.spikes", progress=False, **options
        )
        hashes.append((found.hash(), np.asarray(net.EI.weight.mantissa).tobytes()))
    return hashes[0] == hashes[1]


if __name__ == "__main__":
    names, meshes, *process = sys.argv[1].split(","), json.loads(sys.argv[2]), *sys.argv[3:]
    if process:  # number of this process, of how many, port of the coordinator
        number, count, port = map(int, process)
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(f"127.0.0.1:{port}", count, number)
    found = {name: {str(mesh): run(name, mesh) for mesh in meshes} for name in names}
    if process:
        found["refused"] = refused(number)
    elif "plastic" in names:
        found["refused"] = unrecordable(meshes[-1])
        found["kept"] = kept(meshes[-1])
    print(json.dumps(found))
