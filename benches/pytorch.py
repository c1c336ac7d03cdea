"""Seconds a training step and an evaluation of a diffusers U-Net take in PyTorch: what `./build.sh bench` compares with.

    python3 benches/pytorch.py FOLDER --batch 1 16 [--what train predict] [--threads N]
        [--device cuda] [--bf16] [--turns]

FOLDER is a diffusers pipeline, or a bare UNet2DModel. Prints one line of JSON a measurement, the median of several runs
of about a second each. Without torch or diffusers it says so and exits with status 3. With --turns another program may take
its turn between two runs: a line `run` on the standard input is answered by the seconds of a run, `next` by the next
measurement.

`predict` is the U-Net alone, as one step of sampling needs it. `train` is all that a step does once its pictures are on
the device: timesteps and noise drawn, x_t, forward, mean squared error, backward, the gradients' norm clipped to 1, Adam
(fused), and the weights' moving average. Arithmetic is f32 throughout (no TF32); --bf16 turns autocast on, for both. On a CPU
weights and pictures are in channels_last, PyTorch's faster memory format there; elsewhere as they are loaded.
"""

import argparse
import itertools
import json
import sys
import time
from pathlib import Path
from statistics import median

# torchvision, which diffusers imports, looks for a package that has this file's name.
sys.path = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]

try:
    import torch
    from diffusers import UNet2DModel
except ImportError as error:
    print(f"benches/pytorch.py: expected torch and diffusers, found them missing or broken ({error})", file=sys.stderr)
    sys.exit(3)

RUNS = 7
RUN_SECONDS = 1.0


def load(folder, device):
    """The U-Net of a pipeline folder or a bare model folder."""
    subfolder = "unet" if (folder / "unet").is_dir() else None
    model = UNet2DModel.from_pretrained(folder, subfolder=subfolder, local_files_only=True)
    return model.to(device).to(memory_format=memory_format(device))


def memory_format(device):
    """The faster one: oneDNN's convolutions on a CPU have no copies to make in channels_last."""
    return torch.channels_last if device.type == "cpu" else torch.preserve_format


def inputs(model, batch, device):
    """Pictures [batch, C, H, W] and, if the model reads them, labels [batch]."""
    size = model.config.sample_size
    height, width = (size, size) if isinstance(size, int) else size
    pictures = torch.rand(batch, model.config.in_channels, height, width, device=device) * 2 - 1
    if device.type == "cpu":
        pictures = pictures.contiguous(memory_format=memory_format(device))
    classes = model.config.num_class_embeds
    labels = None if classes is None else torch.randint(classes, (batch,), device=device)
    return pictures, labels


def predict_step(model, batch, device):
    """One evaluation of the U-Net."""
    x_t, labels = inputs(model, batch, device)
    timesteps = torch.randint(1000, (batch,), device=device)
    model.eval()

    def step():
        with torch.no_grad():
            model(x_t, timesteps, class_labels=labels)

    return step


def train_step(model, batch, device):
    """One step of training: arXiv 2006.11239 algorithm 1."""
    x_start, labels = inputs(model, batch, device)
    alphas_cumprod = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0).float().to(device)
    model.train()
    parameters = list(model.parameters())
    ema = [parameter.detach().clone() for parameter in parameters]
    adam = torch.optim.Adam(parameters, lr=2e-4, fused=True)

    def step():
        timesteps = torch.randint(1000, (batch,), device=device)
        noise = torch.randn_like(x_start)
        a = alphas_cumprod[timesteps].view(-1, 1, 1, 1)
        x_t = a.sqrt() * x_start + (1 - a).sqrt() * noise
        output = model(x_t, timesteps, class_labels=labels).sample[:, : noise.shape[1]]
        adam.zero_grad()
        torch.nn.functional.mse_loss(output.float(), noise).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        adam.step()
        with torch.no_grad():
            torch._foreach_lerp_(ema, parameters, 1 - 0.9999)

    return step


def runs(step, device):
    """Seconds a step of one run after the other, without end."""

    def run(steps):
        begin = time.perf_counter()
        for _ in range(steps):
            step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return (time.perf_counter() - begin) / steps

    run(3)
    steps = max(1, round(RUN_SECONDS / run(3)))
    while True:
        yield run(steps)


def take_turns(measured, facts):
    """Answers the other program until it wants the next measurement."""
    print(json.dumps(facts), flush=True)
    for line in sys.stdin:
        if line.strip() == "next":
            return
        print(json.dumps({"seconds": next(measured)}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="a diffusers pipeline or UNet2DModel folder")
    parser.add_argument("--batch", type=int, nargs="+", default=[16], help="pictures a step")
    parser.add_argument("--what", nargs="+", choices=["train", "predict"], default=["train", "predict"])
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, help="threads of a CPU [default: PyTorch's own choice]")
    parser.add_argument("--turns", action="store_true", help="runs when the standard input says so")
    parser.add_argument("--bf16", action="store_true", help="bf16 autocast")
    args = parser.parse_args()
    if not args.folder.is_dir():
        sys.exit(f"{args.folder}: expected a diffusers folder, found none")
    device = torch.device(args.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        sys.exit("--device cuda: expected a CUDA device, PyTorch finds none")
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu, {torch.get_num_threads()} threads"
    for what in args.what:
        for batch in args.batch:
            model = load(args.folder, device)
            step = {"train": train_step, "predict": predict_step}[what](model, batch, device)
            facts = {
                "peer": f"pytorch {torch.__version__}",
                "device": name,
                "precision": "bf16" if args.bf16 else "f32",
                "memory_format": str(memory_format(device)).removeprefix("torch."),
                "what": what,
                "batch": batch,
            }
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=args.bf16):
                measured = runs(step, device)
                if args.turns:
                    take_turns(measured, facts)
                    continue
                seconds = median(itertools.islice(measured, RUNS))
            speed = {"seconds": round(seconds, 6), "images_per_second": round(batch / seconds, 2)}
            print(json.dumps(facts | speed), flush=True)


if __name__ == "__main__":
    main()
