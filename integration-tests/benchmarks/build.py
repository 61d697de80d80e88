"""Build time of a network of 55 projections, and how many XLA programs that compiles.

The populations and probabilities are those of the cortical microcircuit of Potjans & Diesmann
(2014), Cereb. Cortex 24, 785, doi:10.1093/cercor/bhs358, at a twentieth of its size: 3858 neurons
and some 750 000 synapses, whose weights and delays are drawn for each edge.

    python build.py              # by initializers
    python build.py --arrays     # the same numbers of numbers, as arrays
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

SIZES = (20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948)  # 2/3e, 2/3i, 4e, 4i, 5e, 5i, 6e, 6i
PROBABILITIES = np.array(  # from columns to rows
    [
        [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0],
        [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0],
        [0.0077, 0.0059, 0.0497, 0.135, 0.0067, 0.0003, 0.0453, 0.0],
        [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0],
        [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0],
        [0.0548, 0.0269, 0.0257, 0.0022, 0.06, 0.3158, 0.0086, 0.0],
        [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
        [0.0364, 0.001, 0.0034, 0.0005, 0.0277, 0.008, 0.0658, 0.1443],
    ]
)
PART = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arrays", action="store_true", help="give arrays, not initializers")
    arrays = parser.parse_args().arrays

    import brainloom as bl
    import brainstate
    import brainunit as u
    import jax

    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, _, **__: compiled.append(event) if "backend_compile" in event else None
    )
    brainstate.environ.set(dt=0.1 * u.ms)
    rng = np.random.default_rng(0)
    began = time.perf_counter()
    net = bl.Network()
    cells = [bl.LIFRef(n // PART, V_th=20 * u.mV) for n in SIZES]
    for i, population in enumerate(cells):
        setattr(net, f"p{i}", population)
    n_edges = 0
    for post, pre in zip(*np.nonzero(PROBABILITIES), strict=True):
        scale = 1.0 if pre % 2 == 0 else 4.0
        n_pre, n_post = SIZES[pre] // PART, SIZES[post] // PART
        number = n_pre * n_post
        number = round(np.log1p(-PROBABILITIES[post, pre]) / np.log1p(-1 / number))
        weight = bl.Normal(scale * u.nS, 0.1 * scale * u.nS)
        delay = bl.Uniform(0.5 * u.ms, 2.5 * u.ms)
        if arrays:
            weight = rng.normal(scale, 0.1 * scale, number) * u.nS
            delay = rng.uniform(0.5, 2.5, number) * u.ms
        comm = bl.Connection(
            cells[pre],
            cells[post],
            bl.FixedTotalNumber(number, allow_multapses=True),
            weight,
            delay=delay,
            seed=int(8 * post + pre),
        )
        projection = bl.AlignPostProj(
            cells[pre].get_spike,
            comm=comm,
            syn=bl.Expon.desc(tau=0.5 * u.ms),
            out=bl.COBA.desc(E=(0.0 if pre % 2 == 0 else -80.0) * u.mV),
            post=cells[post],
        )
        setattr(net, f"p{pre}_to_p{post}", projection)
        n_edges += comm.n_edges
    built, programs = time.perf_counter() - began, len(compiled)
    brainstate.nn.init_all_states(net)
    jax.block_until_ready([state.value for state in net.states().values()])
    report = {
        "edges": n_edges,
        "build_s": round(built, 2),
        "build_programs": programs,
        "init_s": round(time.perf_counter() - began - built, 2),
        "init_programs": len(compiled) - programs,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
