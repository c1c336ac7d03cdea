//! All that a training run needs to go on.

use std::collections::HashMap;

use crate::ops::store::{Array, Named};

/// What the arrays of a [`TrainState`] are, in their order, as prefixes of tensors' names in files.
pub const TENSORS: [&str; 4] = ["parameters", "first_moment", "second_moment", "average"];

/// The same on the GPU.
pub(super) const ARRAYS: [Array; 4] =
    [Array::Values, Array::FirstMoment, Array::SecondMoment, Array::Average];

/// A trainer's numbers between two steps: 16 bytes a parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainState {
    /// Steps done.
    pub steps_done: u32,
    /// For each of [`TENSORS`]: every parameter's name and elements, in the checkpoint's order.
    pub arrays: Vec<Vec<(String, Vec<f32>)>>,
}

/// One array by name.
pub(super) fn named(values: &[(String, Vec<f32>)]) -> Named<'_> {
    let named: HashMap<&str, &[f32]> = values.iter().map(|(name, v)| (name.as_str(), v.as_slice())).collect();
    Named(named)
}
