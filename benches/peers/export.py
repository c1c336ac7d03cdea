"""Writes a diffusers U-Net as ONNX files for other systems to run, and what PyTorch answers to one input.

    python3 benches/peers/export.py FOLDER OUT --batch 1 16

FOLDER is a diffusers pipeline, or a bare UNet2DModel. OUT gets `unet-BATCH.onnx` for each batch, with the shapes fixed, as
runtimes plan best: inputs `sample` f32 [BATCH, C, H, W] and `timestep` f32 [BATCH] (an integer would keep a few operations
off the GPU), output `output` f32. `facts.json` beside them has the versions, the shape, the schedule's ᾱ and the reference:
`sample` and `timestep` of one picture and PyTorch's `output`.
"""

import argparse
import json
from pathlib import Path

import diffusers
import onnx
import torch
from diffusers import UNet2DModel

OPSET = 18


class Network(torch.nn.Module):
    """The U-Net without diffusers' output class."""

    def __init__(self, unet):
        super().__init__()
        self.unet = unet

    def forward(self, sample, timestep):
        return self.unet(sample, timestep, return_dict=False)[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="a diffusers pipeline or UNet2DModel folder")
    parser.add_argument("out", type=Path, help="where the files go")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 16], help="one file each")
    args = parser.parse_args()
    subfolder = "unet" if (args.folder / "unet").is_dir() else None
    unet = UNet2DModel.from_pretrained(args.folder, subfolder=subfolder, local_files_only=True).eval()
    args.out.mkdir(parents=True, exist_ok=True)

    size = unet.config.sample_size
    height, width = (size, size) if isinstance(size, int) else size
    shape = [unet.config.in_channels, height, width]
    network = Network(unet)
    torch.manual_seed(0)
    for batch in args.batch:
        inputs = (torch.randn(batch, *shape), torch.full((batch,), 500.0))
        path = args.out / f"unet-{batch}.onnx"
        torch.onnx.export(
            network, inputs, path, input_names=["sample", "timestep"], output_names=["output"], opset_version=OPSET, dynamo=False
        )
        onnx.checker.check_model(path)
        print(f"{path}: {path.stat().st_size} bytes")

    sample, timestep = torch.randn(1, *shape), torch.tensor([500.0])
    with torch.no_grad():
        output = network(sample, timestep)
    facts = {
        "versions": {"torch": torch.__version__, "diffusers": diffusers.__version__, "onnx": onnx.__version__, "opset": OPSET},
        "shape": shape,
        "alphas_cumprod": torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0).tolist(),
        "reference": {
            "sample": sample.flatten().tolist(),
            "timestep": timestep.tolist(),
            "output": output.flatten().tolist(),
        },
    }
    (args.out / "facts.json").write_text(json.dumps(facts))


if __name__ == "__main__":
    main()
