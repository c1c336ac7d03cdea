//! The fastest method for each convolution of a network, measured on its adapter.
//!
//! [`tune`] measures, and [`choose`] takes the fastest of what was measured, within a budget of memory: Winograd's algorithm keeps
//! weights of its own for each layer, four times as large.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::conv2d::{forward_shapes, shapes, transformed_bytes};
use super::{NATIVE_SHADERS, Network, SHADERS};
use crate::error::Result;
use crate::gpu::{
    Abilities, Algorithm, ConvShape, GpuContext, Method, Methods, Plan, Tile, Timestamps, assemble,
};
use crate::graph::{Affine, Conv2d, Graph, Op, Param, ParamId, Tensor, TensorId};

/// A convolution is measured with no more samples than make this many FLOPs: more would take longer and tell nothing new.
const ENOUGH_FLOPS: u64 = 200_000_000;
/// Or, on GPUs, this many outputs, if that is more: tiles enough for all cores of a large one, as the whole batch has them.
const ENOUGH_OUTPUTS: u64 = 1 << 20;
/// One measurement repeats a convolution for about this long by the GPU's own clock.
const ENOUGH_GPU_TIME: Duration = Duration::from_millis(2);
/// And by the host's, which also sees the way to the GPU and back.
const ENOUGH_HOST_TIME: Duration = Duration::from_millis(10);
/// Measurements of each method, of which the least counts; the methods take turns.
const ROUNDS: u32 = 3;
/// A method that took so many times as long as the fastest is not measured again.
const HOPELESS: f64 = 1.5;
/// The most bytes of transformed weights that a small network may have; a larger one may have its weights' own bytes.
const SMALL_NETWORK: u64 = 64 << 20;

/// A method and how long it took for one convolution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// The method.
    pub method: Method,
    /// Seconds, the least of several measurements.
    pub seconds: f64,
}

/// What was measured of one convolution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Its shape.
    pub shape: ConvShape,
    /// Its methods.
    pub timings: Vec<Timing>,
}

impl Measured {
    /// The fastest of its methods that `may_be`.
    fn fastest(&self, may_be: impl Fn(&Method) -> bool) -> Option<Timing> {
        let timings = self.timings.iter().filter(|timing| may_be(&timing.method));
        timings.min_by(|a, b| a.seconds.total_cmp(&b.seconds)).copied()
    }
}

/// The methods by which `gpu` computes the convolutions of `graph` for `samples` samples, and their gradients.
pub fn chosen_methods(gpu: &GpuContext, graph: &Graph, samples: u32) -> Vec<(ConvShape, Method)> {
    shapes(graph, samples).into_iter().map(|shape| (shape, gpu.method(&shape))).collect()
}

/// Measures every method within `abilities` for the convolutions of `graph`, those with most to compute first, until `budget` is
/// over. `known` are not measured again.
///
/// # Errors
/// If the device is lost.
pub fn tune(
    gpu: &GpuContext,
    abilities: Abilities,
    graph: &Graph,
    samples: u32,
    known: &[Measured],
    budget: Duration,
) -> Result<Vec<Measured>> {
    let begin = Instant::now();
    let mut shapes = shapes(graph, samples);
    shapes.sort_by_key(|shape| Reverse(shape.flops()));
    let mut measured = Vec::new();
    for shape in shapes {
        // What reads zeros between its pixels is a gradient, and no operation of a graph.
        let is_operation = shape.upsample < 2;
        let is_known = known.iter().any(|other| other.shape == shape);
        if is_known || !is_operation || shape.methods(abilities).len() < 2 {
            continue;
        }
        if begin.elapsed() > budget {
            break;
        }
        measured.push(Measured { shape, timings: measure(gpu, abilities, &shape)? });
    }
    Ok(measured)
}

/// The bytes that [`choose`] should be given for inference, which keeps the transformed weights of every layer: those of all
/// weights, or 64 MiB, whichever is more.
pub fn transformed_budget(graph: &Graph) -> u64 {
    (graph.num_parameters() * 4).max(SMALL_NETWORK)
}

/// The fastest method of each convolution of `graph`, and of its gradients, that was `measured`. Winograd's algorithm only while
/// the transformed weights of all layers are within `transformed_bytes`: those first that save most time for their bytes.
pub fn choose(
    graph: &Graph,
    samples: u32,
    measured: &[Measured],
    transformed_bytes: u64,
) -> Vec<(ConvShape, Method)> {
    let forward = forward_shapes(graph, samples);
    let mut chosen = Vec::new();
    // Seconds saved for a byte, bytes, and the place among the chosen.
    let mut winograd: Vec<(f64, u64, usize)> = Vec::new();
    for shape in shapes(graph, samples) {
        let Some(measured) = measured.iter().find(|other| other.shape == shape) else { continue };
        let plain = measured.fastest(|method| method.algorithm != Algorithm::Winograd);
        let (Some(fastest), Some(plain)) = (measured.fastest(|_| true), plain) else { continue };
        let layers = forward.iter().filter(|other| **other == shape).count() as u64;
        if fastest.method.algorithm == Algorithm::Winograd && layers > 0 {
            let bytes = self::transformed_bytes(&shape);
            winograd.push(((plain.seconds - fastest.seconds) / bytes as f64, layers * bytes, chosen.len()));
            chosen.push((shape, [plain.method, fastest.method]));
        } else {
            chosen.push((shape, [fastest.method; 2]));
        }
    }
    winograd.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut left = transformed_bytes;
    for (_, bytes, ix) in winograd {
        match left.checked_sub(bytes) {
            Some(rest) => left = rest,
            None => chosen[ix].1[1] = chosen[ix].1[0],
        }
    }
    chosen.into_iter().map(|(shape, [_, method])| (shape, method)).collect()
}

/// The text of every shader that a method consists of: what is measured of others says nothing of these.
pub fn shaders_text() -> String {
    let of_methods = SHADERS
        .iter()
        .chain(NATIVE_SHADERS)
        .filter(|shader| shader.name.starts_with("conv2d") || shader.name.starts_with("winograd"));
    of_methods.map(|shader| assemble(shader, &[])).collect()
}

/// How long each method within `abilities` takes for a convolution of `shape`: compiled, warmed up, repeated in one submission; by
/// the GPU's own clock, if it has one.
///
/// # Errors
/// If the device is lost.
pub fn measure(gpu: &GpuContext, abilities: Abilities, shape: &ConvShape) -> Result<Vec<Timing>> {
    let of_a_sample = shape.flops() / u64::from(shape.samples);
    let outputs = u64::from(shape.height * shape.width) * u64::from(shape.out_quads * 4);
    let enough = match abilities.tile {
        Tile::Workgroup { .. } | Tile::Matrices { .. } => ENOUGH_OUTPUTS.div_ceil(outputs),
        _ => 1,
    };
    let samples = (ENOUGH_FLOPS / of_a_sample.max(1)).max(enough).clamp(1, u64::from(shape.samples)) as u32;
    let methods = shape.methods(abilities);
    let shape = ConvShape { samples, ..*shape };
    let (graph, weights) = alone(&shape);
    let clock = Timestamps::new(gpu, 2)?;
    let enough = if clock.is_some() { ENOUGH_GPU_TIME } else { ENOUGH_HOST_TIME };
    let mut runs = Vec::new();
    for method in methods {
        let plan = {
            let gpu = gpu.with_methods(Methods::Chosen([(shape, method)].into()));
            Network::new(&gpu, &graph, &weights, samples)?.plan
        };
        // The first warms up.
        time(gpu, &plan, clock.as_ref(), 1)?;
        let once = time(gpu, &plan, clock.as_ref(), 1)?;
        let times = (enough.as_secs_f64() / once).clamp(1.0, 1000.0) as u32;
        runs.push((Timing { method, seconds: f64::INFINITY }, times, plan));
    }
    for _ in 0..ROUNDS {
        let least = runs.iter().map(|(timing, ..)| timing.seconds).fold(f64::INFINITY, f64::min);
        for (timing, times, plan) in &mut runs {
            if timing.seconds.is_infinite() || timing.seconds <= HOPELESS * least {
                timing.seconds = timing.seconds.min(time(gpu, plan, clock.as_ref(), *times)?);
            }
        }
    }
    gpu.check()?;
    Ok(runs.into_iter().map(|(timing, ..)| timing).collect())
}

/// Seconds that `plan` takes, played `times` times in one submission.
fn time(gpu: &GpuContext, plan: &Plan, clock: Option<&Timestamps>, times: u32) -> Result<f64> {
    let mut encoder = gpu.encoder();
    if let Some(clock) = clock {
        clock.write(&mut encoder, 0);
    }
    for _ in 0..times {
        plan.encode(gpu, &mut encoder);
    }
    if let Some(clock) = clock {
        clock.write(&mut encoder, 1);
    }
    let begin = Instant::now();
    gpu.submit(encoder);
    let seconds = match clock {
        Some(clock) => pollster::block_on(clock.read(gpu, 2))?.iter().sum(),
        None => {
            gpu.wait();
            begin.elapsed().as_secs_f64()
        }
    };
    Ok(seconds / f64::from(times))
}

/// A network of one convolution of `shape`, and some weights, which are exactly f16.
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
        let values = (0..param.shape.iter().product()).map(|ix: usize| (ix % 7) as f32 / 64.0 - 0.03125);
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
