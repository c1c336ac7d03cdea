//! The slope of a loss measured, along one parameter or the input at a time.

use std::collections::BTreeMap;

use ddpm::graph::Graph;
use ddpm::rng::{Stream, word_block};

use crate::compare::{assert_fails, assert_max_abs};
use crate::reference::random::{RandomParameters, normals};
use crate::reference::{Gradients, SAMPLE, Twin};

/// Of a step along a direction of length 1. The formula's own error is of the order of STEP⁴; what rounding adds is
/// 1e-16 / STEP.
const STEP: f64 = 3e-4;

/// Slope against gradient, in units of ‖gradient of the tensor‖ + 1e-3·‖all gradients‖.
const TOLERANCE: f64 = 1e-8;

/// A network, what it is fed, and how closely it is looked at.
pub struct Case {
    pub name: String,
    pub graph: Graph,
    /// Random directions for each tensor.
    pub directions: u32,
    /// Single elements of each tensor.
    pub elements: u32,
    /// Dropout's seed and first sample.
    pub training: Option<(u64, u32)>,
    /// Of the input, N(0, deviation²).
    pub deviation: f64,
    pub batch: u32,
}

impl Case {
    /// Random parameters and inputs, and as the loss a random linear function of the output.
    pub fn new(name: String, graph: Graph, batch: u32) -> Self {
        Self { name, graph, directions: 2, elements: 6, training: None, deviation: 1.0, batch }
    }

    /// Asserts that the twin's gradients are the slopes of its loss.
    pub fn check(&self) {
        self.assert_slopes(&Point::new(self).gradients().by_name());
    }

    /// Asserts that wrong gradients would be seen: in turn, of each tensor that has any, a ten-thousandth too much and
    /// none at all.
    pub fn check_that_wrong_gradients_are_seen(&self) {
        let right = Point::new(self).gradients().by_name();
        self.assert_slopes(&right);
        for name in right.keys().filter(|name| norm(&right[*name]) > 1e-3) {
            for factor in [1.0001, 0.0] {
                let mut wrong = right.clone();
                wrong.get_mut(name).expect(name).iter_mut().for_each(|g| *g *= factor);
                assert_fails(&format!("{name} · {factor}"), || self.assert_slopes(&wrong));
            }
        }
    }

    fn assert_slopes(&self, gradients: &BTreeMap<String, Vec<f64>>) {
        let all = norm(&gradients.values().flatten().copied().collect::<Vec<_>>());
        let mut point = Point::new(self);
        let (mut slopes, mut expected) = (Vec::new(), Vec::new());
        for (ix, (name, gradient)) in gradients.iter().enumerate() {
            for direction in self.directions_of(ix as u64, gradient.len()) {
                let product: f64 = gradient.iter().zip(&direction).map(|(g, d)| g * d).sum();
                let unit = norm(gradient) + 1e-3 * all;
                slopes.push(point.slope(name, &direction) / unit);
                expected.push(product / unit);
            }
        }
        assert_max_abs(&format!("slopes of {}", self.name), &slopes, &expected, TOLERANCE);
    }

    /// Directions of length 1 among `count` elements: random ones, then single elements.
    fn directions_of(&self, tensor_ix: u64, count: usize) -> Vec<Vec<f64>> {
        let random = (0..u64::from(self.directions)).map(|i| {
            let draws = normals(tensor_ix << 8 | i, count, 0.0, 1.0);
            let direction: Vec<f64> = draws.iter().map(|&draw| draw.into()).collect();
            let length = norm(&direction);
            direction.iter().map(|d| d / length).collect()
        });
        // Every one of a few, or a draw.
        let all = count <= self.elements as usize;
        let single = (0..self.elements.min(count as u32)).map(|i| {
            let drawn = word_block(tensor_ix, Stream::DataOrder, 0, 0, i)[0] as usize % count;
            let mut direction = vec![0.0; count];
            direction[if all { i as usize } else { drawn }] = 1.0;
            direction
        });
        random.chain(single).collect()
    }
}

/// A twin and its input, to be moved.
struct Point<'a> {
    twin: Twin<'a>,
    x: Vec<f64>,
    timesteps: Vec<u32>,
    labels: Option<Vec<u32>>,
    /// The loss is output · d_output.
    d_output: Vec<f64>,
}

impl<'a> Point<'a> {
    fn new(case: &'a Case) -> Self {
        let (graph, batch) = (&case.graph, case.batch);
        let mut twin = Twin::new(graph, &RandomParameters::new(graph, 2));
        if let Some((seed, first_sample)) = case.training {
            twin = twin.training(seed, first_sample);
        }
        let draws = |seed, id, deviation| -> Vec<f64> {
            let tensor = graph.tensor(id);
            let count = (batch * tensor.pixels() * tensor.channels()) as usize;
            normals(seed, count, 0.0, deviation).iter().map(|&draw| draw.into()).collect()
        };
        Self {
            twin,
            x: draws(1, graph.input(), case.deviation),
            timesteps: (0..batch).map(|n| [37, 0, 999][n as usize % 3]).collect(),
            labels: graph.num_classes.map(|classes| (0..batch).map(|n| (2 * n + 1) % classes).collect()),
            d_output: draws(3, graph.output(), 1.0),
        }
    }

    fn values_mut(&mut self, tensor: &str) -> &mut [f64] {
        if tensor == SAMPLE { &mut self.x } else { self.twin.parameter_mut(tensor) }
    }

    fn loss(&self) -> f64 {
        let output = self.twin.predict(&self.x, &self.timesteps, self.labels.as_deref());
        output.iter().zip(&self.d_output).map(|(output, d)| output * d).sum()
    }

    fn gradients(&self) -> Gradients {
        self.twin.gradients(&self.x, &self.timesteps, self.labels.as_deref(), &self.d_output)
    }

    /// The slope of the loss L where `tensor` moves along `direction`, by central differences of fourth order:
    /// (8 (L(h) − L(−h)) − (L(2h) − L(−2h))) / 12h.
    fn slope(&mut self, tensor: &str, direction: &[f64]) -> f64 {
        let origin = self.values_mut(tensor).to_vec();
        let mut loss_at = |distance: f64| {
            let moved = origin.iter().zip(direction).map(|(value, d)| value + distance * d);
            self.values_mut(tensor).iter_mut().zip(moved).for_each(|(value, moved)| *value = moved);
            self.loss()
        };
        let near = loss_at(STEP) - loss_at(-STEP);
        let far = loss_at(2.0 * STEP) - loss_at(-2.0 * STEP);
        self.values_mut(tensor).copy_from_slice(&origin);
        (8.0 * near - far) / (12.0 * STEP)
    }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}
