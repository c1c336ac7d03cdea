//! The reverse executor: a recording backwards, every operation by its gradient.

use std::collections::BTreeMap;

use super::Twin;

/// Gradients of a loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// Of every parameter by its name, in the checkpoint's order of elements, summed over the samples.
    pub parameters: BTreeMap<String, Vec<f64>>,
    /// Of the network's input: [N, C, H, W].
    pub sample: Vec<f64>,
}

impl Gradients {
    /// All of them by name, the input's as `__sample__`: what `ddpm debug gradients` writes, and the fixtures hold.
    pub fn by_name(mut self) -> BTreeMap<String, Vec<f64>> {
        self.parameters.insert("__sample__".to_owned(), self.sample);
        self.parameters
    }
}

impl Twin<'_> {
    /// The gradients of a loss whose gradient by the network's output is d_output: [N, C', H', W'].
    ///
    /// x: [N, C, H, W] (f32, or f64 for finite differences), a timestep a sample and, if it reads them, labels.
    pub fn gradients<X: Copy + Into<f64>>(
        &self,
        x: &[X],
        timesteps: &[u32],
        labels: Option<&[u32]>,
        d_output: &[f64],
    ) -> Gradients {
        todo!("{} {} {} {}", x.len(), timesteps.len(), labels.is_some(), d_output.len())
    }
}
