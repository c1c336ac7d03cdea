"""The bound of a model by PyTorch and diffusers, from the same noise as an evaluation of ours, beside it.

    ddpm eval --model MODEL --dataset fashion-mnist --count 16 --out EVAL
    python tests/pytorch/bound.py MODEL EVAL t10k-images-idx3-ubyte.gz

MODEL is a diffusers pipeline folder of an unconditional noise predictor with a fixed variance. Nothing here is ours but the
definition of the noise: the network is PyTorch's in f32, the rest is f64 of this file, which knows linear schedules alone.
"""

import gzip
import json
import math
import sys

import numpy as np
import torch
from diffusers import DDPMScheduler, UNet2DModel
from safetensors import safe_open


def philox(counter, key):
    """Philox4x32-10 of counters [n, 4] and one key [2]."""
    c = [counter[:, i].astype(np.uint64) for i in range(4)]
    k = [int(key[0]), int(key[1])]
    mask = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        p0, p1 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        high0, high1 = p0 >> np.uint64(32), p1 >> np.uint64(32)
        c = [high1 ^ c[1] ^ np.uint64(k[0]), p1 & mask, high0 ^ c[3] ^ np.uint64(k[1]), p0 & mask]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return np.stack(c, 1)


def normals(seed, stream, t, sample, count):
    """The first `count` normals of a sample, by Box and Muller."""
    blocks = -(-count // 4)
    counter = np.zeros((blocks, 4), np.uint64)
    counter[:, 0], counter[:, 1], counter[:, 2], counter[:, 3] = np.arange(blocks), t, sample, stream
    words = philox(counter, (seed & 0xFFFFFFFF, seed >> 32))
    u = ((words >> np.uint64(9)).astype(np.float64) + 0.5) * 2.0**-23
    z = np.empty_like(u)
    for a in (0, 2):
        radius = np.sqrt(np.maximum(0.0, -2 * np.log(u[:, a])))
        z[:, a], z[:, a + 1] = radius * np.cos(2 * np.pi * u[:, a + 1]), radius * np.sin(2 * np.pi * u[:, a + 1])
    return z.reshape(-1)[:count]


def cdf(x):
    """Ho et al.'s approximation of the standard normal's."""
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def decoder_nll(x, mean, log_scale):
    upper, lower = cdf((x - mean + 1 / 255) / log_scale.exp()), cdf((x - mean - 1 / 255) / log_scale.exp())
    middle = (upper - lower).clamp(min=1e-12).log()
    first, last = upper.clamp(min=1e-12).log(), (1 - lower).clamp(min=1e-12).log()
    return -torch.where(x < -0.999, first, torch.where(x > 0.999, last, middle))


@torch.no_grad()
def main(model, evaluation, images):
    unet = UNet2DModel.from_pretrained(model, subfolder="unet").eval()
    scheduler = DDPMScheduler.from_pretrained(model, subfolder="scheduler")
    with open(f"{evaluation}/eval.json") as file:
        about = json.load(file)
    with safe_open(f"{evaluation}/terms.safetensors", "np") as file:
        ours = file.get_tensor("terms").astype(np.float64)
    count, seed, total_t = about["pictures"], about["seed"], about["num_timesteps"]
    assert about["timesteps_evaluated"] == total_t, "expected an evaluation at all t"
    pixels = np.frombuffer(gzip.open(images).read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)[:count]
    x_start = torch.from_numpy(pixels.astype(np.float64) / 127.5 - 1)

    assert scheduler.config.beta_schedule == "linear", "expected a linear schedule"
    betas = torch.linspace(scheduler.config.beta_start, scheduler.config.beta_end, total_t, dtype=torch.float64)
    ac = torch.cumprod(1 - betas, 0)
    prev = torch.cat([torch.ones(1, dtype=torch.float64), ac[:-1]])
    posterior = betas * (1 - prev) / (1 - ac)
    posterior_log = torch.cat([posterior[1:2], posterior[1:]]).log()
    large_log = torch.cat([posterior[1:2], betas[1:]]).log()
    log_variance = large_log if about["variance_type"] == "fixed_large" else posterior_log
    coef1, coef2 = betas * prev.sqrt() / (1 - ac), (1 - prev) * (1 - betas).sqrt() / (1 - ac)

    bits = torch.zeros(count, total_t, dtype=torch.float64)
    for t in range(total_t):
        noise = np.stack([normals(seed, 2, t, i, x_start[0].numel()) for i in range(count)])
        noise = torch.from_numpy(noise).reshape(x_start.shape)
        x_t = ac[t].sqrt() * x_start + (1 - ac[t]).sqrt() * noise
        eps = unet(x_t.float(), torch.full((count,), t)).sample.double()
        pred = (x_t - (1 - ac[t]).sqrt() * eps) / ac[t].sqrt()
        if about["clip_sample"]:
            pred = pred.clamp(-1, 1)
        mean, true_mean = coef1[t] * pred + coef2[t] * x_t, coef1[t] * x_start + coef2[t] * x_t
        if t == 0:
            nats = decoder_nll(x_start, mean, 0.5 * log_variance[t])
        else:
            d = posterior_log[t] - log_variance[t]
            nats = 0.5 * (-1 - d + d.exp() + (true_mean - mean) ** 2 * (-log_variance[t]).exp())
        bits[:, t] = nats.flatten(1).mean(1) / math.log(2)
    prior_variance = 1 - ac[-1]
    prior = 0.5 * (-1 - prior_variance.log() + prior_variance + ac[-1] * x_start**2)
    prior = prior.flatten(1).mean(1) / math.log(2)
    total = prior + bits.sum(1)

    mine = about["bits_per_dim"]
    worst = (bits - torch.from_numpy(ours[:, :, 0])).abs().max().item()
    per_picture = (bits.sum(1) - torch.from_numpy(ours[:, :, 0]).sum(1)).abs().max().item()
    print(f"L_T    PyTorch {prior.mean():.7f}, ddpm {mine['L_T']['mean']:.7f}")
    print(f"L_0    PyTorch {bits[:, 0].mean():.6f}, ddpm {mine['L_0']['mean']:.6f}")
    print(f"total  PyTorch {total.mean():.6f}, ddpm {mine['total']['mean']:.6f} bits/dim")
    print(f"largest difference: of a term {worst:.2e}, of a picture's sum {per_picture:.2e} bits/dim")
    assert per_picture <= 1e-3 and abs(total.mean().item() - mine["total"]["mean"]) <= 1e-3, "they differ"


if __name__ == "__main__":
    main(*sys.argv[1:])
