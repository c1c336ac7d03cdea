//! The fastest method for each convolution of a network, measured on its adapter.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::conv2d::shapes;
use super::{Network, SHADERS};
use crate::error::Result;
use crate::gpu::{ConvShape, GpuContext, Method, Methods, assemble};
use crate::graph::{Affine, Conv2d, Graph, Op, Param, ParamId, Tensor, TensorId};

/// A convolution is measured with no more samples than make this many FLOPs: more would take longer and tell nothing new.
const ENOUGH_FLOPS: u64 = 200_000_000;
/// One measurement repeats a convolution for about this long.
const ENOUGH_TIME: Duration = Duration::from_millis(10);
/// Measurements of each method, of which the least counts; the methods take turns.
const ROUNDS: u32 = 3;

/// A method and how long it took for one convolution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// The method.
    pub method: Method,
    /// Seconds, the least of several measurements.
    pub seconds: f64,
}

/// The methods by which `gpu` computes the convolutions of `graph` for `samples` samples, and their gradients.
pub fn chosen_methods(gpu: &GpuContext, graph: &Graph, samples: u32) -> Vec<(ConvShape, Method)> {
    shapes(graph, samples).into_iter().map(|shape| (shape, gpu.method(&shape))).collect()
}

/// Measures every method for the convolutions of `graph`, those with most to compute first, until `budget` is over: the
/// fastest of each that was measured. `known` are not measured again.
///
/// # Errors
/// If the device is lost.
pub fn tune(
    gpu: &GpuContext,
    graph: &Graph,
    samples: u32,
    known: &[(ConvShape, Method)],
    budget: Duration,
) -> Result<Vec<(ConvShape, Method)>> {
    let begin = Instant::now();
    let mut shapes = shapes(graph, samples);
    shapes.sort_by_key(|shape| Reverse(shape.flops()));
    let mut fastest = Vec::new();
    for shape in shapes {
        // What reads zeros between its pixels is a gradient, and no operation of a graph.
        let is_operation = shape.upsample < 2;
        let is_known = known.iter().any(|(other, _)| *other == shape);
        if is_known || !is_operation || shape.methods(gpu.abilities()).len() < 2 {
            continue;
        }
        if begin.elapsed() > budget {
            break;
        }
        let timings = measure(gpu, &shape)?;
        let best = timings.iter().min_by(|a, b| a.seconds.total_cmp(&b.seconds));
        fastest.extend(best.map(|timing| (shape, timing.method)));
    }
    Ok(fastest)
}

/// The text of every shader that a method consists of: what is measured of others says nothing of these.
pub fn shaders_text() -> String {
    let of_methods = SHADERS
        .iter()
        .filter(|shader| shader.name.starts_with("conv2d") || shader.name.starts_with("winograd"));
    of_methods.map(|shader| assemble(shader, &[])).collect()
}

/// How long each method takes for a convolution of `shape`: compiled, warmed up, submitted one after the other.
///
/// # Errors
/// If the device is lost.
pub fn measure(gpu: &GpuContext, shape: &ConvShape) -> Result<Vec<Timing>> {
    let of_a_sample = shape.flops() / u64::from(shape.samples);
    let samples = (ENOUGH_FLOPS / of_a_sample.max(1)).clamp(1, u64::from(shape.samples)) as u32;
    let shape = ConvShape { samples, ..*shape };
    let (graph, weights) = alone(&shape);
    let mut runs = Vec::new();
    for method in shape.methods(gpu.abilities()) {
        let gpu = gpu.with_methods(Methods::Chosen([(shape, method)].into()));
        let network = Network::new(&gpu, &graph, &weights, samples)?;
        let time = move |times: u32| {
            let begin = Instant::now();
            for _ in 0..times {
                network.plan.submit(&gpu);
            }
            gpu.wait();
            begin.elapsed().as_secs_f64() / f64::from(times)
        };
        // The first compiles.
        time(1);
        let times = (ENOUGH_TIME.as_secs_f64() / time(1)).clamp(1.0, 1000.0) as u32;
        runs.push((Timing { method, seconds: f64::INFINITY }, times, time));
    }
    for _ in 0..ROUNDS {
        for (timing, times, time) in &mut runs {
            timing.seconds = timing.seconds.min(time(*times));
        }
    }
    gpu.check()?;
    Ok(runs.into_iter().map(|(timing, ..)| timing).collect())
}

/// A network of one convolution of `shape`, and some weights.
fn alone(shape: &ConvShape) -> (Graph, HashMap<String, Vec<f32>>) {
    let tensor = |name: &str, [height, width]: [u32; 2], quads: u32| Tensor {
        name: name.to_owned(),
        height,
        width,
        segments: vec![quads * 4],
    };
    let [channels_in, channels_out, kernel] =
        [shape.in_quads * 4, shape.out_quads * 4, shape.kernel].map(|n| n as usize);
    let in_size = [shape.height, shape.width].map(|side| (side * shape.stride) >> shape.upsample);
    let params = vec![
        Param { name: "conv.weight".to_owned(), shape: vec![channels_out, channels_in, kernel, kernel] },
        Param { name: "conv.bias".to_owned(), shape: vec![channels_out] },
    ];
    let weights = params.iter().map(|param| {
        let values = (0..param.shape.iter().product()).map(|ix: usize| (ix % 7) as f32 * 0.01 - 0.03);
        (param.name.clone(), values.collect())
    });
    let weights = weights.collect();
    let conv = Conv2d {
        x: vec![TensorId(0)],
        layers: vec![Affine { weight: ParamId(0), bias: ParamId(1) }],
        kernel: shape.kernel,
        stride: shape.stride,
        padding: shape.kernel / 2,
        upsample: shape.upsample == 1,
        add_embedding: None,
        residual: None,
        out: TensorId(1),
    };
    let graph = Graph {
        tensors: vec![
            tensor("x", in_size, shape.in_quads),
            tensor("out", [shape.height, shape.width], shape.out_quads),
        ],
        params,
        ops: vec![Op::Conv2d(conv)],
        x: Some(TensorId(0)),
        output: Some(TensorId(1)),
        num_classes: None,
    };
    (graph, weights)
}
