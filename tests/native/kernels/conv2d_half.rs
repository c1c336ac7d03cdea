//! Weights that are kept as f16: the same bits where they are exactly that, and f32 where they are not.

use std::collections::HashMap;

use ddpm::gpu::{Algorithm, GpuContext, Method, Methods, Tile};
use ddpm::graph::{Graph, Parameters};
use ddpm::ops::Network;
use ddpm::ops::tuning::chosen_methods;

use super::{Builder, assert_same_bits, normals};
use crate::gpu::{block_on, gpu};
use crate::gradients::{Batch, gradients};
use crate::reference::random::RandomParameters;

const SIZE: [u32; 2] = [5, 7];

/// Two layers, from 37 channels to 150 to 141.
fn graph() -> Graph {
    let mut b = Builder::new(SIZE, 37);
    let x = b.x();
    let hidden = b.pointwise(x, &[150]);
    let out = b.pointwise(hidden, &[141]);
    b.finish(out)
}

/// Parameters rounded to f16, among them the least and the largest of its subnormal numbers, and the least normal one.
fn halves(graph: &Graph) -> HashMap<String, Vec<f32>> {
    let random = RandomParameters::new(graph, 3);
    let rounded = graph.params.iter().map(|param| {
        let values = random.read(&param.name).expect("values");
        let mut values: Vec<f32> = values.iter().map(|&value| half::f16::from_f32(value).to_f32()).collect();
        let special = [1, 0x3ff, 0x400, 0x8001, 0, 0x8000].map(|bits| half::f16::from_bits(bits).to_f32());
        values[..special.len()].copy_from_slice(&special);
        (param.name.clone(), values)
    });
    rounded.collect()
}

/// The output for some input, and the bytes that the network took.
fn run(
    gpu: &GpuContext,
    graph: &Graph,
    parameters: &HashMap<String, Vec<f32>>,
    method: Method,
) -> (Vec<f32>, u64) {
    let shapes = chosen_methods(gpu, graph, 2).into_iter();
    let gpu = gpu.with_methods(Methods::Chosen(shapes.map(|(shape, _)| (shape, method)).collect()));
    let network = Network::new(&gpu, graph, parameters, 2).expect("a network");
    let bytes = gpu.counts().allocated_bytes;
    let x = normals(1, (2 * 37 * SIZE[0] * SIZE[1]) as usize, 0.0, 1.0);
    (block_on(network.predict(&gpu, &x, &[0, 0], None)).expect("an output"), bytes)
}

#[test]
fn the_bits_are_those_of_f32_weights() {
    let gpu = gpu().with_tile(Tile::Workgroup { size: 32 });
    let graph = graph();
    let parameters = halves(&graph);
    for (size, splits) in [(32, 1), (64, 1), (32, 3), (64, 2)] {
        let method = Method { splits, ..Method::new(Algorithm::Direct, Tile::Workgroup { size }) };
        let (want, f32_bytes) = run(&gpu, &graph, &parameters, method);
        let half = Method { half_weights: true, ..method };
        let (found, bytes) = run(&gpu, &graph, &parameters, half);
        assert_same_bits(&format!("{half:?}"), &found, &want);
        assert!(bytes < f32_bytes, "{bytes} bytes, {f32_bytes} with f32");

        // One weight that is no f16, and the layer is computed from f32.
        let mut others = parameters.clone();
        for weight in ["layer0.weight", "layer1.weight"] {
            others.get_mut(weight).expect("weights")[9] = 0.1;
        }
        let (want, _) = run(&gpu, &graph, &others, method);
        let (found, bytes) = run(&gpu, &graph, &others, half);
        assert_same_bits(&format!("{half:?}, not f16"), &found, &want);
        assert_eq!(bytes, f32_bytes);
    }
}

#[test]
fn weights_that_training_changes_stay_f32() {
    let gpu = gpu().with_tile(Tile::Workgroup { size: 32 });
    let graph = graph();
    let parameters = halves(&graph);
    let (x, d_output) = (normals(1, 37 * 35, 0.0, 1.0), normals(2, 141 * 35, 0.0, 1.0));
    let batch = Batch { x: &x, timesteps: &[0], labels: None, d_output: &d_output, training: None };
    let [want, found] = [false, true].map(|half_weights| {
        let method = Method { half_weights, ..Method::new(Algorithm::Direct, gpu.tile()) };
        let shapes = chosen_methods(&gpu, &graph, 1).into_iter().map(|(shape, _)| (shape, method));
        gradients(&gpu.with_methods(Methods::Chosen(shapes.collect())), &graph, &parameters, &batch)
    });
    assert_same_bits("output", &found.0, &want.0);
    for (name, gradient) in &found.1 {
        assert_same_bits(name, gradient, &want.1[name]);
    }
}
