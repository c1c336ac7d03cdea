// silu(x) = x · sigmoid(x). The exponent is bounded, so that no intermediate is infinite.
fn silu(x: vec4<f32>) -> vec4<f32> {
    return x / (1.0 + exp(min(-x, vec4<f32>(80.0))));
}

// silu'(x) = σ · (1 + x · (1 − σ)), σ = sigmoid(x).
fn silu_derivative(x: vec4<f32>) -> vec4<f32> {
    let sigmoid = 1.0 / (1.0 + exp(min(-x, vec4<f32>(80.0))));
    return sigmoid * (1.0 + x * (1.0 - sigmoid));
}
