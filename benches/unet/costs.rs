//! What each kernel of a plan has to do, told from the network's description: FLOPs counted as direct convolutions, or the
//! bytes that must go through memory at least.

use std::collections::HashMap;

use ddpm::gpu::StepTime;
use ddpm::graph::{Conv2d, Graph, Op, TensorId};

/// What a step of a plan does.
#[derive(Clone, Copy, PartialEq)]
pub enum Work {
    Flop(f64),
    Bytes(f64),
}

/// The kernels of one operation that together do its FLOPs.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Product {
    Convolution,
    WeightGradient,
    Attention,
}

/// A network in a plan.
pub struct Costs<'a> {
    graph: &'a Graph,
    batch: f64,
    ops: HashMap<&'a str, &'a Op>,
}

impl<'a> Costs<'a> {
    /// Of `graph` for `batch` pictures.
    pub fn new(graph: &'a Graph, batch: u32) -> Self {
        let label = |op: &'a Op| match op {
            Op::Conv2d(Conv2d { layers, .. }) => graph.layer_name(&layers[0]),
            Op::GroupNorm { layer, .. } => graph.layer_name(layer),
            _ => graph.tensor(op.out()).name.as_str(),
        };
        let ops = graph.ops.iter().map(|op| (label(op), op)).collect();
        Self { graph, batch: f64::from(batch), ops }
    }

    /// The work of each of `steps`, where it is known. An operation's FLOPs are divided among the dispatches that do them
    /// together by the time each takes.
    pub fn work(&self, steps: &[StepTime], backward: bool) -> Vec<Option<Work>> {
        let mut seconds: HashMap<(Product, &str), f64> = HashMap::new();
        for step in steps {
            if let Some(product) = product(&step.kernel) {
                *seconds.entry((product, &step.label)).or_default() += step.seconds;
            }
        }
        let work = |step: &StepTime| match product(&step.kernel) {
            Some(product) => {
                // Two products forward; for each, one with either operand's gradient.
                let passes = if product == Product::Attention && backward { 2.0 } else { 1.0 };
                let flop = passes * self.flop(self.ops.get(step.label.as_str())?);
                Some(Work::Flop(flop * step.seconds / seconds[&(product, step.label.as_str())]))
            }
            None => self.alone(step),
        };
        steps.iter().map(work).collect()
    }

    /// Of a kernel that does its work alone.
    fn alone(&self, step: &StepTime) -> Option<Work> {
        if let Some(bytes) = step.bytes {
            return Some(Work::Bytes(bytes as f64));
        }
        let op = self.ops.get(step.label.as_str()).copied();
        let (inputs, output) = (op.map(|op| self.bytes(&op.inputs())), op.map(|op| self.bytes(&[op.out()])));
        let parameters = 4.0 * self.graph.num_parameters() as f64;
        let bytes = match step.kernel.as_str() {
            "linear"
            | "linear_gradient::linear_weight_gradient"
            | "linear_gradient::linear_input_gradient" => return Some(Work::Flop(self.flop(op?))),
            "group_norm::stats" => inputs?,
            "group_norm::apply" | "group_norm_gradient::sums" => inputs? + output?,
            "group_norm_gradient::input" => 2.0 * inputs? + output?,
            "softmax" => 2.0 * self.scores(op?)?,
            "softmax::softmax_backward" => 3.0 * self.scores(op?)?,
            // Gradients, moments, average and values; all but the gradients are written too.
            "adam" => 9.0 * parameters,
            "gradient_norm::squares" => parameters,
            _ => return None,
        };
        Some(Work::Bytes(bytes))
    }

    fn flop(&self, op: &Op) -> f64 {
        self.batch * self.graph.flops_of(op) as f64
    }

    fn bytes(&self, tensors: &[TensorId]) -> f64 {
        let quads = |&id: &TensorId| {
            let tensor = self.graph.tensor(id);
            f64::from(tensor.pixels()) * f64::from(tensor.quads())
        };
        16.0 * self.batch * tensors.iter().map(quads).sum::<f64>()
    }

    fn scores(&self, op: &Op) -> Option<f64> {
        let Op::Attention { qkv, heads, .. } = op else { return None };
        Some(4.0 * self.batch * f64::from(*heads) * f64::from(self.graph.tensor(*qkv).pixels()).powi(2))
    }
}

fn product(kernel: &str) -> Option<Product> {
    const STEMS: [(&str, Product); 3] = [
        ("conv2d_weight_gradient", Product::WeightGradient),
        ("conv2d", Product::Convolution),
        ("matmul", Product::Attention),
    ];
    STEMS.iter().find(|(stem, _)| kernel.starts_with(stem)).map(|(_, product)| *product)
}
