// The timesteps of a training batch: t ~ Uniform{0, …, T − 1} (arXiv 2006.11239, Algorithm 1).
//
//     timesteps[n] = ⌊T · word / 2^32⌋, word the first of Philox's (seed, stream 3, t = 0, first_sample + n)
//
// chain: seed and first sample. timesteps: [samples] u32, written with `=`. One invocation a sample.

struct DrawTimesteps {
    samples: u32,
    // T.
    num_timesteps: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: DrawTimesteps;
@group(0) @binding(1) var<storage, read> chain: Chain;
@group(0) @binding(2) var<storage, read_write> timesteps: array<u32>;

const STREAM: u32 = 3u;

@compute @workgroup_size(64)
fn draw_timesteps(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.samples {
        return;
    }
    let counter = vec4<u32>(0u, 0u, chain.first_sample + id.x, STREAM);
    let word = philox4x32_10(counter, vec2<u32>(chain.seed_lo, chain.seed_hi)).x;
    timesteps[id.x] = multiply_wide(word, params.num_timesteps).y;
}

//#import chain
//#import philox
