//! The noise that devices draw: words and normals against the fixture and the host. `build.sh test` runs these on a second
//! adapter too, the software Vulkan that Chromium brings.

use ddpm::gpu::{Binding, GpuContext, KernelKey, Params, ParamsLayout, Recorder, Shader};
use ddpm::graph::Tensor;
use ddpm::ops::chain::{Chain, Picture};
use ddpm::ops::{draw_timesteps, normals as normals_op, to_channels_first};
use ddpm::rng::{Stream, normal_block, word_block};
use serde_json::Value;

use super::compare::{assert_fails, assert_max_abs};
use super::fixtures;
use super::gpu::{block_on, cpu, devices, gpu};
use super::normality::assert_standard_normal;
use super::rng::STREAMS;

/// Blocks of four that are drawn for the statistics: a million normals.
const BLOCKS: u32 = 1 << 18;
/// |Δ| of a shader's normal against f64: a tenth of what the design allows, so that a lost bit shows.
const TOLERANCE: f64 = 1.5e-6;

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct RngProbe {
    count: u32,
    first_block: u32,
    t: u32,
    sample: u32,
    stream: u32,
    seed_lo: u32,
    seed_hi: u32,
    phase_step: u32,
}

impl Params for RngProbe {
    const LAYOUT: ParamsLayout = ParamsLayout {
        name: "RngProbe",
        size: 32,
        fields: &[
            ("count", 0),
            ("first_block", 4),
            ("t", 8),
            ("sample", 12),
            ("stream", 16),
            ("seed_lo", 20),
            ("seed_hi", 24),
            ("phase_step", 28),
        ],
    };
}

static RNG_PROBE: Shader = Shader {
    name: "rng_probe",
    source: include_str!("shaders/rng_probe.wgsl"),
    params: RngProbe::LAYOUT,
    bindings: &[("words", Binding::ReadWrite), ("normals", Binding::ReadWrite)],
    entry_points: &["draw_blocks", "cos_sin"],
    consts: &[],
    host: &[],
};

/// Words and normals of `count` blocks from block 0 on.
fn draw(seed: u64, stream: u32, t: u32, sample: u32, count: u32) -> (Vec<u32>, Vec<f32>) {
    let words = gpu().buffer("words", u64::from(count) * 4).expect("memory");
    let normals = gpu().buffer("normals", u64::from(count) * 4).expect("memory");
    let params = RngProbe {
        count,
        first_block: 0,
        t,
        sample,
        stream,
        seed_lo: seed as u32,
        seed_hi: (seed >> 32) as u32,
        phase_step: 0,
    };
    let mut recorder = Recorder::new(gpu());
    let key = KernelKey::new(&RNG_PROBE, "draw_blocks");
    let groups = [count.div_ceil(64), 1, 1];
    recorder.dispatch("draw", key, &params, &[(&words).into(), (&normals).into()], groups).expect("recorded");
    recorder.finish().submit(gpu());
    (block_on(gpu().read(&words)).expect("words"), block_on(gpu().read(&normals)).expect("normals"))
}

/// The same normals as a picture of noise: the kernel that draws x_T.
fn draw_x_t(gpu: &GpuContext, seed: u64, stream: u32, t: u32, sample: u32, count: u32) -> Vec<f32> {
    let tensor = Tensor { name: "x".into(), height: 1, width: count, segments: vec![4] };
    let picture =
        Picture { plane: count, channels: 4, stride: 4, samples: 1, copies: 1, shared_noise: false };
    let stream = STREAMS.into_iter().find(|known| *known as u32 == stream).expect("a stream");
    let chain = gpu.buffer_with("chain", &[Chain::new(0, seed, sample)]).expect("memory");
    let x = gpu.buffer("x", 4 * u64::from(count)).expect("memory");
    let mut recorder = Recorder::new(gpu);
    normals_op::record(&mut recorder, &picture, stream, t, &chain, &x).expect("recorded");
    recorder.finish().submit(gpu);
    to_channels_first(&tensor, &block_on(gpu.read(&x)).expect("normals"))
}

fn numbers(json: &Value) -> Vec<f64> {
    json.as_array().expect("a list").iter().map(|n| n.as_f64().expect("a number")).collect()
}

#[test]
fn shaders_draw_the_fixtures_words_and_normals() {
    let fixture = fixtures::json("rng.json");
    for case in fixture["cases"].as_array().expect("cases") {
        let seed: u64 = case["seed"].as_str().expect("a seed").parse().expect("64 bits");
        let [t, sample, stream] = ["t", "sample", "stream"].map(|key| case[key].as_u64().expect(key) as u32);
        let want_words = numbers(&case["words"]);
        let want = numbers(&case["normals"]);
        let count = want.len().div_ceil(4) as u32;
        let (words, normals) = draw(seed, stream, t, sample, count);
        let name = format!("{}: seed {seed}, t {t}, sample {sample}, stream {stream}", gpu().adapter().name);
        let words: Vec<f64> = words.iter().map(|&w| f64::from(w)).collect();
        assert_eq!(words[..want_words.len()], want_words, "{name}");
        assert_max_abs(&name, &normals[..want.len()], &want, TOLERANCE);
        for gpu in devices() {
            let name = format!("{name}, as x_T on {}", gpu.adapter().name);
            let found = draw_x_t(gpu, seed, stream, t, sample, count);
            assert_max_abs(&name, &found[..want.len()], &want, TOLERANCE);
        }
    }
}

/// As timesteps of 2^32 − 1: what is left of a word that way is the word less one.
#[test]
fn devices_draw_the_hosts_words() {
    for gpu in devices() {
        for (seed, first) in [(0, 0), (7, 5), (0xdead_beef_0123_4567, u32::MAX - 100)] {
            let chain = gpu.buffer_with("chain", &[Chain::new(0, seed, first)]).expect("memory");
            let timesteps = gpu.buffer("timesteps", 1000).expect("memory");
            let mut recorder = Recorder::new(gpu);
            draw_timesteps::record(&mut recorder, 1000, u32::MAX, &chain, &timesteps).expect("recorded");
            recorder.finish().submit(gpu);
            let found: Vec<u32> = block_on(gpu.read(&timesteps)).expect("words");
            let word = |n: u32| word_block(seed, Stream::Timestep, 0, first.wrapping_add(n), 0)[0];
            let want: Vec<u32> = (0..1000).map(|n| word(n).saturating_sub(1)).collect();
            assert_eq!(found, want, "{}: seed {seed}, from {first}", gpu.adapter().name);
        }
    }
}

#[test]
fn a_million_normals_are_the_hosts_and_normal() {
    let stream = Stream::ReverseNoise;
    let host: Vec<f64> = (0..BLOCKS).flat_map(|b| normal_block(7, stream, 3, 5, b)).collect();
    let (_, of_a_shader) = draw(7, stream as u32, 3, 5, BLOCKS);
    let of_the_processor = draw_x_t(cpu(), 7, stream as u32, 3, 5, BLOCKS);
    for (gpu, normals) in devices().into_iter().zip([of_a_shader, of_the_processor]) {
        let name = format!("{}: {} normals", gpu.adapter().name, normals.len());
        assert_max_abs(&name, &normals, &host, TOLERANCE);
        assert_fails("a wrong answer", || {
            assert_max_abs(&name, &normals[1..], &host[..host.len() - 1], TOLERANCE)
        });
        let draws: Vec<f64> = normals.iter().map(|&x| f64::from(x)).collect();
        assert_standard_normal(&name, &draws);
    }
}
