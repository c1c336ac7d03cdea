// The sinusoidal embedding of the timestep, as diffusers' get_timestep_embedding has it: with half = ⌊dim / 2⌋
//
//     out[row] = [sin(t·ω_i) for i < half, cos(t·ω_i) for i < half]    (flip: the cosines first)
//     ω_i = 10000^(−i / (half − freq_shift)),  t = timesteps[row]
//
// and a 0 at the end where dim is odd.
//
// frequencies: [half] u32, ω_i in turns·2^32 (rounded from f64), so that t·ω_i wraps as the angle does and is
//    right to t·2^-33 turns.
// timesteps: [rows] u32.
// out: [rows][stride] f32; written with `=`, from dim on with 0.
// One invocation: one float of out. Dispatch: (⌈stride / 64⌉, rows, 1).

//#import turns

struct TimestepEmbedding {
    // Length of the embedding.
    dim: u32,
    half: u32,
    // 1: the cosines first (flip_sin_to_cos).
    flip: u32,
    rows: u32,
    // Floats of a row of out, dim or more.
    stride: u32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(0) var<uniform> params: TimestepEmbedding;
@group(0) @binding(1) var<storage, read> frequencies: array<u32>;
@group(0) @binding(2) var<storage, read> timesteps: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn timestep_embedding(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.y;
    let column = id.x;
    if column >= params.stride || row >= params.rows {
        return;
    }
    var value = 0.0;
    if column < 2u * params.half {
        let cos_sin = cos_sin_turns(timesteps[row] * frequencies[column % params.half]);
        let is_cosine = (column < params.half) == (params.flip == 1u);
        value = select(cos_sin.y, cos_sin.x, is_cosine);
    }
    out[row * params.stride + column] = value;
}
