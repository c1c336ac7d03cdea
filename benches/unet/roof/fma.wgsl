// What the arithmetic units do at best: x = x · a + b, over and over, in registers.
//
// out   [invocations] vec4; written (=), so that nothing can be left out
// One invocation of 64 a workgroup: eight chains, none of which waits for another. `fused` asks for one rounding, `separate`
// leaves that to the compiler; which is the faster depends on the driver.

struct Fma {
    iterations: u32,
    a: f32,
    b: f32,
    pad: u32,
}

@group(0) @binding(0) var<uniform> params: Fma;
@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(64)
fn fused(@builtin(global_invocation_id) id: vec3<u32>) {
    let a = vec4(params.a);
    let b = vec4(params.b);
    var x = vec4(f32(id.x));
    var y = x + 1.0;
    for (var i = 0u; i < params.iterations; i += 8u) {
        x = fma(x, a, b);
        y = fma(y, a, b);
        x = fma(x, a, b);
        y = fma(y, a, b);
        x = fma(x, a, b);
        y = fma(y, a, b);
        x = fma(x, a, b);
        y = fma(y, a, b);
        x = fma(x, a, b);
        y = fma(y, a, b);
        x = fma(x, a, b);
        y = fma(y, a, b);
        x = fma(x, a, b);
        y = fma(y, a, b);
        x = fma(x, a, b);
        y = fma(y, a, b);
    }
    out[id.x] = x + y;
}

@compute @workgroup_size(64)
fn separate(@builtin(global_invocation_id) id: vec3<u32>) {
    let a = vec4(params.a);
    let b = vec4(params.b);
    var x = vec4(f32(id.x));
    var y = x + 1.0;
    for (var i = 0u; i < params.iterations; i += 8u) {
        x = x * a + b;
        y = y * a + b;
        x = x * a + b;
        y = y * a + b;
        x = x * a + b;
        y = y * a + b;
        x = x * a + b;
        y = y * a + b;
        x = x * a + b;
        y = y * a + b;
        x = x * a + b;
        y = y * a + b;
        x = x * a + b;
        y = y * a + b;
        x = x * a + b;
        y = y * a + b;
    }
    out[id.x] = x + y;
}
