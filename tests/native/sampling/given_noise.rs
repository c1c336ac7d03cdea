//! A kernel that draws noise, with that noise given to it: its own text, but `normal_block` reads one more binding.

use ddpm::gpu::{Binding, Shader};

const GIVEN: &str = "
fn normal_block(key: vec2<u32>, noise_stream: u32, t: u32, sample: u32, block_ix: u32) -> vec4<f32> {
    let first = 4u * block_ix;
    let start = (chain.step * params.samples + sample - chain.first_sample) * params.elements + first;
    var drawn = vec4<f32>(0.0);
    for (var i = 0u; i < min(4u, params.elements - first); i++) {
        drawn[i] = given[start + i];
    }
    return drawn;
}
";

/// `shader` with a last binding `given`, `[steps, samples, C·H·W]`: the noise of each step and sample.
pub fn with_given_noise(shader: &Shader) -> &'static Shader {
    let without = shader.source.replace("//#import normal\n", "\n");
    assert_ne!(without, shader.source, "{} draws no noise", shader.name);
    let binding = shader.bindings.len() + 1;
    let declared = format!("@group(0) @binding({binding}) var<storage, read> given: array<f32>;\n");
    let bindings = [shader.bindings, &[("given", Binding::Read)]].concat();
    Box::leak(Box::new(Shader {
        name: format!("{}, noise given", shader.name).leak(),
        source: (without + GIVEN + &declared).leak(),
        params: shader.params,
        bindings: bindings.leak(),
        entry_points: shader.entry_points,
        consts: shader.consts,
        host: &[],
    }))
}
