//! A network's parameters before training, as Ho et al. initialise theirs.

use std::collections::BTreeMap;

use crate::checkpoint::Weights;
use crate::error::Result;
use crate::graph::{Graph, Param};
use crate::rng::{Stream, fill_normals, fill_words, uniform};

/// The parameters of `graph`, drawn by `seed` (stream [`InitialWeights`](Stream::InitialWeights), t = 0, sample = the
/// parameter's number in the graph).
///
/// Weights are uniform in ±√(6 / (inputs + outputs)), inputs and outputs counted with the taps (Glorot & Bengio 2010); those
/// that end a residual branch or the network are 0, so that each block begins as the identity. Biases are 0, norms scale by
/// 1, class embeddings are N(0, 1).
///
/// # Errors
/// Never; the shapes are the graph's own.
pub fn initial_weights(graph: &Graph, seed: u64) -> Result<Weights> {
    let mut tensors = BTreeMap::new();
    for (param, number) in graph.params.iter().zip(0..) {
        tensors.insert(param.name.clone(), (param.shape.clone(), initial(param, seed, number)));
    }
    Weights::from_f32(tensors)
}

fn initial(param: &Param, seed: u64, number: u32) -> Vec<f32> {
    let count = param.shape.iter().product();
    let is_weight = param.name.ends_with(".weight");
    match param.shape[..] {
        [_] => vec![if is_weight { 1.0 } else { 0.0 }; count],
        _ if ends_a_branch(&param.name) => vec![0.0; count],
        _ if param.name.starts_with("class_embedding") => {
            let mut draws = vec![0.0; count];
            fill_normals(seed, Stream::InitialWeights, 0, number, &mut draws);
            draws.into_iter().map(|draw| draw as f32).collect()
        }
        _ => {
            let taps: usize = param.shape[2..].iter().product();
            let bound = (6.0 / ((param.shape[0] + param.shape[1]) * taps) as f64).sqrt();
            let mut words = vec![0; count];
            fill_words(seed, Stream::InitialWeights, 0, number, &mut words);
            words.into_iter().map(|word| (bound * (2.0 * uniform(word) - 1.0)) as f32).collect()
        }
    }
}

/// Whether a layer's output is added to what skips it, or is the network's.
fn ends_a_branch(name: &str) -> bool {
    [".conv2.weight", ".to_out.0.weight", "conv_out.weight"].iter().any(|end| name.ends_with(end))
}
