//! What this adapter can do at best: a plain matrix product in each of our tilings.

use ddpm::gpu::{GpuContext, Tile};
use ddpm::graph::{Affine, Conv2d, Graph, Op, Param, ParamId, Tensor, TensorId};
use ddpm::ops::Network;
use ddpm::train::initial_weights;

use super::measure::seconds;

/// Rows of the product.
pub const ROWS: u32 = 64 * 64;
const SIDE: u32 = 512;

/// The fastest tiling and its speed.
pub struct Roof {
    pub gflops: f64,
    pub tile: String,
}

/// [4096, 512] times [512, 512], as a 1 × 1 convolution, in every tiling that this adapter may have.
pub fn matmul(gpu: &GpuContext) -> Roof {
    let graph = graph();
    let weights = initial_weights(&graph, 1).expect("weights");
    let tiles: &[Tile] = match gpu.adapter().cpu {
        true => &[Tile::Registers],
        false => &[Tile::Workgroup { size: 32 }, Tile::Workgroup { size: 64 }, Tile::Registers],
    };
    let speeds = tiles.iter().map(|&tile| {
        let gpu = gpu.with_tile(tile);
        let network = Network::new(&gpu, &graph, &weights, 1).expect("a product");
        let time = seconds(|n| {
            for _ in 0..n {
                network.plan.submit(&gpu);
            }
            gpu.wait();
        });
        Roof { gflops: graph.flops() as f64 / 1e9 / time.median, tile: format!("{tile:?}") }
    });
    speeds.max_by(|a, b| a.gflops.total_cmp(&b.gflops)).expect("a tiling")
}

fn graph() -> Graph {
    let tensor = |name: &str| Tensor { name: name.to_owned(), height: 64, width: 64, segments: vec![SIDE] };
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
        params: vec![param("product.weight", &[SIDE, SIDE, 1, 1]), param("product.bias", &[SIDE])],
        ops: vec![Op::Conv2d(conv)],
        x: Some(TensorId(0)),
        output: Some(TensorId(1)),
        num_classes: None,
    }
}
