//! What a plan's steps take, by the GPU's clock.

use std::time::Instant;

use ddpm::checkpoint::folder;
use ddpm::gpu::{KernelKey, Plan, Recorder, StepTime};
use ddpm::ops::{SHADERS, advance};
use ddpm::sampler::{Sampler, SamplerOptions};

use super::fixtures::path;
use super::gpu::{block_on, gpu};

fn profile(plan: &Plan) -> Vec<StepTime> {
    block_on(plan.profile(gpu()))
        .expect("a profile")
        .expect("timestamps: every adapter that tests run on has them")
}

#[test]
fn a_profile_names_and_times_every_step_of_a_plan() {
    let options = SamplerOptions { count: 1, ..SamplerOptions::default() };
    let reference =
        folder::load(path("checkpoints/fashion-mnist-reference")).expect("the reference checkpoint");
    let sampler = Sampler::new(gpu(), &reference, &options).expect("a chain");
    let begin = Instant::now();
    let steps = profile(sampler.plan());
    let wall = begin.elapsed().as_secs_f64();
    let dispatches: Vec<&str> =
        steps.iter().filter(|step| step.bytes.is_none()).map(|step| step.label.as_str()).collect();
    assert_eq!(dispatches, sampler.plan().labels().collect::<Vec<_>>());
    let total: f64 = steps.iter().map(|step| step.seconds).sum();
    assert!(0.0 < total && total < wall, "{total} s of GPU time within {wall} s");
    let advance = KernelKey::new(&advance::ADVANCE, "advance").name();
    assert!(steps.iter().any(|step| step.kernel == advance), "no {advance}");
}

#[test]
fn twice_the_work_takes_longer() {
    let time = |copies: u64| {
        let words = 1 << 20;
        let mut rec = Recorder::new(gpu());
        for _ in 0..copies {
            let buffer = gpu().buffer("zeroed", words).expect("a buffer");
            rec.clear(&buffer);
        }
        let plan = rec.finish();
        profile(&plan);
        let steps = profile(&plan);
        assert!(steps.iter().all(|step| step.kernel == "clear" && step.bytes == Some(4 * words)));
        steps.iter().map(|step| step.seconds).sum::<f64>()
    };
    let (few, many) = (time(2), time(64));
    assert!(many > few, "{many} s for 64 buffers, {few} s for 2");
}

#[test]
fn a_kernels_name_tells_its_consts() {
    assert_eq!(KernelKey::new(&advance::ADVANCE, "advance").name(), "advance");
    let shader = *SHADERS.iter().find(|shader| shader.name == "conv2d").expect("conv2d");
    let key = KernelKey { shader, entry_point: "conv2d", consts: [64, 0] };
    assert_eq!(key.name(), "conv2d TILE=64");
}
