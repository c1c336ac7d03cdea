//! A plain matrix product by our own kernels: in each of our tilings, or by the processor's convolution.

use ddpm::error::Result;
use ddpm::gpu::{GpuContext, Tile};
use ddpm::graph::{Affine, Conv2d, Graph, Op, Param, ParamId, Tensor, TensorId};
use ddpm::ops::Network;
use ddpm::train::initial_weights;

use super::{Roof, faster, speed};

/// Height and width of the pixels that are the product's rows.
const PIXELS: u32 = 64;
/// Inputs and outputs of a row.
const CHANNELS: u32 = 512;

/// GFLOP/s of [4096, 512] times [512, 512], as a 1 × 1 convolution, in every tiling that this adapter may have.
pub fn peak(gpu: &GpuContext) -> Result<Roof> {
    let graph = graph();
    let weights = initial_weights(&graph, 1)?;
    let way = |tile: Tile| {
        let gpu = gpu.with_tile(tile);
        let network = Network::new(&gpu, &graph, &weights, 1)?;
        Ok(speed(&gpu, &network.plan, graph.flops() as f64 / 1e9, format!("{tile:?}")))
    };
    if gpu.adapter().cpu {
        return way(gpu.tile());
    }
    let small = faster(way(Tile::Registers)?, way(Tile::Workgroup { size: 32 })?);
    Ok(faster(small, way(Tile::Workgroup { size: 64 })?))
}

fn graph() -> Graph {
    let tensor = |name: &str| Tensor {
        name: name.to_owned(),
        height: PIXELS,
        width: PIXELS,
        segments: vec![CHANNELS],
    };
    let param = |name: &str, shape: &[u32]| Param {
        name: name.to_owned(),
        shape: shape.iter().map(|&n| n as usize).collect(),
    };
    let conv = Conv2d {
        x: vec![TensorId(0)],
        layers: vec![Affine { weight: ParamId(0), bias: ParamId(1) }],
        kernel: 1,
        stride: 1,
        padding: 0,
        upsample: false,
        add_embedding: None,
        residual: None,
        out: TensorId(1),
    };
    Graph {
        tensors: vec![tensor("x"), tensor("out")],
        params: vec![
            param("product.weight", &[CHANNELS, CHANNELS, 1, 1]),
            param("product.bias", &[CHANNELS]),
        ],
        ops: vec![Op::Conv2d(conv)],
        x: Some(TensorId(0)),
        output: Some(TensorId(1)),
        num_classes: None,
    }
}
