//! The noise that shaders draw: words and normals against the fixture and the host. `build.sh test` runs these on a second
//! adapter too, the software Vulkan that Chromium brings.

use ddpm::gpu::{Binding, KernelKey, Params, ParamsLayout, Recorder, Shader};
use ddpm::rng::{Stream, normal_block};
use serde_json::Value;

use super::compare::{assert_fails, assert_max_abs};
use super::fixtures;
use super::gpu::{block_on, gpu};
use super::normality::assert_standard_normal;

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
    }
}

#[test]
fn a_million_normals_of_a_shader_are_the_hosts_and_normal() {
    let (_, normals) = draw(7, Stream::ReverseNoise as u32, 3, 5, BLOCKS);
    let host: Vec<f64> = (0..BLOCKS).flat_map(|b| normal_block(7, Stream::ReverseNoise, 3, 5, b)).collect();
    let name = format!("{}: {} normals", gpu().adapter().name, normals.len());
    assert_max_abs(&name, &normals, &host, TOLERANCE);
    assert_fails("a wrong answer", || {
        assert_max_abs(&name, &normals[1..], &host[..host.len() - 1], TOLERANCE)
    });
    let draws: Vec<f64> = normals.iter().map(|&x| f64::from(x)).collect();
    assert_standard_normal(&name, &draws);
}
