"""Language models: how fast do we read and write, beside the peers?

    python benchmarks/llm.py                                         # ours: f32 and int8
    python benchmarks/llm.py --torch=peers/bin/python                # and transformers, f32 and bf16, in the same run
    python benchmarks/llm.py --llama=peers/bin/python                # and llama.cpp (llama-cpp-python) on the Q4_1 file

One model, SmolLM2-135M-Instruct; each contender in a process of its own, in turn, `--rounds` times; medians over
rounds. Prefill reads 512 tokens, decode writes 32 after a prompt of 64. The last column is the peak of resident
memory. The fraction of the bandwidth bound is decode at batch 1, in bytes of weights a second, over what a plain sum
over the same weights reads.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

PREFILL, PROMPT, NEW = 512, 64, 32


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch", help="a Python that has torch and transformers")
    parser.add_argument("--llama", help="a Python that has llama-cpp-python")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.one:
        print(json.dumps({**CONTENDERS[flags.one](flags.file), "memory": peak()}))
        return
    table(measure(flags))


def measure(flags):
    from jaxlife.models import llm, weights

    file = str(weights.package_file(*llm.PACKAGED["smollm2-135m-instruct"]))
    pythons = {"jaxlife": sys.executable, "transformers": flags.torch, "llama.cpp": flags.llama}
    rounds = {name: [] for name in CONTENDERS if pythons[name.split()[0]]}
    for _ in range(flags.rounds):
        for name, runs in rounds.items():
            command = [pythons[name.split()[0]], __file__, f"--one={name}", f"--file={file}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{name} failed:\n{done.stderr[-2000:]}")
            runs.append(json.loads(done.stdout.strip().splitlines()[-1]))
    return {
        name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for name, runs in rounds.items()
    }


def table(results):
    print(f"load at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"{'':24}{'prefill':>10}{'batch 1':>10}{'batch 16':>10}{'MB':>8}   tokens a second, medians")
    for name, r in results.items():
        cells = [f"{r[key]:10.0f}" if key in r else f"{'-':>10}" for key in ("prefill", "decode 1", "decode 16")]
        print(f"{name:24}{''.join(cells)}{r['memory']:8.0f}", end="")
        print(f"   {r['bound']:.2f} of the bandwidth bound at batch 1" if "bound" in r else "")
    pairs = (("f32", "f32", ("prefill", "decode 1", "decode 16")), ("int8", "bf16", ("decode 1",)))
    for ours, theirs, keys in pairs:
        a, b = results.get(f"jaxlife {ours}"), results.get(f"transformers {theirs}")
        for key in keys if a and b else ():
            print(f"{ours} {key}: {a[key] / b[key]:.2f} times transformers {theirs}")


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def best(run, tries=3):
    """Seconds of the fastest of a few runs, after one that compiles and warms."""
    run()
    seconds = []
    for _ in range(tries):
        begun = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


def jaxlife(file, int8=False):
    import jax
    import jax.numpy as jnp

    from jaxlife.models import llm
    from jaxlife.models.llm import decoder, generate

    lm = llm.load(file, int8=int8)
    network = decoder.Decoder(lm.config)

    @jax.jit
    def prefill(params, ids):
        return decoder.logits(network, params, decoder.read(network, params, ids).hidden[:, -1])

    out = {}
    ids = jnp.ones((1, PREFILL), jnp.int32)
    out["prefill"] = PREFILL / best(lambda: jax.block_until_ready(prefill(lm.params, ids)))
    system = generate.decoder(lm.config, capacity=256, chunk=PROMPT)
    start = jax.jit(system.init)
    go = jax.jit(lambda key, state, request: generate.run(system, key, state, request))
    key = jax.random.key(0)
    for batch in (1, 16):
        prompt = jnp.ones((batch, PROMPT), jnp.int32)
        lengths = jnp.full((batch,), PROMPT)
        request = generate.Request(weights=lm.params, ids=prompt, lengths=lengths, limit=jnp.int32(NEW))
        state = start(key, request)
        out[f"decode {batch}"] = batch * NEW / best(lambda: jax.block_until_ready(go(key, state, request).tokens))  # noqa: B023
    total = jax.jit(lambda p: sum(jnp.sum(w, dtype=jnp.float32) for w in jax.tree.leaves(p)))
    fastest = 1 / best(lambda: jax.block_until_ready(total(lm.params)))
    return {**out, "bound": out["decode 1"] / fastest}


def transformers(file, dtype="float32"):
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(os.cpu_count())
    where = {"pretrained_model_name_or_path": os.path.dirname(file), "gguf_file": os.path.basename(file)}
    model = AutoModelForCausalLM.from_pretrained(**where, dtype=getattr(torch, dtype)).eval()
    out = {}
    with torch.inference_mode():
        ids = torch.ones(1, PREFILL, dtype=torch.long)
        out["prefill"] = PREFILL / best(lambda: model(ids, logits_to_keep=1))
        for batch in (1, 16):
            prompt, token = torch.ones(batch, PROMPT, dtype=torch.long), torch.ones(batch, 1, dtype=torch.long)

            def write(prompt=prompt, token=token):
                past = model(prompt, use_cache=True, logits_to_keep=1).past_key_values
                begun = time.perf_counter()
                for _ in range(NEW):
                    model(token, past_key_values=past, use_cache=True)
                return time.perf_counter() - begun

            write()
            out[f"decode {batch}"] = batch * NEW / min(write() for _ in range(3))
    return out


def llama(file):
    import llama_cpp

    model = llama_cpp.Llama(file, n_ctx=1024, n_batch=512, n_threads=os.cpu_count(), verbose=False)

    def read(n):
        model.reset()
        model.eval([1] * n)

    read(PROMPT)
    read_prompt = best(lambda: read(PROMPT))

    def write():
        read(PROMPT)
        for _ in range(NEW):
            model.eval([1])

    return {"prefill": PREFILL / best(lambda: read(PREFILL)), "decode 1": NEW / (best(write) - read_prompt)}


CONTENDERS = {
    "jaxlife f32": jaxlife,
    "jaxlife int8": lambda file: jaxlife(file, int8=True),
    "transformers f32": transformers,
    "transformers bf16": lambda file: transformers(file, "bfloat16"),
    "llama.cpp Q4_1": llama,
}

if __name__ == "__main__":
    main()
