// silu(x) = x · sigmoid(x). The exponent is bounded, so that no intermediate is infinite.
fn silu(x: vec4<f32>) -> vec4<f32> {
    return x / (1.0 + exp(min(-x, vec4<f32>(80.0))));
}
