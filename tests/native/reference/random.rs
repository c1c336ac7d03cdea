//! Seeded inputs and parameters.

use std::borrow::Cow;
use std::collections::BTreeMap;

use ddpm::error::{Error, Result};
use ddpm::graph::{Graph, Parameters};
use ddpm::rng::{Stream, fill_normals};

/// `count` draws of N(mean, deviation²).
pub fn normals(seed: u64, count: usize, mean: f64, deviation: f64) -> Vec<f32> {
    let mut draws = vec![0.0; count];
    fill_normals(seed, Stream::ForwardNoise, 0, 0, &mut draws);
    draws.iter().map(|draw| (mean + deviation * draw) as f32).collect()
}

/// Every parameter of a graph, none of them special: weights N(0, 1 / inputs), biases N(0, 0.3²), the scales of
/// norms N(1, 0.3²).
pub struct RandomParameters {
    by_name: BTreeMap<String, Vec<f32>>,
}

impl RandomParameters {
    /// The parameters of `graph`.
    pub fn new(graph: &Graph, seed: u64) -> Self {
        let by_name = graph.params.iter().zip(1..).map(|(param, ix)| {
            let inputs: usize = param.shape[1..].iter().product();
            let (mean, deviation) = match (param.shape.len(), param.name.ends_with(".weight")) {
                (1, true) => (1.0, 0.3),
                (1, false) => (0.0, 0.3),
                _ => (0.0, 1.0 / (inputs as f64).sqrt()),
            };
            let count = param.shape.iter().product();
            (param.name.clone(), normals(seed << 16 | ix, count, mean, deviation))
        });
        Self { by_name: by_name.collect() }
    }

    /// The same with the elements of one parameter multiplied.
    pub fn scaled(mut self, name: &str, factor: f32) -> Self {
        let data = self.by_name.get_mut(name).unwrap_or_else(|| panic!("no parameter {name}"));
        data.iter_mut().for_each(|value| *value *= factor);
        self
    }
}

impl Parameters for RandomParameters {
    fn read(&self, name: &str) -> Result<Cow<'_, [f32]>> {
        let data = self.by_name.get(name).ok_or_else(|| Error::load(format!("no parameter {name}")))?;
        Ok(Cow::Borrowed(data))
    }
}
