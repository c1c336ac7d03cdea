//! The optimiser's step, fused with the parameters' moving average: `shaders/adam.wgsl`.

use super::store::{Array, ParameterStore};
use crate::error::Result;
use crate::gpu::{Arg, Binding, Buffer, KernelKey, Params, Recorder, Shader, params, wgsl};

params! {
    /// Settings of the optimiser; the fields are explained in `shaders/adam.wgsl`.
    pub struct Adam {
        /// `vec4`s of this bank.
        count: u32,
        /// Decay of the first moment.
        beta1: f32,
        /// Decay of the second moment.
        beta2: f32,
        /// Numerical epsilon.
        eps: f32,
        /// Decoupled weight decay.
        weight_decay: f32,
        /// 1 − β1.
        rate1: f32,
        /// 1 − β2.
        rate2: f32,
        /// Unused.
        pad: u32,
    }
}

/// What the host tells the optimiser of each step.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct AdamStep {
    /// The learning rate.
    pub learning_rate: f32,
    /// 1 / (1 − β1^k), k counting steps from 1.
    pub first_correction: f32,
    /// 1 / (1 − β2^k).
    pub second_correction: f32,
    /// 1 − the decay of the parameters' moving average.
    pub average_rate: f32,
}

/// `shaders/adam.wgsl`.
pub static ADAM: Shader = Shader {
    name: "adam",
    source: wgsl!("adam"),
    params: Adam::LAYOUT,
    bindings: &[
        ("step", Binding::Read),
        ("factor", Binding::Read),
        ("gradients", Binding::Read),
        ("values", Binding::ReadWrite),
        ("first_moment", Binding::ReadWrite),
        ("second_moment", Binding::ReadWrite),
        ("average", Binding::ReadWrite),
    ],
    entry_points: &["adam"],
    consts: &[],
    host: host!(adam::adam),
};

/// Records a step over all banks; `settings.count` is set here. `step` holds [`AdamStep`], `factor` is the gradients'.
///
/// # Errors
/// If a bank is too large for one dispatch.
pub fn record(
    rec: &mut Recorder<'_>,
    store: &ParameterStore,
    settings: Adam,
    step: &Buffer,
    factor: &Buffer,
) -> Result<()> {
    for bank in store.banks() {
        let params = Adam { count: (bank.words / 4) as u32, ..settings };
        let [gradients, values, first, second, average] =
            [Array::Gradients, Array::Values, Array::FirstMoment, Array::SecondMoment, Array::Average]
                .map(|array| bank.array(array));
        let args = [step, factor, gradients, values, first, second, average].map(Arg::from);
        rec.dispatch_items("adam", KernelKey::new(&ADAM, "adam"), &params, &args, params.count)?;
    }
    Ok(())
}
