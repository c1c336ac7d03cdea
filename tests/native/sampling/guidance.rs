//! Chains under labels and under classifiers.

use ddpm::checkpoint::{Checkpoint, folder};
use ddpm::diffusion::PredNoise;
use ddpm::gpu::{Binding, Call, GpuContext, KernelKey, Params, ParamsLayout, Plan, Recorder, Shader};
use ddpm::sampler::{Conditioning, GuideBuffers, Method, Sampler, SamplerOptions, run};

use super::super::compare::{assert_fails, assert_max_abs, max_abs};
use super::super::fixtures::path;
use super::super::gpu::{block_on, cpu, devices};
use super::super::refusal::assert_refused;

const DDIM: Method = Method::Ddim { eta: 0.0, pred_noise: PredNoise::FromClippedXStart };

fn classes() -> Checkpoint {
    let mut checkpoint = folder::load(path("unet/classes16")).expect("a checkpoint");
    checkpoint.metadata.null_class = Some(0);
    checkpoint
}

fn sampled(mut sampler: Sampler) -> Vec<f32> {
    run(&mut sampler, None, |_| ()).expect("a chain");
    block_on(sampler.read_view(0)).expect("pictures")
}

/// w = 0 and w = 1 evaluate one branch and are its chain, to the last bit; others evaluate both.
#[test]
fn guidance_of_0_and_1_is_one_branch_exactly() {
    let checkpoint = classes();
    for gpu in devices() {
        let of = |label, guidance| {
            let conditioning = Conditioning { label, guidance };
            let options =
                SamplerOptions { count: 2, seed: 3, steps: 6, conditioning, ..SamplerOptions::default() };
            sampled(Sampler::new(gpu, &checkpoint, &options).expect("a chain"))
        };
        let (null, label) = (of(None, None), of(Some(2), None));
        assert_eq!(of(Some(2), Some(0.0)), null);
        assert_eq!(of(Some(2), Some(1.0)), label);
        assert!(max_abs(&null, &label) > 1e-3, "the label changes nothing");
        // Between the two lie those of both branches; next to the ends, next to them.
        let nearly = of(Some(2), Some(1.0 - 1e-6));
        assert_max_abs("w just below 1", &nearly, &label, 1e-3);
        let strong = of(Some(2), Some(3.0));
        assert_fails("w = 3", || assert_max_abs("w = 3", &strong, &label, 1e-3));
    }
}

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct PullParams {
    words: u32,
    pad0: u32,
    strength: f32,
    goal: f32,
}

impl Params for PullParams {
    const LAYOUT: ParamsLayout = ParamsLayout {
        name: "PullParams",
        size: 16,
        fields: &[("words", 0), ("pad0", 4), ("strength", 8), ("goal", 12)],
    };
}

/// ∇ ln p(y | x) of a classifier that likes `goal`: strength · (goal − x).
static PULL: Shader = Shader {
    name: "pull",
    source: include_str!("../shaders/pull.wgsl"),
    params: PullParams::LAYOUT,
    bindings: &[("x", Binding::Read), ("gradient", Binding::ReadWrite)],
    entry_points: &["pull"],
    consts: &[],
    host: &[pull_on_the_processor],
};

/// The same for the processor.
fn pull_on_the_processor(call: &mut Call<'_>) {
    let params: PullParams = call.params();
    let x = call.read(0);
    for (gradient, x) in call.write(1).iter_mut().zip(x).take(params.words as usize) {
        *gradient = params.strength * (params.goal - x);
    }
}

fn pull(gpu: &GpuContext, buffers: &GuideBuffers<'_>, strength: f32) -> ddpm::error::Result<Plan> {
    let words = buffers.count * buffers.tensor.pixels() * buffers.tensor.quads() * 4;
    let mut rec = Recorder::new(gpu);
    let params = PullParams { words, pad0: 0, strength, goal: 1.0 };
    let args = [buffers.x.into(), buffers.gradient.into()];
    rec.dispatch("pull", KernelKey::new(&PULL, "pull"), &params, &args, [words.div_ceil(64), 1, 1])?;
    Ok(rec.finish())
}

fn mean(x: &[f32]) -> f32 {
    x.iter().sum::<f32>() / x.len() as f32
}

/// A classifier on the GPU and the same on the host lead the same way, and away from where the chain goes alone.
#[test]
fn chains_follow_a_classifier() {
    let checkpoint = folder::load(path("unet/grey28")).expect("a checkpoint");
    for gpu in devices() {
        for (method, strength) in [(Method::Ddpm, 0.5), (DDIM, 0.1)] {
            let options = SamplerOptions { count: 2, seed: 9, steps: 8, method, ..SamplerOptions::default() };
            let guided = |strength| {
                let chain =
                    Sampler::guided(gpu, &checkpoint, &options, |buffers| pull(gpu, buffers, strength));
                sampled(chain.expect("a chain"))
            };
            let alone = sampled(Sampler::new(gpu, &checkpoint, &options).expect("a chain"));
            assert_max_abs("a classifier without a preference", &guided(0.0), &alone, 1e-4);
            let on_the_gpu = guided(strength);
            let (before, after) = (mean(&alone), mean(&on_the_gpu));
            println!("{method:?}: the mean was {before:.3}, and is {after:.3} for a classifier that likes 1");
            assert!(after > before + 0.01);

            let mut host =
                Sampler::guided(gpu, &checkpoint, &options, |_| Ok(Plan::default())).expect("a chain");
            while host.t().is_some() {
                let x = block_on(host.read_view(0)).expect("x_t");
                let gradient: Vec<f32> = x.iter().map(|x| strength * (1.0 - x)).collect();
                host.write_gradient(&gradient).expect("a gradient");
                let mut encoder = gpu.encoder();
                host.step(&mut encoder);
                gpu.submit(encoder);
            }
            let on_the_host = block_on(host.read_view(0)).expect("pictures");
            assert_max_abs("host and GPU", &on_the_host, &on_the_gpu, 1e-4);
        }
    }
}

#[test]
fn gradients_that_do_not_fit_are_refused() {
    let checkpoint = folder::load(path("unet/grey28")).expect("a checkpoint");
    let options = SamplerOptions { steps: 4, ..SamplerOptions::default() };
    let alone = Sampler::new(cpu(), &checkpoint, &options).expect("a chain");
    assert_refused(alone.write_gradient(&[0.0; 784]), &["no classifier"]);
    let guided = Sampler::guided(cpu(), &checkpoint, &options, |_| Ok(Plan::default())).expect("a chain");
    assert_refused(guided.write_gradient(&[0.0; 783]), &["784", "783"]);
    guided.write_gradient(&[0.0; 784]).expect("a gradient");
}
